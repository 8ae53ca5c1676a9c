"""Where a token stands: what attention alone cannot tell.

Each class is one answer, called in the same way: it takes the embedded tokens
and their places, gives the tokens back, and with them a rotation for queries
and keys if it has one. A model is built with rotary positions; another answer
is tried by assigning it: `model.positions = LearnedPositions(...)`.

A place is a slice, when all rows stand at the same positions, or (B, T) int64.

Leaves out: biases by distance (ALiBi), stretching a table to longer texts.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

Place = slice | Tensor
Rotation = tuple[Tensor, Tensor]


class RotaryPositions(nn.Module):
    """Turn pairs of a head's axes by angles that grow with the position.

    The product of a turned query and a turned key depends on the distance
    between them only. Axes i and i + K/2 turn by base^(-2i/K) for each
    position (Su et al. 2021, "RoFormer", §3.2.2; the pairs are Llama's).
    """

    def __init__(
        self, d_head: int, context_length: int, base: float = 10_000.0
    ) -> None:
        super().__init__()
        if d_head % 2:
            raise ValueError(f"{d_head=} is odd: axes are turned in pairs")
        angles = pair_angles(d_head, context_length, base)
        cos, sin = angles.cos().float(), angles.sin().float()
        cosines, sines = torch.cat([cos, cos], -1), torch.cat([-sin, sin], -1)
        self.register_buffer("cosines", cosines, persistent=False)
        self.register_buffer("sines", sines, persistent=False)

    def forward(self, hidden: Tensor, place: Place) -> tuple[Tensor, Rotation]:
        """The tokens as they are, and two tables (..., T, 1, K)."""
        cosines, sines = self.cosines[place], self.sines[place]
        return hidden, (cosines.unsqueeze(-2), sines.unsqueeze(-2))


def pair_angles(width: int, context_length: int, base: float) -> Tensor:
    """(context_length, width / 2) float64: position * base^(-2i / width)."""
    positions = torch.arange(context_length, dtype=torch.float64)
    pairs = torch.arange(0, width, 2, dtype=torch.float64)
    return positions[:, None] * base ** (-pairs / width)


def rotate(x: Tensor, rotation: Rotation) -> Tensor:
    """(B, T, H, K) -> (B, T, H, K): turn each pair by its angle.

    A pair (a, b) becomes (a cos - b sin, b cos + a sin). The table of sines
    has the minus in it, so that the second product takes x with its halves
    changed over.
    """
    cosines, sines = rotation
    changed_over = x.roll(x.shape[-1] // 2, -1)
    return (x * cosines + changed_over * sines).to(x.dtype)


class SinusoidalPositions(nn.Module):
    """Add fixed waves of many lengths (Vaswani et al. 2017, §3.5)."""

    def __init__(
        self, d_model: int, context_length: int, base: float = 10_000.0
    ) -> None:
        super().__init__()
        if d_model % 2:
            raise ValueError(f"{d_model=} is odd: waves come in pairs")
        angles = pair_angles(d_model, context_length, base)
        waves = torch.stack([angles.sin(), angles.cos()], -1).flatten(1)
        self.register_buffer("waves", waves.float(), persistent=False)

    def forward(self, hidden: Tensor, place: Place) -> tuple[Tensor, None]:
        """(B, T, D) -> (B, T, D), and no rotation."""
        return hidden + self.waves[place], None


class LearnedPositions(nn.Module):
    """Add a vector of its own for each position, learned like the rest.

    Drawn with standard deviation 1, as large as a scaled embedding.
    """

    def __init__(
        self,
        d_model: int,
        context_length: int,
        generator: torch.Generator,
        std: float = 1.0,
    ) -> None:
        super().__init__()
        table = torch.empty(context_length, d_model)
        self.table = nn.Parameter(table.normal_(0, std, generator=generator))

    def forward(self, hidden: Tensor, place: Place) -> tuple[Tensor, None]:
        """(B, T, D) -> (B, T, D), and no rotation."""
        return hidden + self.table[place], None


class NoPositions(nn.Module):
    """Nothing: the order shows only in how much each token can see."""

    def forward(self, hidden: Tensor, place: Place) -> tuple[Tensor, None]:
        return hidden, None
