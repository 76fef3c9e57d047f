"""Run directories: what a run is called, what it leaves, and what it says about itself."""

from pathpatch_runner.store.code import code_digest, module_digest
from pathpatch_runner.store.identity import identity_of, run_key
from pathpatch_runner.store.manifest import (
    BackendRecord,
    CollectedRecord,
    Counts,
    GuardRecord,
    KnownRecord,
    Manifest,
    ProofRecord,
    reproducible,
)
from pathpatch_runner.store.provenance import (
    GitState,
    Provenance,
    command_line,
    git_state,
    package_versions,
    platform_name,
    utc_now,
)
from pathpatch_runner.store.run_directory import RunDirectory

__all__ = [
    "BackendRecord",
    "CollectedRecord",
    "Counts",
    "GitState",
    "GuardRecord",
    "KnownRecord",
    "Manifest",
    "ProofRecord",
    "Provenance",
    "RunDirectory",
    "code_digest",
    "command_line",
    "git_state",
    "identity_of",
    "module_digest",
    "package_versions",
    "platform_name",
    "reproducible",
    "run_key",
    "utc_now",
]
