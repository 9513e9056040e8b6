"""Tuning, scores and submissions of class masks, on made-up maps."""

import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import runs
from segline import tasks
from segline.base import files
from segline.base.errors import UserError
from segline.config import read, stages
from segline.config.stages import TaskTable
from segline.config.tables import Config
from segline.masks import classes as class_images
from segline.metrics import volumes
from segline.objects import class_tuning
from segline.stages import cv, score, show_cv, submit, tune, validate
from segline.tasks import semantic as semantic_task

N_IMAGES, SHAPE = 8, (24, 30)
KINDS = {
    "binary": {"classes": ["background", "iris"], "exclusive": True},
    "softmax": {"classes": ["background", "road", "car"], "exclusive": True},
    "overlapping": {"classes": ["background", "road", "car"], "exclusive": False},
}


def scene(kind, number):
    """Labels, and a map that is right where it exceeds .3 (binary, road) and .65 (car)."""
    rng = np.random.default_rng(number)
    road, car = np.zeros((2, *SHAPE), bool)
    road[2:20, 3 : 9 + number] = True
    if number % 2:
        car[8:12, 5:11] = True
    noise = rng.integers(0, 20, SHAPE)
    if kind == "softmax":
        labels = np.where(car, 2, road.astype(int))
        probs = 30 + 160 * (labels[..., None] == np.arange(3)) + noise[..., None]
        return labels, probs.astype(np.uint8)
    first = np.where(road, 85, 40) + noise  # .33 against .24 at most
    if kind == "binary":
        return road.astype(int), first[..., None].astype(np.uint8)
    second = np.where(car, 200, 130) + noise
    return road + 2 * car, np.dstack([first, second]).astype(np.uint8)


def task_of(kind):
    return tasks.of(TaskTable(name="semantic", **KINDS[kind]))


@pytest.fixture(params=list(KINDS))
def made(tmp_path, request, monkeypatch):
    """A run, the kind of its classes and their task."""
    kind = request.param
    monkeypatch.setattr(class_tuning, "pooled", runs.in_process)
    grids = {"class_threshold": [k / 20 for k in range(1, 20)], "class_scale": [0.25, 0.5, 1, 2]}
    data = {"task": "semantic", "source": "folders", "n_folds": 2} | KINDS[kind]
    tables = {"data": data, "input": {"mode": "rgb"}, "tune": grids}
    run = runs.write(tmp_path, Config.model_validate(tables))

    def part(which, numbers):
        return {f"i{number}": scene(kind, number)[which] for number in numbers}

    labels = [part(0, range(N_IMAGES)), part(0, [N_IMAGES])]
    runs.write_data(run.data, *labels, modalities=("all",), stratum="s", validation=0)
    runs.write_maps(run, part(1, range(N_IMAGES)), part(1, [N_IMAGES]))
    task = task_of(kind)
    files.write_csv(run.data.sample, task.submission([("i8", np.zeros(SHAPE, int))]))
    tune.run(run)
    cv.run(run)
    return SimpleNamespace(run=run, kind=kind, task=task)


def test_sigmoid_channels_have_a_threshold_each_and_softmax_classes_a_factor(made):
    tuned = files.read_json(made.run.thresholds)
    assert sorted(tuned["parts"]) == ["fold 0", "fold 1"]
    assert tuned["task"]["name"] == "semantic"
    expected = {
        "binary": {"thresholds": [0.3]},
        "overlapping": {"thresholds": [0.3, 0.65]},
        "softmax": {"scales": [1, 1, 1]},
    }
    ((key, values),) = expected[made.kind].items()
    assert tuned["final"] == {key: pytest.approx(values)}


def test_softmax_thresholds_of_an_older_version_are_the_plain_argmax(tmp_path):
    nothing = {"thresholds": None}
    (tmp_path / "old.json").write_text(json.dumps({"final": nothing, "parts": {"half 0": nothing}}))
    labels, probs = scene("softmax", 1)
    for decoder in task_of("softmax").decoders(tmp_path / "old.json", None).values():
        assert np.array_equal(decoder(probs), labels)


def test_right_maps_score_one(made):
    summary, rows = files.read_json(made.run.cv), pd.read_csv(made.run.scores)
    assert (rows[["dice", "iou", "accuracy"]] == 1).all(axis=None)
    assert (summary["mean"], summary["iou"], summary["accuracy"]) == (1, 1, 1)
    assert summary["pooled_mean_iou"] == 1
    assert (summary["n_images"], summary["n_groups"], summary["folds"]) == (8, 4, [0, 1])
    assert {name: part["n_true"] for name, part in summary["per_class"].items()} == (
        {"iris": 8} if made.kind == "binary" else {"road": 8, "car": 4}
    )
    assert ("auc" in summary, "map" in summary) == (made.kind == "binary",) * 2


def scored(submission, solution):
    """What the stage `score` writes."""
    out = submission.with_suffix(".score.json")
    score.run(submission=submission, solution=solution, json=out)
    return files.read_json(out)


def test_a_submission_is_valid_and_scores_one(made, capsys, tmp_path):
    labels, _ = scene(made.kind, 8)
    solution = made.task.submission([("i8", labels)])
    solution["Height"], solution["Width"], solution["Usage"] = *SHAPE, "Public"
    files.write_csv(tmp_path / "solution.csv", solution)
    out = tmp_path / "submission.csv"
    submit.run(made.run, out)
    header, *rows = out.read_text().splitlines()
    if made.kind == "binary":
        assert header == "ImageId,EncodedPixels"
        assert len(rows) == 1
    else:
        assert header == "ImageId,ClassId,EncodedPixels"
        assert [row[:5] for row in rows] == ["i8,1,", "i8,2,"]
        assert rows[1] == "i8,2,"  # no car there
    validate.run(submission=out, sample=made.run.data.sample, images=None)
    result = scored(out, tmp_path / "solution.csv")
    assert (result["dice"], result["iou"], result["mean"], result["n_images"]) == (1, 1, 1, 1)
    assert ("per_threshold" in result) == (made.kind == "binary")
    assert "Dice 1.0000" in capsys.readouterr().out


def test_scores_of_wrong_masks_by_hand():
    matrices = np.array([[[4, 1], [1, 2]], [[8, 0], [0, 0]], [[6, 0], [2, 0]]])
    found = semantic_task.class_scores(matrices, ["a", "b", "c"])
    assert found["dice_a"] == pytest.approx(4 / 6)
    assert (found["dice_b"], found["dice_c"]) == (1, 0)
    assert found["iou"] == pytest.approx((0.5 + 1 + 0) / 3)
    assert "ap" not in found
    assert semantic_task.class_scores(matrices[:1], ["a"])["ap"] == 0  # IoU .5 is not above .5


def csv(path, text):
    path.write_text(text)
    return path


SAMPLE = "ImageId,ClassId,EncodedPixels\na,1,\na,2,\n"


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("a,1,1 2\n", "1 of 2 rows are missing, first image a, class 2"),
        ("a,1,\na,2,\nb,1,\n", "1 rows do not belong to the set, first image b, class 1"),
        ("a,1,\na,1,1 1\na,2,\n", "image a, class 1 has two rows; join them"),
        ("a,1,\na,x,\n", "image a: ClassId must be a whole number from 1, found 'x'"),
        ("a,1,1 2 2 1\na,2,\n", "image a, class 1: .*overlaps"),
    ],
)
def test_a_fault_names_file_image_and_class(tmp_path, rows, message):
    sample = csv(tmp_path / "sample.csv", SAMPLE)
    path = csv(tmp_path / "s.csv", "ImageId,ClassId,EncodedPixels\n" + rows)
    with pytest.raises(UserError, match=message) as caught:
        validate.run(submission=path, sample=sample)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_score_by_class_is_that_of_the_masks(tmp_path):
    solution = csv(
        tmp_path / "y.csv",
        "ImageId,ClassId,EncodedPixels,Height,Width,Usage\na,1,1 4,4,4,Public\n"
        "c,2,3 1,4,4,Public\nb,1,1 1,4,4,Ignored\n",
    )
    rows = "a,2,9 1\na,1,1 2\nc,1,\nc,2,3 1\n"  # the solution has no row for a,2 and c,1
    path = csv(tmp_path / "s.csv", "ImageId,ClassId,EncodedPixels\n" + rows)
    result = scored(path, solution)
    assert result["per_class"]["1"]["dice"] == pytest.approx((4 / 6 + 1) / 2)
    assert result["per_class"]["1"]["pooled_iou"] == 0.5
    assert result["per_class"]["2"]["dice"] == 0.5
    assert result["per_image"] == {"a": pytest.approx(1 / 3), "c": 1}
    assert result["n_images"] == 2


def test_binary_masks_keep_the_competitions_score(tmp_path):
    solution = csv(
        tmp_path / "y.csv",
        "ImageId,EncodedPixels,Height,Width,Usage\na,1 4,4,4,Public\nb,,4,4,Public\n",
    )
    path = csv(tmp_path / "s.csv", "ImageId,EncodedPixels\na,1 3\nb,\n")
    result = scored(path, solution)
    assert result["mean"] == pytest.approx((0.5 + 1) / 2)  # IoU .75 passes .5 to .7
    assert result["iou"] == pytest.approx((0.75 + 1) / 2)
    assert len(result["per_threshold"]) == 10


def test_classes_are_listed_in_their_order_by_a_second_score_too(made, capsys):
    """JSON sorts keys, and the second `make score` shows what the first one wrote."""
    show_cv.run(made.run)
    said = capsys.readouterr().out
    places = [said.index(f" {name} ") for name in KINDS[made.kind]["classes"][1:]]
    assert places == sorted(places)


def test_pixels_of_no_known_class_are_in_no_score(made):
    """Maps that are wrong just there are tuned and scored as the right ones."""
    if made.kind == "overlapping":
        pytest.skip("a bit field has no such code")
    run, before = made.run, files.read_json(made.run.thresholds)
    found = {}
    for number in range(N_IMAGES):
        labels, probs = scene(made.kind, number)
        labels[:2], labels[20:] = class_images.IGNORE, class_images.IGNORE  # all background before
        probs[:2], probs[20:] = (
            [255 * (c == probs.shape[2] - 1) for c in range(probs.shape[2])],
            255,
        )
        files.write_labels(run.data.folder / f"labels/i{number}.png", labels)
        found[f"i{number}"] = probs
    runs.write_maps(run, found, {f"i{N_IMAGES}": scene(made.kind, N_IMAGES)[1]})
    tune.run(run)
    cv.run(run)
    assert files.read_json(run.thresholds)["final"] == before["final"]
    test_right_maps_score_one(made)
    counts = made.task.counts(labels)
    assert sum(counts.values()) == (labels != class_images.IGNORE).sum()


@pytest.fixture
def sparse(tmp_path, monkeypatch):
    """Every second image holds a square of 144 px; all show a false piece of 30 px, and surer."""
    monkeypatch.setattr(class_tuning, "pooled", runs.in_process)
    data = {"task": "semantic", "source": "folders", "n_folds": 2} | KINDS["binary"]
    run = runs.write(tmp_path, Config.model_validate({"data": data, "input": {"mode": "rgb"}}))
    labels, probs = {}, {}
    for number in range(N_IMAGES):
        truth = np.zeros(SHAPE, int)
        if number % 2:
            truth[2:14, 2:14] = 1
        found = np.where(truth, 150, 20).astype(np.uint8)
        found[18:23, 20:26] = 200
        labels[f"i{number}"], probs[f"i{number}"] = truth, found[..., None]
    test = {"t": labels["i1"]}
    runs.write_data(run.data, labels, test, modalities=("all",), stratum="s", validation=0)
    runs.write_maps(run, probs, {"t": probs["i1"]})
    tune.run(run)
    cv.run(run)
    return run


def test_small_pieces_and_empty_images_are_tuned_by_the_metric(sparse, capsys):
    tuned, summary = files.read_json(sparse.thresholds), files.read_json(sparse.cv)
    size = tuned["final"].get("min_sizes", [0])[0]
    area = tuned["final"].get("min_areas", [0])[0]
    assert 30 < max(size, area) <= 144
    assert summary["mean"] == summary["metric_mean"] == 1
    assert summary["metric"] == "dice"
    assert summary["empty_mean"] == 0.5  # four of eight images hold nothing
    show_cv.run(sparse)
    assert "all masks empty" in capsys.readouterr().out


def test_the_metric_of_a_dialect_is_tuned_and_shown(tmp_path):
    for name, dialect, wanted in (
        ("a", "tgs-salt-identification-challenge", "precision_iou"),
        ("b", "airbus-ship-detection", "f2_iou"),
        ("c", "severstal-steel-defect-detection", "dice"),
    ):
        (tmp_path / f"{name}.toml").write_text(f'[data]\ndataset = "x"\ndialect = "{dialect}"\n')
        config = read.load(tmp_path / f"{name}.toml")
        assert (
            next(s.metric for s in stages.of(config) if isinstance(s, stages.TuneStage)) == wanted
        )
    assert tasks.of(TaskTable(name="instances"), "f2_iou").metric.name == "f2_iou"
    assert tasks.of(TaskTable(name="instances"), "ap_iou").metric.name == "ap_iou"
    assert task_of("binary").metric.name == "dice"


@pytest.fixture
def mixed(tmp_path, monkeypatch):
    """Images of one large and many small squares, whose best thresholds differ.

    The large one's faint half is found at .35 and below; in the others a false piece as large as the true
    one appears there. A mean over images wants .5, all pixels together .3.
    """
    monkeypatch.setattr(class_tuning, "pooled", runs.in_process)

    def made(**tables):
        data = {"task": "semantic", "source": "folders", "n_folds": 2} | KINDS["binary"]
        tune_by = {"class_threshold": [0.2, 0.3, 0.4, 0.5, 0.6], "class_min_area_px": [0]}
        tune_by |= {"class_min_size_px": [0]} | tables.get("tune", {})
        tree = {"data": data | tables.get("data", {}), "input": {"mode": "rgb"}, "tune": tune_by}
        run = runs.write(tmp_path, Config.model_validate(tree))
        labels, probs = {}, {}
        for number in range(N_IMAGES):
            truth = np.zeros(SHAPE, int)
            found = np.full(SHAPE, 20, np.uint8)
            if number in (0, 2):
                truth[:, :20] = 1
                found[:, :10], found[:, 10:20] = 220, 90
            else:
                truth[2:6, 2:6] = 1
                found[2:6, 2:6], found[12:16, 12:16] = 220, 90
            labels[f"i{number}"], probs[f"i{number}"] = truth, found[..., None]
        runs.write_data(run.data, labels, {"t": labels["i1"]}, stratum="s", validation=0)
        runs.write_maps(run, probs, {"t": probs["i1"]})
        tune.run(run)
        cv.run(run)
        return files.read_json(run.thresholds), files.read_json(run.cv)

    return made


def test_the_metric_says_how_images_are_joined_when_thresholds_are_tuned(mixed):
    whole, half, small = 24 * 20, 24 * 10, 16
    tuned, summary = mixed(tune={"metric": "dice"})
    assert tuned["final"]["thresholds"][0] >= 0.4
    by_image = [2 * half / (whole + half)] * 2 + [1] * 6
    assert summary["metric_mean"] == pytest.approx(np.mean(by_image))

    tuned, summary = mixed(tune={"metric": "pooled_dice"})
    assert tuned["final"]["thresholds"][0] <= 0.3
    hits, found, true = 2 * whole + 6 * small, 2 * whole + 12 * small, 2 * whole + 6 * small
    assert summary["metric_mean"] == pytest.approx(2 * hits / (found + true))
    assert summary["metric"] == "pooled_dice"
    assert summary["metric_error"] > 0
    assert summary["empty_mean"] == 0


def test_a_grid_of_thresholds_goes_on_where_its_edge_is_best(mixed, capsys):
    tuned, _ = mixed(tune={"metric": "pooled_dice", "class_threshold": [0.5, 0.6, 0.7]})
    assert tuned["final"]["thresholds"] == [
        0.3
    ]  # two steps of .1 below; .35 is where the faint half is
    assert "at_edge" not in tuned
    assert "may lie beyond" not in capsys.readouterr().out


@pytest.mark.parametrize(("best", "size", "told"), [(80, 80, []), (10**6, 110, ["min"])])
def test_grids_of_sizes_go_on_too_and_tell_where_they_end(best, size, told):
    """Of one class, which gains with every px up to the best size; the steps are of 10 px."""
    axes = class_tuning.sizes_axis("class_min_size_px", [10]), class_tuning.sizes_axis("b", [0])
    scores = np.array([min(s, best) - max(s - best, 0) for s in axes[0].values], float)
    fit = class_tuning._best_sizes(scores[None, :, None], axes)
    assert fit.choice == {"min_sizes": [size]}
    assert list(fit.at_edge) == (["class_min_size_px"] if told else [])


def test_the_background_is_scored_as_a_class_where_that_is_asked_for(mixed, capsys):
    _, plain = mixed()
    assert list(plain["per_class"]) == ["iris"]
    tuned, summary = mixed(data={"score_background": True})
    assert list(summary["per_class"]) == ["background", "iris"]
    lines = [line.replace("│", " ").split() for line in capsys.readouterr().out.splitlines()]
    assert [line[0] for line in lines if line[1:2] == ["8"]][-3:] == ["background", "iris", "all"]
    n = SHAPE[0] * SHAPE[1]
    whole, half, small = 24 * 20, 24 * 10, 16
    iris = [2 * half / (whole + half)] * 2 + [1] * 6
    rest = [2 * (n - whole) / (n - whole + n - half)] * 2 + [1] * 6
    assert tuned["final"]["thresholds"][0] >= 0.4
    assert summary["per_class"]["background"]["mean"] == pytest.approx(np.mean(rest))
    assert summary["mean"] == pytest.approx((np.mean(iris) + np.mean(rest)) / 2)
    assert summary["metric_mean"] == pytest.approx(summary["mean"])
    only = [(2 * (n - whole) / (2 * n - whole)), (2 * (n - small) / (2 * n - small))]
    assert summary["empty_mean"] == pytest.approx((2 * only[0] + 6 * only[1]) / 8 / 2)


def test_a_metric_of_volumes_is_tuned_by_its_stand_in_and_scored_by_itself(mixed):
    tuned, summary = mixed(tune={"metric": "surface_dice"})  # every image is a volume of its own
    assert tuned["final"]["thresholds"][0] >= 0.4
    assert summary["metric"] == "surface_dice"
    assert 0.5 < summary["metric_mean"] < 1
    flat = np.zeros((2, *SHAPE), bool)
    flat[0, :, :20] = flat[1, :, :10] = True
    large = volumes.surface_dice([(flat[0][..., None], flat[1][..., None])])
    assert summary["metric_mean"] == pytest.approx((2 * large[0] + 6) / 8)
