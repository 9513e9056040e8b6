"""The page of one run: its figures, curves, choices and pictures in a single HTML file."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import cv2
import jinja2
import numpy as np
from rich.console import Console
from rich.table import Table

_TEMPLATE = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(
    """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>{{ title }}</title>
<style>
body { font: 15px/1.45 system-ui, sans-serif; margin: 2em auto; max-width: 1700px; padding: 0 1em; }
pre { font-size: 13px; line-height: 1.2; overflow-x: auto; }
table { border-collapse: collapse; }
td, th { padding: 2px 12px 2px 0; text-align: left; vertical-align: top; }
img { max-width: 100%; }
</style>
<h1>{{ title }}</h1>
<p>{{ lead }}</p>
{% for section in sections %}
<h2>{{ section.heading }}</h2>
{% if section.text %}
<pre>{{ section.text }}</pre>
{% endif %}
{% if section.rows %}
<table>
{% for name, value in section.rows.items() %}
<tr><th>{{ name }}</th><td>{{ value }}</td></tr>
{% endfor %}
</table>
{% endif %}
{% if section.picture %}
<img src="data:image/jpeg;base64,{{ section.picture }}" alt="{{ section.heading }}">
{% endif %}
{% endfor %}
</html>
"""
)


class Section(NamedTuple):
    """A heading and what stands below it; what is empty is left out."""

    heading: str
    text: str = ""  # of a fixed pitch
    rows: Mapping[str, str] = {}
    picture: str = ""  # `embedded`


def page(title: str, lead: str, sections: Sequence[Section]) -> str:
    """HTML that needs no other file; a section without any content is left out."""
    shown = [section for section in sections if any(section[1:])]
    return _TEMPLATE.render(title=title, lead=lead, sections=shown)


def plain(table: Table) -> str:
    """What a terminal of any width would show of a table, without its title."""
    table.title = None
    console = Console(record=True, file=io.StringIO(), width=240)
    console.print(table)
    return "\n".join(line.rstrip() for line in console.export_text().splitlines())


def embedded(picture: np.ndarray) -> str:
    """A picture (H, W, 3) uint8 RGB as the base64 text of a JPEG file."""
    made, data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])
    assert made
    return base64.b64encode(data.tobytes()).decode("ascii")


def changed(
    settings: Mapping[str, Any], defaults: Mapping[str, Any], prefix: str = ""
) -> dict[str, str]:
    """The settings that are not as in `defaults`, by dotted name.

    >>> changed({"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": 3}})
    {'a.c': '2'}
    """
    found: dict[str, str] = {}
    for key, value in settings.items():
        usual = defaults.get(key)
        if isinstance(value, Mapping) and isinstance(usual, Mapping):
            found |= changed(value, usual, f"{prefix}{key}.")
        elif value != usual:
            found[f"{prefix}{key}"] = str(value)
    return found
