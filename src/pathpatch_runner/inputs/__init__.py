"""Everything an experiment says, read and checked, before any weights are loaded where that can
be: prompt pairs, path hypotheses, metrics, the run key. All problems are reported together.

attempt   problems collected
files     what the files hold, digests, the run key
settings  values that the types allow and the program does not
scores    what a config says of scores
read      all of it against the model's shape: `read_inputs`
"""

from pathpatch_runner.inputs.files import Files, read_files, run_key_of
from pathpatch_runner.inputs.read import Inputs, read_inputs, with_scores
from pathpatch_runner.inputs.settings import check_settings

__all__ = [
    "Files",
    "Inputs",
    "check_settings",
    "read_files",
    "read_inputs",
    "run_key_of",
    "with_scores",
]
