"""Attention: where each head of a Transformer looks, from any word of a text.

Leaves out: what the heads bring from there, and whether it is needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from lmbook.inference import inference
from lmbook.interface import Tokenizer
from lmbook.transformer import Transformer
from lmbook.widgets.distributions import in_double, likeliest
from lmbook.widgets.markup import Html, element, table
from lmbook.widgets.sources import ModelPart, own, shipped, vocabulary

STORY = (
    "One foggy Monday Flora found a blue mirror in the attic. She agreed to "
    "give it to her neighbour Lena by noon. Their goat Princess Pickle "
    "sniffed five apples. Their magic words were moon, river and velvet. "
    "Next they stood in the attic and whispered moon, river and"
)
NEEDED = ("positions", "embed", "blocks", "unembed")


class Attention(ModelPart):
    """Choose a word and a head; the text shows where the head looks.

    Without a model, the book's Transformer; `Attention(my_model, tokenizer)`
    asks yours. `at` is the word to begin with, counted from 0 for the start
    mark, by default the last; `head` is (layer, head), counted from 1.
    """

    module = "attention"

    def __init__(
        self,
        model: Transformer | None = None,
        tokenizer: Tokenizer | None = None,
        text: str = STORY,
        at: int | None = None,
        head: tuple[int, int] = (1, 1),
    ) -> None:
        source = (
            shipped("transformer")
            if model is None and tokenizer is None
            else own(*checked(model, tokenizer))
        )
        model, tokenizer = source.both
        token_ids = [tokenizer.bos_id, *tokenizer.encode(text)]
        token_ids = token_ids[: model.context_length]
        at = len(token_ids) - 1 if at is None else at
        if not 0 <= at < len(token_ids):
            raise ValueError(
                f"{at=} is no word of this text: give 0 to "
                f"{len(token_ids) - 1}"
            )
        if source.file is not None:
            model = in_double(model)
        logits, shares = look(model, token_ids[: at + 1])
        L, H, _ = shares.shape
        if not (1 <= head[0] <= L and 1 <= head[1] <= H):
            raise ValueError(
                f"{head=} is none of {L} layers of {H} heads; both count "
                "from 1"
            )
        names = vocabulary(tokenizer)
        tokens = [names[i] for i in token_ids]
        expected = likeliest(logits.softmax(-1), 1)
        data = {
            "text": text,
            "token_ids": token_ids,
            "tokens": tokens,
            "at": at,
            "head": [number - 1 for number in head],
            "attention": rounded(shares),
            "expected": [[names[i], share] for i, share in expected],
        }
        super().__init__(data, fallback(data), [source])

    def ask_look(self, token_ids: list[int]) -> dict[str, Tensor]:
        """The logits after the last token, and where each head looks."""
        logits, shares = look(self.sources[0].both[0], token_ids)
        return {"logits": logits, "shares": shares}


def checked(model: Any, tokenizer: Any) -> tuple[Transformer, Tokenizer]:
    """Both, if there are heads to look at, whichever class has them."""
    if model is None or tokenizer is None:
        missing = "a model" if model is None else "its tokenizer"
        raise ValueError(f"give a model and its tokenizer; {missing} is not")
    if not all(hasattr(model, name) for name in NEEDED):
        raise TypeError(
            f"{type(model).__name__} has no heads to look at; pass a "
            "Transformer with the methods of lmbook.transformer"
        )
    return model, tokenizer


def look(
    model: Transformer, token_ids: Sequence[int]
) -> tuple[Tensor, Tensor]:
    """Logits (V,) after T tokens, and from the last, (layers, heads, T)."""
    with inference(model) as device:
        batch = torch.tensor([list(token_ids)], device=device)
        place = slice(len(token_ids))
        hidden, rotation = model.positions(model.embed(batch), place)
        rows = []
        for block in model.blocks:
            normed = block.attention_norm(hidden)
            weights = block.attention.weights(normed, rotation)
            rows.append(weights[0, :, -1].cpu())
            hidden = block(hidden, rotation)
        return model.unembed(hidden)[0, -1].cpu(), torch.stack(rows)


def rounded(shares: Tensor) -> list:
    """With four digits, in which all processors agree."""
    return [
        [[round(share, 4) for share in row] for row in layer]
        for layer in shares.tolist()
    ]


def fallback(data: dict) -> Html:
    """The text, and for each head the words that it looks at most."""
    tokens, at = data["tokens"], data["at"]
    shown = [
        element("mark", token) if place == at else f"{token} "
        for place, token in enumerate(tokens)
    ]
    rows = [
        (f"{layer}.{number}", *cells(tokens, row))
        for layer, heads in enumerate(data["attention"], 1)
        for number, row in enumerate(heads, 1)
    ]
    header = ["head", "looks most at", "then at", "then at"]
    asked = f"Where each head looks, from “{tokens[at]}”"
    for token, share in data["expected"]:
        asked += f"; the model expects “{token}”, {100 * share:.1f} %"
    return element(
        "div",
        element("p", element("strong", "Attention. "), *shown),
        table(header, rows, f"{asked}."),
    )


def cells(tokens: Sequence[str], row: Sequence[float]) -> list[str]:
    """The three words most looked at, each with its share and distance."""
    order = sorted(range(len(row)), key=lambda s: (-row[s], s))
    last = len(row) - 1
    found = [
        f"{tokens[s]} ({last - s} back) {100 * row[s]:.0f} %"
        for s in order[:3]
        if row[s] >= 0.005
    ]
    return found + [""] * (3 - len(found))
