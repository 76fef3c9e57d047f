"""Scores of all edges, and circuits of ten sizes, against TransformerLens on the same model.

    python benchmarks/edges.py                      all three, a table and records/edges-<date>.json
    python benchmarks/edges.py --sample 16          exact scores of every sixteenth edge
    python benchmarks/edges.py --whole              of all, as a command: an hour, and a record

One process, GPT-2 small's shape with random weights, 16 pairs of 15 tokens, float32, both sides in
turns, medians over the turns:

- exact: patching one edge, ours, against one forward pass of TransformerLens, which is the least
  that patching an edge by hooks can cost. Ours includes plans and plain runs. By default
  on a sample of one edge in 64, drawn from a seed.
- eap: scores of all 32,491 edges, against TransformerLens' `attribution_patch` at the granularity
  of edges, which scores one pair at a time: measured on a few pairs and scaled to 16. Ours includes
  plain runs. The peak of memory is above the loaded model, under a budget.
- sizes: MIB's ten sizes of a circuit chosen by those scores, in denoising.

`--whole` runs `conf/experiment/all_edges.yaml` as a user would, tables and all, and writes what its
manifest says of time, by stage, to records/all-edges-<date>.json.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import torch
from memory import GIB, Watch, resident
from run import HERE, THREADS, composed, machine, seconds, write_pairs
from transformer_lens.tools.analysis.attribution_patching import (
    EdgeAttributionConfig,
    attribution_patch,
)

from pathpatch_runner.circuit import circuit_of, edges_of
from pathpatch_runner.circuit.scores import sampled_edges
from pathpatch_runner.circuit.select import MIB_SIZES, first, ranking
from pathpatch_runner.cli.schema import register_schemas
from pathpatch_runner.config import Direction, Scored
from pathpatch_runner.execute.batch import make_batch
from pathpatch_runner.execute.drive import evaluate
from pathpatch_runner.execute.memory import budget_of
from pathpatch_runner.execute.scoring import Scoring, score, scoring_task
from pathpatch_runner.execute.sources import source_named
from pathpatch_runner.execute.task import Task
from pathpatch_runner.expression.alphabet import Alphabet
from pathpatch_runner.graph import Graph
from pathpatch_runner.inputs import read_files, read_inputs
from pathpatch_runner.model.load import LoadedModel, load_model
from pathpatch_runner.model.source import source_of
from pathpatch_runner.plan.compile import compile_plan

METRIC = "logit_diff"
BUDGET_GIB = 1.2
TURNS = 3
MUST_REACH = {
    "exact": "8 times faster an edge than a forward pass",
    "eap": "no slower than theirs, under 12 forward passes, within the budget",
    "sizes": "within 15 forward passes",
}


@dataclasses.dataclass(frozen=True)
class Sides:
    """Both sides of a comparison: our task, their model and prompts."""

    task: Task
    model: LoadedModel
    clean: torch.Tensor
    corrupt: torch.Tensor
    answers: torch.Tensor
    distractors: torch.Tensor

    @property
    def graph(self) -> Graph:
        """The model's."""
        return Graph(self.model.shape)

    def forward(self) -> None:
        """Their forward pass of all pairs."""
        with torch.no_grad():
            self.model.bridge(self.clean, return_type="logits", prepend_bos=False)

    def attribution(self, n_pairs: int) -> None:
        """Their scores of all edges, summed into one score each, on the first pairs."""
        for parameter in self.model.bridge.parameters():
            parameter.requires_grad_(True)
        config = EdgeAttributionConfig(granularity="edge")
        for pair in range(n_pairs):
            answer, distractor = int(self.answers[pair]), int(self.distractors[pair])

            def metric(
                logits: torch.Tensor, answer: int = answer, distractor: int = distractor
            ) -> torch.Tensor:
                return logits[0, -1, answer] - logits[0, -1, distractor]

            one = slice(pair, pair + 1)
            attribution_patch(self.model.bridge, self.clean[one], self.corrupt[one], metric, config)
        for parameter in self.model.bridge.parameters():
            parameter.requires_grad_(False)
            parameter.grad = None


def sides() -> Sides:
    """The model of the other benchmarks, and their pairs."""
    write_pairs(HERE / "pairs.jsonl")
    register_schemas()
    config = composed("a")
    config.metrics = [METRIC]
    model = load_model(source_of(config.model, config.seed), "cpu")
    inputs = read_inputs(config, read_files(config, source_of(config.model, config.seed), model))
    assert inputs is not None
    pairs = inputs.pairs
    source = source_named(config.patch.source)(config.patch, config.seed).on(model, pairs)
    classes = [[0] * len(pair.clean) for pair in pairs.pairs]
    budget = budget_of(BUDGET_GIB, model.device)
    task = scoring_task(Task(model, pairs, classes, inputs.metrics, source, budget), METRIC)
    batch = make_batch(pairs.pairs, range(len(pairs.pairs)), classes, model.device)
    return Sides(
        task, model, batch.clean, batch.corrupt, batch.answers[:, 0], batch.distractors[:, 0]
    )


def in_turns(ours: Callable[[], object], both: Sides, turns: int) -> tuple[float, float]:
    """(median seconds of ours, of a forward pass), a pass before and after each of ours."""
    both.forward()
    passes, own = [seconds(both.forward)], []
    for _ in range(turns):
        own.append(seconds(ours))
        passes += [seconds(both.forward) for _ in range(2)]
    return statistics.median(own), statistics.median(passes)


def exact(both: Sides, share: int) -> dict[str, Any]:
    """Of one edge in `share`, drawn from a seed; of all of them for 1."""
    total = len(edges_of(both.graph))
    sampled = None if share == 1 else sampled_edges(both.graph, total // share, 0)
    scoring = Scoring(Scored.edges, Direction.noising, 1, "delta", sampled)
    count = scoring.evaluated(both.graph)
    spent, a_pass = in_turns(lambda: score(both.task, "exact", scoring), both, 1)
    return {
        "edges": count,
        "seconds": spent,
        "seconds_an_edge": spent / count,
        "seconds_a_pass": a_pass,
        "ratio": a_pass / (spent / count),
    }


def eap(both: Sides, n_pairs: int) -> tuple[dict[str, Any], np.ndarray]:
    """All edges, ours on 16 pairs; theirs on `n_pairs` and scaled. And the scores [edge]."""
    scoring = Scoring(Scored.edges, Direction.denoising, 1, "delta")
    before = resident()
    with Watch() as watch:
        found = score(both.task, "eap", scoring)
    peak = (watch.most - before) / GIB
    spent, a_pass = in_turns(lambda: score(both.task, "eap", scoring), both, TURNS)
    theirs = seconds(lambda: both.attribution(n_pairs)) * len(both.clean) / n_pairs
    record = {
        "edges": len(found),
        "seconds": spent,
        "seconds_a_pass": a_pass,
        "passes": spent / a_pass,
        "seconds_theirs": theirs,
        "theirs_measured_on_pairs": n_pairs,
        "ratio": theirs / spent,
        "budget_gib": BUDGET_GIB,
        "peak_gib": peak,
    }
    return record, found.mean(1)


def sizes(both: Sides, scores: np.ndarray) -> dict[str, Any]:
    """Ten circuits of the best edges by size of score; the plan is timed apart."""
    graph = both.graph
    edges = edges_of(graph)
    ranked = ranking(edges, scores, greedy=False, absolute=True)
    began = time.perf_counter()
    sets = [(circuit_of(graph, first(edges, ranked, share)),) for share in MIB_SIZES]
    plan = compile_plan(sets, Alphabet(graph))
    compiling = time.perf_counter() - began
    spent, a_pass = in_turns(
        lambda: evaluate("delta", both.task, plan, [Direction.denoising]), both, TURNS
    )
    return {
        "edges": [len(circuit.edges) for (circuit,) in sets],
        "seconds": spent,
        "seconds_a_pass": a_pass,
        "passes": spent / a_pass,
        "compile_seconds": compiling,
    }


def whole() -> dict[str, Any]:
    """The whole job as a command: seconds by stage, and what it left."""
    write_pairs(HERE / "pairs.jsonl")
    with tempfile.TemporaryDirectory() as folder:
        line = [sys.executable, "run.py", "--config-dir", str(HERE / "conf")]
        line += ["experiment=all_edges", f"runtime.output_root={folder}"]
        line += [f"runtime.threads={THREADS}"]
        spent = seconds(lambda: subprocess.run(line, cwd=HERE.parent, check=True))
        (file,) = Path(folder).glob("all_edges/*/manifest.json")
        said = json.loads(file.read_text())
        left = {each.name: each.stat().st_size for each in file.parent.iterdir() if each.is_file()}
    return {
        "machine": machine(),
        "threads": THREADS,
        "seconds": spent,
        "stages": said["timings"],
        "forward_passes": said["counts"]["forward_passes"],
        "bytes": left,
    }


def lines(record: dict[str, Any]) -> list[str]:
    """The record as a table."""
    one, all_edges, ten = record["exact"], record["eap"], record["sizes"]
    return [
        f"Measured {record['date']}: {record['machine']}, {THREADS} threads, torch "
        f"{record['versions']['torch']}, TransformerLens {record['versions']['transformer-lens']}.",
        "",
        "| | ours | theirs | | must reach |",
        "|---|---:|---:|---:|---|",
        f"| exact, an edge ({one['edges']:,} edges) | {1e3 * one['seconds_an_edge']:.1f} ms | "
        f"{1e3 * one['seconds_a_pass']:.0f} ms a forward pass | {one['ratio']:.1f}x | "
        f"{MUST_REACH['exact']} |",
        f"| eap, all {all_edges['edges']:,} edges | {all_edges['seconds']:.2f} s = "
        f"{all_edges['passes']:.1f} passes, {all_edges['peak_gib']:.2f} of "
        f"{all_edges['budget_gib']} GiB | {all_edges['seconds_theirs']:.1f} s (scaled from "
        f"{all_edges['theirs_measured_on_pairs']} pairs) | {all_edges['ratio']:.1f}x | "
        f"{MUST_REACH['eap']} |",
        f"| ten sizes of a circuit | {ten['seconds']:.2f} s = {ten['passes']:.1f} passes; plan "
        f"{ten['compile_seconds']:.2f} s | | | {MUST_REACH['sizes']} |",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sample", type=int, default=64, help="one edge in so many, for exact")
    parser.add_argument("--pairs", type=int, default=1, help="pairs of TransformerLens' own eap")
    parser.add_argument("--no-record", action="store_true", help="print only")
    parser.add_argument("--whole", action="store_true", help="the whole job, and nothing else")
    said = parser.parse_args()
    today = datetime.now(UTC).date().isoformat()
    if said.whole:
        file = HERE / "records" / f"all-edges-{today}.json"
        file.write_text(json.dumps(whole(), indent=2) + "\n")
        return
    torch.set_num_threads(THREADS)
    both = sides()
    record: dict[str, Any] = {
        "date": today,
        "machine": machine(),
        "versions": {name: metadata.version(name) for name in ("torch", "transformer-lens")},
    }
    record["eap"], scores = eap(both, said.pairs)
    print(json.dumps(record["eap"]), flush=True)
    record["sizes"] = sizes(both, scores)
    print(json.dumps(record["sizes"]), flush=True)
    record["exact"] = exact(both, said.sample)
    if not said.no_record:
        file = HERE / "records" / f"edges-{record['date']}.json"
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps(record, indent=2) + "\n")
    print("\n".join(lines(record)))


if __name__ == "__main__":
    main()
