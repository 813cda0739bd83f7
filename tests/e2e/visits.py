"""Opening a page in Chromium and hearing everything that it does wrong."""

from __future__ import annotations

import gzip
import urllib.request
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

import axe_playwright_python
from playwright.sync_api import Browser, BrowserContext, Page, Request, Response

from tests.e2e.site import Site

Look = Literal["light", "dark"]
WIDE = {"width": 1280, "height": 900}
NARROW = {"width": 320, "height": 800}
SCRIPT_LIMIT = 100_000
SETTLE_MS = 500
AXE = Path(axe_playwright_python.__file__).parent / "axe.min.js"
LISTEN = """
window.__violations = [];
document.addEventListener("securitypolicyviolation", (event) => window.__violations.push(
  [event.violatedDirective, event.blockedURI, event.sourceFile, event.lineNumber].join(" ")));
"""
RUN_AXE = """async () => {
  const found = await axe.run(document, { resultTypes: ["violations"] });
  return found.violations.map((rule) => rule.id + ": " + rule.nodes.slice(0, 3).map(
    (node) => node.target.join(" ") + " — " + [...node.any, ...node.all, ...node.none].map(
      (check) => check.message).slice(0, 1)).join(" | "));
}"""
# What sticks out beyond the window, to say which element is too wide.
TOO_WIDE = """() => {
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= width) return [];
  const out = [...document.querySelectorAll("body *")].filter((element) => {
    if (element.closest(".table-scroll, pre, .timeline-scroll")) return false;
    const box = element.getBoundingClientRect();
    return box.width > 0 && box.right > width + 1;
  });
  return [document.documentElement.scrollWidth + " px wide", ...out.slice(0, 4).map(
    (element) => element.tagName.toLowerCase() + "." + element.className)];
}"""


@cache
def compressed_size(url: str) -> int:
    """Bytes of a script of the site, as gzip makes them."""
    with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - our own http
        return len(gzip.compress(answer.read()))


@dataclass
class Visit:
    """One page opened once: its status and everything heard while it was open."""

    page: Page
    status: int = 0
    complaints: list[str] = field(default_factory=list)
    scripts: set[str] = field(default_factory=set)
    heard: dict[str, Any] = field(default_factory=dict)

    def hear(self, origin: str) -> None:
        """Note console errors, script errors, failed and foreign requests."""
        self.heard = {
            "console": lambda said: self._console(said.type, said.text),
            "pageerror": lambda error: self.complaints.append(f"script: {error}"),
            "request": lambda request: self._request(request, origin),
            "response": self._response,
        }
        for event, listener in self.heard.items():
            self.page.on(event, listener)  # type: ignore[call-overload]

    def leave(self) -> None:
        """Hear no more; the tab stays for the next visit, for opening one is dear."""
        for event, listener in self.heard.items():
            self.page.remove_listener(event, listener)

    def _response(self, answer: Response) -> None:
        if answer.status >= 400 and not answer.request.is_navigation_request():
            self.complaints.append(f"{answer.status} {answer.url}")
        if answer.request.resource_type == "script":
            self.scripts.add(answer.url)

    def check_scripts(self) -> None:
        """All scripts together stay below 100 kB, compressed as a server would send them."""
        total = sum(compressed_size(url) for url in self.scripts)
        if total >= SCRIPT_LIMIT:
            self.complaints.append(f"{total} bytes of script: {', '.join(self.scripts)}")

    def _console(self, kind: str, text: str) -> None:
        # A page that is an error by design says so in the console; its status is checked apart.
        if kind in ("error", "warning") and not text.startswith("Failed to load resource"):
            self.complaints.append(f"console: {text}")

    def _request(self, request: Request, origin: str) -> None:
        if not request.url.startswith((origin + "/", "data:", "blob:")):
            self.complaints.append(f"off-origin request: {request.url}")

    def check_policy(self) -> None:
        violations: list[str] = self.page.evaluate("window.__violations")
        self.complaints += [f"content policy: {line}" for line in violations]

    def check_axe(self) -> None:
        """Every axe rule."""
        look = self.page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
        self.complaints += [
            f"{'dark' if look else 'light'} axe {line}" for line in self.page.evaluate(RUN_AXE)
        ]

    def check_narrow(self) -> None:
        """No sideways scrolling at 320 px."""
        self.page.set_viewport_size(NARROW)  # type: ignore[arg-type]
        out: list[str] = self.page.evaluate(TOO_WIDE)
        if out:
            # A drawn chart follows the window only with the next frames.
            self.page.wait_for_timeout(SETTLE_MS)
            out = self.page.evaluate(TOO_WIDE)
        if out:
            self.complaints.append("scrolls sideways at 320 px: " + ", ".join(out))
        self.page.set_viewport_size(WIDE)  # type: ignore[arg-type]


class Visitor:
    """Opens pages as a person, in a language and a look; contexts are made once and kept."""

    def __init__(self, browser: Browser, site: Site) -> None:
        self.browser = browser
        self.site = site
        self.contexts: dict[tuple[str, str, str], BrowserContext] = {}
        self.sessions: dict[str, str] = {}

    def context(self, who: str, language: str, look: Look) -> BrowserContext:
        """The browser context of one person (a mail address, or "" for a visitor)."""
        key = (who, language, look)
        if key not in self.contexts:
            made = self.browser.new_context(
                viewport=WIDE,  # type: ignore[arg-type]
                color_scheme=look,
                locale={"ko": "ko-KR", "en": "en-GB"}[language],
            )
            made.add_init_script(LISTEN)
            # Given to the context once: half a megabyte a page by hand would cost more than axe.
            made.add_init_script(path=AXE)
            made.add_cookies(self._cookies(who, language))
            made.set_default_timeout(20_000)
            self.contexts[key] = made
        return self.contexts[key]

    def _cookies(self, who: str, language: str) -> Any:
        cookies = [{"name": "django_language", "value": language, "url": self.site.url}]
        if who:
            if who not in self.sessions:
                self.sessions[who] = self.site.session_of(who)
            cookies.append({"name": "sessionid", "value": self.sessions[who], "url": self.site.url})
        return cookies

    def open(self, path: str, who: str = "", language: str = "ko", look: Look = "light") -> Visit:
        """Open `path`; the caller leaves the visit, or closes its page."""
        context = self.context(who, language, look)
        page = context.pages[0] if context.pages else context.new_page()
        page.emulate_media(color_scheme=look)
        visit = Visit(page)
        visit.hear(self.site.url)
        answer = visit.page.goto(self.site.url + path, wait_until="load")
        visit.status = answer.status if answer else 0
        return visit

    def close(self) -> None:
        for context in self.contexts.values():
            context.close()
