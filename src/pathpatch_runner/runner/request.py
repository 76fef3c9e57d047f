"""What is asked of a run: the experiment, and who asks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pathpatch_runner.config import ExperimentConfig
from pathpatch_runner.model.shelf import ModelShelf
from pathpatch_runner.runner.watch import Unwatched, Watch
from pathpatch_runner.store import command_line, utc_now
from pathpatch_runner.store.files import HeldRun

if TYPE_CHECKING:
    from pathpatch_runner.metric import Metric
    from pathpatch_runner.model.source import ModelSource


@dataclass(frozen=True)
class Request:
    """`command`: program and arguments, for the manifest. `hydra_files`: name -> text of what goes
    to `.hydra/`. `overrides`: what the command line or the sweep set, key -> text of the value: the
    tables say it in `set.<key>`. `metrics`: of the caller's own, by which names in the config are
    found first. `model`: where the config cannot name it (a bridge in memory).
    `models`: where the model is taken from; jobs of one process share it.
    `held`: where the run goes in place of a directory. `started`: UTC, ISO 8601.
    """

    config: ExperimentConfig
    command: tuple[str, ...] = field(default_factory=command_line)
    hydra_files: Mapping[str, str] = field(default_factory=dict)
    overrides: Mapping[str, str] = field(default_factory=dict)
    watch: Watch = field(default_factory=Unwatched)
    metrics: tuple[Metric, ...] = ()
    model: ModelSource | None = None
    models: ModelShelf = field(default_factory=ModelShelf)
    held: HeldRun | None = None
    started: str = field(default_factory=utc_now)
