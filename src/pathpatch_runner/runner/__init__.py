"""`run(config)`: one experiment, from config to tables.

start     finds the finished run of a config, or makes it
pipeline  makes it: the whole method on one page
planned   the plan of a run's units, and its text
record    a run's log, timings, manifest

Importing this package does not import torch: what computes is imported by the run that needs it.
"""

from pathpatch_runner.runner.start import RunOutcome, run

__all__ = ["RunOutcome", "run"]
