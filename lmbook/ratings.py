"""Ratings from comparisons: Elo game by game, Bradley-Terry all at once.

A game is `(a, b, score)`: 1 if a was preferred, 0 if b was, 0.5 for a tie.
Both say: a beats b with probability `expected_score(rating_a - rating_b)`.

Leaves out: ties as an outcome of their own, an advantage of being shown first.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Sequence

import torch
from torch import Tensor

Game = tuple[Hashable, Hashable, float]
ELO_PER_NAT = 400 / math.log(10)


def expected_score(difference: float) -> float:
    """How often one wins who is rated `difference` Elo points higher.

    >>> round(expected_score(0), 3), round(expected_score(400), 3)
    (0.5, 0.909)
    """
    return 1 / (1 + 10 ** (-difference / 400))


def elo(
    games: Iterable[Game], step: float = 32.0, start: float = 1500.0
) -> dict[Hashable, float]:
    """Ratings after the games, one update each (Elo 1978).

    The winner takes from the loser `step` times the surprise: the score less
    what was expected. So the sum never changes, and the order of games counts.
    """
    ratings: dict[Hashable, float] = {}
    for a, b, score in games:
        check_game(a, b, score)
        rating_a, rating_b = ratings.get(a, start), ratings.get(b, start)
        gain = step * (score - expected_score(rating_a - rating_b))
        ratings[a], ratings[b] = rating_a + gain, rating_b - gain
    return ratings


def bradley_terry(
    games: Iterable[Game], prior: float = 0.0, mean: float = 1500.0
) -> dict[Hashable, float]:
    """The most likely ratings, in Elo points around `mean`, order ignored.

    They exist only if no group of players won or lost every game against the
    rest (Ford 1957); else this raises ValueError. A `prior` adds that many
    wins each way between every two players, which cures it.
    """
    if not 0 <= prior < math.inf:
        raise ValueError(f"{prior=} must be 0 or more, and finite")
    games = list(games)
    for game in games:
        check_game(*game)
    players = list(dict.fromkeys(p for game in games for p in game[:2]))
    wins = win_matrix(games, players) + prior
    wins.fill_diagonal_(0)
    check_connected(wins, players)
    ratings = mean + ELO_PER_NAT * log_strengths(wins)
    return dict(zip(players, ratings.tolist(), strict=True))


def log_strengths(wins: Tensor, tolerance: float = 1e-10) -> Tensor:
    """(N, N) wins of row over column -> (N,) log-strengths of mean 0.

    The MM algorithm (Hunter 2004): each strength becomes the wins divided by
    the sum of games / (strength + opponent's strength). Every round raises
    the likelihood.
    """
    games = wins + wins.T
    logs, change = torch.zeros(len(wins), dtype=torch.float64), math.inf
    while change > tolerance:
        strengths = logs.exp()
        rates = games / (strengths[:, None] + strengths)
        new = (wins.sum(1) / rates.sum(1)).log()
        new -= new.mean()
        change, logs = (new - logs).abs().max().item(), new
    return logs


def win_matrix(games: Sequence[Game], players: Sequence[Hashable]) -> Tensor:
    """(N, N) float64: how often the row's player beat the column's."""
    index = {player: i for i, player in enumerate(players)}
    wins = torch.zeros(len(players), len(players), dtype=torch.float64)
    for a, b, score in games:
        wins[index[a], index[b]] += score
        wins[index[b], index[a]] += 1 - score
    return wins


def check_connected(wins: Tensor, players: Sequence[Hashable]) -> None:
    """ValueError unless wins lead from every player to every other."""
    if not players:
        raise ValueError("no games to rate")
    reach = (wins > 0) | torch.eye(len(wins), dtype=torch.bool)
    for k in range(len(wins)):  # Warshall 1962
        reach |= reach[:, k, None] & reach[k]
    if not reach.all():
        smallest = reach[reach.sum(1).argmin()]
        group = [p for p, r in zip(players, smallest, strict=True) if r]
        raise ValueError(
            f"{group} never won against any of the others, so their distance "
            "is infinite: add games, or a prior such as 0.5"
        )


def check_game(a: Hashable, b: Hashable, score: float) -> None:
    """ValueError if the game cannot be."""
    if a == b:
        raise ValueError(f"{a!r} cannot be compared with itself")
    if not 0 <= score <= 1:
        raise ValueError(f"{score=} of {a!r} against {b!r}: from 0 to 1")
