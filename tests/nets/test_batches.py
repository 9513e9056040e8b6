import numpy as np
import pytest

from segline.nets.batches import fixed_batches, training_batches
from segline.samples.sampler import Sample


def numbered(epoch, index):
    """A sample that carries its own address."""
    image = np.full((4, 4, 1), 100 * epoch + index, np.float32)
    ones = np.ones((4, 4), np.float32)
    return Sample(image, np.zeros((4, 4), np.uint8), ones, ones / 2)


def addresses(batches):
    return [batch[0][:, 0, 0, 0].astype(int).tolist() for batch in batches.as_numpy_iterator()]


@pytest.mark.parametrize("threads", [1, 4])
def test_order_is_that_of_the_numbers(threads):
    batches = training_batches(
        numbered, crops_per_epoch=5, first_epoch=1, last_epoch=3, threads=threads, batch_size=2
    )
    assert addresses(batches) == [[100, 101], [102, 103], [200, 201], [202, 203]]


def test_an_epoch_may_begin_within():
    batches = training_batches(
        numbered,
        crops_per_epoch=5,
        first_epoch=1,
        first_step=1,
        last_epoch=3,
        threads=1,
        batch_size=2,
    )
    assert addresses(batches) == [[102, 103], [200, 201], [202, 203]]


def test_fixed_batches_keep_every_sample_at_every_pass():
    batches = fixed_batches(numbered, n_samples=5, batch_size=2)
    assert addresses(batches) == addresses(batches) == [[0, 1], [2, 3], [4]]


@pytest.mark.parametrize("distance", [False, True])
def test_targets_and_weights_go_by_output_name(distance):
    def drawn(epoch, index):
        sample = numbered(epoch, index)
        return sample if distance else sample._replace(distance=None)

    batches = fixed_batches(drawn, n_samples=2, batch_size=2)
    _, targets, weights = next(iter(batches.as_numpy_iterator()))
    assert list(targets) == list(weights) == ["classes", "distance"][: 1 + distance]
    assert targets["classes"].dtype == np.uint8
    if distance:
        assert (targets["distance"] == 0.5).all()


def test_classes_of_objects_have_weights_of_their_own():
    inside = np.zeros((4, 4), np.float32)
    inside[1] = 4

    def drawn(epoch, index):
        kinds = np.full((4, 4), 2, np.uint8)
        sample = numbered(epoch, index)
        return sample._replace(distance=None, kinds=kinds, kinds_weight=inside)

    batches = fixed_batches(drawn, n_samples=2, batch_size=2)
    _, targets, weights = next(iter(batches.as_numpy_iterator()))
    assert list(targets) == list(weights) == ["classes", "kinds"]
    assert targets["kinds"].dtype == np.uint8
    assert (targets["kinds"] == 2).all()
    assert np.array_equal(weights["kinds"], [inside, inside])
    assert (weights["classes"] == 1).all()


def test_targets_may_be_channels():
    def drawn(epoch, index):
        sample = numbered(epoch, index)
        return sample._replace(target=np.ones((4, 4, 3), np.uint8), distance=None)

    batches = fixed_batches(drawn, n_samples=2, batch_size=2)
    _, targets, weights = next(iter(batches.as_numpy_iterator()))
    assert targets["classes"].shape == (2, 4, 4, 3)
    assert list(weights) == ["classes"]


def test_an_epoch_shorter_than_a_batch_is_refused():
    with pytest.raises(ValueError, match="crops_per_epoch=1 is less than batch_size=2"):
        training_batches(
            numbered, crops_per_epoch=1, first_epoch=0, last_epoch=1, threads=1, batch_size=2
        )
