"""The exercises of the page `models`."""

from __future__ import annotations

from lmbook.exercises.checking import exercise
from lmbook.exercises.inputs import some_pairs


@exercise(
    some_pairs,
    {
        "this is the sum; the mean divides it by the number of guesses.": (
            lambda guesses, truths: sum(
                (g - t) ** 2 for g, t in zip(guesses, truths, strict=True)
            )
        ),
        "errors up and down cancel: square each before you add them.": (
            lambda guesses, truths: (
                (sum(guesses) - sum(truths)) ** 2 / len(guesses)
            )
        ),
        "this is the mean absolute error; square instead.": (
            lambda guesses, truths: (
                sum(abs(g - t) for g, t in zip(guesses, truths, strict=True))
                / len(guesses)
            )
        ),
    },
)
def squared_error(guesses: list[float], truths: list[float]) -> float:
    """The mean squared error of guesses."""
    total = 0.0
    for i in range(len(guesses)):
        total += (guesses[i] - truths[i]) * (guesses[i] - truths[i])
    return total / len(guesses)


@exercise(
    lambda rng: tuple(
        [abs(value) + 1 for value in values] for values in some_pairs(rng)
    ),
    {
        "this is the mean of the ratios, in which short texts count as much "
        "as long ones.": (
            lambda xs, ys: (
                sum(y / x for x, y in zip(xs, ys, strict=True)) / len(xs)
            )
        ),
        "this is the ratio of the sums: no squares anywhere.": (
            lambda xs, ys: sum(ys) / sum(xs)
        ),
        "the squares below are those of x, not of y.": (
            lambda xs, ys: (
                sum(x * y for x, y in zip(xs, ys, strict=True))
                / sum(y * y for y in ys)
            )
        ),
    },
)
def slope_through_origin(xs: list[float], ys: list[float]) -> float:
    """The a that makes the squared error of a x least."""
    above = below = 0.0
    for i in range(len(xs)):
        above += xs[i] * ys[i]
        below += xs[i] * xs[i]
    return above / below
