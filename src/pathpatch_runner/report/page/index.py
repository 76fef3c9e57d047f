"""The page of everything under an output folder: experiments and their runs, by what they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from pathpatch_runner.report.jobs import COLLECTED, DONE, Job, in_order, swept_keys
from pathpatch_runner.report.page.document import document
from pathpatch_runner.report.page.markup import name, section, sentence, table, text
from pathpatch_runner.report.sentences import headline
from pathpatch_runner.report.text import counted


def render_index(root: str, experiments: Mapping[str, Sequence[Job]]) -> str:
    """`experiments`: the jobs of each, by the name of its directory."""
    sections = [
        _experiment(number, experiment, jobs)
        for number, (experiment, jobs) in enumerate(experiments.items())
    ]
    runs = sum(map(len, experiments.values()))
    lead = (
        f'<p class="description">{counted(runs, "run")} of '
        f"{counted(len(experiments), 'experiment')}.</p>"
    )
    contents = {f"e{number}": text(each) for number, each in enumerate(experiments)}
    return document(title=root, heading=name(root), lead=lead, sections=sections, contents=contents)


def _experiment(number: int, experiment: str, jobs: Sequence[Job]) -> str:
    jobs = [job for job in jobs if job.state != COLLECTED]
    keys = swept_keys(jobs)
    done = [job for job in jobs if job.view is not None]
    description = next((j.view.config.get("description") for j in done if j.view), "")
    rows = [
        [
            _name(experiment, job, keys),
            f'<span class="{"pass" if job.state == DONE else "fail"}">{job.state}</span>',
            f'<div class="wide">{_found(job)}</div>',
            f'<span class="op">{text(_finished(job))}</span>',
        ]
        for job in sorted(jobs, key=lambda job: in_order([job.value(key) for key in keys]))
    ]
    more = f'<p><a href="{text(experiment)}/report.html">All runs together</a></p>'
    return section(
        f"e{number}",
        name(experiment),
        f"<p>{text(description)}</p>" if description else "",
        more if len(jobs) > 1 else "",
        table(["run", "state", "found", "finished"], rows),
    )


def _found(job: Job) -> str:
    return sentence(headline(job.view)) if job.view else text(job.message[:200])


def _name(experiment: str, job: Job, keys: Sequence[str]) -> str:
    """By what sets it apart from the others; as the one it is if nothing does."""
    said = ", ".join(f"{key}={job.settings[key]}" for key in keys if key in job.settings)
    title = name(said or ("without overrides" if keys else experiment))
    if not (job.directory / "report.html").is_file():
        return title
    return f'<a href="{text(experiment)}/{text(job.directory.name)}/report.html">{title}</a>'


def _finished(job: Job) -> str:
    provenance = (job.view.manifest.get("provenance") or {}) if job.view else {}
    return str(provenance.get("finished", ""))[:16].replace("T", " ")


def write_index(root: Path, experiments: Mapping[str, Sequence[Job]]) -> Path:
    """`index.html` in the output folder."""
    file = root / "index.html"
    file.write_text(render_index(root.name, experiments), encoding="utf-8")
    return file
