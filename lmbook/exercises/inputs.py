"""What several pages' exercises are made of."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import torch


def some_probabilities(
    rng: random.Random, number: int | None = None
) -> list[float]:
    """Two to six probabilities that sum to 1; now and then one is 0."""
    number = number or rng.randrange(2, 7)
    weights = [rng.randrange(0, 9) for _ in range(number)]
    weights[rng.randrange(len(weights))] += 1
    return [weight / sum(weights) for weight in weights]


def some_words(rng: random.Random) -> list[str]:
    """Two to six words of a small vocabulary."""
    return rng.choices(
        ["a", "cat", "dog", "ran", "sat"], k=rng.randrange(2, 7)
    )


def some_pairs(rng: random.Random) -> tuple[list[float], list[float]]:
    """Two lists of the same length, two to six numbers each."""
    size = rng.randrange(2, 7)
    return tuple(
        [rng.randrange(-9, 10) / 2 for _ in range(size)] for _ in "xy"
    )


def picked(values: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """(B, K), (B,) -> (B,): in each row the value of its target."""
    return values[torch.arange(len(targets)), targets]


def pairs_of(words: list[str]) -> dict[str, dict[str, int]]:
    counts: dict[str, dict[str, int]] = {}
    for t in range(len(words) - 1):
        context, word = words[t], words[t + 1]
        counts.setdefault(context, {})
        counts[context][word] = counts[context].get(word, 0) + 1
    return counts


def mean_square(values: list[float]) -> float:
    return sum(x * x for x in values) / len(values)


def root_mean_square(values: list[float]) -> float:
    return math.sqrt(mean_square(values) + 1e-5)


Rows = list[list[float]]


def mixed(rows: Rows, output: Rows) -> list[float]:
    """The matrix times the rows side by side."""
    flat = [value for row in rows for value in row]
    return [
        sum(w * value for w, value in zip(row, flat, strict=True))
        for row in output
    ]


def square_by(
    entry: Callable[[int, int, int], float],
) -> Callable[[int, int], list[list[float]]]:
    """A function of a size and a number, from what stands in row t, column s.

    For mistakes in squares of tokens by tokens.
    """

    def matrix(num_tokens: int, number: int) -> list[list[float]]:
        places = range(num_tokens)
        return [[entry(t, s, number) for s in places] for t in places]

    return matrix
