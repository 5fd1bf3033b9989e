"""``methods``: who would win and who would lose if subscribers' money followed their own streams."""

from __future__ import annotations

import click
import duckdb

from scripts.console import USAGE, Stop
from scripts.warehouse import warehouse

# Artists by how much they are streamed; the groups of the French study (Centre national de la musique, 2021).
EFFECT = """
with artists as (
    select recording_id, min(artist_id) as artist_id from core.dim_track group by recording_id
),
in_euro as (
    select artists.artist_id, shares.streams,
        shares.pro_rata_nanos * coalesce(rates.exchange_rate, 1) / 1e11 as pro_rata,
        shares.user_centric_nanos * coalesce(rates.exchange_rate, 1) / 1e11 as user_centric
    from intermediate.int_royalties__shares as shares
    inner join intermediate.int_royalties__pools as pools
        on pools.royalty_month = shares.royalty_month and pools.pool_number = shares.pool_number
    inner join intermediate.int_royalties__catalogue as catalogue
        on catalogue.royalty_month = shares.royalty_month and catalogue.recording_number = shares.recording_number
    inner join artists on artists.recording_id = catalogue.recording_id
    left join intermediate.int_finance__exchange_rates as rates
        on rates.currency = pools.currency and rates.valid_from = last_day(shares.royalty_month)
    where pools.plan_code <> 'free' and ($month is null or shares.royalty_month = $month)
),
per_artist as (
    select artist_id, sum(streams) as streams, sum(pro_rata) as pro_rata, sum(user_centric) as user_centric
    from in_euro group by artist_id
),
ranked as (
    select *, row_number() over (order by pro_rata desc, artist_id) as place from per_artist
)
select
    part.name as artists,
    count(*) as count,
    sum(pro_rata) as pro_rata,
    sum(user_centric) as user_centric
from ranked
inner join (
    values ('1 - 10', 0, 10), ('11 - 100', 10, 100), ('101 - 1,000', 100, 1000), ('1,001 - 10,000', 1000, 10000),
        ('beyond 10,000', 10000, 1e12)
) as part(name, above, up_to) on place > above and place <= up_to
group by part.name, above
order by above
"""


def effect(connection: duckdb.DuckDBPyConnection, month: str | None) -> list[tuple]:
    """Rows of the table: group, its artists, how many, euro by pro-rata, euro by user-centric."""
    return connection.execute(EFFECT, {"month": f"{month}-01" if month else None}).fetchall()


@click.command()
@click.option("--month", help="One month, as 2026-02 (default: all).")
def methods(month: str | None) -> None:
    """Print what artists get from subscriptions by either method, from the most to the least streamed.

    Amounts are in euro at the rate of the month's last day, of all plans that are paid for, whatever method their
    contract says.

    \b
    Examples
      ./nightshift methods
      ./nightshift methods --month 2026-01
    """
    with warehouse(read_only=True) as connection:
        rows = effect(connection, month)
    if not rows:
        raise Stop("there are no royalties of that month", USAGE)
    click.echo(f"{'artists by streams':20} {'artists':>8} {'pro-rata':>12} {'user-centric':>13} {'change':>9}")
    for group, count, pro_rata, user_centric in rows:
        change = (user_centric / pro_rata - 1) * 100 if pro_rata else 0
        click.echo(f"{group:20} {count:8,} {pro_rata:12,.2f} {user_centric:13,.2f} {change:+8.1f}%")
