"""Peak memory above the loaded model under several budgets, on a part of workload B.

python benchmarks/memory.py                one line of JSON for each budget
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

BUDGETS_GIB = (0.3, 0.6, 1.2)
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--budget", type=float)
    budget = parser.parse_args().budget
    for found in [measure(budget)] if budget else all_budgets():
        print(json.dumps(found))


if __name__ == "__main__":
    main()
