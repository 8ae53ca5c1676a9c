"""A map of words: their vectors in two dimensions, and who is really near.

The map keeps the two directions in which the words differ most. A word's
neighbours are those of all dimensions, so that one sees what the map loses.

Leaves out: vocabularies of more than two thousand words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from lmbook.embeddings import Embeddings, project
from lmbook.widgets.base import Part
from lmbook.widgets.markup import Html, element, join, table

MOST = 2000  # words, of which each comes with its neighbours
WIDTH, HEIGHT = 640, 420  # of the picture
COLOURS = "#0072b2 #c24e00 #00805d #b0528c #96690a #59606b #9c4343".split()


class WordMap(Part):
    """Words of some groups on a map; all others can be searched for.

    `groups` names lists of words; a group is a colour and a shape. `k` is
    the number of neighbours, the words of the largest cosines.
    """

    module = "word_map"

    def __init__(
        self,
        embeddings: Embeddings,
        groups: Mapping[str, Sequence[str]],
        k: int = 5,
        word: str | None = None,
    ) -> None:
        shown = [word for words in groups.values() for word in words]
        check(embeddings, groups, shown, k)
        on_map = set(shown)
        words = shown + [w for w in embeddings.words if w not in on_map]
        number = {name: i for i, name in enumerate(words)}
        places, share = flatten(embeddings, shown)
        near = [embeddings.neighbours(name, k) for name in words]
        self.embeddings = embeddings
        data = {
            "words": words,
            "groups": {name: len(of) for name, of in groups.items()},
            "places": places,
            "below": below(embeddings, shown),
            "near": [[number[n] for n, _ in row] for row in near],
            "cosines": [[round(c, 2) for _, c in row] for row in near],
            "dimensions": embeddings.vectors.shape[1],
            "share": share,
            "word": words.index(word) if word else 0,
        }
        super().__init__(data, fallback(data))


def check(
    embeddings: Embeddings,
    groups: Mapping[str, Sequence[str]],
    shown: Sequence[str],
    k: int,
) -> None:
    if len(groups) > len(COLOURS):
        raise ValueError(
            f"{len(groups)} groups: no more than {len(COLOURS)} can be told "
            "apart"
        )
    if len(set(shown)) != len(shown) or len(shown) < 3:
        raise ValueError("give three words or more, each in one group only")
    if not 1 <= k < len(shown):
        raise ValueError(f"{k=} neighbours among {len(shown)} words")
    if len(embeddings.words) > MOST:
        raise ValueError(
            f"{len(embeddings.words):,} words: a page holds {MOST:,}; pass "
            "Embeddings(words, vectors) of fewer"
        )


def flatten(
    embeddings: Embeddings, shown: Sequence[str]
) -> tuple[list[list[float]], float]:
    """The places of words on the map, and what it holds of the variance."""
    rows = embeddings.directions[[embeddings.id(word) for word in shown]]
    flat = project(rows)
    share = flat.var(0).sum() / rows.var(0).sum()
    places = [[round(value, 3) for value in at] for at in flat.tolist()]
    return places, round(share.item(), 2)


def below(embeddings: Embeddings, shown: Sequence[str]) -> list[list[float]]:
    """The cosines of each word with the words before it."""
    rows = embeddings.directions[[embeddings.id(word) for word in shown]]
    return [
        [round(value, 3) for value in row[:i]]
        for i, row in enumerate((rows @ rows.T).tolist())
    ]


def nearest_on_map(data: dict[str, Any], number: int) -> list[int]:
    """The k words whose marks are nearest to a word's, nearest first."""
    at = torch.tensor(data["places"], dtype=torch.float64)
    distances = (at - at[number]).square().sum(1)
    order = distances.argsort(stable=True).tolist()
    return [i for i in order if i != number][: len(data["near"][0])]


def group_of(data: dict[str, Any], number: int) -> int:
    """The group of a word on the map."""
    for group, size in enumerate(data["groups"].values()):
        if number < size:
            return group
        number -= size
    raise ValueError("this word is on no map")


def fallback(data: dict[str, Any]) -> Html:
    """The map, and for one word of each group who is near."""
    words, rows, first = data["words"], [], 0
    for size in data["groups"].values():
        near, flat = data["near"][first], nearest_on_map(data, first)
        lists = [", ".join(words[i] for i in some) for some in (near, flat)]
        rows.append((words[first], *lists))
        first += size
    title = element("strong", "Word map. ")
    about = (
        f"The two directions in which these words differ most: "
        f"{data['share']:.0%} of the variance in {data['dimensions']} "
        f"dimensions. In the colours: {', '.join(data['groups'])}."
    )
    header = ("word", "nearest in all dimensions", "nearest on the map")
    said = element("p", title, about)
    return join([said, picture(data), table(header, rows)])


def picture(data: dict[str, Any]) -> Html:
    """A mark for each word, and the word where there is room for it."""
    (left, right), (low, high) = (
        (min(axis), max(axis)) for axis in zip(*data["places"], strict=True)
    )
    scale = min(
        (WIDTH - 80) / (right - left or 1), (HEIGHT - 20) / (high - low or 1)
    )
    at = [
        (10 + (x - left) * scale, 10 + (high - y) * scale)
        for x, y in data["places"]
    ]
    marks, taken = [], [(x - 3, x + 3, y) for x, y in at]
    for number, (x, y) in enumerate(at):
        word, colour = data["words"][number], COLOURS[group_of(data, number)]
        places = {"cx": f"{x:.1f}", "cy": f"{y:.1f}"}
        marks.append(element("circle", **places, r=3, fill=colour))
        start, end = x + 5, x + 5 + 6 * len(word)
        if all(
            end < other_start or start > other_end or abs(y - other_y) > 9
            for other_start, other_end, other_y in taken
        ):
            taken.append((start, end, y))
            places = {"x": f"{start:.1f}", "y": f"{y + 4:.1f}"}
            style = {"fill": colour, "font_size": 11}
            marks.append(element("text", word, **places, **style))
    return element(
        "svg",
        *marks,
        role="img",
        aria_label=f"A map of {len(data['places'])} words",
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        width=WIDTH,
    )
