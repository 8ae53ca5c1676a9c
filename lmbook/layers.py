"""What a block is made of beside attention: matrices, norm, feed-forward.

Axis letters: D d_model, F d_ff.

Leaves out: biases, LayerNorm, other activations.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def linear(
    d_in: int, d_out: int, generator: torch.Generator, scale: float = 1.0
) -> nn.Linear:
    """A matrix, no bias: normal with standard deviation scale / sqrt(d_in).

    So what comes out is about `scale` times as large as what goes in.
    """
    layer = nn.utils.skip_init(nn.Linear, d_in, d_out, bias=False)
    std = scale * d_in**-0.5
    nn.init.normal_(layer.weight, std=std, generator=generator)
    return layer


class RMSNorm(nn.Module):
    """(..., D) -> (..., D): divide by the root of the mean square.

    Then scale each axis by a learned weight (Zhang and Sennrich 2019).
    """

    def __init__(self, d_model: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(d_model))
        self.eps = eps

    def forward(self, hidden: Tensor) -> Tensor:
        length = torch.linalg.vector_norm(hidden, dim=-1, keepdim=True)
        mean_square = length.square() / hidden.shape[-1]
        return hidden * (mean_square + self.eps).rsqrt() * self.weight


class SwiGLU(nn.Module):
    """(..., D) -> (..., D): (silu(x gate) * x up) down, F wide in between.

    One matrix decides how much of the other goes through (Shazeer 2020).
    """

    def __init__(
        self,
        d_model: int,
        d_ff: int,
        generator: torch.Generator,
        output_scale: float = 1.0,
    ) -> None:
        super().__init__()
        self.gate_proj = linear(d_model, d_ff, generator)
        self.up_proj = linear(d_model, d_ff, generator)
        self.down_proj = linear(d_ff, d_model, generator, output_scale)

    def forward(self, hidden: Tensor) -> Tensor:
        gate = F.silu(self.gate_proj(hidden))  # (..., F)
        return self.down_proj(gate * self.up_proj(hidden))


class ReLUFeedForward(nn.Module):
    """(..., D) -> (..., D): relu(x up) down, F wide in between.

    The feed-forward of Vaswani et al. 2017, §3.3, without biases.
    """

    def __init__(
        self,
        d_model: int,
        d_ff: int,
        generator: torch.Generator,
        output_scale: float = 1.0,
    ) -> None:
        super().__init__()
        self.up_proj = linear(d_model, d_ff, generator)
        self.down_proj = linear(d_ff, d_model, generator, output_scale)

    def forward(self, hidden: Tensor) -> Tensor:
        return self.down_proj(F.relu(self.up_proj(hidden)))
