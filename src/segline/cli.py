"""The command line: one command a stage, each importing only what it needs."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from typing import Annotated, Optional

import typer

from segline.errors import UserError

app = typer.Typer(
    help="From raw competition files to a scored submission; `make help` is the way in.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
Settings = Annotated[Optional[list[str]], typer.Option("--set", help="key=value, repeatable")]  # noqa: UP045
FilePath = Annotated[Path, typer.Option()]
MaybePath = Annotated[Optional[Path], typer.Option()]  # noqa: UP045
Number = Annotated[int, typer.Option()]
Maps = Annotated[list[Path], typer.Option(help="HDF5 of probability maps, repeatable")]


def main() -> None:
    """Run a command; a user's fault is one line and exit status 2, Ctrl-C one line and 130."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    try:
        app(standalone_mode=False)
    except UserError as error:
        sys.exit(_said(str(error), 2))
    except typer.TyperException as error:
        sys.exit(_said(error.format_message(), 2))
    except (typer.Abort, KeyboardInterrupt):
        sys.exit(_said("stopped; nothing half-written is left", 130))


def _load_tensorflow_quietly() -> None:
    """Import TensorFlow without the dozen lines it writes to standard error in passing."""
    kept = os.dup(2)
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123
        os.dup2(nowhere.fileno(), 2)
        try:
            import tensorflow as tf

            tf.config.list_physical_devices()
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def _said(message: str, status: int) -> int:
    print(f"segline: {message}", file=sys.stderr)
    return status


@app.command()
def params(
    config: FilePath,
    out: FilePath,
    interim: FilePath = Path("data/interim"),
    raw_root: FilePath = Path("data/raw"),
    raw: MaybePath = None,
    fresh: bool = False,
    settings: Settings = None,
) -> None:
    """Write a run's settings as files that change only when a setting does."""
    from segline.stages import params as stage

    stage.run(
        config_path=config,
        settings=settings or [],
        out=out,
        interim=interim,
        raw_root=raw_root,
        raw=raw,
        fresh=fresh,
    )


@app.command()
def synthesize(out: FilePath, size: str = "demo", seed: Number = 0) -> None:
    """Generate a data set in the competition's raw layout."""
    from segline.stages import synthesize as stage

    stage.run(out=out, size=size, seed=seed)


@app.command()
def download(out: FilePath, source: str = "broad") -> None:
    """Fetch the raw files from the Broad (BBBC038), or through the Kaggle CLI."""
    from segline.stages import download as stage

    stage.run(out=out, source=source)


@app.command()
def data(raw: FilePath, out: FilePath, source: str = "dsb2018", params: MaybePath = None) -> None:
    """Decode and check the raw files; write images.csv and what it names."""
    from segline.stages import data as stage

    stage.run(raw=raw, out=out, source=source, params=params)


@app.command()
def folds(images: FilePath, out: FilePath, n_folds: Number = 5, seed: Number = 0) -> None:
    """Assign whole groups to balanced folds."""
    from segline.stages import folds as stage

    stage.run(images=images, out=out, n_folds=n_folds, seed=seed)


@app.command()
def preview(
    params: FilePath = Path("data/runs/quick/params/train.json"),
    images: FilePath = Path("data/interim/dsb2018/images.csv"),
    folds: FilePath = Path("data/interim/dsb2018/folds.csv"),
    out: FilePath = Path("data/runs/quick/preview.png"),
    fold: Number = 0,
    n_samples: Number = 12,
) -> None:
    """Draw augmented training samples with their targets and weights."""
    from segline.stages import preview as stage

    stage.run(params=params, images=images, folds=folds, fold=fold, n_samples=n_samples, out=out)


@app.command()
def train(
    params: FilePath,
    images: FilePath,
    folds: FilePath,
    fold: Number,
    out: FilePath,
    extra: Annotated[Optional[list[Path]], typer.Option(help="images.csv, repeatable")] = None,  # noqa: UP045
    start: MaybePath = None,
    threads: Number = 2,
    fresh: bool = False,
) -> None:
    """Train one fold, resuming where an earlier run stopped."""
    _load_tensorflow_quietly()
    from segline.stages import train as stage

    stage.run(
        params=params,
        images=images,
        folds=folds,
        fold=fold,
        out=out,
        extra=extra or [],
        start=start,
        threads=threads,
        fresh=fresh,
    )


@app.command()
def lr(
    params: FilePath,
    images: FilePath,
    folds: FilePath,
    fold: Number,
    out: FilePath,
    steps: Number = 100,
) -> None:
    """Learning-rate range test with a throw-away net: lr.csv, lr.png and a suggestion."""
    _load_tensorflow_quietly()
    from segline.stages import lr as stage

    stage.run(params=params, images=images, folds=folds, fold=fold, out=out, steps=steps)


@app.command()
def predict(
    model: FilePath,
    params: FilePath,
    images: FilePath,
    folds: FilePath,
    out: FilePath,
    fold: Annotated[Optional[int], typer.Option(help="without it: the test images")] = None,  # noqa: UP045
) -> None:
    """Write probability maps of a held-out fold, or of the test images."""
    _load_tensorflow_quietly()
    from segline.stages import predict as stage

    stage.run(model=model, params=params, images=images, folds=folds, fold=fold, out=out)


@app.command()
def tune(params: FilePath, images: FilePath, folds: FilePath, out: FilePath, oof: Maps) -> None:
    """Choose thresholds by the true metric on out-of-fold maps."""
    from segline.stages import tune as stage

    stage.run(params=params, images=images, folds=folds, oof=oof, out=out)


@app.command()
def classifier(
    model: FilePath,
    params: FilePath,
    predict: FilePath,
    images: FilePath,
    folds: FilePath,
    fold: Number,
    out: FilePath,
) -> None:
    """Train the classifier of regions of one fold (two stages)."""
    _load_tensorflow_quietly()
    from segline.stages import classifier as stage

    stage.run(
        model=model,
        params=params,
        predict=predict,
        images=images,
        folds=folds,
        fold=fold,
        out=out,
    )


@app.command()
def classify(
    classifier: FilePath,
    source: FilePath,
    thresholds: FilePath,
    images: FilePath,
    folds: FilePath,
    out: FilePath,
    oof: Maps,
) -> None:
    """Turn maps of regions into class maps (two stages)."""
    _load_tensorflow_quietly()
    from segline.stages import classify as stage

    stage.run(
        classifier=classifier,
        source=source,
        thresholds=thresholds,
        images=images,
        folds=folds,
        oof=oof,
        out=out,
    )


@app.command()
def second(
    params: FilePath,
    images: FilePath,
    folds: FilePath,
    thresholds: FilePath,
    out: FilePath,
    oof: Maps,
) -> None:
    """Fit the second stage on out-of-fold objects."""
    from segline.stages import second as stage

    stage.run(params=params, images=images, folds=folds, oof=oof, thresholds=thresholds, out=out)


@app.command()
def cv(
    images: FilePath,
    folds: FilePath,
    thresholds: FilePath,
    scores: FilePath,
    out: FilePath,
    oof: Maps,
    second: MaybePath = None,
) -> None:
    """Cross-validated score by modality and IoU threshold."""
    from segline.stages import cv as stage

    stage.run(
        images=images,
        folds=folds,
        oof=oof,
        thresholds=thresholds,
        second=second,
        scores=scores,
        out=out,
    )


@app.command()
def gallery(
    images: FilePath,
    folds: FilePath,
    thresholds: FilePath,
    scores: FilePath,
    out: FilePath,
    oof: Maps,
    worst: Number = 0,
    second: MaybePath = None,
) -> None:
    """Draw out-of-fold results: the median image of each modality, or the worst of all."""
    from segline.stages import gallery as stage

    stage.run(
        images=images,
        folds=folds,
        oof=oof,
        thresholds=thresholds,
        second=second,
        scores=scores,
        worst=worst,
        out=out,
    )


@app.command()
def report(
    run: FilePath,
    images: FilePath,
    folds: FilePath,
    thresholds: FilePath,
    scores: FilePath,
    out: FilePath,
    oof: Maps,
    second: MaybePath = None,
) -> None:
    """Write the page of a run: figures, curves, choices and pictures in one HTML file."""
    from segline.stages import report as stage

    stage.run(
        run_dir=run,
        images=images,
        folds=folds,
        oof=oof,
        thresholds=thresholds,
        second=second,
        scores=scores,
        out=out,
    )


@app.command()
def audit(
    images: FilePath,
    folds: FilePath,
    thresholds: FilePath,
    scores: FilePath,
    second: FilePath,
    out: FilePath,
    oof: Maps,
) -> None:
    """List and draw training images whose labels contradict a confident model."""
    from segline.stages import audit as stage

    stage.run(
        images=images,
        folds=folds,
        oof=oof,
        thresholds=thresholds,
        second=second,
        scores=scores,
        out=out,
    )


@app.command()
def submit(
    thresholds: FilePath,
    cv: FilePath,
    sample: FilePath,
    images: FilePath,
    out: FilePath,
    maps: Maps,
    second: MaybePath = None,
) -> None:
    """Average the folds' test maps and write a checked submission."""
    from segline.stages import submit as stage

    stage.run(
        maps_paths=maps,
        thresholds=thresholds,
        second=second,
        cv=cv,
        sample=sample,
        images=images,
        out=out,
    )


@app.command()
def validate(submission: FilePath, sample: FilePath, images: MaybePath = None) -> None:
    """Check a submission CSV against the sample (and the images' sizes)."""
    from segline.stages import validate as stage

    stage.run(submission_path=submission, sample=sample, images=images)


@app.command()
def score(submission: FilePath, solution: FilePath, json: MaybePath = None) -> None:
    """Score a submission CSV against a solution CSV."""
    from segline.stages import score as stage

    stage.run(submission_path=submission, solution=solution, json_path=json)


@app.command()
def demo(run: FilePath, interim: FilePath, submission: FilePath, out: FilePath) -> None:
    """Print the demo's scores and draw its results."""
    from segline.stages import demo as stage

    stage.run(run_dir=run, interim=interim, csv=submission, out=out)


@app.command()
def segment(
    thresholds: FilePath,
    params: FilePath,
    images: FilePath,
    out: FilePath,
    model: Annotated[list[Path], typer.Option(help="model.keras, repeatable")],
    second: MaybePath = None,
    classifier: Annotated[Optional[list[Path]], typer.Option(help="of two stages")] = None,  # noqa: UP045
) -> None:
    """Masks of any images, of instances or classes, with trained models."""
    _load_tensorflow_quietly()
    from segline.stages import segment as stage

    stage.run(
        models=model,
        thresholds=thresholds,
        second=second,
        classifiers=classifier or [],
        params=params,
        images=images,
        out=out,
    )


@app.command()
def pack(run: FilePath, config: FilePath, out: FilePath) -> None:
    """Pack a finished run's weights, thresholds and figures for the repository."""
    _load_tensorflow_quietly()
    from segline.stages import pack as stage

    stage.run(run_dir=run, config=config, out=out)


@app.command()
def unpack(weights: FilePath, params: FilePath, out: FilePath) -> None:
    """Make a fold's model from the weights the repository carries."""
    _load_tensorflow_quietly()
    from segline.stages import unpack as stage

    stage.run(weights=weights, params=params, out=out)


@app.command()
def compare(base: FilePath, other: FilePath) -> None:
    """Gain of one run over another (two scores.csv), with a bootstrap over groups."""
    from segline.stages import compare as stage

    stage.run(base=base, other=other)


@app.command()
def ladder(
    steps: FilePath = Path("benchmarks/ladder.toml"),
    runs: FilePath = Path("data/runs"),
    out: FilePath = Path("benchmarks/results"),
    plan: bool = False,
) -> None:
    """Table of what each change gave, from finished runs; --plan lists the runs it needs."""
    from segline.stages import ladder as stage

    if plan:
        stage.plan(steps=steps)
    else:
        stage.collect(steps=steps, runs=runs, out=out)


@app.command()
def show_cv(cv: FilePath) -> None:
    """Print the table of a finished cv.json."""
    from segline.files import read_json
    from segline.stages.cv import print_summary

    print_summary(read_json(cv), str(cv))


@app.command()
def readme(
    readme: FilePath = Path("README.md"),
    submissions: FilePath = Path("submissions"),
    blocks: FilePath = Path("benchmarks/results"),
) -> None:
    """Put measured figures into README between their markers."""
    from segline.stages import readme as stage

    stage.run(readme=readme, submissions=submissions, blocks=blocks)
