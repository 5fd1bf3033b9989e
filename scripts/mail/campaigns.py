"""Campaigns as their folders say: ``campaigns/<name>/`` holds the audience, ``campaign.yml`` and the templates.

The settings stand under ``config.meta.campaign`` of the audience's model, so that a campaign is described in one file
that dbt reads as well. What the SQL needs of them is written to a macro by ``./nightshift sources``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from scripts.console import USAGE, Stop
from scripts.home import PROJECT

NAME = re.compile(r"[a-z][a-z0-9_]{2,40}")
CLOCK = re.compile(r"([01]\d|2[0-4]):([0-5]\d)")
EVERY = {"day": (1, 1), "week": (1, 7), "month": (1, 28)}
POLICIES = ("at_most_once", "at_least_once")
LOTS = 10_000
MACRO = Path("macros") / "engagement" / "campaigns.sql"
SAID = "Generated from campaigns/*/campaign.yml by ./nightshift sources; edit those files and run it again."


@dataclass(frozen=True)
class Campaign:
    """One campaign."""

    name: str
    folder: Path
    owner: str
    topic: str
    every: str
    run_on: int
    open_days: int
    priority: int
    cap_mails: int
    cap_days: int
    holdout_lots: int
    earliest_minute: int
    latest_minute: int
    languages: tuple[str, ...]
    fallback_language: str | None
    track_opens: bool
    goal_days: int
    unknown_outcome: str
    uses_headlines: bool


@dataclass(frozen=True)
class Sender:
    """Who writes, from ``campaigns/sender.yml``."""

    name: str
    address: str
    reply_to: str
    postal_address: str
    domain: str
    site: str
    unsubscribe: str
    unsubscribe_mailto: str
    opens: str


def sender(project: Path = PROJECT) -> Sender:
    """The sender; what is missing is said."""
    path = project / "campaigns" / "sender.yml"
    found = yaml.safe_load(path.read_text()) if path.exists() else {}
    if missing := [name for name in Sender.__dataclass_fields__ if not isinstance((found or {}).get(name), str)]:
        raise Stop(f"{path}: {', '.join(missing)} missing", USAGE)
    for name in ("site", "unsubscribe", "opens"):
        if not found[name].startswith("https://"):
            raise Stop(f"{path}: {name} must be an https address; mail clients follow no other", USAGE)
    return Sender(**{name: found[name].rstrip("/") for name in Sender.__dataclass_fields__})


def load_all(project: Path = PROJECT) -> dict[str, Campaign]:
    """Every campaign, in the order in which they go first."""
    found = [read(path.parent) for path in (project / "campaigns").glob("*/campaign.yml")]
    return {campaign.name: campaign for campaign in sorted(found, key=lambda c: (c.priority, c.name))}


def load(name: str, project: Path = PROJECT) -> Campaign:
    """One campaign by its name."""
    campaigns = load_all(project)
    if name not in campaigns:
        raise Stop(f"there is no campaign {name}; there are {', '.join(campaigns) or 'none'}", USAGE)
    return campaigns[name]


def read(folder: Path) -> Campaign:
    """A campaign from its folder; whatever is wrong with it is said with the file's name."""
    path = folder / "campaign.yml"

    def wrong(text: str) -> Stop:
        return Stop(f"{path}: {text}", USAGE)

    if not NAME.fullmatch(folder.name):
        raise wrong(f"a campaign's folder is named like win_back, not {folder.name!r}")
    try:
        model = next(m for m in yaml.safe_load(path.read_text())["models"] if m["name"] == f"audience_{folder.name}")
        meta = model["config"]["meta"]
        given = dict(meta["campaign"])
    except (yaml.YAMLError, KeyError, TypeError, StopIteration):
        raise wrong(f"describe the model audience_{folder.name}, with config.meta.campaign") from None
    try:
        schedule, cap, window = given.pop("schedule"), given.pop("frequency_cap"), given.pop("window")
        every = schedule["every"]
        campaign = Campaign(
            name=folder.name,
            folder=folder,
            owner=_owner(meta["owner"]),
            topic=_text(given.pop("topic")),
            every=every,
            run_on=int(schedule["day"] if every != "day" else 1),
            open_days=int(schedule["open_days"]),
            priority=int(given.pop("priority")),
            cap_mails=int(cap["mails"]),
            cap_days=int(cap["days"]),
            holdout_lots=round(float(given.pop("holdout_share")) * LOTS),
            earliest_minute=_minute(window["from"]),
            latest_minute=_minute(window["to"]),
            languages=tuple(_text(language) for language in given.pop("languages")),
            fallback_language=given.pop("fallback_language", None),
            track_opens=bool(given.pop("track_opens", False)),
            goal_days=int(given.pop("goal_days", 7)),
            unknown_outcome=given.pop("unknown_outcome", POLICIES[0]),
            uses_headlines=bool(given.pop("uses_headlines", False)),
        )
    except KeyError as missing:
        raise wrong(f"{missing.args[0]} is missing") from None
    except (TypeError, ValueError) as error:
        raise wrong(str(error)) from None
    if given:
        raise wrong(f"unknown setting {', '.join(sorted(given))}")
    if problem := _problem(campaign):
        raise wrong(problem)
    return campaign


def _problem(campaign: Campaign) -> str | None:
    if campaign.every not in EVERY:
        return f"schedule.every is one of {', '.join(EVERY)}"
    first, last = EVERY[campaign.every]
    if not first <= campaign.run_on <= last:
        return f"schedule.day is {first} to {last} for every: {campaign.every}"
    if not 0 <= campaign.holdout_lots < LOTS:
        return "holdout_share is at least 0 and less than 1"
    if not campaign.earliest_minute < campaign.latest_minute:
        return "window.from is earlier than window.to"
    if campaign.cap_mails < 1 or campaign.cap_days < 1 or campaign.open_days < 1 or campaign.goal_days < 1:
        return "frequency_cap, open_days and goal_days are whole numbers of at least 1"
    if campaign.fallback_language and campaign.fallback_language not in campaign.languages:
        return "fallback_language is one of languages"
    if campaign.unknown_outcome not in POLICIES:
        return f"unknown_outcome is one of {', '.join(POLICIES)}"
    if not re.fullmatch(r"[a-z_]+", campaign.topic) or not all(re.fullmatch("[a-z]{2}", x) for x in campaign.languages):
        return "topic is a word, languages are ISO 639-1 codes (quote `no`)"
    return None


def render(campaigns: Mapping[str, Campaign]) -> str:
    """The macro by which models know the campaigns."""
    rows = ",\n    ".join(_row(campaign) for campaign in campaigns.values())
    names = ", ".join(f"'{name}'" for name in campaigns)
    columns = (
        "campaign, topic, priority, every, run_on, open_days, cap_mails, cap_days, holdout_lots, earliest_minute, "
        "latest_minute, languages, fallback_language, goal_days"
    )
    return (
        f"{{#- {SAID} -#}}\n"
        f"{{% macro campaigns() %}}{{{{ return([{names}]) }}}}{{% endmacro %}}\n\n"
        "{# One row per campaign with its settings; a share is in ten-thousandths, a time in minutes of the day. #}\n"
        f"{{% macro campaign_settings() -%}}\n(\n    values\n    {rows}\n) as settings (\n    {columns}\n)\n"
        "{%- endmacro %}\n"
    )


def _row(campaign: Campaign) -> str:
    fallback = f"'{campaign.fallback_language}'" if campaign.fallback_language else "cast(null as varchar)"
    numbers = (campaign.run_on, campaign.open_days, campaign.cap_mails, campaign.cap_days, campaign.holdout_lots,
               campaign.earliest_minute, campaign.latest_minute)  # fmt: skip
    return (
        f"('{campaign.name}', '{campaign.topic}', {campaign.priority}, '{campaign.every}', "
        f"{', '.join(map(str, numbers))}, '{','.join(campaign.languages)}', {fallback}, {campaign.goal_days})"
    )


def generated(project: Path = PROJECT) -> dict[Path, str]:
    """The file that dbt reads of the campaigns and what should stand in it; nothing without a campaign."""
    campaigns = load_all(project)
    return {project / MACRO: render(campaigns)} if campaigns else {}


def _minute(clock: object) -> int:
    found = CLOCK.fullmatch(str(clock))
    if not found or (minute := int(found[1]) * 60 + int(found[2])) > 1440:
        raise ValueError(f'a time of the day is written "08:00", in quotes, not {clock!r}')
    return minute


def _text(value: Any) -> str:  # noqa: ANN401 (YAML holds anything)
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is no text; quote it")
    return value


def _owner(owner: object) -> str:
    return str(owner.get("name")) if isinstance(owner, dict) else str(owner)
