import numpy as np
import pandas as pd

from segline import files, manifest, maps, scores


def test_out_of_fold_rows_have_the_scores_of_their_image(tmp_path):
    """Ids of digits stay text, and an image that was not scored is left out."""
    rows = [(i, "train", "", "", 2, 2, 0, "m", i) for i in ("07", "08", "09")]
    files.write_csv(tmp_path / "images.csv", pd.DataFrame(rows, columns=[*manifest.IMAGE_COLUMNS]))
    folds = pd.DataFrame({"image_id": ["07", "08", "09"], "fold": [0, 0, 1]})
    files.write_csv(tmp_path / "folds.csv", folds)
    maps.write(tmp_path / "oof.h5", [(i, np.zeros((2, 2, 3), np.uint8)) for i in ("08", "07")])
    scored = pd.DataFrame({"image_id": ["08", "09"], "ap": [0.5, 0.7], "part": "half 0", "n": 1})
    files.write_csv(tmp_path / "scores.csv", scored)
    found = scores.read_scored(
        tmp_path / "images.csv",
        tmp_path / "folds.csv",
        [tmp_path / "oof.h5"],
        scores=tmp_path / "scores.csv",
        score="ap",
    )
    assert found[["image_id", "fold", "ap", "part"]].values.tolist() == [["08", 0, 0.5, "half 0"]]
