"""An installed package adds a kind of everything: from YAML, in `--help`, in errors, in the key."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sysconfig
import venv
from pathlib import Path

import pytest

# An environment is made and a package installed in it.
pytestmark = pytest.mark.slow
REPOSITORY = Path(__file__).parents[1]
EXPERIMENT = """# @package _global_
defaults: [override /model: sample_model, override /dataset: sample_steps]
experiment: sample
model: {width: 8}
dataset: {steps: 5}
hypotheses: {h: {paths: {p: {expr: "a0.h0 -> a1.h1<v> -> logits"}}}}
patch: {directions: [noising], units: [path], source: SOURCE}
metrics: [sample_margin, logit_diff]
"""


class Environment:
    """A fresh environment that sees this one's packages, with the sample package installed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.python = folder / "env" / "bin" / "python"
        venv.create(folder / "env", with_pip=False)
        here = Path(sysconfig.get_paths()["purelib"])
        (site,) = (folder / "env" / "lib").glob("python*/site-packages")
        (site / "here.pth").write_text(f"{here}\n")
        self.installed = site / "sample_kinds"
        source = folder / "source"
        shutil.copytree(REPOSITORY / "tests" / "plugin", source)
        options = ["--no-deps", "--no-build-isolation", "--no-index", "--quiet"]
        self.run("-m", "pip", "install", *options, str(source), check=True)

    def run(self, *arguments: str, check: bool = False) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.python), *arguments],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY / "src")},
            capture_output=True,
            text=True,
            check=check,
        )

    def command(self, *overrides: str) -> subprocess.CompletedProcess[str]:
        return self.run("-m", "pathpatch_runner", "--config-dir", "mine", *overrides)


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    folder = tmp_path_factory.mktemp("plugin")
    (folder / "mine" / "experiment").mkdir(parents=True)
    for name, source in (("sample", "corrupt"), ("nothing", "sample_nothing")):
        file = folder / "mine" / "experiment" / f"{name}.yaml"
        file.write_text(EXPERIMENT.replace("SOURCE", source))
    return Environment(folder)


def summary(environment: Environment) -> dict[str, dict[str, float]]:
    """Metric -> row of the newest run's only unit."""
    run = max((environment.folder / "outputs" / "sample").iterdir(), key=os.path.getmtime)
    code = (
        "import sys, json, pyarrow.parquet as pq;"
        "print(json.dumps(pq.read_table(sys.argv[1]).to_pylist(), default=str))"
    )
    rows = json.loads(environment.run("-c", code, str(run / "summary.parquet"), check=True).stdout)
    return {row["metric"]: row for row in rows}


def test_its_kinds_run_from_yaml_and_are_in_the_key(environment: Environment) -> None:
    done = environment.command("experiment=sample")
    assert done.returncode == 0, done.stderr
    rows = summary(environment)
    assert str(rows["sample_margin"]["model"]) == "sample"
    for column in ("clean_mean", "corrupt_mean", "patched_mean", "effect_mean"):
        assert rows["sample_margin"][column] == pytest.approx(2 * rows["logit_diff"][column])
    (run,) = (environment.folder / "outputs" / "sample").iterdir()
    digests = json.loads((run / "manifest.json").read_text())["provenance"]["digests"]
    assert len(digests["plug-in sample-kinds 1.2"]) == 16
    key = run_key(environment)
    assert key == run.name
    # Another state of the package is another run; a note in it is not.
    (environment.installed / "notes.txt").write_text("nothing")
    assert run_key(environment) == key
    with (environment.installed / "metric.py").open("a") as file:
        file.write("\n# changed\n")
    assert run_key(environment) != key


def run_key(environment: Environment) -> str:
    code = (
        "from pathpatch_runner.cli import compose;"
        "from pathpatch_runner.inputs import read_files, run_key_of;"
        "from pathpatch_runner.model.source import source_of;"
        "config = compose('sample', config_dir='mine');"
        "files = read_files(config, source_of(config.model, config.seed));"
        "print(run_key_of(config, files))"
    )
    return environment.run("-c", code, check=True).stdout.strip()


def test_its_source_is_used(environment: Environment) -> None:
    done = environment.command("experiment=nothing", "seed=1")
    assert done.returncode == 0, done.stderr
    assert summary(environment)["logit_diff"]["effect_mean"] == pytest.approx(0, abs=1e-6)


def test_its_kinds_stand_in_help_and_in_errors(environment: Environment) -> None:
    said = environment.command("--help").stdout
    assert "sample_model" in said
    assert "sample_steps" in said
    for override, message in (
        ("model=sample_modl", 'Did you mean "sample_model"?'),
        ("dataset=sample_step", 'Did you mean "sample_steps"?'),
        ("metrics=[sample_margi]", 'Did you mean "sample_margin"?'),
        ("patch.source=sample_nothin", 'Did you mean "sample_nothing"?'),
        ("dataset.step=3", 'dataset.step: unknown key "step". Did you mean "steps"?'),
    ):
        done = environment.command("experiment=sample", override)
        assert done.returncode == 1
        assert message in done.stderr
        assert "Traceback" not in done.stderr


def test_a_kind_that_cannot_be_imported_says_why_and_hurts_no_other(
    environment: Environment,
) -> None:
    module = environment.installed / "dataset.py"
    whole = module.read_text()
    module.write_text("import no_such_module\n")
    try:
        done = environment.command("experiment=sample")
        assert done.stderr == (
            'error: dataset.kind: dataset kind "sample_steps" of sample-kinds 1.2 cannot be '
            "imported: ModuleNotFoundError: No module named 'no_such_module'. Mend or uninstall "
            "that package\n"
        )
        shipped = "from pathpatch_runner.cli import compose; compose('micro', 'model=sample_model')"
        environment.run("-c", shipped, check=True)
    finally:
        module.write_text(whole)
