"""The exercises of the page `tokens`."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

from lmbook.exercises.checking import exercise


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
