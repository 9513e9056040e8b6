import pytest

import runs
from segline.base import files
from segline.base.errors import UserError
from segline.config.tables import Config
from segline.stages import submit, validate

CONFIG = Config.model_validate(
    {
        "data": {"dataset": "squares", "n_folds": 2},
        "train": {"epochs": 10, "crops_per_epoch": 160},
    }
)


@pytest.fixture
def run(tmp_path):
    return runs.judged(tmp_path, [(4, 4), (4, 2)] * 4, config=CONFIG)


def test_a_submission_of_a_run_is_checked_against_its_images(run, tmp_path, capsys):
    path = tmp_path / "mine.csv"
    submit.run(run, path)
    capsys.readouterr()
    validate.run(path, run.data.sample, images=run.data.images, run=run)
    said = "".join(capsys.readouterr().out.splitlines())
    assert said == f"{path}: valid; 1 images, 4 instances"
    rows = files.read_csv(path)
    files.write_csv(path, rows.assign(EncodedPixels=["1600 2", *rows["EncodedPixels"][1:]]))
    validate.run(path, run.data.sample)
    with pytest.raises(UserError, match="image t: "):
        validate.run(path, run.data.sample, images=run.data.images)


def test_class_masks_of_a_set_made_here_are_known_by_its_settings(tmp_path, capsys):
    settings = {"task": "semantic", "source": "folders", "classes": ["background", "iris"]}
    config = Config.model_validate({"data": settings, "input": {"mode": "rgb"}})
    data = runs.write(tmp_path, config).data
    runs.write_data(data, {"i": runs.squares(1)}, {"t": runs.squares(1)})
    path = tmp_path / "mine.csv"
    path.write_text("ImageId,EncodedPixels\nt,1 4\nt,9 4\n")
    validate.run(path, data.sample)  # two instances
    with pytest.raises(UserError, match="image t.* two rows"):
        validate.run(path, data.sample, images=data.images)


def test_a_missing_file_of_a_run_comes_with_its_cost(run, tmp_path):
    missing = tmp_path / "mine.csv"
    with pytest.raises(UserError) as caught:
        validate.run(missing, run.data.sample, run=run)
    assert str(caught.value) == (
        f"{missing}: not there; make submit makes it (trains folds 0, 1: 3,200 crops, "
        f"3 min to 13 min on two CPU cores)"
    )
    files.write_text(run.fold(0).model, "a net")
    with pytest.raises(UserError, match=r"\(trains fold 1: 1,600 crops, 2 min to 7 min on"):
        validate.run(missing, run.data.sample, run=run)
    files.write_text(run.fold(1).model, "a net")
    with pytest.raises(UserError, match="make submit makes it$"):
        validate.run(missing, run.data.sample, run=run)
    missing.write_text("")
    with pytest.raises(UserError, match="no.csv: not there; make data makes it$"):
        validate.run(missing, tmp_path / "no.csv", run=run)
    with pytest.raises(UserError, match="no.csv: no such file"):
        validate.run(tmp_path / "no.csv", run.data.sample)
