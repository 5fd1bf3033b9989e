"""Different listeners by sketches: the models' own SQL beside exact counts, of months, of years and of any days."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from compiled import Models

ROOT = Path(__file__).resolve().parent.parent.parent
# Three standard errors of 4,096 buckets: 3 × 1.04 / sqrt(4096).
BOUND = 0.05

# 100 days of 2,000 listeners each out of 101,000, every third day in France; the first days lie in another year.
LISTENING = """
    create table warehouse.intermediate.int_member_listening_daily as
    select date '2025-11-20' + cast(d as integer) as played_on, md5('member' || (1000 * d + n)) as account_id,
        case when d % 3 = 0 then 'FR' else 'DE' end as country
    from range(100) as days(d), range(2000) as members(n)
"""


@pytest.fixture(scope="module")
def models() -> Models:
    """Sketches and reach of those days."""
    found = Models()
    found.connection.execute(LISTENING)
    for name in ("fct_listener_sketches", "reach_monthly"):
        node = found.nodes[name]
        found.connection.execute(f"create table warehouse.{node['schema']}.{name} as {node['compiled_code']}")
    return found


def test_months_and_years_are_within_the_bound(models):
    compared = models.rows("""
        with heard as (
            select date_trunc('month', played_on) as month, account_id, unnest([country, 'world']) as country
            from warehouse.intermediate.int_member_listening_daily
        )
        select reach.month, reach.country, listeners_approx, listeners_12_months_approx,
            count(distinct case when heard.month = reach.month then account_id end), count(distinct account_id)
        from warehouse.business.reach_monthly as reach
        inner join heard on heard.country = reach.country and heard.month <= reach.month
        group by all
        order by all
    """)
    assert len(compared) == 4 * 3
    assert {(month.month, country) for month, country, *_ in compared if country == "world"} == {
        (11, "world"), (12, "world"), (1, "world"), (2, "world")
    }  # fmt: skip
    for month, country, approx, approx_year, exact, exact_year in compared:
        assert abs(approx - exact) <= BOUND * exact, (month, country)
        assert abs(approx_year - exact_year) <= BOUND * exact_year, (month, country)
    assert compared[-1][-1] == 101_000


@pytest.mark.parametrize("first, days", [("2025-11-20", 100), ("2025-12-30", 5), ("2026-01-05", 1), ("2026-01-01", 40)])
def test_any_days_by_the_query_of_the_documentation(models, first, days):
    query = re.search(r'reach = """(.*?)"""', (ROOT / "docs/connect.md").read_text(), re.S)[1]
    span = f"between date '{first}' and date '{first}' + {days - 1}"
    query, replaced = re.subn(r"between date '[-\d]+' and date '[-\d]+'", span, query)
    assert replaced == 1
    [(approx,)] = models.rows(query.replace("core.", "warehouse.core."))
    listening = "warehouse.intermediate.int_member_listening_daily"
    [(exact,)] = models.rows(f"select count(distinct account_id) from {listening} where played_on {span}")
    assert abs(approx - exact) <= BOUND * exact
