"""The exercises of the page `networks`."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any

import torch

from lmbook.exercises.checking import exercise
from lmbook.exercises.inputs import picked


def some_logits(rng: random.Random, scale: float = 1) -> torch.Tensor:
    """Two or three rows of two to four scores."""
    rows, columns = rng.randrange(2, 4), rng.randrange(2, 5)
    return torch.tensor(
        [
            [scale * rng.randrange(-40, 41) / 10 for _ in range(columns)]
            for _ in range(rows)
        ],
        dtype=torch.float64,
    )


def softmax_by(largest: Callable[[torch.Tensor], Any], dim: int) -> Callable:
    """Softmax with one's own idea of what to subtract, and of the axis."""

    def softmax(logits: torch.Tensor) -> torch.Tensor:
        powers = (logits - largest(logits)).exp()
        return powers / powers.sum(dim, keepdim=True)

    return softmax


@exercise(
    lambda rng: (some_logits(rng, rng.choice([1, 1, 500])),),
    {
        "e to a large number is infinite, and infinite / infinite is nan: "
        "subtract the largest of the row first.": (
            softmax_by(lambda logits: 0, dim=-1)
        ),
        "each row must sum to 1; this adds up the columns.": (
            softmax_by(lambda logits: logits.amax(0, keepdim=True), dim=0)
        ),
        "subtract from each row its own largest: next to another row's, all "
        "powers of a row can become 0, and 0 / 0 is nan.": (
            softmax_by(lambda logits: logits.max(), dim=-1)
        ),
        "the powers do not sum to 1 yet: divide each row by its sum.": (
            lambda logits: (logits - logits.amax(-1, keepdim=True)).exp()
        ),
    },
)
def softmax(logits: torch.Tensor) -> torch.Tensor:
    """(B, K) logits -> (B, K) probabilities, each row summing to 1."""
    rows = []
    for row in logits.tolist():
        powers = [math.exp(z - max(row)) for z in row]
        rows.append([power / sum(powers) for power in powers])
    return torch.tensor(rows, dtype=torch.float64)


def some_targets(rng: random.Random) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits, small or very large; for each row its right class."""
    logits = some_logits(rng) * rng.choice([1, 1000])
    num_rows, num_classes = logits.shape
    targets = [rng.randrange(num_classes) for _ in range(num_rows)]
    return logits, torch.tensor(targets)


@exercise(
    some_targets,
    {
        "this is in bits; nats take the natural logarithm.": (
            lambda logits, targets: (
                -picked(logits.log_softmax(-1), targets).mean() / math.log(2)
            )
        ),
        "this is the sum; take the mean over the rows.": (
            lambda logits, targets: (
                -picked(logits.log_softmax(-1), targets).sum()
            )
        ),
        "the sign: a surprise is never negative.": (
            lambda logits, targets: picked(
                logits.log_softmax(-1), targets
            ).mean()
        ),
        "this is the surprise at all classes; only the right one came.": (
            lambda logits, targets: -logits.log_softmax(-1).mean()
        ),
        "this takes every target's column from every row; pair row i with "
        "target i.": (
            lambda logits, targets: -logits.log_softmax(-1)[:, targets].mean()
        ),
        "a logit is no probability: softmax comes first, the logarithm "
        "after it.": (lambda logits, targets: -picked(logits, targets).mean()),
        "take the logarithm of each probability before the mean.": (
            lambda logits, targets: (
                -picked(logits.softmax(-1), targets).mean().log()
            )
        ),
        "for large logits a probability is rounded to 0, and its logarithm "
        "is lost: −ln p is the logarithm of the sum of powers less the logit; "
        "subtract the largest logit from all first.": (
            lambda logits, targets: (
                -picked(logits.softmax(-1).log(), targets).mean()
            )
        ),
    },
)
def cross_entropy(logits: torch.Tensor, targets: torch.Tensor) -> float:
    """Mean surprise at the right classes in nats; (B, K), (B,) -> number."""
    total = 0.0
    for i in range(len(targets)):
        row = logits[i].tolist()
        powers = [math.exp(z - max(row)) for z in row]
        total += max(row) + math.log(sum(powers)) - row[targets[i]]
    return total / len(targets)


def zigzag(*weights: float) -> Callable[[float], float]:
    """A sum of ReLUs that begin at 0, 1, 2 …, with these weights."""
    return lambda num_not: sum(
        weight * max(0.0, num_not - start)
        for start, weight in enumerate(weights)
    )


@exercise(
    lambda rng: (rng.randrange(0, 301) / 100,),
    {
        "beyond 1 this stays level; the second neuron must turn the line "
        "down.": zigzag(1, -1),
        "beyond 2 this falls below 0: a third neuron has to turn it up "
        "again.": zigzag(1, -2),
        "beyond 2 this stays level; the third neuron must turn the line "
        "up.": zigzag(1, -2, 1),
        "right for whole numbers; between them a sum of ReLUs runs "
        "straight.": lambda num_not: num_not % 2,
    },
)
def turned(num_not: float) -> float:
    """1 after an odd number of “not”, 0 after an even; straight between."""
    return 1 - abs(num_not - 1) if num_not < 2 else num_not - 2
