"""What is killed: everything that writes to an output folder, small enough to be done in a moment.

Each is a function of a folder with the data in it, and writes below `folder/outputs`. `FIRST` names
what must be there before a scenario begins, and is not killed. Pages, which take longer than all
else together, are short.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from cli.own_configs import add_experiment
from pathpatch_runner import collect as collecting
from pathpatch_runner.cli.command import main
from pathpatch_runner.collection import write
from pathpatch_runner.config import Direction, ExperimentConfig, SearchConfig
from pathpatch_runner.execute.delta.executor import DeltaOnBatch
from pathpatch_runner.runner import Request, pipeline, run
from runs.small import experiment, write_pairs


def small(folder: Path) -> ExperimentConfig:
    """Evaluated one path set at a time, so that there are many chunks to be killed between."""
    DeltaOnBatch.room = 1  # type: ignore[method-assign, assignment]
    config = experiment(folder)
    config.patch.directions = list(Direction)
    return config


def single(folder: Path) -> None:
    """A run."""
    run(Request(small(folder)))


def search(folder: Path) -> None:
    """A run that searches: on random weights everything has some effect, and little of it is
    significant, so that all are taken."""
    config = small(folder)
    if not (folder / "many.jsonl").exists():
        write_pairs(folder / "many.jsonl", n_pairs=16)
    config.dataset.path = str(folder / "many.jsonl")  # type: ignore[attr-defined]
    config.hypotheses = {}
    config.search = SearchConfig(min_share=0.0, alpha=0.5, at_most=1, evaluations=60, sample=20)
    run(Request(config))


def sweep(folder: Path) -> None:
    """Two jobs in one process, by the command line."""
    if not (folder / "mine").exists():
        add_experiment(folder / "mine", "my")
    sys.argv = [
        *("run.py", "--config-dir", str(folder / "mine"), "-m", "experiment=my", "seed=0,1"),
        f"runtime.output_root={folder / 'outputs'}",
        "runtime.progress=false",
    ]
    main()


def parts(folder: Path) -> None:
    """Both halves of the pairs."""
    for shard in ("1/2", "2/2"):
        config = small(folder)
        config.shard = shard
        run(Request(config, overrides={"shard": shard}))


def collect(folder: Path) -> None:
    """One run of its parts."""
    assert collecting.main([str(folder / "outputs" / "small")]) == 0


def short_pages() -> None:
    """In this process, from now on."""
    for module in (pipeline, write):
        module.render_report = lambda _: "a page"  # type: ignore[attr-defined]


KILLED: dict[str, Callable[[Path], None]] = {
    "single": single,
    "search": search,
    "sweep": sweep,
    "collect": collect,
}
FIRST: dict[str, Callable[[Path], None]] = {"collect": parts}
SCENARIOS = KILLED | {f"before {name}": do for name, do in FIRST.items()}
