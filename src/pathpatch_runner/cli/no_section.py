"""A value in place of a section, or a section in place of a list: what OmegaConf says of it, in our
words. And what its errors hold in common: the override as typed, the key, the file.
"""

from __future__ import annotations

import re
from dataclasses import fields, is_dataclass
from typing import Any

from pathpatch_runner import config
from pathpatch_runner.cli.schema import GROUPS, schemas

FULL_KEY = re.compile(r"full_key: (\S+)")
GIVEN = re.compile(r"is not a subclass of \w+\. value: (.*)")
OVERRIDE = re.compile(
    r"(?:Error merging override |Ambiguous value for argument '|Sweep parameters '"
    r"|To append to your (?:config|default list) use \+)(.+?)'?(?: requires --multirun)?(?:\n|$)"
)
FILE = re.compile(r"In '([^']+)': \w+ raised while composing config:")


def typed(text: str) -> tuple[str, str]:
    """(key, value) of the override that an error quotes; ("", "") where it quotes none."""
    found = OVERRIDE.search(text)
    key, _, value = (found[1] if found else "").partition("=")
    return key.lstrip("+~"), value


def dataclass_named(name: str) -> type[Any] | None:
    """The config dataclass of that name, of ours or of a kind."""
    kinds = (schema for group in GROUPS for schema in schemas(group).values())
    found = next((schema for schema in kinds if schema.__name__ == name), None)
    ours = getattr(config, name, None)
    return found or (ours if isinstance(ours, type) and is_dataclass(ours) else None)


def section_told(match: re.Match[str], text: str) -> str:
    """A value in place of a section: typed as such, or within what was typed or a file says."""
    key, value = typed(text)
    where, given = FULL_KEY.search(text), GIVEN.search(text)
    if where is None or given is None or where[1] == key:
        return (
            f'{key}: is a section, and "{value}" is one value. Say {key}.KEY=VALUE. '
            f"Keys: {_keys_of(match[2])}"
        )
    return _no_section(where[1], given[1], match[2])


def merged_told(match: re.Match[str], text: str) -> str:
    """A value in place of a section of a file: OmegaConf names the class, and not the key."""
    sections = [each.name for each in fields(config.ExperimentConfig)]
    key = next((each for each in sections if _may_be(each, match[1])), typed(text)[0])
    if match[1] == "PathConfig":
        key = "a path of hypotheses"
    elif match[1] == "HypothesisConfig":
        key = "an entry of hypotheses"
    return _no_section(f"{key}{_in_file(text)}", match[2], match[1])


def _no_section(where: str, given: str, name: str) -> str:
    return (
        f'{where}: is a section, and "{given}" is one value. Write {{KEY: VALUE}} in its place. '
        f"Keys: {_keys_of(name)}"
    )


def _keys_of(name: str) -> str:
    """The keys of a section, by the name of its class."""
    known = dataclass_named(name)
    return ", ".join(field.name for field in fields(known)) if known else ""


def _may_be(key: str, name: str) -> bool:
    """Whether a section of the config may be of the class of that name."""
    if key in GROUPS:
        return name in {schema.__name__ for schema in schemas(key).values()}
    return name in str(config.ExperimentConfig.__annotations__[key])


def mixed_up_told(match: re.Match[str], text: str) -> str:
    del match
    key, _ = typed(text)
    return (
        f"{key or 'config'}{_in_file(text)}: a list, [a, b], stands where a section, {{KEY: "
        "VALUE}, belongs, or a section where a list belongs. Compare with the files of "
        "conf/experiment"
    )


def _in_file(text: str) -> str:
    found = FILE.search(text)
    return f' (in "{found[1]}.yaml")' if found else ""


def entries_told(match: re.Match[str], text: str) -> str:
    where = FULL_KEY.search(text)
    key = where[1] if where else "config"
    names = [field.name for field in fields(dataclass_named(match[1]) or config.ExperimentConfig)]
    return f"{key}: takes entries by name: {{NAME: {{{names[0]}: ...}}}}"
