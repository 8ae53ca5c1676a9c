"""Reading a model without training it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from lmbook.interface import LanguageModel


@contextmanager
def inference(model: LanguageModel) -> Iterator[torch.device]:
    """No gradients and no dropout inside; gives the model's device.

    The mode that the model had before comes back at the end. A model that is
    no `nn.Module` has neither, and reads on the CPU.
    """
    was_training = isinstance(model, nn.Module) and model.training
    try:
        if was_training:
            model.eval()
        with torch.no_grad():
            yield device_of(model)
    finally:
        if was_training:
            model.train()


def device_of(model: LanguageModel) -> torch.device:
    """Where the model's parameters are; the CPU if it has none."""
    if isinstance(model, nn.Module):
        for parameter in model.parameters():
            return parameter.device
    return torch.device("cpu")
