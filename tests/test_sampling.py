import cv2
import numpy as np
import pandas as pd
import pytest

from segline import config, sampling
from segline.errors import UserError


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


def settings(**train):
    stages = config.Config().stage_settings()["train"]
    return stages | {"train": stages["train"] | {"crop_px": 64} | train}


def test_the_held_out_fold_is_not_trained_on(table):
    fitting, held_out = sampling.samplers(table, 0, settings())
    assert len(fitting._cumulative) == len(held_out._cumulative) == 2


def test_a_modality_can_be_left_out_of_training_and_is_still_scored(table):
    fitting, held_out = sampling.samplers(table, 0, settings(without=["b"]))
    assert (len(fitting._cumulative), len(held_out._cumulative)) == (1, 2)


def test_images_to_skip_are_not_trained_on_and_are_still_validated(table):
    fitting, held_out = sampling.samplers(table, 0, settings(skip=["x", "z"]))
    assert (len(fitting._cumulative), len(held_out._cumulative)) == (1, 2)


def test_a_modality_that_is_not_there_is_named(table):
    with pytest.raises(UserError, match="no modality c in the data; there are a, b"):
        sampling.samplers(table, 0, settings(without=["c"]))


def test_class_weights_come_from_the_whole_training_fold(table):
    weighted = settings()
    weighted["weights"] = weighted["weights"] | {"class_weights": "total_over_class", "w0": 0.0}
    fitting, _ = sampling.samplers(table, 0, weighted)
    sample = fitting(0, 0)
    values = np.unique(sample.weight / fitting.weight_scale)
    pixels, objects = 2 * 64 * 64, 2 * 16 * 16
    expected = [pixels / (pixels - objects), pixels / objects]
    assert np.abs(values[:, None] - expected).min(axis=1).max() < 1e-4
