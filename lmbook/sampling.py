"""Writing with a model: from logits to a token, and on to a text.

Temperature and top-k are functions `logits -> logits`; `sample` turns what
they leave into a choice; `generate` repeats this for any model of the book,
and `stream` hands out one text's tokens as they are drawn.

Leaves out: top-p, min-p, penalties, beam search.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from lmbook.inference import inference
from lmbook.interface import LanguageModel
from lmbook.reading import Reader, pad_left

Generator = torch.Generator | random.Random


def apply_temperature(logits: Tensor, temperature: float) -> Tensor:
    """(..., V) -> (..., V): divide, so that below 1 the likely gain.

    The limit 0 keeps only the largest logit, the first one of equals.
    """
    if not 0 <= temperature < float("inf"):
        raise ValueError(f"{temperature=} is not a number from 0 up")
    if temperature == 0:
        largest = logits.max(-1, keepdim=True)
        nothing = torch.full_like(logits, -torch.inf)
        return nothing.scatter(-1, logits.argmax(-1, True), largest.values)
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
    generator: Generator | Sequence[Generator],
    temperature: float = 1.0,
    top_k: int | None = None,
    stop: Collection[int] = (),
    window: int | None = None,
) -> list[Tensor]:
    """Continue each prompt up to `eos_id` or `max_new_tokens`; 1-D int64.

    `[[bos_id]] * 5` asks for five texts. The ids in `stop` end a text too.
    Every step draws one number a row, ended or not, so that no row depends on
    where others end; with a list of generators, one for each prompt, a row is
    the same alone. With `window` a model reads the last so many tokens only;
    without, a text beyond its `context_length` is a ValueError.
    """
    texts = as_texts(prompts)
    with inference(model):
        columns = write(
            model,
            texts,
            eos_id=eos_id,
            max_new_tokens=max_new_tokens,
            generator=generator,
            temperature=temperature,
            top_k=top_k,
            stop=stop,
            window=window,
        )
        new = torch.stack(list(columns), dim=1)
    stops = torch.tensor([eos_id, *stop])
    pairs = zip(texts, new, strict=True)
    return [torch.cat([text, up_to(row, stops)]) for text, row in pairs]


def stream(
    model: LanguageModel, prompt: Sequence[int] | Tensor, **options: Any
) -> Iterator[int]:
    """Yield the tokens after one prompt as they are drawn.

    The options of `generate`, and the same tokens, the last one included.
    Stop asking and nothing more is computed.
    """
    for token_ids in write(model, as_texts([prompt]), **options):
        yield token_ids.item()


def write(
    model: LanguageModel,
    texts: Sequence[Tensor],
    *,
    eos_id: int,
    max_new_tokens: int,
    generator: Generator | Sequence[Generator],
    temperature: float = 1.0,
    top_k: int | None = None,
    stop: Collection[int] = (),
    window: int | None = None,
) -> Iterator[Tensor]:
    """Yield (B,) token ids, the next of each text, until all have ended.

    A row that has met `eos_id` repeats it; one that has met another stop goes
    on as if it had not. Choices are made in float64 on the CPU.
    """
    check_room(model, texts, max_new_tokens, window)
    tokens, padding = pad_left(texts, eos_id)
    reader = Reader(model, padding, window)
    stops = torch.tensor([eos_id, *stop])
    going = torch.ones(len(texts), dtype=torch.bool)
    done = ~going
    for _ in range(max_new_tokens):
        with inference(model) as device:
            logits = reader.read(tokens.to(device)).cpu().double()[going]
        new = torch.full_like(tokens[:, 0], eos_id)
        uniforms = draw_row_uniforms(len(texts), generator)[going]
        new[going] = choose(logits, uniforms, temperature, top_k)
        tokens = torch.cat([tokens, new[:, None]], dim=1)
        yield new
        going, done = going & (new != eos_id), done | torch.isin(new, stops)
        if done.all():
            return


def choose(
    logits: Tensor, uniforms: Tensor, temperature: float, top_k: int | None
) -> Tensor:
    """(B, V) logits, (B,) numbers in [0, 1) -> (B,) token ids."""
    if temperature != 1:
        logits = apply_temperature(logits, temperature)
    if top_k is not None:
        logits = keep_top_k(logits, top_k)
    return sample(probabilities(logits), uniforms)


def draw_row_uniforms(
    count: int, generator: Generator | Sequence[Generator]
) -> Tensor:
    """(count,) numbers from one generator, or one from each of a list."""
    if not isinstance(generator, Sequence):
        return draw_uniforms(count, generator)
    if len(generator) != count:
        raise ValueError(
            f"{len(generator)} generators for {count} prompts: pass one for "
            "each, or a single one for all"
        )
    return torch.cat([draw_uniforms(1, one) for one in generator])


def as_texts(prompts: Sequence[Sequence[int] | Tensor]) -> list[Tensor]:
    """Each prompt as 1-D int64; ValueError if it is anything else."""
    if not len(prompts):
        raise ValueError("no prompts: [[bos_id]] asks for one text")
    texts = []
    for i, prompt in enumerate(prompts):
        text = torch.as_tensor(prompt)
        if text.ndim != 1 or not len(text):
            problem = "is empty" if text.shape == (0,) else "is not 1-D"
            raise ValueError(
                f"prompt {i} {problem}: let it begin with bos_id, as in "
                "[[bos_id, 17, 4]]"
            )
        if text.is_floating_point() or text.dtype == torch.bool:
            raise ValueError(f"prompt {i} holds {text.dtype}, not token ids")
        texts.append(text.long().cpu())
    return texts


def check_room(
    model: LanguageModel,
    texts: Sequence[Tensor],
    max_new_tokens: int,
    window: int | None,
) -> None:
    """ValueError where a model would have to read more than it can.

    A model says so by an attribute `context_length`. The last token written
    is not read.
    """
    if max_new_tokens < 1:
        raise ValueError(f"{max_new_tokens=}: ask for at least 1")
    if window is not None and window < 1:
        raise ValueError(f"{window=}: a model must see at least 1 token")
    longest = max(len(text) for text in texts)
    limit = getattr(model, "context_length", None)
    num_read = longest + max_new_tokens - 1
    if window is not None:
        num_read = min(num_read, window)
    if limit is not None and num_read > limit:
        raise ValueError(
            f"a prompt of {longest} tokens with {max_new_tokens=} and "
            f"{window=} asks for {num_read} tokens at once, more than the "
            f"model's context_length={limit}: ask for fewer, or let it "
            f"forget the oldest with window={limit}"
        )


def up_to(row: Tensor, stops: Tensor) -> Tensor:
    """The row up to its first stop, with it; all of it if there is none."""
    found = torch.isin(row, stops).nonzero()
    return row[: found[0] + 1] if len(found) else row
