"""Masks of any images, of instances or classes, with the models of a run."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import pandas as pd

from segline import tasks
from segline.base.console import say
from segline.base.errors import UserError
from segline.base.files import labels_suffix, write_csv, write_image, write_labels, write_text
from segline.config import claims
from segline.config.places import SEGMENTED_MARK, RunFiles
from segline.config.read import validated
from segline.config.stages import TuneStage
from segline.config.tables import Data
from segline.data import levels, pictures, reader
from segline.data.reader import Choice
from segline.results import figures
from segline.results.cost import training_left
from segline.tasks.segmenter import Segmenter, of_run

# Columns of the table where objects have classes.
OF_OBJECT = ["image", "label", "class", "area_px", "row", "column", "promised_iou"]
LEFT_OUT = 1  # exit status where some images were not done


def _claimed(run: RunFiles, out: Path | None, **_: object) -> Path:
    """What stands in the run's folder for the folder of results, which may be the user's."""
    name = "segmented" if out is None else f"segmented-{crc32(str(out.resolve()).encode()):08x}"
    return run.folder / name


@claims.makes(_claimed)
def run(
    run: RunFiles,
    images: Path,
    out: Path | None = None,
    page: int | None = None,
    channels: str = "",
    project: str = "",
) -> int:
    """Masks of any images, of instances or classes, with a run's models.

    `images` is a folder or one file. Writes for each image out/<stem>.png (labels) and
    out/<stem>_outlines.png, and a table: objects.csv, a row an image, or where objects have classes a row
    an object; or for class maps classes.csv with the pixels of each class. `page`, `channels` (`1` or
    `0,1,2`, from 0) and `project=max` choose the picture in files of several, as data.page and so on do. An
    image that cannot be read is named and left out; the others are done all the same, and the exit status
    is 1.
    """
    found = pictures.listed(images)
    choice = _choice(run.settings(Data), page, channels, project)
    if not any(fold.model.exists() for fold in run.folds):
        cost = training_left(run)
        raise UserError(
            f"{run.folder}: no trained net; make submit makes it{cost and f' ({cost})'}, or take the "
            f"shipped one: config=best pretrained=1"
        )
    for path in found.others:
        say(f"not read: {path}: no image of a known format")
    for path in found.foreign:
        say(f"left out: {path}: needs another program; export it as TIFF or PNG")
    place = _out(run, images, out)
    made: set[str] = set()
    if out is not None:
        made = _new_names(out, found.images, tasks.of(run.settings(TuneStage).task).listed)
    n_done = segment(of_run(run), found.images, place, choice, made=made)
    n_images = len(found.images) + len(found.foreign)
    if n_done < n_images:
        say(f"{n_images - n_done} of {n_images} images were left out, named above")
    return LEFT_OUT if n_done < n_images else 0


def _choice(data: Data, page: int | None, channels: str, project: str) -> Choice:
    """What the data set's settings say, but for what is given here."""
    given: dict[str, object] = {}
    if page is not None or project:
        given |= {"page": page, "project": project}
    if channels:
        given["channels"] = channels.split(",")
    return Choice.of(validated(Data, data.model_dump(mode="json") | given, "segment"))


def _out(run: RunFiles, images: Path, out: Path | None) -> Path:
    """Where results go: never among the user's images unless they say so."""
    place = out or run.folder / "segmented"
    folder = images if images.is_dir() else images.parent
    if out is None and place.resolve() == folder.resolve():
        raise UserError(f"{images}: results would lie among the images; say where with out=DIR")
    return place


def _ours(out: Path) -> set[str]:
    """Names of the files that `segment` has made in a folder."""
    mark = out / SEGMENTED_MARK
    return set(mark.read_text().splitlines()) if mark.exists() else set()


def _new_names(out: Path, paths: list[Path], table: str) -> set[str]:
    """Names of what `segment` may make in a folder; UserError if that would replace a file of others."""
    ours = _ours(out)
    made = {name + ending for name in pictures.names(paths, out) for ending in pictures.MADE}
    made.add(table)
    foreign = sorted(name for name in made - ours if (out / name).exists())
    if foreign:
        raise UserError(
            f"{out / foreign[0]}: there already, and not made by segment; give another folder as out=DIR "
            f"or move that file away"
        )
    return made


def segment(
    segmenter: Segmenter,
    paths: list[Path],
    out: Path,
    choice: Choice | None = None,
    *,
    made: Collection[str] = (),
) -> int:
    """Write labels, outlines and the table of the images at `paths`; how many could be read.

    `made` are names that `out` is marked with before anything is written there. UserError if no image can
    be read, or if other channels are chosen than the nets take.
    """
    _check_channels(choice, segmenter)
    rows: list[dict[str, Any]] = []
    n_done = 0
    for path, name in zip(paths, pictures.names(paths, out), strict=True):
        try:
            image, notes = reader.rgb8(path, choice)
        except UserError as error:
            if len(paths) == 1:
                raise
            say(f"left out: {error}")
            continue
        if made and not n_done:
            names = sorted({*made, *_ours(out)})
            write_text(out / SEGMENTED_MARK, "".join(f"{each}\n" for each in names))
        for kind, detail in notes:
            say(f"{path}: {kind}: {detail}")
        labels, found = _segmented(path, image, segmenter)
        write_labels(out / f"{name}{labels_suffix(int(labels.max()))}", labels)
        outlines = figures.outlined(levels.visible(figures.rgb(image)), None, labels, zoom=1)
        write_image(out / f"{name}_outlines.png", outlines)
        rows += found
        n_done += 1
    if not n_done:
        raise UserError(f"{paths[0].parent}: none of its {len(paths)} images can be read")
    table = pd.DataFrame(rows, columns=OF_OBJECT if segmenter.object_classes else None)
    write_csv(out / segmenter.task.listed, table)
    shown = ", ".join(f"{name} {total}" for name, total in _totals(table, segmenter).items())
    say(f"{out}: {n_done} images, {shown}")
    return n_done


def _segmented(
    path: Path, image: np.ndarray, segmenter: Segmenter
) -> tuple[np.ndarray, list[dict[str, Any]]]:
    """Labels of an image, and its rows of the table."""
    if not segmenter.object_classes:
        labels = segmenter.labels(image)
        return labels, [_row(path, labels, segmenter)]
    labels, found = segmenter.found(image)
    return labels, found.assign(image=path.name).to_dict("records")


def _totals(table: pd.DataFrame, segmenter: Segmenter) -> dict[str, int]:
    if not segmenter.object_classes:
        return dict(table.drop(columns=["image", "height", "width"]).sum())
    return {name: int((table["class"] == name).sum()) for name in segmenter.object_classes}


def _check_channels(choice: Choice | None, segmenter: Segmenter) -> None:
    """Refuse a choice of more or fewer channels than the nets were trained on."""
    found, wanted = (choice.bands if choice else 0) or 3, segmenter.bands or 3
    if found != wanted:
        takes = f"{wanted} channels" if segmenter.bands else "one channel or three"
        raise UserError(
            f"the net takes {takes}; choose as many of the images' with channels= (found {found})"
        )


def _row(path: Path, labels: np.ndarray, segmenter: Segmenter) -> dict[str, int | str]:
    height, width = labels.shape
    return {
        "image": path.name,
        "height": height,
        "width": width,
        **segmenter.task.counts(labels),
    }
