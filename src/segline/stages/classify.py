"""From maps of regions to class maps: each region's crop goes through the classifier."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from segline.base.console import say
from segline.base.files import read_image
from segline.config import claims
from segline.config.places import RunFiles, Split
from segline.data.tables import read_images
from segline.nets import predict
from segline.objects import maps, out_of_fold, thresholds


@claims.makes(lambda run, fold, split: run.fold(fold).class_maps(split))
def run(run: RunFiles, fold: int, split: Split) -> None:
    """Turn maps of regions into class maps (two stages).

    Regions of held-out images are cut at the threshold of their part, others at the final one.
    """
    files = run.fold(fold)
    source, out = files.maps(split), files.class_maps(split)
    tuned, classifier = thresholds.read(run.thresholds, unseen=list), predict.load_classifier(files)
    part_of: dict[str, str] = {}
    if split == "oof":
        table = out_of_fold.read(run.data, run.maps("oof"))
        parts = thresholds.parts(table, unseen=tuned["unseen"])
        part_of = dict(zip(table["image_id"], parts, strict=True))
    cuts = {name: choice["thresholds"][0] for name, choice in tuned["parts"].items()}
    cuts["final"] = tuned["final"]["thresholds"][0]
    images = read_images(run.data.images)
    path_of = dict(zip(images["image_id"], images["image"], strict=True))

    def classified() -> Iterator[tuple[str, np.ndarray]]:
        for image_id in maps.ids(source):
            cut = cuts[part_of.get(image_id, "final")]
            image = read_image(path_of[image_id])
            yield image_id, classifier(image, maps.read(source, image_id), cut)

    maps.write(out, classified())
    say(f"wrote {out}")
