"""The map in a real Chromium: what it draws, says and keeps in its address."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import httpx2 as httpx
import pytest
from playwright.sync_api import Browser, Playwright, expect, sync_playwright
from tests.e2e import map_world
from tests.e2e.browser import Map, launch, opened
from tests.e2e.map_world import HOSTILE, NO2, QUARTERS, centre
from tests.e2e.serving import served

BOARD = f"/twins/board/map#indicator={NO2}&scheme=quarter&period=2023"
STATIONS = f"/twins/board/map#indicator={NO2}&scheme=station&period=2023"
GREEN = "/twins/board/map#indicator=natural-share&scheme=quarter&period=2023"
#: Official colours of Corine 111 and 311 (EEA), and of the boundary's paper.
URBAN, FOREST, PAPER = (0xE6, 0x00, 0x4D), (0x80, 0xFF, 0x00), (255, 255, 255)
BACKGROUND = (0xF4, 0xF5, 0xF2)

Open = Callable[..., AbstractContextManager[Map]]


@pytest.fixture(scope="module")
def address(shared_database_url: str) -> Iterator[str]:
    map_world.make(shared_database_url)
    with served(shared_database_url) as found:
        yield found


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as found:
        yield found


@pytest.fixture(scope="module")
def browser(playwright: Playwright) -> Iterator[Browser]:
    found = launch(playwright)
    yield found
    found.close()


@pytest.fixture(scope="module")
def show(browser: Browser, address: str) -> Open:
    """A context manager that opens the map at a path, in a new profile."""

    @contextmanager
    def show(path: str, **more: Any) -> Iterator[Map]:
        with opened(browser, address, **more) as found:
            yield found.open(path)

    return show


def api(address: str, path: str) -> Any:
    answer = httpx.get(address + path, timeout=60, headers={"Accept": "application/json"})
    assert answer.status_code == 200, answer.text
    return answer.json()


def class_of(number: float) -> int:
    """The class of an NO2 value by the limit values 10, 20, 40: one that equals a limit does not exceed it."""
    return 0 if number <= 10 else 1 if number <= 20 else 2 if number <= 40 else 3


# Drawing ------------------------------------------------------------------------------------------------------


def test_each_area_has_the_colour_that_the_legend_gives_its_value(show: Open) -> None:
    with show(BOARD) as shown:
        legend = shown.legend()
        assert [text for text, _, _ in legend[:4]] == ["≤ 10", "10 – 20", "20 – 40", "> 40"]
        assert len({colour for _, colour, _ in legend[:4]}) == 4
        seen = shown.picture()
        for code, number in QUARTERS.items():
            if number is not None:
                assert shown.colours_at(*centre(code), of=seen) == {legend[class_of(number)][1]}, code
        counts = [sum(n is not None and class_of(n) == i for n in QUARTERS.values()) for i in range(4)]
        assert [n for _, _, n in legend] == [*counts, 1, 1]
        assert "µg/m³, 2023" in shown.text("#legend")


def test_what_is_no_number_is_hatched_and_said_so(show: Open) -> None:
    with show(BOARD) as shown:
        classes = {colour for _, colour, _ in shown.legend()[:4]}
        seen = shown.picture()
        hatches = [shown.colours_at(*centre(code), radius=8, of=seen) for code in ("22", "32")]
        for colours in hatches:
            assert len(colours) >= 2
            assert not colours & classes
        assert hatches[0] != hatches[1]
        text = shown.text("#legend")
        assert "No value: too little data1" in text
        assert "No value: cannot be computed1" in text
        assert "needs a station in the area (1)" in text
        shown.click(*centre("22"))
        panel = shown.text("#panel")
        assert "too little data" in panel
        assert "23.7 % of the expected values are there and valid, 75 % are needed" in panel
        assert shown.page.locator("#panel data").count() == 0
        assert "µg/m³" not in shown.text("#panel .number")


def test_limits_are_in_the_legend_with_their_force(show: Open) -> None:
    with show(BOARD) as shown:
        text = shown.text("#legend .limits")
        assert "40 µg/m³ – 2008-50-ec: limit value, year (in force)" in text
        assert "20 µg/m³ – 2024-2881: limit value, year (not in force)" in text


def test_stations_are_discs_of_the_legends_colours(show: Open) -> None:
    with show(STATIONS) as shown:
        legend = shown.legend()
        assert shown.colours_at(*centre("00"), radius=3) == {legend[3][1]}
        without = shown.colours_at(*centre("31"), radius=5)
        assert not without & {colour for _, colour, _ in legend[:4]}
        assert len(without) >= 2
        assert shown.colours_at(*centre("11")) == {PAPER}


def test_each_choice_changes_what_is_drawn_and_the_back_button_goes_back(show: Open) -> None:
    with show(BOARD) as shown:
        first = shown.drawing()
        shown.choose("period", "2022")
        assert shown.hash()["period"] == "2022"
        lowest = {shown.legend()[0][1]}
        seen = shown.picture()
        assert all(shown.colours_at(*centre(code), of=seen) == lowest for code in QUARTERS)  # 5 everywhere
        second = shown.drawing()
        shown.choose("indicator", "natural-share")
        assert shown.hash()["indicator"] == "natural-share"
        assert shown.colours_at(*centre("00")) != shown.colours_at(*centre("12"))
        shown.choose("scheme", "district")
        assert shown.colours_at(*centre("00")) == shown.colours_at(*centre("12"))
        for _ in range(2):
            shown.page.go_back()
            shown.page.wait_for_timeout(100)
            shown.wait()
        assert (shown.chosen("indicator"), shown.chosen("period")) == (NO2, "2022")
        assert (shown.drawing() == second).all()
        shown.page.go_back()
        shown.page.wait_for_timeout(100)
        assert (shown.wait().drawing() == first).all()


def test_the_buttons_beside_the_period_step_through_time(show: Open) -> None:
    with show(BOARD) as shown:
        assert shown.page.is_disabled("#period-later")
        shown.page.click("#period-earlier")
        assert shown.wait().chosen("period") == "2022"
        assert shown.page.is_disabled("#period-earlier")


def test_classes_can_be_quantiles_or_equal_intervals(show: Open) -> None:
    with show(GREEN) as shown:
        # 0 to 11, twelve values: bounds after each fifth (floor(12 i / 5) = 2, 4, 7, 9), and at equal distances of 2.2.
        assert [t for t, _, _ in shown.legend()] == ["≤ 2", "2 – 4", "4 – 7", "7 – 9", "> 9"]
        assert [n for _, _, n in shown.legend()] == [3, 2, 3, 2, 2]
        shown.choose("classes", "equal")
        assert [t for t, _, _ in shown.legend()] == ["≤ 2.2", "2.2 – 4.4", "4.4 – 6.6", "6.6 – 8.8", "> 8.8"]
        assert [n for _, _, n in shown.legend()] == [3, 2, 2, 2, 3]
        assert shown.hash()["classes"] == "equal"


# One value ----------------------------------------------------------------------------------------------------


def test_a_click_shows_the_value_of_the_api_and_leads_to_its_lineage(show: Open, address: str) -> None:
    with show(BOARD) as shown:
        shown.click(*centre("11"))
        served_value = api(address, f"/twins/board/indicators/{NO2}/values/quarter.11.2023")
        assert float(shown.page.get_attribute("#panel data", "value") or "nan") == served_value["value"]
        assert served_value["value"] == QUARTERS["11"]
        assert shown.text("#panel .number") == "25.12 µg/m³"
        assert shown.text("#panel h2") == served_value["name"] == "Quarter 11"
        assert "91.3% (8000 / 8760)" in shown.text("#panel")
        rows = shown.page.locator("#panel .verdicts tbody tr").all_inner_texts()
        assert [r.split("\t")[1:] for r in rows] == [
            ["40 µg/m³", "compliant"],
            ["20 µg/m³", "exceeded"],
            ["10 µg/m³", "exceeded"],
        ]
        assert shown.hash()["unit"] == "11"
        with shown.page.expect_navigation():
            shown.page.click("#panel >> text=How it came about")
        assert shown.page.url.endswith("/values/quarter.11.2023/lineage")
        assert shown.text("h1") == "How it came about"


def test_a_click_beside_everything_closes_the_panel(show: Open) -> None:
    with show(BOARD + "&unit=11") as shown:
        assert shown.page.is_visible("#panel")
        shown.click(map_world.WEST - 0.002, map_world.SOUTH + 0.01)
        assert not shown.page.is_visible("#panel")
        assert "unit" not in shown.hash()


def test_names_from_data_are_text(show: Open) -> None:
    with show(STATIONS) as shown:
        shown.click(*centre("00"))
        assert shown.text("#panel h2") == HOSTILE
        shown.page.click("#list summary")
        assert HOSTILE in shown.text("#list")
    with show(GREEN + "&layers=protected-sites") as shown:
        shown.click(*centre("11"))
        assert shown.text("#panel h2") == HOSTILE
        assert "Protected sites" in shown.text("#panel")
        assert shown.hash()["feature"] == "protected-sites/parks.p"
        assert "hacked" not in shown.page.title()
        assert shown.page.locator("#panel img, #list img").count() == 0


# Addresses ----------------------------------------------------------------------------------------------------


def test_an_address_brings_back_all_of_it(show: Open) -> None:
    path = BOARD + "&classes=equal&unit=11&layers=land-cover-units&map=11.90/51.01700/9.02100"
    with show(path) as shown:
        assert shown.hash()["map"] == "11.90/51.01700/9.02100"
        shown.page.click(".maplibregl-ctrl-zoom-in")
        shown.page.wait_for_timeout(900)  # the map glides
        copied = shown.wait().page.url
        assert shown.hash()["map"].startswith("12.90/")
        seen, panel = shown.picture(), shown.text("#panel")
    with show(copied.partition("/twins/")[1] + copied.partition("/twins/")[2]) as again:
        assert again.page.url == copied
        assert again.text("#panel") == panel
        assert again.page.is_checked('[id="layer-land-cover-units"]')
        assert (again.chosen("classes"), again.chosen("period")) == ("equal", "2023")
        # The rounded camera may move a line by a pixel.
        assert (again.picture() != seen).any(axis=2).mean() < 0.01


@pytest.mark.parametrize(
    "fragment",
    ["indicator=nowhere&scheme=x&period=1&unit=zz", "map=a/b/c", "map=1/999/0", "%%%", "layers=nowhere,,x&classes=x"],
)  # fmt: skip
def test_an_address_that_names_what_there_is_not_shows_the_usual(show: Open, fragment: str) -> None:
    with show(f"/twins/board/map#{fragment}") as shown:
        assert shown.legend()
        assert shown.chosen("indicator") in (NO2, "natural-share")
        assert not shown.page.is_visible("#panel")
        assert not shown.page.is_visible("#message")


def test_a_past_state_is_shown_as_it_was(address: str, browser: Browser, shared_database_url: str) -> None:
    before = api(address, "/twins/crowd")["revision"]
    changed = map_world.value(map_world.PM10, "city", "C", 7.5, map_world.cell("00"), name="New")
    map_world.write(shared_database_url, "crowd", [changed])
    here = f"#indicator={map_world.PM10}"
    with opened(browser, address) as shown:
        shown.open(f"/twins/crowd/map{here}&scheme=city")
        assert (shown.chosen("scheme"), shown.text("#state")) == ("city", f"State crowd@{before + 1}")
    with opened(browser, address) as shown:
        shown.open(f"/twins/crowd/map?at={before}{here}&scheme=city")
        assert (shown.chosen("scheme"), shown.text("#state")) == ("quarter", f"State crowd@{before}")
        data = [r for r in shown.requests if "/twins/crowd/" in r]
        assert data
        assert all(f"at={before}" in r for r in data)


# Layers -------------------------------------------------------------------------------------------------------


def test_land_cover_has_its_official_colours_and_leaves_changes_out(show: Open) -> None:
    with show("/twins/board/map#indicator=") as shown:
        shown.tick("land-cover-units")
        assert shown.colours_at(*centre("00")) == {URBAN}
        assert shown.colours_at(*centre("10")) == {FOREST}
        assert shown.colours_at(*centre("20")) == {PAPER}  # of an earlier year
        assert shown.colours_at(*centre("30")) == {PAPER}  # a change
        text = shown.text("#legend")
        assert "111 Continuous urban fabric" in text
        assert "311 Broad-leaved forest" in text
        assert "512" not in text
        shown.tick("land-cover-units")
        assert shown.colours_at(*centre("00")) == {PAPER}
        assert "Continuous urban fabric" not in shown.text("#legend")
    with show("/twins/board/map#indicator=natural-share&period=2023&layers=land-cover-units") as shown:
        assert shown.colours_at(*centre("00")) == {URBAN}


def test_a_layer_of_more_features_than_are_read_is_drawn_from_tiles(show: Open) -> None:
    with show("/twins/crowd/map#indicator=&layers=protected-sites") as shown:
        assert any("/collections/protected-sites/tiles/WebMercatorQuad/" in r for r in shown.requests)
        # Of the 5,100 sites s999 is the last by its id: it would not be among the first 5,000.
        last = 9.099, 51.009
        assert shown.colours_at(9.1015, 51.009) == {BACKGROUND}
        assert BACKGROUND not in shown.colours_at(*last)
        shown.click(*last)
        assert "Site " in shown.text("#panel")
        assert shown.hash()["feature"].startswith("protected-sites/parks.s")
        before = len(shown.requests)
        for _ in range(3):
            shown.page.click(".maplibregl-ctrl-zoom-in")
            shown.page.wait_for_timeout(700)
        shown.wait()
        seen = shown.requests[before:]
        assert not [r for r in seen[-1:] if "/tiles/" in r]  # what is seen now is read whole
        centre_of_all = 9.05, 51.025
        assert BACKGROUND not in shown.colours_at(*centre_of_all)


def test_all_pages_of_values_are_read(show: Open) -> None:
    with show(f"/twins/crowd/map#indicator={map_world.PM10}&scheme=quarter") as shown:
        assert "All values as a list (1200)" in shown.text("#list")
        assert sum(n for _, _, n in shown.legend()) == 1200
        assert any("token=" in r for r in shown.requests)


# Twins --------------------------------------------------------------------------------------------------------


def test_the_maps_of_several_twins_are_listed_and_each_shows_its_own(
    show: Open, browser: Browser, address: str
) -> None:
    with opened(browser, address) as shown:
        shown.page.goto(f"{address}/map")
        assert shown.page.locator("main a").count() == 3
        with shown.page.expect_navigation():
            shown.page.locator("main a").nth(0).click()
        shown.wait()
        assert "/twins/board/map" in shown.page.url
        assert not [r for r in shown.requests if "/twins/crowd" in r or "/twins/empty" in r]
    with show("/twins/crowd/map") as other:
        assert not [r for r in other.requests if "/twins/board" in r]
        options = other.page.locator("#indicator option").all_inner_texts()
        assert options == ["PM10 annual mean", "(none)"]


def test_a_twin_without_values_says_so(show: Open) -> None:
    with show("/twins/empty/map") as shown:
        assert "ldt indicators compute" in shown.text("#message")
        assert shown.page.is_visible("#message")


def test_a_service_that_is_away_is_told_and_can_be_asked_again(browser: Browser, address: str) -> None:
    context = browser.new_context()
    shown = Map(context.new_page(), address).open(BOARD)
    context.set_offline(True)
    shown.choose("period", "2022")
    expect(shown.page.locator("#message")).to_contain_text("The service cannot be reached.")
    context.set_offline(False)
    shown.page.click("#message button")
    shown.page.wait_for_timeout(50)
    shown.wait()
    assert not shown.page.is_visible("#message")
    assert [n for _, _, n in shown.legend()] == [12, 0, 0, 0]
    context.close()


def test_what_the_service_refuses_is_told_in_its_words(browser: Browser, address: str) -> None:
    context = browser.new_context()
    shown = Map(context.new_page(), address).open(BOARD + "&feature=protected-sites/nothing.here")
    assert "there is no feature 'nothing.here' here" in shown.text("#message")
    context.close()


# People -------------------------------------------------------------------------------------------------------


def test_everything_can_be_done_with_the_keyboard(show: Open) -> None:
    with show(BOARD) as shown:
        page = shown.page
        page.focus("#period")
        page.keyboard.press("ArrowUp")
        page.wait_for_timeout(50)
        assert shown.wait().chosen("period") == "2022"
        assert page.evaluate("document.activeElement.id") == "period"
        page.focus("#list summary")
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.wait_for_selector("#panel:visible")
        shown.wait()
        assert page.evaluate("document.activeElement.id") == "panel"
        assert shown.hash()["unit"] == "00"
        page.keyboard.press("Escape")
        assert not page.is_visible("#panel")


def test_every_control_has_a_name_for_screen_readers(show: Open) -> None:
    with show(BOARD + "&unit=11") as shown:
        nameless = shown.page.evaluate(
            """() => [...document.querySelectorAll("select, input, button, a, [role=region], canvas")].filter((e) =>
              !(e.labels?.length || e.getAttribute("aria-label") || e.title || e.textContent.trim())).map((e) => e.outerHTML)"""
        )
        assert nameless == []
        assert shown.page.get_attribute("html", "lang") == "en"
        assert shown.page.get_attribute("#message", "role") == "status"


@pytest.mark.parametrize(
    ("language", "indicator", "number"), [("de-DE", "NO2-Jahresmittel", "25,12"), ("fr", "Moyenne annuelle de NO2", "25,12"), ("pt", "NO2 annual mean", "25.12")]
)  # fmt: skip
def test_words_and_numbers_are_in_the_language_of_the_browser(
    show: Open, language: str, indicator: str, number: str
) -> None:
    with show(BOARD + "&unit=11", language=language) as shown:
        assert shown.text("#legend h2") == indicator
        assert shown.text("#panel .number").startswith(number)


def test_it_can_be_used_on_a_phone(show: Open) -> None:
    with show(BOARD, width=360, height=740) as shown:
        page = shown.page
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        box = page.locator("#map").bounding_box()
        assert box is not None
        assert (box["width"], box["y"] < 400) == (360, True)
        assert page.locator("#legend").bounding_box()["y"] >= box["y"] + box["height"]  # type: ignore[index]
        shown.click(*centre("11"))
        panel = page.locator("#panel").bounding_box()
        assert panel is not None
        assert panel["width"] <= 360
        assert panel["y"] + panel["height"] <= 740


def test_a_browser_that_cannot_draw_lists_the_values(playwright: Playwright, address: str) -> None:
    browser = launch(playwright, drawing=False)
    try:
        with opened(browser, address) as shown:
            shown.open(BOARD)
            assert "WebGL is missing" in shown.text("#message")
            assert shown.page.locator("#list tr").count() == 12
            assert "25.12 µg/m³" in shown.text("#list")
    finally:
        browser.close()


# The sample city ----------------------------------------------------------------------------------------------


def test_every_indicator_of_the_sample_city_can_be_looked_at(sample_city_url: str, browser: Browser) -> None:
    with served(sample_city_url) as address, opened(browser, address) as shown:
        listed = api(address, "/twins/sample-city/indicators")["indicators"]
        shown.open("/twins/sample-city/map")
        for one in listed:
            shown.choose("indicator", one["id"])
            scheme, period = shown.chosen("scheme"), shown.chosen("period")
            path = f"/twins/sample-city/indicators/{one['id']}/values?scheme={scheme}&period={period}&limit=10000"
            values = api(address, path)["values"]
            assert sum(n for _, _, n in shown.legend()) == len(values) > 0, one["id"]
            numbers = [v for v in values if v["value"] is not None]
            if not numbers:
                continue
            code = numbers[0]["code"]
            shown.page.evaluate(
                "h => { location.hash = h }", shown.page.url.partition("#")[2] + f"&unit={code}"
            )
            shown.page.wait_for_selector("#panel data")
            shown.wait()
            seen = float(shown.page.get_attribute("#panel data", "value") or "nan")
            assert seen in [v["value"] for v in numbers if v["code"] == code]
            shown.page.keyboard.press("Escape")
        assert re.fullmatch(r"State sample-city@\d+", shown.text("#state"))
