"""A picture of augmented samples with targets and weights, to check the loader by eye."""

from __future__ import annotations

import numpy as np

from segline.base.console import say
from segline.base.files import write_image
from segline.config.places import RunFiles
from segline.config.stages import TrainStage
from segline.data.tables import read_folds, read_images
from segline.results import figures
from segline.samples.fold import samplers
from segline.samples.sampler import Sample


def run(run: RunFiles, fold: int = 0, n_samples: int = 12) -> None:
    """Draw augmented training samples with their targets and weights: preview.png.

    They are the first of epoch 0 in which `fold` is held out.
    """
    table = read_folds(read_images(run.data.images), run.data.folds)
    fitting, _ = samplers(table, fold, run.settings(TrainStage))
    samples = [fitting(0, index) for index in range(n_samples)]
    brightest = max(float(sample.weight.max()) for sample in samples)
    cells = [_cell(index, sample, brightest) for index, sample in enumerate(samples)]
    out = run.folder / "preview.png"
    write_image(out, figures.sheet([cells[i : i + 2] for i in range(0, len(cells), 2)]))
    say(f"wrote {out} ({n_samples} samples: image, target, weight)")


def _cell(index: int, sample: Sample, brightest: float) -> np.ndarray:
    shown = figures.rgb(sample.image)
    weights = f"weight {sample.weight.min():.1f} to {sample.weight.max():.1f}"
    return np.hstack(
        [
            figures.captioned((shown * 255).astype(np.uint8), f"sample {index}"),
            figures.captioned(figures.classes(sample.target), "target"),
            figures.captioned(figures.heat(sample.weight, high=brightest), weights),
        ]
    )
