"""`compose`: what the command line would run; whose file wins; which file a path is relative to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hydra import version
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig

from cli.own_configs import add_experiment
from pathpatch_runner.cli import compose
from pathpatch_runner.config import ExperimentConfig
from pathpatch_runner.errors import ConfigError, NotAtHandError, Problems

REPOSITORY = Path(__file__).parents[2]


def path_of(config: ExperimentConfig) -> str:
    dataset: Any = config.dataset
    return str(dataset.path)


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    folder = tmp_path / "mine"
    add_experiment(folder, "my")
    return folder


def test_an_experiment_that_ships() -> None:
    config = compose("micro", "dataset.n_pairs=1", "seed=3")
    assert (config.experiment, config.dataset.n_pairs, config.seed) == ("micro", 1, 3)
    assert path_of(config) == str(REPOSITORY / "experiments" / "micro" / "linear.jsonl")


def test_it_leaves_hydra_as_it_was(mine: Path) -> None:
    before = (version.getbase(), HydraConfig.instance().cfg, GlobalHydra.instance().hydra)
    first = compose("my", config_dir=mine)
    assert compose("my", config_dir=mine) == first
    with pytest.raises(ConfigError):
        compose("nowhere")
    assert (version.getbase(), HydraConfig.instance().cfg, GlobalHydra.instance().hydra) == before


def test_a_users_file_wins_over_one_that_ships(mine: Path) -> None:
    add_experiment(mine, "micro")
    (mine / "model").mkdir()
    (mine / "model" / "gpt2.yaml").write_text(
        "defaults: [/schema/model/hub@_here_]\nname: my/own\n"
    )
    (mine / "dataset").mkdir()
    (mine / "dataset" / "jsonl.yaml").write_text(
        "defaults: [/schema/dataset/jsonl@_here_]\nn_pairs: 2\n"
    )
    model: Any = compose("ioi", "model=gpt2", config_dir=mine).model
    assert model.name == "my/own"
    config = compose("micro", config_dir=mine)
    assert path_of(config) == str(mine / "pairs.jsonl")
    assert config.dataset.n_pairs == 2
    assert compose("micro").dataset.n_pairs is None


def test_a_users_root_config_wins_too(mine: Path) -> None:
    root = (
        "defaults: [experiment_schema, model: native, dataset: jsonl, _self_, experiment: null]\n"
    )
    (mine / "config.yaml").write_text(root + "seed: 5\n")
    assert compose("my", config_dir=mine).seed == 5
    (mine / "config.yaml").write_text("seed: 5\n")
    with pytest.raises(ConfigError) as caught:
        compose(config_dir=mine)
    assert str(caught.value).startswith(f'"{mine}/config.yaml" is the root of this config and does')


def test_a_folder_searched_after_ours_cannot_be_passed_over(mine: Path) -> None:
    add_experiment(mine, "micro")
    with pytest.raises(ConfigError) as caught:
        compose("micro", f"hydra.searchpath=[file://{mine}]")
    assert str(caught.value) == (
        f'"experiment/micro" is in two places: "{REPOSITORY}/conf/experiment/micro.yaml", which '
        f'ships, and "{mine}/experiment/micro.yaml". Give yours another name, or its folder as '
        "--config-dir, which is searched first"
    )


@pytest.mark.parametrize("working", ["", "mine", "elsewhere"])
@pytest.mark.parametrize(
    ("child", "choose"),
    [
        ("# @package _global_\ndefaults: [/experiment/my, _self_]\n", "child"),
        ("# @package _global_\ndefaults: [my, _self_]\n", "child"),
        ("defaults: [my@_here_, _self_]\n", "child"),
        ("# @package _global_\ndefaults: [/experiment/my@_here_, _self_]\n", "child.yaml"),
        ("# @package _global_\ndefaults: [deep/grandchild, _self_]\n", "child"),
    ],
)
def test_an_inherited_path_is_relative_to_the_file_that_says_it(
    mine: Path, monkeypatch: pytest.MonkeyPatch, working: str, child: str, choose: str
) -> None:
    if child.startswith("defaults"):
        child = f"# @package _global_\n{child}"
    (mine / "experiment" / "child.yaml").write_text(f"{child}experiment: child\n")
    deep = mine / "experiment" / "deep"
    deep.mkdir()
    (deep / "grandchild.yaml").write_text(
        "# @package _global_\ndefaults: [/experiment/my, _self_]\nseed: 4\n"
    )
    # Other data of the same name, where the command is given and beside the child's folders.
    for other in (mine.parent, mine.parent / "elsewhere", mine / "experiment"):
        other.mkdir(exist_ok=True)
        (other / "pairs.jsonl").write_text("not these")
    monkeypatch.chdir(mine.parent / working)
    config = compose(choose, config_dir=mine)
    assert config.experiment == "child"
    assert path_of(config) == str(mine / "pairs.jsonl")


def test_a_path_on_the_command_line_is_relative_to_where_it_was_given(
    mine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = mine.parent / "here"
    here.mkdir()
    (here / "pairs.jsonl").write_text("")
    monkeypatch.chdir(here)
    assert path_of(compose("my", "dataset.path=pairs.jsonl", config_dir=mine)) == str(
        here / "pairs.jsonl"
    )
    assert path_of(compose("my", "dataset={path: pairs.jsonl}", config_dir=mine)) == str(
        here / "pairs.jsonl"
    )
    with pytest.raises(ConfigError) as caught:
        compose("my", "dataset.path=none.jsonl", config_dir=mine)
    assert str(caught.value) == (
        f'dataset.path: "none.jsonl" was not found. Looked at "{here / "none.jsonl"}"'
    )


def test_the_last_file_that_says_a_path_counts(mine: Path) -> None:
    (mine / "experiment" / "child.yaml").write_text(
        "# @package _global_\ndefaults: [my, _self_]\ndataset: {path: own.jsonl}\n"
    )
    (mine / "experiment" / "own.jsonl").write_text("")
    assert path_of(compose("child", config_dir=mine)) == str(mine / "experiment" / "own.jsonl")


def test_all_missing_files_are_told_together_and_weights_are_not_at_hand(mine: Path) -> None:
    with pytest.raises(Problems) as caught:
        compose("my", "model.weights=w.safetensors", "dataset.path=p.jsonl", config_dir=mine)
    kinds = [type(problem) for problem in caught.value.problems]
    assert kinds == [NotAtHandError, ConfigError]


def test_a_folder_that_is_not_there() -> None:
    with pytest.raises(ConfigError, match=r'^--config-dir: no folder "nowhere". It holds'):
        compose("my", config_dir="nowhere")
