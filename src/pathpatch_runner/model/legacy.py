"""Hub repositories in TransformerLens' own old format: config.json and a `*final.pth`.

Read from the cache where they are there. No torch: `build` loads the weights.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pathpatch_runner.config import HubModelConfig
from pathpatch_runner.errors import ModelError
from pathpatch_runner.model.files import cached_first, explained

LEGACY_PREFIXES = ("NeelNanda/", "ArthurConmy/", "Baidicoot/")
"""Owners of such repositories (TransformerLens' `TL_LEGACY_PREFIXES`)."""
CONFIG = "config.json"
WEIGHTS = "*final.pth"
FIELDS = ("d_model", "n_layers", "d_head", "n_heads", "n_ctx", "d_vocab", "act_fn", "attn_only")


def is_legacy(config: HubModelConfig) -> bool:
    """Whether a hub model is in the old format."""
    return config.name.startswith(LEGACY_PREFIXES)


def legacy_config(config: HubModelConfig, *, local: bool) -> dict[str, Any]:
    """What config.json says. `local`: from the cache only; else downloaded where it is not there.

    Raises ModelError where it cannot be had.
    """
    from huggingface_hub import hf_hub_download

    def load(local_only: bool) -> Path:
        return Path(
            hf_hub_download(
                config.name, CONFIG, revision=config.revision, local_files_only=local_only
            )
        )

    with explained(config.name):
        file = load(True) if local else cached_first(load)
        said = json.loads(file.read_text(encoding="utf-8"))
    if not isinstance(said, dict):
        raise ModelError(f'model.name: config.json of "{config.name}" does not hold an object')
    return said


def legacy_fields(config: HubModelConfig, said: dict[str, Any]) -> dict[str, Any]:
    """TransformerBridgeConfig fields of what config.json says."""
    missing = [name for name in FIELDS if name not in said]
    if missing:
        raise ModelError(
            f'model.name: config.json of "{config.name}" does not say {", ".join(missing)}'
        )
    fields = {name: said[name] for name in FIELDS}
    if not said["attn_only"]:
        fields["d_mlp"] = said.get("d_mlp")
    fields["normalization_type"] = said.get("normalization", said.get("normalization_type"))
    fields["final_rms"] = bool(said.get("final_rms", False))
    shortformer = bool(said.get("shortformer_pos", False))
    named = said.get("positional_embedding_type", "standard")
    fields["positional_embedding_type"] = "shortformer" if shortformer else named
    return fields


def legacy_weights(config: HubModelConfig) -> Path:
    """The file of the final weights."""
    from huggingface_hub import snapshot_download

    def load(local_only: bool) -> Path:
        folder = Path(
            snapshot_download(
                config.name,
                revision=config.revision,
                allow_patterns=[CONFIG, WEIGHTS],
                local_files_only=local_only,
            )
        )
        found = sorted(folder.glob(WEIGHTS))
        if not found:
            raise FileNotFoundError(f'"{config.name}" has no {WEIGHTS} in the cache')
        return found[-1]

    with explained(config.name):
        return cached_first(load)
