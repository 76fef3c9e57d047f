"""JSON and YAML: everything that is refused, with its line."""

from __future__ import annotations

from typing import Any

import pytest

from pathpatch_runner.errors import DatasetError
from pathpatch_runner.reading import parse_json, parse_yaml, yaml_text

DEEP = "lists or objects are nested more than 100 deep"


def doubling(item: str, repeat: str, levels: int) -> str:
    """A YAML text in which every level repeats the one before ten times."""
    lines = [f"a0: &a0 {item}"]
    for level in range(1, levels):
        aliases = ",".join([f"*a{level - 1}"] * 10)
        lines.append(f"a{level}: &a{level} {repeat.format(aliases)}")
    return "\n".join(lines)


def test_json_as_it_is() -> None:
    text = '{"a": [1, 2.5, null, true], "\\u00e9": {"a": "\u2028"}, "b": -0}'
    assert parse_json(text, "f", DatasetError) == {
        "a": [1, 2.5, None, True],
        "é": {"a": "\u2028"},
        "b": 0,
    }
    assert parse_json("[" * 100 + "]" * 100, "f", DatasetError)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[1,\n2,]", "f:4: not JSON: Expecting value (column 3)"),
        ("", "f:3: not JSON: Expecting value (column 1)"),
        (
            '{"a": 1,\n"b": {"a": 1, "c": 1,\n"c": 2}}',
            'f:5: the key "c" stands twice in one object (also in line 4). Leave one of them',
        ),
        ('[{"a{": 1}, {"a{": 1, "a\\u007b": 2}]', 'f:3: the key "a{" stands twice in one object'),
        ('{"a": {"b": "a"}, "a": "b"}', 'f:3: the key "a" stands twice in one object'),
        ('{"a": NaN}', "f:3: NaN is not a number in JSON. Leave the value out, or say null"),
        ("-Infinity", "f:3: -Infinity is not a number in JSON."),
        ("[1e999]", "f:3: the number 1e999 is too large"),
        ("9" * 5000, f"f:3: the number {'9' * 40}... of 5000 digits is too long"),
        ('["\\ud800x"]', 'f:3: "\\ud800x" holds half a character (a lone surrogate)'),
        ('{"\\udc00": 1}', 'f:3: "\\udc00" holds half a character (a lone surrogate)'),
        ("[" * 101 + "]" * 101, f"f:3: {DEEP}"),
        ("[" * 10**6, f"f:3: {DEEP}"),
        ('{"a":' * 10**5, f"f:3: {DEEP}"),
    ],
)
def test_json_refused(text: str, message: str) -> None:
    with pytest.raises(DatasetError) as caught:
        parse_json(text, "f", DatasetError, first_line=3)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("a: &x [1, 2]\nb: *x", {"a": [1, 2], "b": [1, 2]}),
        ("- 1\n- '1'", [1, "1"]),
    ],
)
def test_yaml_as_it_is(text: str, value: Any) -> None:
    assert parse_yaml(text, "f", DatasetError) == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: b: c", "f:1: not YAML: mapping values are not allowed here"),
        ("a: 1\nb: [", "f:2: not YAML: while parsing a flow node"),
        ("a: \x07", "f: not YAML: unacceptable character #x0007"),
        ("--- a\n--- b", "f:2: not YAML: expected a single document"),
        ("a: !!int x", "f: not YAML: a value that cannot be read"),
        ("a: !!bool x", "f: not YAML: a value that cannot be read"),
        ("a: !!timestamp x", "f: not YAML: a value that cannot be read"),
        ("a: 2020-99-99", "f: not YAML: a value that cannot be read"),
        ("a: " + "9" * 5000, "f: not YAML: a value that cannot be read"),
        ("a: !!python/object/apply:os.system [ls]", "f:1: not YAML: could not determine"),
        ("a: *b", "f:1: not YAML: found undefined alias"),
        (
            "a: 1\nb: {c: 1,\n  c: 2}",
            'f:3: the key "c" stands twice in one object (also in line 2). Leave one of them',
        ),
        ("01: a\n1: b", 'f:2: the key "1" stands twice in one object (also in line 1)'),
        ("? [a]\n: b", "f:1: a key must be a text or a number"),
        ("a: &a [1, *a]", "f:1: an alias stands inside what it repeats"),
        (doubling("[x, x]", "[{}]", 8), "f:6: aliases repeat more than 262,144 values"),
        (doubling("{x: 1}", "{{<<: [{}]}}", 8), 'f:2: "<<" is not read. Write the keys out'),
        ('a: "\\ud800"', 'f: "\\ud800" holds half a character'),
        ("[" * 10**5, f"f: {DEEP}"),
        ("- " * 10**4, f"f: {DEEP}"),
        ("[" * 60 + "&a 1" + "]" * 60 + " " * 2**18, "f: 262,268 characters of YAML, and 262,144"),
    ],
)
def test_yaml_refused(text: str, message: str) -> None:
    with pytest.raises(DatasetError) as caught:
        parse_yaml(text, "f", DatasetError)
    assert str(caught.value).startswith(message)


def test_aliases_do_not_hide_how_deep_they_nest() -> None:
    text = f"a: &a {'[' * 60}{']' * 60}\nb: {'[' * 50}*a{']' * 50}"
    with pytest.raises(DatasetError, match=DEEP):
        parse_yaml(text, "f", DatasetError)


def test_a_bomb_is_refused_before_anything_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    def constructed(*_: object) -> None:
        raise AssertionError("constructed")

    monkeypatch.setattr(yaml_text._Loader, "construct_document", constructed)
    with pytest.raises(DatasetError, match="aliases repeat more"):
        parse_yaml(doubling("[x, x]", "[{}]", 9), "f", DatasetError)
