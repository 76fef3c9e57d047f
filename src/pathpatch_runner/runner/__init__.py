"""`run(Request(config))`: one experiment, from config to tables.

request   what is asked: the experiment, and who asks
watch     who is told what happens; `stages`: told and timed
start     finds the finished run of a config, or makes it
pipeline  makes it: the whole method on one page
planned   the plan of a run's units, and its text
scores    scores of every edge, made before circuits are chosen by them
search    paths that are found; `path_effects`: the effects it asks for; `found`: what it leaves
known     what is known of path sets already, and is not computed again
tables    from what was measured to tables; `prompts`: the pairs as tokens
record    a run's log and manifest

Importing this package does not import torch: what computes is imported by the run that needs it.
"""

from pathpatch_runner.runner.request import Request
from pathpatch_runner.runner.start import RunOutcome, run

__all__ = ["Request", "RunOutcome", "run"]
