"""Objects of two classes from maps to thresholds, scores, a submission and a table of objects."""

import numpy as np
import pandas as pd
import pytest
from scipy import ndimage

import runs
from segline.base import files
from segline.base.errors import UserError
from segline.config.stages import TuneStage
from segline.config.tables import Config, Data
from segline.masks import rle
from segline.objects import decoders, kind_sizes
from segline.stages import (
    cv,
    data,
    folds,
    predict,
    score,
    second,
    submit,
    train,
    tune,
    validate,
)
from segline.submission import classes, kinds
from segline.tasks import instances

CLASSES = ("cell", "bubble")
TUNE = {
    "seed_threshold": [0.5],
    "foreground_threshold": [0.5],
    "min_size_px": [1, 50],
    "second_seed_offsets": [0.0],
    "second_foreground_offsets": [0.0],
    "second_cutoff": [0.0],
}
KINDS = np.array([1, 2, 1, 2])  # of the four squares
NAMES = tuple(CLASSES[kind - 1] for kind in KINDS)
DUST = np.s_[18:22, 18:22]  # 16 px, of the class bubble


def with_kinds(labels, kinds, *, dust=False):
    """The map that is sure of a label image and nearly of the classes of its objects."""
    labels = labels.copy()
    if dust:
        labels[DUST] = len(kinds) + 1
        kinds = [*kinds, 2]
    of_pixel = np.array([0, *kinds])[labels]
    channels = [np.where(of_pixel == number, 0.8, 0.2) for number in (1, 2)]
    return np.dstack([runs.sure(labels), *channels])


@pytest.fixture
def in_process(monkeypatch):
    for module in (instances, kind_sizes, second):
        monkeypatch.setattr(module, "pooled", runs.in_process)


def write(root, shown, *, dust=False, tune_table=None, test=None):
    """A run of images of four squares, of which `shown` gives the classes that the maps tell."""
    data = Data(dataset="squares", source="rle_csv", object_classes=CLASSES, n_folds=2)
    config = Config(data=data, tune=tune_table or TUNE)
    run = runs.write(root, config)
    labels = runs.squares(4)
    runs.write_data(run.data, {f"i{n}": labels for n in range(len(shown))}, {"t": labels})
    rows = [(f"i{n}", k, name) for n in range(len(shown)) for k, name in enumerate(NAMES, start=1)]
    table = pd.DataFrame(rows, columns=["image_id", "label", "class"])
    files.write_csv(run.data.object_classes, table)
    sample = pd.DataFrame({"ImageId": ["t"], "ClassId": 1, "EncodedPixels": "1 1"})
    files.write_csv(run.data.sample, sample)
    train = {f"i{n}": with_kinds(labels, kinds, dust=dust) for n, kinds in enumerate(shown)}
    runs.write_maps(run, train, {"t": with_kinds(labels, KINDS) if test is None else test})
    return run


def test_every_class_is_scored_by_its_own_objects(tmp_path, in_process, capsys):
    wrong = np.array([1, 1, 1, 1])
    run = write(tmp_path, [KINDS] * 6 + [wrong] * 2)
    tune.run(run)
    cv.run(run)
    summary = files.read_json(run.cv)
    # where all are taken for cells two of four are right, and no bubble is found
    assert summary["mean"] == 1.0
    per_class = {name: part["mean"] for name, part in summary["per_class"].items()}
    assert per_class == {"cell": pytest.approx((6 + 2 * 0.5) / 8), "bubble": pytest.approx(6 / 8)}
    assert summary["class_mean"] == summary["metric_mean"] == pytest.approx((7 + 6) / 16)
    assert summary["empty_mean"] == 0
    scores = files.read_csv(run.scores)
    assert scores["class_cell_ap"].tolist() == [1.0] * 6 + [0.5] * 2
    assert scores["class_bubble_ap"].tolist() == [1.0] * 6 + [0.0] * 2
    shown = capsys.readouterr().out
    assert "class bubble" in shown
    assert "mean of classes" in shown


def test_a_class_that_is_not_scored_has_its_line_alone(tmp_path, in_process, capsys):
    """All bubbles are taken for cells: of the squares, scored whatever they are, none is wrong."""
    run = write(tmp_path, [np.array([1, 1, 1, 1])] * 4)
    for groups, score_, empty in ((((1,),), 0.5, 0.0), (((1, 2),), 1.0, 0.0)):
        task = run.settings(TuneStage).task
        runs.change(run, TuneStage, task=task.model_copy(update={"groups": groups}))
        tune.run(run)
        cv.run(run)
        summary = files.read_json(run.cv)
        assert summary["class_mean"] == pytest.approx(0.25)
        assert summary["metric_mean"] == pytest.approx(score_)
        assert summary["empty_mean"] == empty
        assert "mAP of IoU" in capsys.readouterr().out


def test_a_class_that_is_dust_has_a_smallest_size_of_its_own(tmp_path, in_process):
    """Small cells are true, small bubbles are not: no size for both is right."""
    run = write(tmp_path, [KINDS] * 8, dust=True)
    labels = runs.squares(4)
    labels[37:40, 18:22], labels[0:3, 18:22] = 5, 6  # 12 px each, true cells
    names = [*NAMES, "cell", "cell"]
    rows = [(f"i{n}", k, name) for n in range(8) for k, name in enumerate(names, start=1)]
    table = pd.DataFrame(rows, columns=["image_id", "label", "class"])
    files.write_csv(run.data.object_classes, table)
    for n in range(8):
        files.write_labels(run.data.folder / f"labels/i{n}.png", labels)
    train = {f"i{n}": with_kinds(labels, [*KINDS, 1, 1], dust=True) for n in range(8)}
    runs.write_maps(run, train, {"t": train["i0"]})
    tune.run(run)
    tuned = files.read_json(run.thresholds)
    assert tuned["final"]["min_size_px"] == 1
    assert tuned["final"]["class_sizes_px"][0] == 0
    assert tuned["final"]["class_sizes_px"][1] > 16
    cv.run(run)
    assert files.read_json(run.cv)["class_mean"] == 1.0
    made = decoders.load(run.thresholds)["final"]
    probs = (255 * train["i0"]).astype(np.uint8)
    found, confidences = made.with_confidences(probs)
    assert found.max() == len(confidences) == 6
    assert made.kinds(probs, found).tolist() == [1, 1, 2, 1, 2, 1]


def test_the_second_stage_does_not_see_the_classes(tmp_path, in_process):
    run = write(tmp_path, [KINDS] * 8, dust=True)
    tune.run(run)
    second.run(run)
    made = decoders.load(run.thresholds, run.second)["final"]
    assert not [name for name in made.forests[0].names if "kind" in name or "distance" in name]
    cv.run(run)
    assert files.read_json(run.cv)["class_mean"] == 1.0


def test_without_the_table_of_classes_it_is_one_line(tmp_path, in_process):
    run = write(tmp_path, [KINDS] * 4)
    run.data.object_classes.unlink()
    with pytest.raises(UserError, match="object_classes.csv is missing"):
        tune.run(run)


# --- submissions and objects ------------------------------------------------------------------------


def solved(run, kinds=KINDS):
    """Write the solution of the test image t, whose squares have these classes."""
    codes = rle.encode_labels(runs.squares(4))
    rows = [("t", kind, code) for kind, code in zip(kinds, codes, strict=True)]
    table = pd.DataFrame(rows, columns=["ImageId", "ClassId", "EncodedPixels"])
    sides = {"Height": runs.SIDE, "Width": runs.SIDE, "Usage": "Public"}
    files.write_csv(run.data.solution, table.assign(**sides))
    return rows


def test_a_submission_has_the_class_of_every_object(tmp_path, in_process, capsys):
    run = write(tmp_path, [KINDS] * 4)
    tune.run(run)
    cv.run(run)
    out = tmp_path / "run.csv"
    submit.run(run, out)
    rows = files.read_csv(out, dtype={"ClassId": int})
    assert rows.to_numpy().tolist() == [[*row] for row in solved(run)]
    result = classes.scored(out, run.data.solution)
    assert result["mean"] == 1.0
    solved(run, [1, 2, 2, 2])  # one cell of ours is a bubble: 1 of 2, and 2 of 3
    result = classes.scored(out, run.data.solution)
    assert result["mean"] == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert result["per_class"]["2"]["mAP"] == pytest.approx(2 / 3)
    validate.run(out, run.data.sample, run.data.images)
    validate.run(out, run.data.sample)
    said = " ".join(capsys.readouterr().out.split())
    assert said.count("4 instances of 2 classes") == 3  # by submit, and twice by validate
    score.run(out, run.data.solution, images=run.data.images)
    assert "mAP 0.5833 on 1 images" in capsys.readouterr().out


def test_an_image_without_objects_is_a_row_and_no_object(tmp_path, in_process):
    empty = with_kinds(runs.squares(0), [])
    run = write(tmp_path, [KINDS] * 4, test=empty)
    tune.run(run)
    cv.run(run)
    submit.run(run, tmp_path / "run.csv")
    assert files.read_csv(tmp_path / "run.csv", dtype=str).to_numpy().tolist() == [
        ["t", "1", "1 1"]
    ]
    solved(run)
    assert classes.scored(tmp_path / "run.csv", run.data.solution)["mean"] == 0
    assert kinds.read(tmp_path / "run.csv") == {"t": ([], [])}


@pytest.mark.parametrize("number", ["0", "cell", ""])
def test_a_class_in_a_submission_is_a_number(tmp_path, number):
    files.write_text(tmp_path / "s.csv", f"ImageId,ClassId,EncodedPixels\nt,{number},1 3\n")
    with pytest.raises(UserError, match="image t: ClassId must be a whole number from 1, found"):
        kinds.checked(tmp_path / "s.csv", tmp_path / "s.csv")


def test_a_class_beyond_the_sets_is_refused_by_validate_and_score(tmp_path, in_process, capsys):
    run = write(tmp_path, [KINDS] * 4)
    rows = solved(run)
    out = tmp_path / "s.csv"
    table = pd.DataFrame(rows, columns=["ImageId", "ClassId", "EncodedPixels"])
    files.write_csv(out, table.assign(ClassId=[1, 1, 1, 3]))
    said = "s.csv: image t: ClassId 3 is none of the set's, 1 to 2; number"
    for known in ({"images": run.data.images}, {"run": run}):
        with pytest.raises(UserError, match=said):
            validate.run(out, run.data.sample, **known)
    for images in (run.data.images, None):
        with pytest.raises(UserError, match=said):
            score.run(out, run.data.solution, images=images)
    files.write_csv(out, table.assign(ClassId=1))
    capsys.readouterr()
    validate.run(out, run.data.sample, run=run)
    assert capsys.readouterr().out.endswith(": valid; 1 images, 4 instances of 1 class\n")
    solved(run, [1] * 4)  # a class that no true object has
    files.write_csv(out, table.assign(ClassId=2))
    score.run(out, run.data.solution)


# --- the whole chain ----------------------------------------------------------------------------


def shapes(seed, n_each=3, side=64):
    """Discs and bars of one area and brightness, so that the shape alone tells them, with their classes."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side]
    labels, names = np.zeros((side, side), np.int32), []
    for _ in range(200):
        if len(names) == 2 * n_each:
            break
        name = ("disc", "bar")[len(names) % 2]
        cy, cx = rng.integers(10, side - 10, 2)
        if name == "disc":
            mask = np.hypot(y - cy, x - cx) <= 6
        else:
            high, wide = ((2, 10), (10, 2))[rng.integers(2)]
            mask = (abs(y - cy) <= high) & (abs(x - cx) <= wide)
        if not (labels[ndimage.binary_dilation(mask, iterations=2)]).any():
            labels[mask] = len(names) + 1
            names.append(name)
    image = np.where(labels > 0, 150, 40) + rng.normal(0, 8, labels.shape)
    return image.clip(0, 255).astype(np.uint8), labels, names


@pytest.mark.slow
def test_a_net_tells_shapes_of_one_brightness_apart(tmp_path, monkeypatch, in_process):
    monkeypatch.chdir(tmp_path)
    rows = []
    for number in range(28):
        image, labels, names = shapes(number)
        folder = "images" if number < 24 else "test_images"
        files.write_image(tmp_path / f"raw/{folder}/s{number:02d}.png", image)
        codes = rle.encode_labels(labels)
        if number < 24:
            rows += [
                (f"s{number:02d}", name, code) for name, code in zip(names, codes, strict=True)
            ]
    files.write_csv(tmp_path / "raw/train.csv", pd.DataFrame(rows, columns=kinds.COLUMNS))
    config = Config.model_validate(
        {
            "data": {
                **{"dataset": "shapes", "source": "rle_csv", "n_folds": 2},
                "object_classes": ["disc", "bar"],
            },
            "input": {"mode": "grey"},
            "model": {"width": 8, "depth": 3, "stem": 1},
            "train": {
                **{"folds": [0], "crop_px": 64, "batch_size": 4, "epochs": 12},
                **{"crops_per_epoch": 96, "precision": "float32", "learning_rate": 3e-3},
            },
            "tune": {"seed_threshold": [0.5], "foreground_threshold": [0.4, 0.5]},
        }
    )
    run = runs.write(tmp_path, config)
    files.write_text(run.raw, f"{tmp_path / 'raw'}\n")
    data.run(run)
    folds.run(run)
    train.run(run, 0)
    for split in ("oof", "test"):
        predict.run(run, 0, split)
    tune.run(run)
    cv.run(run)
    submit.run(run, tmp_path / "run.csv")
    summary = files.read_json(run.cv)
    found = {name: part["mean"] for name, part in summary["per_class"].items()}
    assert min(found.values()) > 0.9 * summary["mean"] > 0.6, (found, summary["mean"])
    solution = {f"s{number}": shapes(number)[1:] for number in range(24, 28)}
    right = total = 0
    for image_id, (codes, numbers) in kinds.read(tmp_path / "run.csv").items():
        labels, names = solution[image_id]
        for code, number in zip(codes, numbers, strict=True):
            inside = labels[rle.decode(code, labels.shape)]
            true = np.bincount(inside).argmax()
            right += true > 0 and names[true - 1] == ("disc", "bar")[number - 1]
            total += 1
    assert total >= 20
    assert right / total > 0.9
