"""The progress bar: its total is what a run advances by, and it is on terminals only."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from pathpatch_runner.config import Backend, Direction, PatchConfig, UnitKind
from pathpatch_runner.report.progress import TerminalWatch, evaluations_bar, rate_text
from pathpatch_runner.runner import Request, run
from pathpatch_runner.runner.watch import Unwatched
from runs.small import experiment


def terminal(monkeypatch: pytest.MonkeyPatch, *, is_terminal: bool = True) -> io.StringIO:
    """What the bar writes from now on."""
    out = io.StringIO()

    def console(**options: Any) -> Console:
        assert options == {"stderr": True}
        return Console(file=out, width=80, force_terminal=is_terminal)

    monkeypatch.setattr("pathpatch_runner.report.progress.Console", console)
    return out


def test_the_bar_counts_to_its_total(monkeypatch: pytest.MonkeyPatch) -> None:
    out = terminal(monkeypatch)
    with evaluations_bar(1200, enabled=True) as advance:
        for count in (500, 0, 700):
            advance(count)
    assert "evaluations" in out.getvalue()
    assert "1200/1200" in out.getvalue()


def test_a_bar_that_is_left_early_says_how_far_it_came(monkeypatch: pytest.MonkeyPatch) -> None:
    out = terminal(monkeypatch)
    with suppress(KeyboardInterrupt), evaluations_bar(1200, enabled=True) as advance:
        advance(7)
        raise KeyboardInterrupt
    assert "7/1200" in out.getvalue()
    assert "1200/1200" not in out.getvalue()


@pytest.mark.parametrize(("enabled", "is_terminal"), [(False, True), (True, False)])
def test_no_bar_where_nobody_looks(
    monkeypatch: pytest.MonkeyPatch, enabled: bool, is_terminal: bool
) -> None:
    out = terminal(monkeypatch, is_terminal=is_terminal)
    with evaluations_bar(2, enabled=enabled) as advance:
        advance(2)
    assert out.getvalue().strip() == ""


def test_nothing_to_do_is_no_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    out = terminal(monkeypatch)
    with evaluations_bar(0, enabled=True):
        pass
    assert "0/0" in out.getvalue()


@pytest.mark.parametrize(
    ("done", "total", "seconds", "text"),
    [
        (0, 100, 5.0, ""),
        (50, 100, 5.0, "10/s, 5.0 s left"),
        (100, 100, 5.0, "20/s"),
        (3, 603, 60.0, "0.05/s, 3 h 20 min left"),
        (12_345, 24_690, 1.0, "12,345/s, 1.0 s left"),
    ],
)
def test_what_remains_is_reckoned_by_all_that_is_done(
    done: int, total: int, seconds: float, text: str
) -> None:
    assert rate_text(done, total, seconds) == text


def test_stages_are_named_as_they_happen(monkeypatch: pytest.MonkeyPatch) -> None:
    out = terminal(monkeypatch)
    with TerminalWatch(enabled=True) as watch:
        watch.stage("reading data")
        watch.stage("scoring edges")
        with watch.evaluations(10) as advance:
            advance(10)
        watch.stage("writing tables")
    text = out.getvalue()
    assert text.index("reading data") < text.index("scoring edges") < text.index("10/10")
    assert text.index("10/10") < text.rindex("writing tables")


def test_stages_are_silent_where_nobody_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    out = terminal(monkeypatch, is_terminal=False)
    with TerminalWatch(enabled=True) as watch:
        watch.stage("reading data")
    assert out.getvalue() == ""


@pytest.mark.parametrize("backend", [Backend.hooks, Backend.delta])
def test_a_run_advances_by_exactly_its_total(tmp_path: Path, backend: Backend) -> None:
    totals: list[int] = []
    advances: list[int] = []

    class Recorded(Unwatched):
        @contextmanager
        def evaluations(self, total: int) -> Iterator[Callable[[int], None]]:
            totals.append(total)
            yield advances.append

    config = experiment(tmp_path)
    config.patch = PatchConfig(
        directions=[Direction.noising, Direction.denoising],
        units=[UnitKind.path, UnitKind.hypothesis],
        source="noise",
        noise_draws=3,
    )
    config.runtime.backend = backend
    run(Request(config, watch=Recorded()))
    # Five paths and their union, four pairs, two directions, three draws.
    assert totals == [6 * 4 * 2 * 3]
    assert sum(advances) == totals[0]
