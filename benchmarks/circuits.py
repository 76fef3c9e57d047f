"""Ten sizes of a circuit against forward passes of TransformerLens, side by side.

    python benchmarks/circuits.py        prints seconds, forward passes and operations

One process, GPT-2 small's shape with random weights, 16 pairs of 15 tokens that differ from
position 5 on: a forward pass of the clean prompts, ours, a forward pass, in turns; the median of
the ratios.
The circuits are the best edges by random scores, at the sizes of MIB. Ours counts everything after
the two plain runs, operations count the plain runs too; compiling is timed apart.
"""

from __future__ import annotations

import statistics
import time

import numpy as np
import torch
from run import HERE, THREADS, TURNS, composed, seconds, write_pairs
from torch.utils.flop_counter import FlopCounterMode

from pathpatch_runner.circuit import Circuit, circuit_of, edges_of
from pathpatch_runner.circuit.select import MIB_SIZES, first, ranking
from pathpatch_runner.cli.schema import register_schemas
from pathpatch_runner.config import Direction
from pathpatch_runner.execute.batch import make_batch
from pathpatch_runner.execute.drive import evaluate
from pathpatch_runner.execute.memory import budget_of
from pathpatch_runner.execute.sources import source_named
from pathpatch_runner.execute.task import Measured, Task
from pathpatch_runner.expression.alphabet import Alphabet, distance_classes
from pathpatch_runner.graph import Graph
from pathpatch_runner.inputs import read_files, read_inputs
from pathpatch_runner.model.load import LoadedModel, load_model
from pathpatch_runner.model.source import source_of
from pathpatch_runner.plan.compile import compile_plan

WITHIN = 15.0
"""Forward passes that ten sizes may take."""


def circuits(graph: Graph) -> list[Circuit]:
    """Of all sizes of MIB."""
    edges = edges_of(graph)
    scores = np.random.default_rng(0).standard_normal(len(edges))
    ranked = ranking(edges, scores, greedy=False, absolute=True)
    return [circuit_of(graph, first(edges, ranked, size)) for size in MIB_SIZES]


def task_of(model: LoadedModel) -> Task:
    """The pairs of the other workloads, without position classes."""
    config = composed("a")
    inputs = read_inputs(config, read_files(config, source_of(config.model, config.seed), model))
    assert inputs is not None
    source = source_named(config.patch.source)(config.patch, config.seed).on(model, inputs.pairs)
    budget = budget_of(None, model.device)
    classes = [[0] * len(pair.clean) for pair in inputs.pairs.pairs]
    return Task(model, inputs.pairs, classes, inputs.metrics, source, budget)


def operations(count: FlopCounterMode) -> float:
    """In matrix products."""
    return float(count.get_total_flops())


def main() -> None:
    torch.set_num_threads(THREADS)
    write_pairs(HERE / "pairs.jsonl")
    register_schemas()
    model = load_model(source_of(composed("a").model, 0), "cpu")
    task, graph = task_of(model), Graph(model.shape)
    sets = [(circuit,) for circuit in circuits(graph)]
    alphabet = Alphabet(graph, (frozenset(),), distance_classes(sets, causal=True))
    compiling = seconds(lambda: compile_plan(sets, alphabet))
    plan = compile_plan(sets, alphabet)
    numbers = range(len(task.pairs.pairs))
    batch = make_batch(task.pairs.pairs, numbers, task.classes, model.device)

    def forward() -> None:
        with torch.no_grad():
            model.bridge(batch.clean)

    def ours() -> Measured:
        return evaluate("delta", task, plan, [Direction.noising])

    with FlopCounterMode(display=False) as of_pass:
        forward()
    with FlopCounterMode(display=False) as of_ours:
        ours()
    ratios, spent = [], []
    before = seconds(forward)
    for _ in range(TURNS):
        began = time.perf_counter()
        measured = ours()
        spent.append(time.perf_counter() - began - measured.baseline_seconds)
        after = seconds(forward)
        ratios.append(2 * spent[-1] / (before + after))
        before = after
    print(f"edges of the ten circuits: {[len(circuit.edges) for (circuit,) in sets]}")
    print(f"compiling {compiling:.2f} s, evaluating {statistics.median(spent):.2f} s")
    print(f"{statistics.median(ratios):.1f} forward passes (within {WITHIN:.0f})")
    print(f"operations of {operations(of_ours) / operations(of_pass):.2f} forward passes")


if __name__ == "__main__":
    main()
