"""The second of two stages on made-up regions: what it learns, and what becomes of its answers."""

import keras
import numpy as np
import pytest

from segline.config.stages import RegionsStage, TaskTable
from segline.config.tables import Target, Weights
from segline.masks import weight_maps
from segline.masks.classes import Classes
from segline.nets import fit_classifier, models, predict
from segline.nets.fit_classifier import Crops
from segline.samples import heads
from segline.tasks.semantic import ClassDecoder

SIZE = 16
TASK = TaskTable(name="two_stage", classes=("bg", "red", "blue"))


@pytest.fixture(scope="module")
def judged():
    """A classifier that was trained to tell dark crops (false), red and blue ones."""
    rng = np.random.default_rng(0)
    classes = np.repeat([0, 1, 2], [20, 20, 5])
    tints = np.array([(20, 20, 20), (200, 30, 30), (30, 30, 200)])[classes]
    crops = tints[:, None, None] + rng.integers(0, 20, (len(classes), SIZE, SIZE, 3))
    settings = RegionsStage(task=TASK, epochs=70, size_px=SIZE)
    keras.utils.set_random_seed(0)
    net = models.build("classifier", channels=3, outputs={"classes": 3}, seed=0, width=4, depth=1)
    weight = weight_maps.configured_class_weights(
        settings.class_weights, n_classes=3, count=lambda: np.bincount(classes)
    )
    seen = Crops(crops.astype(np.uint8), classes)
    accuracy = fit_classifier.train(net, seen, weight, settings, np.random.default_rng(0))
    return predict.Classifier(net, settings), accuracy


def test_the_classifier_learns_its_examples(judged):
    assert judged[1] > 0.9


def test_each_region_gets_its_class_and_false_ones_the_background(judged):
    image = np.full((60, 90, 3), 120, np.uint8)
    probs = np.zeros((60, 90, 1), np.uint8)
    truth = np.zeros((60, 90), np.int32)
    for column, (number, tint) in enumerate(
        [(0, (25, 25, 25)), (1, (205, 35, 35)), (2, (35, 35, 205))]
    ):
        box = np.s_[10:50, 5 + 30 * column : 25 + 30 * column]
        wide = np.s_[:, 30 * column : 30 * column + 30]
        image[wide], probs[box], truth[box] = tint, 200, number
    maps = judged[0](image, probs, 0.5)
    assert maps.shape == (60, 90, 3)
    assert maps.sum(axis=2) == pytest.approx(1, abs=1e-5)
    found = ClassDecoder(Classes(TASK.classes))(np.rint(255 * maps).astype(np.uint8))
    assert np.array_equal(found, truth)


def test_the_region_net_learns_every_class_as_one():
    head = heads.of(TASK, Target())
    truth = np.array([[0, 0, 1, 2]], np.int32)
    teach = head.teacher(lambda row: truth, 1, Weights(class_weights="total_over_class"))
    taught = teach(truth)
    assert taught.target.tolist() == [[[0], [0], [1], [1]]]
    assert taught.weight.tolist() == [[2, 2, 2, 2]]
    assert (head.activation, head.outputs) == ("sigmoid", {"classes": 1})
