"""Time per path of the `delta` executor against TransformerLens' time per edge, side by side.

    make bench                                  all workloads, a record and the table
    python benchmarks/run.py --only a d e       some of them, printed only

Both sides run in one process on the same model, prompts and threads, in turns: TransformerLens
(`get_act_patch_direct_path` from one head of the last layer but one to all heads of the last,
one forward pass an edge), ours, TransformerLens again. Medians over the turns; a ratio is theirs
an edge over ours a path. Ours counts everything after the two plain runs are cached, as theirs
does; planning is timed apart.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import torch
from hydra import compose, initialize_config_dir
from memory import all_budgets
from omegaconf import OmegaConf
from torch.utils.flop_counter import FlopCounterMode
from transformer_lens.patching import get_act_patch_direct_path

from pathpatch_runner.cli.schema import register_schemas
from pathpatch_runner.config import Direction, ExperimentConfig
from pathpatch_runner.execute.batch import make_batch
from pathpatch_runner.execute.drive import evaluate
from pathpatch_runner.execute.memory import budget_of
from pathpatch_runner.execute.sources import source_named
from pathpatch_runner.execute.task import Task
from pathpatch_runner.inputs import read_files, read_inputs
from pathpatch_runner.model.load import LoadedModel, load_model
from pathpatch_runner.model.source import source_of
from pathpatch_runner.plan.compile import compile_plan
from pathpatch_runner.plan.plan import Plan
from pathpatch_runner.runner.planned import make_plan

HERE = Path(__file__).resolve().parent
THREADS = 2
TURNS = 3
WORKLOADS = {
    "a": ("every `s -> r<q> -> logits@end`, s and r all heads", 4000.0),
    "b": ("`s -> r<q> => logits@end`, all s, two receivers in every layer", 8.0),
    "c_k": ("the same for `<k>`", 7.0),
    "c_v": ("the same for `<v>`", 7.0),
    "d": ("`s -[m*]-> logits@end`, 144 senders", 80.0),
    "e": ("`input -> x<v> -> y<k> -> z<q> -> logits@end`, x in a0-2, y in a5, z in a9", 3000.0),
}
"""Name -> (what it is, the ratio it must reach)."""
LONG = ("b", "c_k", "c_v")
"""Workloads of more than a minute: one turn of ours, in parts between which theirs is measured."""
PARTS = 6


def write_pairs(path: Path) -> None:
    """16 pairs of 15 random tokens that differ from position 5 on."""
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randint(50257, (16, 2, 17), generator=generator).tolist()
    lines = [
        {
            "clean": clean[:15],
            "corrupt": clean[:5] + corrupt[5:15],
            "answer": clean[15],
            "distractor": corrupt[15],
        }
        for clean, corrupt in tokens
    ]
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))


def composed(name: str) -> ExperimentConfig:
    """A workload's config, as the command line would compose it."""
    overrides = [
        "hydra.searchpath=[file://" + str(HERE / "conf") + "]",
        f"experiment={name}",
        f"dataset.path={HERE / 'pairs.jsonl'}",
    ]
    with initialize_config_dir(str(HERE.parent / "conf"), version_base="1.3"):
        config = OmegaConf.to_object(compose("config", overrides=overrides))
    assert isinstance(config, ExperimentConfig)
    return config


def seconds(step: Callable[[], object]) -> float:
    """Wall time of one call."""
    began = time.perf_counter()
    step()
    return time.perf_counter() - began


def machine() -> str:
    """Processor, architecture and system."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    processor = names[0] if names else platform.processor()
    return f"{processor} ({platform.machine()}, {platform.system()})"


def matmul_rate() -> float:
    """FLOP/s of a 2048-square float32 product, the best of five."""
    matrix = torch.randn(2048, 2048)
    matrix @ matrix
    return 2 * 2048**3 / min(seconds(lambda: matrix @ matrix) for _ in range(5))


class Theirs:
    """TransformerLens' direct path patching on the same pairs."""

    def __init__(self, model: LoadedModel, task: Task) -> None:
        pairs = task.pairs.pairs
        batch = make_batch(pairs, range(len(pairs)), task.classes, model.device)
        self._model = model
        self._corrupt = batch.corrupt
        _, self._clean_cache = model.bridge.run_with_cache(batch.clean)
        _, self._corrupt_cache = model.bridge.run_with_cache(batch.corrupt)
        self._answer, self._distractor = batch.answers[:, 0], batch.distractors[:, 0]

    def _metric(self, logits: torch.Tensor) -> torch.Tensor:
        rows = torch.arange(len(logits))
        last = logits[:, -1]
        return (last[rows, self._answer] - last[rows, self._distractor]).mean()

    def seconds_an_edge(self) -> float:
        """Over the edges from one head to the twelve of the last layer."""
        layer = self._model.shape.n_layers - 2
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            spent = seconds(
                lambda: get_act_patch_direct_path(
                    self._model.bridge,
                    self._corrupt,
                    self._clean_cache,
                    self._corrupt_cache,
                    self._metric,
                    layer,
                    0,
                    "q",
                    verbose=False,
                )
            )
        return spent / self._model.shape.n_heads


def parts_of(plan: Plan, count: int) -> list[Plan]:
    """Equal parts of a plan's units, each of units from everywhere in it."""
    units = np.arange(plan.n_units)
    return [plan.select(units[i::count]) for i in range(count)] if count > 1 else [plan]


def measure(name: str, model: LoadedModel) -> dict[str, Any]:
    """One workload."""
    config = composed(name)
    inputs = read_inputs(config, read_files(config, source_of(config.model, config.seed), model))
    assert inputs is not None
    began = time.perf_counter()
    planned = make_plan(config, inputs)
    planning = time.perf_counter() - began
    path_sets = [unit.paths for unit in inputs.hypotheses.units]
    compiling = seconds(lambda: compile_plan(path_sets, planned.plan.alphabet))
    source = source_named(config.patch.source)(config.patch, config.seed).on(model, inputs.pairs)
    budget = budget_of(None, model.device)
    task = Task(model, inputs.pairs, planned.classes, inputs.metrics, source, budget)
    theirs = Theirs(model, task)
    theirs.seconds_an_edge()
    n_paths = planned.plan.n_units
    edges, paths, plain = [theirs.seconds_an_edge()], [], []
    parts = PARTS if name in LONG else 1
    for _ in range(1 if name in LONG else TURNS):
        spent = 0.0
        for part in parts_of(planned.plan, parts):
            began = time.perf_counter()
            measured = evaluate("delta", task, part, [Direction.noising])
            spent += time.perf_counter() - began - measured.baseline_seconds
            plain.append(measured.baseline_seconds)
            edges.append(theirs.seconds_an_edge())
        paths.append(spent / n_paths)
    result: dict[str, Any] = {
        "workload": WORKLOADS[name][0],
        "paths": n_paths,
        "seconds_an_edge_theirs": statistics.median(edges),
        "seconds_a_path_ours": statistics.median(paths),
        "ratio": statistics.median(edges) / statistics.median(paths),
        "must_reach": WORKLOADS[name][1],
        "plain_runs_seconds": statistics.median(plain),
        "plan_seconds": planning,
        "compile_seconds": compiling,
        "plan_share": planning / (statistics.median(paths) * n_paths),
        "compile_share": compiling / (statistics.median(paths) * n_paths),
    }
    if name == "b":
        rate = matmul_rate()
        with FlopCounterMode(display=False) as counter:
            evaluate("delta", task, planned.plan, [Direction.noising])
        done = counter.get_total_flops() / (result["seconds_a_path_ours"] * n_paths)
        result |= {"flops": counter.get_total_flops(), "matmul_rate": rate}
        result["fraction_of_matmul_rate"] = done / rate
    return result


def whole_run_overhead() -> dict[str, float]:
    """Workload A as a command: its wall time less loading, plain runs and executor."""
    with tempfile.TemporaryDirectory() as folder:
        command = [
            sys.executable,
            "-m",
            "pathpatch_runner",
            "--config-dir",
            str(HERE / "conf"),
            "experiment=a",
            f"dataset.path={HERE / 'pairs.jsonl'}",
            f"runtime.output_root={folder}",
            f"runtime.threads={THREADS}",
            "runtime.backend=delta",
        ]
        began = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        wall = time.perf_counter() - began
        (manifest,) = Path(folder).glob("a/*/manifest.json")
        timings = json.loads(manifest.read_text())["timings"]
    executor = timings["load"] + timings["baseline"] + timings["execute"] + timings["guards"]
    return {"wall": wall, "overhead": wall - executor, **timings}


def row(name: str, found: dict[str, Any]) -> str:
    """A workload's line of the table."""
    return (
        f"| {name.upper()} | {found['workload']} | {found['paths']:,} | "
        f"{1e3 * found['seconds_an_edge_theirs']:.0f} ms | "
        f"{1e3 * found['seconds_a_path_ours']:.3f} ms | {found['ratio']:,.1f}x | "
        f"{found['must_reach']:,.0f}x | {100 * found['compile_share']:.1f}% | "
        f"{100 * found['plan_share']:.1f}% |"
    )


def table(record: dict[str, Any]) -> str:
    """The record as Markdown."""
    lines = [
        f"Measured {record['date']}: {record['machine']}, {THREADS} threads, torch "
        f"{record['versions']['torch']}, TransformerLens {record['versions']['transformer-lens']}.",
        "",
        "| | workload | paths | theirs, an edge | ours, a path | ratio | must reach | compiling | "
        "and explaining |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    lines += [row(name, found) for name, found in record["workloads"].items()]
    overhead = record.get("whole_run")
    if overhead:
        lines += [
            "",
            f"Whole run of A beyond the executor: {overhead['overhead']:.1f} s (under 10).",
        ]
    for found in record.get("memory", []):
        lines.append(
            f"A budget of {found['budget_gib']} GiB: {found['peak_gib']:.2f} GiB above the loaded "
            "model at the peak."
        )
    b = record["workloads"].get("b", {})
    if "fraction_of_matmul_rate" in b:
        lines.append(
            f"B reaches {b['fraction_of_matmul_rate']:.2f} of the measured matmul rate "
            f"({b['matmul_rate'] / 1e9:.0f} GFLOP/s); 0.6 is asked for."
        )
    return "\n".join(lines) + "\n"


BEGIN, END = "<!-- table -->", "<!-- end of table -->"


def with_table(readme: str, table: str) -> str:
    """The README with another table between its marks; all else stays."""
    head, _, rest = readme.partition(BEGIN)
    _, found, tail = rest.partition(END)
    assert found, f"README.md has no {BEGIN} with {END} after it"
    return f"{head}{BEGIN}\n\n{table}\n{END}{tail}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", choices=list(WORKLOADS), default=list(WORKLOADS))
    chosen = parser.parse_args().only
    torch.set_num_threads(THREADS)
    write_pairs(HERE / "pairs.jsonl")
    register_schemas()
    model = load_model(source_of(composed("a").model, 0), "cpu")
    record: dict[str, Any] = {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": machine(),
        "versions": {name: metadata.version(name) for name in ("torch", "transformer-lens")},
        "matmul_rate": matmul_rate(),
        "workloads": {},
    }
    for name in chosen:
        record["workloads"][name] = measure(name, model)
        print(row(name, record["workloads"][name]), flush=True)
    if chosen == list(WORKLOADS):
        record["whole_run"] = whole_run_overhead()
        record["memory"] = all_budgets()
        name = f"records/{record['date']}.json"
        (HERE / name).parent.mkdir(exist_ok=True)
        (HERE / name).write_text(json.dumps(record, indent=2) + "\n")
        readme = HERE / "README.md"
        readme.write_text(with_table(readme.read_text(), table(record)))
    print(table(record))


if __name__ == "__main__":
    main()
