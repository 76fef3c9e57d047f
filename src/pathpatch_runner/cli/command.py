"""`main`: compose the config with Hydra, run it, and end in one message where that fails.

Importing this module imports neither torch nor pandas: `--help` and tab completion are quick.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from pathpatch_runner.cli.messages import explain
from pathpatch_runner.cli.places import source_folders
from pathpatch_runner.cli.schema import register_schemas
from pathpatch_runner.cli.typed import typed_config
from pathpatch_runner.config import ExperimentConfig
from pathpatch_runner.errors import PathPatchError

if TYPE_CHECKING:
    from pathpatch_runner.runner import RunOutcome

FULL_ERROR = "HYDRA_FULL_ERROR"
_wants_traceback = os.environ.get(FULL_ERROR, "0") not in ("0", "")
_failures: list[tuple[str, str]] = []
"""(job, message) of every job of this process that failed: Hydra itself keeps only the first."""


def config_path() -> str:
    """The repository's `conf` where there is one, else the one inside the package."""
    folder = Path(__file__).parents[3] / "conf"
    return str(folder) if (folder / "config.yaml").is_file() else "pkg://pathpatch_runner.conf"


def job(composed: DictConfig) -> RunOutcome | None:
    """One experiment. What a user can mend is kept for `main` to say at the end, where the job
    runs in this process, and raised for the launcher elsewhere: a sweep goes on either way."""
    settings = HydraConfig.get()
    overrides = list(settings.overrides.task)
    try:
        folders = source_folders(settings.runtime.config_sources)
        config = typed_config(composed, settings.runtime.choices, overrides, folders)
        files = {
            "config.yaml": OmegaConf.to_yaml(composed),
            "overrides.yaml": OmegaConf.to_yaml(OmegaConf.create(overrides)),
        }
        return _run(config, files)
    except Exception as error:
        message = _message(error) or f"{type(error).__name__}: {error}"
        _failures.append((" ".join(overrides) or "(no overrides)", message))
        if isinstance(error, PathPatchError) and _in_process() and not _wants_traceback:
            return None
        raise


def _run(config: ExperimentConfig, files: Mapping[str, str]) -> RunOutcome:
    """Run, watched in the terminal, and print what came out."""
    from pathpatch_runner.report.console import print_plan, print_summary
    from pathpatch_runner.report.progress import TerminalWatch
    from pathpatch_runner.runner import run

    watch = TerminalWatch(enabled=config.runtime.progress)
    outcome = run(config, hydra_files=files, watch=watch)
    if outcome.directory is None:
        print_plan(outcome.plan)
    else:
        assert outcome.summary is not None
        print_summary(outcome.summary, outcome.directory)
    return outcome


def _in_process() -> bool:
    settings = HydraConfig.get()
    launcher = str(settings.launcher.get("_target_", ""))
    return settings.mode is RunMode.RUN or launcher.endswith("BasicLauncher")


def _message(error: BaseException) -> str | None:
    """The whole message for an error that a user can mend; None for one of ours."""
    if isinstance(error, PathPatchError):
        return str(error)
    if isinstance(error, HydraException | OmegaConfBaseException):
        return explain(error)
    return None


def main() -> None:
    """The entry point of `run.py`, `pathpatch-runner` and `python -m pathpatch_runner`."""
    register_schemas()
    _failures.clear()
    # With this set Hydra lets exceptions through, so that their messages can be ours.
    os.environ[FULL_ERROR] = "1"
    decorated = hydra.main(version_base="1.3", config_path=config_path(), config_name="config")(job)
    try:
        decorated()
    except Exception as error:
        message = _message(error)
        if _wants_traceback or (message is None and len(_failures) < 2):
            raise
        _say(message or str(error), composed=isinstance(error, PathPatchError))
        sys.exit(1)
    finally:
        if not _wants_traceback:
            os.environ.pop(FULL_ERROR, None)
    if _failures:
        _say(_failures[0][1])
        sys.exit(1)


def _say(message: str, *, composed: bool = True) -> None:
    """One message on stderr, or one for each job of a sweep that failed. `composed`: whether
    the configs of all jobs could be."""
    is_sweep = "-m" in sys.argv or "--multirun" in sys.argv
    if len(_failures) < 2 and not (is_sweep and _failures):
        # Hydra composes all jobs of a sweep before it runs the first. Launchers that run jobs in
        # other processes raise the first failure here.
        before = "a job of the sweep failed: " if composed else "nothing of the sweep was run: "
        print(f"error: {before if is_sweep else ''}{message}", file=sys.stderr)
        return
    jobs = "\n".join(f"- {job}\n  {text}" for job, text in _failures)
    count = len(_failures)
    print(f"error: {count} job{'s' * (count != 1)} of the sweep failed:\n{jobs}", file=sys.stderr)
