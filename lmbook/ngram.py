"""The n-gram language model: counts, smoothed, behind the one interface.

Left out: everything that `counting.py` and `smoothing.py` say, and mixtures
of several models.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save
from torch import Tensor

from lmbook.counting import (
    NGramCounts,
    NGrams,
    check_token_ids,
    count_ngrams,
    join_documents,
    positions,
    split_documents,
)
from lmbook.files import write_whole
from lmbook.smoothing import (
    Smoothed,
    Smoothing,
    maximum_likelihood,
    modified_kneser_ney,
)


class Explanation(NamedTuple):
    """What one order does to a probability: p = alpha + gamma * p below.

    Plain counts: of the n-gram, and of all n-grams with its context.
    """

    order: int
    count: int
    context_count: int
    alpha: float
    gamma: float
    p: float


@dataclass(frozen=True, eq=False)
class NGramModel:
    """Smoothed n-gram counts: a proper distribution after every context.

    `model(token_ids)`: (B, T) int64 -> (B, T, V) natural log-probabilities.
    A row may begin anywhere; a `<s>` inside begins a new document.
    """

    counts: NGramCounts
    smoothed: tuple[Smoothed, ...]

    @property
    def order(self) -> int:
        return len(self.smoothed)

    @property
    def vocab_size(self) -> int:
        return self.counts.vocab_size

    @property
    def num_ngrams(self) -> list[int]:
        return self.counts.num_ngrams

    def __call__(self, token_ids: Tensor) -> Tensor:
        token_ids = check_token_ids(token_ids, self.vocab_size)
        numbers = self.counts.find(token_ids)
        return self.log_probs(np.stack(numbers[:-1], axis=-1))

    def step(
        self, token_ids: Tensor, state: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """(B,) -> (B, V); the state, (B, order), numbers the contexts."""
        words = check_token_ids(token_ids, self.vocab_size)
        before = np.full((len(words), self.order), -1)
        before[:, 0] = 0
        if state is not None:
            before = state.numpy()
        contexts = np.zeros_like(before)
        for n, ngrams in enumerate(self.counts.orders[:-1]):
            contexts[:, n + 1] = ngrams.find(before[:, n], words)
        return self.log_probs(contexts), torch.from_numpy(contexts)

    def log_probs(self, contexts: np.ndarray) -> Tensor:
        """(..., order) numbers of contexts -> (..., V) float32."""
        flat = contexts.reshape(-1, self.order)
        rows, numbers = np.unique(flat, axis=0, return_inverse=True)
        log_probs = torch.from_numpy(self.probs(rows)).log_().float()
        shape = (*contexts.shape[:-1], self.vocab_size)
        return log_probs[torch.from_numpy(numbers.ravel())].reshape(shape)

    def probs(self, contexts: np.ndarray) -> np.ndarray:
        """(M, order) numbers of contexts -> (M, V) float64."""
        gammas = np.stack(
            [s.gamma[contexts[:, n]] for n, s in enumerate(self.smoothed)]
        )
        gammas[0] = 1.0  # it is in word_probs already
        probs = np.outer(gammas.prod(axis=0), self.word_probs)
        for n in range(1, self.order):
            ngrams, alpha = self.counts.orders[n], self.smoothed[n].alpha
            rows, words, numbers = ngrams.followers(contexts[:, n])
            left = gammas[n + 1 :].prod(axis=0)  # by longer contexts
            probs[rows, words] += left[rows] * alpha[numbers]
        return probs

    @cached_property
    def word_probs(self) -> np.ndarray:
        """(V,) float64: the distribution after the empty context."""
        words = self.smoothed[0]
        probs = words.alpha[:-1] + words.gamma[0] / (self.vocab_size - 1)
        probs[self.counts.bos_id] = 0.0
        return probs

    def token_log_probs(self, documents: Sequence[Tensor]) -> list[Tensor]:
        """Documents of T tokens -> (T - 1,) float64 each, in nats."""
        bos_id = self.counts.bos_id
        token_ids, lengths = join_documents(documents, self.vocab_size, bos_id)
        numbers = self.counts.find(token_ids)
        probs = np.full(len(token_ids) - 1, 1 / (self.vocab_size - 1))
        for n, smoothed in enumerate(self.smoothed):
            probs *= smoothed.gamma[numbers[n][:-1]]
            probs += smoothed.alpha[numbers[n + 1][1:]]
        predicted = torch.from_numpy(probs[token_ids[1:] != bos_id])
        return split_documents(predicted.log(), lengths)

    def explain(
        self, context_ids: Sequence[int], token_id: int
    ) -> list[Explanation]:
        """How p(token | context) comes about: one line for each order."""
        token_ids = torch.tensor([*context_ids, token_id])
        numbers = self.counts.find(check_token_ids(token_ids, self.vocab_size))
        is_bos = token_id == self.counts.bos_id
        p, lines = (0.0 if is_bos else 1 / (self.vocab_size - 1)), []
        for n, smoothed in enumerate(self.smoothed[: len(token_ids)]):
            context, ngram = (numbers[n][-2] if n else 0), numbers[n + 1][-1]
            ngrams = self.counts.orders[n]
            siblings = ngrams.followers(np.array([context]))[-1]
            counts = ngrams.counts[ngram], ngrams.counts[siblings].sum()
            alpha, gamma = smoothed.alpha[ngram], smoothed.gamma[context]
            p = alpha + gamma * p
            values = (*map(int, counts), *map(float, (alpha, gamma, p)))
            lines.append(Explanation(n + 1, *values))
        return lines

    def save(self, path: str | Path) -> None:
        """Write the model as safetensors: the whole file, or none."""
        tensors = {}
        for n in range(self.order):
            both = vars(self.counts.orders[n]) | vars(self.smoothed[n])
            tensors |= {f"{name}.{n}": both[name] for name in ARRAYS}
        about = {
            "vocab_size": self.vocab_size,
            "bos_id": self.counts.bos_id,
            "discounts": [part.discounts for part in self.smoothed],
            "is_fallback": [part.is_fallback for part in self.smoothed],
        }
        write_whole(path, save(tensors, {FORMAT: json.dumps(about)}))

    @classmethod
    def load(cls, path: str | Path) -> NGramModel:
        """Read what `save` wrote; ValueError if it is something else."""
        try:
            with safe_open(path, framework="numpy") as file:
                about = json.loads((file.metadata() or {})[FORMAT])
                names = list(file.keys())
                tensors = {name: file.get_tensor(name) for name in names}
            return assemble(about, tensors)
        except (SafetensorError, KeyError, ValueError) as error:
            raise ValueError(
                f"{path} is not an n-gram model, or not all of one: write "
                "it again with model.save(path)"
            ) from error


FORMAT = "lmbook n-gram model 1"
ARRAYS = ("keys", "counts", "adjusted", "complete", "alpha", "gamma")


def assemble(about: dict, tensors: dict[str, np.ndarray]) -> NGramModel:
    """The model that a file's metadata and arrays describe."""
    orders, smoothed = [], []
    for n, discounts in enumerate(about["discounts"]):
        *table, alpha, gamma = (tensors[f"{name}.{n}"] for name in ARRAYS)
        orders.append(NGrams(about["vocab_size"], len(gamma), *table))
        used = tuple(discounts) if discounts else None
        is_fallback = about["is_fallback"][n]
        smoothed.append(Smoothed(alpha, gamma, used, is_fallback))
    counts = NGramCounts(about["vocab_size"], about["bos_id"], tuple(orders))
    return NGramModel(counts, tuple(smoothed))


def smooth(
    counts: NGramCounts, smoothing: Smoothing | Sequence[Smoothing]
) -> NGramModel:
    """The model of a smoothing, or of a list with one for each order.

    Bind a method's parameters beforehand: `partial(add_k, k=0.1)`.
    """
    each = smoothing
    if callable(smoothing):
        each = [smoothing] * len(counts.orders)
    if len(each) != len(counts.orders):
        raise ValueError(
            f"{len(each)} smoothings do not fit {len(counts.orders)} orders:"
            " pass one for each order, or one function for all"
        )
    pairs = zip(each, counts.orders, strict=True)
    return NGramModel(counts, tuple(method(order) for method, order in pairs))


def train_ngram(
    documents: Sequence[Tensor],
    order: int,
    vocab_size: int,
    smoothing: Smoothing | Sequence[Smoothing] = modified_kneser_ney,
    *,
    bos_id: int = 1,
) -> NGramModel:
    """Count, then smooth. Documents are 1-D int64, `[bos, tokens, eos]`.

    >>> documents = [torch.tensor([1, 3, 4, 2]), torch.tensor([1, 3, 3, 2])]
    >>> model = train_ngram(documents, order=2, vocab_size=5)
    >>> model(torch.tensor([[1, 3]]))[0, 1].exp()
    tensor([0.0625, 0.0000, 0.3292, 0.3292, 0.2792])
    """
    counts = count_ngrams(documents, order, vocab_size, bos_id=bos_id)
    return smooth(counts, smoothing)


class StupidBackoff:
    """Scores that look like probabilities and do not sum to 1.

    The relative frequency of the longest n-gram seen, times `factor` for
    each word of context given up on the way (Brants et al. 2007, "Large
    language models in machine translation", §4). Factor 1: plain back-off.
    By hand, from "a b" and "a a": S(</s> | b) = 1, S(a | b) = 0.4 (3/6).
    """

    def __init__(self, counts: NGramCounts, factor: float = 0.4) -> None:
        if not 0 < factor <= 1:
            raise ValueError(
                f"factor is {factor}: it must be above 0, and at most 1"
            )
        self.counts = counts
        self.factor = factor
        self.shares = [maximum_likelihood(n).alpha for n in counts.orders]

    def scores(self, context_ids: Sequence[int]) -> Tensor:
        """(V,) float64: the score of every token after the context."""
        context_ids = torch.as_tensor(context_ids)
        numbers = self.counts.find(
            check_token_ids(context_ids, self.counts.vocab_size)
        )
        scores = self.shares[0][:-1].copy()
        for n in range(1, min(len(self.shares), len(context_ids) + 1)):
            followers = self.counts.orders[n].followers(numbers[n][-1:])
            _, words, ngrams = followers
            scores *= self.factor
            scores[words] = self.shares[n][ngrams]
        return torch.from_numpy(scores)

    def token_scores(self, documents: Sequence[Tensor]) -> list[Tensor]:
        """Documents of T tokens -> (T - 1,) float64 each."""
        token_ids, lengths = join_documents(
            documents, self.counts.vocab_size, self.counts.bos_id
        )
        numbers, position = self.counts.find(token_ids), positions(lengths)
        scores = self.shares[0][token_ids]
        for n in range(1, len(self.shares)):
            found = numbers[n + 1]
            lower = np.where(position < n, 1.0, self.factor) * scores
            scores = np.where(found < 0, lower, self.shares[n][found])
        return split_documents(torch.from_numpy(scores[position > 0]), lengths)
