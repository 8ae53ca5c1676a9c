"""The exercises of the page `training`."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import torch

from lmbook.exercises.checking import exercise


def some_documents(rng: random.Random) -> tuple[list[list[int]]]:
    """Two to four documents, the longest not always at the same place."""
    sizes = rng.sample(range(2, 8), rng.randrange(2, 5))
    return ([[rng.randrange(1, 100) for _ in range(n)] for n in sizes],)


def padding(
    ignored: int = -100, shift: int = 1, left: bool = False, cut: bool = False
) -> Callable[[list[list[int]]], tuple[list, list]]:
    """A padded batch with one's own habits."""

    def batch(documents: list[list[int]]) -> tuple[list, list]:
        width = (min if cut else max)(map(len, documents)) - shift

        def filled(row: list[int], value: int) -> list[int]:
            spare = [value] * (width - len(row))
            return (spare + row if left else row + spare)[:width]

        inputs = [filled(row[: len(row) - shift], 0) for row in documents]
        return inputs, [filled(row[shift:], ignored) for row in documents]

    return batch


@exercise(
    some_documents,
    {
        "a target of 0 is a token that the network would learn to predict; "
        "those of padding are -100.": padding(ignored=0),
        "the targets come one later than the inputs: all but the first "
        "token, for all but the last.": padding(shift=0),
        "the padding comes after the document: from the left it would be "
        "read first.": padding(left=True),
        "the rows are as long as the longest document needs, and nothing is "
        "cut off.": padding(cut=True),
    },
)
def padded_batch(
    documents: list[list[int]],
) -> tuple[list[list[int]], list[list[int]]]:
    """(B, T) inputs, padded with 0, and (B, T) targets, with -100."""
    inputs, targets = [], []
    for document in documents:
        spare = max(map(len, documents)) - len(document)
        inputs.append(document[:-1] + [0] * spare)
        targets.append(document[1:] + [-100] * spare)
    return inputs, targets


def some_schedule(rng: random.Random) -> tuple[int, int, int, float]:
    """A step, before or after the warm-up; its length; all; the rate."""
    num_steps, warmup = rng.randrange(50, 200), rng.randrange(4, 20)
    step = rng.choice(
        [rng.randrange(warmup), rng.randrange(warmup, num_steps)]
    )
    return step, warmup, num_steps, rng.choice([0.1, 0.03, 0.5])


def waving(
    first: Callable[[int, int], float],
    wave: Callable[[float], float],
    start: Callable[[int], int] = lambda warmup: warmup,
) -> Callable[[int, int, int, float], float]:
    """A rate with one's own warm-up, wave, and start of the wave."""

    def rate_at(
        step: int, warmup: int, num_steps: int, highest: float
    ) -> float:
        if step < warmup:
            return highest * first(step, warmup)
        begin = start(warmup)
        return highest * wave((step - begin) / (num_steps - 1 - begin))

    return rate_at


def half_wave(progress: float) -> float:
    """From 1 to 0 along half a wave."""
    return (1 + math.cos(math.pi * progress)) / 2


@exercise(
    some_schedule,
    {
        "the first steps should be small: count them up to the highest "
        "rate.": waving(lambda step, warmup: 1.0, half_wave),
        "step 0 would do nothing at a rate of 0: count from 1.": (
            waving(lambda step, warmup: step / (warmup + 1), half_wave)
        ),
        "the highest rate belongs to the first step after the warm-up, so "
        "divide by one more.": (
            waving(lambda step, warmup: (step + 1) / warmup, half_wave)
        ),
        "the wave begins where the warm-up ends, not at step 0.": waving(
            lambda step, warmup: (step + 1) / (warmup + 1),
            half_wave,
            lambda warmup: 0,
        ),
        "this is a straight line; the wave is (1 + cos)/2.": waving(
            lambda step, warmup: (step + 1) / (warmup + 1),
            lambda progress: 1 - progress,
        ),
        "half a wave is cos from 0 to π, not to 2π.": waving(
            lambda step, warmup: (step + 1) / (warmup + 1),
            lambda progress: half_wave(2 * progress),
        ),
    },
)
def rate_at(step: int, warmup: int, num_steps: int, highest: float) -> float:
    """Up in a line for `warmup` steps, then down to 0 along half a wave."""
    if step < warmup:
        return highest / (warmup + 1) * (step + 1)
    angle = math.pi * (step - warmup) / (num_steps - 1 - warmup)
    return highest * math.cos(angle / 2) ** 2


def some_gradients(rng: random.Random) -> tuple[list[torch.Tensor], float]:
    """Two or three tensors of gradients, and the longest that is allowed."""
    shapes = rng.sample([(2,), (3,), (2, 2), (2, 3)], rng.randrange(2, 4))
    generator = torch.Generator().manual_seed(rng.randrange(1000))
    gradients = [torch.randn(s, generator=generator) for s in shapes]
    return gradients, rng.choice([0.5, 1.0, 2.0, 5.0])


@exercise(
    some_gradients,
    {
        "each tensor is clipped by itself, which changes the direction: take "
        "one length for all.": lambda gradients, longest: [
            g * min(1.0, longest / g.norm()) for g in gradients
        ],
        "each slope is cut off by itself, which changes the direction.": (
            lambda gradients, longest: [
                g.clamp(-longest, longest) for g in gradients
            ]
        ),
        "a gradient that is short enough stays as it is.": (
            lambda gradients, longest: [
                g * longest / length_of(gradients) for g in gradients
            ]
        ),
        "the length is the root of the sum of squares.": (
            lambda gradients, longest: [
                g * min(1.0, longest / length_of(gradients) ** 2)
                for g in gradients
            ]
        ),
        "this clips those that are short, and lets the long ones pass.": (
            lambda gradients, longest: [
                g * max(1.0, longest / length_of(gradients)) for g in gradients
            ]
        ),
    },
)
def clip_by_norm(
    gradients: list[torch.Tensor], longest: float
) -> list[torch.Tensor]:
    """The gradients, shortened together if they are too long together."""
    length = math.sqrt(sum(float((g * g).sum()) for g in gradients))
    return [g / length * min(length, longest) for g in gradients]


def length_of(gradients: list[torch.Tensor]) -> torch.Tensor:
    """The length of all slopes as one vector."""
    return torch.cat([g.flatten() for g in gradients]).norm()
