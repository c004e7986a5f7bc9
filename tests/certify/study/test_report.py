"""The report in a real browser: Debian's Chromium, headless, driven by Playwright."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from studies import tiny_study

from certify.study.report import write
from certify.study.report.page import script_safe

CHROMIUM = shutil.which("chromium")
FLAGS = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
FLAGS += ["--disable-component-update", "--disable-sync", "--no-sandbox", "--disable-renderer-backgrounding"]

PATIENCE = 600_000
"""Milliseconds after which something is taken not to come; no test measures time."""

in_a_browser = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")


@pytest.fixture(scope="module")
def page_file() -> Path:
    return tiny_study().directory / "report" / "index.html"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS, timeout=PATIENCE)
        yield launched
        launched.close()


@pytest.fixture
def page(browser: Any, page_file: Path) -> Iterator[Any]:
    """The report, opened; what its console complains about and what it asks the network for is collected."""
    context = browser.new_context(offline=True)
    context.set_default_timeout(PATIENCE)
    opened = context.new_page()
    opened.complaints, opened.asked = [], []
    opened.on("console", lambda m: opened.complaints.append(m.text) if m.type in ("error", "warning") else None)
    opened.on("pageerror", lambda error: opened.complaints.append(str(error)))
    opened.on("request", lambda request: opened.asked.append(request.url))
    opened.goto(page_file.as_uri())
    opened.wait_for_selector("html[data-ready]")
    yield opened
    context.close()


def test_the_page_names_nothing_outside_itself(page_file: Path) -> None:
    text = page_file.read_text("utf-8")
    own = text[: text.index("/**\n* plotly.js") if "/**\n* plotly.js" in text else len(text)]
    for found in re.findall(r'(?:src|href)="([^"]*)"', own):
        assert found.startswith(("#", "data:", "../")), found


def test_the_plotting_library_is_the_published_file() -> None:
    home = resources.files("certify").joinpath("_data", "report")
    digest = hashlib.sha256(home.joinpath("plotly-basic.min.js").read_bytes()).hexdigest()
    assert f"`{digest}`" in home.joinpath("README.md").read_text("utf-8")


def test_data_cannot_leave_its_script() -> None:
    assert "</script" not in script_safe({"a": "</script><script>alert(1)</script>"})


def test_the_page_is_the_same_when_made_again(page_file: Path, tmp_path: Path) -> None:
    assert write(tiny_study(), tmp_path).read_bytes() == page_file.read_bytes()


@in_a_browser
class TestInChromium:
    def test_nothing_is_complained_about_or_fetched(self, page: Any, page_file: Path) -> None:
        assert page.complaints == []
        assert [url for url in page.asked if not url.startswith(("data:", "blob:"))] == [page_file.as_uri()]

    def test_a_column_sorts_both_ways(self, page: Any) -> None:
        page.click("#table-runs thead th:nth-child(4) button")
        cells = page.locator("#table-runs tbody td:nth-child(4)")
        up = [float(text) for text in cells.all_inner_texts()]
        assert up == sorted(up)
        assert len(up) == 16
        page.click("#table-runs thead th:nth-child(4) button")
        assert [float(text) for text in cells.all_inner_texts()] == sorted(up, reverse=True)
        assert page.get_attribute("#table-runs thead th:nth-child(4)", "aria-sort") == "descending"

    def test_a_filter_keeps_the_rows_with_all_words(self, page: Any) -> None:
        page.fill("#table-catalogue .filter", "global-minimum")
        kinds = page.locator("#table-catalogue tbody td:nth-child(3)").all_inner_texts()
        assert kinds
        assert set(kinds) == {"global-minimum"}
        page.fill("#table-catalogue .filter", "global-minimum nothing-like-that")
        assert page.locator("#table-catalogue tbody tr").count() == 0
        assert page.locator("#table-catalogue .count").inner_text().startswith("0 of ")

    def test_a_card_opens_by_keyboard_turns_and_closes(self, page: Any) -> None:
        link = page.locator("#table-catalogue tbody a").first
        name = link.inner_text()
        link.focus()
        page.keyboard.press("Enter")
        page.wait_for_selector("dialog[open]")
        assert page.locator("#card-title").inner_text() == name
        assert page.locator("dialog .picture svg").count() == 1
        assert page.locator("dialog .theorem").inner_text().strip()
        assert name in page.get_attribute("dialog .certificate", "href")
        assert page.locator("dialog .runs").inner_text().split()
        page.click("dialog .next")
        assert page.locator("#card-title").inner_text() != name
        page.click("dialog .previous")
        assert page.locator("#card-title").inner_text() == name
        page.keyboard.press("Escape")
        assert page.locator("dialog[open]").count() == 0
        assert page.complaints == []

    def test_certificates_are_where_the_card_says(self, page: Any, page_file: Path) -> None:
        page.locator("#table-catalogue tbody a").first.click()
        assert (page_file.parent / page.get_attribute("dialog[open] .certificate[href]", "href")).is_file()

    def test_the_plot_shows_every_run_and_a_click_opens_its_object(self, page: Any) -> None:
        count = "document.getElementById('chart').data.reduce((sum, trace) => sum + trace.x.length, 0)"
        assert page.evaluate(count) == 16
        page.click("#plot-widths button:nth-child(2)")
        assert page.evaluate(count) == 8
        page.evaluate(
            "document.getElementById('chart').emit('plotly_click', {points: [{customdata: report.decided()[0]}]})"
        )
        assert page.locator("dialog[open] .runs b").count() == 1

    def test_the_theme_follows_the_system_and_the_button(self, page: Any) -> None:
        ground = "getComputedStyle(document.body).backgroundColor"
        page.emulate_media(color_scheme="light")
        light = page.evaluate(ground)
        page.emulate_media(color_scheme="dark")
        dark = page.evaluate(ground)
        assert light != dark
        page.click("#theme")
        assert page.evaluate(ground) == light

    def test_nothing_is_wider_than_a_phone(self, page: Any) -> None:
        page.set_viewport_size({"width": 360, "height": 740})
        assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_chromium_is_there_where_it_has_to_be() -> None:
    # .ci/run installs it and says so: there no test of this file may be skipped
    assert CHROMIUM is not None or not os.environ.get("LOSSCERT_NEEDS_ALL")
