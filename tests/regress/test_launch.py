"""What a finished process says of its run: found, failed, or its model not at hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from pathpatch_runner.config import GgufModelConfig
from pathpatch_runner.errors import ModelError
from pathpatch_runner.model.files import explained, gguf_file
from pathpatch_runner.regress.launch import only_a_missing_model, outcome


def test_a_finished_run_says_where_it_lies() -> None:
    found = outcome(0, "\nloss\nreport  /a b/outputs/toy/0f/report.html\n", "")
    assert found.directory == Path("/a b/outputs/toy/0f")


def test_a_finished_run_that_says_nothing_is_a_failure() -> None:
    found = outcome(0, "", "")
    assert (found.directory, found.available) == (None, True)
    assert found.reason == "the run did not say where it lies"


def test_a_crash_is_a_failure() -> None:
    found = outcome(1, "", "Traceback ...\nZeroDivisionError: division by zero\n")
    assert found.reason == "the run failed: ZeroDivisionError: division by zero"
    assert found.available


def message_of_a_missing_package() -> str:
    with pytest.raises(ModelError) as caught:
        gguf_file(GgufModelConfig(package="no_such_package", file="x.gguf"))
    return str(caught.value)


def message_of(error: Exception) -> str:
    with pytest.raises(ModelError) as caught, explained("gpt2"):
        raise error
    return str(caught.value)


@pytest.mark.parametrize(
    "message",
    [
        message_of_a_missing_package(),
        message_of(OSError("couldn't find them in the cached files")),
        message_of(OSError("you are trying to access a gated repo")),
        message_of(ImportError("needs gguf")),
        'model.path: "weights" was not found. Looked at "/w/weights"',
        'model.path: no directory "weights"',
    ],
)
def test_a_missing_model_is_unavailable(message: str) -> None:
    assert only_a_missing_model(message)
    assert not outcome(1, "", f"error: {message}\n").available


@pytest.mark.parametrize(
    "message",
    [
        'experiment: there is no "toi"',
        'model.name: there is no model "gpt22" on the hub. Check the spelling',
        '2 problems:\n1. model.path: no file "w"\n2. metrics: unknown metric "los"',
        'model.weights: "w" does not fit model.config: embed.W_E [3, 2] is missing',
        'model.weights: "w" is not a safetensors file: "header"',
    ],
)
def test_anything_else_is_a_failure(message: str) -> None:
    assert not only_a_missing_model(message)


def test_several_missing_files_are_unavailable_together() -> None:
    text = '2 problems:\n1. model.path: no file "w"\n2. model.weights: no file "v"'
    assert only_a_missing_model(text)
