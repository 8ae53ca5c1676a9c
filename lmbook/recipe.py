"""How a network is trained: the learning rate, its schedule, the optimiser.

Leaves out: other optimisers, and rates that differ between layers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import nn


def cosine(progress: float) -> float:
    """From 1 to 0 along half a wave (Loshchilov and Hutter 2017)."""
    return (1 + math.cos(math.pi * progress)) / 2


def flat_then_linear(progress: float, flat: float = 0.3) -> float:
    """1 for the first part, then in a straight line to 0."""
    return min(1.0, (1 - progress) / (1 - flat))


SCHEDULES = {"cosine": cosine, "flat_then_linear": flat_then_linear}


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """How to train: the same for every model."""

    num_steps: int
    batch_size: int = 16  # documents or windows
    learning_rate: float = 3e-3  # the highest
    warmup_steps: int = 60
    schedule: str = "cosine"  # after the warm-up
    final_fraction: float = 0.03  # of the highest rate, at the last step
    beta2: float = 0.98  # AdamW's memory of squared gradients
    weight_decay: float = 0.05  # of matrices
    clip: float = 1.0  # the longest gradient
    eval_every: int = 500  # steps
    max_seconds: float = math.inf  # of training: ends the run and its schedule
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("num_steps", "batch_size", "eval_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}={getattr(self, name)}: at least 1")
        for name in ("learning_rate", "clip", "max_seconds"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name}={getattr(self, name)}: above 0")
        if not 0 <= self.warmup_steps < self.num_steps:
            raise ValueError(
                f"warmup_steps={self.warmup_steps} is not between 0 and "
                f"num_steps={self.num_steps}"
            )
        if self.schedule not in SCHEDULES:
            raise ValueError(
                f"schedule={self.schedule!r} is not one of {list(SCHEDULES)}"
            )

    def learning_rate_at(self, step: int, seconds: float = 0.0) -> float:
        """Up in a line to the highest rate, then down the schedule."""
        if step < self.warmup_steps:
            return self.learning_rate * (step + 1) / (self.warmup_steps + 1)
        last = max(1, self.num_steps - 1 - self.warmup_steps)
        progress = (step - self.warmup_steps) / last
        progress = min(1.0, max(progress, seconds / self.max_seconds))
        height = SCHEDULES[self.schedule](progress)
        low = self.final_fraction
        return self.learning_rate * (low + (1 - low) * height)


def adamw(model: nn.Module, config: TrainingConfig) -> torch.optim.AdamW:
    """AdamW (Loshchilov and Hutter 2019); only matrices decay to 0."""
    trained = [p for p in model.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in trained if p.ndim >= 2]},
        {"params": [p for p in trained if p.ndim < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(
        groups,
        lr=config.learning_rate,
        betas=(0.9, config.beta2),
        weight_decay=config.weight_decay,
        fused=True,
    )
