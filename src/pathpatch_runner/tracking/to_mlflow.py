"""MLflow: a run of the MLflow experiment `tracking.project` on the server, or in the folder, that
`tracking.uri` names (null: what MLflow's own environment says)."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Metric, Param
from mlflow.utils.time import get_current_time_millis

from pathpatch_runner.config import TrackingConfig
from pathpatch_runner.tracking.logged import Logged

AT_ONCE = 100
"""Parameters of one request, the most that servers take."""
PATIENCE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2", "MLFLOW_HTTP_REQUEST_TIMEOUT": "20"}
"""A server that does not answer must not keep a sweep waiting; what the user has set counts."""


def log_run(logged: Logged, config: TrackingConfig, folder: Path) -> str:
    """Returns MLflow's id of the run."""
    del folder
    for name, value in PATIENCE.items():
        os.environ.setdefault(name, value)
    client = MlflowClient(tracking_uri=config.uri)
    made = client.create_run(
        _experiment(client, config.project or "pathpatch_runner"),
        run_name=logged.name,
        tags=dict(logged.tags),
    )
    run_id = str(made.info.run_id)
    now = get_current_time_millis()
    for params in _batches([Param(*each) for each in logged.params.items()]):
        client.log_batch(run_id, params=params)
    for metrics in _batches([Metric(*each, now, 0) for each in logged.metrics.items()]):
        client.log_batch(run_id, metrics=metrics)
    for file in logged.files:
        client.log_artifact(run_id, str(file))
    client.set_terminated(run_id)
    return run_id


def _experiment(client: Any, name: str) -> str:
    """MLflow's id of the experiment of that name. Several jobs of a sweep may come to make it."""
    found = client.get_experiment_by_name(name)
    if found is None:
        try:
            return str(client.create_experiment(name))
        except Exception:
            found = client.get_experiment_by_name(name)
            if found is None:
                raise
    return str(found.experiment_id)


def _batches(entries: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(entries), AT_ONCE):
        yield entries[start : start + AT_ONCE]
