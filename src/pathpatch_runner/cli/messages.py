"""What Hydra and OmegaConf report of a config, in our words: what, where, what is allowed."""

from __future__ import annotations

import re

from pathpatch_runner.errors import did_you_mean, unknown_key

UNKNOWN_KEY = re.compile(r"Key '([^']+)' (?:is )?not in '?([\w.]+)'?")
NO_OPTION = re.compile(r"Could not find '([^']+)'")
OPTIONS = re.compile(r"Available options in '([^']+)':\n((?:\t.*\n?)+)")
FULL_KEY = re.compile(r"full_key: (\S+)")
ALLOWED_VALUES = re.compile(r"expected one of \[([^\]]*)\]")


def explain(error: Exception) -> str:
    """One message for an error that Hydra or OmegaConf raised."""
    text = _chain(error)
    unknown = UNKNOWN_KEY.search(text)
    if unknown:
        return _unknown_key(unknown[1], unknown[2], text)
    option = NO_OPTION.search(text)
    if option:
        return _unknown_option(option[1], text)
    key = FULL_KEY.search(text)
    first = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
    cause = error.__cause__
    detail = str(cause).splitlines()[0] if cause is not None and str(cause) else first
    where = f"{key[1]}: " if key and not detail.startswith(key[1]) else ""
    return f"{where}{detail}"


def _chain(error: BaseException | None) -> str:
    parts = []
    while error is not None:
        parts.append(str(error))
        error = error.__cause__ or error.__context__
    return "\n".join(parts)


def _unknown_key(key: str, schema: str, text: str) -> str:
    import dataclasses

    from pathpatch_runner import config
    from pathpatch_runner.cli.schema import SCHEMAS

    name = schema.split(".")[-1]
    kinds = {kind.__name__: kind for kinds in SCHEMAS.values() for kind in kinds.values()}
    known = kinds.get(name) or getattr(config, name, None)
    full = FULL_KEY.search(text)
    where = full[1] if full else key
    if not dataclasses.is_dataclass(known):
        return f'{where}: unknown key "{key}"'
    return unknown_key(where, key, [field.name for field in dataclasses.fields(known)])


def _unknown_option(name: str, text: str) -> str:
    group, _, option = name.rpartition("/")
    listed = OPTIONS.search(text)
    options = listed[2].split() if listed else []
    allowed = f" Allowed: {', '.join(options)}" if options else ""
    return f'{group}: there is no "{option}".{did_you_mean(option, options)}{allowed}'
