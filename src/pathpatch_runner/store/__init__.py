"""Run directories: what a run is called, what it leaves, and what it says about itself."""

from pathpatch_runner.store.identity import run_key
from pathpatch_runner.store.manifest import BackendRecord, Counts, GuardRecord, Manifest
from pathpatch_runner.store.provenance import GitState, Provenance, git_state, package_versions
from pathpatch_runner.store.run_directory import RunDirectory

__all__ = [
    "BackendRecord",
    "Counts",
    "GitState",
    "GuardRecord",
    "Manifest",
    "Provenance",
    "RunDirectory",
    "git_state",
    "package_versions",
    "run_key",
]
