"""A story of Storyworld, and what each of its words costs each model.

Leaves out: models that read other tokens than words of Storyworld, for the
oracle could not be asked about the same tokens.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any

import torch

from lmbook.interface import LanguageModel, Tokenizer
from lmbook.sampling import generate
from lmbook.widgets.distributions import (
    log_probs,
    reads_storyworld,
    sources_of,
)
from lmbook.widgets.markup import Html
from lmbook.widgets.sources import ModelPart, Source, page_model, words

Story = dict[str, Any]


class StoryPart(ModelPart):
    """A part about a story. The oracle is the last of its sources.

    With a live kernel, `another` answers with a new story.
    """

    def __init__(
        self,
        model: LanguageModel | None,
        tokenizer: Tokenizer | None,
        seed: int,
        fallback: Callable[[list[str], Story], Html],
        **data: Any,
    ) -> None:
        if tokenizer is not None and not reads_storyworld(tokenizer):
            raise ValueError(
                "the tokenizer's tokens are not the words of Storyworld, so "
                "the oracle cannot judge: pass Oracle().tokenizer, and a "
                "model that reads it"
            )
        sources = sources_of(model, tokenizer)
        story = scored(sources, seed)
        names = [source.name for source in sources]
        data |= {"story": story}
        super().__init__(data, fallback(names, story), sources)

    def ask_another(self, seed: int) -> Story:
        return scored(self.sources, seed)


def scored(sources: list[Source], seed: int) -> Story:
    """A story that the oracle writes; the oracle is the last source.

    `tokens` from the first word to the end mark; `kinds`, what each takes;
    `bits[source]`, what each costs; `guesses[source]`, the model's likeliest
    word instead, and its share.
    """
    oracle, tokenizer = page_model("oracle"), words()
    (document,) = generate(
        oracle,
        [[tokenizer.bos_id]],
        eos_id=tokenizer.eos_id,
        max_new_tokens=1000,
        generator=random.Random(seed),
    )
    bits, guesses = [], []
    for source in sources:
        rows = read(source, document[:-1].tolist())
        costs = -rows.gather(1, document[1:, None])[:, 0] / math.log(2)
        bits.append([round(cost, 3) + 0.0 for cost in costs.tolist()])
        # Rounded first, so that equal ones keep their order everywhere.
        shares, ids = (rows.exp() * 1e5).round().max(1)
        guesses.append(
            [
                (tokenizer.tokens[i], round(share / 1e5, 3))
                for i, share in zip(ids.tolist(), shares.tolist(), strict=True)
            ]
        )
    return {
        "tokens": [tokenizer.tokens[i] for i in document[1:].tolist()],
        "kinds": oracle.kinds(document),
        "bits": bits,
        "guesses": guesses,
    }


def read(source: Source, token_ids: list[int]) -> torch.Tensor:
    """(T, V) log-probabilities; a full context keeps the last tokens."""
    window = getattr(source.both[0], "context_length", None)
    if window is None or len(token_ids) <= window:
        return log_probs(source, token_ids)
    first = log_probs(source, token_ids[:window])
    later = [
        log_probs(source, token_ids[end - window : end])[-1:]
        for end in range(window + 1, len(token_ids) + 1)
    ]
    return torch.cat([first, *later])
