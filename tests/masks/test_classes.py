import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from segline.config.tables import Data
from segline.masks import classes
from segline.masks.classes import Classes
from segline.masks.stored_masks import read_mask


@given(st.integers(2, 17), st.booleans(), st.integers(0, 99))
def test_channels_and_labels_are_inverse(n_classes, exclusive, seed):
    rng = np.random.default_rng(seed)
    kind = Classes(tuple(map(str, range(n_classes))), exclusive=exclusive)
    top = n_classes if exclusive else 2 ** (n_classes - 1)
    labels = rng.integers(0, top, (3, 5)).astype(np.int32)
    channels = classes.to_channels(labels, n_classes=n_classes, exclusive=exclusive)
    assert channels.shape == (3, 5, n_classes if exclusive else n_classes - 1)
    if exclusive:
        assert (channels.sum(axis=2) == 1).all()
    if channels.shape[2] not in (1, 3):  # one channel is a mask, three equal ones are grey
        assert (read_mask(channels, kind) == labels).all()
    counts = classes.pixel_counts(labels, kind)
    assert counts[1:].tolist() == channels[..., -(n_classes - 1) :].sum(axis=(0, 1)).tolist()
    assert counts[0] == (labels == 0).sum()


def test_settings_of_instances_have_no_classes():
    assert classes.of_data(Data(dataset="tiny")) is None
    settings = Data(task="semantic", source="folders", classes=("a", "b"), exclusive=False)
    assert classes.of_data(settings) == Classes(("a", "b"), exclusive=False)
