"""Hub repositories in TransformerLens' own old format: config.json and a `*final.pth`.

A few people keep models there that interpretability papers use. Read from the cache where they
are there. Their weights are the only pickles that are read, with `weights_only=True`, which runs
no code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pathpatch_runner.errors import ModelError
from pathpatch_runner.model.files import cached_first, explained, read_json

if TYPE_CHECKING:
    import torch

LEGACY_PREFIXES = ("NeelNanda/", "ArthurConmy/", "Baidicoot/")
"""Owners of such repositories (TransformerLens' `TL_LEGACY_PREFIXES`)."""
CONFIG = "config.json"
WEIGHTS = "*final.pth"
FIELDS = ("d_model", "n_layers", "d_head", "n_heads", "n_ctx", "d_vocab", "act_fn", "attn_only")


def is_legacy(name: str) -> bool:
    """Whether a hub model is in the old format."""
    return name.startswith(LEGACY_PREFIXES)


@dataclass(frozen=True)
class LegacyRepository:
    """One such repository. Raises ModelError where what is needed cannot be had."""

    name: str
    revision: str | None

    def said(self, *, local: bool) -> Mapping[str, Any]:
        """What config.json says. `local`: from the cache only; else downloaded where it is not
        there."""
        from huggingface_hub import hf_hub_download

        def load(local_only: bool) -> Path:
            return Path(
                hf_hub_download(
                    self.name, CONFIG, revision=self.revision, local_files_only=local_only
                )
            )

        with explained(self.name):
            file = load(True) if local else cached_first(load)
        return read_json(file, "model.name")

    def fields(self, *, local: bool) -> dict[str, Any]:
        """TransformerBridgeConfig fields of what config.json says."""
        said = self.said(local=local)
        missing = [name for name in FIELDS if name not in said]
        if missing:
            raise ModelError(
                f'model.name: config.json of "{self.name}" does not say {", ".join(missing)}'
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

    def tokenizer_name(self) -> str:
        """The repository of its tokenizer: another one."""
        named = self.said(local=False).get("tokenizer_name")
        if not named:
            raise ModelError(
                f'model.name: "{self.name}" names no tokenizer. Give token ids in the data'
            )
        return str(named)

    def bridge(self, dtype: torch.dtype) -> Any:
        """A native bridge."""
        from pathpatch_runner.model.native_bridge import weighted_bridge

        said = self.said(local=False)
        if said.get("architecture", "neel") != "neel" or "_old" in self.name:
            # Layouts that only TransformerLens converts. It asks the hub what files there are.
            from transformer_lens.model_bridge.sources.tl_legacy import boot

            with explained(self.name):
                return boot(self.name, device="cpu", dtype=dtype)
        return weighted_bridge(self.fields(local=False), self._weights(), dtype, pickled=True)

    def _weights(self) -> Path:
        """The file of the final weights."""
        from huggingface_hub import snapshot_download

        def load(local_only: bool) -> Path:
            folder = Path(
                snapshot_download(
                    self.name,
                    revision=self.revision,
                    allow_patterns=[CONFIG, WEIGHTS],
                    local_files_only=local_only,
                )
            )
            found = sorted(folder.glob(WEIGHTS))
            if not found:
                raise FileNotFoundError(f'"{self.name}" has no {WEIGHTS} in the cache')
            return found[-1]

        with explained(self.name):
            return cached_first(load)
