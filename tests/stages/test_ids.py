"""Ids that a CSV spells otherwise than the files: matched when data are read, written back as spelt."""

import shutil

import numpy as np
import pytest

import runs
from data.layouts import competitions
from segline.base import files
from segline.base.errors import UserError
from segline.config import read
from segline.config.tables import Data
from segline.data import tables
from segline.masks import rle
from segline.objects import maps
from segline.stages import data, score, submit, validate

SIDE = 40
SQUARE = runs.squares(1)
PICTURE = runs.PALETTE[SQUARE]
CODE = rle.encode(SQUARE)


def dsb2018(raw, tests):
    for name in ("a", "b"):
        files.write_image(raw / f"stage1_train/{name}/images/{name}.png", PICTURE)
        files.write_image(raw / f"stage1_train/{name}/masks/1.png", 255 * SQUARE.astype(np.uint8))
    for name in tests:
        files.write_image(raw / f"stage1_test/{name}/images/{name}.png", PICTURE)
    return "stage1_sample_submission.csv", "stage1_solution.csv"


def folders(raw, tests):
    for name in ("a", "b"):
        files.write_image(raw / f"train/images/{name}.png", PICTURE)
        files.write_image(raw / f"train/masks/{name}.png", SQUARE.astype(np.uint8))
    for name in tests:
        files.write_image(raw / f"test/images/{name}.png", PICTURE)
    return "sample_submission.csv", "solution.csv"


def rle_csv(raw, tests):
    named = folders(raw, tests)
    shutil.rmtree(raw / "train/masks")
    (raw / "train.csv").write_text(f"ImageId,EncodedPixels\nA.PNG,{CODE}\nb,{CODE}\n")
    return named


def npz(raw, tests):
    raw.mkdir()
    images, masks = np.stack([PICTURE] * 2), np.stack([SQUARE] * 2).astype(np.uint8)
    np.savez(raw / "train.npz", images, masks)
    np.savez(raw / "test.npz", np.stack([PICTURE] * len(tests)))
    return "sample_submission.csv", "solution.csv"


def dialect(raw, tests):
    for name in ("a", "b"):
        files.write_image(raw / f"train/images/{name}.png", PICTURE)
    for name in tests:
        files.write_image(raw / f"test/images/{name}.png", PICTURE)
    competitions.table(raw / "train.csv", ("id", "rle_mask"), [("A.png", CODE), ("b", CODE)])
    return "sample_submission.csv", "solution.csv"


SEMANTIC = {"task": "semantic", "classes": ["background", "thing"]}
SOURCES = {
    "dsb2018": (dsb2018, {}),
    "folders": (folders, SEMANTIC | {"source": "folders"}),
    "npz": (npz, SEMANTIC | {"source": "npz"}),
    "rle_csv": (rle_csv, SEMANTIC | {"source": "rle_csv"}),
    "dialect": (dialect, {"dialect": "tgs-salt-identification-challenge"}),
}


class Set:
    """A raw folder of one source, its settings, and a run on it."""

    def __init__(self, root, name):
        make, settings = SOURCES[name]
        self.name, self.raw = name, root / "raw"
        self.tests = ["test-0000", "test-0001"] if name == "npz" else ["te0", "te1"]
        self.sample, self.solution = make(self.raw, self.tests)
        lines = (f"{key} = {value!r}" for key, value in {"dataset": "x", **settings}.items())
        (root / "x.toml").write_text("[data]\n" + "\n".join(lines))
        mode = [] if name in ("dsb2018", "dialect") else ["input.mode=rgb"]
        config = read.load(root / "x.toml", ["data.n_folds=2", "train.folds=0", *mode])
        self.run, self.root = runs.write(root, config), root

    def sampled(self, *ids):
        head = "id,rle_mask" if self.name == "dialect" else "ImageId,EncodedPixels"
        text = "\n".join((head, *(f"{name},1 1" for name in ids))) + "\n"
        (self.raw / self.sample).write_text(text)

    def ingest(self):
        data.ingest(self.raw, self.run.data, self.run.settings(Data), root=self.root)

    def submitted(self):
        """The rows that are written of maps which are sure of a square in every test image."""
        sure = runs.sure(SQUARE) if self.name == "dsb2018" else (SQUARE > 0)[..., None]
        found = ((name, sure.astype(float)) for name in self.tests)
        maps.write(self.run.fold(0).maps("test"), found)
        chosen = runs.CHOICE if self.name == "dsb2018" else {"thresholds": [0.5]}
        tuned = {"final": chosen, "options": runs.OPTIONS, "parts": {}, "unseen": []}
        files.write_json(self.run.thresholds, tuned)
        files.write_json(self.run.cv, {"mean": 1})
        submit.run(self.run, self.root / "s.csv")
        return files.read_csv(self.root / "s.csv", dtype=str).to_numpy().tolist()


@pytest.fixture(params=SOURCES)
def made(request, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Set(tmp_path, request.param)


def test_endings_and_case_are_matched_and_written_back_as_the_sample_has_them(made, capsys):
    first, second = f"{made.tests[1]}.png".upper(), f"{made.tests[0]}.tif"
    made.sampled(first, second)
    made.ingest()
    assert made.submitted() == [[first, CODE], [second, CODE]]
    capsys.readouterr()
    validate.run(made.root / "s.csv", made.run.data.sample, images=made.run.data.images)
    assert "valid; 2 " in capsys.readouterr().out
    images = tables.read_images(made.run.data.images)
    assert sorted(images.loc[images["split"] == "test", "image_id"]) == made.tests
    if made.name == "dialect":
        return
    head = "ImageId,EncodedPixels,Height,Width,Usage"
    rows = (f"{name}.jpg,{CODE},{SIDE},{SIDE},Public" for name in made.tests)
    files.write_text(made.root / "y.csv", "\n".join((head, *rows)) + "\n")
    score.run(made.root / "s.csv", made.root / "y.csv", json=made.root / "score.json")
    assert files.read_json(made.root / "score.json")["mean"] == 1


def test_score_and_validate_want_the_samples_spelling(made):
    first, second = (f"{name}.jpg" for name in made.tests)
    made.sampled(first, second)
    made.ingest()
    made.submitted()
    mine = made.root / "s.csv"
    files.write_text(mine, mine.read_text().replace(first, made.tests[0]))
    with pytest.raises(UserError, match=rf"(are|is) missing, first .*{first}"):
        validate.run(mine, made.run.data.sample, images=made.run.data.images)
    names = "id,rle_mask" if made.name == "dialect" else "ImageId,EncodedPixels"
    rows = (f"{name},{CODE},{SIDE},{SIDE},Public" for name in made.tests)
    files.write_text(made.root / "y.csv", "\n".join((f"{names},Height,Width,Usage", *rows)) + "\n")
    said = f"s.csv: image {made.tests[0]} is spelt {first} in .*sample_submission.csv; spell it so"
    with pytest.raises(UserError, match=said):
        score.run(mine, made.root / "y.csv", images=made.run.data.images)


def test_an_id_without_image_is_refused_before_anything_is_replaced(made):
    made.sampled(*made.tests)
    made.ingest()
    before = made.run.data.images.read_bytes(), made.run.data.sample.read_bytes()
    made.sampled(f"{made.tests[0]}.png", "other.png")
    with pytest.raises(UserError) as caught:
        made.ingest()
    said = str(caught.value)
    assert said == (
        f"{made.raw / made.sample}: 1 of 2 ids have no test image, first "
        f"{'other' if made.name == 'dialect' else 'other.png'}, and 1 of 2 test images have no row, first "
        f"{made.tests[1]}; give the test images of these ids, or take the rows out"
    )
    assert (made.run.data.images.read_bytes(), made.run.data.sample.read_bytes()) == before


def test_an_image_without_row_is_named_and_left_out(made, capsys):
    made.sampled(f"{made.tests[1]}.png")
    made.ingest()
    said = "".join(capsys.readouterr().out.splitlines())
    assert f"1 of 2 test images have no row, first {made.tests[0]}; the submission is" in said
    problems = files.read_csv(made.run.data.problems, dtype=str)
    assert [made.tests[0], "missing in sample submission"] in problems[
        ["image_id", "kind"]
    ].to_numpy().tolist()
    assert made.submitted() == [[f"{made.tests[1]}.png", CODE]]


def test_two_spellings_of_one_image_are_refused(made):
    one, other = f"{made.tests[0]}.png", f"{made.tests[0]}.tif"
    made.sampled(one, other, made.tests[1])
    with pytest.raises(UserError, match=f"{one} and {other} mean one image, {made.tests[0]}"):
        made.ingest()
    assert not made.run.data.images.exists()


@pytest.mark.parametrize("name", ["dsb2018", "dialect"])
def test_a_test_image_that_cannot_be_read_is_said_before_training(tmp_path, name):
    made = Set(tmp_path, name)
    made.sampled("te0.png", "te1.png")
    (broken,) = made.raw.glob("**/te1.png")
    broken.write_bytes(b"\x89PNG cut off")
    with pytest.raises(UserError, match=r"faulty files \(1\): te1: image unreadable: .*te1"):
        made.ingest()


def test_label_tables_are_matched_so_too(tmp_path):
    made = Set(tmp_path, "dsb2018")
    (made.raw / "stage1_train_labels.csv").write_text(
        f"ImageId,EncodedPixels\na.png,{CODE}\nB,{CODE}\n"
    )
    (made.raw / "groups.csv").write_text("image_id,group\na,g\n")
    made.ingest()
    problems = files.read_csv(made.run.data.problems, dtype=str)
    assert set(problems["kind"]) == {"duplicate image"}  # all show one picture
