"""How long sending takes: mails rendered and handed to a server on this machine, and the audience of many members.

The server is as lean as SMTP allows (it answers, counts and forgets), so that what is measured is ours.

    python -m scripts.bench.emails                     20,000 mails, 200,000 members
    python -m scripts.bench.emails --mails 200000 --members 2000000
"""

from __future__ import annotations

import json
import multiprocessing
import os
import re
import resource
import socket
import socketserver
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path

import click
import duckdb

from scripts.bench import world
from scripts.bench.page import RESULTS, keep
from scripts.console import count, duration, say
from scripts.files import read_json
from scripts.home import PROJECT
from scripts.mail import campaigns
from scripts.mail.ledger import Ledger
from scripts.mail.message import Signer
from scripts.mail.outbox import Due
from scripts.mail.preparing import Preparer, Work, prepare_all
from scripts.mail.sending import Clock, Dispatcher
from scripts.mail.smtp import Server

AT = datetime(2026, 3, 2, 12)
DATA = {
    "month": "2026-02", "streams": 1234, "active_days": 21, "artists": 111, "minutes": 4321,
    "top_artists": [{"id": f"a{n}", "name": f"The Artist Number {n}", "minutes": 100 - n} for n in range(5)],
    "weekdays": [{"weekday": n, "minutes": 10 * n} for n in range(1, 8)],
}  # fmt: skip


AUDIENCE = ("int_campaign_contacts", "int_campaign_candidates", "rpt_campaign_audience", "fct_outbox")


@click.command()
@click.option("--mails", default=20_000, show_default=True)
@click.option("--members", default=200_000, show_default=True)
@click.option("--connections", default=4, show_default=True)
@click.option("--dkim", type=click.Path(path_type=Path, dir_okay=False), help="Sign with this RSA key, too.")
@click.option("--results", type=click.Path(path_type=Path), default=RESULTS, help="Folder of the figures.")
def main(mails: int, members: int, connections: int, dkim: Path | None, results: Path) -> None:
    """Both measurements, one after the other; 0 leaves one out, and its figures of before."""
    figures = {name: found for name, found in (read_json(results / "emails.json") or {}).items() if name != "machine"}
    if mails:
        figures["signed" if dkim else "mails"] = send(mails, connections, dkim)
    if members:
        figures["audience"] = audience(members)
    keep("emails", figures, results)


def send(mails: int, connections: int, dkim: Path | None) -> dict[str, float]:
    """Listening reports for so many listeners, from outbox rows to the ledger's last word."""
    sender = campaigns.sender()
    signer = Signer(sender.domain, "bench", dkim.read_bytes()) if dkim else None
    preparer = Preparer(sender, bytes(32), signer)
    with tempfile.TemporaryDirectory() as place, sink() as port, Ledger(Path(place) / "ledger.sqlite") as ledger:
        dispatcher = Dispatcher(ledger, Server("127.0.0.1", port, "none"), sender, Clock(AT), connections, 1e6)
        began, used = time.monotonic(), _processor_seconds()
        sent = dispatcher.run(prepare_all(preparer, _work(mails), mails, AT))
        took = time.monotonic() - began
    used = _processor_seconds() - used  # once the server has ended, what it took is in it
    assert sent.counts["accepted"] == mails, sent
    signed = ", signed" if signer else ""
    rate = mails / took
    whole = duration(200_000 / rate)
    said = f"{rate:.0f} a second, 200,000 in {whole}; {1000 * used / mails:.1f} ms of processor a mail, server included"
    say("bench", f"{count(mails, 'mail')}{signed} in {duration(took)}: {said}")
    return {"mails": mails, "seconds": round(took, 1), "cpu_ms": round(1000 * used / mails, 1)}


def _processor_seconds() -> float:
    """What this process and its children that have ended have used."""
    return sum(
        usage.ru_utime + usage.ru_stime
        for usage in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


def _work(mails: int) -> Iterator[Work]:
    data, day = json.dumps(DATA), date(2026, 3, 2)
    for number in range(mails):
        key = f"{number:032x}"
        language = ("en", "de")[number % 2]
        due = Due(key, "listening_report", "listening_report", "2026-02", 20, key[8:], key, language, "DE",
                  False, day, AT - timedelta(hours=4), AT + timedelta(hours=8), data)  # fmt: skip
        yield due, {"email": f"listener{number}@example.com", "full_name": f"Listener {number}"}, {}


class _Sink(socketserver.StreamRequestHandler):
    """Answers whatever is said and forgets it."""

    def handle(self) -> None:
        """One connection."""
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.wfile.write(b"220 sink\r\n")
        while line := self.rfile.readline():
            word = line[:4].upper()
            if word == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                for text in self.rfile:
                    if text == b".\r\n":
                        break
            self.wfile.write(b"221 bye\r\n" if word == b"QUIT" else b"250 2.0.0 ok\r\n")
            if word == b"QUIT":
                return


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 64


def _serve(ready: multiprocessing.connection.Connection) -> None:
    with _Server(("127.0.0.1", 0), _Sink) as server:
        ready.send(server.server_address[1])
        server.serve_forever()


@contextmanager
def sink() -> Iterator[int]:
    """The server in a process of its own; its port."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_serve, args=(there,), daemon=True)
    process.start()
    try:
        yield here.recv()
    finally:
        process.terminate()
        process.join()


def audience(members: int) -> dict[str, float]:
    """The report and the outbox of four campaigns due on the same day, by the models' own SQL."""
    with tempfile.TemporaryDirectory() as place:
        nodes = world.nodes(Path(place), AUDIENCE)
        limits = {"memory_limit": os.environ.get("NIGHTSHIFT_MEMORY", "6GB"), "temp_directory": place}
        with duckdb.connect(str(Path(place) / "warehouse.duckdb"), config=limits) as connection:
            connection.execute(f"set threads = {os.environ.get('NIGHTSHIFT_THREADS', '2')}; set TimeZone = 'UTC'")
            _members(connection, members, nodes)
            began, used = time.monotonic(), _processor_seconds()
            for name in AUDIENCE:
                node = nodes[f"model.nightshift.{name}"]
                kind = "view" if node["config"]["materialized"] == "view" else "table"
                sql = re.sub(r"/\*.*?\*/", " ", node["compiled_code"])
                connection.execute(f"create {kind} {node['schema']}.{name} as {sql}")
            took, used = time.monotonic() - began, _processor_seconds() - used
            judged, chosen = connection.execute(
                "select (select count(*) from engagement.rpt_campaign_audience), "
                "(select count(*) from engagement.fct_outbox)"
            ).fetchone()
    say(
        "bench",
        f"audience of {count(members, 'member')} for 4 campaigns in {duration(took)} "
        f"({used:.0f} s of processor): {judged:,} judged, {chosen:,} in the outbox",
    )
    return {"members": members, "seconds": round(took, 1), "cpu_seconds": round(used, 1), "judged": judged,
            "outbox": chosen}  # fmt: skip


def _members(connection: duckdb.DuckDBPyConnection, members: int, nodes: dict) -> None:
    """Members, consents, suppressions and earlier mails as the models below expect them."""
    connection.execute("create schema intermediate; create schema engagement; create schema seeds")
    for name in ("mail_replies", "mail_country_rules"):
        types = nodes[f"seed.nightshift.{name}"]["config"]["column_types"]
        connection.execute(
            f"create table seeds.{name} as from read_csv('{PROJECT / 'seeds' / name}.csv', types = {types})"
        )
    connection.execute(f"""
        create table intermediate.int_mail_members as
        select md5(i::varchar)[:24] as account_id, md5((i // 2 * 2 + (i % 50 > 0)::int)::varchar)[:24] as email_hash,
            ['DE', 'US', 'CA', 'IN'][i % 4 + 1] as country,
            ['Europe/Berlin', 'America/New_York', 'America/Toronto', 'Asia/Kolkata'][i % 4 + 1] as time_zone,
            ['en', 'de', 'fr'][i % 3 + 1] as language, case when i % 40 = 0 then 'closed' else 'active' end as status,
            timestamp '2025-01-01' + interval '1' second * i as created_at
        from range({members}) as numbers(i);
        create table intermediate.int_campaign_periods as
        select 'campaign' || i as campaign, 'topic' || i as topic, i::integer as priority, 2 as cap_mails,
            7 as cap_days,
            500 as holdout_lots, 480 as earliest_minute, 1200 as latest_minute, 'en,de' as languages,
            'en' as fallback_language, 7 as goal_days, date '2026-03-02' as send_on, date '2026-03-02' as scheduled_on,
            '2026-W10' as period,
            date '2026-02-23' as period_from, date '2026-03-02' as period_to, true as is_due
        from range(4) as numbers(i);
        create table intermediate.int_campaign_audiences as
        select campaign, account_id, '{{"streams":12,"artists":[{{"id":"a1","name":"Somebody"}}]}}' as data_json
        from intermediate.int_campaign_periods cross join intermediate.int_mail_members;
        create table intermediate.int_mail_consents as
        select account_id, topic, hash(account_id, topic) % 3 > 0 as is_given, timestamp '2025-06-01' as changed_at
        from intermediate.int_campaign_periods cross join intermediate.int_mail_members;
        create table intermediate.int_mail_suppressed as
        select 'account' as recipient_kind, account_id as recipient, 'all' as topic,
            ['bad_mailbox', 'complained', 'unsubscribed'][cast(hash(account_id) % 3 as bigint) + 1] as reason,
            timestamp '2025-07-01' as suppressed_at
        from intermediate.int_mail_members where hash(account_id, 1) % 20 = 0;
        create table engagement.fct_sends as
        select md5(account_id || d) as send_key, 'campaign0' as campaign, 'topic0' as topic, '2026-W0' || d as period,
            account_id, email_hash as address_hash, 'accepted' as state, false as is_holdout,
            date '2026-03-02' - d::integer as occurred_on
        from intermediate.int_mail_members cross join range(1, 4) as days(d) where hash(account_id, d) % 4 = 0;
    """)


if __name__ == "__main__":
    main()
