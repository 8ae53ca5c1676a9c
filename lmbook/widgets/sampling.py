"""Sampling: what temperature, top-k, top-p, min-p and a penalty leave.

On the next word of a real model. Where the oracle can say what may come, it
says what was lost, and what each word costs now.

Leaves out: drawing, which other parts do, and beam search.
"""

from __future__ import annotations

import torch
from torch import Tensor

from lmbook.interface import LanguageModel, Tokenizer
from lmbook.sampling import apply_temperature
from lmbook.widgets.distributions import (
    likeliest,
    log_probs,
    reads_storyworld,
)
from lmbook.widgets.markup import Html, element, join, table
from lmbook.widgets.sources import (
    ModelPart,
    Source,
    own,
    shipped,
    vocabulary,
)

BEGINNING = (
    "On a warm Tuesday, Olga spotted a green mirror in the tower. She "
    "promised to give it to her cousin June by bedtime. Their duck Duke Crumb "
    "admired three plums. Their magic words were willow, thistle and"
)
TEMPERATURES = (0.5, 1.0, 2.0)
ROWS = 6
FLOOR = -30.0  # of a logit, below which no word comes: JSON has no infinity


class Sampling(ModelPart):
    """Settings of a sampler, on what a model says comes after a text.

    Without a model, the book's Transformer, judged by the oracle; yours is
    judged so too if it reads words of Storyworld.
    """

    module = "sampling"

    def __init__(
        self,
        model: LanguageModel | None = None,
        tokenizer: Tokenizer | None = None,
        text: str = BEGINNING,
    ) -> None:
        sources = judged(model, tokenizer)
        logits, truth = (
            after(source, text) for source in [*sources, None][:2]
        )
        names = vocabulary(sources[0].both[1])
        data = {
            "text": text,
            "start": {
                "ids": token_ids_of(sources[0], text),
                "vocabulary": names,
                "logits": rounded(logits.clamp(min=FLOOR), 4),
                "truth": None if truth is None else rounded(truth.exp(), 6),
            },
        }
        super().__init__(data, fallback(text, names, logits, truth), sources)


def judged(
    model: LanguageModel | None, tokenizer: Tokenizer | None
) -> list[Source]:
    """The model, and the oracle if it reads the same words."""
    if model is None and tokenizer is None:
        return [shipped("transformer"), shipped("oracle")]
    if model is None or tokenizer is None:
        missing = "a model" if model is None else "its tokenizer"
        raise ValueError(f"give a model and its tokenizer; {missing} is not")
    oracle = [shipped("oracle")] if reads_storyworld(tokenizer) else []
    return [own(model, tokenizer), *oracle]


def token_ids_of(source: Source, text: str) -> list[int]:
    model, tokenizer = source.both
    token_ids = [tokenizer.bos_id, *tokenizer.encode(text)]
    window = getattr(model, "context_length", None) or len(token_ids)
    return token_ids[-window:]


def after(source: Source | None, text: str) -> Tensor | None:
    """(V,) log-probabilities of what comes next; None if nothing can."""
    if source is None:
        return None
    try:
        return log_probs(source, token_ids_of(source, text))[-1]
    except ValueError:  # a text that the oracle does not allow
        if source.file is None:
            raise
        return None


def rounded(values: Tensor, digits: int) -> list[float]:
    return [round(value, digits) for value in values.tolist()]


def fallback(
    text: str, names: list[str], logits: Tensor, truth: Tensor | None
) -> Html:
    """The likeliest words at three temperatures."""
    columns = [apply_temperature(logits, t).softmax(-1) for t in TEMPERATURES]
    rows = [
        (names[i], *(f"{100 * column[i]:.1f} %" for column in columns))
        for i, _ in likeliest(columns[1], ROWS)
    ]
    if truth is not None:
        wrong = [column[truth == -torch.inf].sum() for column in columns]
        shares = [f"{100 * share:.1f} %" for share in wrong]
        rows.append(("words that cannot come", *shares))
    title = element("strong", "Sampling. ")
    header = ("next word", *(f"temperature {t:g}" for t in TEMPERATURES))
    return join([element("p", title, f"{text} …"), table(header, rows)])
