"""From maps of regions to class maps: each region's crop goes through the classifier."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from segline import inference, maps, tuning
from segline.console import console
from segline.files import read_image, read_json
from segline.manifest import read_images, read_out_of_fold


def run(
    *,
    classifier: Path,
    source: Path,
    thresholds: Path,
    images: Path,
    folds: Path,
    oof: Sequence[Path],
    out: Path,
) -> None:
    """Write class maps (H, W, K) to `out` for every map of regions in `source`.

    Regions are cut at the threshold of the image's part if `source` is one of the `oof` maps, which were
    tuned on, else at the final one.
    """
    tuned, judge = read_json(thresholds), inference.load_classifier(classifier)
    part_of: dict[str, str] = {}
    if source in oof:
        table = read_out_of_fold(images, folds, oof)
        parts = tuning.parts(table, unseen=tuned["unseen"])
        part_of = dict(zip(table["image_id"], parts, strict=True))
    cuts = {name: choice["thresholds"][0] for name, choice in tuned["parts"].items()}
    cuts["final"] = tuned["final"]["thresholds"][0]
    table = read_images(images)
    path_of = dict(zip(table["image_id"], table["image"], strict=True))

    def classified() -> Iterator[tuple[str, np.ndarray]]:
        for image_id in maps.ids(source):
            cut = cuts[part_of.get(image_id, "final")]
            image = read_image(path_of[image_id])
            yield image_id, judge(image, maps.read(source, image_id), cut)

    maps.write(out, classified())
    console.print(f"wrote {out}")
