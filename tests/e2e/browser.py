"""A real browser on the map: Debian's Chromium, drawing without a graphics card, with a new profile each time."""

from __future__ import annotations

import io
import math
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, ConsoleMessage, Page, Playwright

_ARGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
#: Draws WebGL on the processor.
_SOFTWARE = ["--use-angle=swiftshader", "--enable-unsafe-swiftshader"]

Colour = tuple[int, int, int]


def launch(playwright: Playwright, *, drawing: bool = True) -> Browser:
    """Start Chromium; without `drawing` it has no WebGL."""
    names = (os.environ.get("CHROMIUM"), "chromium", "chromium-browser", "google-chrome")
    found = next((p for n in names if n and (p := shutil.which(n))), None)
    if found is None:
        pytest.fail("there is no Chromium on this machine: run tools/install-browser.sh")
    args = [*_ARGS, *(_SOFTWARE if drawing else ["--disable-3d-apis"])]
    return playwright.chromium.launch(executable_path=found, args=args)


class Map:
    """The map of a twin in a page of its own; what it asks for and complains of is noted."""

    def __init__(self, page: Page, address: str) -> None:
        self.page, self.address = page, address
        self.requests: list[str] = []
        self.errors: list[str] = []
        page.on("request", lambda r: self.requests.append(r.url))
        page.on("console", self._complained)
        page.on("pageerror", lambda e: self.errors.append(str(e)))

    def _complained(self, message: ConsoleMessage) -> None:
        # Browsers ask every site for an icon of this name; pages other than maps name none.
        if message.type == "error" and not message.location["url"].endswith("/favicon.ico"):
            self.errors.append(message.text)

    def open(self, path: str) -> Map:
        """Go to an address of the service and wait until the map is drawn."""
        self.page.goto(self.address + path)
        return self.wait()

    def wait(self) -> Map:
        """Wait until nothing is under way and the last frame is drawn."""
        self.page.wait_for_selector('main[aria-busy="false"]', timeout=30_000)
        return self

    def choose(self, name: str, value: str) -> Map:
        """Choose in one of the selects."""
        self.page.select_option(f"#{name}", value)
        return self.wait()

    def chosen(self, name: str) -> str:
        return str(self.page.input_value(f"#{name}"))

    def tick(self, layer: str) -> Map:
        """Tick or untick a layer."""
        self.page.click(f'[id="layer-{layer}"]')
        return self.wait()

    def text(self, selector: str) -> str:
        return " ".join((self.page.text_content(selector) or "").split())

    def hash(self) -> dict[str, str]:
        """Return what the address says after `#`."""
        parts = urlsplit(self.page.evaluate("decodeURIComponent(location.href)")).fragment.split("&")
        return dict(p.split("=", 1) for p in parts if p)

    def place(self, lon: float, lat: float) -> tuple[float, float]:
        """Return where on the page a place is, by the formula of Web Mercator with tiles of 512 pixels."""
        zoom, centre_lat, centre_lon = map(float, self.hash()["map"].split("/"))
        box = self.page.locator("#map").bounding_box()
        assert box is not None
        world = 512 * 2**zoom

        def pixels(x: float, y: float) -> tuple[float, float]:
            north = math.log(math.tan(math.pi / 4 + math.radians(y) / 2)) / math.pi
            return (x / 360 + 0.5) * world, (0.5 - north / 2) * world

        (x, y), (x0, y0) = pixels(lon, lat), pixels(centre_lon, centre_lat)
        return box["x"] + box["width"] / 2 + x - x0, box["y"] + box["height"] / 2 + y - y0

    def picture(self) -> Any:
        """Return what is seen as an array (rows, columns, 3)."""
        shot = self.page.screenshot(animations="disabled")
        return np.asarray(Image.open(io.BytesIO(shot)).convert("RGB"))

    def drawing(self) -> Any:
        """Return the map alone as an array."""
        box = self.page.locator("#map").bounding_box()
        assert box is not None
        left, top = round(box["x"]), round(box["y"])
        return self.picture()[top : top + round(box["height"]), left : left + round(box["width"])]

    def colours_at(self, lon: float, lat: float, radius: int = 0, *, of: Any = None) -> set[Colour]:
        """Return the colours in a square round a place, in a picture that was taken or in a new one."""
        x, y = (round(v) for v in self.place(lon, lat))
        part = (self.picture() if of is None else of)[
            y - radius : y + radius + 1, x - radius : x + radius + 1
        ]
        return {(int(r), int(g), int(b)) for r, g, b in part.reshape(-1, 3)}

    def click(self, lon: float, lat: float) -> Map:
        """Click on a place."""
        self.page.mouse.click(*self.place(lon, lat))
        self.page.wait_for_timeout(50)
        return self.wait()

    def legend(self) -> list[tuple[str, Colour, int]]:
        """Return (label, colour, how many) of each class of the legend, those without a number last."""
        rows = self.page.evaluate(
            """() => [...document.querySelectorAll("#legend div:first-child > .keys li")].map((li) => [
              li.children[1].textContent, getComputedStyle(li.children[0]).backgroundColor, Number(li.children[2].textContent)])"""
        )
        return [(text, _rgb(colour), n) for text, colour, n in rows]


def _rgb(text: str) -> Colour:
    r, g, b = (int(float(p)) for p in text[text.index("(") + 1 : -1].split(",")[:3])
    return r, g, b


@contextmanager
def opened(
    browser: Browser, address: str, *, width: int = 960, height: int = 640, language: str = "en-GB"
) -> Iterator[Map]:
    """Give a map in a new profile. It must ask no other host for anything, and complain of nothing."""
    context = browser.new_context(viewport={"width": width, "height": height}, locale=language)
    shown = Map(context.new_page(), address)
    try:
        yield shown
    finally:
        context.close()
    hosts = {urlsplit(r).netloc for r in shown.requests if not r.startswith(("data:", "blob:"))}
    assert hosts == {urlsplit(address).netloc}
    assert shown.errors == []
