"""The command line: the only part that imports Hydra.

schema   the typed config, registered with Hydra
places   relative paths, resolved against the file that says them
typed    composed config -> `ExperimentConfig`
messages what Hydra and OmegaConf report, in our words
command  `main`
"""

from pathpatch_runner.cli.command import main

__all__ = ["main"]
