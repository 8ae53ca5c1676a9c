"""The exercises of the page `autodiff`."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

from lmbook.exercises.checking import exercise


def some_factors(rng: random.Random) -> tuple[list[float], float]:
    """Two to four factors, every other time a 0 among them; a slope."""
    factors = [rng.choice([-3, -2, 0.5, 2, 4]) for _ in range(4)]
    factors = factors[: rng.randrange(2, 5)]
    if rng.random() < 0.5:
        factors[rng.randrange(len(factors))] = 0
    return factors, rng.choice([-2, 0.5, 3])


@exercise(
    some_factors,
    {
        "a 0 among the factors still has a slope, the product of the others; "
        "dividing the whole product by it cannot find that.": (
            lambda factors, upstream: [
                upstream * math.prod(factors) / x if x else 0.0
                for x in factors
            ]
        ),
        "these are the local slopes; the chain rule multiplies each by "
        "`upstream`.": (
            lambda factors, upstream: product_gradients(factors, 1)
        ),
        "slopes along a path multiply; here `upstream` is added.": (
            lambda factors, upstream: [
                upstream + slope for slope in product_gradients(factors, 1)
            ]
        ),
        "this is the whole product for each; a factor's local slope leaves "
        "the factor itself out.": (
            lambda factors, upstream: (
                [upstream * math.prod(factors)] * len(factors)
            )
        ),
        "the local slope in a factor is not the factor but what it is "
        "multiplied by.": (
            lambda factors, upstream: [upstream * x for x in factors]
        ),
        "these are the slopes of a sum.": (
            lambda factors, upstream: [upstream] * len(factors)
        ),
    },
)
def product_gradients(factors: list[float], upstream: float) -> list[float]:
    """The slopes of a loss in the factors of a product, from its own."""
    slopes = []
    for i in range(len(factors)):
        slope = upstream
        for j in range(len(factors)):
            if j != i:
                slope *= factors[j]
        slopes.append(slope)
    return slopes


Tape = list[list[tuple[int, float]]]


def some_tape(rng: random.Random) -> tuple[Tape]:
    """Two values, and two to four made from one or two of those before.

    The last is made from the one before it, so that slopes have far to go.
    """
    tape: Tape = [[], []]
    for i in range(2, rng.randrange(4, 7)):
        parents = [i - 1, *rng.choices(range(i), k=rng.randrange(2))]
        tape.append([(p, rng.choice([-2, -1, 2, 3])) for p in parents])
    return (tape,)


def walked_back(
    step: Callable[[float, float, float], float],
    start: float = 1,
    way: Callable = reversed,
) -> Callable[[Tape], list[float]]:
    """A backward pass with one's own step, start and order."""

    def slopes(tape: Tape) -> list[float]:
        grads = [0.0] * len(tape)
        grads[-1] = start
        for i in way(range(len(tape))):
            for parent, local_grad in tape[i]:
                grads[parent] = step(grads[parent], grads[i], local_grad)
        return grads

    return slopes


@exercise(
    some_tape,
    {
        "look at a value that is used twice: it keeps the slope of one path "
        "only, and paths add up.": (
            walked_back(lambda old, grad, local_grad: grad * local_grad)
        ),
        "this adds up local slopes; along a path they multiply.": (
            walked_back(lambda old, grad, local_grad: old + local_grad)
        ),
        "all slopes are 0, for nothing was there to hand on: the slope of "
        "the last value in itself is 1.": (
            walked_back(lambda old, grad, local_grad: old, start=0)
        ),
        "go from the last value to the first: a value hands on its slope "
        "when it has it.": (
            walked_back(
                lambda old, grad, local_grad: old + grad * local_grad,
                way=iter,
            )
        ),
    },
)
def slopes_on_tape(tape: Tape) -> list[float]:
    """The slopes of the last value in all: products, summed over paths."""

    def slope(i: int, j: int) -> float:
        """Of value i in value j."""
        if i == j:
            return 1
        return sum(local_grad * slope(p, j) for p, local_grad in tape[i])

    return [slope(len(tape) - 1, j) for j in range(len(tape))]
