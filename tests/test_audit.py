import numpy as np
import pandas as pd
import pytest

from segline import audit


@pytest.fixture
def scene():
    """Three squares a map agrees with, found as labelled."""
    truth = np.zeros((40, 40), np.int32)
    for label, (top, left) in enumerate([(2, 2), (2, 22), (22, 2)], start=1):
        truth[top : top + 10, left : left + 10] = label
    return truth, truth.copy()


def map_of(labels):
    probs = np.zeros((*labels.shape, 3), np.uint8)
    probs[..., 0] = np.where(labels > 0, 10, 250)
    probs[..., 1] = 255 - probs[..., 0]
    return probs


def test_agreement_is_no_evidence(scene):
    truth, found = scene
    seen = audit.evidence(truth, map_of(found), found, np.full(3, 0.9))
    assert seen == {"n_true": 3, "n_found": 3, "unlabelled": 0, "empty": 0, "merged": 0}


def test_each_kind_of_contradiction_is_counted(scene):
    truth, found = scene
    found[22:32, 22:32] = 4  # sure, no label there
    truth[34:38, 34:38] = 4  # a label where the map sees background
    found[2:12, 7:12] = 5  # label 1 is two sure objects
    seen = audit.evidence(truth, map_of(found), found, np.full(5, 0.9))
    assert (seen["unlabelled"], seen["empty"], seen["merged"]) == (1, 1, 1)
    unsure = audit.evidence(truth, map_of(found), found, np.full(5, 0.3))
    assert (unsure["unlabelled"], unsure["merged"]) == (0, 0)


def test_the_rule_asks_for_number_and_share():
    table = pd.DataFrame(
        {
            "n_true": [10, 100, 2, 0],
            "unlabelled": [2, 4, 1, 5],
            "empty": [1, 3, 1, 0],
            "merged": [0, 0, 0, 0],
        }
    )
    assert audit.suspect(table).tolist() == [True, False, False, True]


def test_an_image_without_objects_is_no_fault(scene):
    nothing = np.zeros((20, 20), np.int32)
    seen = audit.evidence(nothing, map_of(nothing), nothing, np.zeros(0))
    assert seen == {"n_true": 0, "n_found": 0, "unlabelled": 0, "empty": 0, "merged": 0}
