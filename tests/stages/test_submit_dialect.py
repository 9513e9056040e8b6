"""A run of a described competition: its submission is in the competition's own way."""

import numpy as np
import pytest

import runs
from data.layouts import competitions
from segline.base import files
from segline.base.errors import UserError
from segline.config import read
from segline.config.places import DataFiles
from segline.data.tables import read_images
from segline.stages import submit, validate
from segline.stages.data import ingest


@pytest.fixture
def run(tmp_path):
    """Severstal's test images with maps that are sure of defect 2 in t2 and of nothing in t1."""
    competitions.severstal(tmp_path / "raw", combined=True)
    config = tmp_path / "x.toml"
    config.write_text('[data]\ndataset = "x"\ndialect = "severstal-steel-defect-detection"\n')
    made = runs.write(tmp_path, read.load(config, ["data.n_folds=2", "train.folds=0"]))
    ingest(
        tmp_path / "raw", DataFiles(made.data.folder), made.settings(type(read.load(config).data))
    )
    probs = np.zeros((32, 160, 5))
    probs[..., 0] = 1
    sure = probs.copy()
    sure[4:6, 0] = 0, 0, 1, 0, 0
    from segline.objects import maps

    maps.write(made.fold(0).maps("test"), [("t2", sure), ("t1", probs)])
    files.write_json(made.thresholds, {"final": {"scales": [1] * 5}, "parts": {}, "unseen": []})
    files.write_json(made.cv, {"mean": 1})
    return made


def test_ids_columns_and_order_are_the_samples(run, tmp_path, capsys):
    assert set(read_images(run.data.images)["split"]) == {"train", "test"}
    out = tmp_path / "s.csv"
    submit.run(run, out)
    lines = out.read_text().splitlines()
    assert lines[0] == "ImageId_ClassId,EncodedPixels"
    assert lines[1:] == [
        *("t2.jpg_1,", "t2.jpg_2,5 2", "t2.jpg_3,", "t2.jpg_4,"),
        *(f"t1.jpg_{k}," for k in range(1, 5)),
    ]
    capsys.readouterr()
    validate.run(out, run.data.sample, images=run.data.images)
    assert "valid; 8 rows, 1 masks" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("ImageId_ClassId", "ImageId", "columns ImageId,EncodedPixels, the sample has"),
        ("t2.jpg_2,5 2\n", "", "1 of 8 rows are missing, first image t2.jpg, class 2"),
        ("t2.jpg_2", "t3.jpg_2", "missing, first image t2.jpg, class 2"),
        ("t2.jpg_1,\n", "t2.jpg_1,\nt2.jpg_1,\n", "image t2.jpg, class 1 has two rows"),
        ("5 2", "5120 2", "image t2, class 2: a run ends 1 px beyond the image of 32x160"),
        ("t2.jpg_1,\nt2.jpg_2,5 2\n", "t2.jpg_2,5 2\nt2.jpg_1,\n", "not in the sample's order"),
        ("t2.jpg_2", "t2.jpg_7", "class '7' is none of 1, 2, 3, 4"),
    ],
)
def test_faults_are_named(run, tmp_path, before, after, said):
    out = tmp_path / "s.csv"
    submit.run(run, out)
    out.write_text(out.read_text().replace(before, after))
    with pytest.raises(UserError, match=said):
        validate.run(out, run.data.sample, images=run.data.images)
