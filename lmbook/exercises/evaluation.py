"""The exercises of the page `evaluation`."""

from __future__ import annotations

import math
from collections.abc import Callable

from lmbook.exercises.checking import exercise


@exercise(
    lambda rng: ([-rng.uniform(0.1, 5) for _ in range(rng.randrange(2, 7))],),
    {
        "the logarithms are natural, so the power must be of e, not of 2.": (
            lambda log_probs: 2 ** (-sum(log_probs) / len(log_probs))
        ),
        "this is the cross-entropy in bits; the perplexity is 2 to it.": (
            lambda log_probs: -sum(log_probs) / len(log_probs) / math.log(2)
        ),
        "this is the cross-entropy in nats; the perplexity is e to it.": (
            lambda log_probs: -sum(log_probs) / len(log_probs)
        ),
        "the sign: a perplexity is never below 1.": (
            lambda log_probs: math.exp(sum(log_probs) / len(log_probs))
        ),
        "take the mean of the logarithms first, and the power after it.": (
            lambda log_probs: (
                sum(math.exp(-log_prob) for log_prob in log_probs)
                / len(log_probs)
            )
        ),
        "this is for the whole text; take the mean over the tokens.": (
            lambda log_probs: math.exp(-sum(log_probs))
        ),
    },
)
def perplexity(log_probs: list[float]) -> float:
    """exp of the mean surprise: one over the geometric mean."""
    product = 1.0
    for log_prob in log_probs:
        product *= math.exp(log_prob)
    return (1 / product) ** (1 / len(log_probs))


def elo_by(power: float, scale: float, gain_b: float) -> Callable:
    """An Elo update with one's own sign, scale, and share of the loser."""

    def update(
        rating_a: float, rating_b: float, score: float, step: float
    ) -> tuple[float, float]:
        expected = 1 / (1 + 10 ** (power * (rating_a - rating_b) / scale))
        gain = step * (score - expected)
        return rating_a + gain, rating_b + gain_b * gain

    return update


@exercise(
    lambda rng: (
        rng.randrange(1200, 1800),
        rng.randrange(1200, 1800),
        rng.choice([0, 0.5, 1]),
        rng.choice([16, 32]),
    ),
    {
        "the stronger player is expected to win more often, not less.": (
            elo_by(1, 400, -1)
        ),
        "the power is of 10, and the difference is divided by 400.": (
            elo_by(-1, 400 * math.log(10), -1)
        ),
        "both gain here; what one gains the other loses.": (
            elo_by(-1, 400, 1)
        ),
        "what one gains the other loses: the sum of ratings stays.": (
            elo_by(-1, 400, 0)
        ),
        "the winner is expected to win half of the time, whatever the "
        "ratings: use their difference.": elo_by(0, 400, -1),
    },
)
def elo_update(
    rating_a: float, rating_b: float, score: float, step: float
) -> tuple[float, float]:
    """Both ratings after a game."""
    odds = 10 ** (rating_a / 400) / 10 ** (rating_b / 400)
    moved = step * (score - odds / (1 + odds))
    return rating_a + moved, rating_b - moved
