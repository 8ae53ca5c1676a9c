"""The book's figures: matplotlib only, one style, each a function of numbers.

Colours are those of Okabe and Ito, told apart by colour-blind readers; every
series has its own marker as well. From the eighth series on the colours come
again, each with another marker. A figure is drawn on white: the site turns
it dark where the reader's page is.

Leaves out: computing anything. The numbers behind a figure stand on the page.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

INK, FAINT = "#333333", "#d5d5d5"
COLOURS = (
    "#0072B2",  # blue
    "#D55E00",  # vermilion
    "#009E73",  # green
    "#CC79A7",  # pink
    "#E69F00",  # orange
    "#56B4E9",  # sky
    "#333333",
)
MARKERS = "osD^vPX"
STYLE = {
    "figure.dpi": 140,
    "figure.facecolor": "white",
    "font.size": 9,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.titlesize": 9,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "xtick.color": INK,
    "ytick.color": INK,
    "grid.color": FAINT,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "lines.linewidth": 1.6,
    "lines.markersize": 4.5,
}
WIDTH = 6.6  # inches: the width of the page's text


@contextmanager
def axes(
    height: float = 3.0, columns: int = 1, **options: object
) -> Iterator[Axes]:
    """Axes in the book's style, or an array of them; drawn at the end."""
    with plt.rc_context(STYLE):
        _, subplots = plt.subplots(
            1,
            columns,
            figsize=(WIDTH, height),
            layout="constrained",
            **options,
        )
        yield subplots
        plt.show()


def looks(number: int, limit: int = 2 * len(COLOURS)) -> list[dict[str, str]]:
    """A colour and a marker for each of a number of series, no two alike.

    ValueError above the limit: more could not be told apart.
    """
    if number > limit:
        raise ValueError(
            f"{number} series are too many to tell apart: draw {limit} or "
            "fewer in a figure"
        )
    size = len(COLOURS)
    return [
        {"color": COLOURS[i % size], "marker": MARKERS[(i + i // size) % size]}
        for i in range(number)
    ]


def draw_lines(
    plot: Axes, series: Mapping[str, Mapping[float, float]]
) -> None:
    """A line for each name, through its points x -> y, with its own look."""
    for (name, points), look in zip(
        series.items(), looks(len(series)), strict=True
    ):
        plot.plot(list(points), list(points.values()), label=name, **look)


def draw_points(
    plot: Axes, groups: Mapping[str, Sequence[tuple[float, float]]]
) -> None:
    """Marks for the points of each name, with its own look."""
    for (name, pairs), look in zip(
        groups.items(), looks(len(groups)), strict=True
    ):
        x, y = zip(*pairs, strict=True)
        plot.plot(x, y, linestyle="", label=name, **look)


def next_words(
    distributions: Mapping[str, Mapping[str, float]], top: int = 6
) -> None:
    """For each beginning, bars of its most probable next words."""
    columns = len(distributions)
    with axes(0.5 + 0.25 * top, columns, squeeze=False, sharex=True) as row:
        for plot, (start, probs) in zip(
            row[0], distributions.items(), strict=True
        ):
            best = sorted(probs.items(), key=lambda pair: -pair[1])[:top]
            words, values = zip(*best, strict=True)
            plot.barh(range(len(words)), values, 0.7, color=COLOURS[0])
            plot.set_yticks(range(len(words)), words)
            plot.set_ylim(top - 0.4, -0.6)
            plot.set_title(f"… {start}")
            plot.set_xlim(0, 1)
            plot.set_xlabel("probability")
            plot.tick_params(axis="y", length=0)


def surprise(words: Sequence[str], bits: Sequence[float]) -> None:
    """The surprise of each word of a line, in bits, one column a word.

    An impossible word has the sign ∞ in place of a bar.
    """
    with axes(2.4) as plot:
        heights = [x if math.isfinite(x) else 0.0 for x in bits]
        plot.bar(range(len(words)), heights, 0.75, color=COLOURS[0])
        for place, x in enumerate(bits):
            if not math.isfinite(x):
                plot.text(place, 0, "∞", ha="center", va="bottom")
        plot.set_xticks(range(len(words)), words, rotation=60, ha="right")
        plot.tick_params(axis="x", length=0, labelsize=8, pad=1)
        plot.set_ylabel("surprise (bits)")
        plot.set_xlim(-0.6, len(words) - 0.4)
        plot.grid(axis="y")


def over_words(
    words: Sequence[str],
    series: Mapping[str, Sequence[float]],
    ylabel: str,
    *,
    yscale: str = "linear",
) -> None:
    """A line for each name, with a mark at each word of a sentence."""
    with axes(2.6) as plot:
        draw_lines(
            plot, {name: dict(enumerate(ys)) for name, ys in series.items()}
        )
        plot.set_xticks(range(len(words)), words)
        plot.set_yscale(yscale)
        plot.set_ylabel(ylabel)
        plot.grid(axis="y")
        if len(series) > 1:
            plot.legend(loc="upper left", bbox_to_anchor=(1, 1))


def by_kind(
    series: Mapping[str, Mapping[str, float]],
    label: str = "gap to the floor (bits per word)",
) -> None:
    """A row for each kind of word, a mark for each model.

    Infinite values are left out.
    """
    kinds = list(next(iter(series.values())))
    lowest = min(min(values.values()) for values in series.values())
    height = max(0.9 + 0.3 * len(kinds), 0.3 + 0.2 * len(series))
    with axes(height) as plot:
        for (name, values), look in zip(
            series.items(), looks(len(series)), strict=True
        ):
            plot.plot(
                [values[kind] for kind in kinds],
                range(len(kinds)),
                label=name,
                linestyle="",
                markersize=6,
                clip_on=False,
                **look,
            )
        plot.set_yticks(range(len(kinds)), kinds)
        plot.set_ylim(len(kinds) - 0.5, -0.5)
        plot.set_xlim(left=min(0, lowest))
        plot.set_xlabel(label)
        plot.tick_params(axis="y", length=0)
        plot.grid(axis="both")
        plot.legend(loc="upper left", bbox_to_anchor=(1, 1))


def lines(
    series: Mapping[str, Mapping[float, float]],
    xlabel: str,
    ylabel: str,
    *,
    floor: float | None = None,
    floor_name: str = "floor",
    xscale: str = "linear",
    yscale: str = "linear",
    ylim: tuple[float, float] | None = None,
) -> None:
    """A line for each name, through its points x -> y; marks at the points.

    `floor` draws the lowest value that is possible. Infinite values are left
    out: they have no place on an axis.
    """
    with axes() as plot:
        draw_lines(plot, series)
        if floor is not None:
            plot.axhline(floor, color=INK, linestyle="--", linewidth=1)
            plot.annotate(
                f"{floor_name} {floor:.3f}",
                (1, floor),
                xycoords=("axes fraction", "data"),
                xytext=(-2, 3),
                textcoords="offset points",
                ha="right",
            )
        plot.set_xscale(xscale)
        plot.set_yscale(yscale)
        xs = sorted({x for points in series.values() for x in points})
        if all(x == int(x) for x in xs):
            plot.set_xticks(xs, [f"{x:g}" for x in xs])
            plot.set_xticks([], minor=True)
        plot.set_xlabel(xlabel)
        plot.set_ylabel(ylabel)
        if ylim:
            plot.set_ylim(*ylim)
        plot.grid(axis="y")
        if len(series) > 1:
            plot.legend(loc="upper left", bbox_to_anchor=(1, 1))


def counts(
    matrix: Sequence[Sequence[float]],
    rows: Sequence[str],
    columns: Sequence[str],
    xlabel: str,
    ylabel: str,
    *,
    aspect: float = 1,
) -> None:
    """A table of numbers as a grid: the darker, the larger.

    `aspect` is a cell's height over its width: less gives names more room.
    """
    with axes(0.9 + 0.3 * len(rows)) as plot:
        largest = max(max(row) for row in matrix)
        plot.imshow(
            matrix, cmap="Blues", vmin=0, vmax=2 * largest, aspect=aspect
        )
        for y, row in enumerate(matrix):
            for x, value in enumerate(row):
                if value:
                    plot.text(x, y, f"{value:g}", ha="center", va="center")
        plot.set_xticks(range(len(columns)), columns)
        plot.set_yticks(range(len(rows)), rows)
        for place in range(1, max(len(rows), len(columns))):
            plot.axhline(place - 0.5, color="white", linewidth=1.5)
            plot.axvline(place - 0.5, color="white", linewidth=1.5)
        plot.set_xlim(-0.5, len(columns) - 0.5)
        plot.set_ylim(len(rows) - 0.5, -0.5)
        plot.set_xlabel(xlabel)
        plot.set_ylabel(ylabel)
        plot.xaxis.set_label_position("top")
        plot.tick_params(length=0, top=False, labeltop=True, labelbottom=False)
        plot.spines[:].set_visible(False)


def intervals(
    rows: Mapping[str, tuple[float, float, float]],
    xlabel: str,
    zero: bool = True,
) -> None:
    """A row for each name: a mark at the mean, a line from low to high."""
    with axes(0.8 + 0.3 * len(rows)) as plot:
        for y, (mean, low, high) in enumerate(rows.values()):
            plot.plot([low, high], [y, y], color=COLOURS[0])
            plot.plot(mean, y, "o", color=COLOURS[0])
        if zero:
            plot.axvline(0, color=INK, linewidth=1, linestyle="--")
        plot.set_yticks(range(len(rows)), list(rows))
        plot.set_ylim(len(rows) - 0.5, -0.5)
        plot.set_xlabel(xlabel)
        plot.tick_params(axis="y", length=0)
        plot.grid(axis="x")


def number_line(probs: Mapping[str, float], point: float) -> None:
    """Probabilities end to end on a line from 0 to 1, and a point on it."""
    with axes(1.1) as plot:
        start = 0.0
        for i, (name, width) in enumerate(probs.items()):
            colour = COLOURS[i % len(COLOURS)]
            plot.barh(0, width, 0.5, start, color=colour, alpha=0.3)
            plot.text(start + width / 2, 0, name, ha="center", va="center")
            start += width
        plot.plot([point, point], [-0.45, 0.45], color=INK)
        plot.annotate(f"u = {point}", (point, 0.45), ha="center", va="bottom")
        plot.set_ylim(-0.5, 0.8)
        plot.set_xlim(0, 1)
        plot.set_yticks([])
        plot.spines["left"].set_visible(False)
        plot.set_xlabel("cumulative probability")


def stacked(rows: Mapping[str, Mapping[str, float]], xlabel: str) -> None:
    """A bar for each row, cut into named shares that follow one another."""
    names = list(next(iter(rows.values())))
    with axes(0.9 + 0.35 * len(rows)) as plot:
        starts = [0.0] * len(rows)
        for name, look in zip(
            names, looks(len(names), len(COLOURS)), strict=True
        ):
            widths = [row[name] for row in rows.values()]
            plot.barh(
                range(len(rows)),
                widths,
                0.65,
                starts,
                color=look["color"],
                edgecolor="white",
                label=name,
            )
            starts = [a + b for a, b in zip(starts, widths, strict=True)]
        plot.set_yticks(range(len(rows)), list(rows))
        plot.set_ylim(len(rows) - 0.5, -0.5)
        plot.set_xlim(0, 1)
        plot.set_xlabel(xlabel)
        plot.tick_params(axis="y", length=0)
        plot.legend(loc="upper left", bbox_to_anchor=(1, 1))


def histogram(
    values: Sequence[float], xlabel: str, ylabel: str, num_bins: int = 40
) -> None:
    """How often values fall where; a dashed line stands at zero."""
    with axes(2.4) as plot:
        plot.hist(values, num_bins, color=COLOURS[0])
        plot.axvline(0, color=INK, linewidth=1, linestyle="--")
        plot.set_xlabel(xlabel)
        plot.set_ylabel(ylabel)
        plot.grid(axis="y")


def scatter(
    points: Mapping[str, Sequence[tuple[float, float]]],
    xlabel: str,
    ylabel: str,
    *,
    lines: Mapping[str, Sequence[tuple[float, float]]] | None = None,
    ylim: tuple[float, float] | None = None,
) -> None:
    """Named groups of points, and named lines through other points."""
    with axes() as plot:
        draw_points(plot, points)
        dashes = ("-", "--", "-.", ":")
        for i, (name, pairs) in enumerate((lines or {}).items()):
            x, y = zip(*pairs, strict=True)
            colour = COLOURS[(i + len(points)) % len(COLOURS)]
            plot.plot(x, y, dashes[i % 4], color=colour, label=name)
        plot.set_xlabel(xlabel)
        plot.set_ylabel(ylabel)
        if ylim:
            plot.set_ylim(*ylim)
        plot.grid(axis="both")
        if len(points) + len(lines or {}) > 1:
            plot.legend(loc="upper left", bbox_to_anchor=(1, 1))


def contours(
    height: Callable[[float, float], float],
    xs: Sequence[float],
    ys: Sequence[float],
    xlabel: str,
    ylabel: str,
    *,
    path: Sequence[tuple[float, float]] = (),
    paths: Mapping[str, Sequence[tuple[float, float]]] | None = None,
) -> None:
    """Lines of equal height over a plane, and a path across it.

    The lines are spaced by factors, as heights of a loss span many of them.
    `paths` draws one panel for each name. A path may leave the plane.
    """
    panels = paths or {"": path}
    heights = np.array([[height(x, y) for x in xs] for y in ys])
    levels = np.geomspace(heights.min(), heights.max(), 12)
    with axes(3.6, len(panels), squeeze=False, sharey=True) as row:
        for plot, (name, path) in zip(row[0], panels.items(), strict=True):
            shown = plot.contour(
                xs,
                ys,
                heights,
                levels,
                cmap="viridis",
                norm="log",
                linewidths=1,
            )
            plot.clabel(shown, levels[2::3], fmt="%.0f", fontsize=7)
            if len(path):
                across, up = zip(*path, strict=True)
                plot.plot(across, up, "o-", color=COLOURS[1], ms=3)
                plot.plot(across[-1], up[-1], "P", color=INK, markersize=8)
            plot.set_title(name)
            plot.set_xlim(min(xs), max(xs))
            plot.set_ylim(min(ys), max(ys))
            plot.set_xlabel(xlabel)
        row[0][0].set_ylabel(ylabel)


def regions(
    panels: Mapping[str, Callable[[np.ndarray], Sequence[float]]],
    groups: Mapping[str, Sequence[tuple[float, float]]],
    xticks: Mapping[str, float],
    yticks: Mapping[str, float],
    xlabel: str,
    ylabel: str,
) -> None:
    """Two named groups of points in each panel, over what its score says.

    A score takes (N, 2) points and gives N numbers. Where they are above 0
    the panel has the colour of the first group, elsewhere of the second.
    """
    points = np.array([point for pairs in groups.values() for point in pairs])
    low, high = points.min(0), points.max(0)
    margin = 0.25 * (high - low)
    xs, ys = np.linspace(low - margin, high + margin, 161).T
    grid = np.stack(np.meshgrid(xs, ys), -1)
    with axes(
        1.2 + 5.4 / len(panels), len(panels), squeeze=False, sharey=True
    ) as row:
        for plot, (title, score) in zip(row[0], panels.items(), strict=True):
            scores = np.asarray(score(grid.reshape(-1, 2)))
            plot.contourf(
                xs,
                ys,
                scores.reshape(len(ys), len(xs)).clip(-1, 1),
                levels=[-2, 0, 2],
                colors=[COLOURS[1], COLOURS[0]],
                alpha=0.2,
            )
            draw_points(plot, groups)
            plot.set_title(title)
            plot.set_xticks(
                list(xticks.values()),
                list(xticks),
                rotation=60 if len(xticks) > 3 else 0,
            )
            plot.set_yticks(list(yticks.values()), list(yticks))
            plot.tick_params(length=2, pad=2)
            plot.set_xlabel(xlabel)
        row[0][0].set_ylabel(ylabel)
        plot.figure.legend(
            *plot.get_legend_handles_labels(),
            loc="outside lower center",
            ncols=2,
        )


def token_grid(rows: Mapping[str, Sequence[str]], padding: str) -> None:
    """A line of equal boxes for each row, one for each token.

    Those of padding are not filled, and have a dashed edge.
    """
    with axes(0.2 + 0.34 * len(rows)) as plot:
        for y, tokens in enumerate(rows.values()):
            for x, token in enumerate(tokens):
                real = token != padding
                plot.barh(
                    y,
                    0.94,
                    0.8,
                    x + 0.03,
                    color=COLOURS[0] if real else "none",
                    alpha=0.2 if real else 1,
                    edgecolor="none" if real else FAINT,
                    linestyle="-" if real else "--",
                )
                plot.text(x + 0.5, y, token, ha="center", va="center")
        plot.set_yticks(range(len(rows)), list(rows))
        plot.set_ylim(len(rows) - 0.5, -0.5)
        plot.set_xticks([])
        plot.tick_params(axis="y", length=0)
        plot.spines[:].set_visible(False)


def panels(
    rows: Mapping[str, Mapping[str, Mapping[float, float]]], xlabel: str
) -> None:
    """A panel for each label of a y axis, with its named lines x -> y.

    All panels share the x axis and the names.
    """
    with axes(2.6, len(rows), squeeze=False) as row:
        for plot, (label, series) in zip(row[0], rows.items(), strict=True):
            draw_lines(plot, series)
            plot.set_xlabel(xlabel)
            plot.set_ylabel(label)
            plot.set_ylim(bottom=0)
            plot.grid(axis="y")
        plot.figure.legend(
            *plot.get_legend_handles_labels(),
            loc="outside lower center",
            ncols=4,
        )


def against(
    panels: Mapping[str, Mapping[str, Mapping[float, float]]],
    ylabel: str,
    *,
    floor: float | None = None,
) -> None:
    """A panel for each label of an x axis, with its named lines x -> y.

    All panels share the y axis and the names; the x axes are logarithmic and
    show whole powers of ten. `floor` draws the lowest value that is possible.
    """
    with axes(2.9, len(panels), squeeze=False, sharey=True) as row:
        for plot, (label, series) in zip(row[0], panels.items(), strict=True):
            draw_lines(plot, series)
            if floor is not None:
                plot.axhline(floor, color=INK, linestyle="--", linewidth=1)
            plot.set_xscale("log")
            xs = [math.log10(x) for points in series.values() for x in points]
            ends = math.floor(min(xs)), math.ceil(max(xs))
            plot.set_xlim(*(10.0**end for end in ends))
            plot.set_xlabel(label)
            plot.grid(axis="y")
        row[0][0].set_ylabel(ylabel)
        plot.figure.legend(
            *plot.get_legend_handles_labels(),
            loc="outside lower center",
            ncols=5,
        )


def arrows(
    vectors: Mapping[str, tuple[float, float]],
    xlabel: str,
    ylabel: str,
    *,
    angle: tuple[str, str] | None = None,
) -> None:
    """Named arrows from the origin, and the angle between two of them."""
    reach = [max(xy[axis] for xy in vectors.values()) for axis in (0, 1)]
    with axes(3.2) as plot:
        for (name, tip), look in zip(
            vectors.items(), looks(len(vectors)), strict=True
        ):
            head = {
                "arrowstyle": "-|>,head_width=0.25,head_length=0.6",
                "color": look["color"],
                "linewidth": 1.6,
                "shrinkA": 0,
                "shrinkB": 0,
            }
            plot.annotate("", tip, (0, 0), arrowprops=head)
            plot.annotate(
                name,
                tip,
                (7, -2),
                textcoords="offset points",
                color=look["color"],
                va="top",
            )
        if angle:
            ends = [math.atan2(*reversed(vectors[name])) for name in angle]
            radius = 0.4 * min(math.hypot(*vectors[name]) for name in angle)
            turn = np.linspace(min(ends), max(ends), 30)
            plot.plot(radius * np.cos(turn), radius * np.sin(turn), color=INK)
            middle = (1.15 * radius) * np.exp(1j * turn.mean())
            plot.text(
                middle.real,
                middle.imag,
                f"{math.degrees(max(ends) - min(ends)):.0f}°",
                va="bottom",
            )
        plot.set_xlim(0, 1.6 * reach[0])
        plot.set_ylim(0, 1.15 * reach[1])
        plot.set_aspect("equal")
        plot.set_xlabel(xlabel)
        plot.set_ylabel(ylabel)
        plot.grid(axis="both")


def graph(
    columns: Sequence[Mapping[str, str]],
    edges: Sequence[tuple[str, str, str]],
) -> None:
    """Boxes in columns, name -> text, and labelled arrows from box to box.

    Of two arrows between the same boxes one runs above the other.
    """
    half_width, half_height = 0.36, 0.32
    rows = max(map(len, columns))
    places = {
        name: (x, (len(column) - 1) / 2 - y)
        for x, column in enumerate(columns)
        for y, name in enumerate(column)
    }
    with axes(0.3 + 1.1 * rows) as plot:
        for name, text in (pair for c in columns for pair in c.items()):
            x, y = places[name]
            corner = x - half_width, y - half_height
            size = 2 * half_width, 2 * half_height
            plot.add_patch(
                plt.Rectangle(
                    corner, *size, facecolor="white", edgecolor=COLOURS[0]
                )
            )
            plot.text(x, y, text, ha="center", va="center")
        pairs = [(start, end) for start, end, _ in edges]
        for i, (start, end, label) in enumerate(edges):
            (x0, y0), (x1, y1) = places[start], places[end]
            same = [j for j, pair in enumerate(pairs) if pair == pairs[i]]
            shift = 0.4 * ((len(same) - 1) / 2 - same.index(i))
            tail = x0 + half_width, y0 + shift
            head = x1 - half_width, y1 + shift
            arrow = {"arrowstyle": "-|>", "color": INK, "shrinkA": 0}
            plot.annotate("", head, tail, arrowprops={**arrow, "shrinkB": 0})
            side = 0 if y0 != y1 else 1 if shift >= 0 else -1
            plot.annotate(
                label,
                ((tail[0] + head[0]) / 2, (tail[1] + head[1]) / 2),
                (0, 3 * side),
                textcoords="offset points",
                color=COLOURS[1],
                ha="center",
                va={1: "bottom", 0: "center", -1: "top"}[side],
                bbox={"facecolor": "white", "linewidth": 0, "pad": 0.5},
            )
        plot.set_xlim(-half_width - 0.05, len(columns) - 1 + half_width + 0.05)
        plot.set_ylim(-rows / 2, rows / 2)
        plot.set_xticks([])
        plot.set_yticks([])
        plot.spines[:].set_visible(False)


def stream(parts: Sequence[Sequence[str]], start: str, end: str) -> None:
    """A line from start to end; each part's boxes read it, and add to it."""
    half_width, half_height, gap = 0.5, 0.28, 0.35
    with axes(1.9) as plot:
        arrow = {"arrowstyle": "-|>", "color": INK, "shrinkA": 0, "shrinkB": 0}
        left = 0.0
        for names in parts:
            centres = [
                left + half_width + i * (2 * half_width + gap)
                for i in range(len(names))
            ]
            for x, name in zip(centres, names, strict=True):
                corner = x - half_width, -half_height
                box = {"facecolor": "white", "edgecolor": COLOURS[0]}
                plot.add_patch(
                    plt.Rectangle(
                        corner, 2 * half_width, 2 * half_height, **box
                    )
                )
                plot.text(x, 0, name, ha="center", va="center")
            for x in centres[1:]:
                tip = x - half_width
                plot.annotate("", (tip, 0), (tip - gap, 0), arrowprops=arrow)
            tap, back = centres[0] - 0.25, centres[-1] + 0.25
            plot.annotate("", (tap, half_height), (tap, 1), arrowprops=arrow)
            plot.annotate(
                "", (back, 0.89), (back, half_height), arrowprops=arrow
            )
            ring = {"facecolor": "white", "edgecolor": INK}
            plot.text(
                back,
                1,
                "+",
                ha="center",
                va="center",
                bbox={"boxstyle": "circle,pad=0.2", **ring},
            )
            left = centres[-1] + half_width + gap
        plot.annotate(
            "",
            (left + 0.3, 1),
            (-0.3, 1),
            arrowprops={**arrow, "color": COLOURS[0], "linewidth": 2.2},
            zorder=0,
        )
        plot.text(-0.4, 1, start, ha="right", va="center")
        plot.text(left + 0.4, 1, end, ha="left", va="center")
        plot.set_xlim(-1.1, left + 1.1)
        plot.set_ylim(-0.45, 1.35)
        plot.set_xticks([])
        plot.set_yticks([])
        plot.spines[:].set_visible(False)


def moves(
    points: Mapping[str, tuple[float, float]],
    steps: Mapping[str, tuple[tuple[float, float], tuple[float, float]]],
    xlabel: str,
    ylabel: str,
) -> None:
    """Named points of a plane, and named arrows from one place to another."""
    places = [
        *points.values(),
        *(xy for step in steps.values() for xy in step),
    ]
    low, high = np.min(places, 0) - 0.4, np.max(places, 0) + 0.4
    with axes(3.2) as plot:
        for (name, point), look in zip(
            points.items(), looks(len(points)), strict=True
        ):
            plot.plot(*point, markersize=7, **look)
            plot.annotate(
                name,
                point,
                (7, -5),
                textcoords="offset points",
                color=look["color"],
                va="top",
            )
        for name, (start, end) in steps.items():
            arrow = {"arrowstyle": "-|>", "color": INK, "shrinkA": 5}
            plot.annotate("", end, start, arrowprops=arrow)
            x, y = np.subtract(end, start) / math.dist(start, end)
            plot.annotate(
                name,
                end,
                (5 * x, 5 * y),
                textcoords="offset points",
                ha="right" if x < -0.5 else "left" if x > 0.5 else "center",
                va="top" if y < -0.5 else "bottom" if y > 0.5 else "center",
            )
        plot.set_xlim(low[0], high[0])
        plot.set_ylim(low[1], high[1])
        plot.set_aspect("equal")
        plot.set_xlabel(xlabel)
        plot.set_ylabel(ylabel)
        plot.grid(axis="both")
