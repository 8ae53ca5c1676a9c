"""Figures: what is drawn is the numbers, and nothing else changes."""

import inspect
import itertools
import math

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex, to_rgb

from lmbook import figures
from lmbook.figures import COLOURS, MARKERS, STYLE, WIDTH

# One call of each public function, with numbers that tell axes and series
# apart. A figure that is added to the package is added here.
NEXT_WORDS = {
    "the": {"cat": 0.2, "dog": 0.5, "sun": 0.05, "sea": 0.25},
    "the cat": {"sat": 1.0},
}
WORDS, BITS = ["the", "cat", "sat", "."], [3.0, 7.5, 0.25, 0.0]
KINDS = {
    "order 2": {"name": 2.0, "verb": 0.5, "mood": 1.25},
    "order 6": {"name": 1.5, "verb": 0.0, "mood": 3.5},
}
CURVES = {
    "counts": {1: 9.5, 2: 7.25, 3: 8.0},
    "chat": {1: 9.0, 3: 4.5, 5: 3.75},
}
MATRIX = [[0, 3, 12], [7, 0, 1]]
MEANS = {"a to b": (0.5, 0.25, 1.0), "b to c": (-1.5, -2.0, -0.75)}
LINE = {"cat": 0.6, "dog": 0.3, "bird": 0.1}
SHARES = {
    "the": {"order 1": 0.5, "order 2": 0.5},
    "the cat": {"order 1": 0.125, "order 2": 0.75},
    "a": {"order 1": 0.375, "order 2": 0.625},
}
SIZES = {"counts": {10: 3.0, 1000: 1.5}, "chat": {100: 2.0}}
VALUES = [-1.0, -0.5, 0.25, 0.3, 2.0]
POINTS = {"Python": [(1.0, 4.0), (3.0, 2.5)], "English": [(2.0, 7.0)]}
FITTED = {"least squares": [(0.0, 5.0), (4.0, 3.0)]}
DESCENT = [(-2.0, 4.0), (0.0, 2.0), (1.0, 1.0)]
CORNERS = {"good": [(0, 1), (1, 0)], "bad": [(0, 0), (1, 1)]}


def above(points):
    """Above 0 where y is larger than x."""
    return points[:, 1] - points[:, 0]


EXAMPLES = {
    "stream": lambda: figures.stream(
        [("norm", "look"), ("norm", "think")], "in", "out"
    ),
    "arrows": lambda: figures.arrows(
        {"a": (6, 4), "b": (3, 2), "c": (2, 5)},
        "times x",
        "times y",
        angle=("b", "c"),
    ),
    "regions": lambda: figures.regions(
        {"line": above, "band": lambda points: abs(above(points)) - 0.5},
        CORNERS,
        {"–": 0, "not": 1},
        {"bad": 0, "good": 1},
        "first word",
        "second word",
    ),
    "graph": lambda: figures.graph(
        [{"a": "a = 2", "b": "b = 3"}, {"c": "c = 6"}],
        [("a", "c", "3"), ("b", "c", "2")],
    ),
    "moves": lambda: figures.moves(
        {"a": (0, 0), "b": (1, 1)}, {"s": ((0, 0), (0.5, 0.5))}, "x", "y"
    ),
    "token_grid": lambda: figures.token_grid(
        {"reads": ["<s>", "a", "–"], "predicts": ["a", "b", "c"]}, "–"
    ),
    "panels": lambda: figures.panels({"y": {"a": {1: 2, 3: 4}}}, "x"),
    "against": lambda: figures.against(
        {"seconds": SIZES, "parameters": {"counts": {5000: 3.5}}},
        "bits per byte",
        floor=0.5,
    ),
    "next_words": lambda: figures.next_words(NEXT_WORDS, top=3),
    "surprise": lambda: figures.surprise(WORDS, BITS),
    "by_kind": lambda: figures.by_kind(KINDS),
    "lines": lambda: figures.lines(
        CURVES, "order", "cross-entropy (bits per token)", floor=3.141
    ),
    "over_words": lambda: figures.over_words(
        WORDS, {"forgets": [1.0, 0.5, 0.25, 0.0], "keeps": BITS}, "state"
    ),
    "counts": lambda: figures.counts(
        MATRIX, ["cat", "dog"], ["ran", "sat", "."], "next word", "word before"
    ),
    "intervals": lambda: figures.intervals(MEANS, "difference (bits)"),
    "number_line": lambda: figures.number_line(LINE, 0.72),
    "stacked": lambda: figures.stacked(SHARES, "share of the prediction"),
    "histogram": lambda: figures.histogram(
        VALUES, "bits per token", "stories", num_bins=3
    ),
    "scatter": lambda: figures.scatter(
        POINTS, "words", "length (characters)", lines=FITTED
    ),
    "contours": lambda: figures.contours(
        bowl, range(-3, 4), range(-2, 7), "slope", "intercept", path=DESCENT
    ),
}


def bowl(x, y):
    """Lowest, 3, at x = 1 and y = 1; the farther in y, the higher."""
    return 3 + (x - 1) ** 2 + 4 * (y - 1) ** 2


every_figure = pytest.mark.parametrize("name", EXAMPLES)


@pytest.fixture(autouse=True)
def drawn(monkeypatch):
    """The figures that were shown: drawn as a notebook does, by Agg."""
    plt.switch_backend("agg")
    before, figures_drawn = dict(plt.rcParams), []

    def show():
        plt.gcf().canvas.draw()
        figures_drawn.append(plt.gcf())

    monkeypatch.setattr(plt, "show", show)
    yield figures_drawn
    plt.close("all")
    assert dict(plt.rcParams) == before


@pytest.fixture
def axes_of(drawn):
    """Draw a figure; its axes."""

    def draw(figure, *arguments, **options):
        figure(*arguments, **options)
        axes = drawn[-1].axes
        return axes[0] if len(axes) == 1 else axes

    return draw


def ticks(axis):
    return [label.get_text() for label in axis.get_ticklabels()]


def texts(axes):
    return [text.get_text() for text in axes.texts]


def points(line):
    """What is seen of a line: its marks, without those that are not finite."""
    pairs = zip(line.get_xdata(), line.get_ydata(), strict=True)
    return [pair for pair in pairs if np.isfinite(pair).all()]


def legend(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


def with_label(axes, artists):
    """Those that belong to a series, as the legend has it."""
    return [x for x in artists if not x.get_label().startswith("_")]


# Every figure --------------------------------------------------------------


def test_every_figure_has_an_example():
    public = {
        name
        for name, function in inspect.getmembers(figures, inspect.isfunction)
        if function.__module__ == "lmbook.figures" and name[0] != "_"
    }
    parts = {"axes", "looks", "draw_lines", "draw_points"}
    assert public - parts == EXAMPLES.keys()


@every_figure
def test_one_figure_is_shown_as_wide_as_the_text(name, drawn):
    assert EXAMPLES[name]() is None
    assert len(drawn) == 1
    assert drawn[0].get_figwidth() == WIDTH
    assert to_hex(drawn[0].get_facecolor()) == "#ffffff"


@every_figure
def test_an_axis_of_numbers_says_what_they_are(name, drawn):
    EXAMPLES[name]()
    for axes in drawn[0].axes:
        for axis in (axes.xaxis, axes.yaxis):
            has_numbers = any(map(str.isdigit, "".join(ticks(axis))))
            assert axis.get_label_text() or not has_numbers


def seen_texts(figure):
    """The texts that are drawn level, with their places on the figure.

    Not drawn are the labels of ticks beyond the ends of their axis.
    """
    unseen = set()
    for axis in (a for axes in figure.axes for a in (axes.xaxis, axes.yaxis)):
        low, high = sorted(axis.get_view_interval())
        for tick in axis.get_major_ticks() + axis.get_minor_ticks():
            if not low - 1e-9 <= tick.get_loc() <= high + 1e-9:
                unseen |= {tick.label1, tick.label2}
    return {
        text: text.get_window_extent()
        for text in figure.findobj(plt.Text)
        if text.get_visible()
        and text.get_text()
        and not text.get_rotation()
        and text not in unseen
    }


@every_figure
def test_all_text_lies_inside_and_apart(name, drawn):
    EXAMPLES[name]()
    (figure,) = drawn
    boxes = seen_texts(figure)
    assert len(boxes) >= 4
    edge = figure.bbox.padded(1)
    for text, box in boxes.items():
        assert edge.x0 <= box.x0 and box.x1 <= edge.x1, text
        assert edge.y0 <= box.y0 and box.y1 <= edge.y1, text
    for (a, first), (b, second) in itertools.combinations(boxes.items(), 2):
        assert not first.overlaps(second), f"{a} and {b}"


@every_figure
def test_the_style_is_there_and_does_not_leak(name, drawn):
    """That nothing has changed afterwards, the fixture asserts."""
    EXAMPLES[name]()
    assert to_hex(drawn[0].axes[0].xaxis.label.get_color()) == figures.INK
    assert plt.rcParams["axes.labelcolor"] != figures.INK
    assert drawn[0].axes[0].xaxis.label.get_fontsize() == STYLE["font.size"]


def test_the_style_does_not_leak_after_an_error():
    with pytest.raises(ZeroDivisionError), figures.axes():
        assert plt.rcParams["axes.labelcolor"] == figures.INK
        raise ZeroDivisionError
    assert plt.rcParams["axes.labelcolor"] != figures.INK


def test_axes_beside_one_another(drawn):
    with figures.axes(2.5, 3, sharey=True) as row:
        assert len(row) == 3
    assert drawn[0].get_size_inches().tolist() == [WIDTH, 2.5]


# One by one ----------------------------------------------------------------


def test_next_words_are_bars_from_the_most_probable_down(axes_of):
    the, the_cat = axes_of(figures.next_words, NEXT_WORDS, top=3)
    assert [bar.get_width() for bar in the.patches] == [0.5, 0.25, 0.2]
    assert ticks(the.yaxis) == ["dog", "sea", "cat"]
    centres = [bar.get_y() + bar.get_height() / 2 for bar in the.patches]
    assert centres == pytest.approx([0, 1, 2])
    assert the.yaxis.get_inverted()
    assert [bar.get_width() for bar in the_cat.patches] == [1.0]
    for axes, start in ((the, "… the"), (the_cat, "… the cat")):
        assert axes.get_title(loc="left") == start
        assert axes.get_xlabel() == "probability"
        assert axes.get_xlim() == (0, 1)
    # As high as the other's, though it has one bar only.
    assert the.get_ylim() == the_cat.get_ylim()


def test_surprise_is_a_column_a_word(axes_of):
    axes = axes_of(figures.surprise, WORDS, BITS)
    assert [bar.get_height() for bar in axes.patches] == BITS
    assert ticks(axes.xaxis) == WORDS
    assert axes.get_ylabel() == "surprise (bits)"
    assert texts(axes) == []


def test_an_impossible_word_has_a_sign_and_no_column(axes_of):
    axes = axes_of(figures.surprise, WORDS, [3.0, math.inf, 0.25, 1.0])
    assert [bar.get_height() for bar in axes.patches] == [3.0, 0.0, 0.25, 1.0]
    (sign,) = axes.texts
    assert (sign.get_text(), sign.get_position()) == ("∞", (1, 0))
    assert axes.get_ylim()[1] < 4


def test_a_line_goes_over_the_words_of_a_sentence(axes_of):
    values = {"forgets": [1.0, 0.5, 0.25, 0.125], "keeps": BITS}
    axes = axes_of(figures.over_words, WORDS, values, "state", yscale="log")
    series = with_label(axes, axes.lines)
    assert [line.get_label() for line in series] == legend(axes) == [*values]
    for line, ys in zip(series, values.values(), strict=True):
        assert points(line) == list(enumerate(ys))
    assert ticks(axes.xaxis) == WORDS
    assert axes.get_ylabel() == "state"
    assert axes.get_yscale() == "log"
    one = axes_of(figures.over_words, WORDS, {"keeps": BITS}, "state")
    assert one.get_legend() is None and one.get_yscale() == "linear"


def test_panels_of_one_y_axis_each_against_its_own_x(axes_of):
    other = {"counts": {5000: 3.5}, "chat": {20: 1.0, 200: 0.75}}
    panels = axes_of(
        figures.against, {"seconds": SIZES, "weights": other}, "bits", floor=1
    )
    for axes, label, series in zip(
        panels, ("seconds", "weights"), (SIZES, other), strict=True
    ):
        assert axes.get_xlabel() == label
        assert axes.get_xscale() == "log"
        lines = with_label(axes, axes.lines)
        assert [line.get_label() for line in lines] == [*series]
        for line, values in zip(lines, series.values(), strict=True):
            assert points(line) == [*values.items()]
        (floor,) = (x for x in axes.lines if x not in lines)
        assert set(floor.get_ydata()) == {1}
    first, second = panels
    assert first.get_ylabel() == "bits" and not second.get_ylabel()
    assert first.get_ylim() == second.get_ylim()
    (names,) = first.figure.legends
    assert [text.get_text() for text in names.get_texts()] == [*SIZES]


def test_kinds_are_rows_and_models_marks(axes_of):
    axes = axes_of(figures.by_kind, KINDS)
    series = with_label(axes, axes.lines)
    assert [line.get_label() for line in series] == legend(axes) == list(KINDS)
    for line, values in zip(series, KINDS.values(), strict=True):
        assert points(line) == [(x, y) for y, x in enumerate(values.values())]
        assert line.get_linestyle() == "None"
        assert not line.get_clip_on()  # a mark at 0 is whole
    assert ticks(axes.yaxis) == ["name", "verb", "mood"]
    assert axes.yaxis.get_inverted()
    assert axes.get_xlim()[0] == 0
    assert axes.get_xlabel() == "gap to the floor (bits per word)"


def test_kinds_are_matched_by_name_and_the_label_is_free(axes_of):
    turned = dict(reversed(KINDS["order 6"].items()))
    axes = axes_of(
        figures.by_kind, {**KINDS, "order 6": turned}, "gap (nats per word)"
    )
    assert list(axes.lines[1].get_xdata()) == [1.5, 0.0, 3.5]
    assert axes.get_xlabel() == "gap (nats per word)"


def test_gaps_below_zero_are_inside_and_infinite_ones_left_out(axes_of):
    values = {"name": -0.5, "verb": math.inf, "mood": 2.0}
    axes = axes_of(figures.by_kind, {"order 2": values})
    low, high = axes.get_xlim()
    assert low == -0.5 and 2 < high < 3
    assert points(axes.lines[0]) == [(-0.5, 0), (2.0, 2)]


def test_lines_go_through_their_points(axes_of):
    axes = axes_of(
        figures.lines, CURVES, "order", "cross-entropy (bits)", floor=3.141
    )
    series = with_label(axes, axes.lines)
    assert (
        [line.get_label() for line in series] == legend(axes) == list(CURVES)
    )
    for line, curve in zip(series, CURVES.values(), strict=True):
        assert points(line) == list(curve.items())
        assert line.get_linestyle() == "-"
    assert (axes.get_xlabel(), axes.get_ylabel()) == (
        "order",
        "cross-entropy (bits)",
    )
    # Whole numbers are the ticks; there is no order 2.5.
    assert ticks(axes.xaxis) == ["1", "2", "3", "5"]


def test_the_floor_is_a_dashed_line_with_its_number(axes_of):
    axes = axes_of(figures.lines, CURVES, "x", "y", floor=3.14159)
    floor = axes.lines[-1]
    assert list(floor.get_ydata()) == [3.14159, 3.14159]
    assert floor.get_linestyle() == "--"
    assert texts(axes) == ["floor 3.142"]
    assert axes.get_ylim()[0] < 3.14159
    axes = axes_of(figures.lines, CURVES, "x", "y")
    assert len(axes.lines) == 2 and texts(axes) == []


def test_a_single_line_needs_no_legend(axes_of):
    axes = axes_of(figures.lines, {"one": {1: 2.0}}, "x", "y")
    assert axes.get_legend() is None


def test_other_scales_and_limits(axes_of):
    curve = {"one": {0.001: 2.0, 0.1: 1.5, 10: 3.0}}
    axes = axes_of(
        figures.lines, curve, "k", "bits", xscale="log", ylim=(1, 4)
    )
    assert axes.get_xscale() == "log"
    assert axes.get_ylim() == (1, 4)
    axes = axes_of(figures.lines, {"one": {0.5: 1.0, 1.5: 2.0}}, "k", "bits")
    assert len(ticks(axes.xaxis)) > 2


@pytest.mark.parametrize("infinite", [math.inf, -math.inf, math.nan])
def test_infinite_values_are_left_out_of_lines(infinite, axes_of):
    """No mark, no line to or across the gap, no limit moved."""
    curve = {1: 5.0, 2: 4.0, 3: infinite, 4: 2.0, 5: 3.0}
    axes = axes_of(figures.lines, {"one": curve}, "order", "bits")
    (line,) = axes.lines
    assert points(line) == [(1, 5.0), (2, 4.0), (4, 2.0), (5, 3.0)]
    finite = {x: y for x, y in curve.items() if x != 3}
    without = axes_of(figures.lines, {"one": finite}, "order", "bits")
    assert axes.get_ylim() == without.get_ylim()
    assert axes.get_xlim() == without.get_xlim()
    assert pieces(line) == [
        [(1, 5.0), (2, 4.0)],
        [(4, 2.0), (5, 3.0)],
    ]


def pieces(line):
    """The strokes that the renderer draws of a line, by their points."""
    strokes = []
    path = line.get_path().cleaned(remove_nans=True)
    for (x, y), code in zip(path.vertices, path.codes, strict=True):
        if code == path.MOVETO:
            strokes.append([])
        if code in (path.MOVETO, path.LINETO):
            strokes[-1].append((x, y))
    return strokes


def test_counts_are_a_grid_with_its_numbers(axes_of):
    axes = axes_of(
        figures.counts, MATRIX, ["cat", "dog"], ["ran", "sat", "."], "x", "y"
    )
    (image,) = axes.images
    assert image.get_array().tolist() == MATRIX
    written = {text.get_position(): text.get_text() for text in axes.texts}
    assert written == {(1, 0): "3", (2, 0): "12", (0, 1): "7", (2, 1): "1"}
    assert ticks(axes.yaxis) == ["cat", "dog"]
    assert axes.get_xlim() == (-0.5, 2.5) and axes.get_ylim() == (1.5, -0.5)
    assert axes.xaxis.get_label_position() == "top"
    tops = [tick.label2 for tick in axes.xaxis.get_major_ticks()]
    assert [label.get_text() for label in tops] == ["ran", "sat", "."]
    assert all(label.get_visible() for label in tops)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("x", "y")


def test_a_larger_count_is_darker_and_can_be_read(axes_of):
    counts = [list(range(0, 1300, 100))]
    names = [str(i) for i in range(13)]
    axes = axes_of(figures.counts, counts, ["a"], names, "x", "y")
    cells = axes.images[0].to_rgba(counts)[0, :, :3]
    shades = [luminance(linear(cell)) for cell in cells]
    assert all(b < a for a, b in itertools.pairwise(shades))
    # WCAG 2.2, 1.4.3: text of this size needs 4.5 to 1.
    for text, shade in zip(axes.texts, shades[1:], strict=True):
        ink = luminance(linear(to_rgb(text.get_color())))
        assert (shade + 0.05) / (ink + 0.05) >= 4.5


def test_a_grid_of_zeros_is_drawn(axes_of):
    axes = axes_of(figures.counts, [[0, 0]], ["a"], ["b", "c"], "x", "y")
    assert texts(axes) == []


def test_intervals_reach_from_low_to_high(axes_of):
    axes = axes_of(figures.intervals, MEANS, "difference (bits)")
    *drawn, zero = axes.lines
    for y, (mean, low, high) in enumerate(MEANS.values()):
        line, mark = drawn[2 * y : 2 * y + 2]
        assert points(line) == [(low, y), (high, y)]
        assert points(mark) == [(mean, y)] and mark.get_marker() == "o"
    assert ticks(axes.yaxis) == list(MEANS)
    assert axes.yaxis.get_inverted()
    assert axes.get_xlabel() == "difference (bits)"
    assert list(zero.get_xdata()) == [0, 0] and zero.get_linestyle() == "--"


def test_intervals_far_from_zero(axes_of):
    axes = axes_of(
        figures.intervals, {"a": (1500, 1490, 1510)}, "points", zero=False
    )
    assert len(axes.lines) == 2
    assert axes.get_xlim()[0] > 1400


def test_probabilities_lie_end_to_end_on_the_number_line(axes_of):
    axes = axes_of(figures.number_line, LINE, 0.72)
    widths = [bar.get_width() for bar in axes.patches]
    assert widths == pytest.approx(list(LINE.values()))
    starts = [bar.get_x() for bar in axes.patches]
    assert starts == pytest.approx([0, 0.6, 0.9])
    places = {text.get_text(): text.get_position()[0] for text in axes.texts}
    assert places["cat"] == pytest.approx(0.3)
    assert places["dog"] == pytest.approx(0.75)
    assert places["bird"] == pytest.approx(0.95)
    assert places["u = 0.72"] == 0.72
    assert list(axes.lines[0].get_xdata()) == [0.72, 0.72]
    assert axes.get_xlim() == (0, 1)
    assert axes.get_xlabel() == "cumulative probability"
    assert len({bar.get_facecolor() for bar in axes.patches}) == 3


def test_a_number_line_of_many_words_begins_the_colours_anew(axes_of):
    many = dict.fromkeys("abcdefghi", 1 / 9)
    axes = axes_of(figures.number_line, many, 0.5)
    first, eighth = axes.patches[0], axes.patches[len(COLOURS)]
    assert first.get_facecolor() == eighth.get_facecolor()


def test_shares_are_stacked_row_by_row(axes_of):
    axes = axes_of(figures.stacked, SHARES, "share of the prediction")
    # Two series of three bars each: what one ends with, the next begins with.
    one, two = axes.containers
    for bars, name in ((one, "order 1"), (two, "order 2")):
        widths = [row[name] for row in SHARES.values()]
        assert [bar.get_width() for bar in bars] == widths
    assert [bar.get_x() for bar in one] == [0, 0, 0]
    assert [bar.get_x() for bar in two] == [0.5, 0.125, 0.375]
    assert one[0].get_facecolor() != two[0].get_facecolor()
    assert legend(axes) == ["order 1", "order 2"]
    assert ticks(axes.yaxis) == list(SHARES)
    assert axes.yaxis.get_inverted()
    assert axes.get_xlabel() == "share of the prediction"


def test_a_histogram_counts_values_in_bins(axes_of):
    axes = axes_of(
        figures.histogram, VALUES, "bits per token", "stories", num_bins=3
    )
    # Bins of width 1 from -1 on: two values, two, and one.
    assert [bar.get_height() for bar in axes.patches] == [2, 2, 1]
    assert [bar.get_x() for bar in axes.patches] == [-1, 0, 1]
    assert list(axes.lines[0].get_xdata()) == [0, 0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == (
        "bits per token",
        "stories",
    )


def test_points_are_marks_and_fits_are_lines(axes_of):
    axes = axes_of(figures.scatter, POINTS, "x (m)", "y (s)", lines=FITTED)
    *groups, line = axes.lines
    for group, pairs in zip(groups, POINTS.values(), strict=True):
        assert points(group) == pairs
        assert group.get_linestyle() == "None"
        assert group.get_marker() in MARKERS
    assert points(line) == FITTED["least squares"]
    assert (line.get_linestyle(), line.get_marker()) == ("-", "None")
    assert legend(axes) == ["Python", "English", "least squares"]
    assert len({line.get_color() for line in axes.lines}) == 3
    assert groups[0].get_marker() != groups[1].get_marker()
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("x (m)", "y (s)")


def test_a_single_group_of_points_needs_no_legend(axes_of):
    axes = axes_of(
        figures.scatter, {"one": [(1.0, 2.0)]}, "x", "y", ylim=(0, 9)
    )
    assert axes.get_legend() is None
    assert axes.get_ylim() == (0, 9)


def test_contours_are_where_the_height_is(axes_of):
    xs, ys = np.linspace(-3, 3, 121), np.linspace(-2, 6, 161)
    axes = axes_of(figures.contours, bowl, xs, ys, "slope", "intercept")
    (shown,) = (c for c in axes.collections if hasattr(c, "levels"))
    # From the lowest to the highest, each the same factor above the last.
    assert shown.levels[0] == bowl(1, 1)
    assert shown.levels[-1] == pytest.approx(bowl(-3, 6))
    factors = shown.levels[1:] / shown.levels[:-1]
    assert factors == pytest.approx(np.full(len(factors), factors[0]))
    drawn = 0
    for level, path in zip(shown.levels, shown.get_paths(), strict=True):
        for x, y in path.vertices:
            # The height between two points of the grid is taken as straight.
            assert bowl(x, y) == pytest.approx(level, abs=0.02)
            drawn += 1
    assert drawn > 1000
    assert axes.lines[:] == []
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("slope", "intercept")


def test_a_path_crosses_the_contours_and_marks_its_end(axes_of):
    axes = axes_of(
        figures.contours,
        bowl,
        range(-3, 4),
        range(-2, 7),
        "x",
        "y",
        path=DESCENT,
    )
    path, end = axes.lines
    assert points(path) == DESCENT and path.get_marker() == "o"
    assert points(end) == DESCENT[-1:] and end.get_marker() != "o"


# Telling series apart ------------------------------------------------------


@pytest.mark.parametrize("figure", ["lines", "by_kind"])
def test_each_series_has_its_own_colour_and_mark(figure, axes_of):
    names = [f"model {i}" for i in range(len(COLOURS))]
    series = {name: {1: i, 2: i + 1} for i, name in enumerate(names)}
    labels = ("x", "y") if figure == "lines" else ()
    axes = axes_of(getattr(figures, figure), series, *labels)
    drawn = with_label(axes, axes.lines)
    assert legend(axes) == names
    assert [line.get_marker() for line in drawn] == list(MARKERS)
    assert [line.get_color() for line in drawn] == list(COLOURS)
    assert len(set(MARKERS)) == len(set(COLOURS)) == len(MARKERS)


MANY = [f"model {i}" for i in range(2 * len(COLOURS))]


@pytest.mark.parametrize("figure", ["lines", "by_kind", "panels"])
def test_many_series_are_told_apart_and_named(figure, axes_of, drawn):
    """From the eighth on by another mark in a colour that came before."""
    series = {name: {1: i, 2: i + 1} for i, name in enumerate(MANY)}
    labels = {"lines": ("x", "y"), "by_kind": (), "panels": ("x",)}[figure]
    values = {"y": series} if figure == "panels" else series
    axes = axes_of(getattr(figures, figure), values, *labels)
    looks = [
        (line.get_color(), line.get_marker())
        for line in with_label(axes, axes.lines)
    ]
    assert len(looks) == len(set(looks)) == len(MANY)
    names = {text.get_text() for text in seen_texts(drawn[0])}
    assert set(MANY) <= names
    edge = drawn[0].bbox.padded(1)
    for text, box in seen_texts(drawn[0]).items():
        assert edge.y0 <= box.y0 and box.y1 <= edge.y1, text


TOO_MANY = [*MANY, "one more"]
SPOTS = {name: (i, i + 1) for i, name in enumerate(TOO_MANY)}
GROUPS = {name: [spot] for name, spot in SPOTS.items()}
CROWDED = {
    "lines": lambda: figures.lines(
        {name: {1: 2} for name in TOO_MANY}, "x", "y"
    ),
    "panels": lambda: figures.panels(
        {"y": {name: {1: 2} for name in TOO_MANY}}, "x"
    ),
    "by_kind": lambda: figures.by_kind(
        {name: {"verb": 2} for name in TOO_MANY}
    ),
    "scatter": lambda: figures.scatter(GROUPS, "x", "y"),
    "moves": lambda: figures.moves(SPOTS, {}, "x", "y"),
    "arrows": lambda: figures.arrows(SPOTS, "x", "y"),
    "regions": lambda: figures.regions(
        {"line": above}, GROUPS, {"a": 0}, {"b": 0}, "x", "y"
    ),
}


@pytest.mark.parametrize("name", CROWDED)
def test_too_many_series_are_refused(name):
    message = "15 series are too many to tell apart: draw 14 or fewer"
    with pytest.raises(ValueError, match=message):
        CROWDED[name]()


def test_shares_have_a_colour_each(axes_of):
    """Bars have no marks, so there are no more of them than colours."""
    row = {name: 1 / 8 for name in MANY[:8]}
    with pytest.raises(ValueError, match=r"8 series .* draw 7 or fewer"):
        figures.stacked({"the": row}, "share")
    del row["model 7"]
    axes = axes_of(figures.stacked, {"the": row}, "share")
    seen = [to_hex(bar.get_facecolor()) for bar in axes.patches]
    assert seen == [colour.lower() for colour in COLOURS]


# How people see who lack a kind of cone: Machado, Oliveira and Fernandes
# (2009), "A physiologically-based model for simulation of color vision
# deficiency", at severity 1.0; on linear RGB.
SIGHT = {
    "all cones": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
# IEC 61966-2-1: from linear sRGB to XYZ, white D65.
XYZ = np.array(
    [
        [0.4124, 0.3576, 0.1805],
        [0.2126, 0.7152, 0.0722],
        [0.0193, 0.1192, 0.9505],
    ]
)
# One just sees a difference of about 2.3 in CIELAB (Mahy, Van Eycken and
# Oosterlinck 1994, "Evaluation of uniform color spaces").
JUST_SEEN = 2.3


def linear(rgb):
    """sRGB without its gamma (IEC 61966-2-1)."""
    rgb = np.asarray(rgb)
    curved = ((rgb + 0.055) / 1.055) ** 2.4
    return np.where(rgb <= 0.04045, rgb / 12.92, curved)


def luminance(linear_rgb):
    return float(XYZ[1] @ linear_rgb)


def lab(linear_rgb):
    """CIELAB, as CIE 15 defines it."""
    t = XYZ @ linear_rgb / XYZ.sum(axis=1)
    root = np.where(
        t > (6 / 29) ** 3, np.cbrt(t), t * (29 / 6) ** 2 / 3 + 4 / 29
    )
    x, y, z = root
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def test_colour_spaces_by_hand():
    np.testing.assert_allclose(lab(np.ones(3)), [100, 0, 0], atol=1e-9)
    np.testing.assert_allclose(lab(np.zeros(3)), [0, 0, 0], atol=1e-9)
    # The grey of half the light: L* = 116 (1/2)^(1/3) - 16.
    assert lab(np.full(3, 0.5))[0] == pytest.approx(116 * 0.5 ** (1 / 3) - 16)
    for matrix in SIGHT.values():  # white and grey stay what they are
        np.testing.assert_allclose(np.sum(matrix, axis=1), 1, atol=2e-6)


@pytest.mark.parametrize("sight", SIGHT)
def test_colours_differ_for_everyone(sight):
    """By six just seen differences at least, any two of them."""
    seen = [
        lab(np.clip(SIGHT[sight] @ linear(to_rgb(colour)), 0, 1))
        for colour in COLOURS
    ]
    for a, b in itertools.combinations(seen, 2):
        assert np.linalg.norm(a - b) > 6 * JUST_SEEN


def test_the_first_colours_stand_out_from_white():
    """WCAG 2.2, 1.4.11: what a figure is made of needs 3 to 1."""
    for colour in COLOURS[:4]:
        assert 1.05 / (luminance(linear(to_rgb(colour))) + 0.05) > 3


def test_regions_are_where_the_score_is_above_zero(axes_of):
    one, two = axes_of(
        figures.regions,
        {"x": lambda p: p[:, 0] - 0.5, "y": lambda p: 0.25 - p[:, 1]},
        CORNERS,
        {"–": 0, "not": 1},
        {"bad": 0, "good": 1},
        "first word",
        "second word",
    )
    for axes, title in ((one, "x"), (two, "y")):
        assert axes.get_title(loc="left") == title
        assert [points(line) for line in axes.lines] == list(CORNERS.values())
        assert ticks(axes.xaxis) == ["–", "not"]
        assert axes.get_xlabel() == "first word"
        (shown,) = axes.collections
        below, over = (to_hex(c) for c in shown.get_facecolor())
        assert (below, over) == (COLOURS[1].lower(), COLOURS[0].lower())
    (left, right), (bottom, top) = (
        [path.get_extents() for path in axes.collections[0].get_paths()]
        for axes in (one, two)
    )
    assert left.x1 == right.x0 == pytest.approx(0.5)
    # Of y the region below 0 lies above 0.25.
    assert bottom.y0 == top.y1 == pytest.approx(0.25)
    assert one.get_ylabel() == "second word" and not two.get_ylabel()
    (shown,) = one.figure.legends
    assert [text.get_text() for text in shown.get_texts()] == ["good", "bad"]


BOXES = [{"a": "a = 3", "b": "b = 4"}, {"sum": "7"}, {"square": "49"}]
ARROWS = [
    ("a", "sum", "1"),
    ("b", "sum", "1.5"),
    ("sum", "square", "7"),
    ("sum", "square", "7.5"),
]


def test_a_graph_has_boxes_in_columns_and_arrows_between_them(axes_of):
    axes = axes_of(figures.graph, BOXES, ARROWS)
    middles = np.array([box.get_center() for box in axes.patches])
    np.testing.assert_allclose(
        middles, [(0, 0.5), (0, -0.5), (1, 0), (2, 0)], atol=1e-9
    )
    assert [t for t in texts(axes) if t] == [
        *("a = 3", "b = 4", "7", "49"),
        *("1", "1.5", "7", "7.5"),
    ]
    arrows = [
        (text.xyann, text.xy)
        for text in axes.texts
        if getattr(text, "arrow_patch", None)
    ]
    for (tail, head), (start, end, _) in zip(arrows, ARROWS, strict=True):
        names = [name for column in BOXES for name in column]
        for (x, y), name, side in ((tail, start, 1), (head, end, -1)):
            box = axes.patches[names.index(name)]
            centre = box.get_center()
            assert x == pytest.approx(centre[0] + side * box.get_width() / 2)
            assert abs(y - centre[1]) < box.get_height() / 2
    # Two arrows between the same boxes, the first one above.
    assert arrows[2][0][1] == arrows[2][1][1] > arrows[3][0][1]


def test_a_token_grid_fills_boxes_but_those_of_padding(axes_of):
    rows = {"reads": ["<s>", "a", "–"], "predicts": ["a", "–", "–"]}
    axes = axes_of(figures.token_grid, rows, "–")
    tokens = [token for row in rows.values() for token in row]
    assert [t for t in texts(axes) if t] == tokens
    places = [(text.get_position(), text.get_text()) for text in axes.texts]
    assert places[2] == ((2.5, 0), "–") and places[3] == ((0.5, 1), "a")
    filled = [box.get_facecolor()[3] > 0 for box in axes.patches]
    assert filled == [token != "–" for token in tokens]
    assert [t.get_text() for t in axes.get_yticklabels()] == [*rows]
