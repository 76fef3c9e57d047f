"""The library: what a notebook calls. `import pathpatch_runner as pp` shows all of it.

run      `Run`: a finished run as pandas frames, figures and a page; `open` and `run`
patch    `patch`: ask about a model that is in memory, without a config file

Nothing here computes: `run` and `patch` hand a config to `runner`, as the command line does, so
that the two give the same tables and the same errors.
"""
