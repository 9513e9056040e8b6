"""The public face: what it holds, what importing it costs, and the shipped model."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

import segline
from segline.base.errors import UserError
from segline.synthetic import dsb2018

PICTURES = dsb2018.SIZES["demo"]["test"]


def test_it_is_imported_without_the_heavy_libraries():
    heavy = ("tensorflow", "keras", "pandas", "cv2", "skimage", "numba", "pydantic")
    code = f"import sys, segline; print([name for name in {heavy} if name in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert answer.stdout.strip() == "[]", answer.stderr


def test_the_numeric_core_needs_no_tensorflow():
    code = (
        "import sys, segline; [getattr(segline, name) for name in segline.__all__]; "
        "print('tensorflow' in sys.modules, segline.__version__)"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert answer.stdout.split() == ["False", "0.1.0"], answer.stderr


def test_masks_labels_and_scores():
    labels = np.array([[1, 1, 0], [0, 2, 2]], np.int32)
    rles = segline.encode_labels(labels)
    assert rles == ["1 1 3 1", "4 1 6 1"]
    assert np.array_equal(segline.decode_labels(rles, labels.shape), labels)
    mask = segline.decode(rles[1], labels.shape)
    assert np.array_equal(mask, labels == 2)
    assert segline.encode(mask) == segline.encode(mask.astype(np.uint8) * 255) == rles[1]
    shifted = np.array([[1, 1, 0], [0, 0, 2]], np.int32)  # one object exact, one with IoU 1/2
    assert segline.average_precision(labels, shifted).tolist() == pytest.approx([1 / 3] * 10)
    assert segline.map_iou(labels, shifted) == pytest.approx(1 / 3)
    assert list(segline.THRESHOLDS) == pytest.approx([k / 20 for k in range(10, 20)])


def test_weights_and_folds():
    weights = segline.unet_weight_map(np.array([[1, 0, 2]]), class_weights=(1, 1))
    assert weights.dtype == np.float32
    assert weights[0] == pytest.approx([10.231] * 3, abs=1e-3)
    assert segline.class_weights([300, 100], method="median").tolist() == pytest.approx([2 / 3, 2])
    rows = [(f"i{n}", f"g{n // 2}", "fluorescence", 5) for n in range(12)]
    images = pd.DataFrame(rows, columns=["image_id", "group", "modality", "n_objects"])
    folds = segline.assign_folds(images.assign(split="train"), n_folds=3, seed=0)
    joined = images.merge(folds, on="image_id")
    assert joined.groupby("group")["fold"].nunique().max() == 1
    assert joined["fold"].value_counts().tolist() == [4, 4, 4]


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'decoder'"):
        _ = segline.decoder


def test_a_model_that_is_not_there_names_those_that_are(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"quickest: neither shipped weights \(there are best"):
        segline.load("quickest")


@pytest.mark.slow
def test_the_shipped_weights_reproduce_their_score():
    """Measured with the weights of this commit; a change of the pipeline around them shows here."""
    model = segline.load("best")
    found = dsb2018.pictures("test", PICTURES, seed=7)
    scores = []
    for number, picture in enumerate(found):
        if number % 7 == 0:  # one or two of each modality
            labels = model.segment(picture.image)
            scores.append(segline.map_iou(picture.labels, labels))
    assert np.mean(scores) == pytest.approx(0.842, abs=0.01), scores
    objects = model.objects(picture.image)
    labels = model.segment(picture.image)
    assert objects["label"].tolist() == list(range(1, labels.max() + 1))
    assert np.array_equal(objects["area_px"], np.bincount(labels.ravel())[1:])
    assert objects["promised_iou"].between(0.5, 1).mean() > 0.9
