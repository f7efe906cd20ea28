"""A real Chromium without a network, and what it has done."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Dialog, Page, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="the chromium program is not installed")


@dataclass
class Watched:
    """A page and all that went on in it.

    Attributes:
        page: the page.
        troubles: errors, violations of the security policy, dialogs; there ought to be none.
        requests: the addresses of what it loaded.
    """

    page: Page
    troubles: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def dismiss(self, dialog: Dialog) -> None:
        """Closes a dialog, which nothing of ours opens."""
        self.troubles.append(f"dialog {dialog.message}")
        dialog.dismiss()

    def open(self, file: Path, address: str = "") -> Page:
        """Opens a file of ours at an address within it, and waits until it is shown."""
        self.page.goto("about:blank")
        self.page.goto(f"{file.as_uri()}{address}")
        self.page.wait_for_selector("body[data-ready]")
        return self.page


@contextmanager
def browsing() -> Iterator[Browser]:
    """A browser, which is gone afterwards."""
    with sync_playwright() as playwright:
        flags = [
            "--no-sandbox",
            "--disable-gpu",
            "--disable-background-networking",
            "--autoplay-policy=no-user-gesture-required",
        ]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield browser
        browser.close()


@contextmanager
def watched(browser: Browser, width: int = 1280, height: int = 900, scheme: str = "light") -> Iterator[Watched]:
    """A page in a window of its own, off the network."""
    context = browser.new_context(
        offline=True, viewport={"width": width, "height": height}, color_scheme="dark" if scheme == "dark" else "light"
    )
    seen = Watched(context.new_page())
    seen.page.on("console", lambda said: seen.troubles.append(said.text) if said.type in ("error", "warning") else None)
    seen.page.on("pageerror", lambda error: seen.troubles.append(str(error)))
    seen.page.on("dialog", seen.dismiss)
    seen.page.on("request", lambda request: seen.requests.append(request.url))
    yield seen
    context.close()
