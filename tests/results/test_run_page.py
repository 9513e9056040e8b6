import base64

import cv2
import numpy as np
import pandas as pd
import pytest
from rich.table import Table

from segline.results import figures, run_page


@pytest.fixture
def html():
    table = Table(title="above")
    table.add_column("images")
    table.add_row("all <5 px")
    sections = [
        run_page.Section("Figures", text=run_page.plain(table)),
        run_page.Section("Nothing"),
        run_page.Section("Choices", rows={"half 0": "a & b"}),
    ]
    return run_page.page("run <1>", "mAP 0.5", sections)


def test_a_page_shows_text_and_rows_escaped(html):
    assert "<h1>run &lt;1&gt;</h1>" in html
    assert "all &lt;5 px" in html
    assert "<th>half 0</th><td>a &amp; b</td>" in html
    assert "above" not in html


def test_a_section_without_content_is_left_out(html):
    assert "Nothing" not in html
    assert html.count("<h2>") == 2
    assert "<img" not in html


def test_a_picture_is_inside_the_page():
    picture = np.full((16, 24, 3), (250, 10, 10), np.uint8)
    text = run_page.embedded(picture)
    assert f"base64,{text}" in run_page.page("t", "l", [run_page.Section("p", picture=text)])
    back = cv2.imdecode(np.frombuffer(base64.b64decode(text), np.uint8), cv2.IMREAD_COLOR_RGB)
    assert back.shape == picture.shape
    assert np.abs(back.astype(int) - picture).max() < 12


def test_losses_of_each_fold_are_drawn():
    history = pd.DataFrame({"epoch": [1, 2], "loss": [1.0, 0.5], "val_loss": [1.1, 0.7]})
    one = figures.losses({"fold_0": history})
    two = figures.losses({"fold_0": history, "fold_1": history + 0.1})
    assert one.shape == two.shape == (480, 960, 3)
    assert (one != two).any()
