"""How good a ranking of frauds is: plain numpy, so that a gate or a report needs no training library."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


def auc_roc(truth: np.ndarray, score: np.ndarray, weight: np.ndarray | None = None) -> float:
    """The chance that a fraud is ranked above a genuine one; ties count half. NaN if there is only one class."""
    bad, good = _tied_counts(truth, score, weight)
    total_bad, total_good = bad.sum(), good.sum()
    if not total_bad or not total_good:
        return float("nan")
    below = total_good - np.cumsum(good)
    return float((bad * (below + good / 2)).sum() / (total_bad * total_good))


def average_precision(truth: np.ndarray, score: np.ndarray, weight: np.ndarray | None = None) -> float:
    """Precision at each fraud found going down the ranking, averaged over the frauds. NaN without frauds."""
    bad, good = _tied_counts(truth, score, weight)
    if not bad.sum():
        return float("nan")
    found = np.cumsum(bad)
    seen = np.maximum(found + np.cumsum(good), 1e-300)
    return float((found / seen * bad).sum() / found[-1])


@dataclass(frozen=True)
class Cards:
    """Scored payments with what a desk knows of them: the day as a number and the account or card."""

    day: np.ndarray
    account: np.ndarray
    truth: np.ndarray


def card_precision(cards: Cards, score: np.ndarray, k: int = 100) -> float:
    """Mean over days of the share of frauds among the ``k`` accounts ranked highest that day.

    As the handbook defines it: an account is as suspicious as its worst payment of the day, and one that was found to
    be compromised is blocked, so it is not looked at on later days.
    """
    blocked = np.empty(0, dtype=cards.account.dtype)
    shares = []
    for day in np.unique(cards.day):
        rows = np.flatnonzero((cards.day == day) & ~np.isin(cards.account, blocked))
        accounts, position = np.unique(cards.account[rows], return_inverse=True)
        worst = np.full(len(accounts), -np.inf)
        np.maximum.at(worst, position, score[rows])
        fraud = np.zeros(len(accounts), dtype=bool)
        np.logical_or.at(fraud, position, cards.truth[rows] > 0)
        # ties by account, so that the result does not depend on the order of the rows
        top = np.lexsort((np.arange(len(accounts)), -worst))[:k]
        found = accounts[top][fraud[top]]
        shares.append(len(found) / k)
        blocked = np.union1d(blocked, found)
    return float(np.mean(shares)) if shares else float("nan")


class DeskRanking:
    """Card precision for accounts that count as often as a weight says, as a bootstrap over accounts asks for.

    ``cards.account`` must hold positions (0, 1, …) into the weights. The order of each day is worked out once.
    """

    def __init__(self, cards: Cards, score: np.ndarray) -> None:
        self._accounts = int(cards.account.max()) + 1 if len(cards.account) else 0
        self._days = []
        for day in np.unique(cards.day):
            rows = np.flatnonzero(cards.day == day)
            accounts, position = np.unique(cards.account[rows], return_inverse=True)
            worst = np.full(len(accounts), -np.inf)
            np.maximum.at(worst, position, score[rows])
            bad = np.zeros(len(accounts), dtype=bool)
            np.logical_or.at(bad, position, cards.truth[rows] > 0)
            order = np.lexsort((np.arange(len(accounts)), -worst))
            self._days.append((accounts[order], bad[order]))

    def precision(self, weight: np.ndarray, k: int) -> float:
        """Mean over days of the share of frauds among the ``k`` accounts ranked highest; who was found is blocked."""
        free = np.ones(self._accounts, dtype=bool)
        shares = []
        for accounts, bad in self._days:
            count = weight[accounts] * free[accounts]
            inside = (np.cumsum(count) <= k) & (count > 0)
            total = count[inside].sum()
            if total:
                shares.append(float(count[inside & bad].sum() / total))
            free[accounts[inside & bad]] = False
        return float(np.mean(shares)) if shares else float("nan")


def calibration(truth: np.ndarray, score: np.ndarray, bins: int = 10) -> list[dict[str, float]]:
    """Mean score beside the share of frauds in bins of equally many payments, lowest first."""
    order = np.argsort(score, kind="stable")
    return [
        {"payments": len(rows), "mean_score": float(score[rows].mean()), "fraud_rate": float(truth[rows].mean())}
        for rows in np.array_split(order, bins)
        if len(rows)
    ]


def stability_index(expected: np.ndarray, actual: np.ndarray, bins: int = 10) -> float:
    """Population stability index of a feature: how differently it is distributed now. Missing values are a bin."""
    known = expected[~np.isnan(expected)]
    if not len(known) or not len(actual):
        return 0.0
    edges = np.unique(np.quantile(known, np.linspace(0, 1, bins + 1)[1:-1]))

    def shares(values: np.ndarray) -> np.ndarray:
        places = np.where(np.isnan(values), len(edges) + 1, np.searchsorted(edges, values, side="left"))
        return np.maximum(np.bincount(places, minlength=len(edges) + 2) / len(values), 1e-4)

    was, now = shares(expected), shares(actual)
    return float(((now - was) * np.log(now / was)).sum())


def _tied_counts(truth: np.ndarray, score: np.ndarray, weight: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Weight of frauds and of genuine ones at each distinct score, highest first."""
    weight = np.ones(len(score)) if weight is None else weight
    order = np.argsort(-score, kind="stable")
    ranked = score[order]
    starts = np.flatnonzero(np.r_[True, ranked[1:] != ranked[:-1]]) if len(ranked) else np.empty(0, int)
    bad = np.where(truth[order] > 0, weight[order], 0.0)
    good = np.where(truth[order] > 0, 0.0, weight[order])
    if not len(starts):
        return np.zeros(0), np.zeros(0)
    return np.add.reduceat(bad, starts), np.add.reduceat(good, starts)
