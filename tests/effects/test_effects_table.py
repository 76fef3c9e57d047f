"""`effects.parquet`: rows, columns and metadata of a hand-made run."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest

from effects.measured import BASELINE, METRICS, NAMES, POINTS, result, unit
from pathpatch_runner.config import Direction
from pathpatch_runner.effects import UnitResult, describe_run, effects_table
from pathpatch_runner.store import RunDirectory
