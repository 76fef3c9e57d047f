"""Weights & Biases: a run of the project `tracking.project`, its files as one artifact.

`WANDB_MODE=offline` keeps it in `outputs/.tracking/wandb`, from where `wandb sync` sends it.
"""

from __future__ import annotations

import re
from pathlib import Path

import wandb

from pathpatch_runner.config import TrackingConfig
from pathpatch_runner.tracking.logged import Logged


def log_run(logged: Logged, config: TrackingConfig, folder: Path) -> str:
    """Returns W&B's id of the run."""
    folder.mkdir(parents=True, exist_ok=True)
    server = {} if config.uri is None else {"base_url": config.uri}
    run = wandb.init(
        project=config.project or "pathpatch_runner",
        name=logged.name,
        config={**logged.params, **logged.tags},
        dir=str(folder),
        settings=wandb.Settings(silent=True, console="off", **server),
    )
    try:
        run.summary.update(dict(logged.metrics))
        artifact = wandb.Artifact(re.sub(r"[^\w.-]+", "-", logged.name), type="run")
        for file in logged.files:
            artifact.add_file(str(file))
        run.log_artifact(artifact)
    except BaseException:
        run.finish(exit_code=1)
        raise
    run.finish()
    return str(run.id)
