"""The exercises of the page `vectors`."""

from __future__ import annotations

import math
import random

import torch

from lmbook.exercises.checking import exercise


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
