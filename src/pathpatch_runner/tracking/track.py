"""Logs a finished run with the tracker that its config names, once, and never fails it.

What was logged is noted in the run's `tracking.json`, so that the same command logs a run that a
tracker missed, or that was made without one, and no run twice.
"""

from __future__ import annotations

import importlib
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pathpatch_runner.config import ExperimentConfig, Tracker, TrackingConfig
from pathpatch_runner.store import RunDirectory
from pathpatch_runner.tracking.logged import Logged, logged_of

log = logging.getLogger("pathpatch_runner")

Log = Callable[[Logged, TrackingConfig, Path], str]
"""Logs a run; returns what the tracker calls it. The path: a folder for what the tracker writes."""

TRACKERS = {
    Tracker.mlflow: "pathpatch_runner.tracking.to_mlflow:log_run",
    Tracker.wandb: "pathpatch_runner.tracking.to_wandb:log_run",
}
NOTED = "tracking.json"
FOLDER = ".tracking"
"""Below the output root: what trackers write on this machine."""


def track(config: ExperimentConfig, path: Path) -> None:
    """Log the finished run at `path`, if a tracker is named that has not logged it. Whatever goes
    wrong is a warning."""
    kind = config.tracking.kind
    if kind is Tracker.none:
        return
    directory = RunDirectory(path)
    try:
        noted = _noted(directory)
        if kind.value in noted:
            return
        name = _log_of(kind)(
            logged_of(directory), config.tracking, Path(config.runtime.output_root) / FOLDER
        )
        text = json.dumps({**noted, kind.value: name}, indent=2)
        directory.write_text(NOTED, text + "\n")
    except Exception as error:
        log.warning(
            "tracking: %s could not log the run: %s. The run is whole; the same command logs it",
            kind.value,
            _said(kind, error),
        )


def _log_of(kind: Tracker) -> Log:
    module, _, name = TRACKERS[kind].partition(":")
    found: Log = getattr(importlib.import_module(module), name)
    return found


def _noted(directory: RunDirectory) -> dict[str, Any]:
    """Tracker -> what it calls the run."""
    try:
        noted = json.loads(directory.read_text(NOTED))
    except ValueError:
        return {}
    return noted if isinstance(noted, dict) else {}


def _said(kind: Tracker, error: Exception) -> str:
    if isinstance(error, ImportError):
        return f'{error}: pip install "pathpatch-runner[{kind.value}]"'
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
