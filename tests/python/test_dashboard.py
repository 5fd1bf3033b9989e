"""The dashboard in a real browser: pages at two widths, axe-core's rules, the keyboard, filters in the address, a new
night while a page is open."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest
from mail_server import Server

from scripts.published import RECORD

ROOT = Path(__file__).resolve().parent.parent.parent
PAGES = ("", "revenue", "listening", "artists", "discovery", "risk", "news", "health")
WIDTHS = ((1366, 900), (390, 844))
pytestmark = [pytest.mark.nightly, pytest.mark.timeout(1800)]


def nightshift(home: Path, *arguments: str, **settings: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "scripts.nightshift", *arguments],
        cwd=ROOT, env={**os.environ, "NIGHTSHIFT_HOME": str(home), **settings}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A small business with headlines, mails and judged plays, published up to its next to last day."""
    found = tmp_path_factory.mktemp("dashboard")
    nightshift(found, "simulate", "--days", "38", "--members", "400", "--plays-per-day", "800", "--seed", "3")
    nightshift(found, "night", "--on", "2026-01-05")
    nightshift(found, "judge")
    nightshift(found, "hour", "--at", "2026-01-05T10:00Z")
    with Server(found) as server:
        nightshift(found, "deliver", "--at", "2026-01-06T08:30", NIGHTSHIFT_SMTP=server.address)
        assert server.count() > 50
    nightshift(found, "night", "--on", "2026-01-06")
    return found


@contextmanager
def running(home: Path):
    """The app as ``make dashboard`` runs it, on a port of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    app = subprocess.Popen(
        [sys.executable, "-m", "streamlit", "run", "dashboard/app.py", "--server.port", str(port),
         "--server.address", "127.0.0.1"],
        cwd=ROOT, env={**os.environ, "NIGHTSHIFT_HOME": str(home)},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    for _ in range(120):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=1)
            break
        except OSError:
            time.sleep(0.5)
    yield f"http://127.0.0.1:{port}"
    app.terminate()
    app.wait()


@pytest.fixture(scope="module")
def address(home):
    with running(home) as found:
        yield found


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        yield found
        found.close()


def settled(page) -> None:
    """Waits until the app has drawn everything: a page that fetches its charts shows grey bars, and one whose filters
    are put into the address runs once more.
    """
    page.wait_for_selector("h1", timeout=120_000)
    for _ in range(2):
        page.wait_for_timeout(300)
        page.wait_for_function(
            "() => !document.querySelector('[data-testid=stStatusWidget], [data-testid=stSkeleton]')"
            " && document.querySelector('[data-testid=stApp]').dataset.testScriptState === 'notRunning'",
            timeout=120_000,
        )


def wrong(message) -> bool:
    """Of a page that is not the first, Streamlit's own script asks below the page for what lies beside it, once."""
    return message.type == "error" and "/_stcore/" not in message.location.get("url", "")


def barriers(page) -> list[str]:
    """What axe-core finds on the page as it is now, Streamlit's own parts included: no rule is switched off."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page).response
    assert len(found["passes"]) > 20, "it has looked"
    return [f"{v['id']}: {node['html'][:200]}" for v in found["violations"] for node in v["nodes"]]


def opened(page) -> None:
    """Waits until a popover has come to rest: half transparent, it has too little contrast."""
    page.get_by_role("button", name="Download as CSV", exact=True).wait_for()
    page.wait_for_timeout(500)


@pytest.mark.parametrize(("width", "height"), WIDTHS)
@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_whole_and_asks_nobody_else(browser, address, name, width, height):
    page = browser.new_page(viewport={"width": width, "height": height})
    errors, hosts = [], set()
    page.on("console", lambda message: errors.append(message.text) if wrong(message) else None)
    page.on("request", lambda request: hosts.add(request.url.split("/")[2]))
    page.goto(f"{address}/{name}")
    settled(page)
    assert page.locator("[data-testid=stException]").count() == 0, page.locator(
        "[data-testid=stException]"
    ).inner_text()
    assert errors == []
    assert hosts == {address.split("/")[2]}
    assert page.evaluate("document.documentElement.scrollWidth") <= width, "nothing sticks out of the screen"
    assert barriers(page) == []
    assert page.locator("[data-testid=stVegaLiteChart], [data-testid=stDataFrame]").count() > 0
    page.close()


@pytest.mark.parametrize(("width", "height"), WIDTHS)
def test_what_opens_has_no_barriers_either(browser, address, width, height):
    page = browser.new_page(viewport={"width": width, "height": height})
    page.goto(f"{address}/revenue")
    settled(page)
    page.get_by_role("button", name="Data", exact=True).first.click()
    opened(page)
    assert barriers(page) == []
    page.keyboard.press("Escape")
    if width < 500:
        page.get_by_test_id("stExpandSidebarButton").click()
        page.wait_for_timeout(500)
        assert page.get_by_text("Countries", exact=True).is_visible()
        assert barriers(page) == []
    page.close()


def test_a_number_is_defined_compared_and_taken_away_by_keyboard(browser, address, tmp_path):
    page = browser.new_page(viewport={"width": 1366, "height": 900})
    page.goto(f"{address}/listening?days=7&to=2026-01-02")
    settled(page)
    assert page.get_by_text("27 Dec 2025 – 2 Jan 2026 beside 20 Dec – 26 Dec 2025").count() == 1
    assert page.locator("[data-testid=stMetricDelta]").count() == 4
    page.get_by_role("button", name="Data", exact=True).first.focus()
    page.keyboard.press("Enter")
    opened(page)
    assert page.get_by_text("Plays of at least 30 seconds").count() >= 1
    assert page.get_by_text("Owner: Business intelligence").count() >= 1
    with page.expect_download() as taken:
        page.get_by_role("button", name="Download as CSV", exact=True).focus()
        page.keyboard.press("Enter")
    taken.value.save_as(tmp_path / "streams.csv")
    lines = (tmp_path / "streams.csv").read_text().splitlines()
    assert lines[0] == "day,streams" and len(lines) == 8 and lines[-1].startswith("2026-01-02,")
    page.close()


def test_data_health_tells_of_runs_tests_freshness_and_quarantine(browser, address):
    page = browser.new_page(viewport={"width": 1366, "height": 900})
    page.goto(f"{address}/health")
    settled(page)
    for heading in ("Runs and what they cost", "Freshness and quarantine", "Marts", "Quarantine", "Dictionary"):
        assert page.locator("h2, h3", has_text=heading).count() > 0, heading
    page.close()


def test_what_comes_of_headlines_mails_and_judgements_is_shown(browser, address):
    page = browser.new_page(viewport={"width": 1366, "height": 900})
    for name, headings in {
        "news": ("The newest edition, world", "What came of them", "Who is written to next"),
        "risk": ("Streams taken out",),
    }.items():
        page.goto(f"{address}/{name}")
        settled(page)
        for heading in headings:
            assert page.get_by_text(heading, exact=True).count() == 1, heading
    page.close()


def test_a_view_can_be_sent_to_a_colleague(browser, address):
    page = browser.new_page(viewport={"width": 1366, "height": 900})
    page.goto(f"{address}/listening?days=7&to=2026-01-02&country=DE")
    settled(page)
    assert "days=7" in page.url and "to=2026-01-02" in page.url and "country=DE" in page.url
    of_one = page.locator("[data-testid=stMetricValue]").first.inner_text()
    labels = [label.strip() for label in page.locator("[data-testid=stMetricLabel]").all_inner_texts()]
    assert labels[0].startswith("Streams") and "(all)" not in labels[0]
    assert "(all)" in labels[2], "daily active listeners are counted without countries, and say so"
    page.goto(f"{address}/listening?days=7&to=2026-01-02")
    settled(page)
    assert page.locator("[data-testid=stMetricValue]").first.inner_text() != of_one
    page.close()


def test_a_page_says_how_old_it_is(browser, address, home):
    page = browser.new_page(viewport={"width": 1366, "height": 900})
    record = (home / "published/current").resolve() / RECORD
    was = record.stat().st_mtime
    os.utime(record, (was - 5 * 86_400 - 60,) * 2)
    try:
        page.goto(address)
        settled(page)
        assert page.get_by_text("This was published 5 days ago, and no night since.").is_visible()
        assert barriers(page) == []
    finally:
        os.utime(record, (was, was))
    page.close()


def test_without_a_night_the_page_says_what_to_do(browser, tmp_path):
    with running(tmp_path) as address:
        page = browser.new_page(viewport={"width": 390, "height": 844})
        page.goto(address)
        settled(page)
        assert page.locator("h1").inner_text() == "Nothing is published yet"
        assert page.get_by_text("Run make night, then look again.").is_visible()
        page.close()


def test_an_open_page_shows_the_new_night_at_the_next_view(browser, address, home):
    page = browser.new_page(viewport={"width": 1366, "height": 900})
    page.goto(f"{address}/health")
    settled(page)
    assert page.get_by_text("Night 2026-01-06-1").count() == 1
    nightshift(home, "night", "--on", "2026-01-07")
    page.get_by_placeholder("churn, royalty, listeners …").fill("churn")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Night 2026-01-07-1", timeout=120_000)
    assert page.locator("[data-testid=stException]").count() == 0
    page.close()
