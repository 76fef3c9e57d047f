"""Nothing in the tests reaches for a network or reports anywhere."""

import os

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["WANDB_MODE"] = "disabled"
