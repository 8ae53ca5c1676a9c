"""Elo and Bradley-Terry: by hand, and back to known strengths."""

import math
import random
from collections import Counter

import pytest
import torch

from lmbook.ratings import (
    bradley_terry,
    elo,
    expected_score,
    log_strengths,
    win_matrix,
)

TRUE = {"ada": 1700.0, "ben": 1560.0, "carl": 1500.0, "dora": 1420.0,
        "emil": 1320.0}  # fmt: skip


def play(num_games, seed):
    """Games between random pairs, decided by the true ratings."""
    rng = random.Random(seed)
    for _ in range(num_games):
        a, b = rng.sample(sorted(TRUE), 2)
        chance = expected_score(TRUE[a] - TRUE[b])
        yield a, b, float(rng.random() < chance)


def test_expected_score_by_hand():
    """400 points are odds of 10 to 1."""
    assert expected_score(400) == pytest.approx(10 / 11)
    assert expected_score(-70) == pytest.approx(1 - expected_score(70))


def test_elo_by_hand():
    """Equal players: the winner takes half the step. Then b, 32 points
    behind, was expected to score 1 / (1 + 10 ** 0.08) = 0.454.
    """
    assert elo([("a", "b", 1)]) == {"a": 1516, "b": 1484}
    ratings = elo([("a", "b", 1), ("b", "a", 0.5)])
    gain = 32 * (0.5 - 1 / (1 + 10**0.08))
    assert ratings == pytest.approx({"a": 1516 - gain, "b": 1484 + gain})
    assert elo([("a", "b", 1)], step=8, start=0) == {"a": 4, "b": -4}


def test_elo_keeps_the_sum_and_finds_the_strengths():
    """A step of 2 leaves each rating about 2 * sqrt(ELO_PER_NAT / 4) = 13
    points of noise; 40 is three times that.
    """
    ratings = elo(play(20_011, seed=3), step=2)
    assert sum(ratings.values()) == pytest.approx(1500 * 5)
    assert ratings == pytest.approx(TRUE, abs=40)


def test_bradley_terry_of_two_by_hand():
    """3 wins to 1: odds of 3, so log10(3) * 400 points apart."""
    games = [("a", "b", 1)] * 3 + [("a", "b", 0)]
    half = 200 * math.log10(3)
    expected = {"a": 1500 + half, "b": 1500 - half}
    assert bradley_terry(games) == pytest.approx(expected)
    assert bradley_terry([("a", "b", 0.75)]) == pytest.approx(expected)
    assert bradley_terry(games, mean=0)["a"] == pytest.approx(half)


def test_bradley_terry_solves_the_likelihood_equations():
    """At the maximum each player's wins are as many as expected."""
    games = list(play(997, seed=5))
    wins = win_matrix(games, list(TRUE))
    assert wins.sum() == 997
    assert (
        wins[0, 1]
        == Counter(games)["ada", "ben", 1] + (Counter(games)["ben", "ada", 0])
    )
    logs = log_strengths(wins)
    chances = torch.sigmoid(logs[:, None] - logs)
    expected = ((wins + wins.T) * chances).sum(1)
    torch.testing.assert_close(wins.sum(1), expected)
    assert logs.mean().abs() < 1e-12


def test_bradley_terry_finds_the_strengths_and_forgets_the_order():
    """8,000 games a player: a standard error of about 4 points; 16 is four."""
    games = list(play(20_011, seed=3))
    ratings = bradley_terry(games)
    assert ratings == pytest.approx(TRUE, abs=16)
    assert bradley_terry(games[::-1]) == pytest.approx(ratings)


def test_undefeated_or_apart_is_an_error_that_a_prior_cures():
    unbeaten = [("a", "b", 1), ("b", "c", 1), ("c", "b", 1)]
    with pytest.raises(ValueError, match=r"\['b', 'c'\] never won against"):
        bradley_terry(unbeaten)
    apart = [("a", "b", 0.5), ("c", "d", 0.5)]
    with pytest.raises(ValueError, match=r"\['a', 'b'\] never won against"):
        bradley_terry(apart)
    ratings = bradley_terry(unbeaten, prior=0.5)
    assert ratings["a"] > ratings["b"] == pytest.approx(ratings["c"], abs=99)
    assert set(bradley_terry(apart, prior=0.5).values()) == {1500.0}


@pytest.mark.parametrize("rate", [elo, bradley_terry])
def test_games_are_checked(rate):
    with pytest.raises(ValueError, match="'a' cannot be compared with itself"):
        rate([("a", "a", 1)])
    with pytest.raises(ValueError, match="score=2 of 'a' against 'b'"):
        rate([("a", "b", 2)])


@pytest.mark.parametrize("prior", [-1, -0.5, math.inf, math.nan])
def test_a_prior_is_not_negative(prior):
    message = f"prior={prior} must be 0 or more, and finite"
    with pytest.raises(ValueError, match=message):
        bradley_terry([("a", "b", 0.5)], prior=prior)


def test_no_games():
    with pytest.raises(ValueError, match="no games to rate"):
        bradley_terry([])
    assert elo([]) == {}
