"""One tree's side of `before_after.py`: a turn for every line it is sent.

It uses the `run.py` of the tree that it is told, and the names of the engine as they were there:
commit 76c00f2 had a driver of its own for `delta` and called a plan a table.
"""

# mypy: ignore-errors

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import run as bench
import torch

from pathpatch_runner.cli.schema import register_schemas
from pathpatch_runner.config import Direction
from pathpatch_runner.execute.memory import budget_of
from pathpatch_runner.execute.task import Task
from pathpatch_runner.inputs import read_inputs
from pathpatch_runner.runner.planned import make_plan

TREE = Path(sys.argv[1])
OLD = (TREE / "src/pathpatch_runner/execute/delta/executor.py").is_file() and not (
    TREE / "src/pathpatch_runner/execute/drive.py"
).is_file()


def of_now(config, model, part: int) -> Callable[[], object]:
    """What one turn of a workload calls, in a tree of one plan and one loop."""
    from pathpatch_runner.execute.drive import evaluate
    from pathpatch_runner.execute.sources import source_named
    from pathpatch_runner.inputs import read_files
    from pathpatch_runner.model.source import source_of

    inputs = read_inputs(config, read_files(config, source_of(config.model, config.seed), model))
    planned = make_plan(config, inputs)
    source = source_named(config.patch.source)(config.patch, config.seed).on(model, inputs.pairs)
    budget = budget_of(None, model.device)
    task = Task(model, inputs.pairs, planned.classes, inputs.metrics, source, budget)
    plan = bench.parts_of(planned.plan, part)[0]
    return lambda: evaluate("delta", task, plan, [Direction.noising])


def of_before(config, model, part: int) -> Callable[[], object]:
    """The same in the tree of commit 76c00f2."""
    inputs = read_inputs(config, model)
    planned = make_plan(config, inputs)
    source = bench.prepare_source(model, inputs.pairs, config.patch, config.seed)
    budget = budget_of(None, model.device)
    task = Task(model, inputs.pairs, planned.classes, inputs.metrics, source, budget)
    table = bench.parts_of(planned.table, part)[0]
    return lambda: bench.evaluate_delta(task, table, [Direction.noising])


def loaded():
    """Workload A's model: all workloads have the same."""
    config = bench.composed("a")
    if OLD:
        return bench.load_model(config.model, 0, "cpu")
    return bench.load_model(bench.source_of(config.model, 0), "cpu")


def main() -> None:
    torch.set_num_threads(1)
    folder, parts = Path(sys.argv[2]), json.loads(sys.argv[3])
    folder.mkdir()
    bench.write_pairs(bench.HERE / "pairs.jsonl")
    register_schemas()
    model = loaded()
    prepare = of_before if OLD else of_now
    steps = {name: prepare(bench.composed(name), model, part) for name, part in parts.items()}
    for _ in sys.stdin:
        spent = {}
        for name, step in steps.items():
            began = time.process_time()
            measured = step()
            spent[name] = time.process_time() - began
            np.save(folder / f"{name}.npy", measured.patched[Direction.noising])
        print(json.dumps(spent), flush=True)


if __name__ == "__main__":
    main()
