"""The exercises of the page `attention`."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import torch

from lmbook.exercises.checking import exercise
from lmbook.exercises.inputs import square_by


def some_window(rng: random.Random) -> tuple[int, int]:
    """How many tokens there are, and how many of them count."""
    return rng.randrange(3, 9), rng.randrange(2, 6)


@exercise(
    some_window,
    {
        "the first tokens have fewer to look at: divide by how many there "
        "are.": square_by(lambda t, s, n: (0 <= t - s < n) / n),
        "each row adds up to 1: divide by how many tokens count.": (
            square_by(lambda t, s, n: float(0 <= t - s < n))
        ),
        "this takes all tokens so far; only the last few count.": (
            square_by(lambda t, s, n: (s <= t) / (t + 1))
        ),
        "this is one token too many: a token is one of its own window.": (
            square_by(lambda t, s, n: (0 <= t - s <= n) / min(t + 1, n + 1))
        ),
        "row t is what token t takes; yours has it in column t.": (
            square_by(lambda t, s, n: (0 <= s - t < n) / min(s + 1, n))
        ),
    },
)
def window_matrix(num_tokens: int, window: int) -> list[list[float]]:
    """(T, T): each row takes the mean of the last `window` tokens."""
    rows = []
    for t in range(num_tokens):
        seen = range(max(0, t - window + 1), t + 1)
        rows.append([(s in seen) / len(seen) for s in range(num_tokens)])
    return rows


Matrix = list[list[float]]


def some_query(rng: random.Random) -> tuple[list[float], Matrix, Matrix]:
    """A query of two to four numbers, some keys, and values of width 2."""
    num_axes, num_tokens = rng.randrange(2, 5), rng.randrange(3, 6)

    def vector(size: int) -> list[float]:
        return [round(rng.uniform(-2, 2), 1) for _ in range(size)]

    keys = [vector(num_axes) for _ in range(num_tokens)]
    return vector(num_axes), keys, [vector(2) for _ in keys]


def attending(
    divisor: Callable[[int, int], float] = lambda K, T: math.sqrt(K),
    weigh: Callable[[torch.Tensor], torch.Tensor] = lambda z: z.softmax(0),
) -> Callable[[list[float], Matrix, Matrix], list[float]]:
    """Attention with one's own divisor and weights, from K axes, T keys."""

    def attend(
        query: list[float], keys: Matrix, values: Matrix
    ) -> list[float]:
        scores = torch.tensor(keys) @ torch.tensor(query)
        scores = scores / divisor(len(query), len(keys))
        return (weigh(scores) @ torch.tensor(values)).tolist()

    return attend


@exercise(
    some_query,
    {
        "divide the scores by the root of the number of axes.": (
            attending(lambda K, T: 1.0)
        ),
        "divide by the root of the number of axes, not by the number.": (
            attending(lambda K, T: K)
        ),
        "divide by the root of the number of axes, not of the tokens.": (
            attending(lambda K, T: math.sqrt(T))
        ),
        "the weights are shares of the powers, not of the scores.": (
            attending(weigh=lambda z: z / z.sum())
        ),
        "divide the powers by their sum, so that the weights add up to 1.": (
            attending(weigh=torch.exp)
        ),
        "this takes one value; attention mixes them all.": (
            attending(weigh=lambda z: (z == z.max()).float())
        ),
    },
)
def attend_to(
    query: list[float], keys: list[list[float]], values: list[list[float]]
) -> list[float]:
    """The values, weighted by how well the query fits their keys."""
    powers, root = [], math.sqrt(len(query))
    for key in keys:
        score = sum(q * k for q, k in zip(query, key, strict=True))
        powers.append(math.exp(score / root))
    return [
        sum(p * v for p, v in zip(powers, column, strict=True)) / sum(powers)
        for column in zip(*values, strict=True)
    ]


def some_scores(rng: random.Random) -> tuple[torch.Tensor]:
    """A small square of scores."""
    size = rng.randrange(2, 5)
    generator = torch.Generator().manual_seed(rng.randrange(1000))
    return (torch.randn(size, size, generator=generator),)


@exercise(
    some_scores,
    {
        "a score of 0 is not a weight of 0, for its power is 1: use minus "
        "infinity.": lambda scores: scores.tril().softmax(-1),
        "what is set to 0 after softmax is missing from the sum of its "
        "row.": lambda scores: scores.softmax(-1).tril(),
        "these look at later tokens only; keep what is below the diagonal.": (
            lambda scores: scores.masked_fill(
                torch.ones_like(scores).tril(-1).bool(), -torch.inf
            ).softmax(-1)
        ),
        "the rows add up to 1, not the columns.": (
            lambda scores: scores.masked_fill(
                torch.ones_like(scores).triu(1).bool(), -torch.inf
            ).softmax(0)
        ),
        "nothing is masked.": lambda scores: scores.softmax(-1),
    },
)
def causal_weights(scores: torch.Tensor) -> torch.Tensor:
    """(T, T) scores -> (T, T) weights, none on a later token."""
    weights = torch.zeros_like(scores)
    for t, row in enumerate(scores):
        powers = (row[: t + 1] - row[: t + 1].max()).exp()
        weights[t, : t + 1] = powers / powers.sum()
    return weights
