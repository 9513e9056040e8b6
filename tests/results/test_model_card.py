import pytest

from segline.config.stages import TrainedStage
from segline.results.model_card import model_card


@pytest.mark.parametrize(
    ("weights", "skip", "says"),
    [
        ("none", [], ["(hash 12ab).", "First weights: random."]),
        (
            "first",
            ["x", "y"],
            ["without 2 listed images.", "those of `config=first`, fold by fold."],
        ),
    ],
)
def test_a_model_card_says_what_was_trained_from_what(weights, skip, says):
    settings = TrainedStage.model_validate(
        {
            "model": {"name": "unet", "weights": weights},
            "train": {"skip": skip, "without": [], "extra": []},
            "precision": "bfloat16",
        }
    )
    figures = {"mean": 0.6, "standard_error": 0.01, "n_images": 9}
    card = model_card(
        name="best",
        configs={"best": "epochs = 40\n", "first": "epochs = 50\n"},
        settings=settings,
        cv=figures | {"per_modality": {}, "folds": [0], "dataset": "cells", "data_hash": "12ab"},
        provenance={"packages": {}, "python": "3.11", "device": "CPU", "git": "none"},
        sums={"fold_0.h5": "99"},
    )
    for words in ("| all | 0.600 ± 0.010 | 9 |", "`configs/first.toml`", "epochs = 50", *says):
        assert words in card
