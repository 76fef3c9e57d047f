"""The built site in a real browser: nothing is asked of another host, nothing is complained of, and
no page is wider than its screen. That it builds without a warning holds `make check`.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path

import pytest

from report.browser import MISSING, Browser, axe_script, browser

REPOSITORY = Path(__file__).parents[2]
PAGES = ("index", "first-experiment", "path-language", "numbers", "ioi", "performance", "api")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(MISSING is not None, reason=str(MISSING)),
    pytest.mark.skipif(find_spec("mkdocs") is None, reason="make site installs mkdocs"),
]


class Quiet(SimpleHTTPRequestHandler):
    """A server that tells nobody what it serves."""

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Of the site, built and served."""
    site = tmp_path_factory.mktemp("site")
    build = [
        sys.executable,
        "-m",
        "mkdocs",
        "build",
        "--strict",
        "--quiet",
        "--site-dir",
        str(site),
    ]
    subprocess.run(build, cwd=REPOSITORY, check=True, capture_output=True)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("page", PAGES)
def test_an_accessibility_checker_finds_nothing_serious(
    chromium: Browser, address: str, page: str, dark: bool
) -> None:
    script = axe_script()
    if script is None:
        pytest.skip("axe is not installed: make browser installs it")
    chromium.visit(f"{address}/{page}.html", dark=dark)
    assert chromium.violations(script) == []


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("page", PAGES)
def test_a_page_asks_nobody(chromium: Browser, address: str, page: str, width: int) -> None:
    chromium.visit(f"{address}/{page}.html", width=width, dark=width == 390)
    assert chromium.run("return document.querySelector('h1').textContent")
    asked = [url for url in chromium.requests() if not url.startswith((f"{address}/", "data:"))]
    assert asked == []
    assert chromium.complaints() == []
    assert chromium.run("return document.documentElement.scrollWidth") <= width
