import cv2
import numpy as np
import pandas as pd
import pytest

from segline.base.errors import UserError
from segline.config.stages import TaskTable, Training, TrainStage
from segline.config.tables import Weights
from segline.samples.fold import samplers


@pytest.fixture
def table(tmp_path):
    """Two folds of two modalities, whose images are bright or dark all over."""
    rows = []
    for number, (fold, modality) in enumerate([(0, "a"), (0, "b"), (1, "a"), (1, "b")]):
        labels = np.zeros((64, 64), np.uint16)
        labels[8:24, 8:24] = number + 1
        image = np.dstack([np.where(labels, 200, 10)] * 3).astype(np.uint8)
        paths = [str(tmp_path / f"{kind}{number}.png") for kind in ("image", "labels")]
        cv2.imwrite(paths[0], image)
        cv2.imwrite(paths[1], labels)
        rows.append((*paths, 64, 64, modality, fold))
    columns = ["image", "labels", "height", "width", "modality", "fold"]
    return pd.DataFrame(rows, columns=columns).assign(image_id=list("wxyz"))


def settings(weights=None, **train):
    return TrainStage(train=Training(crop_px=64, **train), weights=weights or Weights())


def test_the_held_out_fold_is_not_trained_on(table):
    fitting, held_out = samplers(table, 0, settings())
    assert fitting.n_images == held_out.n_images == 2


def test_a_modality_can_be_left_out_of_training_and_is_still_scored(table):
    fitting, held_out = samplers(table, 0, settings(without=("b",)))
    assert (fitting.n_images, held_out.n_images) == (1, 2)


def test_images_to_skip_are_not_trained_on_and_are_still_validated(table):
    fitting, held_out = samplers(table, 0, settings(skip=("x", "z")))
    assert (fitting.n_images, held_out.n_images) == (1, 2)


def test_a_modality_that_is_not_there_is_named(table):
    with pytest.raises(UserError, match="no modality c in the data; there are a, b"):
        samplers(table, 0, settings(without=("c",)))


def test_class_weights_come_from_the_whole_training_fold(table):
    weighted = settings(Weights(class_weights="total_over_class", w0=0.0))
    both = samplers(table, 0, weighted)
    pixels, objects = 2 * 64 * 64, 2 * 16 * 16
    n_classes = 2  # the mean over all pixels of total / class
    expected = np.array([pixels / (pixels - objects), pixels / objects]) / n_classes
    for sampler in both:
        values = np.unique(sampler(0, 0).weight)
        assert np.abs(values[:, None] - expected).min(axis=1).max() < 1e-4


def test_weights_without_any_pixel_are_one_line(table):
    """Objects alone have a weight, and a fold without objects."""
    none = np.zeros((64, 64), np.uint16)
    for path in table["labels"]:
        cv2.imwrite(path, none)
    with pytest.raises(UserError, match="training fold: every pixel has weight 0"):
        samplers(table, 0, settings(Weights(class_weights=(0.0, 1.0), w0=0.0)))


def test_a_fold_without_images_is_one_line(table):
    with pytest.raises(UserError, match=r"fold 3: no held-out images \(4 images in folds 0, 1\)"):
        samplers(table, 3, settings())
    with pytest.raises(UserError, match="fold 0: no training images"):
        samplers(table, 0, settings(skip=("y", "z")))


@pytest.mark.parametrize(
    ("exclusive", "value", "most"), [(True, 3, 2), (True, 255, 2), (False, 4, 3), (False, 255, 3)]
)
def test_labels_of_other_classes_are_refused_before_training(table, exclusive, value, most):
    for path in table["labels"]:
        labels = np.zeros((64, 64), np.uint16)
        labels[5, 7] = value
        cv2.imwrite(path, labels)
    task = TaskTable(name="semantic", classes=("background", "a", "b"), exclusive=exclusive)
    made = TrainStage(train=Training(crop_px=64), task=task)
    message = rf"training fold: label {value} at pixel \(row 5, column 7\) .* outside 0..{most}"
    with pytest.raises(UserError, match=message):
        samplers(table, 0, made)


def test_classes_of_objects_go_with_their_pixels(table):
    for number, path in enumerate(table["labels"]):
        labels = np.zeros((64, 64), np.uint16)
        if number != 1:
            labels[8:24, 8:24], labels[40:56, 8:24], labels[8:24, 40:56] = 3, 1, 2
        cv2.imwrite(path, labels)
    kinds = ("cell", "bubble", "cell")
    table["object_classes"] = [kinds, (), kinds, kinds]
    plain = settings()
    classed = plain.model_copy(
        update={"task": TaskTable(name="instances", classes=("cell", "bubble"))}
    )
    for usual, sampler in zip(samplers(table, 0, plain), samplers(table, 0, classed), strict=True):
        for index in range(2):
            before, sample = usual(0, index), sampler(0, index)
            assert before.kinds is None
            assert np.array_equal(before.image, sample.image)
            assert np.array_equal(before.target, sample.target)
            assert np.array_equal(before.weight, sample.weight)
            inside = sample.target > 0
            assert np.array_equal(sample.kinds_weight > 0, inside)
            assert sample.kinds[~inside].max() == 0
    _, held_out = samplers(table, 0, classed)
    shares = [float(held_out(0, index).kinds_weight.mean()) for index in range(2)]
    assert sorted(shares) == pytest.approx([0, 1])  # one of the held-out images is empty
    crops = [held_out(0, index) for index in range(2)]
    (crop,) = (crop for crop in crops if crop.kinds_weight.any())
    expected = np.zeros((64, 64), np.uint8)
    expected[8:24, 40:56] = 1
    assert np.array_equal(crop.kinds, expected)


def test_extra_images_without_classes_teach_no_class(table):
    table["object_classes"] = [("cell",), ("cell",), ("bubble",), float("nan")]
    for path in table["labels"]:
        cv2.imwrite(path, (cv2.imread(path, -1) > 0).astype(np.uint16))
    task = TaskTable(name="instances", classes=("cell", "bubble"))
    classed = settings(crops_per_epoch=8).model_copy(update={"task": task})
    fitting, _ = samplers(table, 0, classed)
    known = [fitting(0, index).kinds_weight.any() for index in range(2)]
    assert sorted(known) == [False, True]
