"""The libraries that load models, kept from talking, from using the global random numbers, and from
making up weights that are then overwritten."""

from __future__ import annotations

import contextlib
import io
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

RANDOM = {
    torch.nn.init.kaiming_uniform_,
    torch.nn.init.uniform_,
    torch.nn.init.normal_,
    torch.nn.init.trunc_normal_,
}
"""What gives new modules their random weights."""


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Without the progress messages of the libraries that load models: they say nothing that a
    user of this program can act on, and what they only log of missing weights is an error here."""
    previous = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        logging.disable(previous)


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Random weights that depend on the seed alone; the global generator is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


class NoRandomWeights(TorchFunctionMode):
    """Modules that are made inside are given no random weights: for those that get a file's."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Leave the tensor of a random initialisation as it is; all else is done."""
        del types
        named = dict(kwargs or {})
        if func in RANDOM:
            return args[0] if args else named["tensor"]
        return func(*args, **named)
