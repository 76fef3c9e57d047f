"""Whether to believe it: the model's task, what was left out, chance (`chance`), guards, where it
came from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pathpatch_runner.effects import accuracy_of
from pathpatch_runner.report.page.chance import comparisons, controls
from pathpatch_runner.report.page.markup import details, name, section, sentence, table, text
from pathpatch_runner.report.run_view import RunView
from pathpatch_runner.report.text import MISSING, counted, interval, number

FEW_LEFT_OUT = 6
"""Left-out pairs up to which they are shown without being asked for."""


def warnings_of(view: RunView) -> list[str]:
    """What a reader must know before any number. Names stand between backticks."""
    said = [
        f"{part.name}: {part.withheld}. Every share of it is withheld."
        for part in view.sections
        if part.withheld
    ]
    failed = [guard["name"] for guard in view.manifest.get("guards", ()) if not guard["passed"]]
    said += [
        f"The guard `{guard}` failed: no number of this run can be believed." for guard in failed
    ]
    left_out = (view.manifest.get("counts") or {}).get("pairs_left_out")
    if left_out:
        pairs = counted(left_out, "pair")
        said.append(f"{pairs} could not be used and {_were(left_out)} left out: see Trust.")
    return said


def _were(count: int) -> str:
    return "was" if count == 1 else "were"


def banner(view: RunView) -> str:
    """The warnings, at the top of the page."""
    said = warnings_of(view)
    lines = "".join(f"<li>{sentence(line)}</li>" for line in said)
    return f'<div class="warning" role="note"><ul>{lines}</ul></div>' if said else ""


def trusted(view: RunView) -> str:
    """The section."""
    return section(
        "trust",
        "Trust",
        _task(view),
        _left_out(view),
        comparisons(view),
        controls(view),
        _guards(view.manifest),
        _origin(view),
    )


def _task(view: RunView) -> str:
    if not view.sections:
        return ""
    rows = []
    for part in view.sections:
        first = part.rows[0]
        share = "withheld" if part.withheld else "the model tells clean from corrupt prompts"
        bounds = interval(*part.total_interval)
        total = number(part.total) + ("" if bounds == MISSING else f" {bounds}")
        clean, corrupt = number(first["clean_mean"]), number(first["corrupt_mean"])
        rows.append([text(part.quantity), text(part.direction), clean, corrupt, text(total), share])
    titles = ["metric", "direction", "clean", "corrupt", "total effect", ""]
    summary = view.table("summary")
    accuracy = None if summary is None else accuracy_of(summary)
    said = "" if accuracy is None else f"<p>{text(accuracy.sentence)}.</p>"
    return f"<h3>Does the model do the task?</h3>{said}{table(titles, rows, numeric=(2, 3, 4))}"


def _left_out(view: RunView) -> str:
    """The pairs that could not be used, and why: the first ones, as many as the manifest holds."""
    known = [(str(where), str(why)) for where, why in view.manifest.get("left_out") or ()]
    if not known:
        return ""
    count = (view.manifest.get("counts") or {}).get("pairs_left_out") or len(known)
    rows = [
        [f"<code>{name(where)}</code>", f'<div class="lines">{text_block(why)}</div>']
        for where, why in known
    ]
    left = count - len(known)
    more = f'<p class="soft">and {left:,} more</p>' if left > 0 else ""
    content = table(["where", "why"], rows) + more
    few = len(known) <= FEW_LEFT_OUT
    return (
        f"<h3>Left out ({count:,})</h3><p>Lines of the data that make no pair; no number counts "
        f"them.</p>{content if few else details('Show them', content)}"
    )


def _said_of(guard: Mapping[str, Any]) -> str:
    """`note` says why a guard could not be made."""
    return str(guard.get("note") or ("holds" if guard["passed"] else "fails"))


def _guards(manifest: Mapping[str, Any]) -> str:
    rows = [
        [
            text(guard["name"]),
            _small(guard["value"]),
            _small(guard["tolerance"]),
            f'<span class="{"pass" if guard["passed"] else "fail"}">{text(_said_of(guard))}</span>',
        ]
        for guard in manifest.get("guards", ())
    ]
    backend = manifest.get("backend") or {}
    chosen = (
        f"<p>Backend {text(backend['name'])}: {text(backend['reason'])}.</p>" if backend else ""
    )
    titles = ["identity", "off by", "tolerance", ""]
    return (
        "<h3>Guards</h3><p>Identities checked on this model and data before anything was run. "
        "The broken plan is caught if its value is above the tolerance.</p>"
        f"{table(titles, rows, numeric=(1, 2))}{chosen}"
    )


def _small(value: float | None) -> str:
    return MISSING if value is None else f"{value:.2g}"


def _origin(view: RunView) -> str:
    provenance = view.manifest.get("provenance") or {}
    digests = [
        [text(key), f"<code>{text(value)}</code>"]
        for key, value in (provenance.get("digests") or {}).items()
    ]
    versions = [
        [text(key), text(value)] for key, value in (provenance.get("versions") or {}).items()
    ]
    said = json.dumps(provenance, indent=2, ensure_ascii=False, default=str)
    whole = f"<pre tabindex=0>{text_block(said)}</pre>"
    said_once = dict.fromkeys(
        str(provenance[key])
        for key in ("device_name", "device", "dtype", "platform")
        if provenance.get(key)
    )
    machine = ", ".join(said_once)
    return (
        "<h3>Where it came from</h3>"
        f"<p>{text(commit_of(provenance.get('git')))}; {text(machine)}.</p>"
        f"{table(['input', 'digest'], digests)}"
        f"{details('Versions', table(['package', 'version'], versions))}"
        f"{details('Everything the run says of itself', whole)}"
    )


def commit_of(git: Mapping[str, Any] | None) -> str:
    """The commit of the code, and whether files differed from it."""
    if not git:
        return "installed package"
    return f"commit {git['commit'][:10]}{' + local changes' if git['dirty'] else ''}"


def text_block(value: str) -> str:
    """Text of many lines: line ends stay."""
    return "\n".join(text(line) for line in value.split("\n"))
