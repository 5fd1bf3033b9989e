"""Mail that comes back and people who decide: the mail gateway's logs, payment reviews, appeals of artists."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pyarrow as pa

from .cash import Cash
from .columns import Rows, days, seconds
from .keyed import generator, hashed, hex_text, numbered, pick, unit, weighted
from .members import TOPICS, Members
from .playback import Playback
from .settings import DAY, Settings

CAMPAIGNS = ("weekly_digest", "listening_report", "win_back", "new_releases")
DIGEST, REPORT, _, RELEASES = range(4)
REPLIES = (
    (250, "2.0.0", "OK queued"),
    (451, "4.7.1", "Greylisted, try again later"),
    (550, "5.1.1", "User unknown"),
    (552, "5.2.2", "Mailbox full"),
    (554, "5.7.1", "Message refused by policy"),
)
REPLY_SHARE = (0.965, 0.018, 0.009, 0.005, 0.003)
LINKS = ("recommendation", "headline", "artist", "settings")
AFTER_DAYS = 4


@dataclass
class Mail:
    """What the gateway and the pages behind the links report of the mails of an earlier system."""

    settings: Settings
    members: Members

    def __post_init__(self) -> None:
        self.sent = lru_cache(AFTER_DAYS + 2)(self._sent)

    def _sent(self, day: int) -> dict[str, np.ndarray]:
        """Mails of a day: digests on Mondays, new releases on Fridays, reports on the second of the month."""
        date, seed = self.settings.date(day), self.settings.seed
        due = {DIGEST: date.weekday() == 0, RELEASES: date.weekday() == 4, REPORT: date.day == 2}
        rows = Rows()
        for campaign in (number for number, is_due in due.items() if is_due):
            age = self.settings.midnight(day) - self.members.signup
            chance = unit(seed, "mailing", np.arange(self.settings.members), np.full(self.settings.members, campaign))
            consented = unit(seed, "mail consent", np.arange(self.settings.members)) < 0.6
            who = np.flatnonzero(
                (age > 7 * DAY) & (chance < 0.4) & consented & (self.members.closed > self.settings.midnight(day))
            )
            at = (
                self.settings.midnight(day)
                + 8 * 3600
                + (hashed(seed, "mail at", who, day) % np.uint64(7200)).astype(np.int64)
            )
            reply = weighted(REPLY_SHARE, unit(seed, "reply", who, day))
            rows.add(len(who), account=who, campaign=campaign, day=day, at=at, reply=reply)
        rows.add(0, account=0, campaign=0, day=day, at=0, reply=0)
        return rows.done("at", "account", "campaign")

    def _key(self, rows: dict[str, np.ndarray], index: np.ndarray) -> pa.Array:
        return hex_text(
            hashed(self.settings.seed, "send key", rows["account"][index], rows["campaign"][index], rows["day"][index])
        )

    def _ids(self, what: str, prefix: str, rows: dict[str, np.ndarray], index: np.ndarray) -> pa.Array:
        return hex_text(
            hashed(self.settings.seed, what, rows["account"][index], rows["campaign"][index], rows["day"][index]),
            prefix,
            14,
        )

    def _attempt(self, rows: dict[str, np.ndarray], index: np.ndarray, again: np.ndarray) -> np.ndarray:
        who, campaign, day = (rows[name][index] for name in ("account", "campaign", "day"))
        return hashed(self.settings.seed, "delivery", who, campaign, day, again)

    def deliveries(self, day: int) -> pa.Table:
        """Replies of a day; a greylisted mail is tried again a quarter of an hour later."""
        rows = self.sent(day)
        every = np.arange(len(rows["at"]))
        later = np.flatnonzero(rows["reply"] == 1)
        index = np.concatenate([every, later])
        again = np.repeat([False, True], [len(every), len(later)])
        reply = np.where(again, 0, rows["reply"][index])
        at = rows["at"][index] + again * 900
        table = pa.table(
            {
                "delivery_id": hex_text(self._attempt(rows, index, again), "m", 14),
                "send_key": self._key(rows, index),
                "campaign": pick(CAMPAIGNS, rows["campaign"][index]),
                "account_id": self.members.account_id.take(pa.array(rows["account"][index])),
                "smtp_code": pa.array(np.array([r[0] for r in REPLIES], dtype=np.int32)[reply]),
                "enhanced_status": pick([r[1] for r in REPLIES], reply),
                "smtp_reply": pick([r[2] for r in REPLIES], reply),
                "occurred_at": seconds(at),
            }
        )  # fmt: skip
        return table.take(pa.array(np.argsort(at, kind="stable")))

    def bounces(self, day: int) -> pa.Table:
        """Refused for good at once, and some accepted mails that come back a day later."""
        parts = []
        for before in (0, 1):
            if day - before < 0:
                continue
            rows = self.sent(day - before)
            odd = unit(self.settings.seed, "late bounce", rows["account"], rows["day"]) < 0.003
            index = np.flatnonzero((rows["reply"] >= 2) if before == 0 else (rows["reply"] == 0) & odd)
            reply = np.where(rows["reply"][index] >= 2, rows["reply"][index], 2)
            parts.append(
                pa.table(
                    {
                        "bounce_id": self._ids("bounce", "bo", rows, index),
                        "send_key": self._key(rows, index),
                        "account_id": self.members.account_id.take(pa.array(rows["account"][index])),
                        "smtp_code": pa.array(np.array([r[0] for r in REPLIES], dtype=np.int32)[reply]),
                        "enhanced_status": pick([r[1] for r in REPLIES], reply),
                        "smtp_reply": pick([r[2] for r in REPLIES], reply),
                        "occurred_at": seconds(rows["at"][index] + 30 + before * 50_000),
                    }
                )
            )
        return pa.concat_tables(parts)

    def complaints(self, day: int) -> pa.Table:
        """Some report a mail as spam, a day later."""
        rows = self.sent(max(0, day - 1))
        index = np.flatnonzero(
            (unit(self.settings.seed, "complaint", rows["account"], rows["day"]) < 0.0012) & (rows["reply"] < 2)
        )
        index = index if day else index[:0]
        return pa.table(
            {
                "complaint_id": self._ids("complaint", "co", rows, index),
                "send_key": self._key(rows, index),
                "account_id": self.members.account_id.take(pa.array(rows["account"][index])),
                "feedback_type": pick(("abuse", "not-spam"), (rows["account"][index] % 17 == 0).astype(int)),
                "occurred_at": seconds(rows["at"][index] + 70_000),
            }
        )

    def unsubscribes(self, day: int) -> pa.Table:
        """Uses of the link in a mail; the same that change the consents."""
        account, topic, at = self.members.left_by_mail(day)
        campaign = np.array([DIGEST, REPORT, 2, RELEASES])[topic]
        key = hashed(self.settings.seed, "send key", account, campaign, np.full(len(account), max(0, day - day % 7)))
        return pa.table(
            {
                "unsubscribe_id": hex_text(hashed(self.settings.seed, "unsubscribe", account, topic, at), "un", 14),
                "send_key": hex_text(key),
                "account_id": self.members.account_id.take(pa.array(account)),
                "topic": pick(TOPICS, topic),
                "method": pick(
                    ("one_click", "page", "mailto"),
                    weighted([70, 27, 3], unit(self.settings.seed, "method", account, at)),
                ),
                "occurred_at": seconds(at),
            }
        )

    def clicks(self, day: int) -> pa.Table:
        """Opens and clicks of the mails of the last days."""
        begin, end, seed = self.settings.midnight(day), self.settings.midnight(day + 1), self.settings.seed
        parts = []
        for first in range(max(0, day - AFTER_DAYS), day + 1):
            rows = self.sent(first)
            for kind, share in ((0, 0.34), (1, 0.07)):
                wait = -np.log(1 - unit(seed, f"wait {kind}", rows["account"], rows["day"])) * 9 * 3600
                at = rows["at"] + 60 + np.minimum(wait, (AFTER_DAYS - 1) * DAY).astype(np.int64) + kind * 20
                does = unit(seed, f"does {kind}", rows["account"], rows["day"], rows["campaign"]) < share
                index = np.flatnonzero(does & (rows["reply"] < 2) & (at >= begin) & (at < end))
                link = (hashed(seed, "link", rows["account"][index], rows["day"][index]) % np.uint64(4)).astype(
                    np.int64
                )
                parts.append(
                    pa.table(
                        {
                            "click_id": self._ids(f"click {kind}", "cl", rows, index),
                            "send_key": self._key(rows, index),
                            "account_id": self.members.account_id.take(pa.array(rows["account"][index])),
                            "kind": pick(("open", "click"), np.full(len(index), kind)),
                            "link": pick(LINKS, np.where(kind == 1, link, -1)),
                            "occurred_at": seconds(at[index]),
                        }
                    )
                )
        return pa.concat_tables(parts).sort_by([("occurred_at", "ascending"), ("click_id", "ascending")])


@dataclass
class Support:
    """Verdicts about payments and about plays."""

    settings: Settings
    cash: Cash
    playback: Playback

    def __post_init__(self) -> None:
        """Reviews of some frauds and of some honest gift cards; a few are contradicted, one is about nothing."""
        payment, rng = self.cash.payment, generator(self.settings.seed, "reviews")
        count = len(payment["at"])
        good = payment["failed"] == 0
        fraud = good & (payment["fraud"] > 0) & (rng.random(count) < 0.35)
        honest = good & (payment["fraud"] == 0) & (payment["invoice"] < 0) & (rng.random(count) < 0.06)
        index = np.flatnonzero(fraud | honest)
        at = payment["at"][index] + rng.integers(DAY // 2, 4 * DAY, len(index))
        verdict = np.where(payment["fraud"][index] > 0, (rng.random(len(index)) < 0.03), True).astype(int)
        rows = Rows()
        rows.add(len(index), payment=index, at=at, verdict=verdict)
        second = np.flatnonzero(rng.random(len(index)) < 0.05)
        rows.add(
            len(second),
            payment=index[second],
            at=at[second] + rng.integers(DAY, 5 * DAY, len(second)),
            verdict=1 - verdict[second],
        )
        middle = self.settings.midnight(self.settings.days // 2) + 40_000
        rows.add(1, payment=999_999_999, at=middle, verdict=0)
        after = np.flatnonzero(good & (payment["at"] > middle + 20 * DAY))[:1]
        rows.add(len(after), payment=after, at=middle + DAY, verdict=0)
        self.review = rows.done("at", "payment")

    def payment_reviews(self, day: int) -> pa.Table:
        """Verdicts of a day."""
        at = self.review["at"]
        place = self.cash.billing.shipped(at, day)
        return pa.table(
            {
                "review_id": numbered("rv", place, 7),
                "payment_id": numbered("pay", self.review["payment"][place], 9),
                "verdict": pick(("fraud", "genuine"), self.review["verdict"][place]),
                "reviewed_by": numbered("desk-", 1 + place % 4, 1),
                "reviewed_at": seconds(at[place]),
            }
        )

    def streaming_appeals(self, day: int) -> pa.Table:
        """Every twelfth day an artist's appeal is decided: bought streams stay out, honest ones are paid again."""
        campaigns = [c for c in self.playback.habits.campaigns if c.last_day + 5 < day]
        if day % 12 != 9 or not campaigns:
            return self._appeal(day, 0, 0, 0, 0).slice(0, 0)
        viral = self.settings.incidents.viral
        if day // 12 % 2 and day > viral + 3:
            return self._appeal(day, self.playback.viral_track, viral, viral + 2, 0)
        lullabies = self.playback.catalog.sleepy_tracks
        if day // 12 % 2 and len(lullabies):
            return self._appeal(day, int(lullabies[day % len(lullabies)]), day - 20, day - 8, 0)
        bought = campaigns[-1]
        return self._appeal(day, int(bought.tracks[0]), bought.first_day, bought.last_day, 1)

    def _appeal(self, day: int, track: int, first: int, last: int, verdict: int) -> pa.Table:
        catalog = self.playback.catalog
        midnight = self.settings.midnight
        return pa.table(
            {
                "appeal_id": numbered("ap", np.array([day]), 5),
                "artist_id": numbered("a", catalog.artist[[track]], 7),
                "track_id": numbered("t", np.array([track]), 7),
                "account_id": pa.nulls(1, pa.string()),
                "plays_from": days(np.array([midnight(max(0, first))])),
                "plays_to": days(np.array([midnight(last)])),
                "verdict": pick(("reinstated", "rejected"), np.array([verdict])),
                "decided_by": pa.array(["desk-3"]),
                "decided_at": seconds(np.array([midnight(day) + 50_000])),
            }
        )
