"""`main`: compose the config with Hydra, run it, and end in one message where that fails.

Importing this module imports neither torch nor pandas: `--help` and tab completion are quick.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from pathpatch_runner.cli.compose import ROOT, VERSION_BASE
from pathpatch_runner.cli.interrupt import interruptible
from pathpatch_runner.cli.messages import check_override, explain
from pathpatch_runner.cli.once import OnceLoader
from pathpatch_runner.cli.origins import Origins
from pathpatch_runner.cli.overrides import set_values
from pathpatch_runner.cli.schema import register_schemas
from pathpatch_runner.cli.search import argv_of, config_path, users_first
from pathpatch_runner.cli.sections import sections_begun
from pathpatch_runner.cli.sweep import SweepRefusedError
from pathpatch_runner.cli.typed import typed_config
from pathpatch_runner.cli.version import versions
from pathpatch_runner.cli.yaml_files import read_by_us
from pathpatch_runner.config import ExperimentConfig
from pathpatch_runner.errors import ConfigError, PathPatchError
from pathpatch_runner.model.shelf import ModelShelf
from pathpatch_runner.store.outcome import JobRecord, errors_of

if TYPE_CHECKING:
    import pyarrow as pa

    from pathpatch_runner.runner import RunOutcome

FULL_ERROR = "HYDRA_FULL_ERROR"


@dataclass(frozen=True)
class Job:
    """What became of one job. `message`: why it failed, for the user; "" where it did not.
    `summary`: of what it found."""

    overrides: str
    record: JobRecord
    message: str = ""
    summary: pa.Table | None = None


JOBS: list[Job] = []
"""Every job of this process, in order: of a sweep Hydra itself keeps only the first failure."""

MODELS = ModelShelf()
"""What the jobs of this process share."""


def job(composed: DictConfig) -> RunOutcome | None:
    """One experiment. What a user can mend is kept for `main` to say at the end, where the job
    runs in this process, and raised for the launcher elsewhere: a sweep goes on either way."""
    settings = HydraConfig.get()
    overrides: Any = OmegaConf.to_container(settings.overrides.task, resolve=False)
    named = " ".join(overrides) or "(no overrides)"
    try:
        with read_by_us():
            config = typed_config(composed, Origins.of(settings))
        files = {
            "config.yaml": OmegaConf.to_yaml(composed),
            "overrides.yaml": OmegaConf.to_yaml(OmegaConf.create(overrides)),
        }
        outcome = _run(config, files, set_values(overrides))
    except Exception as error:
        message = _message(error)
        shown = message or f"{type(error).__name__}: {error}"
        JOBS.append(Job(named, _record(error, message), shown))
        if message is not None and _in_process() and not _wants_traceback():
            return None
        raise
    directory = None if outcome.directory is None else str(outcome.directory)
    JOBS.append(Job(named, JobRecord(directory), summary=outcome.summary))
    return outcome


def _run(
    config: ExperimentConfig, files: Mapping[str, str], overrides: Mapping[str, str]
) -> RunOutcome:
    """Run, watched in the terminal, and print what came out; or only show what `runtime.show`
    asks for."""
    if config.runtime.show is not None:
        return _show(config)
    from pathpatch_runner.report.progress import TerminalWatch
    from pathpatch_runner.runner import Request, run

    with TerminalWatch(enabled=config.runtime.progress) as watch:
        request = Request(
            config, hydra_files=files, overrides=overrides, watch=watch, models=MODELS
        )
        outcome = run(request)
    _print(outcome, overrides)
    return outcome


def _print(outcome: RunOutcome, overrides: Mapping[str, str]) -> None:
    """What came out: of a single run its tables, of a job of a sweep a line."""
    from pathpatch_runner.report.console import print_job, print_plan, print_summary

    if outcome.directory is None:
        print_plan(outcome.plan)
        return
    assert outcome.summary is not None
    if HydraConfig.get().mode is RunMode.RUN:
        print_summary(outcome.summary, outcome.directory)
        _print_found(outcome.directory)
        return
    told = " ".join(f"{key}={value}" for key, value in overrides.items() if key != "experiment")
    print_job(HydraConfig.get().job.num + 1, told, outcome)


def _print_found(path: Path) -> None:
    """What a search left, if there was one."""
    if not (path / "found.parquet").is_file():
        return
    from pathpatch_runner.report.console import terminal
    from pathpatch_runner.report.found_tree import print_found
    from pathpatch_runner.store import RunDirectory

    directory = RunDirectory(path)
    about = json.loads(directory.read_text("search.json"))
    print_found(directory.read_table("found.parquet"), about, terminal())


def _show(config: ExperimentConfig) -> RunOutcome:
    from pathpatch_runner.report.data import print_pairs
    from pathpatch_runner.runner import RunOutcome
    from pathpatch_runner.runner.look import look

    looked = look(config)
    print_pairs(looked.pairs, looked.tokenizer)
    return RunOutcome(None)


def _in_process() -> bool:
    settings = HydraConfig.get()
    launcher = str(settings.launcher.get("_target_", ""))
    return settings.mode is RunMode.RUN or launcher.endswith("BasicLauncher")


def _wants_traceback() -> bool:
    """Whether the user asked for one: `main` sets Hydra's own variable whatever the user said."""
    return os.environ.get(ASKED, "0") not in ("0", "")


ASKED = "PATHPATCH_FULL_ERROR"
"""What `HYDRA_FULL_ERROR` was when the command was given."""


def _message(error: BaseException) -> str | None:
    """The whole message for an error that a user can mend; None for one of ours."""
    if isinstance(error, PathPatchError):
        return str(error)
    if isinstance(error, HydraException | OmegaConfBaseException):
        return explain(error)
    if isinstance(error, MemoryError):
        return "out of memory. Use less data at once, or a smaller model"
    if isinstance(error, OSError):
        where = f'"{error.filename}": ' if error.filename else ""
        return f"{where}{error.strerror or error}"
    return None


def _record(error: BaseException, message: str | None) -> JobRecord:
    """What programs read of a failure: Hydra's errors as errors of the config, in our words."""
    if message is not None and isinstance(error, HydraException | OmegaConfBaseException):
        error = ConfigError(message)
    return JobRecord(None, errors_of(error))


def main() -> None:
    """The entry point of `run.py`, `pathpatch-runner` and `python -m pathpatch_runner`."""
    if "--version" in sys.argv[1:]:
        print(versions())
        return
    JOBS.clear()
    # At the end of the process everything goes at once: looking for cycles among the objects of
    # torch and transformers would take a second.
    atexit.register(gc.freeze)
    with interruptible(_interrupted):
        _main()


def _interrupted() -> str:
    """What is kept when Ctrl-C ends the command, and how to go on."""
    done = sum(each.record.directory is not None for each in JOBS)
    if not _is_sweep():
        lost = "this run was not finished"
    elif not JOBS:
        lost = "the sweep was not finished"
    else:
        lost = f"{done} job{'s' * (done != 1)} of the sweep finished and the rest did not"
    return (
        f"interrupted: {lost}. Finished runs are kept, and so is all that was evaluated. The same "
        "command again goes on from there (python -m pathpatch_runner.runs lists all runs)"
    )


def _is_sweep() -> bool:
    return "-m" in sys.argv or "--multirun" in sys.argv


def _main() -> None:
    """The command, once it is known to be one; a process of its own may end in it."""
    asked = os.environ.get(FULL_ERROR)
    os.environ[ASKED] = asked or "0"
    # With this set Hydra lets exceptions through, so that their messages can be ours.
    os.environ[FULL_ERROR] = "1"
    try:
        register_schemas()
        folders, overrides = argv_of(sys.argv[1:])
        for override in overrides:
            if wrong := check_override(override):
                raise ConfigError(wrong)
        with users_first(folders), read_by_us(), sections_begun(OnceLoader):
            decorate = hydra.main(
                version_base=VERSION_BASE, config_path=config_path(), config_name=ROOT
            )
            decorate(job)()
    except SweepRefusedError as refused:
        jobs = "\n".join(f"- {job}\n  {message}" for job, message in refused.jobs)
        print(f"error: nothing of the sweep was run: {refused}:\n{jobs}", file=sys.stderr)
        sys.exit(1)
    except Exception as error:
        message = _message(error)
        failed = [each for each in JOBS if each.message]
        if not failed:
            JOBS.append(Job("", _record(error, message), message or str(error)))
        if _wants_traceback() or (message is None and len(failed) < 2):
            raise
        _say(failed, message or str(error), composed=isinstance(error, PathPatchError))
        sys.exit(1)
    finally:
        os.environ.pop(FULL_ERROR)
        if asked is not None:
            os.environ[FULL_ERROR] = asked
    failed = [each for each in JOBS if each.message]
    if len(JOBS) > 1:
        _closing_table()
    if failed:
        _say(failed, failed[0].message)
        sys.exit(1)


def _closing_table() -> None:
    """All jobs of a sweep, after the last."""
    from pathpatch_runner.report.console import largest, print_jobs

    told = [each.overrides.split() for each in JOBS]
    common = set.intersection(*map(set, told))
    rows = [
        (
            " ".join(word for word in words if word not in common),
            "failed" if each.message else "done",
            "" if each.summary is None else largest(each.summary),
        )
        for words, each in zip(told, JOBS, strict=True)
    ]
    finished = [each.record.directory for each in JOBS if each.record.directory]
    print_jobs(rows, str(Path(finished[0]).parent) if finished else "outputs")


def _say(failed: list[Job], message: str, *, composed: bool = True) -> None:
    """One message on stderr, or one for each job of a sweep that failed. `composed`: whether
    the configs of all jobs could be."""
    is_sweep = _is_sweep()
    if len(failed) < 2 and not (is_sweep and failed):
        # Hydra composes all jobs of a sweep before it runs the first. Launchers that run jobs in
        # other processes raise the first failure here.
        before = "a job of the sweep failed: " if composed else "nothing of the sweep was run: "
        print(f"error: {before if is_sweep else ''}{message}", file=sys.stderr)
        return
    jobs = "\n".join(f"- {each.overrides}\n  {each.message}" for each in failed)
    count = len(failed)
    print(f"error: {count} job{'s' * (count != 1)} of the sweep failed:\n{jobs}", file=sys.stderr)
