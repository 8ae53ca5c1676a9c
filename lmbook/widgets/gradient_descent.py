"""Gradient descent on a surface: the mean squared error of a line a x + b.

Leaves out: other losses. This one is a bowl, known whole by five numbers, so
the page needs no data to walk on it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

import numpy as np

from lmbook.widgets.base import Part
from lmbook.widgets.markup import Html, element, join, table

CLOSE = 0.01  # this near to the lowest loss is arrived
MOST_STEPS = 10_000
WIDTH, HEIGHT = 300, 220  # of the picture
MARGIN = 1.7  # what is shown, in distances from the start to the lowest


class GradientDescent(Part):
    """Steps down the valley of a line's loss, from a start of (a, b).

    `x` and `y` are the data. Without `momentum` the page has no control for
    it. The names are those of the two parameters.
    """

    module = "gradient_descent"

    def __init__(
        self,
        x: Sequence[float],
        y: Sequence[float],
        start: Sequence[float],
        rate: float,
        momentum: float | None = None,
        names: tuple[str, str] = ("parameter a", "parameter b"),
    ) -> None:
        if rate <= 0:
            raise ValueError(f"{rate=} makes no step down; give one above 0")
        if momentum is not None and not 0 <= momentum < 1:
            raise ValueError(f"{momentum=} is not from 0 to below 1")
        bowl = fit(x, y)
        start = [float(value) for value in start]
        border = border_rate(bowl)
        data = {
            "bowl": bowl,
            "start": start,
            "rate": rate,
            "rates": [min(rate, border) / 50, 3 * max(rate, border)],
            "momentum": momentum,
            "names": list(names),
            "ranges": ranges(start, bowl["best"]),
            "close": CLOSE,
            "most_steps": MOST_STEPS,
        }
        data = rounded(data)
        points = descend(data["bowl"], start, rate, momentum or 0)
        super().__init__(data, fallback(data, points))


def fit(x: Sequence[float], y: Sequence[float]) -> dict:
    """The bowl: loss(a, b) is `lowest` + variance (a - a*)² + u².

    Here u is (b - b*) + mean (a - a*), with the mean and variance of x, and
    (a*, b*) is `best`.
    """
    x, y = (np.asarray(values, dtype=np.float64) for values in (x, y))
    if x.ndim != 1 or x.shape != y.shape or len(x) < 2:
        raise ValueError(
            f"x and y have the shapes {x.shape} and {y.shape}; give two "
            "lists of the same length, of two numbers or more"
        )
    if np.ptp(x) == 0:
        raise ValueError("all x are equal, so no line is the best")
    mean, variance = x.mean(), x.var()
    a = ((x - mean) * (y - y.mean())).mean() / variance
    b = y.mean() - a * mean
    lowest = ((a * x + b - y) ** 2).mean()
    values = {"mean": mean, "variance": variance, "lowest": lowest}
    return {**{k: float(v) for k, v in values.items()}, "best": [a, b]}


def loss(bowl: dict, a: float, b: float) -> float:
    across, up = a - bowl["best"][0], b - bowl["best"][1]
    tilted = up + bowl["mean"] * across
    return bowl["lowest"] + bowl["variance"] * across**2 + tilted**2


def border_rate(bowl: dict) -> float:
    """Without momentum, larger rates diverge: 2 by the largest curvature."""
    mean, variance = bowl["mean"], bowl["variance"]
    curvatures = [[variance + mean**2, mean], [mean, 1]]
    return float(1 / np.linalg.eigvalsh(curvatures)[-1])


def descend(
    bowl: dict, start: Sequence[float], rate: float, momentum: float
) -> Iterator[tuple[float, float]]:
    """The points, from the start on, without end."""
    (a, b), velocity = start, [0.0, 0.0]
    while True:
        yield a, b
        across, up = a - bowl["best"][0], b - bowl["best"][1]
        tilted = up + bowl["mean"] * across
        slope_a = 2 * (bowl["variance"] * across + bowl["mean"] * tilted)
        velocity[0] = momentum * velocity[0] + slope_a
        velocity[1] = momentum * velocity[1] + 2 * tilted
        a, b = a - rate * velocity[0], b - rate * velocity[1]


def ranges(start: Sequence[float], best: Sequence[float]) -> list:
    """What is shown of each parameter: both points, and room to jump."""
    shown = []
    for begin, end in zip(start, best, strict=True):
        half = MARGIN * max(abs(end - begin), 1)
        middle = (begin + end) / 2
        shown.append([middle - half, middle + half])
    return shown


def rounded(value: object) -> object:
    """With ten digits, in which all processors agree."""
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [rounded(item) for item in value]
    return float(f"{value:.10g}") if isinstance(value, float) else value


def fallback(data: dict, points: Iterator[tuple[float, float]]) -> Html:
    """Where the steps lead, at the rate of the start."""
    bowl, path = data["bowl"], []
    for point in islice(points, MOST_STEPS + 1):
        if not loss(bowl, *point) < 1e9:
            break
        path.append(point)
    rows = [
        (
            f"{step:,}",
            f"{a:.2f}",
            f"{b:.2f}",
            f"{loss(data['bowl'], a, b):,.2f}",
        )
        for step, (a, b) in enumerate(path)
        if step in (0, 1, 2, 3, 10, 100, 1000, 10_000)
    ]
    about = f"Gradient descent at rate {data['rate']:g}"
    if data["momentum"] is not None:
        about += f", momentum {data['momentum']:g}"
    lowest = f". The lowest loss there is: {bowl['lowest']:.2f}."
    shown = element("p", element("strong", about), lowest)
    header = ("step", *data["names"], "loss")
    return join([shown, picture(data, path), table(header, rows)])


def thinned(path: list) -> list:
    """The first steps, and every hundredth of the others."""
    return path[:60] + path[60::100]


def picture(data: dict, path: list) -> Html:
    """Lines of equal loss, as `gradient_descent.js` draws them, and a path."""
    (left, right), (low, high) = data["ranges"]
    per_a, per_b = WIDTH / (right - left), -HEIGHT / (high - low)
    mean, variance = data["bowl"]["mean"], data["bowl"]["variance"]
    best_a, best_b = data["bowl"]["best"]
    deviation = variance**0.5
    squeeze = (
        *(per_a / deviation, -per_b * mean / deviation, 0, per_b),
        *((best_a - left) * per_a, (best_b - high) * per_b),
    )
    line = {"fill": "none", "vector_effect": "non-scaling-stroke"}
    matrix = f"matrix({' '.join(f'{value:.5g}' for value in squeeze)})"
    circles = [
        element("circle", r=2**k, transform=matrix, stroke="#6b93b5", **line)
        for k in range(9)
    ]
    places = [
        ((a - left) * per_a, (b - high) * per_b) for a, b in thinned(path)
    ]
    inside = [p for p in places if max(map(abs, p)) < 10 * WIDTH]
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in inside)
    drawn = element("polyline", points=points, stroke="#c24e00", **line)
    return element(
        "svg",
        *circles,
        drawn,
        role="img",
        aria_label=f"The path in a valley of {' and '.join(data['names'])}",
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        width=WIDTH,
    )
