"""Writing with a model: from logits to a token, and on to a text.

Temperature and top-k are functions `logits -> logits`; `sample` turns what
they leave into a choice; `generate` repeats this for any model of the book.

Leaves out: top-p, min-p, penalties, beam search.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from lmbook.inference import inference
from lmbook.interface import LanguageModel

Generator = torch.Generator | random.Random


def apply_temperature(logits: Tensor, temperature: float) -> Tensor:
    """(..., V) -> (..., V): divide, so that below 1 the likely gain.

    The limit 0 keeps only the largest logit, the first one of equals.
    """
    if not 0 <= temperature < float("inf"):
        raise ValueError(f"{temperature=} is not a number from 0 up")
    if temperature == 0:
        return keep_top_k(logits, 1)
    return logits / temperature


def keep_top_k(logits: Tensor, k: int) -> Tensor:
    """(..., V) -> (..., V): all but the k largest become -inf.

    Of equal logits those with lower ids stay.
    """
    if not 1 <= k <= logits.shape[-1]:
        raise ValueError(
            f"top-k {k=} is not between 1 and the {logits.shape[-1]} logits"
        )
    order = logits.argsort(dim=-1, descending=True, stable=True)
    return logits.scatter(-1, order[..., k:], -torch.inf)


def probabilities(logits: Tensor) -> Tensor:
    """(..., V) logits -> (..., V) probabilities.

    Raises ValueError where no token is possible or a logit is no number.
    """
    probs = logits.softmax(-1)
    if probs[..., 0].isnan().any():  # one NaN makes its whole row NaN
        if (logits == -torch.inf).all(-1).any():
            raise ValueError("every logit is -inf: no token can come next")
        raise ValueError("the logits hold NaN or +inf")
    return probs


def sample(probs: Tensor, uniforms: Tensor) -> Tensor:
    """(B, V) probabilities, (B,) numbers in [0, 1) -> (B,) token ids.

    Stack the probabilities on a line and take the token on which the number
    falls: the first whose cumulative sum exceeds it. One of probability 0
    takes no room, so it is never met.

    >>> probs = torch.tensor([[0.0, 0.25, 0.75]])
    >>> [sample(probs, torch.tensor([u])).item() for u in (0.0, 0.24, 0.25)]
    [1, 1, 2]
    """
    cumulative = probs.cumsum(-1)
    points = uniforms[:, None] * cumulative[:, -1:]  # the sum may be 1 - 1e-16
    return torch.searchsorted(cumulative, points, right=True)[:, 0]


def draw_uniforms(count: int, generator: Generator) -> Tensor:
    """(count,) float64 numbers in [0, 1), in order from the generator.

    Of `random.Random` only `random()` is used: its sequence is promised to be
    the same on every platform and version.
    """
    if isinstance(generator, random.Random):
        numbers = [generator.random() for _ in range(count)]
        return torch.tensor(numbers, dtype=torch.float64)
    if isinstance(generator, torch.Generator):
        options = {"dtype": torch.float64, "device": generator.device}
        return torch.rand(count, generator=generator, **options).cpu()
    raise TypeError(
        "generator must be a torch.Generator or a random.Random, "
        f"not {type(generator).__name__}"
    )


def generate(
    model: LanguageModel,
    prompts: Sequence[Sequence[int] | Tensor],
    *,
    eos_id: int,
    max_new_tokens: int,
    generator: Generator,
    temperature: float = 1.0,
    top_k: int | None = None,
) -> list[Tensor]:
    """Continue each prompt up to `eos_id` or `max_new_tokens`; 1-D int64.

    `[[bos_id]] * 5` asks for five texts from the start. Every step draws one
    number a row, ended or not, so that no row depends on where others end.
    Choices are made in float64 on the CPU, wherever the model is.
    """
    tokens, starts = pad_prompts(prompts, max_new_tokens, eos_id)
    ends = starts + max_new_tokens
    ended = torch.zeros(len(prompts), dtype=torch.bool)
    with inference(model) as device:
        read = reader(model)
        for t in range(int(starts.min()), tokens.shape[1]):
            if (ends <= t).all():
                break
            writing = (starts <= t) & ~ended
            logits = read(tokens[:, :t].to(device)).cpu().double()[writing]
            if temperature != 1:
                logits = apply_temperature(logits, temperature)
            if top_k is not None:
                logits = keep_top_k(logits, top_k)
            uniforms = draw_uniforms(len(prompts), generator)[writing]
            tokens[writing, t] = sample(probabilities(logits), uniforms)
            ended |= writing & (tokens[:, t] == eos_id)
            ends[ended] = ends[ended].clamp(max=t + 1)
    return [row[:end].clone() for row, end in zip(tokens, ends, strict=True)]


def pad_prompts(
    prompts: Sequence[Sequence[int] | Tensor], max_new_tokens: int, pad_id: int
) -> tuple[Tensor, Tensor]:
    """The prompts from the left in one (B, T) tensor, and (B,) lengths."""
    if max_new_tokens < 1:
        raise ValueError(f"{max_new_tokens=}: ask for at least 1")
    if not len(prompts):
        raise ValueError("no prompts: [[bos_id]] asks for one text")
    for i, prompt in enumerate(prompts):
        if not len(prompt):
            raise ValueError(f"prompt {i} is empty: let it begin with bos_id")
    starts = torch.tensor([len(prompt) for prompt in prompts])
    size = (len(prompts), int(starts.max()) + max_new_tokens)
    tokens = torch.full(size, pad_id, dtype=torch.int64)
    for row, prompt in zip(tokens, prompts, strict=True):
        row[: len(prompt)] = torch.as_tensor(prompt)
    return tokens, starts


def reader(model: LanguageModel) -> Callable[[Tensor], Tensor]:
    """A function (B, T) -> (B, V): the logits after the tokens so far.

    A model with `step` reads each column once, from where it stood; another
    reads everything again. Both give the same logits.
    """
    if not hasattr(model, "step"):
        return lambda token_ids: model(token_ids)[:, -1]
    num_read, state = 0, None

    def read(token_ids: Tensor) -> Tensor:
        nonlocal num_read, state
        for column in token_ids[:, num_read:].unbind(1):
            logits, state = model.step(column, state)
        num_read = token_ids.shape[1]
        return logits

    return read
