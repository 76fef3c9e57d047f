"""The one place where records become aligned pairs; what holds for one kind holds for all.

- counts: `n_pairs` records are taken, the first of a file; more than there are is an error;
- prompts: tokenised, of equal length, different, within vocabulary and context;
- positions inside the prompt, the same names in every pair;
- answers: one token after the prompt, none of them a distractor too;
- ids that name one pair each.

Everything wrong is reported together. With `skip_unusable` pairs that cannot be used (what
concerns one pair alone) are left out instead, and listed in `PairSet.left_out`. What is no pair at
all (a line that is not JSON, an unknown key) and what is wrong between pairs is always refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from pathpatch_runner.dataset.answers import answer_tokens
from pathpatch_runner.dataset.form import quoted
from pathpatch_runner.dataset.kind import Context, DatasetKind
from pathpatch_runner.dataset.pair import Pair, PairSet, Point
from pathpatch_runner.dataset.prompts import Tokenised, shown, tokenised, unfit
from pathpatch_runner.dataset.record import Record, Target
from pathpatch_runner.dataset.words import in_prompt, positions_of
from pathpatch_runner.errors import DatasetError, PathPatchError, Problems, raise_together

MOST_MADE = 100_000
"""Pairs that a kind which makes them makes at most."""
MOST_LISTED = 10


@dataclass
class _Found:
    """What the records gave so far."""

    pairs: list[Pair] = field(default_factory=list)
    wheres: list[str] = field(default_factory=list)
    refused: list[PathPatchError] = field(default_factory=list)
    left_out: list[tuple[str, str]] = field(default_factory=list)


def align(kind: DatasetKind, context: Context) -> PairSet:
    """All pairs that the config asks for. Raises DatasetError, or `Problems` of them."""
    wanted = _wanted(kind)
    found, taken = _Found(), 0
    for record in islice(kind.records(context), wanted):
        _take(record, taken, kind.config.skip_unusable, context, found)
        taken += 1
    raise_together(_bad_count(kind, wanted, taken))
    found.refused += [*_equal_ids(found), *_missing_names(found)]
    _raise_some(found.refused)
    if not found.pairs:
        raise DatasetError(_nothing_left(found.left_out))
    return PairSet(kind.name, tuple(found.pairs), tuple(found.left_out))


def _wanted(kind: DatasetKind) -> int | None:
    n_pairs = kind.config.n_pairs
    if n_pairs is None and not kind.endless:
        return None
    if not isinstance(n_pairs, int) or isinstance(n_pairs, bool) or n_pairs < 1:
        raise DatasetError(f"dataset.n_pairs: {n_pairs} is not a number of pairs above 0")
    if kind.endless and n_pairs > MOST_MADE:
        raise DatasetError(
            f"dataset.n_pairs: {n_pairs:,} asked for, and {MOST_MADE:,} can be made at most"
        )
    return n_pairs


def _bad_count(kind: DatasetKind, wanted: int | None, taken: int) -> list[DatasetError]:
    if not taken:
        return [DatasetError(f"dataset.{kind.key}: {kind.origin} holds no pairs")]
    if wanted is not None and taken < wanted:
        return [
            DatasetError(
                f"dataset.n_pairs: {wanted} asked for, and {kind.origin} has {taken}. "
                "Leave n_pairs out to take all"
            )
        ]
    return []


def _take(
    record: Record | PathPatchError, number: int, skip: bool, context: Context, found: _Found
) -> None:
    """Note the pair of a record, or why there is none. `number`: of the record, from 0."""
    if isinstance(record, PathPatchError):
        found.refused += record.problems if isinstance(record, Problems) else [record]
        return
    pair = _pair(record, str(number), context)
    if isinstance(pair, Pair):
        found.pairs.append(pair)
        found.wheres.append(record.where)
    elif skip:
        found.left_out.append((record.where, "; ".join(pair)))
    else:
        found.refused += [DatasetError(f"{record.where}: {what}") for what in pair]


def _pair(record: Record, number: str, context: Context) -> Pair | list[str]:
    """The pair of a record, or everything that is wrong with it."""
    try:
        clean = tokenised("clean", record.clean, context)
        corrupt = tokenised("corrupt", record.corrupt, context)
    except DatasetError as problem:
        return [str(problem)]
    wrong = list(unfit(clean.ids, corrupt.ids, context))
    if not clean.ids:
        return wrong
    positions, problems = positions_of(record.positions, clean, corrupt)
    wrong += map(str, problems)
    points: list[Point] = []
    for target in record.targets:
        try:
            points.append(_point(target, clean, context, len(record.targets) > 1))
        except DatasetError as problem:
            wrong.append(str(problem))
    if len({point.position for point in points}) < len(points):
        wrong.append('"targets" names a position twice')
    if wrong:
        return wrong
    pair_id = number if record.pair_id is None else record.pair_id
    return Pair(pair_id, clean.ids, corrupt.ids, tuple(points), positions)


def _point(target: Target, prompt: Tokenised, context: Context, several: bool) -> Point:
    position = in_prompt("targets", target.position, len(prompt.ids))
    beside = f" at position {position}" if several else ""
    answers = answer_tokens(f'"answer"{beside}', target.answers, prompt, position, context)
    distractors = answer_tokens(
        f'"distractor"{beside}', target.distractors, prompt, position, context
    )
    for token in answers:
        if token in distractors and not target.drawn:
            said = target.answers[answers.index(token)]
            text = "" if isinstance(said, str) else f" ({shown([token], context.tokenizer)})"
            raise DatasetError(
                f"{quoted(said)}{text} is an answer and a distractor{beside}. Leave one of them out"
            )
    return Point(position, answers, distractors)


def _equal_ids(found: _Found) -> Iterator[DatasetError]:
    first: dict[str, str] = {}
    for pair, where in zip(found.pairs, found.wheres, strict=True):
        if pair.pair_id in first:
            yield DatasetError(
                f'{where}: id "{pair.pair_id}" is that of {first[pair.pair_id]} too. Without an id '
                "a pair has its number in the file, from 0"
            )
        first.setdefault(pair.pair_id, where)


def _missing_names(found: _Found) -> Iterator[DatasetError]:
    """Names that some pairs have a position for, and others have not."""
    owners: dict[str, str] = {}
    for pair, where in zip(found.pairs, found.wheres, strict=True):
        for name in pair.positions:
            owners.setdefault(name, where)
    for pair, where in zip(found.pairs, found.wheres, strict=True):
        for name, owner in owners.items():
            if name not in pair.positions:
                yield DatasetError(
                    f'{where}: has no position "{name}", which {owner} has. Name it in every pair, '
                    "or in none"
                )


def _nothing_left(left_out: Sequence[tuple[str, str]]) -> str:
    listed = "\n".join(f"  {where}: {why}" for where, why in left_out[:MOST_LISTED])
    more = len(left_out) - MOST_LISTED
    return f"dataset.skip_unusable: all pairs were left out\n{listed}" + (
        f"\n  and {more} more" if more > 0 else ""
    )


def _raise_some(problems: Sequence[PathPatchError]) -> None:
    """Raise the first few problems together, each once, and say how many more there are."""
    distinct = list({str(problem): problem for problem in problems}.values())
    listed = distinct[:MOST_LISTED]
    if len(distinct) > MOST_LISTED:
        more = len(distinct) - MOST_LISTED
        listed.append(DatasetError(f"and {more} more of the same dataset"))
    raise_together(listed)
