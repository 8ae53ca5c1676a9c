"""Where an n-gram model's probability comes from, context by context.

Each context gives its followers a share, and passes the rest on to the next
shorter one. The page counts a few sentences that the reader may change, or
asks a trained model.

Leaves out: vocabularies of more than some thousands of words.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from lmbook.interface import Tokenizer
from lmbook.ngram import NGramModel
from lmbook.widgets.base import Part
from lmbook.widgets.markup import Html, element, join, table
from lmbook.widgets.sources import Source, own, shipped, vocabulary

Tally = dict[str, Any]
SHOWN = 4  # followers in a row of the fallback


class NGramTree(Part):
    """A beginning, its contexts, and what each gives and passes on.

    With `sentences`, a model of these, as counted by hand: `discount` off
    each count after `context` words or fewer, and plain shares for single
    words. Without, your `NGramModel`, or the one of the book.
    """

    module = "n_gram_tree"

    def __init__(
        self,
        model: NGramModel | None = None,
        tokenizer: Tokenizer | None = None,
        *,
        sentences: Sequence[str] | None = None,
        context: int = 1,
        discount: float = 0.5,
        text: str = "the cat",
        word: str | None = None,
    ) -> None:
        if sentences is not None:
            if context not in (1, 2, 3) or not 0 <= discount <= 1:
                raise ValueError(
                    f"{context=} and {discount=}: choose 1 to 3 words of "
                    "context, and take off from 0 to 1"
                )
            data: Tally = {"sentences": list(sentences), "context": context}
            tally = count_heard(sentences, text.split(), context, discount)
            data |= {"discount": discount}
        else:
            if model is not None and not isinstance(model, NGramModel):
                raise TypeError(
                    f"{type(model).__name__} counts no n-grams: pass an "
                    "NGramModel, or sentences=[...]"
                )
            self.source = source_of(model, tokenizer)
            tally = rounded(self.ask_levels(text))
            data = {"start": tally, "file": self.source.file}
        data |= {"text": text, "word": word}
        super().__init__(data, fallback(text, tally["levels"]))

    def ask_levels(self, text: str) -> Tally:
        model, tokenizer = self.source.both
        return levels_of(model, tokenizer, text)


def source_of(model: NGramModel | None, tokenizer: Tokenizer | None) -> Source:
    if model is None:
        return shipped("ngram")
    if tokenizer is None:
        raise ValueError("give a model and its tokenizer; the second is not")
    return own(model, tokenizer)


def count_heard(
    sentences: Sequence[str], words: list[str], context: int, discount: float
) -> Tally:
    """The levels after some words, as `heard.js` counts them."""
    marked = [["<s>", *s.split(), "</s>"] for s in sentences if s.split()]
    line, levels = ["<s>", *words], []
    for n in range(min(context, len(line)), -1, -1):
        last = line[len(line) - n :]
        counts = Counter(
            sentence[t]
            for sentence in marked
            for t in range(max(n, 1), len(sentence))
            if sentence[t - n : t] == last
        )
        off, total = (discount if n else 0), counts.total()
        order = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        levels.append(
            {
                "context": last,
                "total": total,
                "gamma": off * len(counts) / total if total else 1,
                "followers": [[w, c, (c - off) / total] for w, c in order],
            }
        )
    return {"levels": levels}


def levels_of(model: NGramModel, tokenizer: Tokenizer, text: str) -> Tally:
    """The levels of a trained model after a text, the longest first."""
    names = vocabulary(tokenizer)
    token_ids = [tokenizer.bos_id, *tokenizer.encode(text)]
    _, numbers = read(model, token_ids)
    levels = []
    for n in range(min(model.order - 1, len(token_ids)), -1, -1):
        ngrams, smoothed = model.counts.orders[n], model.smoothed[n]
        _, words, found = ngrams.followers(np.array([numbers[n]]))
        counts, alpha = ngrams.counts[found], smoothed.alpha[found]
        order = [i for i in np.argsort(-counts, kind="stable") if counts[i]]
        levels.append(
            {
                "context": [names[i] for i in token_ids[len(token_ids) - n :]],
                "total": int(counts.sum()),
                "gamma": float(smoothed.gamma[numbers[n]]),
                "followers": [
                    [names[words[i]], int(counts[i]), float(alpha[i])]
                    for i in order
                ],
            }
        )
    return {"levels": levels, "evenly": 1 / (model.vocab_size - 1)}


def read(
    model: NGramModel, token_ids: Sequence[int]
) -> tuple[torch.Tensor, list[int]]:
    """The logits after some tokens, and the numbers of their contexts."""
    state = None
    for token_id in token_ids:
        logits, state = model.step(torch.tensor([token_id]), state)
    return logits[0], state[0].tolist()


def rounded(tally: Tally) -> Tally:
    """With six digits, in which all processors agree."""

    def short(value: float) -> float:
        return float(f"{value:.6g}")

    levels = [
        {
            **level,
            "gamma": short(level["gamma"]),
            "followers": [[w, c, short(a)] for w, c, a in level["followers"]],
        }
        for level in tally["levels"]
    ]
    return {**tally, "levels": levels}


def fallback(text: str, levels: list[Tally]) -> Html:
    """What each context gives its most frequent followers, and passes on."""
    rows = []
    for level in levels:
        shares = [f"{w} {a:.3f}" for w, _, a in level["followers"][:SHOWN]]
        more = ["…"] if len(level["followers"]) > SHOWN else []
        rows.append(
            (
                f"after “{' '.join(level['context'])}”"
                if level["context"]
                else "after anything",
                f"{level['total']:,}",
                ", ".join(shares + more),
                f"{level['gamma']:.3f}",
            )
        )
    title = element("strong", "Where a probability comes from. ")
    about = "A context gives each follower its share, and passes the rest on."
    header = ("context", "times", "gives", "passes on")
    said = element("p", title, f"The words so far: “{text}”. {about}")
    return join([said, table(header, rows)])
