"""The picture of a report at the head of the README and of the site, light and dark.

    python docs/making/picture.py outputs/induction_random/RUN

What chromium shows of the page of the run, from what was found on. Needs chromium and its driver
(`make browser`).
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
WIDTH, HEIGHT = 760, 630


def taken(opened: Browser, page: Path, *, dark: bool) -> bytes:
    """The page as PNG."""
    opened.open(page.resolve(), width=WIDTH, dark=dark)
    screen = {"width": WIDTH, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": False}
    opened.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    opened.run("document.documentElement.style.scrollbarWidth = 'none'")
    opened.run("document.querySelector('#h-found').scrollIntoView(); window.scrollBy(0, -10)")
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
