"""The exercises of the page `positions`."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

from lmbook.exercises.checking import exercise


def some_turn(rng: random.Random) -> tuple[float, float, float]:
    """A pair of numbers and an angle in radians."""
    a, b = rng.sample([-3, -2, -1, 1, 2, 3], 2)
    return a, b, rng.choice([-1, 1]) * rng.randrange(1, 30) / 10


def turned_right(a: float, b: float, angle: float) -> tuple[float, float]:
    """The pair turned clockwise."""
    cos, sin = math.cos(angle), math.sin(angle)
    return a * cos + b * sin, b * cos - a * sin


def turned_in_place(a: float, b: float, angle: float) -> tuple[float, float]:
    """The second number made from the new first one."""
    cos, sin = math.cos(angle), math.sin(angle)
    a = a * cos - b * sin
    return a, b * cos + a * sin


@exercise(
    some_turn,
    {
        "this turns to the right; the minus belongs to b sin.": turned_right,
        "the second number still needs the old a.": turned_in_place,
        "the angle is in radians already.": (
            lambda a, b, angle: rotate_pair(a, b, math.radians(angle))
        ),
        "sine and cosine are changed over.": (
            lambda a, b, angle: rotate_pair(a, b, math.pi / 2 - angle)
        ),
    },
)
def rotate_pair(a: float, b: float, angle: float) -> tuple[float, float]:
    """The pair (a, b) turned to the left by an angle in radians."""
    turned = complex(a, b) * complex(math.cos(angle), math.sin(angle))
    return turned.real, turned.imag


def some_wave(rng: random.Random) -> tuple[int, int, int, int]:
    """A place, an axis, the number of axes, the base."""
    width = rng.choice([4, 6, 8])
    axis = rng.randrange(width)
    return rng.randrange(1, 30), axis, width, rng.choice([100, 10_000])


def waving_by(
    speed: Callable[[int, int, int], float],
    is_sine: Callable[[int, int], bool] = lambda axis, width: axis % 2 == 0,
) -> Callable[[int, int, int, int], float]:
    """A wave with one's own speed, and choice between sine and cosine."""

    def wave_at(place: int, axis: int, width: int, base: int) -> float:
        wave = math.sin if is_sine(axis, width) else math.cos
        return wave(place * speed(axis, width, base))

    return wave_at


def pair_speed(axis: int, width: int, base: int) -> float:
    """The same for both axes of a pair: base^(-2i/width)."""
    return base ** (-2 * (axis // 2) / width)


@exercise(
    some_wave,
    {
        "axis 0 is a sine, and axis 1 its cosine.": waving_by(
            pair_speed, lambda axis, width: axis % 2 == 1
        ),
        "the two axes of a pair have one speed: i is axis // 2.": waving_by(
            lambda axis, width, base: base ** (-2 * axis / width)
        ),
        "the two axes of a pair have one speed; axis - axis % 2 is 2i.": (
            waving_by(lambda axis, width, base: base ** (-axis / width))
        ),
        "the exponent is -2i/width; the 2 is missing.": waving_by(
            lambda axis, width, base: base ** (-(axis // 2) / width)
        ),
        "speeds fall from pair to pair: the exponent needs a minus.": (
            waving_by(
                lambda axis, width, base: base ** (2 * (axis // 2) / width)
            )
        ),
        "sines and cosines take turns; these are halves.": waving_by(
            lambda axis, width, base: (
                base ** (-2 * axis / width)
                if axis < width // 2
                else base ** (-2 * (axis - width // 2) / width)
            ),
            lambda axis, width: axis < width // 2,
        ),
        "without its place a wave does not move.": (
            lambda place, axis, width, base: wave_at(1, axis, width, base)
        ),
    },
)
def wave_at(place: int, axis: int, width: int, base: int) -> float:
    """What SinusoidalPositions adds on one axis at one place."""
    quarter = axis % 2 * math.pi / 2  # a cosine is a sine, a quarter ahead
    return math.sin(place * base ** (-(axis - axis % 2) / width) + quarter)


def some_heads(
    rng: random.Random,
) -> tuple[list[float], list[float], int, int]:
    """A query, a key, both not turned, their distance, the base."""
    width = rng.choice([2, 4, 6])
    query, key = (
        [rng.choice([-2, -1, 1, 2]) / 2 for _ in range(width)]
        for _ in range(2)
    )
    return query, key, rng.randrange(1, 12), rng.choice([100, 10_000])


def scored_by(
    pairs: Callable[[int], list[tuple[int, int]]],
    speed: Callable[[int, int, int], float] = lambda i, width, base: (
        base ** (-2 * i / width)
    ),
) -> Callable:
    """A score with one's own pairs of axes and speeds."""

    def rotary_score(
        query: list[float], key: list[float], distance: int, base: int
    ) -> float:
        total = 0.0
        for i, (j, k) in enumerate(pairs(len(query))):
            angle = distance * speed(i, len(query), base)
            a, b = rotate_pair(query[j], query[k], angle)
            total += a * key[j] + b * key[k]
        return total

    return rotary_score


def halves(width: int) -> list[tuple[int, int]]:
    """Axis i with axis i + K/2."""
    return [(i, i + width // 2) for i in range(width // 2)]


@exercise(
    some_heads,
    {
        "neighbours are no pair here: axis i goes with axis i + K/2.": (
            scored_by(lambda width: [(i, i + 1) for i in range(0, width, 2)])
        ),
        "this turns the other way: the query is ahead of the key.": (
            lambda query, key, distance, base: rotary_score(
                query, key, -distance, base
            )
        ),
        "each pair has its own speed; this turns all at speed 1.": (
            scored_by(halves, lambda i, width, base: 1.0)
        ),
        "the exponent of the speed is -2i/K; the 2 is missing.": (
            scored_by(halves, lambda i, width, base: base ** (-i / width))
        ),
        "turn the query alone; if both turn by the same, nothing changes.": (
            lambda query, key, distance, base: sum(
                a * b for a, b in zip(query, key, strict=True)
            )
        ),
    },
)
def rotary_score(
    query: list[float], key: list[float], distance: int, base: int
) -> float:
    """Query · key, the query turned by the distance, pair by pair."""
    half, total = len(query) // 2, 0.0
    for i in range(half):
        angle = distance * base ** (-i / half)
        a = complex(query[i], query[i + half])
        b = complex(key[i], -key[i + half])
        turn = complex(math.cos(angle), math.sin(angle))
        total += (a * turn * b).real
    return total
