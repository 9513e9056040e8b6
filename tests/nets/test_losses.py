import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.special import expit, log_softmax, softmax
from sklearn import metrics as sklearn_metrics

from segline.nets import compiled, losses
from segline.nets.losses import BalancedCrossEntropy, Focal, GeneralisedDice, IoU

TERM_NAMES = sorted(losses.TERMS)


def gradient(loss, target, logits, weight=None):
    """Loss and its gradient by the logits, as the types of the logits give them."""
    logits = tf.convert_to_tensor(logits)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        value = loss(target, logits, weight)
    return float(value), tf.cast(tape.gradient(value, logits), "float32").numpy()


@pytest.fixture
def batch():
    rng = np.random.default_rng(0)
    target = rng.integers(0, 3, (2, 5, 7)).astype(np.uint8)
    logits = rng.normal(size=(2, 5, 7, 3)).astype(np.float32)
    weight = rng.uniform(0.5, 4, (2, 5, 7)).astype(np.float32)
    return target, logits, weight


def test_cross_entropy_is_the_papers_sum_over_the_number_of_pixels(batch):
    target, logits, weight = batch
    chosen = np.take_along_axis(log_softmax(logits, axis=-1), target[..., None].astype(int), -1)[
        ..., 0
    ]
    expected = -(weight * chosen).sum() / weight.size
    assert float(losses.CrossEntropy()(target, logits, weight)) == pytest.approx(expected, rel=1e-5)


def test_dice_is_pooled_over_the_batch_and_averaged_over_objects_classes(batch):
    target, logits, weight = batch
    probs, truth = softmax(logits, axis=-1), np.eye(3)[target]
    w = weight[..., None]
    both, sizes = (w * probs * truth).sum((0, 1, 2)), (w * (probs + truth)).sum((0, 1, 2))
    expected = 1 - ((2 * both + 1) / (sizes + 1))[1:].mean()
    assert float(losses.Dice()(target, logits, weight)) == pytest.approx(expected, rel=1e-5)


def test_dice_of_an_empty_batch_found_empty_is_zero():
    logits = np.zeros((1, 4, 4, 3), np.float32)
    logits[..., 0] = 50
    assert float(losses.Dice()(np.zeros((1, 4, 4), np.uint8), logits)) == pytest.approx(0, abs=1e-6)


def test_soft_cross_entropy_is_least_and_zero_where_both_agree(batch):
    _, _, weight = batch
    target = np.random.default_rng(1).random((2, 5, 7)).astype(np.float32)
    exact = np.log(target / (1 - target))[..., None]
    loss = losses.SoftCrossEntropy()
    assert float(loss(target, exact, weight)) == pytest.approx(0, abs=1e-5)
    probs = 1 / (1 + np.exp(-(exact[..., 0] + 0.5)))
    divergence = target * np.log(target / probs) + (1 - target) * np.log((1 - target) / (1 - probs))
    expected = (weight * divergence).mean()
    assert float(loss(target, exact + 0.5, weight)) == pytest.approx(expected, rel=1e-3)


@pytest.fixture
def channels():
    """Three independent channels with pixel weights."""
    rng = np.random.default_rng(1)
    target = rng.integers(0, 2, (2, 5, 7, 3)).astype(np.uint8)
    logits = rng.normal(size=(2, 5, 7, 3)).astype(np.float32)
    return target, logits, rng.uniform(0.5, 4, (2, 5, 7)).astype(np.float32)


def test_cross_entropy_of_classes_equals_sklearns(batch):
    target, logits, weight = batch
    probs = softmax(logits.astype(float), axis=-1).reshape(-1, 3)
    total = sklearn_metrics.log_loss(
        target.ravel(), probs, sample_weight=weight.ravel(), normalize=False
    )
    found = losses.CrossEntropy()(target, logits, weight)
    assert float(found) == pytest.approx(total / weight.size, rel=1e-5)


def test_cross_entropy_of_one_channel_equals_sklearns(channels):
    target, logits, weight = channels[0][..., 0], channels[1][..., :1], channels[2]
    total = sklearn_metrics.log_loss(
        target.ravel(), expit(logits.ravel()), sample_weight=weight.ravel(), normalize=False
    )
    loss = losses.CrossEntropy(activation="sigmoid")
    assert float(loss(target, logits, weight)) == pytest.approx(total / weight.size, rel=1e-5)
    assert float(loss(target[..., None], logits, weight)) == float(loss(target, logits, weight))


def test_cross_entropy_averages_channels(channels):
    target, logits, weight = channels
    loss = losses.CrossEntropy(activation="sigmoid")
    each = [float(loss(target[..., c], logits[..., c : c + 1], weight)) for c in range(3)]
    assert float(loss(target, logits, weight)) == pytest.approx(np.mean(each), rel=1e-6)


@pytest.mark.parametrize("beta", [0.2, 0.95])
def test_beta_weighs_the_positives(beta):
    """At logit 0 a positive pulls up by beta and a negative down by 1 - beta, in this proportion."""
    target, logits = np.array([[[1, 0]]]), np.zeros((1, 1, 2, 1), np.float32)
    loss = BalancedCrossEntropy(beta, activation="sigmoid")
    value, (positive, negative) = (lambda v, g: (v, g.ravel()))(*gradient(loss, target, logits))
    assert positive < 0 < negative
    assert -positive / negative == pytest.approx(beta / (1 - beta), rel=1e-5)
    assert value == pytest.approx(np.log(2) / 2, rel=1e-6)


def test_beta_weighs_all_classes_but_the_background():
    target, logits = np.array([[[2, 0]]]), np.zeros((1, 1, 2, 3), np.float32)
    _, by_pixel = gradient(BalancedCrossEntropy(0.8), target, logits)
    foreground, background = by_pixel[0, 0, 0, 2], by_pixel[0, 0, 1, 0]
    assert foreground / background == pytest.approx(4, rel=1e-5)


def test_two_softmax_classes_equal_one_sigmoid_channel(channels):
    target, logit, weight = channels[0][..., 0], channels[1][..., :1], channels[2]
    two = np.concatenate([np.zeros_like(logit), logit], axis=-1)
    for make in (losses.CrossEntropy, BalancedCrossEntropy, Focal, losses.Dice, IoU):
        pair = [
            float(make()(target, two, weight)),
            float(make(activation="sigmoid")(target, logit, weight)),
        ]
        assert pair[0] == pytest.approx(pair[1], rel=1e-5), make


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_focal_by_numpy(batch, channels, gamma):
    target, logits, weight = batch
    p = np.take_along_axis(softmax(logits, axis=-1), target[..., None].astype(int), -1)[..., 0]
    expected = -(weight * (1 - p) ** gamma * np.log(p)).mean()
    assert float(Focal(gamma)(target, logits, weight)) == pytest.approx(expected, rel=1e-5)
    target, logits, weight = channels
    p = np.where(target == 1, expit(logits), expit(-logits))
    expected = -(weight[..., None] * (1 - p) ** gamma * np.log(p)).mean()
    found = Focal(gamma, activation="sigmoid")(target, logits, weight)
    assert float(found) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("over", ["mean", "pooled"])
@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
@pytest.mark.parametrize("name", ["dice", "iou"])
def test_overlap_by_numpy(batch, channels, name, activation, over):
    target, logits, weight = batch if activation == "softmax" else channels
    w = weight[..., None]
    if activation == "softmax":
        probs, truth = softmax(logits, axis=-1)[..., 1:], np.eye(3)[target][..., 1:]
    else:
        probs, truth = expit(logits), target
    axis = (0, 1, 2) if over == "mean" else None
    shared, sizes = (w * probs * truth).sum(axis), (w * (probs + truth)).sum(axis)
    ratio = (
        (2 * shared + 1) / (sizes + 1) if name == "dice" else (shared + 1) / (sizes - shared + 1)
    )
    found = losses.TERMS[name](over=over, activation=activation)(target, logits, weight)
    assert float(found) == pytest.approx(1 - np.mean(ratio), rel=1e-5)


def test_overlap_of_certain_answers_equals_sklearns():
    rng = np.random.default_rng(2)
    target, answer = rng.integers(0, 4, (2, 2, 9, 8))
    logits = 60 * np.eye(4, dtype=np.float32)[answer]
    flat = target.ravel(), answer.ravel()
    for over, average in (("mean", "macro"), ("pooled", "micro")):
        for make, score in (
            (losses.Dice, sklearn_metrics.f1_score),
            (IoU, sklearn_metrics.jaccard_score),
        ):
            expected = 1 - score(*flat, average=average, labels=[1, 2, 3])
            found = make(smooth=0.0, over=over)(target, logits)
            assert float(found) == pytest.approx(expected, abs=1e-6), (over, make)


def test_generalised_dice_by_numpy(batch):
    target, logits, weight = batch
    w, probs, truth = weight[..., None], softmax(logits, axis=-1), np.eye(3)[target]
    volume = 1 / (w * truth).sum((0, 1, 2)) ** 2
    shared, sizes = (w * probs * truth).sum((0, 1, 2)), (w * (probs + truth)).sum((0, 1, 2))
    expected = 1 - 2 * (volume * shared).sum() / (volume * sizes).sum()
    found = GeneralisedDice(smooth=0.0)(target, logits, weight)
    assert float(found) == pytest.approx(expected, rel=1e-5)


def test_generalised_dice_is_not_ruled_by_an_absent_class():
    """1 / 0^2 made finite by a small constant lets the absent class alone decide."""
    target = np.zeros((1, 16, 16), np.uint8)
    target[0, :8] = 1
    logits = 8 * np.eye(3, dtype=np.float32)[target]
    assert float(GeneralisedDice()(target, logits)) < 0.01


LOGITS = {
    "zero": lambda truth: np.zeros((*truth.shape, 3)),
    "right": lambda truth: 900 * (2 * np.eye(3)[truth] - 1),
    "wrong": lambda truth: -900 * (2 * np.eye(3)[truth] - 1),
}


@pytest.mark.parametrize("name", TERM_NAMES)
@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
@pytest.mark.parametrize("truth", ["empty", "full", "one class absent"])
@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_loss_and_gradient_are_finite_at_the_edges(name, activation, truth, dtype):
    classes = np.full((2, 4, 4), {"empty": 0, "full": 2}.get(truth, 0), np.uint8)
    if truth == "one class absent":
        classes[:, 1:3] = 2
    target = classes if activation == "softmax" else np.eye(3, dtype=np.uint8)[classes]
    loss = losses.TERMS[name](activation=activation)
    weights = (None, np.zeros((2, 4, 4), np.float32), np.full((2, 4, 4), 7.0, np.float32))
    for kind, make in LOGITS.items():
        logits = tf.cast(make(classes), dtype)
        for weight in weights:
            value, by_logit = gradient(loss, target, logits, weight)
            assert np.isfinite(value), kind
            assert np.isfinite(by_logit).all(), kind
            assert value >= -1e-6, kind
        if kind == "right":
            assert value == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize("name", TERM_NAMES)
def test_a_pixel_of_weight_0_does_not_count(name, batch):
    target, logits, weight = batch
    weight[:, :2] = 0
    other = logits.copy()
    other[:, :2] += 5
    loss = losses.TERMS[name]()
    assert float(loss(target, logits, weight)) == float(loss(target, other, weight))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("name", TERM_NAMES)
def test_half_precision_logits_are_summed_in_float32(name, dtype):
    rng = np.random.default_rng(3)
    target = (rng.random((1, 200, 200)) < 0.3).astype(np.uint8)
    logits = tf.cast(rng.normal(size=(1, 200, 200, 2)), dtype)
    loss = losses.TERMS[name]()
    assert float(loss(target, logits)) == float(loss(target, tf.cast(logits, "float32")))


@pytest.mark.parametrize("name", TERM_NAMES)
def test_whole_crops_are_classified_with_the_same_terms(name):
    """(N, K) logits give what the same numbers give as (N, 1, 1, K)."""
    rng = np.random.default_rng(4)
    target, logits = rng.integers(0, 3, 8), rng.normal(size=(8, 3)).astype(np.float32)
    weight = rng.uniform(0.5, 2, 8).astype(np.float32)
    loss = losses.TERMS[name]()
    expected = loss(target[:, None, None], logits[:, None, None], weight[:, None, None])
    assert float(loss(target, logits, weight)) == pytest.approx(float(expected), rel=1e-6)


@pytest.mark.parametrize("name", TERM_NAMES)
@pytest.mark.parametrize(
    ("activation", "value"),
    [
        *(("softmax", value) for value in (255, -1, 3, 1.5)),
        *(("sigmoid", value) for value in (255, -1, 0.5)),
    ],
)
def test_a_target_outside_its_range_is_refused(name, activation, value):
    loss = losses.TERMS[name](activation=activation)
    target = np.zeros((1, 4, 4) if activation == "softmax" else (1, 4, 4, 3), np.float32)
    logits = np.random.default_rng(0).normal(size=(1, 4, 4, 3)).astype(np.float32)
    assert np.isfinite(float(loss(target, logits)))
    target[0, 2, 1] = value
    with pytest.raises(ValueError, match=rf"{activation}: the target {value} is outside 0..[12];"):
        loss(target, logits)
    inside = tf.function(loss)  # where no value is known, as in a training step
    assert np.isnan(float(inside(tf.constant(target), tf.constant(logits))))


@pytest.mark.parametrize("name", TERM_NAMES)
def test_weights_that_would_broadcast_are_refused(name, batch):
    target, logits, _ = batch
    with pytest.raises(ValueError, match=r"one a pixel, \(2, 5, 7\), not of shape \(7,\)"):
        losses.TERMS[name]()(target, logits, np.ones(7, np.float32))


def test_a_target_of_another_shape_is_refused(channels):
    target, logits, _ = channels
    with pytest.raises(ValueError, match="sigmoid logits .* do not match"):
        losses.CrossEntropy(activation="sigmoid")(target[..., :2], logits)
    with pytest.raises(ValueError, match="softmax logits .* do not match"):
        Focal()(target, logits)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"beta": 1.5}, "beta must lie in 0..1, got 1.5"),
        ({"gamma": -1.0}, "gamma must not be negative"),
        ({"dice_over": "sum"}, "over must be one of"),
        ({"activation": "tanh"}, "activation must be one of"),
    ],
)
def test_a_wrong_option_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        losses.Total(dict.fromkeys(TERM_NAMES, 1.0), **options)


def test_options_reach_their_terms(batch):
    terms = {"balanced_cross_entropy": 1.0, "focal": 0.0, "dice": 2.0, "iou": 3.0}
    total = losses.Total(terms, beta=0.3, dice_over="pooled", iou_over="pooled")
    parts = (BalancedCrossEntropy(0.3), losses.Dice(over="pooled"), IoU(over="pooled"))
    expected = sum(w * float(p(*batch)) for w, p in zip((1, 2, 3), parts, strict=True))
    assert float(total(*batch)) == pytest.approx(expected, rel=1e-6)


def test_total_is_the_weighted_sum_of_its_terms(batch):
    target, logits, weight = batch
    total = losses.Total(
        {
            "cross_entropy": 2.0,
            "dice": 0.5,
        }
    )
    expected = 2 * losses.CrossEntropy()(target, logits, weight) + 0.5 * losses.Dice()(
        target, logits, weight
    )
    assert float(total(target, logits, weight)) == pytest.approx(float(expected), rel=1e-6)


def test_an_unknown_term_is_refused():
    with pytest.raises(ValueError, match="unknown loss terms \\['dise'\\]"):
        losses.Total({"dise": 1.0})


def test_a_loss_comes_back_from_its_config(batch):
    terms = {name: 0.5 + number for number, name in enumerate(TERM_NAMES)}
    total = losses.Total(terms, beta=0.3, gamma=1.0, dice_over="pooled", iou_over="pooled")
    back = keras.losses.deserialize(keras.losses.serialize(total))
    assert float(back(*batch)) == float(total(*batch))


@pytest.mark.parametrize("name", TERM_NAMES)
@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
def test_each_term_comes_back_from_its_config(name, activation):
    term = losses.TERMS[name](activation=activation)
    back = keras.losses.deserialize(keras.losses.serialize(term))
    assert back.get_config() == term.get_config()


OPENING = """
import keras
load = keras.saving.load_model
load("shipped.keras")
load("compiled.keras", compile=False)
try:
    load("compiled.keras")
except TypeError as error:
    print(str(error)[:30])
import segline.nets.losses
print(load("compiled.keras").loss.terms)
"""


def test_which_models_open_by_load_model_alone(tmp_path):
    """Keras imports no module for a saved loss: it must be registered, or not asked for."""
    image = keras.Input((4, 4, 1))
    model = keras.Model(image, keras.layers.Conv2D(3, 1)(image))
    model.compile(loss=losses.Total({"iou": 0.5}))
    model.save(tmp_path / "compiled.keras")
    compiled.inference_model(model).save(tmp_path / "shipped.keras")
    answer = subprocess.run(
        [sys.executable, "-c", OPENING], cwd=tmp_path, capture_output=True, text=True
    )
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.splitlines() == ["Could not locate class 'Total'", "{'iou': 0.5}"]
