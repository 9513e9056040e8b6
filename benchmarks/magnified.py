"""What a run's nets make of held-out images that are shown larger than they are.

`python -m benchmarks.magnified RUN --fold K` takes the run's own thresholds, without second stage, and an
image a field. Nuclei of sizes that training lacks are common where microscopes differ.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from segline.base.files import read_image, read_labels
from segline.config.places import RunFiles
from segline.config.tables import Predict
from segline.data.tables import read_folds, read_images
from segline.masks import resize
from segline.masks.labels import relabel
from segline.metrics import instances
from segline.nets import predict
from segline.nets.predict import Net
from segline.objects import decoders, maps
from segline.objects.decoders import ObjectDecoder

FACTORS = (1.0, 1.5, 2.0, 3.0)
SIDE_PX = 640  # of the middle that is kept of a magnified image


def magnified(
    image: np.ndarray, labels: np.ndarray, factor: float
) -> tuple[np.ndarray, np.ndarray]:
    """The middle of an image (H, W, 3) and its labels (H, W), `factor` times as large, SIDE_PX a side."""
    height, width = (round(side * factor) for side in labels.shape)
    large = cv2.resize(image, (width, height), interpolation=cv2.INTER_CUBIC)
    top, left = (max((side - SIDE_PX) // 2, 0) for side in (height, width))
    middle = np.s_[top : top + SIDE_PX, left : left + SIDE_PX]
    return large[middle], relabel(resize.nearest(labels, (height, width))[middle])


def scores(net: Net, decoder: ObjectDecoder, rows: pd.DataFrame, settings: Predict) -> list[dict]:
    """mAP of each image at each factor, where an object is left to find."""
    found = []
    for row in rows.itertuples():
        image, truth = read_image(row.image), read_labels(row.labels)
        for factor in FACTORS:
            large, true = magnified(image, truth, factor)
            if not true.any():
                continue
            probs = maps.rounded(net.probabilities(large, settings))
            ap = instances.map_iou(true, decoder(probs))
            found.append({"image_id": row.image_id, "factor": factor, "mAP": ap})
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--fold", type=int, default=0)
    options = parser.parse_args()
    run = RunFiles(options.run)
    table = read_folds(read_images(run.data.images), run.data.folds)
    held_out = table[table["fold"] == options.fold].drop_duplicates("group")
    settings = run.settings(Predict).model_copy(update={"symmetries": 1})
    decoder = decoders.load(run.thresholds)["final"]
    rows = pd.DataFrame(scores(predict.load(run.fold(options.fold)), decoder, held_out, settings))
    print(rows.groupby("factor")["mAP"].agg(["mean", "count"]).round(3))


if __name__ == "__main__":
    main()
