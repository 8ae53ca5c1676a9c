"""The exercises of the page `elman`."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

from lmbook.exercises.checking import exercise


def some_cell_of_numbers(rng: random.Random) -> tuple:
    """An input, a state, and the weights of a small Elman cell."""
    d_input, d_hidden = rng.randrange(1, 4), rng.randrange(2, 4)

    def numbers(size: int) -> list[float]:
        return [rng.choice([-3, -2, -1, 1, 2, 3]) / 4 for _ in range(size)]

    return (
        numbers(d_input),
        numbers(d_hidden),
        [numbers(d_input) for _ in range(d_hidden)],
        [numbers(d_hidden) for _ in range(d_hidden)],
        numbers(d_hidden),
    )


def elman_by(
    squash: Callable[[float], float] = math.tanh,
    past: float = 1,
    bias_share: float = 1,
    transposed: bool = False,
    in_place: bool = False,
) -> Callable:
    """A step of an Elman cell, with one's own way to go wrong."""

    def step(
        inputs: list[float],
        hidden: list[float],
        input_weight: list[list[float]],
        hidden_weight: list[list[float]],
        bias: list[float],
    ) -> list[float]:
        old = list(hidden)
        new = old if in_place else [0.0] * len(old)
        for i in range(len(old)):
            total = bias_share * bias[i]
            for x, weight in zip(inputs, input_weight[i], strict=True):
                total += weight * x
            for k in range(len(old)):
                row, column = (k, i) if transposed else (i, k)
                total += past * hidden_weight[row][column] * old[k]
            new[i] = squash(total)
        return new

    return step


@exercise(
    some_cell_of_numbers,
    {
        "the later units should still see the old state: put the new one "
        "into a list of its own.": elman_by(in_place=True),
        "the sum is not yet squashed: take its tanh.": (
            elman_by(squash=lambda z: z)
        ),
        "this sees the input alone; add what the old state says.": (
            elman_by(past=0)
        ),
        "the bias is missing.": elman_by(bias_share=0),
        "unit i has row i of hidden_weight; you took column i.": (
            elman_by(transposed=True)
        ),
    },
)
def elman_step(
    inputs: list[float],
    hidden: list[float],
    input_weight: list[list[float]],
    hidden_weight: list[list[float]],
    bias: list[float],
) -> list[float]:
    """(D,), (H,) -> (H,): the state after one more input."""
    new = []
    for i in range(len(hidden)):
        total = bias[i]
        for j in range(len(inputs)):
            total += input_weight[i][j] * inputs[j]
        for k in range(len(hidden)):
            total += hidden_weight[i][k] * hidden[k]
        new.append(math.tanh(total))
    return new


def some_reading(rng: random.Random) -> tuple:
    """A step of one number of state, two to five inputs, and a start."""
    of_input, of_state = rng.sample([0.5, 1, 1.5, 2, 3], 2)

    def step(now: float, state: float) -> float:
        return of_input * now + of_state * state

    inputs = [rng.randrange(-3, 4) for _ in range(rng.randrange(2, 6))]
    return step, inputs, rng.choice([-2, -1, 1, 2])


def states_from(
    step: Callable[[float, float], float], inputs: list[float], state: float
) -> list[float]:
    """The state at the start, and after each of the inputs."""
    states = [state]
    for now in inputs:
        states.append(step(now, states[-1]))
    return states


@exercise(
    some_reading,
    {
        "every step begins from the first state again; hand on the last.": (
            lambda step, inputs, state: [step(now, state) for now in inputs]
        ),
        "the state at the start is there as well: leave it out.": states_from,
        "this is the last state alone; keep them all.": (
            lambda step, inputs, state: states_from(step, inputs, state)[-1]
        ),
        "these are the states before each input, not after it.": (
            lambda step, inputs, state: states_from(step, inputs, state)[:-1]
        ),
        "the first argument of the step is the input, the second the state.": (
            lambda step, inputs, state: states_from(
                lambda now, before: step(before, now), inputs, state
            )[1:]
        ),
    },
)
def all_states(
    step: Callable[[float, float], float], inputs: list[float], state: float
) -> list[float]:
    """The state after each input, from the state before the first."""
    states = []
    for now in inputs:
        state = step(now, state)
        states.append(state)
    return states
