"""Python's search for garbage, put off while much is made that stays.

Python looks for objects that refer to each other in circles again and again while many are made.
Importing torch and TransformerLens makes 800,000, nearly all of which last as long as the process:
looking through them is a sixth of what the imports take.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def much_that_stays() -> Iterator[None]:
    """No garbage is looked for inside; what is there at the end counts as old, which is looked
    through seldom, and is collected like all else once nothing needs it."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        # What somebody has frozen stays so: all that can be done then is to go on as before.
        if enabled and not gc.get_freeze_count():
            gc.freeze()
            gc.unfreeze()
        if enabled:
            gc.enable()
