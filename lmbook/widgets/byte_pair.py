"""Byte-pair encoding, merge by merge, on the reader's own text.

The page learns the merges itself, and learns those of `lmbook.bpe`.

Leaves out: texts longer than a page, for which there is `BytePairTokenizer`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from lmbook.bpe import (
    find_pairs,
    learn_merges,
    number_merges,
    spell,
    split_pieces,
    unspell,
)
from lmbook.tokenizers import checked_text
from lmbook.widgets.base import Part
from lmbook.widgets.markup import Html, element, join, table

LONGEST = 5_000  # characters: the page counts all pairs anew for each merge
NUM_ROWS = 4
MARKS = str.maketrans({" ": "␣", "\n": "↵", "\t": "⇥"})


class BytePair(Part):
    """The merges of a text, and another text cut with them."""

    module = "byte_pair"

    def __init__(
        self,
        text: str = "banana bandana ban",
        new_text: str = "bananas cabana",
    ) -> None:
        for given in (checked_text(text), checked_text(new_text)):
            if len(given) > LONGEST:
                raise ValueError(
                    f"a text of {len(given):,} characters: show at most "
                    f"{LONGEST:,}, or learn with BytePairTokenizer.train"
                )
        data = {"text": text, "new_text": new_text, "longest": LONGEST}
        super().__init__(data, fallback(text))


def fallback(text: str) -> Html:
    """The first merges, each with the text after it."""
    header = ("merge", "most frequent pair", "times", "the text after it")
    rows = [
        (number, ", ".join(pair), times, ", ".join(after))
        for number, (pair, times, after) in enumerate(first_merges(text), 1)
    ]
    shown = element("strong", "Byte-pair encoding")
    return join([element("p", shown, " of “", text, "”"), table(header, rows)])


def first_merges(
    text: str, num_merges: int = NUM_ROWS
) -> Iterator[tuple[list[str], int, list[str]]]:
    """Of each merge: the pair, how often it comes, the pieces after it."""
    words = [spell(piece) for piece in split_pieces(text)]
    merges = learn_merges(Counter(words), num_merges)
    characters, merged = number_merges(merges)
    names = {character: name for name, character in characters.items()}
    for pair, new in merged.items():
        times = len(find_pairs(words)[pair])
        words = [word.replace(pair, new) for word in words]
        pieces = [[names[token] for token in word] for word in words]
        yield (
            [show_token(names[token]) for token in pair],
            times,
            ["·".join(map(show_token, piece)) for piece in pieces],
        )


def show_token(letters: Sequence[str]) -> str:
    """A token for the eye; hexadecimal where its bytes are no text."""
    try:
        return unspell(letters).decode("utf-8").translate(MARKS)
    except UnicodeDecodeError:
        return "".join(f"\\x{byte:02x}" for byte in unspell(letters))
