"""A picture of augmented samples with targets and weights, to check the loader by eye."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from segline import figures
from segline.config import read_stage
from segline.console import console
from segline.files import write_image
from segline.manifest import read_folds, read_images
from segline.sampling import samplers


def run(*, params: Path, images: Path, folds: Path, fold: int, n_samples: int, out: Path) -> None:
    """Draw the first samples of epoch 0 in which `fold` is held out: image, target, weight."""
    table = read_folds(read_images(images), folds)
    settings = read_stage(params)
    fitting, _ = samplers(table, fold, settings)
    samples = [fitting(0, index) for index in range(n_samples)]
    brightest = max(float(sample.weight.max()) for sample in samples)
    cells = []
    for index, sample in enumerate(samples):
        shown = np.repeat(sample.image, 3 // sample.image.shape[-1], axis=-1)
        cells.append(
            np.hstack(
                [
                    figures.captioned((shown * 255).astype(np.uint8), f"sample {index}"),
                    figures.captioned(figures.classes(sample.target), "target"),
                    figures.captioned(
                        figures.heat(sample.weight, high=brightest),
                        f"weight {sample.weight.min():.1f} to {sample.weight.max():.1f}",
                    ),
                ]
            )
        )
    write_image(out, figures.sheet([cells[i : i + 2] for i in range(0, len(cells), 2)]))
    console.print(f"wrote {out} ({n_samples} samples: image, target, weight)")
