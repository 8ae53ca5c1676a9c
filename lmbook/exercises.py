"""Exercises that answer back.

An exercise is a plain specification, a way to make inputs for it, and the
mistakes that are made most often, each with a hint. `check(function)` finds
the exercise by the function's name, compares on random inputs, and says what
differs; where the reader's answer is that of a known mistake, it says which.

Leaves out: running code apart. A reader checks their own work.
"""

from __future__ import annotations

import inspect
import math
import random
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import torch

NUM_CASES = 20


@dataclass(frozen=True)
class Exercise:
    """What a reader's function must do, and what goes wrong most often."""

    specification: Callable[..., Any]
    make_input: Callable[[random.Random], tuple]
    mistakes: Mapping[str, Callable[..., Any]] = field(default_factory=dict)


EXERCISES: dict[str, Exercise] = {}


def exercise(
    make_input: Callable[[random.Random], tuple],
    mistakes: Mapping[str, Callable[..., Any]],
) -> Callable:
    """Register the decorated function as the specification of its name."""

    def register(specification: Callable) -> Callable:
        EXERCISES[specification.__name__] = Exercise(
            specification, make_input, mistakes
        )
        return specification

    return register


def check(attempt: Callable) -> None:
    """Print whether the reader's function does what the exercise asks."""
    print(fault(attempt) or f"Correct: {NUM_CASES} random cases agree.")


def fault(attempt: Callable) -> str | None:
    """What is wrong with an attempt, or None.

    Raises KeyError for a function whose name is no exercise's.
    """
    name = attempt.__name__
    if name not in EXERCISES:
        known = ", ".join(sorted(EXERCISES))
        raise KeyError(f"no exercise is called {name!r}; there are: {known}")
    asked = EXERCISES[name]
    for i in range(NUM_CASES):
        expected = asked.specification(*case(name, i))
        try:
            found = attempt(*case(name, i))
        except NotImplementedError:
            return "Not written yet: put your code where the error is raised."
        except Exception as error:
            return (
                f"{call(name, case(name, i))} should be {shown(expected)}, "
                f"but raises {type(error).__name__}: {error}"
            )
        if not same(found, expected):
            return (
                f"{call(name, case(name, i))} {difference(found, expected)}"
                f"{hint(attempt, i, found)}"
            )
    return None


def case(name: str, i: int) -> tuple:
    """The arguments of case i, made anew: no attempt can spoil them."""
    return EXERCISES[name].make_input(random.Random(f"{name} {i}"))


def difference(found: Any, expected: Any) -> str:
    """What should have come and what came, with the digits that differ."""
    if found is None:
        return f"should be {shown(expected)}, yours returns nothing."
    wanted, got = (getattr(x, "shape", None) for x in (expected, found))
    if None not in (wanted, got) and wanted != got:
        return f"should have shape {tuple(wanted)}, yours has {tuple(got)}."
    for digits in (4, 8, 17):
        a, b = shown(expected, digits), shown(found, digits)
        if a != b:
            break
    return f"should be {a}, yours gives {b}."


def hint(attempt: Callable, i: int, found: Any) -> str:
    """What the reader's value in case i looks like, if a known mistake's.

    Two mistakes may give the same value there; the hint is that of the one
    that is like the attempt in more of the cases.
    """
    name = attempt.__name__
    likeness = {
        words: num_alike(attempt, mistake, name)
        for words, mistake in EXERCISES[name].mistakes.items()
        if same(found, mistake(*case(name, i)))
    }
    return f"\nHint: {max(likeness, key=likeness.get)}" if likeness else ""


def num_alike(attempt: Callable, mistake: Callable, name: str) -> int:
    """In how many cases an attempt gives what a known mistake gives."""
    total = 0
    for i in range(NUM_CASES):
        with suppress(Exception):
            total += same(attempt(*case(name, i)), mistake(*case(name, i)))
    return total


def same(found: Any, expected: Any) -> bool:
    """Equal in shape and, to six digits, in value; numbers of any type.

    >>> same([1, 0.3333333], torch.tensor([1, 1 / 3]))
    True
    >>> same([1], 1) or same("1", 1) or same({"a": 1}, {"a": 1, "b": 0})
    False
    """
    if isinstance(expected, Mapping):
        return (
            isinstance(found, Mapping)
            and found.keys() == expected.keys()
            and all(same(found[key], expected[key]) for key in expected)
        )
    if isinstance(expected, (str, bool)) or found is None:
        return type(found) is type(expected) and found == expected
    try:
        a, b = (
            torch.as_tensor(value, dtype=torch.float64)
            for value in (found, expected)
        )
    except (TypeError, ValueError, RuntimeError, OverflowError):
        if not all(isinstance(x, (list, tuple)) for x in (found, expected)):
            return type(found) is type(expected) and found == expected
        return len(found) == len(expected) and all(map(same, found, expected))
    return a.shape == b.shape and torch.allclose(
        a, b, rtol=1e-6, atol=1e-9, equal_nan=True
    )


def call(name: str, arguments: tuple) -> str:
    return f"{name}({', '.join(shown(value) for value in arguments)})"


def shown(value: Any, digits: int = 4) -> str:
    """A value as a reader would write it, numbers to four digits.

    >>> shown((torch.tensor([1, 2]), {"cat": 2 / 3}))
    "([1, 2], {'cat': 0.6667})"
    """
    if hasattr(value, "tolist"):  # an array or a number of torch or NumPy
        value = value.tolist()
    if isinstance(value, float):
        return f"{value:.{digits}g}"
    if isinstance(value, list):
        return f"[{', '.join(shown(item, digits) for item in value)}]"
    if isinstance(value, tuple):
        return f"({', '.join(shown(item, digits) for item in value)})"
    if isinstance(value, Mapping):
        pairs = (
            f"{shown(k, digits)}: {shown(v, digits)}" for k, v in value.items()
        )
        return f"{{{', '.join(pairs)}}}"
    if inspect.isfunction(value):
        return value.__name__
    return repr(value)


# What the exercises are made of.


def some_probabilities(
    rng: random.Random, number: int | None = None
) -> list[float]:
    """Two to six probabilities that sum to 1; now and then one is 0."""
    number = number or rng.randrange(2, 7)
    weights = [rng.randrange(0, 9) for _ in range(number)]
    weights[rng.randrange(len(weights))] += 1
    return [weight / sum(weights) for weight in weights]


def some_words(rng: random.Random) -> list[str]:
    """Two to six words of a small vocabulary."""
    return rng.choices(
        ["a", "cat", "dog", "ran", "sat"], k=rng.randrange(2, 7)
    )


# Chapter 1: learning from data.


def some_pairs(rng: random.Random) -> tuple[list[float], list[float]]:
    """Two lists of the same length, two to six numbers each."""
    size = rng.randrange(2, 7)
    return tuple(
        [rng.randrange(-9, 10) / 2 for _ in range(size)] for _ in "xy"
    )


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


def some_matrix(rng: random.Random, num_rows: int) -> list[list[int]]:
    """Rows of two to four small counts; none is all zeros."""
    num_columns = rng.randrange(2, 5)
    rows = [rng.choices(range(4), k=num_columns) for _ in range(num_rows)]
    for row in rows:
        row[rng.randrange(num_columns)] += 1
    return rows


def some_product(rng: random.Random) -> tuple[list[int], list[list[int]]]:
    """A vector and a matrix with a row for each of its numbers."""
    vector = [rng.randrange(4) for _ in range(rng.randrange(2, 5))]
    return vector, some_matrix(rng, len(vector))


@exercise(
    some_product,
    {
        "this is the matrix times the vector, a dot product with each row; "
        "here the rows are added up.": (
            lambda vector, matrix: [
                sum(x * y for x, y in zip(vector, row, strict=False))
                for row in matrix
            ]
        ),
        "the rows are added, but each has to be taken as many times as the "
        "vector says.": (
            lambda vector, matrix: [
                sum(column) for column in zip(*matrix, strict=True)
            ]
        ),
        "the rows are multiplied and not yet added up.": (
            lambda vector, matrix: [
                [x * y for y in row]
                for x, row in zip(vector, matrix, strict=True)
            ]
        ),
    },
)
def vector_times_matrix(
    vector: list[float], matrix: list[list[float]]
) -> list[float]:
    """(V,) times (V, D) -> (D,): the rows, weighted and added."""
    totals = []
    for j in range(len(matrix[0])):
        total = 0.0
        for i in range(len(vector)):
            total += vector[i] * matrix[i][j]
        totals.append(total)
    return totals


@exercise(
    lambda rng: (
        torch.tensor(some_matrix(rng, rng.randrange(2, 5))).double(),
    ),
    {
        "these are dot products; divide each by the lengths of both texts.": (
            lambda counts: counts @ counts.T
        ),
        "the lengths are those of the columns: a text is a row, so its "
        "length runs along axis 1.": (
            lambda counts: (
                (counts / counts.norm(dim=0).clamp(min=1))
                @ (counts / counts.norm(dim=0).clamp(min=1)).T
            )
        ),
        "each product is divided by one length only, that of its column.": (
            lambda counts: counts @ counts.T / counts.norm(dim=1)
        ),
        "`lengths * lengths` has the shape (B,); every length times every "
        "other, (B, B), is `lengths[:, None] * lengths`.": (
            lambda counts: counts @ counts.T / counts.norm(dim=1) ** 2
        ),
        "this divides by the number of words; the length of a vector is the "
        "root of the sum of its squares.": (
            lambda counts: (
                counts @ counts.T / counts.sum(1) / counts.sum(1, keepdim=True)
            )
        ),
        "the lengths lack their square root.": (
            lambda counts: (
                (counts / (counts**2).sum(1, keepdim=True))
                @ (counts / (counts**2).sum(1, keepdim=True)).T
            )
        ),
    },
)
def all_cosines(counts: torch.Tensor) -> list[list[float]]:
    """(B, V) -> (B, B): the cosine of every row with every row."""
    rows = counts.tolist()
    lengths = [math.sqrt(sum(x * x for x in row)) for row in rows]
    return [
        [
            sum(x * y for x, y in zip(rows[i], rows[j], strict=True))
            / (lengths[i] * lengths[j])
            for j in range(len(rows))
        ]
        for i in range(len(rows))
    ]


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


def picked(values: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """(B, K), (B,) -> (B,): in each row the value of its target."""
    return values[torch.arange(len(targets)), targets]


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


# Chapter 2: text as numbers.


def some_letters(rng: random.Random) -> str:
    """Three to eight letters of few kinds, so that pairs come again."""
    return "".join(rng.choices("aab", k=rng.randrange(3, 9)))


def neighbours_by(
    pairs: Callable[[str], list[str]], weighted: bool = True
) -> Callable[[dict[str, int]], dict[str, int]]:
    """Counts of pairs, by one's own list of the pairs of a word."""

    def counts(word_counts: dict[str, int]) -> dict[str, int]:
        totals: dict[str, int] = {}
        for word, count in word_counts.items():
            for pair in pairs(word):
                totals[pair] = totals.get(pair, 0) + count**weighted
        return totals

    return counts


def letter_pairs(word: str) -> list[str]:
    return [word[i : i + 2] for i in range(len(word) - 1)]


@exercise(
    lambda rng: ({some_letters(rng): rng.randrange(2, 9) for _ in "1234"},),
    {
        "a word that came five times brings each of its pairs five times.": (
            neighbours_by(letter_pairs, weighted=False)
        ),
        "a pair may stand in a word more than once; count each place.": (
            neighbours_by(lambda word: sorted(set(letter_pairs(word))))
        ),
        "neighbours overlap: abc has ab and bc.": neighbours_by(
            lambda word: letter_pairs(word)[::2]
        ),
        "the last pair of each word is missing.": neighbours_by(
            lambda word: letter_pairs(word)[:-1]
        ),
    },
)
def count_neighbours(word_counts: dict[str, int]) -> dict[str, int]:
    """For each two letters, how often they stand side by side."""
    return neighbours_by(letter_pairs)(word_counts)


def merge_in_pairs(
    tokens: list[str], pair: tuple[str, str], step: int = 2, most: int = 99
) -> list[str]:
    """From left to right, going `step` on after each of `most` merges."""
    merged, i = [], 0
    while i < len(tokens):
        if most and tuple(tokens[i : i + 2]) == tuple(pair):
            merged.append(pair[0] + pair[1])
            i += step
            most -= 1
        else:
            merged.append(tokens[i])
            i += 1
    return merged


def merge_backwards(tokens: list[str], pair: tuple[str, str]) -> list[str]:
    """The same from right to left."""
    mirrored = [token[::-1] for token in tokens[::-1]]
    merged = merge_in_pairs(mirrored, (pair[1][::-1], pair[0][::-1]))
    return [token[::-1] for token in merged[::-1]]


def some_tokens(rng: random.Random) -> tuple[list[str], tuple[str, str]]:
    """Tokens and a pair: of letters, or of what one merge has made."""
    tokens = list(some_letters(rng) + rng.choice(["aaa", "baaab", "abab"]))
    if rng.random() < 0.6:
        return tokens, rng.choice([("a", "a"), ("a", "a"), ("a", "b")])
    tokens = merge_in_pairs(tokens, ("a", "b"))
    i = rng.randrange(len(tokens) - 1)
    return tokens, (tokens[i], tokens[i + 1])


@exercise(
    some_tokens,
    {
        "a token can be merged once only: of aaa one a is left over.": (
            lambda tokens, pair: merge_in_pairs(tokens, pair, step=1)
        ),
        "go from left to right: aaa becomes aa, a.": merge_backwards,
        "a token may have more than one letter and stays whole: compare "
        "tokens, not the text that they make together.": (
            lambda tokens, pair: re.findall(
                f"{''.join(pair)}|.", "".join(tokens)
            )
        ),
        "this merges the first place only; merge every place.": (
            lambda tokens, pair: merge_in_pairs(tokens, pair, most=1)
        ),
    },
)
def merge(tokens: list[str], pair: tuple[str, str]) -> list[str]:
    """The tokens with every such pair made one token, from the left."""
    merged: list[str] = []
    is_open = False  # whether the last token may still be merged
    for token in tokens:
        if is_open and (merged[-1], token) == tuple(pair):
            merged[-1] += token
            is_open = False
        else:
            merged.append(token)
            is_open = True
    return merged


def utf8_length_by(*limits: int) -> Callable[[str], int]:
    """One byte a character, and one more for each limit that it reaches."""
    return lambda text: sum(
        1 + sum(ord(c) >= limit for limit in limits) for c in text
    )


@exercise(
    lambda rng: (
        "".join(
            rng.choices("aé~ÿ߿\u0080\u0800中🙂￿𐀀", k=rng.randrange(2, 19))
        ),
    ),
    {
        "this is the number of characters, not of bytes.": len,
        "there are characters of three and of four bytes.": (
            utf8_length_by(0x80)
        ),
        "there are characters of four bytes, from 65,536 on.": (
            utf8_length_by(0x80, 0x800)
        ),
        "look at the limits: 128, 2,048 and 65,536 themselves need the "
        "further byte.": utf8_length_by(0x81, 0x801, 0x10001),
    },
)
def utf8_length(text: str) -> int:
    """The number of bytes of a text in UTF-8."""
    return len(text.encode("utf-8"))


def f1_by(combine: Callable[[float, float], float]) -> Callable:
    """A score for each class, from its precision and its recall."""

    def scores(confusion: list[list[int]]) -> list[float]:
        found = []
        for c, row in enumerate(confusion):
            called = sum(other[c] for other in confusion)
            pair = (row[c] / max(total, 1) for total in (called, sum(row)))
            found.append(combine(*pair))
        return found

    return scores


def some_confusion(rng: random.Random) -> tuple[list[list[int]]]:
    """A row for each of two to four labels; now and then no hits."""
    size = rng.randrange(2, 5)
    return ([rng.choices(range(5), k=size) for _ in range(size)],)


@exercise(
    some_confusion,
    {
        "this is the plain mean of precision and recall; the harmonic mean "
        "lies nearer to the smaller of them.": (
            f1_by(lambda precision, recall: (precision + recall) / 2)
        ),
        "this is the precision alone.": f1_by(
            lambda precision, recall: precision
        ),
        "this is the recall alone.": f1_by(lambda precision, recall: recall),
        "this is the product over the sum; the harmonic mean is twice that.": (
            f1_by(
                lambda precision, recall: (
                    precision * recall / (precision + recall)
                    if precision
                    else 0.0
                )
            )
        ),
        "this is the root of their product, the geometric mean.": f1_by(
            lambda precision, recall: math.sqrt(precision * recall)
        ),
    },
)
def f1_scores(confusion: list[list[int]]) -> list[float]:
    """The harmonic mean of precision and recall of each class."""
    scores = []
    for c in range(len(confusion)):
        called = are = 0
        for i in range(len(confusion)):
            called += confusion[i][c]
            are += confusion[c][i]
        hits = confusion[c][c]
        scores.append(2 * hits / (called + are) if hits else 0.0)
    return scores


def some_answers(rng: random.Random) -> tuple:
    """(N, K) probabilities, (N,) labels, and a threshold.

    No row has two largest; some largest are as large as the threshold.
    """
    num_texts, num_classes = rng.randrange(3, 8), rng.randrange(2, 5)
    probs: list[list[float]] = []
    while len(probs) < num_texts:
        row = some_probabilities(rng, num_classes)
        probs += [row] if row.count(max(row)) == 1 else []
    labels = [rng.randrange(num_classes) for _ in range(num_texts)]
    return (
        torch.tensor(probs, dtype=torch.float64),
        torch.tensor(labels),
        rng.choice([0.4, 0.5, 0.6, 0.75]),
    )


def answering(
    is_sure: Callable[..., torch.Tensor], of_all: bool = False
) -> Callable:
    """Answers when sure, by one's own idea of who is sure."""

    def attempt(
        probs: torch.Tensor, labels: torch.Tensor, threshold: float
    ) -> tuple[float, float]:
        sure = is_sure(probs, labels, threshold)
        hits = ((probs.argmax(1) == labels) & sure).sum().item()
        answered = sure.sum().item()
        total = len(labels) if of_all else max(answered, 1)
        return answered / len(labels), hits / total

    return attempt


@exercise(
    some_answers,
    {
        "the second number is a share of the answers, not of all texts.": (
            answering(
                lambda probs, labels, threshold: (
                    probs.max(1).values >= threshold
                ),
                of_all=True,
            )
        ),
        "“at least” the threshold: a confidence equal to it is enough.": (
            answering(
                lambda probs, labels, threshold: (
                    probs.max(1).values > threshold
                )
            )
        ),
        "the confidence is the largest probability of the row; nobody knows "
        "the label when asked to answer.": answering(
            lambda probs, labels, threshold: picked(probs, labels) >= threshold
        ),
        "those are the texts to pass on: answer where the confidence is high, "
        "not where it is low.": answering(
            lambda probs, labels, threshold: probs.max(1).values < threshold
        ),
    },
)
def answer_when_sure(
    probs: torch.Tensor, labels: torch.Tensor, threshold: float
) -> tuple[float, float]:
    """The share of texts answered, and the share of answers that are right."""
    answered = hits = 0
    for row, label in zip(probs.tolist(), labels.tolist(), strict=True):
        if max(row) >= threshold:
            answered += 1
            hits += row.index(max(row)) == label
    return answered / len(labels), hits / answered if answered else 0.0


def some_cell(rng: random.Random) -> tuple[list[list[int]], int, int]:
    """A symmetric table of counts, a row and a column; no row is empty.

    In most cases the two words met more often than by chance, in some never.
    """
    size = rng.randrange(3, 6)
    counts = [[0] * size for _ in range(size)]
    for i in range(size):
        for j in (i - 1, *range(i, size)):
            counts[i][j] += rng.choice([0, 0, 1, 2, 5]) + (j == i - 1)
            counts[j][i] = counts[i][j]
    cells = [(i, j) for i in range(size) for j in range(size)]
    i, j = rng.choice(cells)
    if rng.random() < 0.6:
        i, j = max(cells, key=lambda cell: ppmi_cell(counts, *cell))
    return counts, i, j


def ppmi_by(
    log: Callable[[float], float] = math.log, lowest: float = 0.0
) -> Callable[[list[list[int]], int, int], float]:
    """PPMI with one's own logarithm and lowest value."""

    def cell(counts: list[list[int]], i: int, j: int) -> float:
        if not counts[i][j]:
            return lowest
        by_chance = sum(counts[i]) * sum(counts[j]) / sum(map(sum, counts))
        return max(lowest, log(counts[i][j] / by_chance))

    return cell


@exercise(
    some_cell,
    {
        "what is rarer than by chance counts as 0.": ppmi_by(lowest=-math.inf),
        "this is in bits; nats take the natural logarithm.": (
            ppmi_by(math.log2)
        ),
        "this is how many times as often as by chance; take its logarithm.": (
            ppmi_by(lambda times: times)
        ),
        "this divides by the count of one word only: the logarithm of "
        "p(b | a), which is never above 0.": (
            lambda counts, i, j: (
                math.log(counts[i][j] / sum(counts[i]))
                if counts[i][j]
                else 0.0
            )
        ),
        "p(a, b) is a share of all pairs, and so are p(a) and p(b): the "
        "total goes in once above and twice below.": (
            lambda counts, i, j: (
                max(
                    0.0,
                    math.log(counts[i][j] * sum(map(sum, counts)) ** 2)
                    - math.log(sum(counts[i]) * sum(counts[j])),
                )
                if counts[i][j]
                else 0.0
            )
        ),
    },
)
def ppmi_cell(counts: list[list[int]], i: int, j: int) -> float:
    """The positive pointwise mutual information of a cell, in nats."""
    total = sum(sum(row) for row in counts)
    both = counts[i][j] / total
    one, other = sum(counts[i]) / total, sum(counts[j]) / total
    return math.log(both / (one * other)) if both > one * other else 0.0


def some_vectors(rng: random.Random) -> tuple[list[float], list[float]]:
    """Two vectors of the same length, two or three numbers each."""
    size = rng.randrange(2, 4)
    return tuple(
        [rng.choice([-3, -2, -1, 1, 2, 3]) / 2 for _ in range(size)]
        for _ in "un"
    )


def away_by(
    weigh: Callable[[float], float], from_centre: bool = True
) -> Callable[[list[float], list[float]], list[float]]:
    """A step of a negative with one's own weight and direction."""

    def step(centre: list[float], negative: list[float]) -> list[float]:
        dot = sum(u * n for u, n in zip(centre, negative, strict=True))
        along = centre if from_centre else negative
        return [-weigh(1 / (1 + math.exp(-dot))) * x for x in along]

    return step


@exercise(
    some_vectors,
    {
        "this is the gradient; the way down is minus it, away from the "
        "centre.": away_by(lambda p: -p),
        "the weight is how much “together” was believed, and not how much it "
        "was doubted.": away_by(lambda p: 1 - p),
        "this is the push on the centre; the negative moves along the "
        "centre's vector.": away_by(lambda p: p, from_centre=False),
        "so a pair is pulled together; a negative goes away from the "
        "centre.": away_by(lambda p: p - 1),
        "a weight is missing: how much “together” was believed.": (
            away_by(lambda p: 1)
        ),
        "the dot product is no probability: put it through the sigmoid.": (
            away_by(lambda p: math.log(p / (1 - p)))
        ),
    },
)
def negative_step(centre: list[float], negative: list[float]) -> list[float]:
    """Minus the gradient of -ln σ(-centre · negative) by the negative."""
    dot = 0.0
    for u, n in zip(centre, negative, strict=True):
        dot += u * n
    believed = math.exp(dot) / (1 + math.exp(dot))
    return [-believed * u for u in centre]


# Chapter 3: predicting by counting.


@exercise(
    lambda rng: (some_probabilities(rng),),
    {
        "this is the entropy in nats; bits take the logarithm to base 2.": (
            lambda probs: -sum(p * math.log(p) for p in probs if p)
        ),
        "the sign: a probability below 1 has a negative logarithm.": (
            lambda probs: sum(p * math.log2(p) for p in probs if p)
        ),
        "this is the surprise averaged over the outcomes as if all were "
        "equally likely; weigh each by its probability.": (
            lambda probs: -sum(math.log2(p) for p in probs if p) / len(probs)
        ),
    },
)
def entropy_bits(probs: list[float]) -> float:
    """The mean surprise of a distribution, in bits; 0 log 0 counts as 0."""
    return -sum(p * math.log2(p) for p in probs if p > 0)


def some_model(rng: random.Random) -> Callable[[list[str]], dict[str, float]]:
    """A next-word function in which every word so far has a say.

    A word that cannot follow has probability 0, or is not in the dictionary.
    """
    vocabulary = ["a", "cat", "dog", "ran", "sat"]
    seed = rng.random()

    def next_word_probs(words: list[str]) -> dict[str, float]:
        row = random.Random(f"{seed} {' '.join(words)}")
        probs = some_probabilities(row, len(vocabulary))
        pairs = zip(vocabulary, probs, strict=True)
        return {w: p for w, p in pairs if p or row.random() < 0.5}

    return next_word_probs


def surprise_in(
    log: Callable[[float], float], sign: float = -1
) -> Callable[..., float]:
    """The surprise of a list of words, by a logarithm of one's choice."""

    def surprise(next_word_probs: Callable, words: list[str]) -> float:
        total = 0.0
        for t in range(len(words)):
            p = next_word_probs(words[:t]).get(words[t], 0)
            if p == 0:
                return math.inf
            total += sign * log(p)
        return total

    return surprise


@exercise(
    lambda rng: (some_model(rng), some_words(rng)),
    {
        "this is in nats; bits take the logarithm to base 2.": (
            surprise_in(math.log)
        ),
        "the sign: a surprise is never negative.": surprise_in(math.log2, 1),
        "the word before is not enough: give the model all words so far.": (
            lambda model, words: surprise_in(math.log2)(
                lambda start: model(start[-1:]), words
            )
        ),
        "this is the mean; the surprise of a text is the sum.": (
            lambda model, words: (
                surprise_in(math.log2)(model, words) / len(words)
            )
        ),
        "this is the probability of the words, not their surprise.": (
            lambda model, words: math.prod(
                model(words[:t]).get(words[t], 0) for t in range(len(words))
            )
        ),
    },
)
def surprise_bits(
    next_word_probs: Callable[[list[str]], dict[str, float]], words: list[str]
) -> float:
    """The surprise of a list of words in bits; inf if one is impossible."""
    return surprise_in(math.log2)(next_word_probs, words)


@exercise(
    lambda rng: (some_words(rng) + some_words(rng),),
    {
        "the pair that begins with the last word but one is missing.": (
            lambda words: pairs_of(words[:-1])
        ),
        "there is no <s> and no </s> here.": (
            lambda words: pairs_of(["<s>", *words, "</s>"])
        ),
        "this counts the word before; the context comes first, its "
        "followers inside.": (lambda words: pairs_of(words[::-1])),
        "each pair is counted only once, however often it comes.": (
            lambda words: {
                context: dict.fromkeys(row, 1)
                for context, row in pairs_of(words).items()
            }
        ),
    },
)
def count_pairs(words: list[str]) -> dict[str, dict[str, int]]:
    """For each word, how often each word came right after it."""
    return pairs_of(words)


def pairs_of(words: list[str]) -> dict[str, dict[str, int]]:
    counts: dict[str, dict[str, int]] = {}
    for t in range(len(words) - 1):
        context, word = words[t], words[t + 1]
        counts.setdefault(context, {})
        counts[context][word] = counts[context].get(word, 0) + 1
    return counts


def some_followers(rng: random.Random) -> tuple:
    """A row of counts, a word, a number above 0, and a vocabulary's size."""
    words = ["a", "cat", "dog", "ran", "sat"]
    seen = rng.sample(words, rng.randrange(1, 5))
    counts = {word: rng.randrange(1, 9) for word in seen}
    vocab_size = rng.choice([5, 7, 11, 1000])
    return counts, rng.choice(words), rng.choice([0.01, 0.5, 1, 2]), vocab_size


@exercise(
    some_followers,
    {
        "k is added to every word's count, so the total grows by k times "
        "the vocabulary's size.": (
            lambda followers, word, k, vocab_size: (
                (followers.get(word, 0) + k) / (sum(followers.values()) + k)
            )
        ),
        "the total must grow too, or the probabilities sum to more than 1.": (
            lambda followers, word, k, vocab_size: (
                (followers.get(word, 0) + k) / sum(followers.values())
            )
        ),
        "the total is the sum of the counts, not the number of words.": (
            lambda followers, word, k, vocab_size: (
                (followers.get(word, 0) + k)
                / (len(followers) + k * vocab_size)
            )
        ),
        "only the words that were seen got their k.": (
            lambda followers, word, k, vocab_size: (
                (followers.get(word, 0) + k)
                / (sum(followers.values()) + k * len(followers))
            )
        ),
        "the vocabulary has `vocab_size` words, not the same number every "
        "time.": (
            lambda followers, word, k, vocab_size: (
                (followers.get(word, 0) + k)
                / (sum(followers.values()) + k * 7)
            )
        ),
        "this is the maximum likelihood estimate, without k.": (
            lambda followers, word, k, vocab_size: (
                followers.get(word, 0) / sum(followers.values())
            )
        ),
    },
)
def add_k_probability(
    followers: dict[str, int], word: str, k: float, vocab_size: int
) -> float:
    """The add-k probability of a word after a context."""
    numerator, denominator = k, 0.0
    for follower, count in followers.items():
        if follower == word:
            numerator += count
        denominator += count
    return numerator / (denominator + k * vocab_size)


def some_discounting(rng: random.Random) -> tuple:
    """A row of counts, a word, a discount, and a shorter distribution.

    Now and then the row is empty: a context that was never seen.
    """
    words = ["a", "cat", "dog", "ran", "sat"]
    weights = [rng.randrange(1, 9) for _ in words]
    shorter = {
        word: weight / sum(weights)
        for word, weight in zip(words, weights, strict=True)
    }
    seen = rng.sample(words, rng.choice([0, 2, 3, 3]))
    followers = {word: rng.randrange(1, 9) for word in seen}
    return followers, rng.choice(words), rng.choice([0.5, 0.75]), shorter


def discounting(passed_on: Callable[[dict, float], float]) -> Callable:
    """Absolute discounting with one's own idea of what is passed on."""

    def probability(
        followers: dict, word: str, discount: float, shorter: dict
    ) -> float:
        total = sum(followers.values())
        if not total:
            return shorter[word]
        own = max(followers.get(word, 0) - discount, 0) / total
        return own + passed_on(followers, discount) * shorter[word]

    return probability


@exercise(
    some_discounting,
    {
        "the discount is taken from each different follower; what is passed "
        "on grows with their number.": discounting(
            lambda followers, discount: discount / sum(followers.values())
        ),
        "after a context that was never seen, the shorter one decides.": (
            lambda followers, word, discount, shorter: (
                discounted_probability(followers, word, discount, shorter)
                if followers
                else 0.0
            )
        ),
        "nothing is passed on: the probabilities no longer sum to 1.": (
            discounting(lambda followers, discount: 0.0)
        ),
        "all of the shorter distribution is added; only the share that was "
        "taken may be.": discounting(lambda followers, discount: 1.0),
        "a word that was not seen has nothing to take from: mind the "
        "negative numbers.": (
            lambda followers, word, discount, shorter: (
                shorter[word]
                if not followers
                else (
                    followers.get(word, 0)
                    - discount
                    + discount * len(followers) * shorter[word]
                )
                / sum(followers.values())
            )
        ),
    },
)
def discounted_probability(
    followers: dict[str, int],
    word: str,
    discount: float,
    shorter: dict[str, float],
) -> float:
    """p(word) after a context, by absolute discounting."""

    def share_taken(followers: dict, discount: float) -> float:
        taken = sum(min(discount, count) for count in followers.values())
        return taken / sum(followers.values())

    return discounting(share_taken)(followers, word, discount, shorter)


@exercise(
    lambda rng: (some_words(rng) + some_words(rng) + some_words(rng),),
    {
        "this counts every occurrence; count different words in front.": (
            lambda words: {
                word: words[1:].count(word) for word in set(words[1:])
            }
        ),
        "this counts the words behind; Kneser and Ney count those in front.": (
            lambda words: {
                word: len(row) for word, row in pairs_of(words).items()
            }
        ),
    },
)
def continuation_counts(words: list[str]) -> dict[str, int]:
    """For each word, after how many different words it came."""
    return {word: len(row) for word, row in pairs_of(words[::-1]).items()}


@exercise(
    lambda rng: ([-rng.uniform(0.1, 5) for _ in range(rng.randrange(2, 7))],),
    {
        "the logarithms are natural, so the power must be of e, not of 2.": (
            lambda log_probs: 2 ** (-sum(log_probs) / len(log_probs))
        ),
        "this is the cross-entropy in bits; the perplexity is 2 to it.": (
            lambda log_probs: -sum(log_probs) / len(log_probs) / math.log(2)
        ),
        "this is the cross-entropy in nats; the perplexity is e to it.": (
            lambda log_probs: -sum(log_probs) / len(log_probs)
        ),
        "the sign: a perplexity is never below 1.": (
            lambda log_probs: math.exp(sum(log_probs) / len(log_probs))
        ),
        "take the mean of the logarithms first, and the power after it.": (
            lambda log_probs: (
                sum(math.exp(-log_prob) for log_prob in log_probs)
                / len(log_probs)
            )
        ),
        "this is for the whole text; take the mean over the tokens.": (
            lambda log_probs: math.exp(-sum(log_probs))
        ),
    },
)
def perplexity(log_probs: list[float]) -> float:
    """exp of the mean surprise: one over the geometric mean."""
    product = 1.0
    for log_prob in log_probs:
        product *= math.exp(log_prob)
    return (1 / product) ** (1 / len(log_probs))


def elo_by(power: float, scale: float, gain_b: float) -> Callable:
    """An Elo update with one's own sign, scale, and share of the loser."""

    def update(
        rating_a: float, rating_b: float, score: float, step: float
    ) -> tuple[float, float]:
        expected = 1 / (1 + 10 ** (power * (rating_a - rating_b) / scale))
        gain = step * (score - expected)
        return rating_a + gain, rating_b + gain_b * gain

    return update


@exercise(
    lambda rng: (
        rng.randrange(1200, 1800),
        rng.randrange(1200, 1800),
        rng.choice([0, 0.5, 1]),
        rng.choice([16, 32]),
    ),
    {
        "the stronger player is expected to win more often, not less.": (
            elo_by(1, 400, -1)
        ),
        "the power is of 10, and the difference is divided by 400.": (
            elo_by(-1, 400 * math.log(10), -1)
        ),
        "both gain here; what one gains the other loses.": (
            elo_by(-1, 400, 1)
        ),
        "what one gains the other loses: the sum of ratings stays.": (
            elo_by(-1, 400, 0)
        ),
        "the winner is expected to win half of the time, whatever the "
        "ratings: use their difference.": elo_by(0, 400, -1),
    },
)
def elo_update(
    rating_a: float, rating_b: float, score: float, step: float
) -> tuple[float, float]:
    """Both ratings after a game."""
    odds = 10 ** (rating_a / 400) / 10 ** (rating_b / 400)
    moved = step * (score - odds / (1 + odds))
    return rating_a + moved, rating_b - moved


# Chapter 4: recurrent networks.


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


# Chapter 5: the Transformer.


def some_window(rng: random.Random) -> tuple[int, int]:
    """How many tokens there are, and how many of them count."""
    return rng.randrange(3, 9), rng.randrange(2, 6)


def window_by(
    share: Callable[[int, int, int], float],
) -> Callable[[int, int], list[list[float]]]:
    """A square matrix, from what token t takes from token s."""

    def matrix(num_tokens: int, window: int) -> list[list[float]]:
        places = range(num_tokens)
        return [[share(t, s, window) for s in places] for t in places]

    return matrix


@exercise(
    some_window,
    {
        "the first tokens have fewer to look at: divide by how many there "
        "are.": window_by(lambda t, s, n: (0 <= t - s < n) / n),
        "each row adds up to 1: divide by how many tokens count.": (
            window_by(lambda t, s, n: float(0 <= t - s < n))
        ),
        "this takes all tokens so far; only the last few count.": (
            window_by(lambda t, s, n: (s <= t) / (t + 1))
        ),
        "this is one token too many: a token is one of its own window.": (
            window_by(lambda t, s, n: (0 <= t - s <= n) / min(t + 1, n + 1))
        ),
        "row t is what token t takes; yours has it in column t.": (
            window_by(lambda t, s, n: (0 <= s - t < n) / min(s + 1, n))
        ),
    },
)
def window_matrix(num_tokens: int, window: int) -> list[list[float]]:
    """(T, T): each row takes the mean of the last `window` tokens."""
    rows = []
    for t in range(num_tokens):
        seen = range(max(0, t - window + 1), t + 1)
        rows.append([(s in seen) / len(seen) for s in range(num_tokens)])
    return rows


Matrix = list[list[float]]


def some_query(rng: random.Random) -> tuple[list[float], Matrix, Matrix]:
    """A query of two to four numbers, some keys, and values of width 2."""
    num_axes, num_tokens = rng.randrange(2, 5), rng.randrange(3, 6)

    def vector(size: int) -> list[float]:
        return [round(rng.uniform(-2, 2), 1) for _ in range(size)]

    keys = [vector(num_axes) for _ in range(num_tokens)]
    return vector(num_axes), keys, [vector(2) for _ in keys]


def attending(
    divisor: Callable[[int, int], float] = lambda K, T: math.sqrt(K),
    weigh: Callable[[torch.Tensor], torch.Tensor] = lambda z: z.softmax(0),
) -> Callable[[list[float], Matrix, Matrix], list[float]]:
    """Attention with one's own divisor and weights, from K axes, T keys."""

    def attend(
        query: list[float], keys: Matrix, values: Matrix
    ) -> list[float]:
        scores = torch.tensor(keys) @ torch.tensor(query)
        scores = scores / divisor(len(query), len(keys))
        return (weigh(scores) @ torch.tensor(values)).tolist()

    return attend


@exercise(
    some_query,
    {
        "divide the scores by the root of the number of axes.": (
            attending(lambda K, T: 1.0)
        ),
        "divide by the root of the number of axes, not by the number.": (
            attending(lambda K, T: K)
        ),
        "divide by the root of the number of axes, not of the tokens.": (
            attending(lambda K, T: math.sqrt(T))
        ),
        "the weights are shares of the powers, not of the scores.": (
            attending(weigh=lambda z: z / z.sum())
        ),
        "divide the powers by their sum, so that the weights add up to 1.": (
            attending(weigh=torch.exp)
        ),
        "this takes one value; attention mixes them all.": (
            attending(weigh=lambda z: (z == z.max()).float())
        ),
    },
)
def attend_to(
    query: list[float], keys: list[list[float]], values: list[list[float]]
) -> list[float]:
    """The values, weighted by how well the query fits their keys."""
    powers, root = [], math.sqrt(len(query))
    for key in keys:
        score = sum(q * k for q, k in zip(query, key, strict=True))
        powers.append(math.exp(score / root))
    return [
        sum(p * v for p, v in zip(powers, column, strict=True)) / sum(powers)
        for column in zip(*values, strict=True)
    ]


def some_scores(rng: random.Random) -> tuple[torch.Tensor]:
    """A small square of scores."""
    size = rng.randrange(2, 5)
    generator = torch.Generator().manual_seed(rng.randrange(1000))
    return (torch.randn(size, size, generator=generator),)


@exercise(
    some_scores,
    {
        "a score of 0 is not a weight of 0, for its power is 1: use minus "
        "infinity.": lambda scores: scores.tril().softmax(-1),
        "what is set to 0 after softmax is missing from the sum of its "
        "row.": lambda scores: scores.softmax(-1).tril(),
        "these look at later tokens only; keep what is below the diagonal.": (
            lambda scores: scores.masked_fill(
                torch.ones_like(scores).tril(-1).bool(), -torch.inf
            ).softmax(-1)
        ),
        "the rows add up to 1, not the columns.": (
            lambda scores: scores.masked_fill(
                torch.ones_like(scores).triu(1).bool(), -torch.inf
            ).softmax(0)
        ),
        "nothing is masked.": lambda scores: scores.softmax(-1),
    },
)
def causal_weights(scores: torch.Tensor) -> torch.Tensor:
    """(T, T) scores -> (T, T) weights, none on a later token."""
    weights = torch.zeros_like(scores)
    for t, row in enumerate(scores):
        powers = (row[: t + 1] - row[: t + 1].max()).exp()
        weights[t, : t + 1] = powers / powers.sum()
    return weights


def some_vector(rng: random.Random) -> tuple[list[float], list[float]]:
    """Two to five values, some small, some all 0; a weight for each."""
    size, scale = rng.randrange(2, 6), rng.choice([0, 0.01, 1, 1, 1])
    values = [scale * rng.randrange(-9, 10) for _ in range(size)]
    return values, [rng.randrange(1, 9) / 2 for _ in range(size)]


def dividing(
    size: Callable[[list[float]], float], centre: bool = False
) -> Callable[[list[float], list[float]], list[float]]:
    """Values divided by a size of one's own, then weighted."""

    def norm(values: list[float], weight: list[float]) -> list[float]:
        middle = sum(values) / len(values) if centre else 0.0
        values = [x - middle for x in values]
        return [
            x / size(values) * w for x, w in zip(values, weight, strict=True)
        ]

    return norm


def mean_square(values: list[float]) -> float:
    return sum(x * x for x in values) / len(values)


def root_mean_square(values: list[float]) -> float:
    return math.sqrt(mean_square(values) + 1e-5)


@exercise(
    some_vector,
    {
        "nothing is subtracted: this is LayerNorm.": dividing(
            root_mean_square, centre=True
        ),
        "this divides by the length: take the mean of the squares, not "
        "their sum.": dividing(
            lambda values: math.sqrt(sum(x * x for x in values) + 1e-5)
        ),
        "this divides by the mean square: take its root.": dividing(
            lambda values: mean_square(values) + 1e-5
        ),
        "this divides by the mean of the values without their signs; square "
        "them.": dividing(
            lambda values: sum(map(abs, values)) / len(values) + 1e-5
        ),
        "add 0.00001 to the mean square, for the sake of very small "
        "values.": dividing(
            lambda values: math.sqrt(mean_square(values)) or 1.0
        ),
        "add 0.00001 before you take the root.": dividing(
            lambda values: math.sqrt(mean_square(values)) + 1e-5
        ),
        "the weights are missing: each value has its own.": (
            lambda values, weight: [
                x / root_mean_square(values) for x in values
            ]
        ),
    },
)
def rms_norm(values: list[float], weight: list[float]) -> list[float]:
    """Each value over the root of the mean square, times its weight."""
    total = 0.0
    for x in values:
        total += x * x
    size = (total / len(values) + 1e-5) ** 0.5
    return [weight[i] * values[i] / size for i in range(len(values))]


def some_feed_forward(rng: random.Random) -> tuple[list, list, list, list]:
    """A vector of D values, two matrices of F rows, and one of D rows."""
    d_model, d_ff = rng.sample([2, 3, 4], 2)

    def matrix(rows: int, columns: int) -> list[list[float]]:
        return [
            [rng.randrange(-4, 5) / 2 for _ in range(columns)]
            for _ in range(rows)
        ]

    (x,) = matrix(1, d_model)
    return (
        [*x[:-1], x[-1] or 1.0],
        matrix(d_ff, d_model),
        matrix(d_ff, d_model),
        matrix(d_model, d_ff),
    )


def products(matrix: list[list[float]], x: list[float]) -> list[float]:
    """A matrix times a vector: a dot product for each row."""
    return [sum(w * v for w, v in zip(row, x, strict=True)) for row in matrix]


def silu(z: float) -> float:
    return z / (1 + math.exp(-z))


def gated(
    inner: Callable[[float, float], float],
) -> Callable[[list, list, list, list], list[float]]:
    """A feed-forward network with one's own way to join gate and up."""

    def feed_forward(x: list, gate: list, up: list, down: list) -> list:
        pairs = zip(products(gate, x), products(up, x), strict=True)
        return products(down, [inner(g, u) for g, u in pairs])

    return feed_forward


@exercise(
    some_feed_forward,
    {
        "the gate goes through silu, not the other one.": (
            gated(lambda g, u: g * silu(u))
        ),
        "only the gate goes through silu.": (
            gated(lambda g, u: silu(g) * silu(u))
        ),
        "this is the sigmoid of the gate; silu is the gate times its "
        "sigmoid.": gated(lambda g, u: u / (1 + math.exp(-g))),
        "this has a ReLU where silu should be.": (
            gated(lambda g, u: max(g, 0.0) * u)
        ),
        "nothing bends: the gate goes through silu.": (
            gated(lambda g, u: g * u)
        ),
        "the two are multiplied, not added.": (
            gated(lambda g, u: silu(g) + u)
        ),
    },
)
def swiglu(
    x: list[float],
    gate: list[list[float]],
    up: list[list[float]],
    down: list[list[float]],
) -> list[float]:
    """One vector through a SwiGLU; each matrix is a list of its rows."""
    result = [0.0] * len(down)
    for j in range(len(gate)):
        g = sum(gate[j][i] * x[i] for i in range(len(x)))
        u = sum(up[j][i] * x[i] for i in range(len(x)))
        for i in range(len(down)):
            result[i] += down[i][j] * u * g / (1 + math.exp(-g))
    return result


def some_block(rng: random.Random) -> tuple[int, int, int, int]:
    """The sizes of a block: widths, and heads that divide them."""
    num_kv_heads = rng.choice([1, 2, 4])
    num_heads = num_kv_heads * rng.choice([1, 2, 3])
    d_model = num_heads * rng.choice([4, 8, 16])
    return d_model, rng.randrange(2, 6) * d_model, num_heads, num_kv_heads


def counting_block(
    shared: bool = True, matrices: int = 3, norms: int = 2, of_all: int = 0
) -> Callable[[int, int, int, int], int]:
    """A count of a block's parameters with one's own habits."""

    def count(d_model: int, d_ff: int, num_heads: int, num_kv: int) -> int:
        d_kv = d_model // num_heads * num_kv if shared else d_model
        attention = 2 * d_model * d_model + 2 * d_model * d_kv
        total = attention + matrices * d_model * d_ff + norms * d_model
        biases = 2 * d_model + 2 * d_kv + 2 * d_ff + d_model
        return total + of_all * biases

    return count


@exercise(
    some_block,
    {
        "keys and values have fewer heads than queries, so their matrices "
        "are smaller.": counting_block(shared=False),
        "a SwiGLU has three matrices: gate, up and down.": (
            counting_block(matrices=2)
        ),
        "the two norms have a weight for each axis as well.": (
            counting_block(norms=0)
        ),
        "there are two norms, one before each part.": counting_block(norms=1),
        "these matrices have no biases.": counting_block(of_all=1),
    },
)
def block_parameters(
    d_model: int, d_ff: int, num_heads: int, num_kv_heads: int
) -> int:
    """The number of weights in one block: attention, SwiGLU, two norms."""
    d_head = d_model // num_heads
    queries_and_output = 2 * d_model * num_heads * d_head
    keys_and_values = 2 * d_model * num_kv_heads * d_head
    return queries_and_output + keys_and_values + d_model * (3 * d_ff + 2)


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


def some_writing(rng: random.Random) -> tuple[int, int]:
    """The tokens of a prompt, and the words to be written."""
    return rng.randrange(2, 12), rng.randrange(2, 9)


def making_keys(
    with_cache: Callable[[int, int], int], again: Callable[[int, int], int]
) -> Callable[[int, int], tuple[int, int]]:
    """Both counts, each with one's own habits."""
    return lambda prompt, new: (again(prompt, new), with_cache(prompt, new))


def kept_keys(prompt: int, new: int) -> int:
    """Each token once, but for the last word."""
    return prompt + new - 1


def keys_again(prompt: int, new: int) -> int:
    """All tokens for each word."""
    return sum(prompt + i for i in range(new))


@exercise(
    some_writing,
    {
        "the last word is written and not read: it has no key.": making_keys(
            lambda prompt, new: prompt + new,
            lambda prompt, new: sum(prompt + i for i in range(new + 1)),
        ),
        "with a cache the last word is not read either.": making_keys(
            lambda prompt, new: prompt + new, keys_again
        ),
        "without a cache the prompt too is read again for each word.": (
            making_keys(
                kept_keys, lambda prompt, new: prompt + sum(range(new))
            )
        ),
        "the prompt has keys as well, each made once.": making_keys(
            lambda prompt, new: new, keys_again
        ),
        "without a cache comes first.": (
            lambda num_prompt, num_new: (
                kept_keys(num_prompt, num_new),
                keys_again(num_prompt, num_new),
            )
        ),
    },
)
def keys_made(num_prompt: int, num_new: int) -> tuple[int, int]:
    """The keys of a layer without a cache, and with one."""
    longest = num_prompt + num_new - 1
    shorter = num_prompt * (num_prompt - 1) // 2
    return longest * (longest + 1) // 2 - shorter, longest


def some_cache(rng: random.Random) -> tuple[int, ...]:
    """Texts, tokens, layers, heads, numbers of a head, bytes of a number."""
    return (
        rng.randrange(2, 5),
        rng.randrange(5, 50),
        rng.randrange(3, 9),
        rng.choice((3, 5, 7)),
        rng.choice((6, 10, 14)),
        rng.choice((1, 4)),
    )


def without_factor(place: int) -> Callable[..., int]:
    """The bytes, with one of the factors forgotten."""
    return lambda *sizes: cache_bytes(*sizes) // sizes[place]


@exercise(
    some_cache,
    {
        "there are two of each, a key and a value.": (
            lambda *sizes: cache_bytes(*sizes) // 2
        ),
        "every text of the batch has keys and values of its own.": (
            without_factor(0)
        ),
        "every layer keeps its own.": without_factor(2),
        "every head of keys and values keeps its own.": without_factor(3),
        "these are numbers; each takes `bytes_each` bytes.": (
            without_factor(5)
        ),
    },
)
def cache_bytes(
    batch_size: int,
    num_tokens: int,
    num_layers: int,
    num_kv_heads: int,
    d_head: int,
    bytes_each: int,
) -> int:
    """What the keys and values of a batch weigh."""
    num_vectors = 2 * batch_size * num_tokens * num_layers * num_kv_heads
    return num_vectors * d_head * bytes_each


def some_padding(rng: random.Random) -> tuple[int, int]:
    """How many tokens there are, and how many of them are padding."""
    return rng.randrange(5, 11), rng.randrange(1, 5)


def mask_by(
    may_look: Callable[[int, int, int], bool],
) -> Callable[[int, int], list[list[int]]]:
    """A square of 0 and 1, from whether token t may look at token s."""

    def matrix(num_tokens: int, padding: int) -> list[list[int]]:
        places = range(num_tokens)
        return [[int(may_look(t, s, padding)) for s in places] for t in places]

    return matrix


@exercise(
    some_padding,
    {
        "the padding can still be looked at.": (
            mask_by(lambda t, s, padding: s <= t)
        ),
        "a token of padding must see itself: a softmax over nothing has no "
        "value.": mask_by(lambda t, s, padding: padding <= s <= t),
        "this looks ahead: no token sees a later one.": (
            mask_by(lambda t, s, padding: s == t or s >= padding)
        ),
        "the padding is on the left.": mask_by(
            lambda t, s, padding: s == t or s <= t - padding
        ),
        "the first token after the padding is one of the text.": (
            mask_by(lambda t, s, padding: s == t or padding < s <= t)
        ),
        "row t is for the token that looks; yours has it in column t.": (
            mask_by(lambda t, s, padding: s == t or padding <= t <= s)
        ),
    },
)
def padded_mask(num_tokens: int, padding: int) -> list[list[int]]:
    """Row t: what token t may look at, behind padding on the left."""
    rows = []
    for t in range(num_tokens):
        row = [0] * num_tokens
        row[padding : t + 1] = [1] * max(0, t + 1 - padding)
        row[t] = 1
        rows.append(row)
    return rows


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


Rows = list[list[float]]


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


def mixed(rows: Rows, output: Rows) -> list[float]:
    """The matrix times the rows side by side."""
    flat = [value for row in rows for value in row]
    return [
        sum(w * value for w, value in zip(row, flat, strict=True))
        for row in output
    ]


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
