"""Counts of n-grams in a small file, from which the model is made again.

Of each order a file holds the words that follow every context, and how often;
each list in the smallest integers that hold it, compressed. Keys, adjusted
counts and probabilities follow from these, so nothing is lost by rounding.

Leaves out: pruning. Every n-gram that was counted is in the file.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lmbook.checkpoint import pack, unpack
from lmbook.counting import NGramCounts, NGrams, adjust, count_words
from lmbook.files import write_whole

COUNTS = "lmbook n-gram counts 1"
ARRAYS = ("words", "followers", "counts")


def save_counts(
    counts: NGramCounts, path: str | Path, card: Mapping[str, Any]
) -> None:
    """Write the counts, and what to know about them."""
    lists = {"counts.1": counts.orders[0].counts[:-1]}
    for n, ngrams in enumerate(counts.orders[1:], start=2):
        lists[f"words.{n}"] = ngrams.keys[:-1] % counts.vocab_size
        lists[f"followers.{n}"] = np.bincount(
            ngrams.contexts[:-1], minlength=ngrams.num_contexts
        )
        lists[f"counts.{n}"] = ngrams.counts[:-1]
    about = {
        "vocab_size": counts.vocab_size,
        "bos_id": counts.bos_id,
        "types": {name: smallest_type(x) for name, x in lists.items()},
        "card": dict(card),
    }
    tensors = {n: compress(x, about["types"][n]) for n, x in lists.items()}
    write_whole(path, pack(tensors, COUNTS, about))


def load_counts(path: str | Path) -> NGramCounts:
    """The counts as `count_ngrams` gave them."""
    tensors, about = unpack(path, COUNTS)
    lists = {n: expand(x, about["types"][n]) for n, x in tensors.items()}
    vocab_size, bos_id = about["vocab_size"], about["bos_id"]
    words = np.repeat(np.arange(vocab_size), lists["counts.1"])
    orders = [count_words(words, vocab_size, bos_id)]
    suffixes = np.zeros(vocab_size + 1, dtype=np.int64)
    for n in range(2, len(lists) // 3 + 2):
        parts = (lists[f"{part}.{n}"] for part in ARRAYS)
        orders.append(longer(orders[-1], *parts))
        suffixes = without_first_word(orders, suffixes)
        orders[-2] = adjust(orders[-2], suffixes[:-1])
    orders[-1].complete[:] = True
    return NGramCounts(vocab_size, bos_id, tuple(orders))


def read_card(path: str | Path) -> dict[str, Any]:
    """What to know about the counts."""
    return unpack(path, COUNTS)[1]["card"]


def longer(
    shorter: NGrams, words: np.ndarray, followers: np.ndarray, counts: Any
) -> NGrams:
    """One order more; at its end, the n-gram that was not seen."""
    vocab_size, num_contexts = shorter.vocab_size, len(shorter.keys)
    contexts = np.repeat(np.arange(num_contexts), followers)
    keys = contexts * vocab_size + words
    keys = np.append(keys, (num_contexts - 1) * vocab_size)
    counts = np.append(counts, 0)
    complete = shorter.complete[keys // vocab_size]
    return NGrams(vocab_size, num_contexts, keys, counts, counts, complete)


def without_first_word(
    orders: Sequence[NGrams], suffixes: np.ndarray
) -> np.ndarray:
    """For each of the longest n-grams, the number of its last n - 1 words.

    `suffixes` are those of one order less: of the contexts.
    """
    *_, shorter, longest = orders
    words = longest.keys % longest.vocab_size
    if len(orders) == 2:
        return words
    return shorter.find(suffixes[longest.contexts], words)


def smallest_type(values: np.ndarray) -> str:
    """The unsigned integers, low byte first, that hold all the values."""
    return np.min_scalar_type(values.max(initial=0)).newbyteorder("<").str


def compress(values: np.ndarray, kind: str) -> Tensor:
    """Integers -> bytes, (N,) uint8."""
    content = zlib.compress(values.astype(kind).tobytes(), 9)
    return torch.frombuffer(bytearray(content), dtype=torch.uint8)


def expand(content: Tensor, kind: str) -> np.ndarray:
    """What `compress` was given, as int64."""
    values = zlib.decompress(content.numpy().tobytes())
    return np.frombuffer(values, dtype=kind).astype(np.int64)
