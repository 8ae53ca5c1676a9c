"""Texts that grow: a model's logits after each new token.

Three kinds of model can be read. All have `model(token_ids)`. One with `step`
reads each token once. One with `prefill(token_ids, padding=None)` too, which
gives the logits after the last token and the state, reads prompts at once.
Which way is taken changes the time and not the logits.

Leaves out: adding texts to a batch while others are being written.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from lmbook.interface import LanguageModel, StatefulLanguageModel


def pad_left(texts: Sequence[Tensor], pad_id: int) -> tuple[Tensor, Tensor]:
    """Texts that end together, (B, T), and the padding of each, (B,)."""
    lengths = torch.tensor([len(text) for text in texts])
    padding = lengths.max() - lengths
    tokens = torch.full((len(texts), int(lengths.max())), pad_id)
    for row, start, text in zip(tokens, padding.tolist(), texts, strict=True):
        row[start:] = text
    return tokens, padding


class Stepping:
    """`prefill` for a model that reads one token at a time."""

    def __init__(self, model: StatefulLanguageModel) -> None:
        self.step = model.step

    def prefill(
        self, token_ids: Tensor, padding: None = None
    ) -> tuple[Tensor, Any]:
        """(B, T) -> (B, V) logits after the last token, and the state."""
        state = None
        for column in token_ids.unbind(1):
            logits, state = self.step(column, state)
        return logits, state


class Rereading:
    """`prefill` and `step` for a model without: its state is the text."""

    def __init__(self, model: LanguageModel) -> None:
        self.model = model

    def prefill(
        self, token_ids: Tensor, padding: None = None
    ) -> tuple[Tensor, Tensor]:
        return self.model(token_ids)[:, -1], token_ids

    def step(self, token_ids: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        return self.prefill(torch.cat([state, token_ids[:, None]], dim=1))


class Reader:
    """The logits after texts that end together and grow together.

    A model with `prefill` reads all prompts at once, padded; for another,
    those of one length share a batch. Then `step` reads the new tokens, until
    a window is full: from there each token is a new beginning.
    """

    def __init__(
        self, model: LanguageModel, padding: Tensor, window: int | None
    ) -> None:
        self.model, self.padding, self.window = model, padding, window
        self.groups = [torch.arange(len(padding))]
        if not hasattr(model, "prefill"):
            has_step = hasattr(model, "step")
            self.model = Stepping(model) if has_step else Rereading(model)
            values = padding.unique()
            self.groups = [(padding == v).nonzero()[:, 0] for v in values]
        self.order = torch.cat(self.groups).argsort()
        self.states: list[Any] = [None] * len(self.groups)

    def read(self, tokens: Tensor) -> Tensor:
        """(B, T), one column more than last time -> (B, V) logits."""
        width = tokens.shape[1]
        cut = max(0, width - self.window) if self.window else 0
        parts = []
        for number, rows in enumerate(self.groups):
            state = self.states[number]
            if state is None or cut:
                padding = (self.padding[rows] - cut).clamp(min=0)
                logits, state = self.begin(tokens[rows, cut:], padding)
            else:
                logits, state = self.model.step(tokens[rows, -1], state)
            self.states[number] = state
            parts.append(logits)
        return torch.cat(parts)[self.order] if len(parts) > 1 else parts[0]

    def begin(self, tokens: Tensor, padding: Tensor) -> tuple[Tensor, Any]:
        """Read texts from their beginning; padding only where lengths vary."""
        shared = padding.min()
        tokens, padding = tokens[:, shared:], padding - shared
        if not padding.any():
            return self.model.prefill(tokens)
        return self.model.prefill(tokens, padding=padding.to(tokens.device))
