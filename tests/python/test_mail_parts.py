"""The parts of a mail: addresses, tokens, templates, the message on the wire, what an answer means."""

from __future__ import annotations

import base64
import email
import functools
import json
import re
from datetime import datetime, timedelta
from email import policy
from pathlib import Path

import dkim
import duckdb
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from scripts import sources
from scripts.console import Stop
from scripts.mail import addresses, campaigns, message, tokens
from scripts.mail.addresses import BadAddress
from scripts.mail.headlines import Headlines
from scripts.mail.rendering import Letter, Template, Unfit
from scripts.mail.smtp import Answer, is_local

ROOT = Path(__file__).resolve().parent.parent.parent
KEY, SEND_KEY, AT = bytes(32), "0123456789abcdef0123456789abcdef", datetime(2026, 2, 26, 10)
DATA = {
    "listening_report": {
        "month": "2026-01", "streams": 1234, "active_days": 14, "artists": 37, "minutes": 4321,
        "top_artists": [{"id": "a1", "name": 'Kwame <b>O\'Brien</b> & "Co"', "minutes": 99},
                        {"id": "a2", "name": "陽 Shadows", "minutes": 1}],
        "weekdays": [{"weekday": 1, "minutes": 31}, {"weekday": 7, "minutes": 0}],
    },
    "win_back": {"days_away": 34, "streams": 17, "artists": [
        {"id": "a1", "name": "Ann & <i>the</i> Amps", "streams": 2}]},
    "weekly_digest": {
        "tracks": [{"id": "t1", "title": "Rain <3", "artist": "Ann", "because": None},
                   {"id": "t2", "title": "Sun", "artist": "Bea", "because": "Rain & Co"}],
        "headlines": [{"title": "<b>News</b> of the day", "url": "https://news.example/a?b=1", "outlet": "The Paper"}],
    },
    "new_releases": {"count": 12, "releases": [
        {"id": "r1", "title": "Turning <again>", "kind": "ep", "artist": "Freya Novák", "released_on": "2026-02-13"}]},
}  # fmt: skip


@functools.cache
def template(name: str) -> Template:
    return Template(campaigns.load(name), campaigns.sender(), KEY)


def composed(name: str = "win_back", language: str = "en", address: str = "ann@example.com", who: str | None = "Ann"):
    made = template(name)
    rendered = made.render(Letter(SEND_KEY, language, DATA[name], who))
    data = message.compose(rendered, made, SEND_KEY, "2026-W09", addresses.parse(address), who, AT)
    return rendered, data


@pytest.mark.parametrize(
    ("typed", "written"),
    [
        ("ann@example.com", "ann@example.com"),
        (" Ann.Lee+news@Example.COM ", "Ann.Lee+news@example.com"),
        ("ann@bücher.example", "ann@xn--bcher-kva.example"),
        ("ann@straße.example", "ann@xn--strae-oqa.example"),
        ("jürgen@example.com", "jürgen@example.com"),
    ],
)
def test_an_address_as_typed_and_as_it_stands_on_the_wire(typed, written):
    assert str(addresses.parse(typed)) == written


@pytest.mark.parametrize(
    "typed",
    [None, "", " ", 7, "ann", "ann@", "@example.com", "ann@localhost", "ann@192.168.1.1", "ann lee@example.com",
     "ann@example.com\r\nBcc: all@example.com", "ann\n@example.com", "ann@exam ple.com", "a\u200bnn@example.com",
     "ann@example.com>", "<ann@example.com", "ann@example..com", '"ann"@example.com', "ann@example.com,bob@example.com",
     ".ann@example.com", "ann\u2028@example.com", "a" * 65 + "@example.com", "ann@" + "a" * 64 + ".com",
     "ann\x00@example.com",     "ann@example.com\r\nRCPT TO:<all@example.com>", "ann\u202e@example.com"],
)  # fmt: skip
def test_what_names_no_mailbox_or_could_end_a_line_is_refused(typed):
    with pytest.raises(BadAddress):
        addresses.parse(typed)


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=40))
def test_no_address_and_no_name_ends_a_header_or_a_command(text):
    name = addresses.display_name(text)
    assert name is None or not re.search(r"[\x00-\x1f\x7f\u2028\u2029]", name)
    try:
        written = str(addresses.parse(text))
    except BadAddress:
        return
    assert not re.search(r"[\s<>,;\x00-\x1f\x7f]", written)


@settings(max_examples=25, deadline=None)
@given(st.text(max_size=60), st.text(max_size=60))
def test_whatever_a_name_or_a_title_holds_the_headers_are_ours(name, title):
    made = template("win_back")
    data = {**DATA["win_back"], "artists": [{"id": "a1", "name": title, "streams": 1}]}
    rendered = made.render(Letter(SEND_KEY, "en", data, addresses.display_name(name)))
    wire = message.compose(
        rendered, made, SEND_KEY, "2026-W09", addresses.parse("ann@example.com"), addresses.display_name(name), AT
    )
    head = wire.partition(b"\r\n\r\n")[0]
    fields = [line.partition(b":")[0] for line in head.split(b"\r\n") if not line.startswith(b" ")]
    assert b" ".join(fields) == (
        b"From Reply-To To Subject Date Message-ID List-Id List-Unsubscribe List-Unsubscribe-Post Feedback-ID "
        b"Auto-Submitted MIME-Version Content-Type"
    )
    assert b"\r" not in wire.replace(b"\r\n", b"")
    assert b"\n" not in wire.replace(b"\r\n", b"")
    parsed = email.message_from_bytes(wire, policy=policy.default)
    assert [a.addr_spec for a in parsed["To"].addresses] == ["ann@example.com"]


def test_tokens_are_checked_and_the_documents_vectors_hold():
    token = tokens.sign(KEY, SEND_KEY, "digest")
    assert tokens.read(KEY, token) == (SEND_KEY, "digest")
    for forged in (
        token[:-1],
        token + "A",
        token.replace("digest", "offers"),
        token.replace("v1", "v2"),
        "",
        "a.b.c.d",
    ):
        assert tokens.read(KEY, forged) is None
    assert tokens.read(bytes([1] * 32), token) is None
    page = (ROOT / "docs" / "emails.md").read_text(encoding="utf-8")
    vectors = re.findall(r"^\| `([0-9a-f]{64})` \| `([0-9a-f]{32})` \| `([a-z_]+)` \| `(v1\.[^`]+)` \|$", page, re.M)
    assert len(vectors) >= 3
    for key, send_key, topic, expected in vectors:
        assert tokens.sign(bytes.fromhex(key), send_key, topic) == expected


@pytest.mark.parametrize("name", list(DATA))
def test_every_language_of_a_campaign_has_all_its_texts(name):
    for language in campaigns.load(name).languages:
        rendered, wire = composed(name, language)
        assert rendered.subject
        assert rendered.preheader
        assert len(wire) < message.MOST_BYTES
        for part in (rendered.html, rendered.text):
            assert "None" not in part
            assert "{{" not in part


def test_names_are_escaped_where_they_are_markup_and_nowhere_else():
    rendered, _ = composed()
    assert "Ann &amp; &lt;i&gt;the&lt;/i&gt; Amps" in rendered.html
    assert "<i>the</i>" not in rendered.html
    assert "Ann & <i>the</i> Amps" in rendered.text
    assert rendered.subject == "Ann & <i>the</i> Amps is still here"


def test_titles_of_headlines_are_text_in_a_mail():
    rendered, _ = composed("weekly_digest")
    assert "&lt;b&gt;News&lt;/b&gt; of the day" in rendered.html
    assert "<b>News" not in rendered.html
    assert "<b>News</b> of the day" in rendered.text


def test_links_are_absolute_and_say_which_mail_and_which_link():
    rendered, _ = composed()
    links = re.findall(r'href="([^"]+)"', rendered.html)
    assert links
    assert all(link.startswith("https://") for link in links)
    assert any("utm_campaign=win_back" in link and f"mail={SEND_KEY}" in link for link in links)


def test_the_picture_that_counts_openings_stands_in_a_cell():
    """Outside the cells of a table each mail program puts it somewhere else."""
    rendered, _ = composed()
    assert re.search(rf'<td[^>]*><img src="https://[^"]+/{SEND_KEY}\.gif" width="1" height="1" alt=""', rendered.html)


def test_right_to_left_text_is_set_so():
    rendered, wire = composed("listening_report", "ar")
    assert 'dir="rtl"' in rendered.html
    assert "direction:ltr" not in rendered.html
    assert 'lang="ar"' in rendered.html
    assert "<bdi>" in rendered.html
    parsed = email.message_from_bytes(wire, policy=policy.default)
    assert parsed["Subject"] == rendered.subject
    assert parsed.get_body(("plain",)).get_content().splitlines() == rendered.text.splitlines()
    assert parsed.get_body(("html",)).get_content().splitlines() == rendered.html.splitlines()


@pytest.mark.parametrize("hole", ["missing", "null"])
def test_a_value_that_is_not_there_stops_the_mail(hole):
    data = json.loads(json.dumps(DATA["win_back"]))
    if hole == "missing":
        del data["days_away"]
    else:
        data["days_away"] = None
    with pytest.raises(Unfit, match="template"):
        template("win_back").render(Letter(SEND_KEY, "en", data, "Ann"))


def test_headlines_are_those_of_the_hour_or_none(tmp_path, monkeypatch):
    monkeypatch.setenv("NIGHTSHIFT_HOME", str(tmp_path))
    assert Headlines(AT).of("DE") == []
    here = tmp_path / "published" / "hourly" / "current"
    here.mkdir(parents=True)
    rows = ", ".join(
        f"('{edition}', {rank}, timestamp '2026-02-26 09:00:00', '{title}', '{url}', 'The Paper')"
        for edition, rank, title, url in (
            ("world", 2, "Second", "https://news.example/2"), ("world", 1, "First", "https://news.example/1"),
            ("DE", 1, "Erste", "https://news.example/de"), ("DE", 2, "Bad", "javascript:alert(1)"),
        )
    )  # fmt: skip
    columns = "edition, rank, edition_at, title, url, outlet"
    duckdb.execute(
        f"copy (select * from (values {rows}) as t({columns})) to '{here}/headlines.parquet' (format parquet)"
    )
    assert [headline["title"] for headline in Headlines(AT).of("FR")] == ["First", "Second"]
    assert [headline["title"] for headline in Headlines(AT).of("DE")] == ["Erste"]
    late = Headlines(AT + timedelta(days=2))
    assert (late.of("DE"), late.newest) == ([], "those published are of 2026-02-26 09:00, and count for a day")


def test_without_a_name_nobody_called_none_is_greeted():
    rendered, wire = composed(who=None)
    assert "Hello!" in rendered.html
    assert "None" not in rendered.html + rendered.text
    assert b"\r\nTo: ann@example.com\r\n" in wire


def test_the_headers_a_mail_program_needs_to_offer_an_unsubscribe_button():
    _, wire = composed()
    parsed = email.message_from_bytes(wire)
    token = tokens.sign(KEY, SEND_KEY, "offers")
    assert re.findall("<([^>]+)>", parsed["List-Unsubscribe"]) == [
        f"https://mail.example.com/unsubscribe/{token}",
        f"mailto:unsubscribe@mail.example.com?subject={token}",
    ]
    assert parsed["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert parsed["Message-ID"] == f"<{SEND_KEY}@mail.example.com>"
    assert parsed["List-Id"] == "<offers.mail.example.com>"
    assert parsed["Feedback-ID"] == "win_back:2026-W09:offers:nightshift"
    assert parsed["Auto-Submitted"] == "auto-generated"


def test_a_mail_too_big_to_be_shown_whole_is_not_sent():
    made = template("win_back")
    artists = [{"id": f"a{n}", "name": "x" * 100, "streams": 1} for n in range(300)]
    rendered = made.render(Letter(SEND_KEY, "en", {**DATA["win_back"], "artists": artists}, "Ann"))
    with pytest.raises(Unfit, match="bytes"):
        message.compose(rendered, made, SEND_KEY, "2026-W09", addresses.parse("ann@example.com"), "Ann", AT)


def test_the_signature_covers_the_unsubscribe_headers(tmp_path, monkeypatch):
    key = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    (tmp_path / "key.pem").write_bytes(pem)
    monkeypatch.setenv(message.DKIM_KEY, str(tmp_path / "key.pem"))
    with pytest.raises(Stop, match=message.DKIM_SELECTOR):
        message.Signer.configured(campaigns.sender())
    monkeypatch.setenv(message.DKIM_SELECTOR, "s1")
    signer = message.Signer.configured(campaigns.sender())
    public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    record = b"v=DKIM1; k=rsa; p=" + base64.b64encode(public)
    signed = signer.sign(composed()[1])
    assert dkim.verify(signed, minkey=1024, dnsfunc=lambda name, timeout=5: record)
    covered = re.search(rb"h=([^;]+);", signed.partition(b"\r\n\r\n")[0].replace(b"\r\n", b"")).group(1)
    names = {name.strip() for name in covered.split(b":")}
    assert {b"list-unsubscribe", b"list-unsubscribe-post", b"from", b"subject", b"to"} <= names
    for changed in (
        signed.replace(b"List-Unsubscribe-Post: List-Unsubscribe=One-Click", b"List-Unsubscribe-Post: No"),
        signed.replace(b"List-Unsubscribe: <https://mail", b"List-Unsubscribe: <https://evil"),
    ):
        assert changed != signed
        assert not dkim.verify(changed, minkey=1024, dnsfunc=lambda name, timeout=5: record)


@pytest.mark.parametrize(
    ("kind", "enhanced", "verdict"),
    [
        ("refused", "5.1.1", "bad_mailbox"),
        ("refused", "5.1.10", "bad_mailbox"),
        ("refused", "5.2.1", "bad_mailbox"),
        ("refused", "5.2.2", None),
        ("refused", "5.1.8", "policy"),
        ("refused", "5.7.1", "policy"),
        ("refused", "5.7.509", "policy"),
        ("refused", None, None),
        ("later", "4.1.1", None),
        ("accepted", "2.1.5", None),
    ],
)
def test_only_codes_of_a_bad_mailbox_mean_one(kind, enhanced, verdict):
    assert Answer(kind, 550, enhanced).verdict == verdict


@pytest.mark.parametrize(
    ("host", "here"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("localhost.example.com", False), ("10.0.0.1", False)],
)
def test_this_machine_is_known_by_its_own_names_only(host, here):
    assert is_local(host) is here


def test_links_of_other_kinds_stop_the_mail():
    made = template("win_back")
    with pytest.raises(ValueError, match="no link"):
        made._link(SEND_KEY, "javascript://alert(1)", "x")
    assert made._link(SEND_KEY, "https://news.example/a?b=1 2&c=é#top", "x").startswith(
        "https://news.example/a?b=1%202&c=%C3%A9&utm_source=nightshift"
    )


def test_what_models_know_of_the_campaigns_is_up_to_date():
    assert not [path for path in sources.outdated() if path.name == "campaigns.sql"]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (("holdout_share: 0.2", "holdout_share: 1"), "holdout_share"),
        (('from: "10:00"', 'from: "20:00"'), "window"),
        (('from: "10:00"', "from: 10:00"), "quotes"),
        (("day: 4", "day: 9"), "schedule.day"),
        (("priority: 40", "prioritty: 40"), "priority"),
        (("goal_days: 14", "goal_days: 14\n          colour: red"), "colour"),
        (("fallback_language: en", "fallback_language: sv"), "fallback_language"),
    ],
)
def test_a_wrong_setting_is_said(tmp_path, change, problem):
    folder = tmp_path / "win_back"
    folder.mkdir()
    text = (ROOT / "campaigns" / "win_back" / "campaign.yml").read_text()
    assert change[0] in text
    (folder / "campaign.yml").write_text(text.replace(*change))
    with pytest.raises(Stop, match=problem):
        campaigns.read(folder)
