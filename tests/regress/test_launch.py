"""What a job's record says of its run: found, of other code, failed, or its model not at hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pathpatch_runner.errors import (
    ConfigError,
    ModelError,
    NotAtHandError,
    PathPatchError,
    Problems,
)
from pathpatch_runner.model.files import explained
from pathpatch_runner.model.gguf import GgufModel, GgufModelConfig
from pathpatch_runner.regress.claim import Run
from pathpatch_runner.regress.launch import Outcome, launcher, outcome
from pathpatch_runner.store import RunDirectory, code_digest
from pathpatch_runner.store.outcome import JobRecord, errors_of, read_jobs, write_jobs
from store.records import MANIFEST, PROVENANCE


def run_of(folder: Path, code: str) -> JobRecord:
    """A finished run whose manifest says that this code computed it."""
    provenance = replace(PROVENANCE, digests={"code": code})
    directory = RunDirectory(folder)
    with directory.writing():
        directory.write_manifest(replace(MANIFEST, provenance=provenance))
    return JobRecord(str(folder))


def failed(error: Exception) -> Outcome:
    return outcome(JobRecord(None, errors_of(error)))


def test_a_finished_run_of_this_code_is_found(tmp_path: Path) -> None:
    assert outcome(run_of(tmp_path / "a b", code_digest())).directory == tmp_path / "a b"


@pytest.mark.parametrize("code", ["0123456789abcdef", ""])
def test_numbers_of_other_code_judge_nothing(tmp_path: Path, code: str) -> None:
    found = outcome(run_of(tmp_path / "run", code))
    assert (found.directory, found.available) == (None, True)
    assert found.reason.endswith("was computed by other code. Run it with runtime.force=true")


def missing_package() -> Exception:
    with pytest.raises(ModelError) as caught:
        _ = GgufModel(GgufModelConfig(package="no_such_package", file="x.gguf"), 0).file
    return caught.value


def raised_by_the_hub(error: Exception) -> Exception:
    with pytest.raises(ModelError) as caught, explained("gpt2"):
        raise error
    return caught.value


@pytest.mark.parametrize(
    "error",
    [
        missing_package(),
        raised_by_the_hub(OSError("couldn't find them in the cached files")),
        raised_by_the_hub(OSError("you are trying to access a gated repo")),
        raised_by_the_hub(ImportError("needs gguf")),
        Problems([NotAtHandError("no weights"), NotAtHandError("no tokenizer")]),
    ],
)
def test_a_missing_model_is_unavailable(error: Exception) -> None:
    found = failed(error)
    assert not found.available
    assert found.directory is None


@pytest.mark.parametrize(
    "error",
    [
        ConfigError('experiment: there is no "toi"'),
        Problems([NotAtHandError("no weights"), ConfigError('unknown metric "los"')]),
        ModelError("the weights do not fit"),
        ZeroDivisionError("division by zero"),
    ],
)
def test_anything_else_is_a_failure(error: Exception) -> None:
    found = failed(error)
    assert (found.available, found.directory) == (True, None)
    said = [str(each) for each in error.problems] if isinstance(error, Problems) else [str(error)]
    assert found.reason == "\n".join(said)


def test_records_come_back_as_written(tmp_path: Path) -> None:
    jobs = [JobRecord("outputs/a"), JobRecord(None, errors_of(PathPatchError('"é" is wrong')))]
    write_jobs(tmp_path / "jobs.json", jobs)
    assert read_jobs(tmp_path / "jobs.json") == jobs


def test_a_command_that_fails_says_why(tmp_path: Path) -> None:
    found = launcher(tmp_path)(Run("no_such_experiment"))
    assert found.available
    assert found.reason.startswith('experiment: there is no "no_such_experiment". ')
