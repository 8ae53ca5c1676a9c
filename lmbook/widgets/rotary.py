"""Rotary positions: hands that turn, and the score as a distance's function.

Leaves out: more than sixteen pairs of axes, which no eye would follow, and
the division of the score by √K.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from lmbook.widgets.base import Part
from lmbook.widgets.markup import Html, element, join, table

MOST_PAIRS = 16


class Rotary(Part):
    """The pairs of a query and a key as hands, turned by their places.

    `query` and `key` are lists of K numbers, not turned; axis i goes with
    axis i + K/2. `speeds` are the angles in radians by which the pairs turn
    for each place, base^(-2i/K) by default.
    """

    module = "rotary"

    def __init__(
        self,
        query: Sequence[float],
        key: Sequence[float],
        base: float = 10_000.0,
        speeds: Sequence[float] | None = None,
        farthest: int = 50,
    ) -> None:
        K = len(query)
        if len(key) != K or K % 2 or not 2 <= K <= 2 * MOST_PAIRS:
            raise ValueError(
                f"query and key have {K} and {len(key)} axes; give both the "
                f"same even number, up to {2 * MOST_PAIRS}"
            )
        if speeds is None:
            speeds = [base ** (-2 * i / K) for i in range(K // 2)]
        if len(speeds) != K // 2:
            raise ValueError(
                f"{len(speeds)} speeds for {K // 2} pairs of axes; give one "
                "for each pair"
            )
        given = {"query": query, "key": key, "speeds": speeds}
        # Ten digits, in which all processors agree.
        data = {
            name: [float(f"{float(value):.10g}") for value in values]
            for name, values in given.items()
        }
        data["farthest"] = farthest
        super().__init__(data, fallback(data))


def turn(
    x: Sequence[float], place: int, speeds: Sequence[float]
) -> list[float]:
    """K numbers, each pair turned to the left by place times its speed."""
    half = len(x) // 2
    firsts, seconds = [], []
    for a, b, speed in zip(x[:half], x[half:], speeds, strict=True):
        cos, sin = math.cos(place * speed), math.sin(place * speed)
        firsts.append(a * cos - b * sin)
        seconds.append(b * cos + a * sin)
    return firsts + seconds


def score(data: dict, query_place: int, key_place: int) -> float:
    """The product of the turned query and the turned key."""
    query = turn(data["query"], query_place, data["speeds"])
    key = turn(data["key"], key_place, data["speeds"])
    return sum(a * b for a, b in zip(query, key, strict=True))


def fallback(data: dict) -> Html:
    """The score at some distances, wherever the key stands."""
    header = ("words apart", "score, key at 0", "key at 10", "key at 100")
    rows = [
        (
            distance,
            # Adding 0.0 turns -0.0 into 0.0.
            *(
                f"{round(score(data, k + distance, k), 2) + 0.0:.2f}"
                for k in (0, 10, 100)
            ),
        )
        for distance in (0, 1, 2, 3, 4, 5, 10, 20, 50)
        if distance <= data["farthest"]
    ]
    speeds = ", ".join(f"{speed:.3g}" for speed in data["speeds"])
    title = element("strong", "Rotary positions. ")
    said = f"Radians that each pair of axes turns for a place: {speeds}."
    return join([element("p", title, said), table(header, rows)])
