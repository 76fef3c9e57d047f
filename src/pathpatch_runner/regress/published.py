"""`published.yaml`: what papers, or our own accepted results, say of an experiment.

    claims:
      - id: refined_on_text              unique in the file
        experiment: induction            as in `run.py experiment=...`
        model: gpt2                      left out: the experiment's own
        overrides: [dataset.n_pairs=8]   further words of the command line
        where: {hypothesis: refined, unit: hypothesis, metric: loss}
        column: proportion_explained
        value: 0.58                      and one of the checks below
        tolerance: 0.03
        source: "arXiv 2304.05969, section 4.2"
        secondary: true                  known to us from others only
        file: theirs.csv                 beside published.yaml, read by the run, and not ours to
                                         ship: without it the claim is unavailable
    golden:
      runs: [{experiment: induction}]    whose summaries are held by golden.parquet
      tolerance: {p_value: 0.05}         by column, see `golden.TOLERANCE`

A *run* is what one command computes: experiment, model, overrides. `where` selects rows by
columns of the tables (`over.s: a9.h6` too). The columns clean, corrupt, patched and effect are
those of effects.parquet; cpr, cmd, auroc and their like those of curves.parquet (`other: null` for
a curve by itself); all others those of summary.parquet; `table: found` names another one (`scores`
has a column `edge`, as in `a0.h3->a1.h9<k>`). Checks, one for each claim:

    value, tolerance          one row, |found - value| <= tolerance
    at_least, at_most         one row, one or both
    sign                      one row, positive or negative
    order, by                 column `by` names the rows; values fall in this order; a number
                              in the list stands for itself: [a9.h9, a9.h6, 0, a10.h7]
    top, by                   the rows of these names hold the largest |values|, in any order
    exactly, by               there are rows of these names and of no other
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pathpatch_runner.errors import (
    PathPatchError,
    Problems,
    PublishedError,
    did_you_mean,
    raise_together,
    unknown_key,
)
from pathpatch_runner.reading import parse_yaml, read_text
from pathpatch_runner.regress.claim import (
    Check,
    Claim,
    Exactly,
    GoldenSpec,
    Near,
    Order,
    Published,
    Run,
    Sign,
    Top,
    Within,
)

PUBLISHED = "published.yaml"
CHECKS = ("value", "at_least", "at_most", "sign", "order", "top", "exactly")
KEYS = (
    *("id", "experiment", "model", "overrides", "where", "column", *CHECKS),
    *("tolerance", "by", "source", "secondary", "file", "table"),
)
SIGNS = ("positive", "negative")


def read_published(folder: Path) -> Published:
    """The folder's published.yaml. Raises PublishedError, or Problems with several."""
    path = folder / PUBLISHED
    if not path.is_file():
        raise PublishedError(f'no file "{path}". An experiment says there what is known of it')
    where = f"{folder.name}/{PUBLISHED}"
    data = parse_yaml(read_text(path, where, PublishedError), where, PublishedError) or {}
    if not isinstance(data, dict):
        raise PublishedError(f"{where}: must hold an object with claims and golden")
    _known(where, data, ("claims", "golden"))
    problems: list[PathPatchError] = []
    claims: list[Claim] = []
    for number, entry in enumerate(_listed(where, data, "claims"), start=1):
        try:
            claims.append(_claim(f"{where}: claim {number}", entry))
        except PublishedError as problem:
            problems.append(problem)
    ids = [claim.id for claim in claims]
    twice = sorted({name for name in ids if ids.count(name) > 1})
    if twice:
        problems.append(PublishedError(f'{where}: id "{twice[0]}" is used twice'))
    golden = GoldenSpec()
    try:
        golden = _golden(f"{where}: golden", data.get("golden") or {})
    except PublishedError as problem:
        problems.append(problem)
    raise_together(problems)
    return Published(folder.name, folder, tuple(claims), golden)


def read_all(folder: Path, names: tuple[str, ...]) -> list[Published]:
    """The files of these experiments, or of all that have one.

    Raises PublishedError for a name without a folder or file, Problems for several mistakes.
    """
    known = sorted(path.parent.name for path in folder.glob(f"*/{PUBLISHED}"))
    problems: list[PathPatchError] = []
    found: list[Published] = []
    for name in names or known:
        try:
            if name not in known:
                raise PublishedError(
                    f'experiment "{name}": no "{folder / name / PUBLISHED}".'
                    f"{did_you_mean(name, known)} Allowed: {', '.join(known) or 'none'}"
                )
            found.append(read_published(folder / name))
        except Problems as several:
            problems += several.problems
        except PublishedError as problem:
            problems.append(problem)
    raise_together(problems)
    return found


def _claim(where: str, entry: Any) -> Claim:
    if not isinstance(entry, dict):
        raise PublishedError(f"{where}: must be an object")
    where = f'{where} ("{entry["id"]}")' if "id" in entry else where
    _known(where, entry, KEYS)
    for key in ("id", "experiment", "where", "column", "source"):
        if key not in entry:
            raise PublishedError(f'{where}: lacks "{key}"')
    if not isinstance(entry["where"], dict):
        raise PublishedError(f'{where}: "where" must be an object of columns and their values')
    return Claim(
        id=str(entry["id"]),
        run=_run(where, {key: entry[key] for key in _RUN_KEYS if key in entry}),
        where=entry["where"],
        column=str(entry["column"]),
        check=_check(where, entry),
        source=str(entry["source"]),
        secondary=bool(entry.get("secondary", False)),
        file=str(entry.get("file") or ""),
        table=str(entry.get("table") or ""),
    )


_RUN_KEYS = ("experiment", "model", "overrides")


def _run(where: str, entry: Any) -> Run:
    if not isinstance(entry, dict) or "experiment" not in entry:
        raise PublishedError(f"{where}: a run is an object with experiment, model and overrides")
    _known(where, entry, _RUN_KEYS)
    overrides = entry.get("overrides") or []
    if not isinstance(overrides, list):
        raise PublishedError(f'{where}: "overrides" must be a list of words')
    model = entry.get("model")
    words = tuple(str(word) for word in overrides)
    return Run(str(entry["experiment"]), None if model is None else str(model), words)


def _check(where: str, entry: Mapping[str, Any]) -> Check:
    given = [key for key in CHECKS if key in entry]
    if not given or (len(given) > 1 and given != ["at_least", "at_most"]):
        raise PublishedError(
            f"{where}: must say one of value (with tolerance), at_least and/or at_most, sign, "
            f"order, top, exactly; it says {' and '.join(given) or 'none'}"
        )
    kind = given[0]
    if kind == "value":
        if "tolerance" not in entry:
            raise PublishedError(f'{where}: "value" needs a "tolerance" (0: exactly)')
        return Near(_number(where, entry, "value"), _number(where, entry, "tolerance"))
    if kind in ("at_least", "at_most"):
        bounds = [_number(where, entry, key) if key in entry else None for key in CHECKS[1:3]]
        return Within(bounds[0], bounds[1])
    if kind == "sign":
        if entry["sign"] not in SIGNS:
            raise PublishedError(f'{where}: "sign" must be positive or negative')
        return Sign(entry["sign"] == "positive")
    names = entry[kind]
    if "by" not in entry or not isinstance(names, list) or not names:
        raise PublishedError(
            f'{where}: "{kind}" must be a list, and "by" the column whose values it names'
        )
    if kind == "order":
        kept = tuple(n if isinstance(n, str) else float(n) for n in names)
        return Order(str(entry["by"]), kept)
    found = Top if kind == "top" else Exactly
    return found(str(entry["by"]), tuple(str(name) for name in names))


def _golden(where: str, entry: Any) -> GoldenSpec:
    if not isinstance(entry, dict):
        raise PublishedError(f"{where}: must be an object with runs and tolerance")
    _known(where, entry, ("runs", "tolerance"))
    tolerance = entry.get("tolerance") or {}
    if not isinstance(tolerance, dict):
        raise PublishedError(f'{where}: "tolerance" must be an object of columns and numbers')
    runs = tuple(_run(where, run) for run in _listed(where, entry, "runs"))
    return GoldenSpec(runs, {str(key): _number(where, tolerance, key) for key in tolerance})


def _listed(where: str, entry: Mapping[str, Any], key: str) -> list[Any]:
    value = entry.get(key) or []
    if not isinstance(value, list):
        raise PublishedError(f'{where}: "{key}" must be a list, not {value!r}')
    return value


def _number(where: str, entry: Mapping[str, Any], key: str) -> float:
    value = entry[key]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise PublishedError(f'{where}: "{key}" must be a number, not {value!r}')
    return float(value)


def _known(where: str, entry: Mapping[str, Any], allowed: tuple[str, ...]) -> None:
    for key in entry:
        if key not in allowed:
            raise PublishedError(unknown_key(where, str(key), allowed))
