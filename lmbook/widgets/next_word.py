"""Next word: several models side by side on a beginning of the reader's.

Leaves out: temperature and the like.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from typing import Any

from torch import Tensor

from lmbook.interface import LanguageModel, Tokenizer
from lmbook.widgets.distributions import likeliest, log_probs, sources_of
from lmbook.widgets.markup import Html, element, table
from lmbook.widgets.sources import ModelPart, Source, vocabulary

BEGINNING = (
    "One foggy Monday Flora found a blue mirror in the attic. She agreed to "
    "give it to her neighbour Lena by noon. Their goat Princess Pickle "
    "sniffed five apples. Their magic words were moon, river and velvet. "
    "Then Lena took the"
)
Words = list[tuple[int, str, float]]  # id, token and share


class NextWord(ModelPart):
    """Type a beginning; models say what they expect; click to go on.

    Without a model, those of the book. `NextWord(my_model, tokenizer)` asks
    yours, with the oracle beside it if it reads words of Storyworld.
    """

    module = "next_word"

    def __init__(
        self,
        model: LanguageModel | None = None,
        tokenizer: Tokenizer | None = None,
        text: str = BEGINNING,
        num_words: int = 6,
    ) -> None:
        if num_words < 1:
            raise ValueError(f"{num_words=} shows nothing: pass 1 or more")
        sources = sources_of(model, tokenizer)
        names = [source.name for source in sources]
        judge = names.index("oracle") if "oracle" in names else None
        shares = [next_shares(source, text) for source in sources]
        start = [
            shown
            if isinstance(shown, str)
            else words(source, shown, num_words)
            for source, shown in zip(sources, shares, strict=True)
        ]
        data = {
            "text": text,
            "num_words": num_words,
            "start": start,
            "seen": seen(sources, shares, judge),
            "judge": judge,
            "unknown": getattr(sources[0].both[1], "unk_id", None),
        }
        super().__init__(data, fallback(text, names, start), sources)


def next_shares(source: Source, text: str) -> Tensor | str:
    """(V,) shares of what comes after a text, or why there are none."""
    model, tokenizer = source.both
    token_ids = [tokenizer.bos_id, *tokenizer.encode(text)]
    window = getattr(model, "context_length", None) or len(token_ids)
    try:
        return log_probs(source, token_ids[-window:])[-1].exp()
    except ValueError as error:
        return str(error)


def words(source: Source, shares: Tensor, count: int) -> Words:
    """The likeliest next words."""
    tokens = vocabulary(source.both[1])
    return [(i, tokens[i], share) for i, share in likeliest(shares, count)]


def seen(
    sources: Sequence[Source], shares: list[Tensor | str], judge: int | None
) -> dict[str, Any] | None:
    """What can come next, and the share that each model spends elsewhere."""
    if judge is None or isinstance(shares[judge], str):
        return None
    possible = shares[judge] > 0
    tokens = vocabulary(sources[judge].both[1])
    return {
        "possible": [tokens[i] for i in possible.nonzero()[:, 0].tolist()],
        "wrong": [round(row[~possible].sum().item(), 5) for row in shares],
    }


def fallback(text: str, names: list[str], start: list[Words | str]) -> Html:
    """What each model expects, the likeliest first."""
    columns = [
        [column]
        if isinstance(column, str)
        else [f"{word} {100 * share:.1f} %" for _, word, share in column]
        for column in start
    ]
    rows = [
        (place, *cells)
        for place, cells in enumerate(zip_longest(*columns, fillvalue=""), 1)
    ]
    return element(
        "div",
        element("p", element("strong", "Next word. "), f"{text} …"),
        table(["guess", *names], rows),
    )
