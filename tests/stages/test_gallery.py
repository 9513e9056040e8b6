import numpy as np
import pytest

import runs
from segline.base import files
from segline.base.errors import UserError
from segline.results import figures
from segline.stages import gallery

FOUND = [4, 1, 2, 3, 3, 4, 1, 1]  # of four squares; modalities a and b by turns


def outlines(path, n_rows):
    """How many squares are outlined as true, and as found, in each row of a sheet."""
    rows = np.split(files.read_image(path)[6:], n_rows)
    colours = (figures.TRUE_COLOUR, figures.FOUND_COLOUR)
    pixels = np.array([[(row == c).all(axis=2).sum() for c in colours] for row in rows])
    return (pixels / (4 * 20 - 4)).tolist()  # a square of 10 px, enlarged twice


def test_the_median_of_each_modality_and_the_worst_are_drawn(tmp_path, capsys):
    run = runs.judged(tmp_path, [(4, n) for n in FOUND], modalities=("a", "b"))
    gallery.run(run)
    assert outlines(run.folder / "median.png", 2) == [[4, 2], [4, 1]]
    assert outlines(run.folder / "worst.png", 8) == [[4, n] for n in sorted(FOUND)]
    assert "worst.png" in capsys.readouterr().out


def test_a_run_without_scores_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"scores\.csv: no such file"):
        gallery.run(runs.write(tmp_path))
