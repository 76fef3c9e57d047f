"""What the package shows: every name is there, sorted, and importing it costs nothing."""

from __future__ import annotations

import subprocess
import sys
import types
from importlib import metadata

import pytest

import pathpatch_runner as pp

FORBIDDEN = ("torch", "hydra", "transformers", "transformer_lens", "pandas", "numpy", "pyarrow")


def test_names_are_sorted_and_all_there() -> None:
    assert list(pp.__all__) == sorted(set(pp.__all__))
    assert dir(pp) == pp.__all__
    for name in pp.__all__:
        found = getattr(pp, name)
        assert found is not None
        assert not isinstance(found, types.ModuleType), name


def test_every_error_and_every_kind_is_public() -> None:
    from pathpatch_runner import errors
    from pathpatch_runner.registry import DATASETS, MODELS

    tree = {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, errors.PathPatchError)
    }
    assert tree <= set(pp.__all__)
    in_memory = {"in_memory"}
    for registry in (MODELS, DATASETS):
        for name in set(registry.names()) - in_memory:
            assert registry.get(name, "test").Config.__name__ in pp.__all__


def test_every_config_class_is_public() -> None:
    from pathpatch_runner import config

    classes = {name for name in config.__all__ if isinstance(getattr(config, name), type)}
    assert classes <= set(pp.__all__)


def test_the_version_is_the_distributions() -> None:
    assert pp.__version__ == metadata.version("pathpatch-runner")


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'pach'"):
        pp.pach  # noqa: B018


def test_importing_brings_nothing_heavy() -> None:
    code = f"import sys, pathpatch_runner; print([m for m in {FORBIDDEN} if m in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"


def test_types_are_shipped() -> None:
    from importlib import resources

    assert resources.files("pathpatch_runner").joinpath("py.typed").is_file()
