import runs
from segline.base import files
from segline.config.tables import Config, Data
from segline.stages import show_cv


def test_the_table_of_a_finished_run_is_printed(tmp_path, capsys):
    run = runs.judged(tmp_path, [(4, 4), (4, 1)] * 4, modalities=("bright", "dark"))
    capsys.readouterr()
    show_cv.run(run)
    printed = capsys.readouterr().out
    rows = [line.replace("│", " ").split() for line in printed.splitlines()]
    assert ["all", "8", "0.6250", "0.000", *["0.625"] * 10] in rows
    assert ["dark", "4", "0.2500", "0.000", *["0.250"] * 10] in rows
    # all matches are perfect; three of four squares are missed in every other image
    assert ["PQ", f"{(1 + 2 / 5) / 2:.4f}"] in rows
    assert ["F1", "at", ".50", f"{(1 + 2 / 5) / 2:.4f}"] in rows
    assert ["matched", "IoU", "1.0000"] in rows
    assert ["AJI", f"{(1 + 1 / 4) / 2:.4f}"] in rows
    assert ["boundary", "F1", f"{(1 + 2 / 5) / 2:.4f}"] in rows
    assert ["Hausdorff,", "px", "0.0000"] in rows


def test_the_same_recipe_by_source_stands_beside_it(tmp_path, capsys):
    table = {"dataset": "squares", "n_folds": 2}
    by_source = Config(data=Data(**table, fold_by="source"))
    grouped = runs.judged(tmp_path, [(4, 4), (4, 2)] * 4)
    show_cv.run(grouped)
    assert "cut into other folds" not in capsys.readouterr().out
    runs.judged(tmp_path, [(4, 4), (4, 1)] * 4, name="sources", config=by_source)
    runs.write(tmp_path, Config(data=by_source.data, train={"seed": 5}), name="another")
    images = files.read_csv(grouped.data.images)
    files.write_csv(grouped.data.images, images.assign(source=["s", "t"] * 4 + ["t"]))
    capsys.readouterr()
    show_cv.run(grouped)
    printed = capsys.readouterr().out
    rows = [line.replace("│", " ").split() for line in printed.splitlines()]
    assert ["8", "images", "of", "all", "0.750", "0.625"] in rows
    assert ["s", "(4)", "1.000", "1.000"] in rows
    assert ["t", "(4)", "0.500", "0.250"] in rows
    assert "another" not in printed
