"""The exercises of the page `gradients`."""

from __future__ import annotations

import random
from collections.abc import Callable

from lmbook.exercises.checking import exercise
from lmbook.exercises.inputs import some_pairs


def slopes_by(scale: Callable[[int], float], by_x: bool = True) -> Callable:
    """Slopes of a line's error: sums times a scale of the number of texts."""

    def slopes(
        a: float, b: float, xs: list[float], ys: list[float]
    ) -> tuple[float, float]:
        in_a = in_b = 0.0
        for i in range(len(xs)):
            error = a * xs[i] + b - ys[i]
            in_a += error * xs[i] if by_x else error
            in_b += error
        return scale(len(xs)) * in_a, scale(len(xs)) * in_b

    return slopes


@exercise(
    lambda rng: (
        rng.randrange(-9, 10) / 4,
        rng.randrange(-9, 10) / 2,
        *some_pairs(rng),
    ),
    {
        "the slope of a square is twice the error; a 2 is missing.": (
            slopes_by(lambda n: 1 / n)
        ),
        "this is for the sum of the squares; the loss is their mean.": (
            slopes_by(lambda n: 2)
        ),
        "the sign: an error is the guess less the truth, and the slope of the "
        "loss points up.": slopes_by(lambda n: -2 / n),
        "nudging a moves each error by x times the nudge: weigh it with x.": (
            slopes_by(lambda n: 2 / n, by_x=False)
        ),
    },
)
def line_gradient(
    a: float, b: float, xs: list[float], ys: list[float]
) -> tuple[float, float]:
    """The slopes of the mean squared error of a x + b, in a and in b."""
    return slopes_by(lambda n: 2 / n)(a, b, xs, ys)


def some_step(rng: random.Random) -> tuple:
    """A parameter, its slope, averages, which step, rate and decay.

    Now and then the slope has always been 0.
    """
    t = rng.choice([1, 1, 2, 5, 20])
    m, s = (rng.uniform(-1, 1), rng.uniform(0.001, 1)) if t > 1 else (0.0, 0.0)
    p, g = rng.uniform(-3, 3), rng.choice([-1, 1]) * rng.uniform(0.1, 3)
    if t == 1 and rng.random() < 0.3:
        g = 0.0
    return p, g, m, s, t, rng.choice([0.01, 0.1]), rng.choice([0.01, 0.1])


def adamw_by(
    kept: float = 0.9,
    hats: bool = True,
    root: float = 0.5,
    in_slope: bool = False,
    sign: float = -1,
) -> Callable:
    """A step of AdamW with one's own ideas about it."""

    def step(
        p: float,
        g: float,
        m: float,
        s: float,
        t: int,
        rate: float,
        decay: float,
    ) -> tuple[float, float, float]:
        if in_slope:
            g, decay = g + decay * p, 0.0
        m = kept * m + (1 - kept) * g
        s = 0.999 * s + 0.001 * g * g
        mean = m / (1 - kept**t) if hats else m
        size = s / (1 - 0.999**t) if hats else s
        moved = rate * (mean / (size**root + 1e-8) + decay * p)
        return p + sign * moved, m, s

    return step


@exercise(
    some_step,
    {
        "both averages begin at 0; divide them by 1 - 0.9**t and "
        "1 - 0.999**t.": adamw_by(hats=False),
        "divide by the root of the mean square, not by the mean square.": (
            adamw_by(root=1)
        ),
        "decay must not go into the averages: add it to the step, not to the "
        "slope.": adamw_by(in_slope=True),
        "nine tenths of the old mean stay, and one tenth is new.": (
            adamw_by(kept=0.1)
        ),
        "this goes up; subtract the step.": adamw_by(sign=1),
    },
)
def adamw_step(
    p: float, g: float, m: float, s: float, t: int, rate: float, decay: float
) -> tuple[float, float, float]:
    """The parameter and both averages after step t of AdamW."""
    return adamw_by()(p, g, m, s, t, rate, decay)
