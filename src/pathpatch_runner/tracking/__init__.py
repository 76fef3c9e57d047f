"""Finished runs logged where people keep theirs: MLflow or Weights & Biases.

    logged      what is logged of a run: its config, numbers of its summary, files
    track       logs a run once, and never fails it: `track`
    to_mlflow, to_wandb    one file a tracker, which imports it when it is asked for

    python run.py experiment=my tracking=mlflow tracking.uri=http://tracker:5000

To add a tracker: a module with a function as `track.Log`, a line of `track.TRACKERS`, a member of
`config.Tracker` and a file in `conf/tracking/`.
"""
