"""What a run's search found: its table and files, and the rows that it adds to the run's own.

Paths are reported as any hypothesis is: `with_found` adds them to the run's, `with_rest` adds the
rows of all other paths.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from pathpatch_runner.config import Direction, ExperimentConfig, SearchConfig, UnitKind
from pathpatch_runner.effects import Results, RunNames
from pathpatch_runner.execute.task import Task
from pathpatch_runner.expression.count import count_paths
from pathpatch_runner.graph import Graph
from pathpatch_runner.hypothesis import Unit, resolve_hypotheses
from pathpatch_runner.inputs import Inputs
from pathpatch_runner.runner.path_effects import everything
from pathpatch_runner.search.found import Carried, Confirmation, found_table
from pathpatch_runner.search.sample import CONFIDENCE, Bound
from pathpatch_runner.search.tail import Space
from pathpatch_runner.search.walk import Examined, Status, complete, ends, kept
from pathpatch_runner.search.written import (
    KEPT,
    NAME,
    Entry,
    Written,
    entries_of,
    entry_holds,
    found_yaml,
    hypothesis_of,
)

REST = "_rest"


@dataclass(frozen=True)
class RunFound:
    """What a run's search found. `carried`: of what passed, () where it is not known;
    `unexamined`: None where nothing was drawn; `task`: on the pairs that chose nothing."""

    search: SearchConfig
    space: Space
    examined: tuple[Examined, ...]
    confirmation: Confirmation
    carried: tuple[Carried, ...]
    unexamined: Bound | None
    selection_ids: tuple[str, ...]
    task: Task

    @property
    def written(self) -> list[Written]:
        """What was found, as hypotheses: the complete paths, and everything the search came to."""
        paths, everywhere = complete(self.examined), ends(self.examined)
        sets = {NAME: paths} if paths else {}
        if {each.tail for each in everywhere} != {each.tail for each in paths}:
            sets[KEPT] = everywhere
        return [self._written(name, found) for name, found in sets.items()]

    def _written(self, name: str, found: Sequence[Examined]) -> Written:
        graph = self.space.graph
        entries = entries_of([each.tail for each in found], graph)
        notes = [self._note(entry) for entry in entries]
        return Written(name, hypothesis_of(entries, graph), tuple(entries), tuple(notes))

    def table(self, names: RunNames) -> pa.Table:
        """`found.parquet`."""
        about = (self.task.metrics[0], self.search.direction, self.carried)
        return found_table(names, self.space, self.examined, self.confirmation, *about)

    def files(self, names: RunNames) -> Mapping[str, str]:
        """`hypotheses/found.yaml` (where there is one) and `search.json`."""
        texts = {"search.json": json.dumps(self._said(), indent=1) + "\n"}
        written = self.written
        if written:
            texts[f"hypotheses/{NAME}.yaml"] = found_yaml(written, names.experiment)
        return texts

    def _note(self, entry: Entry) -> str:
        """The largest share of the total effect among an entry's paths."""
        shares = self.confirmation.columns()["normalised_effect"]
        rows = [
            number
            for number, each in enumerate(kept(self.examined))
            if entry_holds(entry, each.tail)
        ]
        return f"{max((float(shares[row]) for row in rows), key=abs):.1%} of the total effect"

    def _said(self) -> dict[str, Any]:
        """The search in numbers."""
        q_values = self.confirmation.columns()["q_value"]
        passed = zip(q_values, kept(self.examined), strict=True)
        paths = [q for q, each in passed if each.status is Status.complete]
        levels = sorted({each.level for each in self.examined})
        by_level = [[e for e in self.examined if e.level == level] for level in levels]
        sizes = self.confirmation.sizes
        said: dict[str, Any] = {
            "evaluations": len(self.examined),
            "levels": [{"tests": len(own), "passed": len(kept(own))} for own in by_level],
            "paths": len(paths),
            "confirmed": sum(bool(q <= self.search.alpha) for q in paths),
            "open": sum(each.status is Status.open for each in self.examined),
            "total_effect": float(self.confirmation.totals.sum() / sizes.sum()),
            "selection": list(self.selection_ids),
            "confirmation": list(self.confirmation.pair_ids),
        }
        if self.unexamined is not None:
            said["unexamined"] = {
                "paths": str(self.unexamined.population),
                "sampled": self.unexamined.sampled,
                "exceeding": self.unexamined.exceeding,
                "share_at_most": self.unexamined.share,
                "confidence": CONFIDENCE,
            }
        return said


def with_found(config: ExperimentConfig, inputs: Inputs, found: RunFound) -> Inputs:
    """The inputs again: the hypotheses with the one found, on the pairs that chose nothing."""
    hypotheses = dict(config.hypotheses)
    hypotheses |= {written.name: written.config for written in found.written}
    pairs = found.task.pairs
    if not hypotheses:
        return dataclasses.replace(inputs, pairs=pairs)
    units = list(dict.fromkeys([*config.patch.units, UnitKind.hypothesis]))
    resolved = resolve_hypotheses(
        hypotheses, units, found.space.graph, pairs.position_names, pairs.lengths
    )
    return dataclasses.replace(inputs, pairs=pairs, hypotheses=resolved)


def with_rest(results: Results, graph: Graph) -> Results:
    """The results with a row for all paths but those found. It needs no evaluation: with the rest
    patched in noising, the clean prompt runs through what was found only, and that is what patching
    the found paths in denoising is."""
    whole = [
        number
        for number, unit in enumerate(results.units)
        if unit.hypothesis in (NAME, KEPT) and unit.kind is UnitKind.hypothesis
    ]
    if not whole or len(results.patched) < 2:
        return results
    units = [_rest_of(results.units[number]) for number in whole]
    other = {Direction.noising: Direction.denoising, Direction.denoising: Direction.noising}
    patched = {
        direction: np.concatenate([values, results.patched[other[direction]][whole]])
        for direction, values in results.patched.items()
    }
    counts = results.n_paths
    if counts:
        total = count_paths(everything(graph), graph)
        counts = (*counts, *[total - counts[number] for number in whole])
    return dataclasses.replace(
        results, units=(*results.units, *units), patched=patched, n_paths=counts
    )


def _rest_of(unit: Unit) -> Unit:
    name = f"{unit.hypothesis}{REST}"
    what = f"all paths but {unit.hypothesis}"
    return Unit(name, UnitKind.hypothesis, "rest", what, (), unit.paths)
