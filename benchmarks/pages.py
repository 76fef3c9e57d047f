"""How long a page takes: 11 to 91,231 rows with the effects of 16 pairs each.

    PYTHONPATH=tests python benchmarks/pages.py

Prints seconds (the first page starts the drawing process), those of this process' CPU without
the drawing, and the size of the file.
"""

from __future__ import annotations

import time
from dataclasses import replace

from pathpatch_runner.report.page import render_report
from report.large import large


def main() -> None:
    """Each size twice: alone, and with the drawing process there."""
    print(f"{'rows':>8} {'first, s':>9} {'again, s':>9} {'CPU, s':>7} {'kB':>7}")
    for size in (11, 714, 10_000, 91_231):
        view, seconds, page, cpu = large(size), [], "", 0.0
        for _ in range(2):
            # What a view has read once it keeps: a new one each time.
            view = replace(view)
            began, used = time.perf_counter(), time.process_time()
            page = render_report(view)
            seconds.append(time.perf_counter() - began)
            cpu = time.process_time() - used
        print(
            f"{size:8,} {seconds[0]:9.2f} {seconds[1]:9.2f} {cpu:7.2f} "
            f"{len(page.encode()) / 1000:7.0f}"
        )


if __name__ == "__main__":
    main()
