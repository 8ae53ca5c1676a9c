"""What a key-value cache saves: tokens read, with and without, word by word.

Leaves out: the cost of the look itself, which grows with the text anyway, and
beginnings that are read at once.
"""

from __future__ import annotations

from time import perf_counter
from typing import Any

import torch

from lmbook.inference import inference
from lmbook.interface import StatefulLanguageModel, Tokenizer
from lmbook.widgets.markup import Html, element, table
from lmbook.widgets.sources import ModelPart, own, shipped, vocabulary

MOST_WORDS = 100


class CacheCells(ModelPart):
    """A model writes, twice: reading all again, and with what it keeps.

    Each token that is read is a cell. `text` counts as written already.
    Without a model, the book's Transformer; `CacheCells(my_model, tokenizer)`
    runs yours. It takes the likeliest word each time.
    """

    module = "cache_cells"

    def __init__(
        self,
        model: StatefulLanguageModel | None = None,
        tokenizer: Tokenizer | None = None,
        text: str = "One rainy Sunday Greta",
    ) -> None:
        source = (
            shipped("transformer")
            if model is None and tokenizer is None
            else own(*checked(model, tokenizer))
        )
        tokenizer = source.both[1]
        token_ids = [tokenizer.bos_id, *tokenizer.encode(text)]
        if not 1 < len(token_ids) <= MOST_WORDS:
            raise ValueError(
                f"a text of {len(token_ids) - 1} tokens: give 1 to "
                f"{MOST_WORDS - 1}, so that there are cells to see"
            )
        names = vocabulary(tokenizer)
        tokens = [names[i] for i in token_ids]
        data = {
            "text": text,
            "token_ids": token_ids,
            "tokens": tokens,
            "most": MOST_WORDS,
        }
        self.kept: tuple[list[int], Any] = ([], None)
        super().__init__(data, fallback(tokens), [source])

    def ask_again(self, token_ids: list[int]) -> dict[str, Any]:
        """The logits after the tokens, all of which are read."""
        model, _ = self.sources[0].both
        with inference(model) as device:
            start = perf_counter()
            logits = model(torch.tensor([token_ids], device=device))[0, -1]
            logits = logits.float().cpu()
            seconds = perf_counter() - start
        return {
            "logits": logits,
            "num_read": len(token_ids),
            "milliseconds": 1000 * seconds,
        }

    def ask_cached(self, token_ids: list[int]) -> dict[str, Any]:
        """The same, where what was kept of a beginning is not read."""
        model, _ = self.sources[0].both
        read, state = self.kept
        if read != token_ids[: len(read)] or len(read) >= len(token_ids):
            read, state = [], None
        new = token_ids[len(read) :]
        with inference(model) as device:
            start = perf_counter()
            for token_id in new:
                token = torch.tensor([token_id], device=device)
                logits, state = model.step(token, state)
            logits = logits[0].float().cpu()
            seconds = perf_counter() - start
        self.kept = list(token_ids), state
        return {
            "logits": logits,
            "num_read": len(new),
            "milliseconds": 1000 * seconds,
        }


def checked(
    model: Any, tokenizer: Any
) -> tuple[StatefulLanguageModel, Tokenizer]:
    """Both, if the model keeps anything."""
    if model is None or tokenizer is None:
        missing = "a model" if model is None else "its tokenizer"
        raise ValueError(f"give a model and its tokenizer; {missing} is not")
    if not isinstance(model, StatefulLanguageModel):
        raise TypeError(
            f"{type(model).__name__} has no `step` and keeps nothing; pass a "
            "Transformer or a recurrent network"
        )
    return model, tokenizer


def fallback(tokens: list[str]) -> Html:
    """A row for each word: the tokens read for it, and all so far."""
    rows = [
        (token, number, number * (number + 1) // 2, 1, number)
        for number, token in enumerate(tokens[1:], 1)
    ]
    header = ("to choose", "read, all again", "so far")
    header += ("read, with the cache", "so far")
    far = MOST_WORDS * (MOST_WORDS + 1) // 2
    return element(
        "div",
        element(
            "p",
            element("strong", "Tokens read. "),
            f"For {MOST_WORDS} words it will be {far:,} and {MOST_WORDS}.",
        ),
        table(header, rows),
    )
