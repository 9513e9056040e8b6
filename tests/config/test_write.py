"""Whatever a config says is read back as it was."""

import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segline.config.write import Line, commented, text, value

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
SIMPLE = st.one_of(TEXTS, st.booleans(), st.integers(-(2**62), 2**62), st.floats(allow_nan=False))
VALUES = st.recursive(
    SIMPLE, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3)
)


@settings(max_examples=60, deadline=None)
@given(VALUES, TEXTS, TEXTS, TEXTS)
def test_a_value_and_its_comments_survive(given, key, why, head):
    written = text([head], {"": [Line("", None, why)], "data": [Line(key, given, why)]})
    assert tomllib.loads(written) == {"data": {key: given}}


def test_a_long_comment_stands_above_its_key():
    found = text([], {"data": [Line("a", 1, "w" * 120)]}).splitlines()
    assert found[-2:] == ["# " + "w" * 120, "a = 1"]


def test_empty_tables_are_left_out():
    assert "[input]" not in text(["x"], {"input": []})


@pytest.mark.parametrize("given", ["caf\udce9", None, object()])
def test_what_toml_cannot_hold_is_refused(given):
    with pytest.raises(ValueError, match=r"no UTF-8|is no value"):
        value(given)


def test_a_comment_is_one_line_of_plain_letters():
    assert commented("a\r\nb\x1b[31m\u2028é") == "a\\r\\nb\\x1b[31m\\u2028é"
