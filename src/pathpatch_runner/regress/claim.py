"""What `published.yaml` says, read: claims, each of one run and with one check, and golden runs.

`published` reads the file and says what each key means; `verdict` judges a claim by a run's tables.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Run:
    """One command. `model` None: the experiment's own."""

    experiment: str
    model: str | None = None
    overrides: tuple[str, ...] = ()

    @property
    def words(self) -> tuple[str, ...]:
        """As the command line takes it."""
        model = () if self.model is None else (f"model={self.model}",)
        return (f"experiment={self.experiment}", *model, *self.overrides)


@dataclass(frozen=True)
class Near:
    """One value, within a tolerance."""

    value: float
    tolerance: float


@dataclass(frozen=True)
class Within:
    """One value, between bounds; None: no bound on that side."""

    at_least: float | None
    at_most: float | None


@dataclass(frozen=True)
class Sign:
    """One value, on this side of zero."""

    positive: bool


@dataclass(frozen=True)
class Order:
    """Values that fall strictly; names are values of column `by`, numbers stand for themselves."""

    by: str
    names: tuple[str | float, ...]


@dataclass(frozen=True)
class Top:
    """Names whose rows hold the largest absolute values, in any order."""

    by: str
    names: tuple[str, ...]


@dataclass(frozen=True)
class Exactly:
    """Names of all rows there are, in any order."""

    by: str
    names: tuple[str, ...]


Check = Near | Within | Sign | Order | Top | Exactly


@dataclass(frozen=True)
class Claim:
    """One published statement. `file`: what its run reads and does not ship, "" if nothing;
    `table`: where its column lies, "" for what the column itself says."""

    id: str
    run: Run
    where: Mapping[str, Any]
    column: str
    check: Check
    source: str
    secondary: bool = False
    file: str = ""
    table: str = ""


@dataclass(frozen=True)
class GoldenSpec:
    """The runs whose summaries golden.parquet holds; `tolerance` by column."""

    runs: tuple[Run, ...] = ()
    tolerance: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Published:
    """One folder's file. `name`: the folder's."""

    name: str
    folder: Path
    claims: tuple[Claim, ...]
    golden: GoldenSpec
