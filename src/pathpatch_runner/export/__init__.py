"""A finished run's results in the formats of other tools.

eap  edge effects as EAP-IG's graph JSON

`python -m pathpatch_runner.export RUN_DIR FILE` is the command (`__main__`).
"""
