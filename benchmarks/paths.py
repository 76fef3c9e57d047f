"""Single paths: all short ones of a model, unrelated ones as a search asks for, and a search.

    python benchmarks/paths.py induction                     whole command, 625 paths with slots
    python benchmarks/paths.py spectrum --before ../before   GPT-2 small's shape, in turns
    python benchmarks/paths.py whole                         all 91,231, with their tables
    python benchmarks/paths.py unrelated                     300 at random, beside walks
    python benchmarks/paths.py search                        a search beside the same as a list

Each prints what it measured and adds it to records/paths-<date>.json.

- spectrum: the paths of one or two nodes between the ends whose first is one of `--heads` or an
  MLP, as families; the same config in this tree and in `--before`, a checkout of an earlier commit,
  in turns. Seconds are those of the stage `execute`. `--heads a*.h0-2`: a quarter of the paths.
- unrelated: 300 of two nodes between the ends, drawn uniformly from all, in one plan; beside the
  three of `walk.py`, which go along one path after the other: as a search that knows no plans does
  it, with heads evaluated whole and written by the layer's output matrix; by the head's own; and
  evaluating only what changes in heads. Ours counts planning; plain runs are cached on
  all sides. `least_ms`: the floating point operations of each, counted, at the rate that the
  machine multiplies large matrices; no order of the same products takes less.
- search: what the walk of `--search` spends in evaluations, beside the same path sets as one list,
  which nobody can write who has not searched, and as a list for each level, as one who searches by
  hand has it. The search keeps what it finds on the disk as it goes, lists do not; processor
  seconds leave out the waiting for it.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from run import THREADS, composed, machine, matmul_rate, seconds, write_pairs
from torch.utils.flop_counter import FlopCounterMode
from walk import LayerWalk, PlainWalk, SinglePath, Walk

import pathpatch_runner as pp
from pathpatch_runner.cli.schema import register_schemas
from pathpatch_runner.config import Direction
from pathpatch_runner.dataset.positions import position_classes
from pathpatch_runner.effects.arrays import Floats
from pathpatch_runner.execute.batch import make_batch
from pathpatch_runner.execute.delta.runs import plain_runs_of
from pathpatch_runner.execute.drive import evaluate
from pathpatch_runner.execute.memory import budget_of
from pathpatch_runner.execute.ready import KeptBatches
from pathpatch_runner.execute.sources import source_named
from pathpatch_runner.execute.task import Task
from pathpatch_runner.expression.alphabet import Alphabet
from pathpatch_runner.expression.ast import PathSet
from pathpatch_runner.expression.count import draw_paths
from pathpatch_runner.expression.single import single_route
from pathpatch_runner.graph import Graph
from pathpatch_runner.hypothesis.spectrum import Spectrum
from pathpatch_runner.inputs import read_files, read_inputs
from pathpatch_runner.model.load import load_model
from pathpatch_runner.model.nodes import node_functions
from pathpatch_runner.model.source import source_of
from pathpatch_runner.plan.compile import compile_plan
from pathpatch_runner.runner.path_effects import PathEffects

HERE = Path(__file__).resolve().parent
TURNS = 2
N_UNRELATED = 300
HEAD = "# @package _global_\n"
EVERY = "hypotheses: {h: {paths: {all: {every: {at_most: 2}}}}}\n"
INDUCTION = f"""{HEAD}defaults: [override /model: induction, override /dataset: repeated_random]
experiment: spectrum
dataset: {{n_pairs: 48, segment_length: 12}}
metrics: [loss]
patch: {{directions: [noising], units: [path]}}
{EVERY}"""
GPT2 = f"""{HEAD}defaults: [override /model: random, override /dataset: jsonl]
experiment: spectrum
model: {{architecture: gpt2, config: {{}}}}
dataset: {{path: ../pairs.jsonl}}
metrics: [logit_diff]
patch: {{directions: [noising], units: [path]}}
"""


def families(heads: str) -> str:
    """The paths of one or two nodes whose first is one of `heads` or an MLP, as one writes them by
    hand."""
    first = {slot: (f"s<{slot}>", heads) for slot in "qkv"} | {"m": ("s", "m*")}
    second = {slot: (f"r<{slot}>", "a*.h*") for slot in "qkv"} | {"m": ("r", "m*")}
    lines = ["hypotheses:", "  h:", "    paths:"]
    for name, (s, over) in first.items():
        lines.append(f'      {name}: {{expr: "input -> {s} -> logits", over: {{s: "{over}"}}}}')
        for other, (r, under) in second.items():
            entry = f'expr: "input -> {s} -> {r} -> logits", over: {{s: "{over}", r: "{under}"}}'
            lines.append(f"      {name}{other}: {{{entry}}}")
    return "\n".join(lines) + "\n"


def command(tree: Path, experiment: str, threads: int) -> dict[str, Any]:
    """An experiment in a tree: seconds of the whole command, and what its manifest says."""
    with tempfile.TemporaryDirectory() as folder:
        mine = Path(folder)
        (mine / "experiment").mkdir()
        (mine / "experiment" / "spectrum.yaml").write_text(experiment)
        write_pairs(mine / "pairs.jsonl")
        environment = {**os.environ, "PYTHONPATH": str(tree / "src"), "HF_HUB_OFFLINE": "1"}
        environment["OMP_NUM_THREADS"] = str(threads)
        # Compiled Python is kept, as it is for who runs a command twice.
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        line = [sys.executable, "run.py", "--config-dir", folder, "experiment=spectrum"]
        line += [f"runtime.output_root={folder}/outputs", "runtime.progress=false"]
        began = time.perf_counter()
        subprocess.run(line, cwd=tree, env=environment, check=True, capture_output=True)
        spent = time.perf_counter() - began
        (file,) = mine.glob("outputs/spectrum/*/manifest.json")
        said = json.loads(file.read_text())
        return {"seconds": spent, "units": said["counts"]["units"], "stages": said["timings"]}


def induction(given: argparse.Namespace) -> dict[str, Any]:
    """All paths of the shipped model of at most two nodes."""
    return command(HERE.parent, INDUCTION, given.threads)


def whole(given: argparse.Namespace) -> dict[str, Any]:
    """All 91,231."""
    return command(HERE.parent, GPT2 + EVERY, given.threads)


def spectrum(given: argparse.Namespace) -> dict[str, Any]:
    """Both trees in turns."""
    trees = {"before": given.before.resolve(), "now": HERE.parent}
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in trees}
    for _ in range(given.turns):
        for name, tree in trees.items():
            runs[name].append(command(tree, GPT2 + families(given.heads), given.threads))
    spent = {
        name: statistics.median(one["stages"]["execute"] for one in found)
        for name, found in runs.items()
    }
    return {
        "paths": runs["now"][0]["units"],
        **spent,
        "ratio": spent["before"] / spent["now"],
        "runs": runs,
    }


def task_on_gpt2() -> tuple[Task, Alphabet]:
    """GPT-2 small's shape and 16 pairs."""
    write_pairs(HERE / "pairs.jsonl")
    register_schemas()
    config = composed("a")
    model = load_model(source_of(config.model, config.seed), "cpu")
    inputs = read_inputs(config, read_files(config, source_of(config.model, config.seed), model))
    assert inputs is not None
    source = source_named(config.patch.source)(config.patch, config.seed).on(model, inputs.pairs)
    occurring, classes = position_classes(inputs.pairs.pairs, [])
    budget = budget_of("auto", model.device)
    task = Task(model, inputs.pairs, classes, inputs.metrics, source, budget)
    return task, Alphabet(Graph(model.shape), occurring)


def unrelated(given: argparse.Namespace) -> dict[str, Any]:
    """300 paths, listed one by one, and walks along each."""
    task, alphabet = task_on_gpt2()
    graph = alphabet.graph
    every = Spectrum(graph, 2, tuple(range(1, graph.logits)), (), True).union()
    drawn = draw_paths(every, graph, 2 * N_UNRELATED, 0, distinct=True)
    paths = [path for path in drawn if len(path) == 4][:N_UNRELATED]
    with torch.no_grad():
        return compared(task, alphabet, paths, given.turns) | {"paths": len(paths)}


def compared(
    task: Task, alphabet: Alphabet, paths: Sequence[SinglePath], turns: int
) -> dict[str, Any]:
    """Walks and ours in turns, plain runs being there on all sides: milliseconds a path,
    operations, and how far the values are apart."""
    pairs = task.pairs.pairs
    batch = make_batch(pairs, range(len(pairs)), task.classes, task.model.device)
    functions = node_functions(task.model, batch.clean.shape[1])
    runs = plain_runs_of(task, functions, batch, 0)
    sets = [(single_route(path, alphabet.graph),) for path in paths]
    kept = KeptBatches()

    def walked(kind: type[Walk]) -> Callable[[], torch.Tensor]:
        walk = kind(alphabet.graph, functions, runs, batch)
        return lambda: torch.stack([walk.effect(path) for path in paths])

    def ours() -> torch.Tensor:
        plan = compile_plan(sets, alphabet)
        measured = evaluate("delta", task, plan, [Direction.noising], kept=kept)
        return torch.tensor(measured.patched[Direction.noising][:, 0] - measured.clean[0])

    walks = {"layer_walk": LayerWalk, "plain_walk": PlainWalk, "walk": Walk}
    sides = {**{name: walked(kind) for name, kind in walks.items()}, "ours": ours}
    rate = matmul_rate()
    # The first turn warms up.
    effects = {name: side() for name, side in sides.items()}
    spent = [
        {name: 1e3 * seconds(side) / len(paths) for name, side in sides.items()}
        for _ in range(turns)
    ]
    ms = {name: statistics.median(turn[name] for turn in spent) for name in sides}
    operations = {name: flops(side) for name, side in sides.items()}
    planning = seconds(lambda: compile_plan(sets, alphabet))
    return {
        **{f"{name}_ms": each for name, each in ms.items()},
        "of_it_planning_ms": 1e3 * planning / len(paths),
        **{f"ratio_to_{name}": ms[name] / ms["ours"] for name in walks},
        "matmul_rate": rate,
        "operations": operations,
        "least_ms": {name: 1e3 * count / rate / len(paths) for name, count in operations.items()},
        "largest_difference": float((effects["ours"] - effects["walk"]).abs().max()),
        "largest_effect": float(effects["ours"].abs().max()),
    }


def flops(do: Callable[[], object]) -> int:
    """Operations of its matrix products."""
    with FlopCounterMode(display=False) as counter:
        do()
    return int(counter.get_total_flops())


Asked = tuple[PathEffects, Sequence[PathSet], float, float]
"""Who asked for path sets, for which, and the seconds and processor seconds that took."""


def levels_of(experiment: str) -> list[Asked]:
    """What the walk of a search asks for, level by level."""
    asked: list[Asked] = []
    evaluated = PathEffects.__call__

    def timed(self: PathEffects, what: str, path_sets: Sequence[PathSet]) -> Floats:
        began, worked = time.perf_counter(), time.process_time()
        found = evaluated(self, what, path_sets)
        ended, rested = time.perf_counter(), time.process_time()
        asked.append((self, path_sets, ended - began, rested - worked))
        return found

    PathEffects.__call__ = timed  # type: ignore[method-assign]
    with tempfile.TemporaryDirectory() as folder:
        config = pp.compose(experiment, f"runtime.output_root={folder}", "search.sample=0")
        config.runtime.progress = False
        pp.run(config)
    PathEffects.__call__ = evaluated  # type: ignore[method-assign]
    return [each for each in asked if each[0] is asked[0][0]]


def search(given: argparse.Namespace) -> dict[str, Any]:
    """What a search asks for, asked one level after the other and all at once."""
    levels = levels_of(given.search)
    first = levels[0][0]
    sets = [each for _, some, _, _ in levels for each in some]

    def listed(*lists: Sequence[PathSet]) -> None:
        for some in lists:
            plan = compile_plan(some, first.alphabet)
            evaluate(first.backend, first.task, plan, [first.direction])

    listed(sets)
    worked = time.process_time()
    once = seconds(lambda: listed(sets))
    cpu_once = time.process_time() - worked
    apart = seconds(lambda: listed(*[some for _, some, _, _ in levels]))
    spent, cpu_spent = sum(each[2] for each in levels), sum(each[3] for each in levels)
    return {
        "experiment": given.search,
        "levels": len(levels),
        "path_sets": len(sets),
        "evaluations_a_second": len(sets) * len(first.pair_ids) / spent,
        "seconds": spent,
        "as_one_list": once,
        "ratio": spent / once,
        "level_by_level": apart,
        "ratio_level_by_level": spent / apart,
        "cpu_seconds": cpu_spent,
        "cpu_as_one_list": cpu_once,
        "cpu_ratio": cpu_spent / cpu_once,
    }


PARTS = {each.__name__: each for each in (induction, spectrum, whole, unrelated, search)}


def main() -> None:
    """Measure what is named, print and record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="+", choices=PARTS)
    parser.add_argument("--before", type=Path, help="a checkout to compare with")
    parser.add_argument("--heads", default="a*.h*", help="the first nodes of the spectrum")
    parser.add_argument("--search", default="find_induction", help="the experiment that searches")
    parser.add_argument("--turns", type=int, default=TURNS)
    parser.add_argument("--threads", type=int, default=THREADS)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    file = HERE / "records" / f"paths-{datetime.now(UTC):%Y-%m-%d}.json"
    record: dict[str, Any] = json.loads(file.read_text()) if file.is_file() else {}
    record["machine"] = (
        f"{machine()}, {THREADS} threads where none are named, torch {torch.__version__}"
    )
    for name in given.parts:
        key = ", ".join([name, *chosen(parser, given, name)])
        record[key] = PARTS[name](given)
        shown = {key: value for key, value in record[key].items() if key != "runs"}
        print(name, json.dumps(shown, indent=1), flush=True)
        file.write_text(json.dumps(record, indent=1) + "\n")


def chosen(parser: argparse.ArgumentParser, given: argparse.Namespace, part: str) -> list[str]:
    """What was asked for otherwise than by default, of what concerns a part."""
    of_part = {"spectrum": ["heads"], "search": ["search"]}.get(part, [])
    said = {name: getattr(given, name) for name in [*of_part, "threads"]}
    return [f"{name}: {value}" for name, value in said.items() if value != parser.get_default(name)]


if __name__ == "__main__":
    main()
