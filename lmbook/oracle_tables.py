"""Storyworld as tables of integers, for a page without Python.

A phase of `storyworld.py` is a function of a few variables of the world. Its
*shape* (how many fragments, how many words each has, their kinds, weights and
what follows) and each *entry* (one word of a fragment, or one value that it
sets) are functions of still fewer. Every phase is called with all values that
its variables can have, and of each function the smallest table that holds it
is written down. So the tables are exact, and know nothing of Storyworld.
`lmbook/widgets/oracle.js` reads them.

Leaves out: worlds that no story reaches, but for what came along.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import combinations, product
from typing import Any

import numpy as np

from lmbook.oracle import arguments, parse, worlds
from lmbook.storyworld import KINDS, VARIABLES, Fragment, Phase, opening
from lmbook.tokenizers import WordTokenizer


@cache
def words_and_kinds(text: str) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """A fragment's words, and their kinds: 0 for none written, 1, 2, ..."""
    pairs = parse(text)
    kinds = [KINDS.index(kind) + 1 if kind else 0 for _, kind in pairs]
    return tuple(word for word, _ in pairs), tuple(kinds)


class Values:
    """Numbers for words and for the values of variables.

    A word's number is its token id; other values come after the words.
    """

    def __init__(self, tokens: Sequence[str]) -> None:
        self.members: list[Any] = list(tokens)
        self.numbers = {(str, token): i for i, token in enumerate(tokens)}

    def number(self, value: Any) -> int:
        key = (type(value), value)  # as True == 1
        if key not in self.numbers:
            self.numbers[key] = len(self.members)
            self.members.append(value)
        return self.numbers[key]


class Tables:
    """All tables one after the other; one that was there is used again."""

    def __init__(self) -> None:
        self.numbers: list[int] = []
        self.starts: dict[tuple[int, ...], int] = {}

    def start(self, table: np.ndarray) -> int:
        """Where this table begins."""
        key = tuple(table.tolist())
        if key not in self.starts:
            self.starts[key] = len(self.numbers)
            self.numbers += key
        return self.starts[key]

    def entry(
        self, column: np.ndarray, places: np.ndarray, names: Sequence[str]
    ) -> Any:
        """A function, given by its values at the places, in as few variables
        as will do: a number, or where its table begins and their names."""
        if (column == column[0]).all():
            return int(column[0])
        for size in range(1, len(names) + 1):
            for axes in combinations(range(len(names)), size):
                sizes = [len(VARIABLES[names[axis]]) for axis in axes]
                at = np.ravel_multi_index(places[:, axes].T, sizes)
                table = np.zeros(math.prod(sizes), dtype=np.int64)
                table[at] = column
                if (table[at] == column).all():
                    return [self.start(table), *(names[a] for a in axes)]
        raise ValueError(f"no function of {', '.join(names)}: two values")


def all_phases() -> Iterator[Phase]:
    """Every phase of a story, from the opening on."""
    phases = [opening]
    for phase in phases:  # grows while it is read
        yield phase
        for world in worlds(phase):
            for fragment in phase(**world):
                if fragment.then not in phases:
                    phases.append(fragment.then)


def calls(phase: Phase) -> Iterator[tuple[tuple[int, ...], list[Fragment]]]:
    """The places of the variables' values, and what the phase gives then."""
    domains = [VARIABLES[name] for name in arguments(phase)]
    for values in product(*map(enumerate, domains)):
        places = tuple(place for place, _ in values)
        yield places, list(phase(*(value for _, value in values)))


def shape_of(
    fragments: list[Fragment], number: Callable[[Phase], int]
) -> tuple:
    """All but the words and the values."""
    return tuple(
        (words_and_kinds(text)[1], number(then), weight, tuple(changes))
        for text, then, weight, changes in fragments
    )


def entries_of(fragments: list[Fragment], values: Values) -> list[int]:
    """The words and the values, as numbers, one fragment after the other."""
    numbers = []
    for text, _, _, changes in fragments:
        numbers += map(values.number, words_and_kinds(text)[0])
        numbers += map(values.number, changes.values())
    return numbers


def describe(
    phase: Phase,
    values: Values,
    tables: Tables,
    number: Callable[[Phase], int],
) -> dict[str, Any]:
    """A phase: its arguments, which shape it takes when, and its shapes."""
    names = arguments(phase)
    cases: dict[tuple, tuple[list, list]] = {}
    for places, fragments in calls(phase):
        case = cases.setdefault(shape_of(fragments, number), ([], []))
        case[0].append(places)
        case[1].append(entries_of(fragments, values))
    shapes = []
    for shape, (places, rows) in cases.items():
        columns, where = np.array(rows).T, np.array(places)
        entries = iter([tables.entry(c, where, names) for c in columns])
        shapes.append([filled(fragment, entries) for fragment in shape])
    where = np.concatenate([np.array(places) for places, _ in cases.values()])
    which = [i for i, (p, _) in enumerate(cases.values()) for _ in p]
    shape = tables.entry(np.array(which), where, names)
    return {"arguments": names, "shape": shape, "shapes": shapes}


def filled(shape: tuple, entries: Iterator[Any]) -> dict[str, Any]:
    """A fragment's shape, and its entries, which come next."""
    kinds, then, weight, names = shape
    return {
        "words": [next(entries) for _ in kinds],
        "kinds": kinds,
        "then": then,
        "weight": weight,
        "changes": {name: next(entries) for name in names},
    }


def oracle_tables(tokenizer: WordTokenizer) -> tuple[dict, np.ndarray]:
    """All of Storyworld: what JSON holds of it, and the tables, uint16."""
    values, tables = Values(tokenizer.tokens), Tables()
    phases = list(all_phases())
    variables = {
        name: [values.number(value) for value in domain]
        for name, domain in VARIABLES.items()
    }
    about = {
        "phases": [describe(p, values, tables, phases.index) for p in phases],
        "variables": variables,
        "values": values.members,
        "kinds": ["", *KINDS],
    }
    return about, np.array(tables.numbers, dtype="<u2")
