"""``campaign``: see what a listener would get and why she does or does not; begin a new campaign."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
import webbrowser
from datetime import UTC, datetime
from pathlib import Path

import click
import duckdb

from scripts import sources
from scripts.backends import load_all
from scripts.console import DONE, MOMENT, USAGE, Stop, say, table, warn
from scripts.faults import fault_point
from scripts.home import PROJECT, folder
from scripts.lock import night_lock
from scripts.mail import addresses, campaigns, message, skeleton
from scripts.mail.headlines import Headlines
from scripts.mail.rendering import Letter, Rendered, Template, Unfit
from scripts.mail.tokens import mail_key
from scripts.published import current_folder
from scripts.warehouse import warehouse

NOWHERE = addresses.Address("preview", "example.com")
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@click.group()
def campaign() -> None:
    """Campaigns: what a listener would get, why she does or does not get it, a new campaign.

    \b
    Examples
      ./nightshift campaign list
      ./nightshift campaign preview listening_report --listener 01e45e1c18fb137b36bfa219
      ./nightshift campaign why win_back --listener acc-000123
      ./nightshift campaign new birthday
    """


@campaign.command("list")
def list_campaigns() -> int:
    """The campaigns, in the order in which they go first.

    \b
    Example
      ./nightshift campaign list
    """
    rows = [
        [c.name, c.topic, f"{c.every} {c.run_on}", c.priority, f"{c.cap_mails} in {c.cap_days} days", c.owner]
        for c in campaigns.load_all().values()
    ]
    print(table(["campaign", "topic", "every", "priority", "cap", "owner"], rows))
    return DONE


@campaign.command()
@click.argument("name")
@click.option("--listener", required=True, help="An account: its pseudonym in the marts, or its id at the backend.")
@click.option("--language", help="In this language rather than the listener's.")
@click.option(
    "--at",
    type=MOMENT,
    help="With the headlines of this moment (UTC): for the sample, whose days are past. Default: now.",
)
@click.option(
    "--picture", type=click.Path(path_type=Path, dir_okay=False), help="Also take a picture (needs Chromium)."
)
@click.option("--width", default=680, show_default=True, help="Width of the picture in pixels.")
@click.option("--height", default=900, show_default=True, help="Height of the picture in pixels.")
def preview(
    name: str,
    listener: str,
    language: str | None,
    at: datetime | None,
    picture: Path | None,
    width: int,
    height: int,
) -> int:
    """What a listener would get from a campaign, were it due: opened in a browser where there is a screen.

    The mail is made from the night's warehouse as it is, whatever the rules of the outbox say of her, and is sent to
    nobody. The files lie under preview/.

    \b
    Examples
      ./nightshift campaign preview win_back --listener 01e45e1c18fb137b36bfa219
      ./nightshift campaign preview listening_report --listener acc-000123 --picture report.png
      ./nightshift campaign preview weekly_digest --listener acc-000123 --at 2026-03-01T15:00
    """
    moment = at or datetime.now(UTC).replace(tzinfo=None)
    chosen, account = campaigns.load(name), pseudonym(listener)
    data, spoken, country = _data(name, account)
    if chosen.uses_headlines:
        headlines = Headlines(moment)
        data["headlines"] = headlines.of(country)
        if not data["headlines"]:
            warn("campaign", f"a mail of {moment:%Y-%m-%d %H:%M} has no headlines: {headlines.newest}")
    language = language or (spoken if spoken in chosen.languages else chosen.fallback_language)
    if language not in chosen.languages:
        raise Stop(f"{name} has no texts in {language}; it has {', '.join(chosen.languages)}", USAGE)
    template = Template(chosen, campaigns.sender(), mail_key()[0])
    who = addresses.display_name(_person(account).get("full_name"))
    key = f"preview-{account}"
    try:
        rendered = template.render(Letter(key, language, data, who))
        wire = message.compose(rendered, template, key, "preview", NOWHERE, who, moment)
    except Unfit as error:
        raise Stop(f"this mail would not be sent: {error}") from None
    page = _write(name, account, rendered, wire)
    say("campaign", f"subject: {rendered.subject}")
    say("campaign", f"{len(wire):,} bytes; {page} (and .txt, .eml)")
    if picture:
        photograph(page, picture, width, height)
        say("campaign", f"picture: {picture}")
    elif sys.stdout.isatty():
        webbrowser.open(page.as_uri())
    return DONE


@campaign.command()
@click.argument("name")
@click.option("--listener", required=True, help="An account: its pseudonym in the marts, or its id at the backend.")
def why(name: str, listener: str) -> int:
    """Why a listener gets a campaign's mail or does not, from the published marts and the sender's ledger.

    \b
    Example
      ./nightshift campaign why win_back --listener 01e45e1c18fb137b36bfa219
    """
    from scripts.mail.ledger import Ledger

    campaigns.load(name)
    account, here = pseudonym(listener), current_folder()
    if here is None:
        raise Stop("nothing is published yet; run `./nightshift night` first")
    with duckdb.connect(str(here / "marts.duckdb"), read_only=True) as marts:
        found = marts.execute(
            "select period, send_on, outcome, outcome_text from engagement.rpt_campaign_audience "
            "where campaign = ? and account_id = ?",
            [name, account],
        ).fetchone()
        sent = marts.execute(
            "select period, state, coalesce(reason, ''), occurred_at from engagement.fct_sends "
            "where campaign = ? and account_id = ? order by occurred_at",
            [name, account],
        ).fetchall()
    if found:
        say("campaign", f"{name} {found[0]}, to be sent on {found[1]}: {found[2]}. {found[3]}")
    else:
        say("campaign", f"{name} is not due in the night of {here.name}, or the account is none")
    for period, state, reason, at in sent:
        say("campaign", f"{period}: {state} at {at} {reason}".rstrip())
    with Ledger() as ledger:
        for entry in ledger.of(name, account):
            say(
                "campaign", f"the sender's ledger: {entry['period']}: {entry['state']} {entry['reason'] or ''}".rstrip()
            )
    return DONE


@campaign.command()
@click.argument("name")
@click.option("--topic", default="offers", show_default=True, help="The topic of consent.")
def new(name: str, topic: str) -> int:
    """Begin a campaign: a folder with an audience that is empty, settings, and a mail to edit.

    \b
    Example
      ./nightshift campaign new birthday --topic offers
    """
    if not campaigns.NAME.fullmatch(name):
        raise Stop(f"a campaign is named like win_back, not {name!r}", USAGE)
    place = PROJECT / "campaigns" / name
    if place.exists():
        raise Stop(f"{place} is there already", USAGE)
    topics = _topics()
    if topics and topic not in topics:
        raise Stop(f"members agree to {', '.join(topics)}; {topic} is none of them (backends/members.yml)", USAGE)
    making = PROJECT / "target" / f"campaign-{name}"  # not among the campaigns, where dbt would find it half made
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir(parents=True)
    for file, text in skeleton.files(name, topic).items():
        (making / file).write_text(text, encoding="utf-8")
    fault_point("campaign:before-rename")
    making.rename(place)
    sources.write()
    say("campaign", f"{place}: edit audience_{name}.sql, campaign.yml, mail.mjml.j2, mail.txt.j2 and texts.yml")
    say("campaign", f"then: ./nightshift build; ./nightshift campaign preview {name} --listener …")
    return DONE


def pseudonym(listener: str) -> str:
    """The account's pseudonym, from itself or from the backend's own id."""
    from scripts.landing.vault import ERASED, Vault

    with Vault() as vault:
        found = vault.pseudonym_of(listener)
    if found == ERASED:
        raise Stop(f"{listener} asked to be forgotten; nothing is known any more", USAGE)
    return found or listener


def photograph(page: Path, picture: Path, width: int, height: int) -> None:
    """A picture of a page as a browser shows it."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        raise Stop(f"no browser found ({', '.join(BROWSERS)})", USAGE)
    with tempfile.TemporaryDirectory() as profile:
        how = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--user-data-dir={profile}"]
        what = [f"--window-size={width},{height}", f"--screenshot={picture.resolve()}", page.as_uri()]
        done = subprocess.run([browser, *how, *what], capture_output=True, text=True, timeout=120)
    if done.returncode or not picture.exists():
        raise Stop(f"{browser} took no picture: {done.stderr[-300:]}")


def _data(name: str, account: str) -> tuple[dict[str, object], str, str]:
    """What the campaign's query says of the account, its language and its country."""
    with night_lock("campaign preview"), warehouse(read_only=True) as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute(f"set variable preview_of = '{name}'")
        try:
            found = connection.execute(
                f"select cast(data_json as varchar) from campaigns.audience_{name} where account_id = ?", [account]
            ).fetchone()
            spoken = connection.execute(
                "select language, country from core.dim_member where account_id = ?", [account]
            ).fetchone()
        except duckdb.CatalogException:
            raise Stop(f"{name} is not built yet; run `./nightshift build` first") from None
    if spoken is None:
        raise Stop(f"there is no account {account}", USAGE)
    if found is None:
        raise Stop(f"the campaign's query does not find {account}: she would get nothing")
    return json.loads(found[0]), *spoken


def _person(account: str) -> dict[str, object]:
    from scripts.landing.vault import Vault

    with Vault() as vault:
        return vault.contents([account]).get(account, {})


def _write(name: str, account: str, rendered: Rendered, wire: bytes) -> Path:
    """The mail as files; they hold a name, so only their owner may read them."""
    place = folder("preview")
    place.chmod(0o700)
    page = place / f"{name}-{account}.html"
    page.write_text(rendered.html, encoding="utf-8")
    page.with_suffix(".txt").write_text(rendered.text, encoding="utf-8")
    page.with_suffix(".eml").write_bytes(wire)
    return page


def _topics() -> list[str]:
    """The topics that members may agree to, as the contract of their backend lists them."""
    rule = load_all()["members"].tables["consents"].rules if "members" in load_all() else {}
    return re.findall(r"'(\w+)'", dict(rule).get("unknown_topic", ""))
