import runs
from segline.config.stages import TrainStage, TuneStage
from segline.config.tables import Config, Data
from segline.results import reuse


def run(root, name, **tables):
    return runs.write(root, Config.model_validate(tables), name=name)


def test_runs_with_the_same_settings_of_the_stages_asked_for(tmp_path):
    new = run(tmp_path, "new")
    same = run(tmp_path, "same", tune={"fill_holes": False})
    run(tmp_path, "other", train={"epochs": 7})
    half = run(tmp_path, "half")
    half.params(TrainStage).unlink()
    assert reuse.runs_like(new, (Data, TrainStage)) == [same]
    assert reuse.runs_like(new, (Data, TrainStage, TuneStage)) == []
