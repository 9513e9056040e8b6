from segline import files, siblings


def run(root, name, **stages):
    for stage, value in stages.items():
        files.write_json(root / name / f"params/{stage}.json", {"x": value})
    return root / name


def test_runs_with_the_same_settings_of_the_stages_asked_for(tmp_path):
    new = run(tmp_path, "new", data=1, train=2, tune=3)
    run(tmp_path, "same", data=1, train=2, tune=9)
    run(tmp_path, "other", data=1, train=7, tune=3)
    run(tmp_path, "half", data=1)
    assert siblings.runs_like(new, ("data", "train")) == [tmp_path / "same"]
    assert siblings.runs_like(new, ("data", "train", "tune")) == []
