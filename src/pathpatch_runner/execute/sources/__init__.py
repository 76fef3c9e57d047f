"""Where corrupt values come from: one file a kind, found by the name that `patch.source` says.

    source    what a source is: the facts a config is checked against, and what it is on a model
    corrupt   the corrupt prompt (resampling)
    noise     the clean prompt with noise on its embeddings (causal tracing)
    mean      what a sender writes is replaced by its mean over the corrupt prompts
    zero      by nothing

To add one: a class derived from `Source` in a file here, and a line of `registry.SOURCES`; or in
another package, and an entry point of the group `pathpatch_runner.sources`. No file here imports
torch before a model is there, since configs are checked without it.
"""

from pathpatch_runner.execute.sources.source import Constants, Corruption, Source, source_named

__all__ = ["Constants", "Corruption", "Source", "source_named"]
