"""What was asked: in words, as a command, as example pairs, as expressions and drawings."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from pathpatch_runner.report.drawings import drawings
from pathpatch_runner.report.figures import Figure
from pathpatch_runner.report.figures.paths import entry_colours
from pathpatch_runner.report.page.entries import entry_text, node_text
from pathpatch_runner.report.page.markup import code, details, figure, name, section, text
from pathpatch_runner.report.pairs import PairText, pair_texts
from pathpatch_runner.report.run_view import RunView
from pathpatch_runner.report.text import counted, percent

EXAMPLES = 3
MOST_TOKENS = 120
OPEN_HYPOTHESES = 12
DIRECTIONS = {
    "noising": "Noising: the named paths carry the corrupt prompt, all others the clean one. "
    "Are these paths necessary? No effect means that they are not.",
    "denoising": "Denoising: the named paths carry the clean prompt, all others the corrupt one. "
    "Are these paths sufficient? An effect of 100% of the total means that they are.",
}
NOT_NEEDED = ("runtime.output_root=", "runtime.progress=", "runtime.reuse=", "runtime.force=")
"""Overrides that say where and how something was run, not what."""
CORRECTIONS = {
    "fdr": "Benjamini-Hochberg over the tests of its level",
    "bonferroni": "Bonferroni over the tests of its level",
    "none": "not corrected",
}
SOURCES = {
    "corrupt": "",
    "noise": "The corrupt prompt is the clean one with noise on its embeddings.",
    "mean": "The named paths carry no corrupt prompt, but the mean of what their senders write on "
    "the corrupt prompts.",
    "zero": "The named paths carry no corrupt prompt: what their senders write is replaced by "
    "zeros.",
}
"""What a source of corrupt values other than the corrupt prompt changes in these sentences."""


def asked(view: RunView) -> str:
    """The section."""
    directions = dict.fromkeys(part.direction for part in view.sections)
    meant = [DIRECTIONS.get(each, "") for each in directions]
    meant.append(SOURCES.get(view.settings.source, ""))
    return section(
        "asked",
        "Asked",
        *(f"<p>{text(line)}</p>" for line in meant if line),
        _command(view.manifest),
        _examples(view),
        _search(view),
        _hypotheses(view),
    )


def _search(view: RunView) -> str:
    """What was searched for, in words."""
    search = view.config.get("search")
    if not search:
        return ""
    metric = search.get("metric") or (view.config.get("metrics") or [""])[0]
    metric = metric.get("name", "") if isinstance(metric, Mapping) else metric
    correction = str(search.get("correction"))
    lines = [
        f"Backwards from the logits, through {_through(search.get('through'))}, slots "
        f"{search.get('slots')}, at most {search.get('at_most')} nodes between the ends.",
        f"A tail of a path is followed if what comes in through it has an effect on {metric} "
        f"({search.get('direction')}) of at least {percent(search.get('min_share'))} of the total, "
        f"significant at {search.get('alpha')} ({CORRECTIONS.get(correction, correction)}).",
        f"{percent(search.get('confirm'))} of the pairs choose nothing: what is reported is "
        "measured on them.",
    ]
    items = "".join(f"<li>{text(line)}</li>" for line in lines)
    return f"<h3>Search</h3><ul>{items}</ul>"


def _through(nodes: Any) -> str:
    said = node_text(nodes)
    return "any node" if said == "any" else said


def command_of(manifest: Mapping[str, Any]) -> str:
    """The command line that gives this run again."""
    said = (manifest.get("provenance") or {}).get("command") or []
    words = [word for word in said if not str(word).startswith(NOT_NEEDED)]
    if not words:
        return ""
    if words[0] in ("__main__.py", "record.py"):
        # `record.py`: started by `regress`, which adds nothing to what was said.
        words[0:1] = ["python", "-m", "pathpatch_runner"]
    elif words[0].endswith(".py"):
        words.insert(0, "python")
    return shlex.join(words)


def _command(manifest: Mapping[str, Any]) -> str:
    command = command_of(manifest)
    if not command:
        return ""
    return (
        f'<div class="command"><code id="command">{text(command)}</code>'
        '<button type="button" class="copy" data-copy="command" hidden>Copy</button></div>'
    )


def _examples(view: RunView) -> str:
    pairs = list(pair_texts(view.table("pairs")))
    if not pairs:
        return ""
    shown = "".join(map(pair_html, pairs[:EXAMPLES]))
    key = (
        '<p class="key"><span class="tok read">read</span> the output is read after this token; '
        '<span class="tok differs">differs</span> between clean and corrupt; '
        "small: named positions and the token's index.</p>"
    )
    count = f"{min(EXAMPLES, len(pairs))} of {len(pairs):,}"
    return f"<h3>Pairs ({count})</h3>{key}{shown}"


def pair_html(pair: PairText) -> str:
    """Clean over corrupt, token by token, with what is read of them."""
    many = len(pair.clean) > MOST_TOKENS
    shown = range(len(pair.clean) - MOST_TOKENS if many else 0, len(pair.clean))
    lines = "".join(
        f'<div class="line"><span class="which">{which}</span><span class="tokens">'
        f"{'… ' if many else ''}{''.join(_token(pair, tokens, at) for at in shown)}</span></div>"
        for which, tokens in (("clean", pair.clean), ("corrupt", pair.corrupt))
    )
    return (
        f'<div class="pair"><div class="soft">pair {name(pair.pair_id)}</div>{lines}'
        f"{_answers(pair)}</div>"
    )


def _token(pair: PairText, tokens: Sequence[str], at: int) -> str:
    """A token, marked; white space at its ends is shown."""
    kinds = ["tok"]
    if at in pair.points:
        kinds.append("read")
    if pair.clean[at] != pair.corrupt[at]:
        kinds.append("differs")
    names = [each for each, place in pair.positions.items() if place == at]
    small = f"<small>{text(' '.join([*names, str(at)]))}</small>" if names else ""
    return f'<span class="{" ".join(kinds)}">{_spaced(tokens[at])}{small}</span>'


def _spaced(token: str) -> str:
    shown = text(token)
    return shown.replace(" ", '<i class="sp">·</i>') if token != token.strip() else shown


def _answers(pair: PairText) -> str:
    points = list(zip(pair.points, pair.answers, pair.distractors, strict=True))
    known = [point for point in points if point[1] or point[2]]
    if not known:
        return ""
    said = [
        f"after token {at}: answer <code>{_spaced(answer)}</code>"
        + (f", distractor <code>{_spaced(distractor)}</code>" if distractor else "")
        for at, answer, distractor in known[:4]
    ]
    more = f"; and {counted(len(known) - 4, 'more point')}" if len(known) > 4 else ""
    return f'<div class="soft">{"; ".join(said)}{more}</div>'


def _hypotheses(view: RunView) -> str:
    """Every hypothesis with its entries and drawing; groups that several share stand once."""
    configs = view.config.get("hypotheses") or {}
    if not configs:
        return ""
    drawn = drawings(view)
    named = [config for config in configs.values() if config.get("groups")]
    shared = len({json.dumps(config["groups"]) for config in named}) == 1 and len(named) > 1
    cards = [_card(key, each, drawn.get(key), groups=not shared) for key, each in configs.items()]
    shown = f'<div class="cards">{"".join(cards)}</div>'
    title = f"<h3>Hypotheses ({len(cards)})</h3>"
    common = _groups(named[0]) if shared else ""
    body = f"{NOTE}{common}{shown}" if drawn else f"{common}{shown}"
    return title + (body if len(cards) <= OPEN_HYPOTHESES else details("Show them", body))


NOTE = (
    '<p class="soft">Drawn on the grid of the model: layers up, heads across, MLPs (squares) last. '
    "Filled: nodes of a step; line: directly through the residual stream; shaded: the area of too "
    "many lines to draw; dashed: through other nodes; across: the residual stream before a layer; "
    "letters: the slot read and where. One colour an entry.</p>"
)


def _card(hypothesis: str, config: Mapping[str, Any], drawn: Figure | None, *, groups: bool) -> str:
    entries = config.get("paths") or {}
    shades = entry_colours(entries) if drawn is not None else {}
    lines = "".join(
        f"<dt>{_swatch(shades.get(entry))}{name(entry)}</dt><dd>{entry_text(path)}</dd>"
        for entry, path in entries.items()
    )
    against = config.get("against")
    notes = f'<p class="soft">measured against {name(against)}</p>' if against else ""
    words = f'<div class="words"><dl>{lines}</dl>{_groups(config) if groups else ""}{notes}</div>'
    picture = "" if drawn is None else figure(drawn, kind="grid")
    return f'<article class="card"><h4>{name(hypothesis)}</h4>{words}{picture}</article>'


def _swatch(shade: str | None) -> str:
    return f'<span class="dot" style="background:{shade}"></span>' if shade else ""


def _groups(config: Mapping[str, Any]) -> str:
    groups = "".join(
        f"<dt>{name(group)}</dt><dd>{code(node_text(nodes))}</dd>"
        for group, nodes in (config.get("groups") or {}).items()
    )
    return f'<div class="words"><p class="soft">Groups</p><dl>{groups}</dl></div>' if groups else ""
