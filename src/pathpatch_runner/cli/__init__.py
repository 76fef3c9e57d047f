"""The command line: the only part that imports Hydra.

schema      every kind as a group option, and its typed config
search      the user's folders before ours
yaml_files  files of strangers: encodings, aliases that explode
origins     which file said what, from Hydra's own composed defaults
locations   relative paths, resolved against the file that says them
bounds      interpolations that refer to themselves, or stand for too much
overrides   what was set, as the tables say it
typed       composed config -> `ExperimentConfig`
messages    what Hydra and OmegaConf report, in our words
no_section  the same, of a value in place of a section
compose     `compose`: the config that a command would run
once        a single run is composed once
sweep       the jobs of a sweep, checked before the first of them runs
command     `main`
record      `main`, with a record for programs
"""

from pathpatch_runner.cli.command import main
from pathpatch_runner.cli.compose import compose

__all__ = ["compose", "main"]
