"""The plan of a run's units, and its text: all that `dry_run=true` needs."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from pathpatch_runner.config import Dtype, ExperimentConfig
from pathpatch_runner.dataset import group_by_length
from pathpatch_runner.dataset.positions import (
    batch_positions,
    lying_outside,
    position_classes,
)
from pathpatch_runner.execute.sources import source_named
from pathpatch_runner.expression.alphabet import Alphabet, distance_classes
from pathpatch_runner.expression.count import count_paths, count_text
from pathpatch_runner.graph import Graph
from pathpatch_runner.inputs import Inputs
from pathpatch_runner.plan.compile import compile_plan
from pathpatch_runner.plan.describe import describe
from pathpatch_runner.plan.memory import memory_estimate
from pathpatch_runner.plan.plan import Plan

BYTES = {Dtype.float64: 8, Dtype.float32: 4, Dtype.bfloat16: 2, Dtype.float16: 2}

log = logging.getLogger("pathpatch_runner")


@dataclass(frozen=True)
class Planned:
    """The plan of all units. `classes[pair][pos]`: position classes of the alphabet."""

    plan: Plan
    classes: list[list[int]]
    text: str


def make_plan(config: ExperimentConfig, inputs: Inputs) -> Planned:
    """Compile all units' path sets into one plan."""
    path_sets = [unit.paths for unit in inputs.hypotheses.units]
    pairs = inputs.pairs.pairs
    occurring, classes = position_classes(pairs, sorted(inputs.hypotheses.positions, key=str))
    shape = inputs.shape
    alphabet = Alphabet(Graph(shape), occurring, distance_classes(path_sets, causal=shape.causal))
    source = source_named(config.patch.source)
    plan = compile_plan(path_sets, alphabet, replace_senders=source.from_senders)

    def label(number: int) -> str:
        unit = inputs.hypotheses.units[number]
        count = count_text(count_paths(unit.paths, alphabet.graph))
        return f"{unit.hypothesis}/{unit.path_id} ({unit.kind.value}, {count}): {unit.path}"

    longest = max(len(pair.clean) for pair in pairs)
    memory = memory_estimate(
        plan,
        [
            (
                batch_positions(
                    [pairs[i] for i in group],
                    [classes[i] for i in group],
                    plan.n_classes,
                    everywhere=source.differs_everywhere,
                ),
                len(group),
            )
            for group in group_by_length(pairs)
        ],
        BYTES[config.model.dtype],
    )
    return Planned(plan, classes, describe(plan, label, longest, memory))


def say_outside(inputs: Inputs) -> None:
    """Warn of positions that some prompts do not have."""
    pairs = inputs.pairs.pairs
    for position, without in lying_outside(
        pairs, sorted(inputs.hypotheses.positions, key=str)
    ).items():
        first = without[0]
        log.warning(
            "position %s lies outside %d of %d prompts, where it stands for nothing; the first: "
            'pair "%s", %d tokens',
            *(position, len(without), len(pairs), first.pair_id, len(first.clean)),
        )
