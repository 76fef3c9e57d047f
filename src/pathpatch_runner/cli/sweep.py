"""A sweep's jobs, checked before the first of them runs.

Hydra composes every job of a sweep first, which finds what does not compose. This finds what
composes and cannot be: a missing file, an unknown metric or corruption, a setting out of range.
What only the data or the model can tell is found by the job itself, and the other jobs go on.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from pathpatch_runner.cli.compose import typed_of
from pathpatch_runner.errors import PathPatchError

MOST_JOBS = 256
"""Jobs that are checked: composing one takes a tenth of a second."""


class SweepRefusedError(BaseException):
    """Jobs that cannot run. Not an Exception: Hydra makes warnings of those of callbacks.

    `jobs`: (overrides, message) of each.
    """

    def __init__(self, jobs: list[tuple[str, str]]) -> None:
        count = f"{len(jobs)} job{'s' * (len(jobs) != 1)}"
        super().__init__(f"{count} of the sweep cannot run")
        self.jobs = jobs


class CheckJobs(Callback):
    """Named in our `config.yaml`; Hydra calls it."""

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Raises SweepRefusedError for jobs that cannot run."""
        del kwargs
        # Hydra imports this module in every command, and single runs need none of these.
        from pathpatch_runner.inputs import check_settings
        from pathpatch_runner.metric import resolve_metrics
        from pathpatch_runner.registry import DATASETS

        bad = []
        for number, overrides in enumerate(_jobs(config)):
            if number == MOST_JOBS:
                break
            try:
                loader = GlobalHydra.instance().config_loader()
                job = typed_of(loader.load_sweep_config(config, overrides))
                check_settings(job)
                resolve_metrics(job.metrics, None)
                DATASETS.get(job.dataset.kind, "dataset.kind")(job.dataset, job.seed).check()
            except (HydraException, OmegaConfBaseException):
                return  # Hydra finds it next, and says it.
            except PathPatchError as error:
                bad.append((" ".join(overrides), str(error)))
        if bad:
            raise SweepRefusedError(bad)


def _jobs(config: DictConfig) -> Iterator[list[str]]:
    """The overrides of every job, where it is Hydra's own sweeper that makes them."""
    sweeper: Any = OmegaConf.to_container(config.hydra.sweeper, resolve=False)
    if not str(sweeper.get("_target_", "")).endswith("BasicSweeper"):
        return
    said: Any = OmegaConf.to_container(config.hydra.overrides.task, resolve=False)
    given = [*(f"{key}={value}" for key, value in (sweeper.get("params") or {}).items()), *said]
    parser = OverridesParser.create(config_loader=GlobalHydra.instance().config_loader())
    for batch in BasicSweeper.split_arguments(parser.parse_overrides(given), None):
        yield from (list(job) for job in batch)
