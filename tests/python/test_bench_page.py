"""The page about speed shows what the benchmarks wrote, and nothing else."""

from __future__ import annotations

from scripts.bench import page

NIGHTS = {
    "night_ratio": 1.02,
    "rows": [
        {"days": 30, "plays": 30_000_000, "first_load_seconds": 9.0, "bare_seconds": 8.0, "ratio_to_bare": 1.12,
         "night_seconds": 4.0, "nothing_new_seconds": 3.0, "startup_seconds": 2.5, "peak_gb": 3.1,
         "warehouse_gb": 2.0, "landing_gb": 1.5},
        {"days": 360, "plays": 360_000_000, "catch_up_seconds": 80.0, "night_seconds": 4.08, "peak_gb": 3.2,
         "nothing_new_seconds": 3.0, "startup_seconds": 2.5, "warehouse_gb": 20.0, "landing_gb": 15.0},
    ],
}  # fmt: skip


def test_the_page_holds_the_figures_last_measured():
    text = page.PAGE.read_text()
    assert page.filled(text, page.tables()) == text, "run `.venv/bin/python -m scripts.bench.page --write`"
    assert {place[1] for place in page.PLACE.findall(text)} == set(page.PAGES)


def test_figures_become_tables_with_the_machine_they_were_taken_on(tmp_path):
    page.keep("nights", NIGHTS, tmp_path)
    page.keep("land", {"tables": [{"head": ["way in", "rows/s"], "rows": [["csv", 12_345], ["json", None]]}]}, tmp_path)
    found = page.tables(tmp_path)
    assert "| 360 days | 360,000,000 | 4.08 | 3.0 | 2.5 | 3.2 | 20.0 | 15.0 |" in found["nights"]
    assert "**1.02** times one after 30 days" in found["nights"]
    assert "**1.12** times" in found["nights"]
    assert "| way in | rows/s |\n| --- | ---: |\n| csv | 12,345 |\n| json |  |" in found["land"]
    assert f"{page.duckdb.__version__}: `" in found["land"]
    assert found["simulate"].startswith("Not measured yet: `")
