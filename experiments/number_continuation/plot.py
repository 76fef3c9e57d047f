"""Draw `comparison.svg`: four ways to ask what a component does, on the same components.

python experiments/number_continuation/plot.py outputs/number_continuation
"""

import json
import sys
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq

HERE = Path(__file__).parent
SOURCES = {"corrupt": "#c2570c", "mean": "#2563a8", "zero": "#7a7f87", "noise": "#2e7d4f"}
QUESTIONS = {"kind": "does a number come next?", "which": "which number?"}
MOST = 14
ROW, LEFT, WIDTH, TOP = 24, 70, 330, 60


def read(folder: Path) -> pd.DataFrame:
    """All complete runs of the experiment, with their question and source."""
    tables: list[pd.DataFrame] = []
    for manifest in sorted(folder.glob("*/manifest.json")):
        source = json.loads(manifest.read_text())["provenance"]["config"]["patch"]["source"]
        table = pq.read_table(manifest.parent / "summary.parquet").to_pandas()
        tables.append(table.assign(source=source, question=table["dataset"].astype(str)))
    return pd.concat(tables, ignore_index=True)


def components(table: pd.DataFrame) -> list[str]:
    """Those with the largest effect of a resampled corrupt prompt, by either question."""
    largest = table[table.source == "corrupt"].assign(size=lambda t: t.effect_mean.abs())
    by_size = largest.groupby("over.s", observed=True)["size"].max().sort_values(ascending=False)
    return [str(name) for name in by_size.index[:MOST]]


def panel(table: pd.DataFrame, names: list[str], left: int, title: str) -> str:
    """One question: a row a component, a dot and interval a source."""
    low = min(0.0, float(table.effect_ci_low.min()))
    high = max(0.0, float(table.effect_ci_high.max()))

    def x(value: float) -> float:
        return left + (value - low) / (high - low) * (WIDTH - 20) + 10

    height = TOP + ROW * len(names)
    parts = [f'<text x="{left}" y="38" font-weight="600">{title}</text>']
    for tick in sorted({round(low), 0, round(high)}):
        parts.append(
            f'<line x1="{x(tick):.1f}" x2="{x(tick):.1f}" y1="{TOP - 10}" y2="{height}" '
            f'stroke="#bbb"/><text x="{x(tick):.1f}" y="{height + 16}" '
            f'text-anchor="middle">{tick}</text>'
        )
    for row, name in enumerate(names):
        for offset, (source, colour) in enumerate(SOURCES.items()):
            found = table[(table["over.s"] == name) & (table.source == source)]
            if found.empty:
                continue
            one = found.iloc[0]
            y = TOP + ROW * row + 4 + 5 * offset
            parts.append(
                f'<line x1="{x(one.effect_ci_low):.1f}" x2="{x(one.effect_ci_high):.1f}" '
                f'y1="{y}" y2="{y}" stroke="{colour}"/>'
                f'<circle cx="{x(one.effect_mean):.1f}" cy="{y}" r="2.6" fill="{colour}"/>'
            )
    return "".join(parts)


def main() -> None:
    table = read(Path(sys.argv[1]))
    names = components(table)
    width, height = LEFT + 2 * WIDTH + 40, TOP + ROW * len(names) + 30
    parts = [
        f'<text x="{LEFT - 8}" y="{TOP + ROW * row + 15}" text-anchor="end">{name}</text>'
        for row, name in enumerate(names)
    ]
    for number, (source, colour) in enumerate(SOURCES.items()):
        at = LEFT + 130 * number
        parts.append(
            f'<circle cx="{at}" cy="14" r="4" fill="{colour}"/>'
            f'<text x="{at + 8}" y="18">{source}</text>'
        )
    for number, (question, title) in enumerate(QUESTIONS.items()):
        chosen = table[table.question == question]
        parts.append(panel(chosen, names, LEFT + number * (WIDTH + 20), title))
    (HERE / "comparison.svg").write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" font-family="sans-serif" font-size="12">'
        f'<rect width="{width}" height="{height}" fill="white"/>{"".join(parts)}</svg>\n'
    )
    shown = table[table["over.s"].isin(names)].assign(
        text=lambda t: t.apply(
            lambda r: f"{r.effect_mean:+.2f} [{r.effect_ci_low:+.2f}, {r.effect_ci_high:+.2f}]",
            axis=1,
        ),
        component=lambda t: t["over.s"].astype(str),
    )
    grid = shown.pivot(index="component", columns=["question", "source"], values="text")
    print(grid.loc[names].to_string())
    print(table.groupby(["question", "source"])[["clean_mean", "corrupt_mean"]].first())


if __name__ == "__main__":
    main()
