"""The decoder-only Transformer: blocks of attention and feed-forward.

Normalisation before each part, RMSNorm, rotary positions, SwiGLU, no biases:
the arrangement of Llama (Touvron et al. 2023), whose weights fit in. The parts
are in `layers`, `attention`, `positions` and `kv_cache`. One is exchanged by
assigning another: `block.feed_forward = ReLUFeedForward(...)`.

Axis letters: B batch, T time, V vocabulary, D d_model.

Leaves out: mixtures of experts, biases, encoders, loading others' weights.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lmbook.attention import CausalSelfAttention
from lmbook.kv_cache import KVCache, LayerCache
from lmbook.layers import RMSNorm, SwiGLU, linear
from lmbook.positions import RotaryPositions, Rotation


@dataclass(frozen=True, kw_only=True)
class TransformerConfig:
    """The architecture, and nothing about training.

    `num_kv_heads` becomes `num_heads` if not given; `d_ff` 8/3 of `d_model`,
    so that three matrices weigh as much as two of 4 d_model would.
    `scale_embedding` multiplies embeddings by sqrt(d_model) going in. The
    last two fields are there for weights from elsewhere.
    """

    vocab_size: int
    context_length: int
    d_model: int = 128
    num_layers: int = 4
    num_heads: int = 4
    num_kv_heads: int | None = None
    d_ff: int | None = None
    dropout: float = 0.0
    scale_embedding: bool = True
    tie_embeddings: bool = True
    rotary_base: float = 10_000.0
    norm_eps: float = 1e-5

    def __post_init__(self) -> None:
        if self.num_kv_heads is None:
            object.__setattr__(self, "num_kv_heads", self.num_heads)
        if self.d_ff is None:
            object.__setattr__(self, "d_ff", -(-self.d_model // 3) * 8)
        for name, value in vars(self).items():
            if type(value) is int and value < 1:
                raise ValueError(f"{name}={value} is below 1")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout={self.dropout} is not in [0, 1)")
        self.check_divides("num_heads", "d_model")
        self.check_divides("num_kv_heads", "num_heads")
        if self.d_head % 2:
            raise ValueError(
                f"d_model={self.d_model} and num_heads={self.num_heads} make "
                f"heads of {self.d_head}: rotary positions need an even size"
            )

    def check_divides(self, part: str, whole: str) -> None:
        if getattr(self, whole) % getattr(self, part):
            raise ValueError(
                f"{part}={getattr(self, part)} does not divide "
                f"{whole}={getattr(self, whole)}"
            )

    @property
    def d_head(self) -> int:
        return self.d_model // self.num_heads

    @property
    def output_scale(self) -> float:
        """What keeps a sum of 2 num_layers parts as large as one part."""
        return (2 * self.num_layers) ** -0.5

    @property
    def final_gain(self) -> float:
        """The final norm's first weight.

        Going in and out through one matrix, a token is its own best guess. At
        this size its logit is at most ln(V) / 2: hardly better than chance.
        """
        return 0.5 * math.log(self.vocab_size) / self.d_model**0.5


class Block(nn.Module):
    """(B, T, D) -> (B, T, D): look around, then think; both are added."""

    def __init__(
        self, config: TransformerConfig, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.attention_norm = RMSNorm(config.d_model, config.norm_eps)
        self.attention = CausalSelfAttention(
            config.d_model,
            config.num_heads,
            config.num_kv_heads,
            generator,
            config.output_scale,
        )
        self.feed_forward_norm = RMSNorm(config.d_model, config.norm_eps)
        self.feed_forward = SwiGLU(
            config.d_model, config.d_ff, generator, config.output_scale
        )
        self.dropout = nn.Dropout(config.dropout)

    def forward(
        self,
        hidden: Tensor,
        rotation: Rotation | None = None,
        cache: LayerCache | None = None,
        mask: Tensor | None = None,
    ) -> Tensor:
        normed = self.attention_norm(hidden)
        attended = self.attention(normed, rotation, cache, mask)
        hidden = hidden + self.dropout(attended)
        thought = self.feed_forward(self.feed_forward_norm(hidden))
        return hidden + self.dropout(thought)


class Transformer(nn.Module):
    """The language model: `model(token_ids)`, (B, T) int64 -> (B, T, V)."""

    def __init__(
        self, config: TransformerConfig, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.config = config
        self.vocab_size = config.vocab_size
        self.context_length = config.context_length
        size = (config.vocab_size, config.d_model)
        self.token_embedding = nn.utils.skip_init(nn.Embedding, *size)
        std = config.d_model**-0.5
        nn.init.normal_(
            self.token_embedding.weight, 0, std, generator=generator
        )
        self.dropout = nn.Dropout(config.dropout)
        self.positions = RotaryPositions(
            config.d_head, config.context_length, config.rotary_base
        )
        self.blocks = nn.ModuleList(
            Block(config, generator) for _ in range(config.num_layers)
        )
        self.final_norm = RMSNorm(config.d_model, config.norm_eps)
        nn.init.constant_(self.final_norm.weight, config.final_gain)
        if not config.tie_embeddings:
            self.unembedding = linear(*size[::-1], generator)

    def forward(self, token_ids: Tensor) -> Tensor:
        """Logits after every token; ValueError beyond `context_length`."""
        check_token_ids(token_ids, self.context_length)
        place = slice(token_ids.shape[1])
        hidden, rotation = self.positions(self.embed(token_ids), place)
        for block in self.blocks:
            hidden = block(hidden, rotation)
        return self.unembed(hidden)

    @torch.inference_mode()
    def prefill(
        self,
        token_ids: Tensor,
        state: KVCache | None = None,
        padding: Tensor | None = None,
    ) -> tuple[Tensor, KVCache]:
        """(B, T) -> (B, V) logits after the last token, and the state.

        Without gradients. Texts of different lengths end together: row b
        begins with `padding[b]` ids, whatever they are, that are not its own.
        """
        num_read = state.end if state else 0
        check_token_ids(token_ids, self.context_length, num_read)
        if padding is not None:
            check_padding(padding, token_ids, state)
        if state is None:
            state = empty_cache(self, len(token_ids), padding)
        state = state.extend(token_ids.shape[1])
        hidden = self.embed(token_ids)
        hidden, rotation = self.positions(hidden, state.positions())
        mask = state.mask()
        for number, block in enumerate(self.blocks):
            hidden = block(hidden, rotation, state.layer(number), mask)
        return self.unembed(hidden[:, -1]), state

    def step(
        self, token_ids: Tensor, state: KVCache | None = None
    ) -> tuple[Tensor, KVCache]:
        """(B,) -> (B, V) logits and the state, without gradients."""
        return self.prefill(token_ids[:, None], state)

    def embed(self, token_ids: Tensor) -> Tensor:
        """(B, T) -> (B, T, D); ValueError for an id that is no token's."""
        try:
            hidden = self.token_embedding(token_ids)
        except IndexError as error:
            low, high = token_ids.min().item(), token_ids.max().item()
            raise ValueError(
                f"token_ids go from {low} to {high}: with vocab_size="
                f"{self.vocab_size} they must lie from 0 to "
                f"{self.vocab_size - 1}"
            ) from error
        if self.config.scale_embedding:
            hidden = hidden * self.config.d_model**0.5
        return self.dropout(hidden)

    def unembed(self, hidden: Tensor) -> Tensor:
        """(..., D) -> (..., V)."""
        hidden = self.final_norm(hidden)
        if self.config.tie_embeddings:
            return F.linear(hidden, self.token_embedding.weight)
        return self.unembedding(hidden)


def empty_cache(
    model: Transformer, batch_size: int, padding: Tensor | None = None
) -> KVCache:
    """Room for `context_length` tokens, of the weights' type."""
    config, weight = model.config, model.token_embedding.weight
    shape = (config.num_layers, batch_size, config.num_kv_heads)
    shape += (config.context_length, config.d_head)
    keys, values = weight.new_empty(shape), weight.new_empty(shape)
    return KVCache(keys, values, padding=padding)


def check_token_ids(
    token_ids: Tensor, context_length: int, num_read: int = 0
) -> None:
    """ValueError for ids of a wrong shape or type, or too many of them."""
    if token_ids.ndim != 2 or not token_ids.numel():
        raise ValueError(
            f"token_ids have shape {tuple(token_ids.shape)}: (B, T) is "
            "wanted, with at least one row and one column"
        )
    if token_ids.dtype not in (torch.int64, torch.int32):
        raise ValueError(f"token_ids are {token_ids.dtype}: pass int64")
    length = num_read + token_ids.shape[1]
    if length > context_length:
        raise ValueError(
            f"a text of {length} tokens is longer than {context_length=}: "
            f"cut it, as in token_ids[:, -{context_length}:], or, to write "
            f"on, pass window={context_length} to generate"
        )


def check_padding(
    padding: Tensor, token_ids: Tensor, state: KVCache | None
) -> None:
    """ValueError where padding does not fit the tokens."""
    if state is not None:
        raise ValueError("padding stands before a text: pass it without state")
    batch_size, length = token_ids.shape
    is_inside = (padding >= 0) & (padding < length)
    if padding.shape != (batch_size,) or not is_inside.all():
        raise ValueError(
            f"padding {padding.tolist()} does not fit {batch_size} rows of "
            f"{length} tokens: one number below {length} a row is wanted"
        )
