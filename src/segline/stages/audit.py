"""Label audit: training images whose objects fall short of what a model that never saw them promises."""

from __future__ import annotations

from functools import partial
from typing import Any

import pandas as pd

from segline.base.console import say
from segline.base.errors import UserError
from segline.base.files import read_labels, write_csv, write_image
from segline.base.workers import pooled
from segline.config.places import RunFiles
from segline.objects import decoders, maps, out_of_fold
from segline.objects.decoders import ObjectDecoder
from segline.results import figures, label_audit
from segline.results.gallery import pictures
from segline.results.scores import read_scored

SHOWN = 16


def run(run: RunFiles) -> None:
    """List and draw training images whose labels contradict a confident model.

    Writes audit.csv (a row an image), suspects.csv (those over the rule) and audit.png: the worst suspects
    first, then the worst of the images that are none.
    """
    if not run.second.exists():
        raise UserError(f"{run.folder}: audit needs a run with tune.second_stage = true")
    table = read_scored(run, score="ap")
    made = decoders.load(run.thresholds, run.second)
    jobs = out_of_fold.jobs(table, "part")
    evidence = pd.DataFrame(pooled(partial(_evidence, made=made), jobs))
    table = pd.concat([table, evidence], axis=1)
    table["suspect"] = label_audit.suspect(evidence)
    columns = ["image_id", "modality", "group", "ap", *evidence.columns, "suspect"]
    write_csv(run.folder / "audit.csv", table[columns].sort_values("ap"))
    listed, suspects = run.folder / "suspects.csv", table.loc[table["suspect"], ["image_id"]]
    write_csv(listed, suspects.sort_values("image_id"))
    rows = [
        pictures(image, made[image.part], _caption(image))
        for image in _worst(table).itertuples(index=False)
    ]
    write_image(run.folder / "audit.png", figures.sheet(rows))
    say(
        f"{listed}: {len(suspects)} of {len(table)} images; leave them out of training with "
        f'set="train.skip={listed}"'
    )


def _worst(table: pd.DataFrame) -> pd.DataFrame:
    """The worst suspects, then the worst others."""
    parts = (table[table["suspect"]], table[~table["suspect"]])
    return pd.concat([part.nsmallest(SHOWN, "ap") for part in parts])


def _caption(image: Any) -> str:
    doubt = f"{'label' if image.suspect else 'model'}? {image.modality}, mAP {image.ap:.2f}"
    return f"{doubt}; promised {image.promised:.2f}, passed {image.passed:.2f}"


def _evidence(job: tuple, made: dict[str, ObjectDecoder]) -> dict[str, float]:
    image_id, labels_path, map_paths, part = job
    truth, probs = read_labels(labels_path), maps.read_mean(map_paths, image_id)
    first = made[part].candidates(probs)[0]
    return label_audit.evidence(truth, first.labels, first.promised)
