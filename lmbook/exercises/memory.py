"""The exercises of the page `memory`."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

from lmbook.exercises.checking import exercise


def some_path(rng: random.Random) -> tuple[float, list[float]]:
    """A weight, and two to five numbers of words, small ones."""
    numbers = [rng.randrange(-4, 5) / 4 for _ in range(rng.randrange(2, 6))]
    return rng.choice([0.5, 0.75, 1.5, 2.0]), numbers


def multiplying(
    factor: Callable[[float, float, float], float], first: int = 1
) -> Callable[[float, list[float]], float]:
    """A product over words, of what weight, old and new state give."""

    def slope(weight: float, numbers: list[float]) -> float:
        state, factors = 0.0, []
        for number in numbers:
            old, state = state, math.tanh(number + weight * state)
            factors.append(factor(weight, old, state))
        return math.prod(factors[first:])

    return slope


@exercise(
    some_path,
    {
        "the squashing has a slope too: 1 less the square of the state.": (
            multiplying(lambda weight, old, new: weight)
        ),
        "each step goes through the weight as well.": (
            multiplying(lambda weight, old, new: 1 - new**2)
        ),
        "the slope of tanh is taken at its answer, the new state.": (
            multiplying(lambda weight, old, new: weight * (1 - old**2))
        ),
        "the first state is where the slope arrives: its own word has no "
        "factor.": multiplying(
            lambda weight, old, new: weight * (1 - new**2), 0
        ),
    },
)
def slope_through_time(weight: float, numbers: list[float]) -> float:
    """Of the last state in the first: a factor for each later word."""
    state, slope = math.tanh(numbers[0]), 1.0
    for number in numbers[1:]:
        state = math.tanh(number + weight * state)
        slope *= weight / math.cosh(math.atanh(state)) ** 2
    return slope


def some_gates(rng: random.Random) -> tuple[list[float], float]:
    """Four sums before the squashing, and the cell before."""
    sums = [rng.choice([-1.5, -1, -0.5, 0.5, 1, 1.5]) for _ in range(4)]
    return sums, rng.choice([-2.0, -1.0, 1.0, 2.0])


def sigmoid(z: float) -> float:
    """From 0 to 1."""
    return 1 / (1 + math.exp(-z))


def lstm_by(
    order: tuple[int, int, int, int] = (0, 1, 2, 3),
    gate: Callable[[float], float] = sigmoid,
    content: Callable[[float], float] = math.tanh,
    show: Callable[[float], float] = math.tanh,
    shows_old: bool = False,
) -> Callable[[list[float], float], tuple[float, float]]:
    """A step of an LSTM cell, with one's own way to go wrong."""

    def step(sums: list[float], cell: float) -> tuple[float, float]:
        i, f, g, o = (sums[place] for place in order)
        new = gate(f) * cell + gate(i) * content(g)
        return gate(o) * show(cell if shows_old else new), new

    return step


@exercise(
    some_gates,
    {
        "the first gate lets in, the second keeps: you have the two the "
        "other way round.": lstm_by(order=(1, 0, 2, 3)),
        "the new content may be negative: it is squashed by tanh.": (
            lstm_by(content=sigmoid)
        ),
        "the gates are shares: squash them by the sigmoid.": (
            lstm_by(gate=lambda z: z)
        ),
        "what is shown is the tanh of the cell.": lstm_by(show=lambda c: c),
        "what is shown is the new cell, not the old.": lstm_by(shows_old=True),
    },
)
def lstm_step(sums: list[float], cell: float) -> tuple[float, float]:
    """The sums for i, f, g, o, the cell -> the new hidden state and cell."""
    i, f, o = (1 / (1 + math.exp(-sums[n])) for n in (0, 1, 3))
    new = f * cell + i * math.tanh(sums[2])
    return o * math.tanh(new), new


@exercise(
    lambda rng: (rng.randrange(8, 15), rng.randrange(2, 6)),
    {
        "nothing is cut here: the slope ends where the piece begins.": (
            lambda num_words, length: list(range(num_words))
        ),
        "this looks back over the same number of words from each; the "
        "pieces have fixed borders.": lambda num_words, length: [
            min(t, length - 1) for t in range(num_words)
        ],
        "this is the number of the piece, not the place in it.": (
            lambda num_words, length: [t // length for t in range(num_words)]
        ),
        "the first word of a piece reaches no word before it: 0.": (
            lambda num_words, length: [
                t % length + 1 for t in range(num_words)
            ]
        ),
    },
)
def words_reached(num_words: int, length: int) -> list[int]:
    """How many words before it the slope from each word reaches."""
    borders = range(0, num_words, length)
    pieces = [range(min(length, num_words - start)) for start in borders]
    return [place for piece in pieces for place in piece]
