"""Counting n-grams of any order, in arrays instead of loops.

`count_ngrams` turns documents into one table for each order. `smoothing.py`
makes probabilities of the counts, `ngram.py` makes a model of those. A
document is a 1-D int64 tensor `[bos, tokens, eos]`. Its start is a single
`<s>`: no context reaches beyond it, and it is never predicted.

Left out: pruning, compressed tables, text that does not fit in memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor


def sort(keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Keys in order, and where each stood: quicker than `np.argsort`.

    A key and its position are sorted as one integer, if 63 bits hold both.
    """
    bits = len(keys).bit_length()
    if keys.max(initial=0) >= 1 << (63 - bits):
        positions = np.argsort(keys)
        return keys[positions], positions
    packed = keys << bits
    packed |= np.arange(len(keys))
    packed.sort()
    return packed >> bits, packed & ((1 << bits) - 1)


class Distinct(NamedTuple):
    """The distinct values of an array, in order."""

    values: np.ndarray
    firsts: np.ndarray  # a place where each value stands
    counts: np.ndarray  # how often each value stands there
    numbers: np.ndarray  # of every element: the place of its value


def distinct(keys: np.ndarray) -> Distinct:
    """What `np.unique` finds, by `sort`."""
    ordered, positions = sort(keys)
    is_new = np.diff(ordered, prepend=ordered[:1] - 1) > 0
    starts = np.flatnonzero(is_new)
    numbers = np.empty_like(positions)
    numbers[positions] = np.cumsum(is_new) - 1
    counts = np.diff(starts, append=len(keys))
    return Distinct(ordered[starts], positions[starts], counts, numbers)


@dataclass(frozen=True, eq=False)
class NGrams:
    """All n-grams of one order, as arrays with one entry for each.

    An n-gram is a context and one more word. Contexts are n-grams too and
    have numbers, so `keys = context * vocab_size + word`; keys are sorted,
    and the place of a key is the number of its n-gram. Keys stay small at
    any order, and the words that follow a context stand side by side. The
    last entry, number -1, stands for every n-gram that was not seen.
    """

    vocab_size: int
    num_contexts: int
    keys: np.ndarray
    counts: np.ndarray
    adjusted: np.ndarray  # the counts that Kneser-Ney uses
    complete: np.ndarray  # of the highest order, or beginning with <s>

    @cached_property
    def contexts(self) -> np.ndarray:
        return self.keys // self.vocab_size

    def totals(self, amounts: np.ndarray) -> np.ndarray:
        """For each context, the sum of its n-grams' amounts."""
        return np.bincount(self.contexts, amounts, self.num_contexts)

    def find(self, contexts: np.ndarray, words: np.ndarray) -> np.ndarray:
        """(M,), (M,) -> (M,): the n-grams `context word`; -1 if not seen.

        Sorted first, they are looked up in one sweep through memory.
        """
        asked = np.flatnonzero(contexts >= 0)
        wanted, positions = sort(
            contexts[asked] * self.vocab_size + words[asked]
        )
        places = np.searchsorted(self.keys, wanted)
        places[self.keys[places] != wanted] = -1
        found = np.full(len(words), -1)
        found[asked[positions]] = places
        return found

    def followers(
        self, contexts: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """All n-grams of some contexts: which context, word and number."""
        keys = contexts * self.vocab_size
        starts = np.searchsorted(self.keys, keys)
        ends = np.searchsorted(self.keys, keys + self.vocab_size)
        rows = np.repeat(np.arange(len(contexts)), ends - starts)
        skipped = ends - np.cumsum(ends - starts)
        numbers = np.arange(len(rows)) + skipped[rows]
        return rows, self.keys[numbers] % self.vocab_size, numbers


def count_words(token_ids: np.ndarray, vocab_size: int, bos_id: int) -> NGrams:
    """Order 1: the number of a word is its id, its context is empty."""
    words = np.arange(vocab_size + 1)
    counts = np.bincount(token_ids, minlength=vocab_size + 1)
    counts[bos_id] = 0
    return NGrams(vocab_size, 2, words, counts, counts, words == bos_id)


def count_longer(
    shorter: NGrams, contexts: np.ndarray, words: np.ndarray
) -> tuple[NGrams, Distinct]:
    """One order more, from the contexts and words at every position."""
    vocab_size, num_contexts = shorter.vocab_size, len(shorter.keys)
    seen = distinct(contexts * vocab_size + words)
    keys = np.append(seen.values, (num_contexts - 1) * vocab_size)
    counts = np.append(seen.counts, 0)
    complete = shorter.complete[keys // vocab_size]
    longer = NGrams(vocab_size, num_contexts, keys, counts, counts, complete)
    return longer, seen


def adjust(ngrams: NGrams, endings: np.ndarray) -> NGrams:
    """Count the different words in front instead of the occurrences.

    `endings` are the longer n-grams without their first words. Nothing
    stands in front of `<s>`, so n-grams that begin with it keep their
    counts (Heafield et al. 2013, "Scalable modified Kneser-Ney language
    model estimation", §3).
    """
    adjusted = np.bincount(endings, minlength=len(ngrams.keys))
    adjusted[ngrams.complete] = ngrams.counts[ngrams.complete]
    return replace(ngrams, adjusted=adjusted)


@dataclass(frozen=True, eq=False)
class NGramCounts:
    """The n-grams of all orders up to the highest; `orders[0]` are words."""

    vocab_size: int
    bos_id: int
    orders: tuple[NGrams, ...]

    @property
    def num_ngrams(self) -> list[int]:
        """How many different n-grams were seen, by order."""
        return [int((ngrams.counts > 0).sum()) for ngrams in self.orders]

    def find(self, token_ids: np.ndarray) -> list[np.ndarray]:
        """(..., T) -> for n = 0, 1, ...: the n-gram that ends at each t."""
        numbers = [np.zeros_like(token_ids), token_ids]
        for ngrams in self.orders[1:]:
            contexts = np.full_like(token_ids, -1)
            contexts[..., 1:] = numbers[-1][..., :-1]
            found = ngrams.find(contexts.ravel(), token_ids.ravel())
            numbers.append(found.reshape(token_ids.shape))
        return numbers


def count_ngrams(
    documents: Sequence[Tensor],
    order: int,
    vocab_size: int,
    *,
    bos_id: int = 1,
) -> NGramCounts:
    """Count all n-grams up to `order`; none reaches into two documents."""
    if order < 1:
        raise ValueError(f"order is {order}: it must be at least 1")
    token_ids, _ = join_documents(documents, vocab_size, bos_id)
    orders = [count_words(token_ids, vocab_size, bos_id)]
    numbers = token_ids  # of the n-gram that ends at each position
    for _ in range(order - 1):
        contexts = np.append(-1, numbers[:-1])
        contexts[token_ids == bos_id] = -1
        inside = np.flatnonzero(contexts >= 0)
        longer, seen = count_longer(
            orders[-1], contexts[inside], token_ids[inside]
        )
        orders[-1] = adjust(orders[-1], numbers[inside[seen.firsts]])
        orders.append(longer)
        numbers = np.full_like(token_ids, -1)
        numbers[inside] = seen.numbers
    highest = np.ones_like(orders[-1].complete)
    orders[-1] = replace(orders[-1], complete=highest)
    return NGramCounts(vocab_size, bos_id, tuple(orders))


def unseen_shares(
    counts: NGramCounts, documents: Sequence[Tensor]
) -> list[float]:
    """By order, the share of the documents' n-grams that were not counted.

    Every occurrence counts. An order that no document reaches gives nan.
    """
    token_ids, lengths = join_documents(
        documents, counts.vocab_size, counts.bos_id
    )
    position = positions(lengths)
    shares = []
    for n, found in enumerate(counts.find(token_ids)[1:], start=1):
        whole = found[position >= max(n - 1, 1)]
        unseen = np.count_nonzero(counts.orders[n - 1].counts[whole] == 0)
        shares.append(unseen / len(whole) if len(whole) else float("nan"))
    return shares


def join_documents(
    documents: Sequence[Tensor], vocab_size: int, bos_id: int
) -> tuple[np.ndarray, list[int]]:
    """All documents as one array, and their lengths; checks every token."""
    lengths = [document.numel() for document in documents]
    if not sum(lengths):
        raise ValueError("there are no documents: pass at least one")
    token_ids = check_token_ids(torch.cat(list(documents)), vocab_size)
    starts = np.cumsum(lengths) - lengths
    if not np.array_equal(np.flatnonzero(token_ids == bos_id), starts):
        raise ValueError(
            f"a document does not begin with bos_id = {bos_id}, or has it "
            "inside: pass the tokenizer's bos_id, and documents of the form "
            "[bos, tokens, eos]"
        )
    return token_ids, lengths


def split_documents(values: Tensor, lengths: list[int]) -> list[Tensor]:
    """One value for each token but `<s>` -> one tensor for each document."""
    return list(torch.split(values, [length - 1 for length in lengths]))


def positions(lengths: list[int]) -> np.ndarray:
    """0, 1, 2, ... within each of the documents that are joined."""
    ends = np.cumsum(lengths)
    return np.arange(ends[-1]) - np.repeat(ends - lengths, lengths)


def check_token_ids(token_ids: Tensor, vocab_size: int) -> np.ndarray:
    """The ids as an array; ValueError if one is not in 0 ... V - 1."""
    array = token_ids.cpu().numpy()
    if array.size and not np.issubdtype(array.dtype, np.integer):
        raise ValueError(
            f"token ids are {array.dtype}, not integers: pass what a "
            "tokenizer's encode gives"
        )
    array = array.astype(np.int64, copy=False)
    for token_id in (array.min(initial=0), array.max(initial=0)):
        if not 0 <= token_id < vocab_size:
            raise ValueError(
                f"token id {token_id} is outside 0 to {vocab_size - 1}: use "
                "the tokenizer that this vocabulary is from"
            )
    return array
