import numpy as np

import runs
from segline.base import files
from segline.config.stages import TrainStage
from segline.config.tables import Config
from segline.data.tables import read_folds, read_images
from segline.results import figures
from segline.samples.fold import samplers
from segline.stages import preview

CONFIG = Config.model_validate(
    {"data": {"dataset": "squares", "n_folds": 2}, "train": {"crop_px": 32}}
)


def test_samples_are_drawn_with_their_targets(tmp_path, capsys):
    run = runs.write(tmp_path, CONFIG)
    runs.write_data(run.data, {f"i{number}": runs.squares(4) for number in range(4)}, {})
    preview.run(run, fold=1, n_samples=3)
    page = files.read_image(run.folder / "preview.png")
    assert page.shape == (2 * (20 + 32) + 3 * 6, 2 * 3 * 32 + 3 * 6, 3)
    table = read_folds(read_images(run.data.images), run.data.folds)
    fitting, _ = samplers(table, 1, run.settings(TrainStage))
    sample = fitting(0, 2)
    top = 6 + (20 + 32) + 6 + 20
    shown = page[top : top + 32, 6 : 6 + 32]
    assert np.array_equal(shown[..., :1], (sample.image * 255).astype(np.uint8))
    target = page[top : top + 32, 6 + 32 : 6 + 64]
    assert np.array_equal(target, figures.classes(sample.target))
    assert "3 samples" in capsys.readouterr().out
