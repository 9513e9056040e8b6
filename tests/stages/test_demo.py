import runs
from segline.base import files
from segline.objects import maps
from segline.stages import demo, submit


def test_the_demo_ends_with_its_scores_a_baseline_and_a_picture(tmp_path, capsys):
    run = runs.judged(tmp_path, [(4, 4), (4, 2)] * 4)
    touching = runs.sure(runs.squares(4))
    touching[5:15, 15:25] = (0.4, 0.1, 0.5)  # a border joins two squares
    for fold in (0, 1):
        maps.write(run.fold(fold).maps("test"), [("t", touching)])
    tuned = files.read_json(run.thresholds)
    tuned["final"]["foreground_threshold"] = 0.7
    files.write_json(run.thresholds, tuned)
    submit.run(run, tmp_path / "demo.csv")
    demo.run(run, tmp_path / "demo.csv")
    said = " ".join(capsys.readouterr().out.split())
    assert "cross-validated mAP 0.7500 ± 0.000" in said
    assert "submission on the solution 1.0000" in said
    assert "the same maps, thresholded 0.4000 (plain 0.5 + connected components)" in said  # 2 of 5
    rows = files.read_csv(run.folder / "baseline.csv")
    assert rows["ImageId"].tolist() == ["t"] * 3
    assert files.read_image(run.folder / "demo.png").shape == (20 + 80 + 12, 4 * 80 + 5 * 6, 3)
