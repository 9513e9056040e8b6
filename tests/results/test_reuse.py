import runs
from segline.base import files
from segline.config.stages import TrainStage, TuneStage
from segline.config.tables import Config, Data
from segline.results import reuse


def run(root, name, **tables):
    return runs.write(root, Config.model_validate(tables), name=name)


def test_other_cuts_are_of_the_same_recipe_and_data_set(tmp_path):
    ours = run(tmp_path, "ours")
    by_source = run(tmp_path, "by_source", data={"fold_by": "source"})
    fewer = run(tmp_path, "fewer", data={"n_folds": 3, "fold_by": "source"})
    run(tmp_path, "same")
    run(tmp_path, "another_set", data={"dataset": "cells", "fold_by": "source"})
    run(tmp_path, "longer", data={"fold_by": "source"}, train={"epochs": 7})
    older = run(tmp_path, "older")
    settings = files.read_json(older.params(Data))
    settings.pop("fold_by")
    files.write_json(older.params(Data), settings)
    assert reuse.other_cuts(ours) == [by_source, fewer]


def test_runs_with_the_same_settings_of_the_stages_asked_for(tmp_path):
    new = run(tmp_path, "new")
    same = run(tmp_path, "same", tune={"fill_holes": False})
    run(tmp_path, "other", train={"epochs": 7})
    half = run(tmp_path, "half")
    half.params(TrainStage).unlink()
    assert reuse.runs_like(new, (Data, TrainStage)) == [same]
    assert reuse.runs_like(new, (Data, TrainStage, TuneStage)) == []
