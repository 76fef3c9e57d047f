"""The command line as a user meets it: exit codes, one message, nothing half-written."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from runs.small import write_pairs

REPOSITORY = Path(__file__).parents[2]
EXPERIMENT = """# @package _global_
defaults: [override /model: native, override /dataset: jsonl]
experiment: my
model:
  config: {{n_layers: 2, n_heads: 2, d_model: 16, d_head: 8, n_ctx: 16, d_vocab: 11,
    attn_only: true, normalization_type: LN, positional_embedding_type: standard, act_fn: relu}}
dataset: {{path: {path}}}
hypotheses:
  h: {{paths: {{v: {{expr: "a0.h0 -> a1.h1<v> -> logits"}}}}}}
metrics: [logit_diff]
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A user's directory with an experiment of their own, beside its data."""
    folder = tmp_path / "mine" / "experiment"
    folder.mkdir(parents=True)
    (folder / "my.yaml").write_text(EXPERIMENT.format(path="pairs.jsonl"))
    write_pairs(folder / "pairs.jsonl")
    return tmp_path


def command(place: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(REPOSITORY / "run.py"), "--config-dir", "mine", *arguments],
        cwd=place,
        env={**os.environ, "HF_HUB_OFFLINE": "1", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_an_experiment_of_ones_own_runs(place: Path) -> None:
    done = command(place, "experiment=my")
    assert done.returncode == 0, done.stderr
    assert "logit_diff, denoising" in done.stdout
    (directory,) = (place / "outputs" / "my").iterdir()
    assert (directory / ".hydra" / "config.yaml").is_file()
    assert sorted(path.name for path in place.iterdir()) == ["mine", "outputs"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["experiment=inductoin"],
            'error: experiment: there is no "inductoin". Did you mean "induction"? Allowed: ',
        ),
        (
            ["experiment=my", "dataset.n_pair=3"],
            'error: dataset.n_pair: unknown key "n_pair". Did you mean "n_pairs"? Allowed: '
            "kind, n_pairs, skip_unusable, path\n",
        ),
        (
            ["experiment=my", "dataset.path=nowhere.jsonl"],
            'error: dataset.path: "nowhere.jsonl" was not found. Looked at ',
        ),
        (
            ["experiment=my", "model.config.d_modl=3"],
            'error: model.config.d_modl: unknown key "d_modl"',
        ),
        (
            ["experiment=my", "+sed=3"],
            'error: sed: unknown key "sed". Did you mean "seed"? Allowed: experiment, ',
        ),
        (
            ["experiment=my", "+runtime.bakend=delta"],
            'error: runtime.bakend: unknown key "bakend". Did you mean "backend"? Allowed: ',
        ),
        ([], "error: experiment: none chosen. Say experiment=<name>; "),
    ],
)
def test_a_mistake_is_one_message(place: Path, arguments: list[str], message: str) -> None:
    done = command(place, *arguments)
    assert done.returncode == 1
    assert done.stderr.startswith(message)
    assert "Traceback" not in done.stderr
    assert not (place / "outputs").exists()


def test_a_traceback_is_there_for_who_asks(place: Path) -> None:
    done = command(place, "experiment=my", "dataset.path=nowhere.jsonl", HYDRA_FULL_ERROR="1")
    assert done.returncode == 1
    assert "Traceback" in done.stderr


def test_a_sweep_in_which_one_job_fails_finishes_the_others(place: Path) -> None:
    done = command(place, "-m", "experiment=my", "dataset.n_pairs=2,99,3")
    assert done.returncode == 1
    assert "error: 1 job of the sweep failed:" in done.stderr
    assert "dataset.n_pairs=99" in done.stderr
    logs = [log.read_text() for log in (place / "outputs" / "my").glob("*/run.log")]
    # The second of the two that ran has the model of the first.
    assert sorted(log.count("the model is there from the job before") for log in logs) == [0, 1]


def test_a_sweep_that_cannot_be_composed_runs_nothing(place: Path) -> None:
    done = command(place, "-m", "experiment=my,yours")
    assert done.returncode == 1
    assert done.stderr.startswith(
        'error: nothing of the sweep was run: experiment: there is no "yours". Allowed: '
    )
    assert not (place / "outputs" / "my").exists()


def test_help_needs_neither_torch_nor_pandas() -> None:
    code = (
        "import sys; import pathpatch_runner.cli; "
        "print([m for m in ('torch', 'pandas', 'transformers') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


HEAVY = ("torch", "transformers", "transformer_lens", "pandas", "tokenizers")
RANDOM = """model: {architecture: gpt2,
  config: {n_layer: 2, n_head: 2, n_embd: 16, vocab_size: 11, n_positions: 16}}
dataset"""


@pytest.mark.parametrize("data", ["ids", "text and a tokenizer.json", "ids for a random model"])
def test_a_finished_run_is_found_without_what_computes(place: Path, data: str) -> None:
    if data == "ids for a random model":
        config = place / "mine" / "experiment" / "my.yaml"
        before, _, after = config.read_text().partition("model:\n")
        before = before.replace("/model: native", "/model: random")
        config.write_text(before + RANDOM + after.partition("\ndataset")[2])
    elif data != "ids":
        tokenizer(place / "mine" / "experiment" / "tokenizer.json")
        config = place / "mine" / "experiment" / "my.yaml"
        config.write_text(
            config.read_text().replace("model:\n", "model:\n  tokenizer: tokenizer.json\n")
        )
        write_pairs(
            place / "mine" / "experiment" / "pairs.jsonl", clean="a b c d", corrupt="a b e f"
        )
    assert command(place, "experiment=my").returncode == 0
    code = (
        f"import sys; sys.argv = ['run.py', '--config-dir', 'mine', 'experiment=my']\n"
        f"from pathpatch_runner.cli import main; main()\n"
        f"print([name for name in {HEAVY} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=place, capture_output=True, text=True, check=True
    )
    assert done.stderr == "[]\n"
    assert "report  outputs/my/" in done.stdout


def tokenizer(path: Path) -> None:
    """A tokenizer of single letters."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import WhitespaceSplit

    made = Tokenizer(WordLevel({letter: i for i, letter in enumerate("abcdefg?")}, unk_token="?"))
    made.pre_tokenizer = WhitespaceSplit()
    made.save(str(path))


def test_a_bad_value_in_a_sweep_is_found_before_the_first_job(place: Path) -> None:
    done = command(place, "-m", "experiment=my", "metrics=[logit_diff],[logit_dif]", "seed=0,1")
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert lines[0] == "error: nothing of the sweep was run: 2 jobs of the sweep cannot run:"
    assert lines[1] == "- experiment=my metrics=[logit_dif] seed=0"
    assert lines[2].startswith('  metrics: unknown metric "logit_dif". Did you mean "logit_diff"?')
    assert lines[3] == "- experiment=my metrics=[logit_dif] seed=1"
    assert not (place / "outputs" / "my").exists()


def test_a_part_that_is_none_is_found_before_the_first_job(place: Path) -> None:
    done = command(place, "-m", "experiment=my", "shard=1/2,3/2")
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert lines[0] == "error: nothing of the sweep was run: 1 job of the sweep cannot run:"
    assert lines[2].startswith('  shard: "3/2" is no part. Write its number, from 1, and how many')


def test_a_corruption_that_is_none_is_found_before_the_first_job(place: Path) -> None:
    done = command(place, "-m", "experiment=ioi", "dataset.corruption=s2_swap,s2_swop")
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert lines[0] == "error: nothing of the sweep was run: 1 job of the sweep cannot run:"
    assert lines[1] == "- experiment=ioi dataset.corruption=s2_swop"
    assert lines[2].startswith(
        '  dataset.corruption: unknown corruption "s2_swop". Did you mean "s2_swap"? ioi has: abc, '
    )


def test_a_folder_that_cannot_be_written_stops_only_its_own_job(place: Path) -> None:
    (place / "blocked").write_text("a file")
    done = command(place, "-m", "experiment=my", "runtime.output_root=a,blocked,b")
    assert done.returncode == 1
    assert done.stderr.startswith("error: 1 job of the sweep failed:\n")
    assert '"blocked" is a file where a folder must be. Name another folder' in done.stderr
    assert "Traceback" not in done.stderr
    for root in ("a", "b"):
        (run,) = (place / root / "my").iterdir()
        assert (run / "manifest.json").is_file()


def test_paths_are_taken_from_where_the_command_was_given(place: Path) -> None:
    write_pairs(place / "here.jsonl", answer=5)
    options = [
        "experiment=my",
        "hydra.job.chdir=true",
        "hydra.run.dir=moved",
        "dataset.path=here.jsonl",
    ]
    done = command(place, *options)
    assert done.returncode == 0, done.stderr
    (run,) = (place / "outputs" / "my").iterdir()
    assert f"report  {run}/report.html" in done.stdout
    assert command(place, "experiment=my", "dataset.path=here.jsonl").stdout.endswith(
        f"report  outputs/my/{run.name}/report.html\n"
    )
