"""How long a page takes: 11, 714 and 10,000 rows with the effects of 16 pairs each.

    PYTHONPATH=tests python benchmarks/pages.py

Prints seconds (the first page starts the drawing process) and the size of the file.
"""

from __future__ import annotations

import time

from pathpatch_runner.report.page import render_report
from report.large import large


def main() -> None:
    """Each size twice: alone, and with the drawing process there."""
    print(f"{'rows':>8} {'first, s':>9} {'again, s':>9} {'kB':>7}")
    for size in (11, 714, 10_000):
        view, seconds, page = large(size), [], ""
        for _ in range(2):
            began = time.perf_counter()
            page = render_report(view)
            seconds.append(time.perf_counter() - began)
        print(f"{size:8,} {seconds[0]:9.2f} {seconds[1]:9.2f} {len(page.encode()) / 1000:7.0f}")


if __name__ == "__main__":
    main()
