"""A real browser, and the real processes that it talks to."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from tests.crash.conftest import begin

__all__ = ["begin"]

PATIENCE_MS = 15_000
DESKTOP: ViewportSize = {"width": 1400, "height": 1000}
# It speaks to our own processes only, and may run as root in a container.
QUIETLY = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def _chromium() -> str:
    places = [os.environ.get("CHROMIUM"), "/usr/bin/chromium", shutil.which("chromium")]
    for place in (*places, shutil.which("chromium-browser"), shutil.which("google-chrome")):
        if place and Path(place).exists():
            return place
    missing = "no browser: install Chromium, or name one in CHROMIUM"
    if os.environ.get("REQUIRE_BROWSER"):
        pytest.fail(missing)
    pytest.skip(missing)


@pytest.fixture
def browser() -> Iterator[Browser]:
    """Start a browser without a window; not for the session, for it holds the thread's loop."""
    place = _chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=place, headless=True, args=QUIETLY)
        yield browser
        browser.close()


@pytest.fixture
def tabs(browser: Browser, tmp_path: Path) -> Iterator[Callable[[], Page]]:
    """Give a function that opens another tab of one window."""
    context = browser.new_context(viewport=DESKTOP)
    context.set_default_timeout(PATIENCE_MS)
    yield context.new_page
    context.close()


@pytest.fixture
def picture(tmp_path: Path) -> Callable[[Page, str], None]:
    """Give a function that keeps what a tab shows; SCREENSHOTS names a folder that stays."""
    folder = Path(os.environ.get("SCREENSHOTS") or tmp_path / "screenshots")
    folder.mkdir(parents=True, exist_ok=True)

    def keep(page: Page, name: str) -> None:
        page.screenshot(path=folder / f"{name}.png", full_page=True)

    return keep
