"""The models that a part asks: the book's own, or the reader's.

On the site a part reads the book's models from files that `export_web` wrote.
With a live kernel it asks Python, and so any model of the book's convention:
`own(my_model, tokenizer)`. `source.js` hides the difference from the parts.

Leaves out: training, and sampling, which is for the parts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, cached_property
from typing import Any

import torch
from torch import Tensor

from lmbook.inference import inference
from lmbook.interface import LanguageModel, Tokenizer
from lmbook.oracle import Oracle
from lmbook.pretrained import load
from lmbook.pruning import PAGE_COUNTS, prune
from lmbook.widgets.base import Part
from lmbook.widgets.markup import Html

# Name of the file -> name on the page, and colour (`--series-1` to 6).
SHIPPED = {
    "ngram": ("n-gram", 1),
    "elman": ("Elman network", 2),
    "lstm": ("LSTM", 2),
    "transformer": ("Transformer", 3),
    "oracle": ("oracle", 4),
}
OWN_SERIES = 5


class Source:
    """A model with its tokenizer, loaded when it is first asked."""

    def __init__(
        self,
        name: str,
        load_both: Callable[[], tuple[LanguageModel, Tokenizer]],
        series: int,
        file: str | None = None,
    ) -> None:
        self.name, self.load_both = name, load_both
        self.series, self.file = series, file

    @cached_property
    def both(self) -> tuple[LanguageModel, Tokenizer]:
        return self.load_both()

    def about(self) -> dict[str, Any]:
        """What the page knows before anything is loaded."""
        return {"name": self.name, "series": self.series, "file": self.file}

    def logits(self, token_ids: Sequence[int]) -> Tensor:
        """(V,), after the last of the token ids; of a long text, its end."""
        model, _ = self.both
        window = getattr(model, "context_length", None) or len(token_ids)
        with inference(model) as device:
            batch = torch.tensor([token_ids[-window:]], device=device)
            return model(batch)[0, -1].float().cpu()


def shipped(name: str) -> Source:
    """A model that comes with the book, or its oracle."""
    if name not in SHIPPED:
        raise ValueError(
            f"no model {name!r} comes with the book: choose one of "
            f"{', '.join(SHIPPED)}"
        )

    title, series = SHIPPED[name]
    file = f"models/{name}.safetensors"
    return Source(title, lambda: (page_model(name), words()), series, file)


@cache
def page_model(name: str) -> LanguageModel:
    """A shipped model as the page has it: the n-gram model is pruned."""
    if name == "oracle":
        return Oracle()
    model = load(name)
    return prune(model, PAGE_COUNTS) if name == "ngram" else model


@cache
def words() -> Tokenizer:
    """What the book's models read: words of Storyworld."""
    return Oracle().tokenizer


def own(
    model: LanguageModel, tokenizer: Tokenizer, name: str = "your model"
) -> Source:
    """The reader's model: with a live kernel only, as it has no file."""
    return Source(name, lambda: (model, tokenizer), OWN_SERIES)


def vocabulary(tokenizer: Tokenizer) -> list[str]:
    """Each token as text."""
    if hasattr(tokenizer, "tokens"):
        return list(tokenizer.tokens)
    marks = {tokenizer.bos_id: "<s>", tokenizer.eos_id: "</s>"}
    ids = range(tokenizer.vocab_size)
    return [marks.get(i) or tokenizer.decode([i]) for i in ids]


class ModelPart(Part):
    """A part that asks models; `source` counts them from 0."""

    def __init__(
        self, data: dict[str, Any], fallback: Html, sources: Sequence[Source]
    ) -> None:
        self.sources = list(sources)
        about = [source.about() for source in sources]
        super().__init__({**data, "sources": about}, fallback)

    def ask_open(self, source: int) -> dict[str, Any]:
        model, tokenizer = self.sources[source].both
        return {
            "vocabulary": vocabulary(tokenizer),
            "bosId": tokenizer.bos_id,
            "eosId": tokenizer.eos_id,
            "contextLength": getattr(model, "context_length", None),
        }

    def ask_encode(self, source: int, text: str) -> list[int]:
        return self.sources[source].both[1].encode(text)

    def ask_decode(self, source: int, token_ids: list[int]) -> str:
        return self.sources[source].both[1].decode(token_ids)

    def ask_logits(self, source: int, token_ids: list[int]) -> Tensor:
        return self.sources[source].logits(token_ids)
