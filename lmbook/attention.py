"""Causal self-attention: each token gathers from those before it.

`CausalSelfAttention` is what a Transformer runs; `attention_weights` writes
the same in plain matrices, for reading and for looking inside.

Axis letters: B batch, T tokens read now, S tokens seen (the cached and the
new), D d_model, H heads, K d_head.

Leaves out: cross-attention, sliding-window and sparse attention, dropout of
the weights.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lmbook.kv_cache import LayerCache, causal_mask
from lmbook.layers import linear
from lmbook.positions import Rotation, rotate


def attention_weights(queries: Tensor, keys: Tensor) -> Tensor:
    """(B, H, T, K), (B, H, S, K) -> (B, H, T, S); each row sums to 1.

    The softmax of q · k / sqrt(K), no weight on later tokens (Vaswani et al.
    2017, "Attention is all you need", §3.2.1).
    """
    scores = queries @ keys.mT * queries.shape[-1] ** -0.5
    mask = causal_mask(*scores.shape[-2:]).to(scores.device)
    return scores.masked_fill(~mask, -torch.inf).softmax(-1)


class CausalSelfAttention(nn.Module):
    """(B, T, D) -> (B, T, D) with several heads.

    Fewer heads for keys and values than for queries: each serves a group of
    query heads (grouped-query attention, Ainslie et al. 2023).
    """

    def __init__(
        self,
        d_model: int,
        num_heads: int,
        num_kv_heads: int,
        generator: torch.Generator,
        output_scale: float = 1.0,
    ) -> None:
        super().__init__()
        if d_model % num_heads:
            raise ValueError(f"{d_model=} does not divide into {num_heads=}")
        if num_heads % num_kv_heads:
            raise ValueError(
                f"{num_heads=} do not divide into {num_kv_heads=} groups"
            )
        self.d_head = d_model // num_heads
        self.num_heads, self.num_kv_heads = num_heads, num_kv_heads
        d_kv = num_kv_heads * self.d_head
        self.query_proj = linear(d_model, d_model, generator)
        self.key_proj = linear(d_model, d_kv, generator)
        self.value_proj = linear(d_model, d_kv, generator)
        self.output_proj = linear(d_model, d_model, generator, output_scale)

    def forward(
        self,
        hidden: Tensor,
        rotation: Rotation | None = None,
        cache: LayerCache | None = None,
        mask: Tensor | None = None,
    ) -> Tensor:
        """Without a mask the tokens are a text's first, or a single one."""
        queries, keys, values = self.project(hidden, rotation)
        if cache is not None:
            keys, values = cache.append(keys, values)
        mixed = F.scaled_dot_product_attention(
            queries,
            self.for_each_head(keys),
            self.for_each_head(values),
            attn_mask=mask,
            is_causal=mask is None and queries.shape[2] > 1,
        )
        return self.output_proj(mixed.transpose(1, 2).flatten(2))

    def project(
        self, hidden: Tensor, rotation: Rotation | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """(B, T, D) -> queries (B, H, T, K); keys, values with kv heads."""
        queries = self.query_proj(hidden).unflatten(-1, (-1, self.d_head))
        keys = self.key_proj(hidden).unflatten(-1, (-1, self.d_head))
        values = self.value_proj(hidden).unflatten(-1, (-1, self.d_head))
        if rotation is not None:
            queries, keys = rotate(queries, rotation), rotate(keys, rotation)
        return tuple(x.transpose(1, 2) for x in (queries, keys, values))

    def for_each_head(self, x: Tensor) -> Tensor:
        """(B, kv heads, S, K) -> (B, H, S, K): one for each query head."""
        if self.num_kv_heads == self.num_heads:
            return x
        return x.repeat_interleave(self.num_heads // self.num_kv_heads, dim=1)

    def weights(
        self, hidden: Tensor, rotation: Rotation | None = None
    ) -> Tensor:
        """(B, T, D) -> (B, H, T, T): how much each token takes from which."""
        queries, keys, _ = self.project(hidden, rotation)
        return attention_weights(queries, self.for_each_head(keys))
