"""The model's own modules behind the components of a bridge.

A bridge puts a component of its own (with hooks) in the place of each module of the model and keeps
that module as `original_component`. Weights, scales and rotary tables are read from the latter.
"""

from __future__ import annotations

from typing import Any


def original_of(component: Any) -> Any:
    """The model's own module behind a component of the bridge."""
    return getattr(component, "original_component", component)
