"""``./nightshift vault``: the keys by which people are known, and how they are forgotten."""

from __future__ import annotations

import os
from datetime import date, datetime

import click
import duckdb

from scripts.backends import Table, load_all
from scripts.console import USAGE, Stop, count, say
from scripts.faults import fault_point
from scripts.land import commit, landing_lock
from scripts.landing.store import Store
from scripts.landing.vault import ERASED, MASTER, MASTER_NEW, Vault, parse_key, rotate_key_file


@click.group()
def vault() -> None:
    """Who people are: keys, addresses, erasure.

    The vault (NIGHTSHIFT_HOME/vault) alone knows which person a pseudonym is and how to reach them; it is encrypted by
    the key in NIGHTSHIFT_MASTER_KEY (32 bytes, base64 or hexadecimal). Landing, warehouse and exports hold pseudonyms.

    \b
    Examples:
      ./nightshift vault count
      ./nightshift vault rotate
      ./nightshift vault erase --requests --on 2026-02-14
      ./nightshift vault erase --account a004711 --on 2026-02-14
    """


@vault.command("count")
def count_people() -> None:
    """How many people are known, how many were forgotten."""
    with Vault() as opened:
        found = opened.counts()
    say("vault", f"{count(found['persons'], 'person', 'people')}, {found['erased']:,} erased")


@vault.command()
@click.option("--data-key", is_flag=True, help="Also encrypt every value anew, so that older copies open nothing new.")
def rotate(data_key: bool) -> None:
    """Encrypt the vault by another master key.

    With NIGHTSHIFT_MASTER_KEY set, the new key is read from NIGHTSHIFT_MASTER_KEY_NEW; put it in the place of the old
    one afterwards. Without, the key file for development is replaced. Pseudonyms and hashes stay as they are. Killed
    in the middle: the old key or the new one opens the vault, never neither; run it again.
    """
    with landing_lock("vault rotate", 600), Vault() as opened:
        if os.environ.get(MASTER):
            if not os.environ.get(MASTER_NEW):
                raise Stop(f"{MASTER_NEW} is not set; it must hold the key to come", USAGE)
            rewritten = opened.rotate(parse_key(os.environ[MASTER_NEW], MASTER_NEW), data_key)
            then = f"; from now on {MASTER} must hold what {MASTER_NEW} held"
        else:
            rewritten, then = rotate_key_file(opened, data_key), ""
    say("vault", f"rotated, {count(rewritten, 'person', 'people')} encrypted anew{then}")


@vault.command()
@click.option("--account", help="One person, by the backend's own id.")
@click.option("--requests", is_flag=True, help="Everybody who asked for it (tables with erasure: true) up to --on.")
@click.option("--on", type=click.DateTime(["%Y-%m-%d"]), required=True, help="Logical day of the erasure.")
def erase(account: str | None, requests: bool, on: datetime) -> None:
    """Forget people: delete their row and key, leave a tombstone, put it on record.

    What remains of them in landing, history and backups is then about nobody. Shipped again, they do not come back.
    Carried out twice, nothing happens twice.
    """
    if bool(account) == requests:
        raise Stop("say either --account or --requests", USAGE)
    day = on.date()
    with Vault() as opened:
        if account:
            pseudonym = opened.pseudonym_of(account)
            wanted = {f"by hand {day} {pseudonym}": pseudonym} if pseudonym not in (None, ERASED) else {}
        else:
            wanted = due(day)
        for request, person in sorted(wanted.items()):
            opened.erase(person, day, request)
        with landing_lock("vault erase", 600), Store() as store:
            known = _on_record(store)
        done = [erasure for erasure in opened.unrecorded() if erasure["request_id"] not in known]
        fault_point("vault:before-record")
        commit("erasures", done, day)
        fault_point("vault:after-record")
        opened.recorded()
    say("vault", f"{count(len(done), 'erasure')} carried out" if done else "nobody to forget")


def due(day: date) -> dict[str, str]:
    """Requests landed up to a day and not carried out: request → pseudonym."""
    backends = load_all()
    tables = [t for backend in backends.values() for t in backend.tables.values() if t.erasure]
    if not tables:
        return {}
    asked: dict[str, str] = {}
    with landing_lock("vault erase", 600), Store() as store:
        for table in tables:
            asked |= _rows(store, table, (table.key[0], table.persons[0].name), day)
        done = _on_record(store)
    return {request: person for request, person in asked.items() if request not in done and person != ERASED}


def _on_record(store: Store) -> set[str]:
    """The requests whose erasure has landed."""
    return set(_rows(store, load_all()["nightshift"].tables["erasures"], ("request_id", "account_id"), date.max))


def _rows(store: Store, table: Table, columns: tuple[str, str], day: date) -> dict[str, str]:
    """Two columns of the dumps of a table that are visible on a day."""
    seen = [dump for dump in store.table(table) if dump.arrived_on <= day]
    replaced = {old for dump in seen for old in dump.supersedes}
    files = [str(store.folder_of(dump) / "*.parquet") for dump in seen if dump.dump_id not in replaced]
    if not files:
        return {}
    query = f"select {columns[0]}, {columns[1]} from read_parquet(?, hive_partitioning = false)"
    return dict(duckdb.execute(query, [files]).fetchall())
