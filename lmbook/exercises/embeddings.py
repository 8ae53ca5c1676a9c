"""The exercises of the page `embeddings`."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

from lmbook.exercises.checking import exercise


def some_cell(rng: random.Random) -> tuple[list[list[int]], int, int]:
    """A symmetric table of counts, a row and a column; no row is empty.

    In most cases the two words met more often than by chance, in some never.
    """
    size = rng.randrange(3, 6)
    counts = [[0] * size for _ in range(size)]
    for i in range(size):
        for j in (i - 1, *range(i, size)):
            counts[i][j] += rng.choice([0, 0, 1, 2, 5]) + (j == i - 1)
            counts[j][i] = counts[i][j]
    cells = [(i, j) for i in range(size) for j in range(size)]
    i, j = rng.choice(cells)
    if rng.random() < 0.6:
        i, j = max(cells, key=lambda cell: ppmi_cell(counts, *cell))
    return counts, i, j


def ppmi_by(
    log: Callable[[float], float] = math.log, lowest: float = 0.0
) -> Callable[[list[list[int]], int, int], float]:
    """PPMI with one's own logarithm and lowest value."""

    def cell(counts: list[list[int]], i: int, j: int) -> float:
        if not counts[i][j]:
            return lowest
        by_chance = sum(counts[i]) * sum(counts[j]) / sum(map(sum, counts))
        return max(lowest, log(counts[i][j] / by_chance))

    return cell


@exercise(
    some_cell,
    {
        "what is rarer than by chance counts as 0.": ppmi_by(lowest=-math.inf),
        "this is in bits; nats take the natural logarithm.": (
            ppmi_by(math.log2)
        ),
        "this is how many times as often as by chance; take its logarithm.": (
            ppmi_by(lambda times: times)
        ),
        "this divides by the count of one word only: the logarithm of "
        "p(b | a), which is never above 0.": (
            lambda counts, i, j: (
                math.log(counts[i][j] / sum(counts[i]))
                if counts[i][j]
                else 0.0
            )
        ),
        "p(a, b) is a share of all pairs, and so are p(a) and p(b): the "
        "total goes in once above and twice below.": (
            lambda counts, i, j: (
                max(
                    0.0,
                    math.log(counts[i][j] * sum(map(sum, counts)) ** 2)
                    - math.log(sum(counts[i]) * sum(counts[j])),
                )
                if counts[i][j]
                else 0.0
            )
        ),
    },
)
def ppmi_cell(counts: list[list[int]], i: int, j: int) -> float:
    """The positive pointwise mutual information of a cell, in nats."""
    total = sum(sum(row) for row in counts)
    both = counts[i][j] / total
    one, other = sum(counts[i]) / total, sum(counts[j]) / total
    return math.log(both / (one * other)) if both > one * other else 0.0


def some_vectors(rng: random.Random) -> tuple[list[float], list[float]]:
    """Two vectors of the same length, two or three numbers each."""
    size = rng.randrange(2, 4)
    return tuple(
        [rng.choice([-3, -2, -1, 1, 2, 3]) / 2 for _ in range(size)]
        for _ in "un"
    )


def away_by(
    weigh: Callable[[float], float], from_centre: bool = True
) -> Callable[[list[float], list[float]], list[float]]:
    """A step of a negative with one's own weight and direction."""

    def step(centre: list[float], negative: list[float]) -> list[float]:
        dot = sum(u * n for u, n in zip(centre, negative, strict=True))
        along = centre if from_centre else negative
        return [-weigh(1 / (1 + math.exp(-dot))) * x for x in along]

    return step


@exercise(
    some_vectors,
    {
        "this is the gradient; the way down is minus it, away from the "
        "centre.": away_by(lambda p: -p),
        "the weight is how much “together” was believed, and not how much it "
        "was doubted.": away_by(lambda p: 1 - p),
        "this is the push on the centre; the negative moves along the "
        "centre's vector.": away_by(lambda p: p, from_centre=False),
        "so a pair is pulled together; a negative goes away from the "
        "centre.": away_by(lambda p: p - 1),
        "a weight is missing: how much “together” was believed.": (
            away_by(lambda p: 1)
        ),
        "the dot product is no probability: put it through the sigmoid.": (
            away_by(lambda p: math.log(p / (1 - p)))
        ),
    },
)
def negative_step(centre: list[float], negative: list[float]) -> list[float]:
    """Minus the gradient of -ln σ(-centre · negative) by the negative."""
    dot = 0.0
    for u, n in zip(centre, negative, strict=True):
        dot += u * n
    believed = math.exp(dot) / (1 + math.exp(dot))
    return [-believed * u for u in centre]
