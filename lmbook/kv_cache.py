"""What a Transformer keeps of a text, so that no token is read twice.

Axis letters: B batch, T tokens read now, S tokens read so far, K d_head.

Leaves out: forgetting the oldest, memory in pages, lower precision.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from lmbook.positions import Place


def causal_mask(num_new: int, num_seen: int) -> Tensor:
    """(T, S) bool: the last T of S tokens, each with itself and earlier ones.

    >>> causal_mask(2, 4).int().tolist()
    [[1, 1, 1, 0], [1, 1, 1, 1]]
    """
    everything = torch.ones(num_new, num_seen, dtype=torch.bool)
    return everything.tril(num_seen - num_new)


class LayerCache(NamedTuple):
    """One layer's keys and values, (B, heads, capacity, K), filled in place.

    Those before `start` were written earlier.
    """

    keys: Tensor
    values: Tensor
    start: int

    def append(self, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """New (B, heads, T, K) in; all those so far, (B, heads, S, K), out."""
        end = self.start + keys.shape[2]
        self.keys[:, :, self.start : end] = keys
        self.values[:, :, self.start : end] = values
        return self.keys[:, :, :end], self.values[:, :, :end]


@dataclass
class KVCache:
    """The state of a Transformer: every layer's keys and values so far.

    `keys` and `values` are (num_layers, B, heads, capacity, K), allocated
    once. The latest tokens are in places `start` to `end`. Row b begins with
    `padding[b]` places that belong to no text. A state that was read on from
    stays good: a second continuation of it gets a copy.
    """

    keys: Tensor
    values: Tensor
    start: int = 0
    end: int = 0
    padding: Tensor | None = None
    is_continued: bool = False

    def extend(self, num_new: int) -> KVCache:
        """The next state, on the same memory, its new places still empty."""
        keys, values = self.keys, self.values
        if self.is_continued:
            keys, values = keys.clone(), values.clone()
        self.is_continued = True
        end = self.end + num_new
        return KVCache(keys, values, self.end, end, self.padding)

    def layer(self, number: int) -> LayerCache:
        return LayerCache(self.keys[number], self.values[number], self.start)

    def positions(self) -> Place:
        """Where the latest tokens stand in their texts."""
        if self.padding is None:
            return slice(self.start, self.end)
        columns = torch.arange(self.start, self.end, device=self.keys.device)
        return (columns - self.padding[:, None]).clamp(min=0)  # (B, T)

    def mask(self) -> Tensor | None:
        """What the latest tokens may look at, (T, S) or (B, 1, T, S) bool.

        None where causal attention alone gets it right. A padded place sees
        itself, for a softmax over nothing has no value.
        """
        num_new, device = self.end - self.start, self.keys.device
        if self.padding is None and (num_new == 1 or not self.start):
            return None
        causal = causal_mask(num_new, self.end).to(device)
        if self.padding is None:
            return causal
        columns = torch.arange(self.end, device=device)
        is_real = columns >= self.padding[:, None, None]  # (B, 1, S)
        is_self = columns == columns[self.start :, None]  # (T, S)
        return (causal & (is_real | is_self))[:, None]
