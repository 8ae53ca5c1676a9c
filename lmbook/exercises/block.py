"""The exercises of the page `block`."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

from lmbook.exercises.checking import exercise
from lmbook.exercises.inputs import mean_square, root_mean_square


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
