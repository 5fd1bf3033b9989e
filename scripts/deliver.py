"""``deliver``: what is due in the outbox goes out, once each, whatever crashes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import click

from scripts.console import DONE, LOCKED, MOMENT, REFUSED, STOPPED, USAGE, Stop, count, duration, say, table, warn
from scripts.faults import fault_point
from scripts.lock import night_lock
from scripts.mail import campaigns
from scripts.mail.headlines import Headlines
from scripts.mail.ledger import Ledger
from scripts.mail.message import DKIM_KEY, Signer
from scripts.mail.outbox import Due, Outbox
from scripts.mail.preparing import Preparer, Work, prepare_all
from scripts.mail.sending import Clock, Dispatcher, Sent
from scripts.mail.smtp import SERVER, Server
from scripts.mail.tokens import KEY, mail_key

BACKENDS = ("members", "mail")
PEOPLE_AT_ONCE = 1000
COMMITTED = ("send_key", "state", "campaign", "topic", "period", "account_id", "address_hash", "message_id",
             "smtp_code", "enhanced_status", "reason", "is_holdout", "occurred_at")  # fmt: skip


@click.command()
@click.option("--at", type=MOMENT,
              help="Take this moment (UTC) for now: for the sample, whose days are past.")  # fmt: skip
@click.option("--rate", type=click.FloatRange(0.01), default=100.0, show_default=True, help="Mails a second, at most.")
@click.option("--connections", type=click.IntRange(1, 64), default=4, show_default=True, help="Connections kept open.")
@click.option("--list", "only_list", is_flag=True, help="Send nothing; list mails of unknown outcome, and what waits.")
@click.option("--resume", "resumed", help="Let a campaign go on that a refusal by policy has stopped.")
def deliver(at: datetime | None, rate: float, connections: int, only_list: bool, resumed: str | None) -> int:
    """Send the mails of the published outbox whose reader is awake now; from cron, every quarter of an hour.

    Lands the newest consents first and asks them again, looks addresses up in the vault at the last moment, and hands
    each mail to the server once: its intent is on the disk before the server can have it, the answer right after.
    Killed anywhere, run it again. What nobody can know (the connection, or this process, died between our last byte and
    the answer) is listed and, unless the campaign says `unknown_outcome: at_least_once`, never sent again.

    A bad mailbox (5.1.1 and its kin) is not written to again. A refusal by policy (5.7.x) stops its campaign until
    somebody has looked and says --resume; NIGHTSHIFT_ALERT_COMMAND is told. 4xx: tried again after 15, 30, … minutes,
    within the reader's window.

    \b
    Settings (environment)
      NIGHTSHIFT_SMTP            host:port of the mail server (default 127.0.0.1:8025)
      NIGHTSHIFT_SMTP_TLS        none, starttls or tls (default: starttls, none on this machine)
      NIGHTSHIFT_SMTP_USER, NIGHTSHIFT_SMTP_PASSWORD
      NIGHTSHIFT_DKIM_KEY        file with the RSA key in PEM; without one, mails go to a server on this machine only
      NIGHTSHIFT_DKIM_SELECTOR   the name under which the DNS has it
      NIGHTSHIFT_MAIL_KEY        32 bytes that sign unsubscribe links; the backend behind the link has them, too

    \b
    Examples
      ./nightshift deliver
      ./nightshift deliver --at 2026-02-26T15:00
      ./nightshift deliver --list
      ./nightshift deliver --resume win_back

    Exit code 1: a campaign is stopped, or a template failed; 5: the server could not be used to the end, run it again.
    """
    moment = at or datetime.now(UTC).replace(tzinfo=None, microsecond=0)
    with night_lock("deliver", "deliver"), Ledger() as ledger:
        if only_list:
            return _list(ledger)
        if resumed:
            campaigns.load(resumed)
            ledger.resume(resumed)
            say("deliver", f"{resumed} goes on")
        return _deliver(ledger, Clock(moment), rate, connections)


def _deliver(ledger: Ledger, clock: Clock, rate: float, connections: int) -> int:
    begun = time.monotonic()
    sender, server = campaigns.sender(), Server.configured()
    signer, (key, has_key) = Signer.configured(sender), mail_key()
    _only_here_without_keys(server, signer, has_key)
    _settle(ledger, clock)
    _land(clock)
    fault_point("deliver:after-land")
    with Outbox(clock.now()) as outbox:
        due = outbox.due(ledger)
        forbidden = outbox.forbidden(due, ledger)
        preparer = Preparer(sender, key, signer)
        dispatcher = Dispatcher(ledger, server, sender, clock, connections, rate)
        stopped_before = set(dispatcher.sent.stopped)
        for each in due:
            if each.send_key in forbidden:
                ledger.record(each.entry("withheld", clock.now(), reason=forbidden[each.send_key], is_holdout=0))
                dispatcher.sent.counts["withheld"] += 1
                dispatcher.sent.reasons[forbidden[each.send_key]] += 1
        allowed = [d for d in due if d.send_key not in forbidden and d.campaign not in dispatcher.sent.stopped]
        headlines = Headlines(clock.now())
        reads_news = {name for name, campaign in preparer.campaigns.items() if campaign.uses_headlines}
        news = {True: lambda each: {"headlines": headlines.of(each.country)}, False: lambda each: {}}
        work = _people(allowed, lambda each: news[each.campaign in reads_news](each))
        sent = dispatcher.run(prepare_all(preparer, work, sum(not d.is_holdout for d in allowed), clock.now()))
    committed = _commit(ledger, clock)
    _alert({name: why for name, why in sent.stopped.items() if name not in stopped_before})
    return _tell(sent, len(due), committed, time.monotonic() - begun)


def _only_here_without_keys(server: Server, signer: Signer | None, has_key: bool) -> None:
    missing = [name for name, has in ((DKIM_KEY, signer), (KEY, has_key)) if not has]
    if not missing:
        return
    if not server.is_local:
        raise Stop(
            f"nothing was sent: {' and '.join(missing)} not set. Readers' servers refuse or hide mail that is not "
            "signed, and an unsubscribe link nobody can check is none. Without keys mails go only to a test server on "
            f"this machine, and {SERVER} names {server.host}",
            USAGE,
        )
    say("deliver", f"{' and '.join(missing)} not set: to the test server on {server.host}:{server.port} only")


def _settle(ledger: Ledger, clock: Clock) -> None:
    """Give the mails a word over which an earlier run died, as their campaign's policy says."""
    left = ledger.listed("intent")
    policies = {name: campaign.unknown_outcome for name, campaign in campaigns.load_all().items()}
    again = sorted({m["campaign"] for m in left if policies.get(m["campaign"]) == "at_least_once"})
    never = sorted({m["campaign"] for m in left} - set(again))
    reason = "the sender died between the end of the data and the answer"
    if again:
        ledger.settle_intents("deferred", reason, clock.now(), again)
    if never:
        ledger.settle_intents("unknown", reason, clock.now(), never)
    if left:
        warn("deliver", f"an earlier run died over {count(len(left), 'mail')}: ./nightshift deliver --list names them")


def _land(clock: Clock) -> None:
    """Take in the newest consents, accounts, requests to be forgotten, bounces and complaints."""
    from scripts.backends import load_all
    from scripts.land import land_all, landing_lock

    here = [name for name in BACKENDS if name in load_all()]
    try:
        with landing_lock("deliver", wait_seconds=300):
            report = land_all(clock.now().date(), here)
    except Stop as stop:
        if stop.code == LOCKED:
            raise Stop(f"the newest consents could not be landed: {stop}", LOCKED) from None
        raise
    for label, why in report.refused:
        warn("deliver", f"refused {label}: {why}")
    if any(label.startswith("members.consents") for label, _ in report.refused):
        raise Stop("the newest consents cannot be read: nobody is written to until they can")


def _people(due: Sequence[Due], extra: Callable[[Due], Mapping[str, Any]]) -> Iterator[Work]:
    """Each row of the outbox with what the vault knows of the person now."""
    from scripts.landing.vault import Vault

    with Vault() as vault:
        for first in range(0, len(due), PEOPLE_AT_ONCE):
            some = due[first : first + PEOPLE_AT_ONCE]
            people = vault.contents([each.account_id for each in some])
            for each in some:
                yield each, people.get(each.account_id), extra(each)


def _commit(ledger: Ledger, clock: Clock) -> int:
    """Land what became of the mails; the models and the next outbox know it from there."""
    from scripts.land import commit

    rows = ledger.to_commit()
    if not rows:
        return 0
    made = [{name: row[name] for name in COMMITTED} | {"is_holdout": bool(row["is_holdout"])} for row in rows]
    fault_point("deliver:before-commit")
    commit("sends", made, arrived_on=clock.now().date())
    fault_point("deliver:after-commit")
    ledger.committed([row["send_key"] for row in rows])
    return len(rows)


def _alert(stopped: Mapping[str, str]) -> None:
    """Tell somebody of campaigns that this run stopped, once."""
    if not stopped:
        return
    from scripts.alert import tell

    names = ", ".join(sorted(stopped))
    troubles = [
        {"what": f"{name} is stopped, refused by policy: {why}", "next": f"./nightshift deliver --resume {name}"}
        for name, why in sorted(stopped.items())
    ]
    tell({"subject": f"Nightshift, mails: {names} stopped, refused by policy", "troubles": troubles})


def _tell(sent: Sent, due: int, committed: int, seconds: float) -> int:
    """What happened, in the order in which somebody should look at it."""
    if not due and not committed:
        say("deliver", f"nothing is due now ({duration(seconds)})")
    else:
        said = ", ".join(f"{number:,} {state}" for state, number in sorted(sent.counts.items()))
        say("deliver", f"{count(due, 'mail')} due: {said or 'none sent'} ({duration(seconds)})")
    for reason, number in sent.reasons.most_common(8):
        say("deliver", f"  {number:,} × {reason}")
    for defect, number in sent.defects.most_common(5):
        warn("deliver", f"not sent, {count(number, 'mail')}: {defect}")
    for campaign, reason in sent.stopped.items():
        warn("deliver", f"{campaign} is STOPPED, refused by policy: {reason}")
        warn("deliver", f"  when that is seen to: ./nightshift deliver --resume {campaign}")
    if sent.counts["unknown"]:
        unknown = count(sent.counts["unknown"], "mail")
        warn("deliver", f"{unknown}: nobody can know whether the server took them: ./nightshift deliver --list")
    if sent.gave_up:
        warn("deliver", f"the mail server cannot be used now: {sent.gave_up}; what is left goes with the next run")
        return STOPPED
    return REFUSED if sent.stopped or sent.defects else DONE


def _list(ledger: Ledger) -> int:
    names = ("state", "send_key", "campaign", "period", "account_id", "occurred_at", "reason")
    rows = [[row[name] for name in names] for row in ledger.listed("unknown", "intent", "deferred")]
    print(table(["state", "send key", "campaign", "period", "listener", "when", "why"], rows))
    for campaign, reason in ledger.stopped().items():
        print(f"  {campaign} is stopped: {reason}")
    return DONE
