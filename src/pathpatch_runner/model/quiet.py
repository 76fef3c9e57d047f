"""The libraries that load models, kept from talking and from using the global random numbers."""

from __future__ import annotations

import contextlib
import io
import logging
from collections.abc import Iterator

import torch


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
