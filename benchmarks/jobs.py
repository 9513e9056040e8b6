"""Each job's typical failure, and what its config makes of the same data and steps.

`python -m benchmarks.jobs --plan` lists the runs that `make bench-jobs` trains; without it their
figures go to benchmarks/results/jobs.json and jobs.md. Naive runs cut their maps at one half or take the
largest channel, as people do.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from segline.base.files import read_image, read_json, read_labels, write_json, write_text
from segline.config.places import RunFiles
from segline.config.tables import Data, Predict
from segline.data.tables import read_images
from segline.masks import classes as class_images
from segline.masks.classes import Classes
from segline.metrics import semantic
from segline.objects import maps

RUNS, RESULTS = Path("data/runs"), Path("benchmarks/results")
NAIVE = ("train.stuck_epochs=0", "tune.class_threshold=0.5", "tune.class_scale=1")


class Job(NamedTuple):
    """A config, the class people miss there, what the naive run does and its settings."""

    config: str
    rare: str
    naive: str
    settings: tuple[str, ...]

    def run(self, kind: str) -> RunFiles:
        return RunFiles(RUNS / f"jobs-{self.config}-{kind}")


JOBS = (
    Job(
        "iris_slim",
        "iris",
        "unweighted cross-entropy, levels as they come, constant learning rate 0.1, no clipping",
        (
            *("weights.class_weights=none", "input.stretch=false", "train.learning_rate=0.1"),
            *("train.schedule=plateau", "train.plateau_patience=999", "train.warmup=0"),
            *("train.clip_norm=1e6", "train.ema=0", *NAIVE),
        ),
    ),
    Job(
        "multiclass",
        "vehicle",
        "unweighted cross-entropy",
        ("weights.class_weights=none", "loss.terms.dice=0", *NAIVE),
    ),
    Job("multichannel", "fluid", "cross-entropy alone", ("loss.terms.iou=0", *NAIVE)),
    Job(
        "npz",
        "lesion",
        "trained on 0-1, validated on 0-255 as the files come",
        ("input.stretch=false", *NAIVE),
    ),
    Job(
        "two_stage",
        "eosinophil",
        "one softmax net, unweighted",
        (
            *("data.task=semantic", "data.dataset=two_stage_softmax"),
            *("loss.terms.balanced_cross_entropy=0", "loss.terms.cross_entropy=1"),
            *NAIVE,
        ),
    ),
)


def plan(extra: str) -> None:
    """Print a line a run for the Makefile: config, run and settings, parted by tabs."""
    for job in JOBS:
        for kind, settings in (("naive", job.settings), ("ours", ())):
            words = " ".join([*settings, *extra.split()])
            print(job.config, job.run(kind).name, words, sep="\t")


def collect(out: Path = RESULTS) -> None:
    """Write jobs.json and jobs.md from the runs that have finished."""
    rows = {job.config: row for job in JOBS if (row := _row(job)) is not None}
    write_json(out / "jobs.json", rows)
    write_text(out / "jobs.md", markdown(rows) + "\n")
    print(f"{out / 'jobs.md'}: {len(rows)} of {len(JOBS)} jobs measured")


def _row(job: Job) -> dict[str, Any] | None:
    if not all(job.run(kind).cv.exists() for kind in ("naive", "ours")):
        return None
    row: dict[str, Any] = {"rare": job.rare, "naive_is": job.naive}
    for kind in ("naive", "ours"):
        cv = read_json(job.run(kind).cv)
        row[kind] = {
            "rare_iou": cv["per_class"][job.rare]["pooled_iou"],
            "mean_iou": cv["pooled_mean_iou"],
            "dice": cv["mean"],
            "n_images": cv["n_images"],
        }
    if job.config in ALSO:
        row |= ALSO[job.config](job)
    return row


def _wrong_scale(job: Job) -> dict[str, Any]:
    """The naive net, trained on 0-1, on validation images in 0-255."""
    from segline.nets import predict
    from segline.samples import normalise

    run = job.run("naive")
    net, table, settings = predict.load(run.fold(0)), _images(run), run.settings(Predict)
    counts: Any = 0
    dices = []
    for image_id in maps.ids(run.fold(0).maps("oof")):
        image, labels = read_image(table[image_id][0]), read_labels(table[image_id][1])
        levels = 255 * normalise.to_channels(image, mode=net.input.mode)
        probs = predict.probability_map(
            net.model, levels, settings, multiple=net.multiple, activation=net.activation
        )
        matrix = semantic.confusion(labels > 0, probs[..., 0] > 0.5, n_classes=2)
        dices.append(float(semantic.dice(matrix)[1]))
        counts = counts + matrix
    iou = float(semantic.iou(counts)[1])
    figures = {"rare_iou": iou, "mean_iou": iou, "dice": float(np.mean(dices))}
    return {"naive": figures | {"n_images": len(dices)}}


def _wrong_measures(job: Job) -> dict[str, Any]:
    """What two broken mean IoUs say of the naive maps: one sums over the channels of a pixel alone, the
    other casts probabilities to whole numbers first."""
    run, said = job.run("naive"), []
    classes, table = Classes(run.settings(Data).classes), _images(run)
    path = run.fold(0).maps("oof")
    for image_id in maps.ids(path):
        probs = maps.read(path, image_id) / 255
        labels = read_labels(table[image_id][1])
        truth = class_images.to_channels(labels, n_classes=len(classes), exclusive=True)
        said.append([_iou_by_pixel(truth, probs), _iou_by_pixel(truth, probs.astype(int))])
    by_pixel, cast = np.mean(said, axis=0).tolist()
    return {"broken_measures": {"summed over one axis": by_pixel, "cast before rounding": cast}}


def _iou_by_pixel(truth: np.ndarray, probs: np.ndarray) -> float:
    """As in public notebooks: `smooth` 1, sums over the last axis, then the mean over the pixels."""
    shared = (truth * probs).sum(axis=-1)
    union = truth.sum(axis=-1) + probs.sum(axis=-1) - shared
    return float(((shared + 1) / (union + 1)).mean())


def _images(run: RunFiles) -> dict[str, tuple[str, str]]:
    table = read_images(run.data.images)
    return {row.image_id: (row.image, row.labels) for row in table.itertuples()}


ALSO: dict[str, Callable[[Job], dict[str, Any]]] = {
    "npz": _wrong_scale,
    "multichannel": _wrong_measures,
}


def markdown(rows: dict[str, dict[str, Any]]) -> str:
    """A line a job: naive against ours, on the same held-out images."""
    lines = [
        "| config | the naive version | class | IoU, naive | ours | mean Dice, naive | ours |",
        "|" + "---|" * 7,
    ]
    for config, row in rows.items():
        pairs = [
            f"{_shown(row['naive'][key])} | **{_shown(row['ours'][key])}**"
            for key in ("rare_iou", "dice")
        ]
        lines.append(f"| `{config}` | {row['naive_is']} | {row['rare']} | {' | '.join(pairs)} |")
    notes = [
        f"\nOf the naive `{config}` maps (mean IoU {_shown(row['naive']['mean_iou'])}) a mean IoU {words}."
        for config, row in rows.items()
        if (
            words := ", one ".join(
                f"{name} says {value:.3f}" for name, value in row.get("broken_measures", {}).items()
            )
        )
    ]
    caption = (
        "\nIoU over all pixels of the held-out images; Dice is the mean over images and classes."
    )
    return "\n".join([*lines, *notes, caption] if rows else lines)


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plan", action="store_true")
    parser.add_argument("--set", default="", help="settings added to every run, to try it small")
    arguments = parser.parse_args()
    if arguments.plan:
        plan(arguments.set)
    else:
        collect()
