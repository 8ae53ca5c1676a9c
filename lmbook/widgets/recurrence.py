"""Recurrence: two texts read word by word, and how far apart the states are.

The network has one number, with a weight to change; or it is one of the
book's, or the reader's own.

Leaves out: the gates of an LSTM, of which the hidden state is shown.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from lmbook.inference import inference
from lmbook.interface import Tokenizer
from lmbook.rnn import RNNLanguageModel
from lmbook.widgets.distributions import in_double
from lmbook.widgets.markup import Html, element, table
from lmbook.widgets.sources import ModelPart, Source, own, shipped, vocabulary

NUM_UNITS = 25  # of a wide state those that differ most are shown
MOST_WORDS = 40
FIRST = "One windy Sunday Ada found a blue kite in the attic"
SECOND = "One windy Sunday Wim found a blue kite in the attic"


class Recurrence(ModelPart):
    """The states after each word of two texts, side by side.

    `numbers` gives each word of a network of one number its input, `weight`
    is that of the old state. Without it, the states are those of a network
    of the book, "elman" or "lstm", or of `model` with its tokenizer.
    """

    module = "recurrence"

    def __init__(
        self,
        model: RNNLanguageModel | None = None,
        tokenizer: Tokenizer | None = None,
        first: str = FIRST,
        second: str = SECOND,
        network: str = "elman",
        numbers: Mapping[str, float] | None = None,
        weight: float = 2.0,
    ) -> None:
        sources = []
        if numbers is None:
            sources = [source_of(model, tokenizer, network)]
        data: dict[str, Any] = {"texts": [first, second]}
        data |= {"most": MOST_WORDS, "num_units": NUM_UNITS}
        data |= {"numbers": numbers and dict(numbers), "weight": weight}
        read = reader_of(sources, numbers, weight)
        both = [read(text) for text in (first, second)]
        for (words, _), text in zip(both, (first, second), strict=True):
            if not 0 < len(words) <= MOST_WORDS:
                raise ValueError(
                    f"{text!r} has {len(words)} words: give 1 to {MOST_WORDS}"
                )
        data |= compared(*both)
        super().__init__(data, fallback(data), sources)

    def ask_states(self, token_ids: list[int]) -> Tensor:
        """(T, H): the top layer's hidden state after each token."""
        return states_of(self.sources[0].both[0], token_ids)


def source_of(model: Any, tokenizer: Tokenizer | None, network: str) -> Source:
    if model is None and tokenizer is None:
        if network not in ("elman", "lstm"):
            raise ValueError(f"{network=} has no state here: elman or lstm")
        return shipped(network)
    if model is None or tokenizer is None:
        missing = "a model" if model is None else "its tokenizer"
        raise ValueError(f"give a model and its tokenizer; {missing} is not")
    if not (hasattr(model, "layers") and hasattr(model, "step")):
        raise TypeError(
            f"{type(model).__name__} has no hidden state; pass a network "
            "with the methods of lmbook.rnn.RNNLanguageModel"
        )
    return own(model, tokenizer)


def states_of(model: RNNLanguageModel, token_ids: list[int]) -> Tensor:
    """(T, H): the top layer's hidden state after each token."""
    rows, state = [], None
    with inference(model) as device:
        for token_id in token_ids:
            token = torch.tensor([token_id], device=device)
            _, state = model.step(token, state)
            rows.append(state[-1][0][0].cpu())
    return torch.stack(rows)


def reader_of(
    sources: list[Source], numbers: Mapping[str, float] | None, weight: float
) -> Callable[[str], tuple[list[str], Tensor]]:
    """A function: a text -> its words, and the (T, H) states after them."""
    if numbers is not None:
        return lambda text: one_number(text.split(), numbers, weight)
    model, tokenizer = sources[0].both
    if sources[0].file is not None:  # the same on every processor
        model = in_double(model)
    names = vocabulary(tokenizer)

    def read(text: str) -> tuple[list[str], Tensor]:
        token_ids = [tokenizer.bos_id, *tokenizer.encode(text)]
        states = states_of(model, token_ids)[1:]
        return [names[i] for i in token_ids[1:]], states

    return read


def one_number(
    words: list[str], numbers: Mapping[str, float], weight: float
) -> tuple[list[str], Tensor]:
    """state = tanh(number of the word + weight * state), from 0 on."""
    state, states = 0.0, []
    for word in words:
        if word not in numbers:
            raise ValueError(
                f"{word!r} has no number: use {', '.join(numbers)}"
            )
        state = math.tanh(numbers[word] + weight * state)
        states.append([state])
    return words, torch.tensor(states, dtype=torch.float64)


def compared(
    first: tuple[list[str], Tensor], second: tuple[list[str], Tensor]
) -> dict[str, Any]:
    """The words, the states' distances, and the units that differ most."""
    length = min(len(first[0]), len(second[0]))
    gaps = first[1][:length] - second[1][:length]  # (T, H)
    total = [round(gap, 5) for gap in gaps.abs().sum(0).tolist()]
    order = sorted(range(len(total)), key=lambda i: (-total[i], i))
    units = sorted(order[:NUM_UNITS])
    return {
        "words": [first[0], second[0]],
        "states": [digits(s[:, units], 2) for _, s in (first, second)],
        "distances": digits(gaps.norm(dim=-1), 3),
        "width": len(total),
    }


def digits(values: Tensor, number: int) -> list:
    """Rounded, so that all processors agree; no -0.0."""
    if values.ndim > 1:
        return [digits(row, number) for row in values]
    return [round(value, number) + 0.0 for value in values.tolist()]


def signed(value: float) -> str:
    return f"{value:.2f}".replace("-", "−")


def fallback(data: dict[str, Any]) -> Html:
    """Both texts word by word, with the distance of their states."""
    of_one = data["width"] == 1
    header = ["word", "of the other text", "states apart"]
    if of_one:
        header[1:1] = ["state"]
        header[3:3] = ["state"]
    rows = []
    for t, distance in enumerate(data["distances"]):
        (a, b), (x, y) = (
            [text[t] for text in data[key]] for key in ("words", "states")
        )
        cells = (a, signed(x[0]), b, signed(y[0])) if of_one else (a, b)
        rows.append((*cells, f"{distance:.2f}"))
    said = f"A state of {data['width']} numbers, after each word of two texts."
    if of_one:
        said = f"A state of one number, with weight {data['weight']:g}."
    return element(
        "div",
        element("p", element("strong", "Recurrence. "), said),
        table(header, rows),
    )
