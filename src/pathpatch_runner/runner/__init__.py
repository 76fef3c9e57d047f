"""`run(config)`: one experiment, from config to tables."""

from pathpatch_runner.runner.pipeline import RunOutcome, run
from pathpatch_runner.runner.planned import Planned, make_plan

__all__ = ["Planned", "RunOutcome", "make_plan", "run"]
