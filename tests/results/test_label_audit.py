import numpy as np
import pandas as pd
import pytest

from segline.results import label_audit


@pytest.fixture
def truth():
    """Four squares of 10 px."""
    labels = np.zeros((40, 40), np.int32)
    corners = [(2, 2), (2, 22), (22, 2), (22, 22)]
    for label, (top, left) in enumerate(corners, start=1):
        labels[top : top + 10, left : left + 10] = label
    return labels


def test_objects_that_are_as_labelled_pass_every_threshold(truth):
    seen = label_audit.evidence(truth, truth.copy(), np.full(4, 0.75))
    assert seen == pytest.approx({"n_found": 4, "promised": 0.75, "passed": 1.0})


def test_wide_outlines_and_missing_labels_fall_short(truth):
    found = truth.copy()
    truth[2:12, 2:17] = 1  # half as large again: an IoU of 2/3 passes .50 to .65
    truth[truth == 4] = 0
    seen = label_audit.evidence(truth, found, np.array([0.9, 0.8, 0.8, 0.7]))
    assert seen["promised"] == pytest.approx(0.8)
    assert seen["passed"] == pytest.approx((0.4 + 1 + 1 + 0) / 4)


def test_the_rule_asks_for_number_and_shortfall():
    table = pd.DataFrame(
        {
            "n_found": [3, 2, 40, 40, 0],
            "promised": [0.9, 0.9, 0.6, 0.6, 0.0],
            "passed": [0.5, 0.5, 0.45, 0.1, 0.0],
        }
    )
    assert label_audit.suspect(table).tolist() == [True, False, False, True, False]


def test_an_image_without_objects_is_no_fault():
    nothing = np.zeros((20, 20), np.int32)
    seen = label_audit.evidence(nothing, nothing, np.zeros(0))
    assert seen == {"n_found": 0, "promised": 0.0, "passed": 0.0}
