"""The workloads of `run.py` in this tree and in an earlier one, in turns.

    python benchmarks/before_after.py --before ../before   writes records/before-after-<date>.json

`--before`: a checkout of the commit to compare with (76c00f2, before there was one plan and one
loop, and anything later). Each tree works in a process of its own, on one thread, and waits while
the other does; a turn is A, D and E whole and every 24th unit of B, C_k and C_v. Seconds are the
processor's, plain runs included, the least over the turns. Values must be equal to 1e-5.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
TURNS = 2
PARTS = {"a": 1, "b": 24, "c_k": 24, "c_v": 24, "d": 1, "e": 1}
"""Workload -> one part in how many is measured."""
WORKER = HERE / "before_after_worker.py"


class Worker:
    """One tree, in a process that answers a turn a line."""

    def __init__(self, tree: Path, values: Path) -> None:
        sources = os.pathsep.join(str(tree / name) for name in ("src", "benchmarks"))
        environment = {**os.environ, "PYTHONPATH": sources, "OMP_NUM_THREADS": "1"}
        line = [sys.executable, "-P", str(WORKER), str(tree), str(values), json.dumps(PARTS)]
        self._process = subprocess.Popen(
            line, cwd=tree, env=environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def turn(self) -> dict[str, float]:
        """Processor seconds by workload."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("go\n")
        self._process.stdin.flush()
        for line in self._process.stdout:
            if line.startswith("{"):
                return dict(json.loads(line))
        raise SystemExit("error: a worker ended before its turn")

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def compared(trees: Mapping[str, Path], folder: Path) -> dict[str, Any]:
    """Least seconds by workload and tree, and how far the values lie apart."""
    workers = {name: Worker(tree, folder / name) for name, tree in trees.items()}
    found: dict[str, list[dict[str, float]]] = {name: [] for name in workers}
    for turn in range(TURNS):
        for name in list(workers)[:: 1 if turn % 2 else -1]:
            found[name].append(workers[name].turn())
            print(turn, name, found[name][-1], flush=True)
    for worker in workers.values():
        worker.close()
    result = {}
    for workload in PARTS:
        before, now = (np.load(folder / name / f"{workload}.npy") for name in trees)
        result[workload] = {
            **{name: min(turn[workload] for turn in turns) for name, turns in found.items()},
            "part": f"1/{PARTS[workload]}",
            "largest_difference": float(np.abs(before - now).max()),
        }
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--before", type=Path, required=True)
    before = parser.parse_args().before.resolve()
    with tempfile.TemporaryDirectory() as folder:
        workloads = compared({"before": before, "now": HERE.parent}, Path(folder))
    date = datetime.now(UTC).date().isoformat()
    record = {"date": date, "threads": 1, "turns": TURNS, "workloads": workloads}
    (HERE / f"records/before-after-{date}.json").write_text(json.dumps(record, indent=2) + "\n")
    for name, found in workloads.items():
        seconds = f"{found['before']:.3f} s | {found['now']:.3f} s"
        ratio = found["now"] / found["before"]
        print(f"| {name.upper()} | {found['part']} | {seconds} | {ratio:.2f} |")
        if found["largest_difference"] > 1e-5:
            raise SystemExit(f"error: the values of {name} differ between the trees")


if __name__ == "__main__":
    main()
