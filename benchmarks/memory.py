"""Peak memory above the loaded model, on a part of workload B: all senders into one receiver.

    python benchmarks/memory.py                      GPT-2 small's shape under several budgets
    python benchmarks/memory.py --before ../before   30 layers, also of an earlier tree, a record

*30 layers* is SmolLM2's shape with random weights. Each measurement is a process of its own:
memory once freed may stay with a process. In GiB.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import subprocess
import sys
import tempfile
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
BUDGETS_GIB = (0.3, 0.6, 1.2)
DEEP = {
    "num_hidden_layers": 30,
    "num_attention_heads": 9,
    "num_key_value_heads": 3,
    "hidden_size": 576,
    "intermediate_size": 1536,
    "vocab_size": 50257,
    "tie_word_embeddings": True,
}
"""SmolLM2's shape, with the vocabulary of the benchmark's prompts."""
DEEP_BUDGETS_GIB = (0.3, 1.2)
GIB = 2**30
PAGE = 4096


def resident() -> int:
    """Bytes of this process that are in memory now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


class Watch:
    """The most memory the process has while it runs, looked at every two milliseconds."""

    def __init__(self) -> None:
        self.most = resident()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def _look(self) -> None:
        while not self._stop.wait(0.002):
            self.most = max(self.most, resident())

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


def measure(budget_gib: float) -> dict[str, Any]:
    """Evaluate under a budget, in this process."""
    import torch
    from run import composed, write_pairs

    from pathpatch_runner.cli.schema import register_schemas
    from pathpatch_runner.config import Direction
    from pathpatch_runner.execute.drive import evaluate
    from pathpatch_runner.execute.memory import budget_of
    from pathpatch_runner.execute.sources import source_named
    from pathpatch_runner.execute.task import Task
    from pathpatch_runner.inputs import read_files, read_inputs
    from pathpatch_runner.model.load import load_model
    from pathpatch_runner.model.source import source_of
    from pathpatch_runner.runner.planned import make_plan

    write_pairs(Path(__file__).parent / "pairs.jsonl")
    register_schemas()
    config = composed("b")
    (hypothesis,) = config.hypotheses.values()
    hypothesis.paths["path"].over = {"s": "a*.h*", "r": "a8.h3"}
    model = load_model(source_of(config.model, 0), "cpu")
    inputs = read_inputs(config, read_files(config, source_of(config.model, config.seed), model))
    assert inputs is not None
    planned = make_plan(config, inputs)
    source = source_named(config.patch.source)(config.patch, config.seed).on(model, inputs.pairs)
    budget = budget_of(budget_gib, model.device)
    task = Task(model, inputs.pairs, planned.classes, inputs.metrics, source, budget)
    model.forward(torch.tensor([inputs.pairs.pairs[0].clean]), [])
    loaded = resident()
    with Watch() as watch:
        evaluate("delta", task, planned.plan, [Direction.noising])
    return {"budget_gib": budget_gib, "peak_gib": (watch.most - loaded) / GIB}


def all_budgets() -> list[dict[str, Any]]:
    """Every budget, each in its own process: memory once freed may stay with a process."""
    found = []
    for budget in BUDGETS_GIB:
        command = [sys.executable, "-W", "ignore", __file__, "--budget", str(budget)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        found.append(json.loads(done.stdout.splitlines()[-1]))
    return found


def measure_deep(tree: Path, budget_gib: float) -> dict[str, Any]:
    """The same on 30 layers, by a tree's own `measure`, whose package is imported here."""
    sys.path.insert(0, str(tree / "benchmarks"))
    benchmark: Any = importlib.import_module("run")
    shallow = benchmark.composed
    with tempfile.TemporaryDirectory() as folder:
        pairs = Path(folder) / "pairs.jsonl"
        benchmark.write_pairs(pairs)

        def composed(name: str) -> Any:
            config = shallow(name)
            config.model = type(config.model)(architecture="llama", config=dict(DEEP))
            config.dataset.path = str(pairs)
            return config

        benchmark.composed = composed
        benchmark.write_pairs = lambda _: None
        found: dict[str, Any] = importlib.import_module("memory").measure(budget_gib)
    return found


def deep(trees: dict[str, Path]) -> dict[str, list[dict[str, Any]]]:
    """Tree -> one measurement a budget, in turns."""
    record: dict[str, list[dict[str, Any]]] = {name: [] for name in trees}
    for budget in DEEP_BUDGETS_GIB:
        for name, tree in trees.items():
            environment = {**os.environ, "PYTHONPATH": str(tree / "src"), "HF_HUB_OFFLINE": "1"}
            line = [sys.executable, "-W", "ignore", __file__, "--deep", str(tree)]
            line += ["--budget", str(budget)]
            done = subprocess.run(line, env=environment, check=True, capture_output=True, text=True)
            record[name].append(json.loads(done.stdout.splitlines()[-1]))
            print(name, record[name][-1], flush=True)
    return record


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--before", type=Path, help="a checkout to compare with")
    parser.add_argument("--budget", type=float, help=argparse.SUPPRESS)
    parser.add_argument("--deep", type=Path, help=argparse.SUPPRESS)
    said = parser.parse_args()
    if said.before:
        record = deep({"now": HERE.parent, "before": said.before.resolve()})
        file = HERE / "records" / f"memory-{datetime.now(UTC):%Y-%m-%d}.json"
        file.write_text(json.dumps(record, indent=1) + "\n")
    elif said.deep:
        print(json.dumps(measure_deep(said.deep, said.budget)))
    else:
        for found in [measure(said.budget)] if said.budget else all_budgets():
            print(json.dumps(found))


if __name__ == "__main__":
    main()
