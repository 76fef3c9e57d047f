"""Presets of launchers: what each asks of its plug-in, and that none can change a result."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hydra import compose as compose_whole
from hydra import initialize_config_dir
from omegaconf import OmegaConf

from cli.launchers import declared, installed
from cli.own_configs import add_experiment
from pathpatch_runner.cli import compose
from pathpatch_runner.cli.overrides import set_values
from pathpatch_runner.cli.schema import register_schemas
from pathpatch_runner.errors import ConfigError

REPOSITORY = Path(__file__).parents[2]
PRESETS: dict[str, tuple[str, dict[str, Any]]] = {
    "local": ("BasicLauncher", {}),
    "joblib": ("JoblibLauncher", {"n_jobs": 2}),
    "slurm": (
        "SlurmLauncher",
        {
            "submitit_folder": "out/.sweep/.submitit/%j",
            "timeout_min": 240,
            "cpus_per_task": 8,
            "gpus_per_node": 1,
            "tasks_per_node": 1,
            "mem_gb": 32,
            "array_parallelism": 16,
        },
    ),
    "ray": (
        "RayLauncher",
        {
            "ray": {
                "init": {"address": None, "num_cpus": None},
                "remote": {"num_cpus": 1, "num_gpus": 0},
            }
        },
    ),
}


def launcher_of(*overrides: str) -> dict[str, Any]:
    register_schemas()
    with declared(), initialize_config_dir(str(REPOSITORY / "conf"), version_base="1.3"):
        whole = compose_whole(
            "config",
            ["experiment=micro", "runtime.output_root=out", *overrides],
            return_hydra_config=True,
        )
        found: Any = OmegaConf.to_container(whole.hydra.launcher, resolve=True)
    return dict(found)


def test_there_is_a_preset_for_each_file() -> None:
    assert {path.stem for path in (REPOSITORY / "conf" / "cluster").iterdir()} == set(PRESETS)


@pytest.mark.parametrize("name", PRESETS)
def test_what_a_preset_asks_of_its_launcher(name: str) -> None:
    target, fields = PRESETS[name]
    launcher = launcher_of(f"cluster={name}")
    assert launcher["_target_"].endswith(f".{target}")
    assert {key: launcher[key] for key in fields} == fields


def test_no_preset_and_what_the_command_line_says() -> None:
    assert launcher_of() == launcher_of("cluster=local")
    said = launcher_of("cluster=slurm", "hydra.launcher.partition=gpu", "hydra.launcher.mem_gb=64")
    assert (said["partition"], said["mem_gb"], said["timeout_min"]) == ("gpu", 64, 240)
    two = launcher_of("cluster=ray", "hydra.launcher.ray.remote.num_gpus=0.5")
    assert two["ray"]["remote"] == {"num_cpus": 1, "num_gpus": 0.5}
    assert launcher_of("hydra/launcher=joblib")["n_jobs"] == -1


def test_where_jobs_run_is_no_part_of_what_they_ask(tmp_path: Path) -> None:
    with declared():
        configs = [compose("micro", f"cluster={name}") for name in PRESETS]
    assert configs == [compose("micro")] * len(PRESETS)
    assert set_values(["experiment=micro", "cluster=slurm", "seed=1"]) == {
        "experiment": "micro",
        "seed": "1",
    }
    # An experiment of one's own may choose its cluster.
    add_experiment(tmp_path, "mine").write_text(
        "# @package _global_\ndefaults: [/experiment/micro, override /cluster: joblib, _self_]\n"
        "experiment: mine\n"
    )
    with declared():
        assert compose("mine", config_dir=tmp_path).experiment == "mine"


@pytest.mark.parametrize(
    ("name", "launcher"), [("joblib", "joblib"), ("slurm", "submitit_slurm"), ("ray", "ray")]
)
def test_a_preset_without_its_plug_in_says_what_to_install(name: str, launcher: str) -> None:
    if launcher in installed():
        pytest.skip(f"the plug-in of {launcher} is installed")
    with pytest.raises(ConfigError) as caught:
        compose("micro", f"cluster={name}")
    said = str(caught.value)
    assert said.startswith(f'hydra/launcher: there is no "{launcher}"')
    assert f'pip install "pathpatch-runner[{name}]"' in said


def test_the_extras_are_those_the_message_names() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    assert {name: extras[name][0].split(">")[0] for name in ("joblib", "slurm", "ray")} == {
        "joblib": "hydra-joblib-launcher",
        "slurm": "hydra-submitit-launcher",
        "ray": "hydra-ray-launcher",
    }
