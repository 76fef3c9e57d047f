"""`python -m pathpatch_runner.explain "EXPR" model=gpt2 [key=value ...]`.

EXPR ...             one or several expressions (their union)
model=NAME           a name of conf/model, or sizes: 12x12 (layers x heads), 2x8-attn_only
model.KEY=VALUE      a field of that config
groups.NAME=[...]    a group
over.NAME=[...]      the values of a variable
positions=[S1,end]   names of positions, to be checked
n_positions=15       tokens of a prompt, for `over.p=all`
draw=10 seed=0       paths to show
svg=FILE             the drawing as a file
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from pathpatch_runner.errors import ConfigError, PathPatchError, unknown_key
from pathpatch_runner.explanation.explanation import explain
from pathpatch_runner.explanation.shape import named_shape

_SETTING = re.compile(r"(\+*[a-z_]+(?:\.[\w.-]+)?)=(?!>)(.*)", re.DOTALL)
_PLAIN = ("positions", "n_positions", "draw", "seed", "svg")
_SECTIONS = ("groups", "over")


@dataclass
class _Asked:
    """What the command line says."""

    expressions: list[str] = field(default_factory=list)
    model: str = ""
    overrides: list[str] = field(default_factory=list)
    sections: dict[str, dict[str, Any]] = field(default_factory=lambda: {s: {} for s in _SECTIONS})
    plain: dict[str, Any] = field(default_factory=dict)


def main(argv: Sequence[str]) -> int:
    """Print the explanation; 1 and a message where that cannot be."""
    if not argv or argv[0] in ("-h", "--help"):
        print(__doc__)
        return 0
    try:
        asked = _read(argv)
        svg = asked.plain.pop("svg", None)
        shape = named_shape(asked.model, tuple(asked.overrides))
        found = explain(
            asked.expressions,
            model=shape,
            groups=asked.sections["groups"],
            over=asked.sections["over"],
            **asked.plain,
        )
        print(found, flush=True)
        if svg is not None:
            _write(Path(str(svg)), found.svg)
    except PathPatchError as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # Read no further, as `| head` does. Python would complain once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _read(argv: Sequence[str]) -> _Asked:
    asked = _Asked()
    for word in argv:
        setting = _SETTING.fullmatch(word)
        if setting is None:
            asked.expressions.append(word)
        else:
            _set(asked, word, setting[1], setting[2])
    if not asked.expressions:
        raise ConfigError('explain: no expression. Say one: "input -> a0.h3<v> => logits"')
    if not asked.model:
        raise ConfigError("explain: no model. Say model=<name of conf/model>, or model=12x12")
    return asked


def _set(asked: _Asked, word: str, key: str, value: str) -> None:
    section, _, name = key.partition(".")
    if key == "model":
        asked.model = value
    elif section.lstrip("+") == "model":
        asked.overrides.append(word)
    elif section in _SECTIONS and name:
        asked.sections[section][name] = _value(key, value)
    elif key in _PLAIN:
        asked.plain[key] = value if key == "svg" else _value(key, value)
    else:
        keys = ["model", *_SECTIONS, *_PLAIN]
        raise ConfigError(unknown_key("explain", key, keys))


def _value(key: str, text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as problem:
        raise ConfigError(f"{key}: {text!r} is not YAML: {problem}") from None


def _write(path: Path, svg: str) -> None:
    try:
        path.write_text(svg, encoding="utf-8")
    except OSError as problem:
        raise ConfigError(f"svg: {path} cannot be written: {problem.strerror}") from None
    print(f"\nwrote {path}")
