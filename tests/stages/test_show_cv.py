import runs
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
