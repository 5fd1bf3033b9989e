"""The newsroom: stories told by many outlets over days, corrections, retractions, readers and their bots."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from . import names, world
from .catalog import Catalog
from .columns import seconds
from .keyed import generator, hashed, hex_text, pick, unit, weighted
from .news_texts import EVENTS, LEADS, OUTLET_NAMES, OUTLETS
from .settings import DAY, Settings

LANGUAGES = ("en", "de", "fr")
LANGUAGE_SHARE = (0.74, 0.15, 0.11)
PER_LANGUAGE = 20
STORY_DAYS = 3
READ_DAYS = 5
BIG = 1_000_000


@dataclass
class Batch:
    """The articles of all stories that begin on a day, every version a row, in no order."""

    table: pa.Table
    updated: np.ndarray
    published: np.ndarray
    story: np.ndarray
    interest: np.ndarray


@dataclass
class News:
    """Articles, reader events and editors' decisions."""

    settings: Settings
    catalog: Catalog

    def __post_init__(self) -> None:
        self.batch = lru_cache(READ_DAYS + 3)(self._batch)
        self.events = lru_cache(READ_DAYS + 3)(self._events)
        best = np.argsort(self.catalog.artist_rank)[: max(50, len(self.catalog.artist_rank) // 20)]
        self._stars = self.catalog.artist_name.take(pa.array(best))
        self._texts = [
            (language, section, variants)
            for language in LANGUAGES
            for _, section, variants in EVENTS[language]
        ]  # fmt: skip
        self._of_language = [np.flatnonzero([t[0] == name for t in self._texts]) for name in LANGUAGES]

    def _batch(self, day: int) -> Batch:
        settings = self.settings
        rng = generator(settings.seed, "news", day)
        count = max(5, settings.plays_per_day // 400)
        size = np.minimum(np.maximum(1, rng.pareto(1.1, count) * 2).astype(np.int64), PER_LANGUAGE - 2)
        language = weighted(LANGUAGE_SHARE, rng.random(count))
        kind = np.zeros(count, dtype=np.int64)
        for number, kinds in enumerate(self._of_language):
            mine = language == number
            kind[mine] = kinds[rng.integers(0, len(kinds), mine.sum())]
        begin = settings.midnight(day) + rng.integers(0, DAY, count)
        interest = rng.lognormal(0, 0.9, count)
        fill = {
            "{A}": self._stars.take(pa.array((rng.random(count) ** 1.7 * len(self._stars)).astype(np.int64))),
            "{B}": names.titles(rng, count),
            "{C}": pc.replace_substring(pick(names.CITIES, rng.integers(0, len(names.CITIES), count)), "-", " "),
            "{N}": pa.array(rng.integers(2, 90, count)).cast(pa.string()),
            "{D}": pa.array([str(settings.date(day))] * count),
        }
        story = np.repeat(np.arange(count), size)
        rows = len(story)
        position = np.arange(rows) - np.repeat(np.cumsum(size) - size, size)
        first = rng.integers(0, PER_LANGUAGE, count)
        outlet = language[story] * PER_LANGUAGE + (first[story] + position * 7) % PER_LANGUAGE
        published = begin[story] + np.where(position == 0, 0, rng.exponential(5 * 3600, rows).astype(np.int64) + 300)
        published = np.minimum(published, begin[story] + (STORY_DAYS - 1) * DAY - 3600)
        title = self._phrase([self._texts[k][2] for k in kind], fill, story, rng.integers(0, 1 << 20, rows))
        lead = self._phrase([LEADS[LANGUAGES[n]] for n in language], fill, story, rng.integers(0, 1 << 20, rows))
        table = self._columns(day, rows, 0, title, lead, outlet, published)
        section = pick([t[1] for t in self._texts], kind[story])
        columns = {"section": section, "language": pick(LANGUAGES, language[story]), "story": story}
        whole = self._second_thoughts(rng, day, table, columns, published, outlet)
        whole.interest = interest[whole.story]
        return self._accidents(rng, day, whole)

    @staticmethod
    def _phrase(
        variants: list[tuple[str, ...]], fill: dict[str, pa.Array], story: np.ndarray, draw: np.ndarray
    ) -> pa.Array:
        """Texts with the names of the story filled in; one expression for each phrasing."""
        lengths = np.array([len(v) for v in variants])
        index = {text: n for n, text in enumerate(dict.fromkeys(t for v in variants for t in v))}
        offset = np.array([index[v[0]] for v in variants])
        chosen = offset[story] + draw % lengths[story]
        order, made = [], []
        for text, number in index.items():
            rows = np.flatnonzero(chosen == number)
            if not len(rows):
                continue
            who = pa.array(story[rows])
            pieces: list[pa.Array | str] = [""]
            for piece in text.replace("{", "\0{").replace("}", "}\0").split("\0"):
                pieces.append(fill[piece].take(who) if piece in fill else piece)
            joined = pc.binary_join_element_wise(*pieces, "")
            made.append(joined if isinstance(joined, pa.Array) else pa.array([joined.as_py()] * len(rows)))
            order.append(rows)
        whole = pa.concat_arrays(made)
        return whole.take(pa.array(np.argsort(np.concatenate(order), kind="stable")))

    def _columns(self, day: int, rows: int, offset: int, title: pa.Array, lead: pa.Array, outlet: np.ndarray,
                 published: np.ndarray) -> pa.Table:  # fmt: skip
        number = np.arange(offset, offset + rows)
        ids = hex_text(hashed(self.settings.seed, "article", np.full(rows, day), number), "n", 14)
        name = self._outlets()
        shown = name.take(pa.array(outlet))
        url = pc.binary_join_element_wise("https://", shown, ".example/", str(self.settings.date(day)), "/", ids, "")
        countries = [
            OUTLETS[language][n % len(OUTLETS[language])] for language in LANGUAGES for n in range(PER_LANGUAGE)
        ]
        return pa.table(
            {
                "article_id": ids, "outlet": shown, "title": title, "lead": lead, "url": url,
                "country": pick(countries, outlet), "published_at": seconds(published),
                "correction_of": pa.nulls(rows, pa.string()), "is_retracted": pa.array(np.zeros(rows, dtype=bool)),
            }
        )  # fmt: skip

    @staticmethod
    def _outlets() -> pa.Array:
        return pa.array([f"{word}-{language}" for language in LANGUAGES for word in OUTLET_NAMES[:PER_LANGUAGE]])

    def _second_thoughts(
        self,
        rng: np.random.Generator,
        day: int,
        table: pa.Table,
        columns: dict,
        published: np.ndarray,
        outlet: np.ndarray,
    ) -> Batch:
        """Articles as first seen, later versions of some, corrections, retractions."""
        rows = table.num_rows
        story = columns.pop("story")
        for name, values in columns.items():
            table = table.append_column(name, values)
        seen = published + rng.integers(10, 600, rows)
        draw = rng.random(rows)
        parts, updated, when, of = [table], [seen], [published], [story]

        def again(which: np.ndarray, changed: pa.Table, later: np.ndarray, published_at: np.ndarray) -> None:
            parts.append(changed)
            updated.append(later)
            when.append(published_at)
            of.append(story[which])

        edited = np.flatnonzero(draw < 0.02)
        if len(edited):
            part = table.take(pa.array(edited))
            better = pc.binary_join_element_wise(part["title"].combine_chunks(), "(updated)", " ")
            changed = part.set_column(part.column_names.index("title"), "title", better)
            again(edited, changed, seen[edited] + rng.integers(600, 5 * 3600, len(edited)), published[edited])
        wrong = np.flatnonzero((draw >= 0.02) & (draw < 0.034))
        if len(wrong):
            part = table.take(pa.array(wrong))
            later = published[wrong] + rng.integers(3600, 6 * 3600, len(wrong))
            title = pc.binary_join_element_wise("Correction:", part["title"].combine_chunks(), " ")
            lead = part["lead"].combine_chunks()
            fresh = self._columns(day, len(wrong), rows, title, lead, outlet[wrong], later)
            for name in columns:
                fresh = fresh.append_column(name, part[name])
            place = fresh.column_names.index("correction_of")
            fresh = fresh.set_column(place, "correction_of", part["article_id"])
            again(wrong, fresh.select(table.column_names), later + rng.integers(10, 600, len(wrong)), later)
        back = np.flatnonzero((draw >= 0.034) & (draw < 0.041))
        if len(back):
            part = table.take(pa.array(back))
            gone = pa.array(np.ones(len(back), dtype=bool))
            changed = part.set_column(part.column_names.index("is_retracted"), "is_retracted", gone)
            again(back, changed, seen[back] + rng.integers(3600, 26 * 3600, len(back)), published[back])
        whole = pa.concat_tables(parts)
        latest = self.settings.midnight(day + STORY_DAYS + 1) - 1
        updated_at = np.minimum(np.concatenate(updated), latest)
        return Batch(whole, updated_at, np.concatenate(when), np.concatenate(of), np.zeros(0))

    def _accidents(self, rng: np.random.Generator, day: int, batch: Batch) -> Batch:
        """A title missing, a title with markup, a date of tomorrow, a megabyte of text, an outlet gone wild."""
        title, lead = batch.table["title"].to_pylist(), batch.table["lead"].to_pylist()
        url = batch.table["url"].to_pylist()
        published = batch.published.copy()
        if day % 10 == 3:
            title[0] = None
        if day % 7 == 2:
            title[-1] = f"<b>{title[-1]}</b> & <script>alert('x')</script>"
        if day % 10 == 6:
            published[1 % len(published)] += DAY
        if day % 12 == 5 and len(url) > 2:
            url[2] = url[1]
        if day == max(0, self.settings.days - 8):
            lead[0] = (lead[0] or "") * (BIG // max(1, len(lead[0] or "x")))
        table = batch.table
        for name, values in (("title", title), ("lead", lead), ("url", url)):
            table = table.set_column(table.column_names.index(name), name, pa.array(values, pa.string()))
        table = table.set_column(table.column_names.index("published_at"), "published_at", seconds(published))
        batch = Batch(table, batch.updated, published, batch.story, batch.interest)
        return self._flood(rng, day, batch) if day == self.settings.incidents.news_flood else batch

    def _flood(self, rng: np.random.Generator, day: int, batch: Batch) -> Batch:
        """One outlet posts three hundred times in an hour, nearly always the same."""
        rows = 300
        at = np.sort(self.settings.midnight(day) + 14 * 3600 + rng.integers(0, 3600, rows))
        title = pc.binary_join_element_wise(
            "Ten reasons to listen to", self._stars.take(pa.array(rng.integers(0, 3, rows))), "today", " "
        )
        part = self._columns(day, rows, 100_000, title, title, np.full(rows, 3), at)
        part = part.append_column("section", pa.array(["culture"] * rows)).append_column(
            "language", pa.array(["en"] * rows)
        )
        story = np.full(rows, batch.story.max() + 1)
        return Batch(
            pa.concat_tables([batch.table, part.select(batch.table.column_names)]),
            np.concatenate([batch.updated, at + 30]), np.concatenate([batch.published, at]),
            np.concatenate([batch.story, story]), np.concatenate([batch.interest, np.full(rows, 0.01)]),
        )  # fmt: skip

    def _recent(self, day: int, reach: int) -> range:
        return range(max(0, day - reach), day + 1)

    def articles(self, day: int) -> tuple[pa.Table, np.ndarray]:
        """Versions the newsroom got on a day, and when; stories of the last days go on."""
        begin, end = self.settings.midnight(day), self.settings.midnight(day + 1)
        parts, at = [], []
        for first in self._recent(day, STORY_DAYS):
            batch = self.batch(first)
            mine = np.flatnonzero((batch.updated >= begin) & (batch.updated < end))
            parts.append(batch.table.take(pa.array(mine)))
            at.append(batch.updated[mine])
        when = np.concatenate(at)
        order = np.argsort(when, kind="stable")
        table = pa.concat_tables(parts).take(pa.array(order)).append_column("updated_at", seconds(when[order]))
        return table, when[order]

    def truth(self, day: int) -> pa.Table:
        """Which article is about which story, for stories that begin on a day."""
        batch = self.batch(day)
        story = pc.binary_join_element_wise(str(self.settings.date(day)), pa.array(batch.story).cast(pa.string()), "-")
        return (
            pa.table({"article_id": batch.table["article_id"], "story_id": story})
            .group_by(["article_id", "story_id"])
            .aggregate([])
            .sort_by([("article_id", "ascending"), ("story_id", "ascending")])
        )

    # Readers.

    def _events(self, day: int) -> tuple[dict[str, np.ndarray], pa.Array]:
        """What readers ever do with the articles of stories that begin on a day; the article's id beside it."""
        settings = self.settings
        rng = generator(settings.seed, "readers", day)
        batch = self.batch(day)
        first = np.unique(
            batch.table["article_id"].combine_chunks().dictionary_encode().indices.to_numpy(), return_index=True
        )[1]
        expected = settings.plays_per_day / 10 * batch.interest[first] / batch.interest[first].sum()
        shown = rng.poisson(expected)
        row = np.repeat(first, shown)
        at = batch.updated[row] + rng.exponential(5 * 3600, len(row)).astype(np.int64)
        appeal = np.clip(0.08 * batch.interest[row], 0.02, 0.5)
        read = rng.random(len(row)) < appeal
        reader = (rng.random(len(row)) ** 1.5 * settings.members * 3).astype(np.int64)
        bot = np.zeros(len(row), dtype=bool)
        if day % 9 == 4:
            # Somebody wants to see one article on top: the same few readers open it again and again.
            target, many = int(first[len(first) // 2]), max(60, settings.plays_per_day // 40)
            burst = batch.updated[target] + 600 + np.sort(rng.integers(0, 5400, many))
            row, at = np.concatenate([row, np.full(many, target)]), np.concatenate([at, burst])
            read, bot = np.concatenate([read, np.ones(many, bool)]), np.concatenate([bot, np.ones(many, bool)])
            reader = np.concatenate([reader, 10**9 + day * 10 + rng.integers(0, 3, many)])
        country = weighted(world.SHARES, unit(settings.seed, "reader country", reader))
        dwell = np.where(bot, rng.integers(100, 900, len(row)), rng.lognormal(10.3, 0.8, len(row)).astype(np.int64))
        rows = {"row": row, "at": at, "read": read, "reader": reader, "bot": bot, "country": country, "dwell": dwell}
        return rows, batch.table["article_id"].combine_chunks()

    def reader_events(self, day: int) -> tuple[pa.Table, np.ndarray, pa.Table]:
        """Events of a day, when, and which of them are a bot's."""
        begin, end, seed = self.settings.midnight(day), self.settings.midnight(day + 1), self.settings.seed
        parts, times, bots = [], [], []
        for first in self._recent(day, READ_DAYS):
            rows, article = self.events(first)
            mine = np.flatnonzero((rows["at"] >= begin) & (rows["at"] < end))
            read = rows["read"][mine]
            ids = hex_text(hashed(seed, "reader event", np.full(len(mine), first), mine), "e", 14)
            parts.append(
                pa.table(
                    {
                        "event_id": ids,
                        "article_id": article.take(pa.array(rows["row"][mine])),
                        "reader_id": hex_text(hashed(seed, "reader", rows["reader"][mine]), "b", 12),
                        "event": pick(("impression", "read"), read.astype(int)),
                        "country": pick(world.CODES, rows["country"][mine]),
                        "dwell_ms": pa.array(rows["dwell"][mine].astype(np.int32), mask=~read),
                        "occurred_at": seconds(rows["at"][mine]),
                    }
                )
            )
            times.append(rows["at"][mine])
            bots.append(ids.filter(pa.array(rows["bot"][mine])))
        when = np.concatenate(times)
        order = np.argsort(when, kind="stable")
        return (
            pa.concat_tables(parts).take(pa.array(order)),
            when[order],
            pa.table({"event_id": pa.concat_arrays(bots)}),
        )

    def overrides(self, day: int) -> tuple[pa.Table, np.ndarray]:
        """What editors decide on a day: every third day something, of each kind in turn."""
        articles, when = self.articles(day)
        rng = generator(self.settings.seed, "editors", day)
        if day % 3 != 1 or articles.num_rows < 6:
            return articles.slice(0, 0), when[:0]
        action = day // 3 % 4
        chosen = np.sort(rng.choice(articles.num_rows // 2, 2, replace=False))
        at = np.array([min(int(when[chosen[1]]) + 1800, self.settings.midnight(day + 1) - 1)])
        ids = articles["article_id"].to_pylist()
        table = pa.table(
            {
                "override_id": hex_text(hashed(self.settings.seed, "override", np.array([day])), "o", 12),
                "action": pa.array([("pin", "split", "merge", "ban")[action]]),
                "article_id": pa.array([ids[chosen[0]]]),
                "other_article_id": pa.array([ids[chosen[1]] if action == 2 else None], pa.string()),
                "country": pa.array([world.CODES[day % 5] if day % 2 else None], pa.string()),
                "expires_at": seconds(at + 6 * 3600),
                "decided_by": pa.array([f"desk-{day % 3 + 1}"]),
                "decided_at": seconds(at),
            }
        )
        return table, at
