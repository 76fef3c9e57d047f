"""Ctrl-C: the command ends, whatever it is in, and says what is kept and how to go on."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cli.own_configs import add_experiment
from pathpatch_runner.cli.interrupt import EXIT_CODE, PATIENCE

INTERRUPTED = """
import sys, time
from pathpatch_runner.cli import command
mode, folder, *words = sys.argv[1:]
real = command._run
def run(config, files, overrides):
    if config.seed == 0 and len(words) > 1:
        from pathpatch_runner.runner import RunOutcome
        from pathlib import Path
        return RunOutcome(Path("outputs/my/0"))
    print("computing", flush=True)
    while True:
        try:
            time.sleep(600)
        except KeyboardInterrupt:
            if mode == "polite":
                raise
command._run = run
sys.argv = ["run.py", "--config-dir", folder, *words, "experiment=my"]
command.main()
"""
"""`stubborn`: as one long step of another language, in which Python cannot look for signals."""
KEPT = (
    "Finished runs are kept, and so is all that was evaluated. The same command again goes on from "
    "there (python -m pathpatch_runner.runs lists all runs)\n"
)


@pytest.mark.parametrize(
    ("mode", "words", "lost"),
    [
        ("polite", [], "this run was not finished"),
        ("stubborn", [], "this run was not finished"),
        ("stubborn", ["-m", "seed=0,1"], "1 job of the sweep finished and the rest did not"),
    ],
)
def test_ctrl_c_ends_the_command(tmp_path: Path, mode: str, words: list[str], lost: str) -> None:
    add_experiment(tmp_path, "my")
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, mode, str(tmp_path), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
    )
    assert process.stdout is not None
    # Of a sweep Hydra says first what it launches.
    assert "computing\n" in iter(process.stdout.readline, "")
    process.send_signal(signal.SIGINT)
    # Without the watch a stubborn one would never end.
    _, said = process.communicate(timeout=60)
    assert process.returncode == EXIT_CODE == 130
    assert said == f"interrupted: {lost}. {KEPT}"


def test_it_ends_within_two_seconds() -> None:
    assert PATIENCE < 2
