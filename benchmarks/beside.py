"""What a run costs beside its work: whole commands, this tree and an earlier one in turns.

    python benchmarks/beside.py --before ../before        writes records/beside-<date>.json

`--before`: a checkout of the commit to compare with. Measured, each in a process of its own:

    found      the same command again, the run being there: `micro` (token ids), `induction` (text)
    question   144 senders into the logits on GPT-2 small's shape, random weights, 8 pairs of 15
               tokens: a first question to the model, and a second one (another metric)

Seconds are medians over the turns; stages and forward passes are what the manifests say. Compiled
Python is kept beside the sources, as it is for who runs a command twice.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
TURNS = 3
EXPERIMENT = """# @package _global_
defaults: [override /model: random, override /dataset: jsonl]
experiment: beside
model: {architecture: gpt2, config: {}}
dataset: {path: ../pairs.jsonl}
hypotheses: {h: {paths: {p: {expr: "s -> logits", over: {s: "a*.h*"}}}}}
patch: {directions: [noising], units: [path]}
metrics: [logit_diff]
"""


def write_question(folder: Path) -> None:
    """The experiment and its pairs."""
    (folder / "experiment").mkdir()
    (folder / "experiment" / "beside.yaml").write_text(EXPERIMENT)
    rng = random.Random(0)
    lines = []
    for _ in range(8):
        clean = [rng.randrange(50257) for _ in range(15)]
        corrupt = clean[:5] + [rng.randrange(50257) for _ in range(10)]
        answer, distractor = rng.randrange(50257), rng.randrange(50257)
        line = {"clean": clean, "corrupt": corrupt, "answer": answer, "distractor": distractor}
        lines.append(json.dumps(line))
    (folder / "pairs.jsonl").write_text("\n".join(lines) + "\n")


@dataclass(frozen=True)
class Cost:
    """Of a command. `cpu`: seconds of all its threads, which other programs change less."""

    wall: float
    cpu: float


def command(tree: Path, outputs: Path, *arguments: str) -> Cost:
    """What `python run.py ...` costs in a tree."""
    environment = {**os.environ, "PYTHONPATH": str(tree / "src"), "HF_HUB_OFFLINE": "1"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    line = [sys.executable, "run.py", *arguments, f"runtime.output_root={outputs}"]
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(line, cwd=tree, env=environment, check=True, capture_output=True)
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(wall, cpu)


def manifest(outputs: Path, experiment: str) -> dict[str, Any]:
    """Of the newest run."""
    files = (outputs / experiment).glob("*/manifest.json")
    newest = max(files, key=lambda path: path.stat().st_mtime)
    data: dict[str, Any] = json.loads(newest.read_text())
    return data


def found_again(trees: Mapping[str, Path], experiment: str) -> dict[str, Cost]:
    """Tree -> what the same command again costs: medians, the trees in turns."""
    costs: dict[str, list[Cost]] = {name: [] for name in trees}
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(1 + TURNS):
            for name, tree in trees.items():
                cost = command(tree, Path(folder) / name, f"experiment={experiment}")
                if turn:
                    costs[name].append(cost)
    return {
        name: Cost(statistics.median(c.wall for c in some), statistics.median(c.cpu for c in some))
        for name, some in costs.items()
    }


def questions(tree: Path) -> dict[str, Any]:
    """A first and a second question to one model."""
    with tempfile.TemporaryDirectory() as folder:
        mine = Path(folder)
        write_question(mine)
        outputs = mine / "outputs"
        found: dict[str, Any] = {}
        for name, metric in (("first", "logit_diff"), ("second", "logprob")):
            arguments = ["--config-dir", str(mine), "experiment=beside", f"metrics=[{metric}]"]
            cost = command(tree, outputs, *arguments)
            said = manifest(outputs, "beside")
            found[name] = {
                "seconds": cost.wall,
                "cpu_seconds": cost.cpu,
                "stages": said["timings"],
                "forward_passes": said["counts"]["forward_passes"],
            }
        return found


def main() -> None:
    """Measure both trees in turns, print and record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--before", type=Path, help="a checkout to compare with")
    given = parser.parse_args()
    trees = {"now": HERE.parent} | ({"before": given.before.resolve()} if given.before else {})
    record: dict[str, Any] = {name: {} for name in trees}
    for experiment in ("micro", "induction"):
        for name, cost in found_again(trees, experiment).items():
            record[name][f"found {experiment}"] = dataclasses.asdict(cost)
            print(f"{name:8} {experiment} again: {cost.wall:.2f} s, of a processor {cost.cpu:.2f}")
    for name, tree in trees.items():
        record[name]["questions"] = questions(tree)
        for which, said in record[name]["questions"].items():
            passes = said["forward_passes"]
            print(f"{name:8} {which} question: {said['seconds']:.1f} s, passes {passes}")
            print(f"{'':8} { ({k: round(v, 2) for k, v in said['stages'].items()}) }")
    file = HERE / "records" / f"beside-{datetime.now(UTC):%Y-%m-%d}.json"
    file.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
