"""Models of the Hugging Face hub: from the cache without any call where they are there.

A few repositories are in TransformerLens' own old format (`legacy`); they become native models.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import MISSING

from pathpatch_runner.config import ModelConfig
from pathpatch_runner.errors import ModelError
from pathpatch_runner.graph import ModelShape
from pathpatch_runner.model.architecture import cached_config, shape_of_hugging_face
from pathpatch_runner.model.digest import digest_of
from pathpatch_runner.model.files import cached_first, explained
from pathpatch_runner.model.legacy import LegacyRepository, is_legacy
from pathpatch_runner.model.shape import shape_of_fields
from pathpatch_runner.model.source import ModelSource
from pathpatch_runner.model.tokenizer import HuggingFaceTokenizer, Tokenizer, pretrained_tokenizer

if TYPE_CHECKING:
    import torch


@dataclass
class HubModelConfig(ModelConfig):
    """Any name TransformerBridge boots."""

    kind: str = "hub"
    name: str = MISSING
    revision: str | None = None


class HubModel(ModelSource):
    """A model of the hub."""

    Config = HubModelConfig
    config: HubModelConfig

    @cached_property
    def legacy(self) -> LegacyRepository | None:
        """The repository, where it is in TransformerLens' old format."""
        name, revision = self.config.name, self.config.revision
        return LegacyRepository(name, revision) if is_legacy(name) else None

    @property
    def name(self) -> str:
        """Its name on the hub."""
        return self.config.name

    @property
    def digest(self) -> str:
        """Over name and commit of the snapshot in the cache, whose files are named by their own
        hashes. Looked up each time: loading may download it."""
        return digest_of([self.name, self._commit()])

    @property
    def tokenizer_in_digest(self) -> bool:
        """Not of the old format, whose tokenizer is in a repository of its own."""
        return self.legacy is None

    def _commit(self) -> str:
        """The commit that a branch or tag stands for in the cache; else the revision itself,
        which is a commit or was never downloaded."""
        from huggingface_hub import constants

        revision = self.config.revision or "main"
        refs = Path(constants.HF_HUB_CACHE) / f"models--{self.name.replace('/', '--')}" / "refs"
        file = refs / revision
        return file.read_text(encoding="utf-8").strip() if file.is_file() else revision

    @cached_property
    def shape(self) -> ModelShape | None:
        """From the config in the cache; None for a model that was never downloaded."""
        try:
            if self.legacy is not None:
                return shape_of_fields(self.legacy.fields(local=True))
            found = cached_config(self.name, self.config.revision)
        except ModelError:
            return None
        return shape_of_hugging_face(found)

    @cached_property
    def tokenizer(self) -> Tokenizer | None:
        """Read, or downloaded, when the first text is."""
        return HuggingFaceTokenizer(self._load_tokenizer)

    def _load_tokenizer(self) -> Any:
        name, revision = self.name, self.config.revision
        if self.legacy is not None:
            # In another repository, of which this revision says nothing.
            name, revision = self.legacy.tokenizer_name(), None
        with explained(self.name):
            return cached_first(
                lambda local: pretrained_tokenizer(name, revision=revision, local_files_only=local)
            )

    @property
    def drawn(self) -> bool:
        """Weights are read."""
        return False

    def bridge(self, dtype: torch.dtype) -> Any:
        """From the cache, else downloaded."""
        from pathpatch_runner.model.pretrained import pretrained_bridge

        if self.legacy is not None:
            return self.legacy.bridge(dtype)
        options = {"revision": self.config.revision} if self.config.revision else {}
        with explained(self.name):
            return cached_first(
                lambda local: pretrained_bridge(
                    self.name, self.name, dtype, {**options, "local_files_only": local}
                )
            )
