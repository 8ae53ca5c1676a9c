"""The exercises of the page `transformer`."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

from lmbook.exercises.checking import exercise
from lmbook.exercises.inputs import Rows, mixed


def some_start(rng: random.Random) -> tuple[int, int, float]:
    """A vocabulary, a width, and the weights of the final norm."""
    return (
        rng.randrange(5, 400),
        rng.choice([4, 9, 16, 36, 64]),
        rng.randrange(1, 9) / 20,
    )


def starting(
    own: Callable[[int, float], float],
    others: int = -1,
    pays: float = 0.0,
) -> Callable[[int, int, float], float]:
    """The loss at the start, with an own logit of one's own."""

    def loss(vocab_size: int, d_model: int, gain: float) -> float:
        logit = own(d_model, gain)
        total = math.exp(logit) + vocab_size + others
        return math.log(total) - pays * logit

    return loss


def own_logit(d_model: int, gain: float) -> float:
    return gain * math.sqrt(d_model)


@exercise(
    some_start,
    {
        "the word that was read is one of the vocabulary: one less has the "
        "logit 0.": starting(own_logit, others=0),
        "the next word is another one, whose logit is 0.": starting(
            own_logit, pays=1.0
        ),
        "the norm makes a vector of length √D, so that is in the own "
        "logit.": starting(lambda d_model, gain: gain),
        "the length of the vector is √D, not D.": starting(
            lambda d_model, gain: gain * d_model
        ),
        "this is the loss of a guess; the own logit is missing.": starting(
            lambda d_model, gain: 0.0
        ),
        "use the natural logarithm: nats are wanted.": (
            lambda *sizes: loss_at_start(*sizes) / math.log(2)
        ),
    },
)
def loss_at_start(vocab_size: int, d_model: int, gain: float) -> float:
    """Nats on another word, where the own logit is gain times sqrt(D)."""
    return starting(own_logit)(vocab_size, d_model, gain)


def some_parts(rng: random.Random) -> tuple[list[float], list[Rows]]:
    """A vector, and square matrices that read it one after another."""
    width = rng.choice([2, 3])

    def row() -> list[float]:
        return [float(rng.choice([-2, -1, 1, 2, 3])) for _ in range(width)]

    parts = [[row() for _ in range(width)] for _ in range(rng.choice([2, 3]))]
    return row(), parts


def going_through(
    add: bool = True, in_turn: bool = True, twice: bool = False
) -> Callable[[list[float], list[Rows]], list[float]]:
    """A vector's way through parts that are matrices."""

    def through(vector: list[float], parts: list[Rows]) -> list[float]:
        stream = list(vector)
        for matrix in parts:
            read = stream if in_turn else vector
            said = mixed([read], matrix)
            kept = stream if add else [0.0] * len(stream)
            stream = [a + b for a, b in zip(kept, said, strict=True)]
        return mixed([stream], parts[-1]) if twice else stream

    return through


@exercise(
    some_parts,
    {
        "a part adds to the stream; this replaces it.": going_through(
            add=False
        ),
        "each part reads the stream as the one before left it, not as it "
        "came in.": going_through(in_turn=False),
        "this is only what the parts have added: the vector itself is "
        "missing.": (
            lambda vector, parts: [
                a - b
                for a, b in zip(
                    going_through()(vector, parts), vector, strict=True
                )
            ]
        ),
        "one part too many: the last one read twice.": going_through(
            twice=True
        ),
    },
)
def through_the_stream(vector: list[float], parts: list[Rows]) -> list[float]:
    """Each matrix reads the stream and adds to it, in turn."""
    return going_through()(vector, parts)


def some_seeds(rng: random.Random) -> tuple[list[float], list[float]]:
    """What a model and its variant cost, with the same three seeds."""
    whole = [rng.randrange(300, 500) / 1000 for _ in range(3)]
    return whole, [x + rng.randrange(-40, 200) / 1000 for x in whole]


def around_mean(
    factor: float = 4.303, free: int = 2, root: bool = True, of: str = "pairs"
) -> Callable[[list[float], list[float]], tuple[float, float, float]]:
    """Mean and ends of an interval, with one's own idea of its width."""

    def interval(
        whole: list[float], variant: list[float]
    ) -> tuple[float, float, float]:
        values = {
            "pairs": [b - a for a, b in zip(whole, variant, strict=True)],
            "turned": [a - b for a, b in zip(whole, variant, strict=True)],
            "variant": variant,
        }[of]
        mean = sum(values) / 3
        deviation = math.sqrt(sum((x - mean) ** 2 for x in values) / free)
        reach = factor * deviation / (math.sqrt(3) if root else 1.0)
        return mean, mean - reach, mean + reach

    return interval


@exercise(
    some_seeds,
    {
        "divide the squares by 2, one less than there are "
        "differences.": around_mean(free=3),
        "the deviation of a mean of three is smaller by the root of "
        "3.": around_mean(root=False),
        "with three values the factor is 4.303.": around_mean(factor=1.96),
        "with three values the factor is 4.303, not 2.": around_mean(factor=2),
        "take the differences first, variant less whole.": around_mean(
            of="variant"
        ),
        "this is whole less variant.": around_mean(of="turned"),
    },
)
def seed_interval(
    whole: list[float], variant: list[float]
) -> tuple[float, float, float]:
    """The mean of three differences, and its 95 % interval."""
    return around_mean()(whole, variant)
