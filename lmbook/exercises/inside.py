"""The exercises of the page `inside`."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import torch

from lmbook.exercises.checking import exercise
from lmbook.exercises.inputs import Rows, mixed, root_mean_square


def some_looks(
    rng: random.Random,
) -> tuple[list[list[float]], list[str]]:
    """A triangle of weights, and words of which some come again."""
    words = [rng.choice("moon raven fern".split()) for _ in range(6)]
    weights = []
    for t in range(6):
        row = [rng.randrange(1, 9) for _ in range(t + 1)]
        weights.append([w / sum(row) for w in row] + [0.0] * (5 - t))
    return weights, words


def scored_at(
    earlier: Callable[[list[str], int], list[int]],
    shift: int = 1,
    over: Callable[[list[float]], float] = lambda found: (
        sum(found) / max(1, len(found))
    ),
) -> Callable:
    """A score with one's own earlier places, shift and mean."""

    def score(weights: list[list[float]], words: list[str]) -> float:
        found = []
        for t in range(len(words)):
            places = earlier(words, t)
            if places:
                found.append(sum(weights[t][s + shift] for s in places))
        return over(found)

    return score


def all_earlier(words: list[str], t: int) -> list[int]:
    """Where the word at t was said before."""
    return [s for s in range(t) if words[s] == words[t]]


@exercise(
    some_looks,
    {
        "this is the weight on the earlier occurrence itself; take the word "
        "after it.": scored_at(all_earlier, shift=0),
        "a word can have been said more than once; add up the weights after "
        "each.": scored_at(lambda words, t: all_earlier(words, t)[-1:]),
        "only places whose word was said before count in the mean.": (
            lambda weights, words: (
                scored_at(all_earlier, over=sum)(weights, words) / len(words)
            )
        ),
        "divide by the number of places; this is the sum.": scored_at(
            all_earlier, over=sum
        ),
        "rows look and columns are looked at; this has them the other way "
        "round.": lambda weights, words: scored_at(all_earlier)(
            [list(column) for column in zip(*weights, strict=True)], words
        ),
    },
)
def induction_score(weights: list[list[float]], words: list[str]) -> float:
    """The mean weight on what came after earlier occurrences."""
    found = []
    for t, word in enumerate(words):
        after = [s + 1 for s in range(t) if words[s] == word]
        if after:
            found.append(sum(weights[t][s] for s in after))
    return sum(found) / max(1, len(found))


def some_brought(rng: random.Random) -> tuple[Rows, Rows, Rows, int]:
    """What heads bring, their means, the last matrix, and a head."""
    num_heads, d_head = rng.choice([2, 3, 4]), rng.choice([2, 3])
    d_model = rng.choice([3, 4])

    def rows(height: int, width: int) -> Rows:
        return [
            [rng.choice([-3, -2, -1, 1, 2, 3]) / 2 for _ in range(width)]
            for _ in range(height)
        ]

    brought, means = rows(num_heads, d_head), rows(num_heads, d_head)
    output = rows(d_model, num_heads * d_head)
    return brought, means, output, rng.randrange(num_heads)


@exercise(
    some_brought,
    {
        "the head still brings its own.": (
            lambda brought, means, output, head: mixed(brought, output)
        ),
        "this puts zero in its place; take the head's mean.": (
            lambda brought, means, output, head: mixed(
                [
                    [0.0] * len(row) if h == head else row
                    for h, row in enumerate(brought)
                ],
                output,
            )
        ),
        "only this head is exchanged; the others bring what they bring.": (
            lambda brought, means, output, head: mixed(means, output)
        ),
        "this keeps the head, and exchanges the others.": (
            lambda brought, means, output, head: mixed(
                [
                    row if h == head else means[h]
                    for h, row in enumerate(brought)
                ],
                output,
            )
        ),
        "heads are counted from 0 here.": (
            lambda brought, means, output, head: mixed(
                [
                    means[h] if h == head - 1 else row
                    for h, row in enumerate(brought)
                ],
                output,
            )
        ),
    },
)
def without_head(
    brought: Rows, means: Rows, output: Rows, head: int
) -> list[float]:
    """The last matrix, of what the heads bring, one by its mean."""
    rows = [*brought[:head], means[head], *brought[head + 1 :]]
    return mixed(rows, output)


def some_stream(rng: random.Random) -> tuple[list[float], list[float], Rows]:
    """A vector, the weights of a norm, and embeddings."""
    width = rng.choice([2, 3, 4])

    def row() -> list[float]:
        return [
            rng.choice([-4, -3, -2, -1, 1, 2, 3]) / 2 for _ in range(width)
        ]

    weight = [rng.choice([1, 2, 3, 5]) / 2 for _ in range(width)]
    return row(), weight, [row() for _ in range(rng.randrange(3, 6))]


def read_by(
    size: Callable[[list[float]], float], weighted: bool = True
) -> Callable:
    """A lens that divides by a size of one's own."""

    def lens(
        hidden: list[float], weight: list[float], embeddings: Rows
    ) -> list[float]:
        divisor = size(hidden)
        normed = [
            value / divisor * (w if weighted else 1.0)
            for value, w in zip(hidden, weight, strict=True)
        ]
        return mixed([normed], embeddings)

    return lens


@exercise(
    some_stream,
    {
        "the norm is missing: first divide by the root of the mean "
        "square.": read_by(lambda row: 1.0),
        "the weights of the norm are missing.": read_by(
            root_mean_square, weighted=False
        ),
        "this is the length; RMSNorm takes the mean of the squares.": read_by(
            lambda row: math.hypot(*row)
        ),
        "the root is missing.": read_by(
            lambda row: root_mean_square(row) ** 2
        ),
        "logits are wanted, not probabilities.": (
            lambda hidden, weight, embeddings: (
                torch.tensor(logit_lens(hidden, weight, embeddings))
                .softmax(0)
                .tolist()
            )
        ),
    },
)
def logit_lens(
    hidden: list[float], weight: list[float], embeddings: Rows
) -> list[float]:
    """RMSNorm, then a dot product with each embedding."""
    return read_by(root_mean_square)(hidden, weight, embeddings)
