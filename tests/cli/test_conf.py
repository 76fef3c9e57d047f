"""Every config that ships composes, and its typed config is what it says."""

from __future__ import annotations

from pathlib import Path

import pytest

from pathpatch_runner.cli import compose
from pathpatch_runner.cli.schema import GROUPS, schemas
from pathpatch_runner.errors import PathPatchError, Problems

CONF = Path(__file__).parents[2] / "conf"


def options(group: str) -> list[str]:
    return sorted(path.stem for path in (CONF / group).glob("*.yaml"))


@pytest.mark.parametrize("name", options("experiment"))
def test_every_experiment_composes(name: str) -> None:
    config = compose(name)
    assert config.experiment == name
    assert config.hypotheses or config.search
    assert config.model.kind in schemas("model")


@pytest.mark.parametrize(
    ("group", "name"), [(group, name) for group in GROUPS for name in options(group)]
)
def test_every_option_composes(group: str, name: str) -> None:
    config = compose("micro", f"{group}={name}")
    section = getattr(config, group)
    assert type(section) is schemas(group)[section.kind]


@pytest.mark.parametrize(
    ("group", "kind"), [(group, kind) for group in GROUPS for kind in schemas(group)]
)
def test_every_kind_is_a_group_option_without_a_file(group: str, kind: str, tmp_path: Path) -> None:
    assert not (CONF / group / f"{kind}.yaml").exists()
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "bare.yaml").write_text("# @package _global_\nexperiment: bare\n")
    try:
        config = compose("bare", f"{group}={kind}", config_dir=tmp_path)
    except PathPatchError as error:
        # Fields that need a value are all that can be wrong with a kind that says nothing else.
        problems = error.problems if isinstance(error, Problems) else (error,)
        assert all(str(each).endswith("needs a value, and none is given") for each in problems)
    else:
        assert type(getattr(config, group)) is schemas(group)[kind]
