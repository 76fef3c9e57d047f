"""Chromium without a window, driven through its own driver: what a page does, not what it says.

Nothing is fetched: the driver and the browser are those of the system, and pages are files.
"""

from __future__ import annotations

import importlib.util
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
MISSING = (
    None
    if CHROMIUM and DRIVER
    else "chromium and chromium-driver are not installed: make browser installs them"
)
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--force-prefers-reduced-motion",
)


def axe_script() -> str | None:
    """The accessibility checker, from the package that carries it; None where it is not there."""
    spec = importlib.util.find_spec("axe_playwright_python")
    folders = spec.submodule_search_locations if spec else None
    return (Path(folders[0]) / "axe.min.js").read_text() if folders else None


@dataclass
class Browser:
    """One browser. Its pages are reached by `open`."""

    driver: webdriver.Chrome

    def open(self, file: Path, *, width: int = 1280, dark: bool = False) -> None:
        """Show a page of a run on a screen of that width, and wait for its script."""
        self.visit(file.as_uri(), width=width, dark=dark)
        self.run_async(
            "const done = arguments[0], wait = () => document.getElementById('data') === null "
            "|| !document.getElementById('controls').hidden ? done() : setTimeout(wait, 20); wait()"
        )

    def visit(self, address: str, *, width: int = 1280, dark: bool = False) -> None:
        """Show any page; what was asked for and complained of before is forgotten."""
        self.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500},
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
        self.driver.get_log("performance")
        self.driver.get_log("browser")
        self.driver.get(address)

    def run(self, script: str, *arguments: Any) -> Any:
        """The value of a script in the page."""
        return self.driver.execute_script(script, *arguments)

    def run_async(self, script: str) -> Any:
        """The value that a script hands to its last argument."""
        return self.driver.execute_async_script(script)

    def complaints(self) -> list[str]:
        """What the page wrote to its console."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def requests(self) -> list[str]:
        """Everything the page asked for, itself left out."""
        events = [json.loads(e["message"])["message"] for e in self.driver.get_log("performance")]
        urls = [
            e["params"]["request"]["url"]
            for e in events
            if e["method"] == "Network.requestWillBeSent"
        ]
        return [url for url in urls if url not in (self.driver.current_url.split("#")[0], "data:,")]

    def violations(self, script: str) -> list[str]:
        """What the accessibility checker calls serious or critical, with where it is."""
        self.run(script)
        found = self.run_async(
            "const done = arguments[0]; axe.run().then(r => done(r.violations), e => done([{"
            "id: String(e), impact: 'critical', nodes: []}]))"
        )
        return [
            f"{each['id']}: {[node['html'][:120] for node in each['nodes'][:3]]}"
            for each in found
            if each["impact"] in ("serious", "critical")
        ]

    def picture(self, file: Path) -> None:
        """The whole page as PNG, for people."""
        size = self.driver.execute_cdp_cmd("Page.getLayoutMetrics", {})["cssContentSize"]
        shot = self.driver.execute_cdp_cmd(
            "Page.captureScreenshot",
            {
                "captureBeyondViewport": True,
                "clip": {
                    "x": 0,
                    "y": 0,
                    "width": size["width"],
                    "height": min(size["height"], 12_000),
                    "scale": 1,
                },
            },
        )
        import base64

        file.write_bytes(base64.b64decode(shot["data"]))


@contextmanager
def browser(profile: Path) -> Iterator[Browser]:
    """A browser with an empty profile; gone with everything it started at the end."""
    options = webdriver.ChromeOptions()
    assert CHROMIUM is not None
    options.binary_location = CHROMIUM
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options, Service(DRIVER))
    try:
        driver.set_script_timeout(60)
        yield Browser(driver)
    finally:
        driver.quit()
