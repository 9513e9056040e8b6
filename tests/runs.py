"""Runs as the stages before a test would leave them, in a temporary folder."""

import numpy as np
import pandas as pd

from segline.base import files
from segline.config import stages
from segline.config.places import RunFiles
from segline.config.stages import RunStage
from segline.config.tables import Config, Data
from segline.data import tables
from segline.objects import maps, out_of_fold, thresholds
from segline.objects.forest import Forest
from segline.stages import cv
from segline.submission import instances as submission

# What pictures show of labels 0, 1, 2, 3 and above.
PALETTE = np.array(
    [(20, 30, 40), (220, 60, 60), (60, 60, 220), (60, 220, 60), (220, 220, 60)], np.uint8
)
SIDE, CORNERS = 40, [(5, 5), (5, 25), (25, 5), (25, 25)]  # of the squares
CHOICE = {"seed_threshold": 0.5, "foreground_threshold": 0.5, "min_size_px": 1}
OPTIONS = {"fill_holes": True, "surface": "body"}
CONFIG = Config(data=Data(dataset="squares", n_folds=2))


def write(root, config=None, *, name="run"):
    """The run `name` below root/data, with its settings."""
    config = config or Config()
    run = RunFiles(root / "data/runs" / name)
    for stage in [*stages.of(config), RunStage(folds={name: config.folds})]:
        files.write_text(run.params(type(stage)), stages.text(stage))
    files.write_text(run.data.settings, stages.text(config.data))
    return run


def change(run, stage, **changes):
    """Change settings of one stage of a run."""
    changed = run.settings(stage).model_copy(update=changes)
    files.write_text(run.params(stage), stages.text(changed))


def write_data(data, train, test, *, modalities=("m",), **columns):
    """A data set of label images by id and pictures of them in colours.

    Two neighbours are a group, the groups are in folds 0 and 1 by turns; `modalities` are repeated.
    """
    rows = []
    for number, (image_id, labels) in enumerate((train | test).items()):
        image = data.folder / f"images/{image_id}.png"
        files.write_image(image, PALETTE[np.minimum(labels, len(PALETTE) - 1)])
        shown = ""
        if image_id in train:
            shown = data.folder / f"labels/{image_id}.png"
            files.write_labels(shown, labels)
        split = "train" if image_id in train else "test"
        sizes = (*labels.shape, int(labels.max()))
        modality = modalities[number % len(modalities)]
        rows.append((image_id, split, image, shown, *sizes, modality, f"g{number // 2}", "s"))
    table = pd.DataFrame(rows, columns=[*tables.IMAGE_COLUMNS])
    files.write_csv(data.images, table.assign(**columns))
    folds = [number // 2 % 2 for number in range(len(train))]
    files.write_csv(data.folds, pd.DataFrame({"image_id": list(train), "fold": folds}))
    files.write_csv(data.sample, pd.DataFrame({"ImageId": list(test), "EncodedPixels": "1 1"}))
    files.write_json(data.summary, {"data_hash": "h"})


def write_maps(run, train, test):
    """Maps by id, in 0..1 or uint8: of training images in their fold, of test images in both."""
    folds = files.read_csv(run.data.folds).groupby("fold")["image_id"]
    for fold, ids in folds:
        for split, chosen in (("oof", {i: train[i] for i in ids}), ("test", test)):
            found = ((i, p / 255 if p.dtype == np.uint8 else p) for i, p in chosen.items())
            maps.write(run.fold(fold).maps(split), found)


def squares(n):
    """The first `n` of four squares of 10 px, numbered, (40, 40)."""
    labels = np.zeros((SIDE, SIDE), np.int32)
    for number, (top, left) in enumerate(CORNERS[:n], start=1):
        labels[top : top + 10, left : left + 10] = number
    return labels


def sure(labels):
    """The map that is sure of a label image."""
    body = labels > 0
    return np.dstack([~body, body, 0 * body]).astype(float)


def judged(root, images, *, name="run", modalities=("m",), config=None):
    """A run that is scored on images i0, i1... of squares, and has maps of the test image t.

    Of each image so many squares are labelled and so many are found: its mAP is the quotient.
    """
    run = write(root, config or CONFIG, name=name)
    train = {f"i{n}": squares(labelled) for n, (labelled, _) in enumerate(images)}
    write_data(run.data, train, {"t": squares(4)}, modalities=modalities)
    found = {f"i{n}": sure(squares(shown)) for n, (_, shown) in enumerate(images)}
    write_maps(run, found, {"t": sure(squares(4))})
    parts = thresholds.parts(out_of_fold.read(run.data, run.maps("oof")))
    tuned = thresholds.cross_fitted(parts, lambda rows: thresholds.Fit(CHOICE))
    files.write_json(run.thresholds, tuned | {"options": OPTIONS, "unseen": []})
    solution = submission.table([("t", squares(4))])
    solution["Height"], solution["Width"], solution["Usage"] = SIDE, SIDE, "Public"
    files.write_csv(run.data.solution, solution)
    cv.run(run)
    return run


def promising(share):
    """A forest of one leaf, which promises the same of every object."""
    leaf = (["area"], share, [0], [0], [0.0], [False], [-1], [-1], [0.0])
    return Forest(*map(np.array, leaf))


def in_process(work, jobs):
    """Stands for `workers.pooled`, which takes seconds to start."""
    return [work(job) for job in jobs]


def contents(folder):
    """The bytes of every file below a folder but for those of locks, which name who held them last."""
    found = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock"]
    return {path: path.read_bytes() for path in found}
