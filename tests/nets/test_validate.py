import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn import metrics as sklearn_metrics

from segline.nets import validate
from segline.nets.losses import Total


def net(n, activation="softmax"):
    """Logits that are the image's own channels."""
    image = keras.Input((None, None, n))
    model = keras.Model(image, {"classes": keras.layers.Identity()(image)})
    model.compile(loss={"classes": Total({"cross_entropy": 1.0}, activation=activation)})
    return model


def batches(logits, truth, weight=None):
    """tf.data of two samples a batch; the last batch is smaller."""
    weight = np.ones(logits.shape[:3], np.float32) if weight is None else weight
    rows = (logits, {"classes": truth}, {"classes": weight})
    return tf.data.Dataset.from_tensor_slices(rows).batch(2)


@pytest.fixture
def classes():
    rng = np.random.default_rng(0)
    truth = rng.choice(4, size=(5, 6, 7), p=[0.6, 0.3, 0.1, 0]).astype(np.uint8)
    truth[:4][truth[:4] == 2] = 0  # class 2 is in the last batch alone
    logits = (rng.normal(size=(5, 6, 7, 4)) + 2 * np.eye(4)[truth]).astype(np.float32)
    logits[..., 3] = -9
    return logits, truth


def test_scores_are_those_of_the_whole_set(classes):
    logits, truth = classes
    scores = validate.validator(batches(logits, truth))(net(4))
    flat = truth.ravel(), logits.argmax(-1).ravel()
    present = sklearn_metrics.f1_score(*flat, average=None, labels=[0, 1, 2])
    assert [scores[f"val_dice_{k}"] for k in range(3)] == pytest.approx(present)
    assert np.isnan(scores["val_dice_3"])  # neither true nor predicted: left out of the mean
    iou = sklearn_metrics.jaccard_score(*flat, average="macro", labels=[0, 1, 2])
    assert scores["val_mean_iou"] == pytest.approx(iou)
    assert scores["val_accuracy"] == pytest.approx(sklearn_metrics.accuracy_score(*flat))
    by_batch = [
        sklearn_metrics.jaccard_score(t.ravel(), z.argmax(-1).ravel(), average="macro")
        for t, z in ((truth[i : i + 2], logits[i : i + 2]) for i in (0, 2, 4))
    ]
    assert abs(np.mean(by_batch) - iou) > 0.01


def test_the_loss_is_that_of_keras(classes):
    logits, truth = classes
    weight = np.random.default_rng(1).random(truth.shape).astype(np.float32)
    data, model = batches(logits, truth, weight), net(4)
    expected = model.evaluate(data, return_dict=True, verbose=0)["loss"]
    assert validate.validator(data)(model)["val_loss"] == pytest.approx(expected, rel=1e-6)


def test_a_channel_is_predicted_where_its_probability_exceeds_the_threshold():
    """Probabilities 0.3 and 0.6 cast to int before rounding would all be 0."""
    probs = np.array([[[[0.3], [0.6]], [[0.6], [0.95]]]], np.float32)
    truth = np.array([[[0, 1], [0, 1]]], np.uint8)
    logits = np.log(probs / (1 - probs))
    data = batches(logits, truth)
    half = validate.validator(data, activation="sigmoid")(net(1, "sigmoid"))
    assert half["val_mean_iou"] == pytest.approx(2 / 3)
    assert half["val_dice_0"] == pytest.approx(4 / 5)
    assert half["val_accuracy"] == pytest.approx(3 / 4)
    high = validate.validator(data, activation="sigmoid", threshold=0.9)(net(1, "sigmoid"))
    assert high["val_mean_iou"] == pytest.approx(1 / 2)


def test_channels_score_as_sklearns_multilabel():
    rng = np.random.default_rng(1)
    truth = rng.integers(0, 2, (3, 5, 4, 3)).astype(np.uint8)
    logits = rng.normal(size=truth.shape).astype(np.float32)
    scores = validate.validator(batches(logits, truth), activation="sigmoid")(net(3, "sigmoid"))
    flat = truth.reshape(-1, 3), logits.reshape(-1, 3) > 0
    expected = sklearn_metrics.f1_score(*flat, average=None)
    assert [scores[f"val_dice_{k}"] for k in range(3)] == pytest.approx(expected)
    iou = sklearn_metrics.jaccard_score(*flat, average="macro")
    assert scores["val_mean_iou"] == pytest.approx(iou)


@pytest.mark.parametrize(
    ("truth", "answer", "constant"),
    [([0, 1], [0, 0], 1), ([0, 1], [1, 1], 1), ([0, 1], [0, 1], 0), ([0, 0], [0, 0], 0)],
)
@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
def test_constant_answers_are_told(truth, answer, constant, activation):
    truth, answer = (np.array([[row]], np.uint8) for row in (truth, answer))
    logits = 9 * np.eye(2)[answer] if activation == "softmax" else 9 * (2.0 * answer[..., None] - 1)
    data = batches(logits.astype(np.float32), truth)
    model = net(logits.shape[-1], activation)
    scores = validate.validator(data, activation=activation)(model)
    assert scores["val_constant"] == constant
    assert all(isinstance(value, float) for value in scores.values())


def test_the_constant_loss_of_cross_entropy_is_the_weighted_entropy(classes):
    _, truth = classes
    weight = np.where(truth == 2, 3.0, 0.5).astype(np.float32)
    data = batches(np.zeros((*truth.shape, 4), np.float32), truth, weight)
    totals = np.array([weight[truth == k].sum() for k in range(3)])
    expected = -(totals * np.log(totals / totals.sum())).sum() / truth.size
    found = validate.constant_loss(Total({"cross_entropy": 1.0}), data, n_channels=4)
    assert found == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("term", ["balanced_cross_entropy", "focal", "dice", "iou"])
def test_the_constant_loss_is_about_the_best_constants(term):
    rng = np.random.default_rng(2)
    truth = (rng.random((4, 10, 10)) < 0.05).astype(np.uint8)
    data = batches(np.zeros((*truth.shape, 1), np.float32), truth)
    loss = Total({term: 1.0}, activation="sigmoid")
    found = validate.constant_loss(loss, data, n_channels=1)
    grid = [
        np.mean(
            [
                float(loss(t, np.full((*t.shape, 1), z, np.float32), np.ones(t.shape, np.float32)))
                for t in (truth[:2], truth[2:])
            ]
        )
        for z in np.linspace(-10, 10, 81)
    ]
    assert found > 0.99 * min(grid)
    assert found < 1.03 * min(grid)
