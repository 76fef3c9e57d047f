"""Which edges an entry chooses by score: `select`, `sizes`, and whose scores.

Scores come from the entry's own file, or from this very run. The latter are known only when the
model has been run: until then the entry's circuits are empty, and `resolve_hypotheses` is called
again when the scores are there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pathpatch_runner.circuit import EdgeScores, Mask, edges_of
from pathpatch_runner.circuit.select import MIB_SIZES, above, first, ranking
from pathpatch_runner.config import Choosing, SelectConfig
from pathpatch_runner.errors import ConfigError, did_you_mean, raise_together
from pathpatch_runner.graph import Graph


@dataclass(frozen=True)
class RunScores:
    """What this run says of every edge. `methods`: of the scores it makes (`scores.methods`);
    `scores`: those that are there already; `sampled`: methods that score a sample of edges only."""

    methods: tuple[str, ...] = ()
    scores: EdgeScores | None = None
    sampled: tuple[str, ...] = ()

    def ready(self, by: str | None, where: str) -> EdgeScores | None:
        """The scores, if those of a method are there; None: not yet. Raises ConfigError for a
        method that the run does not have."""
        name = self._method(by, where)
        if self.scores is None or name not in self.scores.methods:
            return None
        return EdgeScores(self.scores.graph, {name: self.scores.methods[name]})

    def _method(self, by: str | None, where: str) -> str:
        if not self.methods:
            raise ConfigError(
                f"{where}: the run makes no scores. Name a file of scores in `circuit`, or add to "
                "the experiment: scores: {methods: [eap]}"
            )
        if by is None and len(self.methods) > 1:
            raise ConfigError(f"{where}: say by which scores: {', '.join(self.methods)}")
        if by is not None and by not in self.methods:
            raise ConfigError(
                f'{where}: scores.methods does not have "{by}".{did_you_mean(by, self.methods)} '
                f"It has: {', '.join(self.methods)}"
            )
        name = by or self.methods[0]
        if name in self.sampled:
            raise ConfigError(
                f"{where}: {name} scores a sample of edges only (scores.sample), and to choose by "
                "score every edge needs one. Choose by another method, or leave scores.sample out"
            )
        return name


NO_SCORES = RunScores()
"""Of a run that makes none."""


def choose(
    select: SelectConfig,
    sizes: Sequence[float] | None,
    scores: EdgeScores | None,
    where: str,
    graph: Graph,
) -> list[tuple[str, Mask]]:
    """(size, edges chosen) for each size; none are where the scores are still to come."""
    edges = edges_of(graph)
    if scores is None:
        return [(_text(share), edges.mask(())) for share in sizes or (None,)]
    values = scores.by(select.by, where)
    if select.how is Choosing.threshold:
        assert select.threshold is not None
        return [("", above(values, select.threshold, absolute=select.absolute))]
    greedy = select.how is Choosing.greedy
    ranked = ranking(edges, values, greedy=greedy, absolute=select.absolute)
    assert sizes is not None
    return [(_text(share), first(edges, ranked, share)) for share in sizes]


def _text(share: float | None) -> str:
    return "" if share is None else f"{share:.12g}"


def read_sizes(value: Any, where: str) -> tuple[float, ...] | None:
    """Shares of all edges, or None where there are none. Raises ConfigError."""
    if value is None:
        return None
    if value == "mib":
        return MIB_SIZES
    listed = list(value) if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    expected = "Expected shares of all edges, from 0 to 1, or mib for MIB's ten"
    if not listed:
        raise ConfigError(f"{where}: the list is empty. {expected}")
    problems: list[ConfigError] = []
    for share in listed:
        number = isinstance(share, int | float) and not isinstance(share, bool)
        if not number or not 0 <= share <= 1:
            problems.append(ConfigError(f"{where}: {share!r} is not a share. {expected}"))
        elif listed.count(share) > 1:
            problems.append(ConfigError(f"{where}: {share!r} stands there twice"))
    raise_together(list({str(problem): problem for problem in problems}.values()))
    return tuple(float(share) for share in listed)
