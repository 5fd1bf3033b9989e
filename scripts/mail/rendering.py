"""A campaign's templates and one listener's data become subject, preheader, HTML and plain text.

MJML with Jinja; the HTML is made by mrml. Nothing undefined and no null gets into a mail: either stops that mail.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

import jinja2
import mrml
import yaml

from scripts.home import PROJECT
from scripts.mail import tokens
from scripts.mail.campaigns import Campaign, Sender

LAYOUT = "_layout"
RIGHT_TO_LEFT = frozenset({"ar", "dv", "fa", "he", "ps", "ur", "yi"})
LONGEST_SUBJECT = 180
UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]")
BLANK_LINES = re.compile(r"\n{3,}")


class Unfit(Exception):
    """This mail is not sent, and why."""


@dataclass(frozen=True)
class Rendered:
    """What is said, before it is a message."""

    subject: str
    preheader: str
    html: str
    text: str


@dataclass(frozen=True)
class Letter:
    """What a mail is made of: whom it is for and what the outbox says of it."""

    send_key: str
    language: str
    data: Mapping[str, Any]
    name: str | None = None


class Template:
    """One campaign's templates, compiled once."""

    def __init__(self, campaign: Campaign, sender: Sender, key: bytes, project: Path = PROJECT) -> None:
        self.campaign, self.sender, self.key = campaign, sender, key
        root = project / "campaigns"
        loader = jinja2.FileSystemLoader(root)
        self.html_environment = _environment(loader, autoescape=True)
        self.text_environment = _environment(loader, autoescape=False)
        self.html = self.html_environment.get_template(f"{campaign.name}/mail.mjml.j2")
        self.text = self.text_environment.get_template(f"{campaign.name}/mail.txt.j2")
        shared, own = _texts(root / LAYOUT / "texts.yml"), _texts(root / campaign.name / "texts.yml")
        self.words = {code: {**shared.get(code, {}), **own.get(code, {})} for code in campaign.languages}
        self._compiled = functools.cache(self._compile)

    def render(self, letter: Letter) -> Rendered:
        """The mail for one listener, or ``Unfit``."""
        if letter.language not in self.words:
            raise Unfit(f"the campaign has no texts in {letter.language}")
        try:
            plain = self._context(letter, self.text_environment)
            subject = " ".join(plain["t"]("subject").split())
            preheader = " ".join(plain["t"]("preheader").split())
            if len(subject) > LONGEST_SUBJECT:
                subject = subject[: LONGEST_SUBJECT - 1].rstrip() + "…"
            said = {"subject": subject, "preheader": preheader}
            text = self.text.render(plain | said)
            mjml = self.html.render(self._context(letter, self.html_environment) | said)
        except (jinja2.TemplateError, KeyError, IndexError, TypeError, ValueError) as error:
            raise Unfit(f"template: {type(error).__name__}: {error}") from None
        if not subject:
            raise Unfit("template: the subject is empty")
        try:
            html = str(mrml.to_html(mjml).content)
        except OSError as error:
            raise Unfit(f"template: no MJML: {error}") from None
        return Rendered(subject, preheader, html, BLANK_LINES.sub("\n\n", text).strip() + "\n")

    def unsubscribe_token(self, send_key: str) -> str:
        """What the unsubscribe link of a mail carries."""
        return tokens.sign(self.key, send_key, self.campaign.topic)

    def _context(self, letter: Letter, environment: jinja2.Environment) -> dict[str, Any]:
        token = self.unsubscribe_token(letter.send_key)
        is_reversed = letter.language in RIGHT_TO_LEFT
        context: dict[str, Any] = {
            **_clean(letter.data),
            "language": letter.language,
            "direction": "rtl" if is_reversed else "ltr",
            "start": "right" if is_reversed else "left",
            "end": "left" if is_reversed else "right",
            "topic": self.campaign.topic,
            "sender": self.sender,
            "unsubscribe_url": f"{self.sender.unsubscribe}/{quote(token)}",
            "open_url": f"{self.sender.opens}/{letter.send_key}.gif" if self.campaign.track_opens else "",
            "link": functools.partial(self._link, letter.send_key),
            "words": functools.partial(self._words, letter.language),
            "date": functools.partial(self._date, letter.language),
        }
        if letter.name:
            context["name"] = letter.name
        context["t"] = self._translate(letter.language, environment, context)
        return context

    def _translate(self, language: str, environment: jinja2.Environment, context: dict[str, Any]) -> Callable:
        def t(key: str) -> str:
            text = self._compiled(environment.autoescape, language, key).render(context)
            return jinja2.utils.markupsafe.Markup(text) if environment.autoescape else text

        return t

    def _compile(self, is_html: bool, language: str, key: str) -> jinja2.Template:
        environment = self.html_environment if is_html else self.text_environment
        return environment.from_string(str(self._words(language, key)), globals={"thousands": self.words[language]})

    def _words(self, language: str, key: str) -> Any:  # noqa: ANN401 (a text, or a list or mapping of texts)
        try:
            return self.words[language][key]
        except KeyError:
            raise jinja2.UndefinedError(f"there is no text {key!r} in {language}") from None

    def _date(self, language: str, day: str) -> str:
        found = date.fromisoformat(day)
        return f"{found.day}{'.' if language == 'de' else ''} {self._words(language, 'months')[found.month - 1]}"

    def _link(self, send_key: str, target: str, name: str) -> str:
        """An absolute link that says which mail and which link of it were followed."""
        parts = urlsplit(target if "://" in target else f"{self.sender.site}/{target.lstrip('/')}")
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise ValueError(f"{target!r} is no link for a mail")
        said = {"utm_source": "nightshift", "utm_medium": "email", "utm_campaign": self.campaign.name}
        own = urlencode({**said, "utm_content": name, "mail": send_key})
        path = quote(parts.path, safe="/%:@!$&'()*+,;=~-._")
        query = quote(parts.query, safe="/%:@!$&'()*+,;=~-._?")
        return urlunsplit((parts.scheme, parts.netloc, path, f"{query}&{own}" if query else own, parts.fragment))


def _environment(loader: jinja2.BaseLoader, autoescape: bool) -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=loader,
        autoescape=autoescape,
        undefined=jinja2.StrictUndefined,
        finalize=_no_null,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["number"] = _number
    return environment


def _no_null(value: Any) -> Any:  # noqa: ANN401 (whatever a template says)
    if value is None:
        raise jinja2.UndefinedError("a null would stand in the mail")
    return value


@jinja2.pass_context
def _number(context: jinja2.runtime.Context, value: Any) -> str:  # noqa: ANN401 (whatever the data holds)
    """A whole number with the language's mark between thousands."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{value!r} is no whole number")
    return f"{value:,}".replace(",", context["words"]("thousands"))


def _clean(value: Any) -> Any:  # noqa: ANN401 (JSON)
    """Data without characters that no markup may hold: they become spaces."""
    if isinstance(value, str):
        return UNPRINTABLE.sub(" ", value)
    if isinstance(value, Mapping):
        return {key: _clean(part) for key, part in value.items()}
    return [_clean(part) for part in value] if isinstance(value, list) else value


def _texts(path: Path) -> dict[str, dict[str, Any]]:
    return yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else {}
