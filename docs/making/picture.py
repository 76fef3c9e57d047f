"""The picture of a report at the head of the README and of the site, light and dark.

    python docs/making/picture.py outputs/induction_random/RUN

What chromium shows of the page of the run, from what was found to the end of its first figure.
Needs chromium and its driver (`make browser`).
"""

from __future__ import annotations

import base64
import sys
import tempfile
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
sys.path.insert(0, str(REPOSITORY / "tests"))

from report.browser import Browser, browser  # noqa: E402  the harness of the tests of pages

PICTURES = REPOSITORY / "docs" / "pictures"
WIDTH, MARGIN = 760, 10
TOP_TO_END = (
    "const top = document.querySelector('#h-found').getBoundingClientRect().top;"
    "return document.querySelector('#found figure').getBoundingClientRect().bottom - top"
)


def taken(opened: Browser, page: Path, *, dark: bool) -> bytes:
    """The page as PNG."""
    opened.open(page.resolve(), width=WIDTH, dark=dark)
    opened.run("document.documentElement.style.scrollbarWidth = 'none'")
    height = round(opened.run(TOP_TO_END)) + 2 * MARGIN
    screen = {"width": WIDTH, "height": height, "deviceScaleFactor": 1, "mobile": False}
    opened.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    opened.run("document.querySelector('#h-found').scrollIntoView()")
    opened.run(f"window.scrollBy(0, -{MARGIN})")
    shot = opened.driver.execute_cdp_cmd("Page.captureScreenshot", {})
    return base64.b64decode(shot["data"])


def main() -> None:
    """Take both."""
    page = Path(sys.argv[1]) / "report.html"
    with tempfile.TemporaryDirectory() as profile, browser(Path(profile)) as opened:
        for scheme in ("light", "dark"):
            file = PICTURES / f"report-{scheme}.png"
            file.write_bytes(taken(opened, page, dark=scheme == "dark"))
            print(f"{file.relative_to(REPOSITORY)}: {file.stat().st_size // 1000} kB")


if __name__ == "__main__":
    main()
