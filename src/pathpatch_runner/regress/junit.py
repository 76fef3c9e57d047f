"""Verdicts as a JUnit file, which continuous integration services show.

One suite for each experiment, one case for each claim; an unavailable one is *skipped*.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

from pathpatch_runner.regress.verdict import Mark, Verdict


def junit(verdicts: Sequence[Verdict]) -> str:
    """The file's text."""
    root = ElementTree.Element("testsuites", {"name": "published results", **_counts(verdicts)})
    for group in dict.fromkeys(verdict.group for verdict in verdicts):
        members = [verdict for verdict in verdicts if verdict.group == group]
        suite = ElementTree.SubElement(root, "testsuite", {"name": group, **_counts(members)})
        for verdict in members:
            _case(suite, verdict)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def write_junit(path: Path, verdicts: Sequence[Verdict]) -> None:
    """Write the file, and the folders it lies in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(junit(verdicts), encoding="utf-8")


def _counts(verdicts: Sequence[Verdict]) -> dict[str, str]:
    marks = [verdict.mark for verdict in verdicts]
    return {
        "tests": str(len(marks)),
        "failures": str(marks.count(Mark.failed)),
        "skipped": str(marks.count(Mark.unavailable)),
    }


def _case(suite: ElementTree.Element, verdict: Verdict) -> None:
    case = ElementTree.SubElement(suite, "testcase", name=verdict.name, classname=verdict.group)
    if verdict.mark is Mark.unavailable:
        ElementTree.SubElement(case, "skipped", message=verdict.reason)
    elif verdict.mark is Mark.failed:
        said = f"expected {verdict.expected}, found {verdict.found}"
        failure = ElementTree.SubElement(case, "failure", message=verdict.reason or said)
        failure.text = f"{said}, off by {verdict.off_by or '-'}\nsource: {verdict.source}"
