"""The HTML page of the reference as a real browser shows it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contracts.exported import EXPORTED
from tests.support.browser import Browser, chromium

PHONE, DESKTOP = 360, 1280
DEAD_LINKS = """
return [...document.querySelectorAll('a[href^="#"]')]
    .filter(link => !document.getElementById(link.getAttribute('href').slice(1)))
    .map(link => 'leads nowhere: ' + link.getAttribute('href'))
"""
TOO_WIDE = """
const page = document.documentElement
return page.scrollWidth <= innerWidth ? [] : [`${page.scrollWidth} wide in ${innerWidth}`]
"""
COLOURS = """
const style = getComputedStyle(document.body)
return [style.color, style.backgroundColor].map(it => it.match(/[0-9]+/)[0] > 127)
"""
FILES = """
return [...document.querySelectorAll('a')].map(link => link.getAttribute('href'))
    .filter(target => !target.startsWith('#'))
"""
BROKEN = """<!doctype html><meta charset="utf-8"><title>Broken</title>
<p style="width: 2000px"><a href="#nowhere">link</a><img src="missing.png" alt="">
<script>console.error("wrong")</script>"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("browser")) as running:
        yield running


def problems(browser: Browser, page: Path) -> list[str]:
    """What is wrong with the page that is open."""
    others = [f"requests {it}" for it in browser.requested() if it != page.as_uri()]
    return [*browser.run(DEAD_LINKS), *browser.run(TOO_WIDE), *browser.console(), *others]


def test_page_fits_and_leads_somewhere_on_a_phone_and_on_a_desk_by_day_and_by_night(
    browser: Browser,
) -> None:
    page = EXPORTED / "reference.html"

    for width in (PHONE, DESKTOP):
        for dark in (False, True):
            browser.open(page, width=width, dark=dark)

            assert problems(browser, page) == [], (width, dark)
            # Whether text and paper are light.
            assert browser.run(COLOURS) == [dark, not dark]
    assert [it for it in browser.run(FILES) if not (EXPORTED / it).is_file()] == []


def test_a_page_that_is_too_wide_or_wrong_is_found(browser: Browser, tmp_path: Path) -> None:
    page = tmp_path / "broken.html"
    page.write_text(BROKEN, encoding="utf-8")
    browser.open(page, width=DESKTOP)

    found = "\n".join(problems(browser, page))

    for words in ("leads nowhere: #nowhere", "wide in 1280", "wrong", "requests file:///"):
        assert words in found
