"""What Hydra and OmegaConf report of a config, in our words: what, where, and what to type instead.

Their errors come in chains, and each link holds a part: the override as typed, the key, what was
expected. `explain` looks through the whole chain, most telling first; what it does not know is
shown whole.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from dataclasses import fields

from hydra.errors import OverrideParseException

from pathpatch_runner.cli.no_section import (
    FULL_KEY,
    dataclass_named,
    entries_told,
    merged_told,
    mixed_up_told,
    section_told,
    typed,
)
from pathpatch_runner.cli.schema import GROUPS
from pathpatch_runner.errors import ConfigError, did_you_mean, unknown_key

OPTIONS = re.compile(r"Available options in '([^']+)':\n((?:\t.*\n?)+)")
NOISE = re.compile(
    r"^(See https?://\S+.*|\s*(full_key|object_type|reference_type).*|Error merging override .*|"
    r"To append to your .*|In '.*': \w+ raised while composing config:|"
    r"Set the environment variable .*)$"
)
FILES = (*GROUPS, "experiment", "tracking", "cluster")
"""Keys that choose a file."""
NO_NAME = re.compile(r"null|true|false|[-+]?\d+(\.\d*)?", re.IGNORECASE)
"""What Hydra reads as something else than a text."""
LAUNCHERS = {
    "joblib": 'pip install "pathpatch-runner[joblib]"',
    "submitit_slurm": 'pip install "pathpatch-runner[slurm]"',
    "submitit_local": 'pip install "pathpatch-runner[slurm]"',
    "ray": 'pip install "pathpatch-runner[ray]"',
}


def explain(error: BaseException) -> str:
    """One message for an error that Hydra or OmegaConf raised."""
    links = _links(error)
    for link in links:
        if isinstance(link, OverrideParseException):
            return _unreadable(str(link.override))
    text = "\n".join(str(link) for link in links)
    for pattern, told in KNOWN:
        match = pattern.search(text)
        if match:
            return told(match, text)
    return _whole(links, text)


def check_override(override: str) -> str:
    """What is wrong with an override that Hydra answers with a crash; "" where nothing is."""
    if override[:1] == "=":
        return f'"{override}": names no key before "=". Type KEY=VALUE'
    key, _, value = override.lstrip("+").partition("=")
    if key in FILES and NO_NAME.fullmatch(value):
        quoted = shlex.quote(f'{key}="{value}"')
        return (
            f'{key}: "{value}" is no name of a file of {key}/. Type {key}=NAME; one that looks so '
            f"stands in quotes: {quoted}"
        )
    return ""


def _links(error: BaseException | None) -> list[BaseException]:
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found


def _whole(links: list[BaseException], text: str) -> str:
    """The most telling link, whole but for what says nothing to a user, after its key."""
    for link in links:
        lines = [line for line in str(link).splitlines() if line.strip() and not NOISE.match(line)]
        if lines:
            key = FULL_KEY.search(text)
            said = "\n".join(lines)
            return f"{key[1]}: {said}" if key and not said.startswith(key[1]) else said
    return type(links[0]).__name__


def _unreadable(override: str) -> str:
    key, sign, value = override.partition("=")
    if not sign:
        return f'"{override}": has no value. Type KEY=VALUE, such as experiment=induction'
    quoted = value.strip("\"'").replace("\\", "\\\\").replace('"', '\\"')
    typed = shlex.quote(f'{key}="{quoted}"')
    return (
        f'{key.lstrip("+~")}: "{value}" cannot be read. A value that holds = , : > {{ }} [ ] ( ) '
        f"or quotes stands in quotes of its own. Type {typed}"
    )


def _several_values(match: re.Match[str], text: str) -> str:
    del match
    key, value = typed(text)
    listed = shlex.quote(f"{key}=[{value}]")
    one = shlex.quote(f'{key}="{value}"')
    return (
        f'{key}: "{value}" is several values, and this is one run. To run each of them type '
        f"-m {shlex.quote(f'{key}={value}')}; for a list {listed}; for one text with a comma {one}"
    )


def _sweep(match: re.Match[str], text: str) -> str:
    del match
    key, value = typed(text)
    return (
        f'{key}: "{value}" is several values, and this is one run. To run each of them type '
        f"-m {shlex.quote(f'{key}={value}')}"
    )


def _twice(match: re.Match[str], text: str) -> str:
    del text
    group = match[1] or match[2]
    return (
        f"{group}: is chosen already, so it cannot be added with +. Type {group}=<name>, without "
        "the +"
    )


def _unknown_key(match: re.Match[str], text: str) -> str:
    key, schema = match[1], match[2]
    full = FULL_KEY.search(text)
    where = full[1] if full else key
    known = dataclass_named(schema.split(".")[-1])
    if known is None:
        return f'{where}: unknown key "{key}"'
    return unknown_key(where, key, [field.name for field in fields(known)])


def _unknown_entry(match: re.Match[str], text: str) -> str:
    """A name that a mapping of entries (hypotheses, paths) does not have."""
    where = FULL_KEY.search(text)
    parent = where[1].rpartition(".")[0] if where else ""
    return f'{parent}: has no "{match[1]}". {_added(parent, match[1], text)}'


def _new_entry(match: re.Match[str], text: str) -> str:
    """An entry that `+` was to add to a mapping of typed entries, which Hydra does not make."""
    entry = FULL_KEY.search(text)
    key, value = typed(text)
    parts = key.split(".")
    if match[1] != "dict" or entry is None or entry[1] not in parts[1:]:
        return section_told(match, text)
    parent = ".".join(parts[: parts.index(entry[1])])
    return f'{key}: cannot be added to {parent} as "{value}" is. {_added(parent, entry[1], text)}'


def _added(parent: str, entry: str, text: str) -> str:
    """How to type an override so that it adds an entry."""
    key, value = typed(text)
    inside = key.removeprefix(f"{parent}.{entry}").strip(".")
    if not key.startswith(f"{parent}.{entry}"):
        # The override gives the parent as a whole.
        return f"To add to {parent} type {shlex.quote(f'+{key}={value}')}"
    # Hydra takes a number in braces for a number, and names are texts.
    name = entry if entry.isidentifier() else "new"
    for part in reversed([name, *filter(None, inside.split("."))]):
        value = f"{{{part}: {value}}}"
    return (
        "Entries go by name, not by number. To add one type "
        f"{shlex.quote(f'+{parent}={value}')}, or write it in an experiment file"
    )


def _not_a_list(match: re.Match[str], text: str) -> str:
    del match
    key, value = typed(text)
    where = FULL_KEY.search(text)
    if not key:
        return f"{where[1] if where else 'config'}: takes a list: [a, b]"
    return (
        f'{key}: takes a list, and "{value}" is one value. Type {shlex.quote(f"{key}=[{value}]")}'
    )


def _not_null(match: re.Match[str], text: str) -> str:
    del text
    return f"{match[1]}: needs a value, and null is none. Leave it out to have the default"


def _no_option(match: re.Match[str], text: str) -> str:
    group, _, option = match[1].rpartition("/")
    listed = OPTIONS.search(text)
    options = listed[2].split() if listed else []
    allowed = f" Allowed: {', '.join(options)}" if options else ""
    hint = _plug_in(option) if group == "hydra/launcher" else ""
    why = _cannot_be_imported(group, option)
    return why or f'{group}: there is no "{option}".{did_you_mean(option, options)}{allowed}{hint}'


def _plug_in(launcher: str) -> str:
    """How to have a launcher that does not come with Hydra, or what there is."""
    if launcher in LAUNCHERS:
        return f". It is a plug-in: {LAUNCHERS[launcher]}"
    return f". Others are plug-ins: {', '.join(dict.fromkeys(LAUNCHERS.values()))}"


def _cannot_be_imported(group: str, kind: str) -> str:
    """Why a kind that an installed package adds is no option; "" where that is not why."""
    if group not in GROUPS or kind not in GROUPS[group].names():
        return ""
    try:
        GROUPS[group].get(kind, f"{group}.kind")
    except ConfigError as error:
        return str(error)
    return ""


def _itself(match: re.Match[str], text: str) -> str:
    del match
    key = FULL_KEY.search(text)
    return f"{key[1] if key else 'config'}: an interpolation refers to itself"


KNOWN: tuple[tuple[re.Pattern[str], Callable[[re.Match[str], str], str]], ...] = (
    (re.compile(r"Ambiguous value for argument"), _several_values),
    (re.compile(r"requires --multirun"), _sweep),
    (
        re.compile(
            r"(\S+) appears more than once in the final defaults|Multiple values for (\S+)\."
        ),
        _twice,
    ),
    (
        re.compile(r"Key '([^']+)' is not in struct\n\s+full_key: \S+\n\s+\S+?Dict\["),
        _unknown_entry,
    ),
    (re.compile(r"Key '([^']+)' (?:is )?not in '?([\w.]+)'?"), _unknown_key),
    (re.compile(r"Could not find '([^']+)'"), _no_option),
    (re.compile(r"Invalid type assigned: (\w+) is not a subclass of (\w+)"), _new_entry),
    (re.compile(r"Merge error: \w+ is not a subclass of (\w+)\. value: (.*)"), merged_told),
    (re.compile(r"Cannot merge DictConfig with ListConfig"), mixed_up_told),
    (re.compile(r"Cannot assign \w+ to Dict\[str, (\w+)\]"), entries_told),
    (re.compile(r"is not a ListConfig, list or tuple"), _not_a_list),
    (re.compile(r"field '([^']+)' is not Optional"), _not_null),
    (re.compile(r"Recursive interpolation detected"), _itself),
)
"""What is known of their texts, the most telling first, and how we say it."""
