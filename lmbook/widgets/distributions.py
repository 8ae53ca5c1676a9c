"""Next-word distributions for the parts, the same on every processor.

What stands in a notebook must come out equal wherever it is run again, so
networks compute in double precision here, and the shares are rounded.

Leaves out: sampling, which happens in the page.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from functools import cache

import torch
from torch import Tensor, nn

from lmbook.interface import LanguageModel, Tokenizer
from lmbook.widgets.sources import Source, own, shipped, words

LEAST = 0.0005  # what is shown
COMPARED = ("ngram", "lstm", "transformer", "oracle")


def sources_of(
    model: LanguageModel | None, tokenizer: Tokenizer | None
) -> list[Source]:
    """The book's models, or the reader's with the oracle if that fits."""
    if model is None and tokenizer is None:
        return [shipped(name) for name in COMPARED]
    if model is None or tokenizer is None:
        missing = "a model" if model is None else "its tokenizer"
        raise ValueError(f"give a model and its tokenizer; {missing} is not")
    if reads_storyworld(tokenizer):
        return [own(model, tokenizer), shipped("oracle")]
    return [own(model, tokenizer)]


def reads_storyworld(tokenizer: Tokenizer) -> bool:
    """Whether its tokens are those of the book's models."""
    return getattr(tokenizer, "tokens", None) == words().tokens


def log_probs(source: Source, token_ids: Sequence[int]) -> Tensor:
    """(T, V) natural log-probabilities after each token, float64.

    A model with a `context_length` must have room for all tokens.
    """
    model, _ = source.both
    if source.file is not None:  # the book's: never changed, so kept
        model = in_double(model)
    with torch.no_grad():
        logits = model(torch.tensor([list(token_ids)]))[0]
    return logits.double().log_softmax(-1)


@cache
def in_double(model: LanguageModel) -> LanguageModel:
    """A copy in float64; a model that is no network is itself."""
    if not isinstance(model, nn.Module):
        return model
    return copy.deepcopy(model).double()


def likeliest(shares: Tensor, count: int) -> list[tuple[int, float]]:
    """The likeliest tokens of (V,) shares, with their shares."""
    rounded = [round(share, 5) for share in shares.tolist()]
    order = sorted(range(len(rounded)), key=lambda i: (-rounded[i], i))
    return [(i, rounded[i]) for i in order[:count] if rounded[i] >= LEAST]
