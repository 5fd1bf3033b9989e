"""Stories, ranks and pages of the hour, by the models' own SQL over rows of a test."""

from __future__ import annotations

import json
import math
import random
from datetime import datetime, timedelta

import feedparser
import jsonschema
import pytest
from compiled import Models
from hypothesis import given, settings
from hypothesis import strategies as st

from scripts.console import USAGE, Stop
from scripts.models import stories
from scripts.news.pages import SCHEMA, edition_files

HOUR = datetime(2026, 3, 1, 14)
GOX = [
    "Mt. Gox files for U.S. bankruptcy protection",
    "Bitcoin exchange Mt. Gox seeks bankruptcy protection in Dallas",
    "Mt. Gox bankruptcy filing halts bitcoin class action",
]
CHIQUITA = [
    "Chiquita and Fyffes agree on banana merger",
    "Banana merger: Chiquita joins Ireland's Fyffes",
    "Chiquita Fyffes merger makes world's largest banana company",
]
CARS = [
    "Jeep recalls pickup trucks over faulty brakes",
    "Faulty brakes: Jeep pickup trucks recalled",
    "Recall of Jeep pickup trucks over brakes widens",
]


@pytest.fixture(scope="module")
def models() -> Models:
    return Models()


def article(number: int, title: str | None, at: datetime = HOUR, **other: object) -> dict[str, object]:
    """One version of an article, as landed."""
    row = {
        "article_id": f"n{number:03}", "outlet": f"outlet-{number}", "title": title, "language": "en", "country": "US",
        "section": "music", "url": f"https://outlet-{number}.example/{number}", "published_at": at, "updated_at": at,
        "is_retracted": False,
    }  # fmt: skip
    return {**row, **other}


def read(
    number: int, article_id: str, reader: str, event: str = "read", dwell: int | None = 30_000, country: str = "US"
):
    return {
        "event_id": f"e{number}", "article_id": article_id, "reader_id": reader, "event": event, "country": country,
        "dwell_ms": dwell, "occurred_at": HOUR,
    }  # fmt: skip


def headlines(models: Models, articles, events=(), overrides=(), hour: datetime = HOUR) -> list[dict]:
    """The editions of an hour over these rows."""
    models.clear()
    models.insert("newsroom.articles", articles)
    models.insert("newsroom.reader_events", events)
    models.insert("editorial.headline_overrides", overrides)
    connection = models.connection
    connection.execute("create schema if not exists ops")
    connection.execute(f"create or replace table ops.edition_hour as select timestamp '{hour}' as hour")
    models.run("int_news__terms")
    stories.fold(connection, models.nodes["int_news__stories"]["compiled_code"])
    models.made.add("int_news__stories")
    models.run("headlines_now", keep=("int_news__stories",))
    found = connection.execute("select * from news.headlines_now order by edition, rank")
    names = [column[0] for column in found.description]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def world(rows: list[dict]) -> list[dict]:
    return [row for row in rows if row["edition"] == "world"]


def story_of(models: Models) -> dict[str, str]:
    return dict(models.rows("select article_id, story_id from intermediate.int_news__article_stories"))


def last_story_of(models: Models) -> dict[str, str]:
    """As the fold left it, however long ago."""
    folded = "select article_id, arg_max(story_id, hour) from intermediate.int_news__stories group by article_id"
    return dict(models.rows(folded))


def three_events() -> list[dict]:
    return [article(n, title) for n, title in enumerate(GOX + CHIQUITA + CARS)]


def test_outlets_that_tell_the_same_event_are_one_story(models):
    found = world(headlines(models, three_events()))
    of = story_of(models)
    assert len({of[f"n{n:03}"] for n in (0, 1, 2)}) == len({of[f"n{n:03}"] for n in (3, 4, 5)}) == 1
    assert len(set(of.values())) == 3
    assert [row["outlets"] for row in found] == [3, 3, 3]


def test_a_story_keeps_its_id_while_articles_join(models):
    headlines(models, three_events())
    before = story_of(models)
    later = HOUR + timedelta(hours=2)
    headlines(models, [*three_events(), article(20, "Mt. Gox bankruptcy: judge hears bitcoin case", later)], hour=later)
    after = story_of(models)
    assert {key: after[key] for key in before} == before
    assert after["n020"] == before["n000"]


def test_two_stories_become_one_when_evidence_comes_and_the_redirect_stays(models):
    first = [article(1, "Senator Brown resigns"), article(2, "Fannie Mae shares collapse sharply"), *three_events()[3:]]
    headlines(models, first)
    apart = story_of(models)
    assert apart["n001"] != apart["n002"]
    later = HOUR + timedelta(hours=1)
    bridge = [
        article(n, "Senator Brown resigns: Fannie Mae shares collapse sharply", later, url=f"https://b{n}.example/")
        for n in range(30, 34)
    ]
    headlines(models, [*first, *bridge], hour=later)
    together = story_of(models)
    assert together["n001"] == together["n002"] == min(apart["n001"], apart["n002"])
    redirects = models.rows(
        "select distinct former_story_id, story_id from intermediate.int_news__stories "
        "where former_story_id is not null"
    )
    assert redirects == [(max(apart["n001"], apart["n002"]), together["n001"])]


def test_a_story_takes_along_its_articles_of_long_ago_and_corrections_find_them(models):
    """Two stories told for days become one; what is told in the end was said first when it is out of reach by now."""
    start = HOUR - timedelta(hours=82)
    rows = [article(90 + n, title, start) for n, title in enumerate(CARS)]
    for number in range(80):
        title = f"whatever{number} else{number} happens{number}"
        rows.append(article(500 + number, title, start + timedelta(hours=number)))
    for number in range(5):
        titles = ("Senator Brown resigns", "Fannie Mae shares collapse sharply", "Volcano erupts in Iceland")
        at = start + timedelta(hours=20 * number)
        rows += [article(100 * n + number, title, at) for n, title in enumerate(titles)]
    before = HOUR - timedelta(hours=1)
    headlines(models, rows, hour=before)
    apart = last_story_of(models)
    assert apart["n000"] == apart["n004"] != apart["n100"] == apart["n104"]
    bridge = [article(30 + n, "Senator Brown resigns: Fannie Mae shares collapse sharply") for n in range(4)]
    gone = "n000" if apart["n000"] > apart["n100"] else "n100"
    corrections = [
        article(50, "Correction: whose shares", correction_of=gone),
        article(51, "Correction: how many", correction_of="n091"),
    ]
    headlines(models, [*rows, *bridge, *corrections])
    together = last_story_of(models)
    story = min(apart["n000"], apart["n100"])
    assert {together[f"n{n:03}"] for n in (0, 4, 100, 104, 30)} == {story}
    live = dict(models.rows("select article_id, story_id from intermediate.int_news__live_articles"))
    assert (live["n050"], live["n051"]) == (story, apart["n091"])
    of = story_of(models)
    assert (of[gone], of["n091"]) == (story, apart["n091"])
    assert "n090" not in of, "out of reach, and nobody points at it"
    merge = {"override_id": "o1", "action": "merge", "article_id": "n090", "other_article_id": "n204",
             "decided_by": "desk", "decided_at": HOUR}  # fmt: skip
    headlines(models, [*rows, *bridge, *corrections], overrides=[merge])
    of = story_of(models)
    assert of["n090"] == of["n204"] == min(apart["n090"], apart["n204"])


@settings(max_examples=5)
@given(seed=st.integers(0, 1000))
def test_the_order_of_rows_and_copies_of_them_change_nothing(models, seed):
    rows = three_events()
    expected = headlines(models, rows)
    shuffled = rows + random.Random(seed).sample(rows, 3)
    random.Random(seed).shuffle(shuffled)
    assert headlines(models, shuffled) == expected


@pytest.mark.parametrize("times", [300, pytest.param(10_000, marks=pytest.mark.nightly)])
def test_an_outlet_that_floods_is_one_voice(models, times):
    flood = [article(100 + n, "Ten reasons to listen today", outlet="flood", section="live") for n in range(times)]
    found = world(headlines(models, [*three_events(), *flood]))
    assert sum(row["outlet"] == "flood" for row in found) == 1
    assert found[-1]["outlet"] == "flood"
    assert found[-1]["outlets"] == 1


def test_a_megabyte_of_text_is_cut_and_its_story_is_found(models):
    long = "Chiquita and Fyffes agree on banana merger " + "padding " * 131_000
    rows = [*three_events(), article(40, long, lead="word " * 200_000)]
    headlines(models, rows)
    of = story_of(models)
    assert "n040" in of
    (lead,) = models.rows("select max(length(lead)) from intermediate.int_news__versions")[0]
    assert lead == 2000
    shown = models.rows("select title from intermediate.int_news__versions where article_id = 'n040'")[0][0]
    assert len(shown) == 500
    assert shown.endswith("…")
    assert max(len(row["title"]) for row in world(headlines(models, rows))) <= 500
    terms = models.rows("select count(*) from intermediate.int_news__terms where article_id = 'n040'")
    assert terms[0][0] < 1000


def test_the_same_address_with_other_text_is_shown_once(models):
    rows = three_events()
    rows.append(article(41, "Volcano erupts in Iceland", url=rows[3]["url"], outlet="outlet-3"))
    found = world(headlines(models, rows))
    of = story_of(models)
    assert of["n041"] not in {of["n003"]}
    assert [row["url"] for row in found].count(rows[3]["url"]) == 1


def test_on_top_no_outlet_is_there_twice_and_no_section_more_than_three_times(models):
    words = [
        "apricot",
        "bicycle",
        "cathedral",
        "dolphin",
        "elephant",
        "fountain",
        "giraffe",
        "harbour",
        "island",
        "jungle",
    ]
    rows = [
        article(n, f"{word} {word}s {word}ing", outlet=f"outlet-{n % 6}", section=("music", "live", "culture")[n % 3])
        for n, word in enumerate(words)
    ]
    found = world(headlines(models, rows))
    top = [row["outlet"] for row in found[:5]]
    assert len(set(top)) == 5
    sections = [row["section"] for row in found]
    assert max(sections.count(section) for section in sections) == 3
    assert [row["rank"] for row in found] == list(range(1, len(found) + 1))


def test_a_retracted_article_a_correction_and_a_banned_one_never_lead(models):
    rows = three_events()
    rows.append({**rows[0], "updated_at": HOUR + timedelta(minutes=20), "is_retracted": True})
    rows.append(article(50, "Correction: Chiquita and Fyffes", HOUR + timedelta(minutes=10), correction_of="n003"))
    ban = {"override_id": "o1", "action": "ban", "article_id": "n006", "decided_by": "desk", "decided_at": HOUR}
    found = world(headlines(models, rows, overrides=[ban]))
    assert {row["article_id"] for row in found} == {"n001", "n003", "n007"}
    corrected = next(row for row in found if row["article_id"] == "n003")
    assert corrected["correction_title"] == "Correction: Chiquita and Fyffes"


def test_editors_pin_split_and_merge(models):
    def decision(number: int, action: str, article_id: str, **other: object) -> dict[str, object]:
        return {"override_id": f"o{number}", "action": action, "article_id": article_id, "decided_by": "desk",
                "decided_at": HOUR, **other}  # fmt: skip

    pin = decision(1, "pin", "n007", country="US", expires_at=HOUR + timedelta(hours=3))
    found = headlines(models, three_events(), [read(1, "n000", "r1")], [pin])
    us = [row for row in found if row["edition"] == "US"]
    assert us[0]["is_pinned"] and us[0]["title"] in CARS
    assert not any(row["is_pinned"] for row in world(found))
    headlines(models, three_events(), overrides=[decision(2, "split", "n002"),
                                                 decision(3, "merge", "n003", other_article_id="n006")])  # fmt: skip
    of = story_of(models)
    assert of["n002"] not in (of["n000"], of["n003"])
    assert of["n003"] == of["n006"] == of["n008"]


def test_readers_move_a_story_and_machines_do_not(models):
    people = [read(n, "n003", f"reader-{n}") for n in range(15)]
    people += [read(50 + n, "n000", f"reader-{n}", event="impression", dwell=None) for n in range(15)]
    assert world(headlines(models, three_events(), people))[0]["title"] in CHIQUITA
    plain = world(headlines(models, three_events()))
    machine = [read(n, "n003", "machine", dwell=200) for n in range(60)]
    machine += [read(100 + n, "n003", "patient machine") for n in range(60)]
    assert [(r["title"], r["score"]) for r in world(headlines(models, three_events(), machine))] == [
        (r["title"], r["score"]) for r in plain
    ]


@pytest.mark.parametrize("formula", ["hacker_news", "reddit_hot"])
def test_the_formulas_of_others_rank_as_they_were_published(models, formula):
    rows = [*three_events()[:4], article(70, "Glacier melts in Norway", HOUR - timedelta(hours=9))]
    readers = [read(n, "n070", f"reader-{n}") for n in range(40)]
    headlines(models, rows, readers)
    models.connection.execute("update seeds.headline_ranking set is_used = formula = ?", [formula])
    models.run("headlines_now", keep=("int_news__stories",))
    found = models.rows(
        "select scores.story_id, outlets, read, newest_at, score from intermediate.int_news__scores as scores "
        "inner join intermediate.int_news__edition_stories as stories using (edition, story_id, outlets, read) "
        "where edition = 'world'"
    )
    models.made.discard("headline_ranking")
    assert sorted((outlets, read) for _, outlets, read, _, _ in found) == [(1, 0), (1, 40), (3, 0)]
    now = HOUR + timedelta(hours=1)
    for _, outlets, read_by, newest_at, score in found:
        if formula == "hacker_news":  # (points - 1) / (hours + 2) ** 1.8
            hours = (now - newest_at).total_seconds() / 3600
            expected = (outlets + read_by - 1) / (hours + 2) ** 1.8
        else:  # log10 of the points, and the seconds since a day in 2005 of which 45,000 count as ten times the points
            seconds = (newest_at - datetime(2005, 12, 8, 7, 46, 43)).total_seconds()
            expected = math.log10(outlets + read_by) + seconds / 45_000
        assert float(score) == pytest.approx(expected, abs=1e-6)


def test_what_happened_after_the_hour_is_not_seen_and_tomorrow_is_today(models):
    later = article(60, "Volcano erupts in Iceland", HOUR + timedelta(hours=1))
    dated = article(61, "Glacier melts in Norway", HOUR, published_at=HOUR + timedelta(days=1), section="live")
    found = world(headlines(models, [*three_events(), later, dated]))
    assert "n060" not in {row["article_id"] for row in found}
    assert next(row for row in found if row["article_id"] == "n061")["published_at"] == HOUR


def test_pages_feed_and_json_hold_a_hostile_title_as_text():
    title = "<script>alert('x')</script> & \"quotes\" \x07\u202e"
    row = {
        "edition": "world", "edition_at": HOUR, "rank": 1, "story_id": "20260301T14-aa", "article_id": "n1",
        "title": title, "url": "javascript:alert(1)", "outlet": "a<b", "section": "music", "language": "en",
        "reason_text": "1 outlet", "outlets": 1, "published_at": HOUR, "score": "1.000000", "formula": "nightshift",
        "is_pinned": False, "correction_title": "<i>no</i>", "correction_url": "https://x.example/?a=1&b=\"2",
    }  # fmt: skip
    files = edition_files(HOUR, {"world": [row]})
    page = files["world.html"].decode()
    assert "<script>" not in page and "javascript:" not in page and "<i>" not in page
    assert 'href="https://x.example/?a=1&amp;b=&#34;2"' in page
    feed = feedparser.parse(files["world.atom"])
    assert not feed.bozo
    assert feed.entries[0].title.startswith("<script>") or "&lt;script&gt;" in feed.entries[0].title
    assert feed.entries[0].link.startswith("https://")
    document = json.loads(files["world.json"])
    jsonschema.validate(document, json.loads(SCHEMA.read_text()))
    again = json.loads(edition_files(HOUR + timedelta(hours=1), {"world": [row]})["world.json"])
    assert again["content_hash"] == document["content_hash"]


def test_b_cubed_by_hand():
    # three of one story, one of another; found: two and two
    truth = {"a": "1", "b": "1", "c": "1", "d": "2"}
    found = stories.b_cubed(truth, {"a": 1, "b": 1, "c": 2, "d": 2})
    assert found["bcubed_precision"] == pytest.approx((1 + 1 + 1 / 2 + 1 / 2) / 4)
    assert found["bcubed_recall"] == pytest.approx((2 / 3 + 2 / 3 + 1 / 3 + 1) / 4)


def test_a_foreign_file_is_read_whatever_its_order_and_its_gaps(tmp_path):
    lines = ["1,One,s1,2014-03-10 16:52:50.698", "2,Two,s1,2014-03-10T17:00:00Z", ",Three,s2,1394470371207"]
    head = "ID,TITLE,STORY,PUBLISHED_AT\n"
    (tmp_path / "a.csv").write_text(head + "\n".join(lines) + "\n")
    (tmp_path / "b.csv").write_text(head + "\n".join(reversed(lines)) + "\n\n9,Bad,s1,yesterday\n8,None,,2014-03-10\n")
    (tmp_path / "c.csv").write_text("ID,STORY\n1,s\n")
    (tmp_path / "d.csv").write_text(head)
    first, second = (stories.read_articles(tmp_path / name) for name in ("a.csv", "b.csv"))
    assert first.articles == second.articles
    assert first.truth == second.truth
    assert dict(second.left_out) == {"without a readable time": 1, "without a story": 1}
    for name in ("c.csv", "d.csv"):
        with pytest.raises(Stop) as stopped:
            stories.read_articles(tmp_path / name)
        assert stopped.value.code == USAGE


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_foreign_file_is_read_whatever_it_is_written_in(tmp_path, encoding, delimiter):
    lines = [
        ["STORY", "TIMESTAMP", "Title", "CATEGORY"],
        ["s1", "1394470371207", f'"Café, {delimiter} über alles"', "b"],
        ["s2", "1394470371"],
    ]
    path = tmp_path / "articles.csv"
    path.write_bytes("\r\n".join(delimiter.join(line) for line in lines).encode(encoding))
    read = stories.read_articles(path)
    assert [article.title for article in read.articles] == ["", f"Café, {delimiter} über alles"]
    assert {f"{article.published_at:%H:%M:%S}" for article in read.articles} == {"16:52:51"}
    assert sorted(read.truth.values()) == ["s1", "s2"]
