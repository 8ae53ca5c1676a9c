"""ROUGE (Lin 2004): how many words a text shares with a reference.

Words are runs of a-z and 0-9 after lower-casing, as in Google's `rouge-score`
without stemming, with which the numbers agree.

Leaves out: stemming, ROUGE-Lsum, several references for one text.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple


class Rouge(NamedTuple):
    """Shares of the text's and of the reference's units, and their F1."""

    precision: float
    recall: float
    f1: float


def rouge_n(text: str, reference: str, n: int) -> Rouge:
    """Overlap of n-grams, each counted as often as it stands in both.

    >>> rouge_n("the cat sat", "the cat sat on the mat", 2)
    Rouge(precision=1.0, recall=0.4, f1=0.5714285714285715)
    """
    if n < 1:
        raise ValueError(f"{n=}: an n-gram has at least 1 word")
    found = ngrams(rouge_words(text), n)
    wanted = ngrams(rouge_words(reference), n)
    return rouge((found & wanted).total(), found.total(), wanted.total())


def rouge_l(text: str, reference: str) -> Rouge:
    """Length of the longest common subsequence: shared words in their order.

    >>> rouge_l("the cat sat", "the old cat has sat")
    Rouge(precision=1.0, recall=0.6, f1=0.7499999999999999)
    """
    found, wanted = rouge_words(text), rouge_words(reference)
    return rouge(common_length(found, wanted), len(found), len(wanted))


def rouge(shared: int, found: int, wanted: int) -> Rouge:
    """The three numbers from counts; 0 where there is nothing to count."""
    precision, recall = shared / max(found, 1), shared / max(wanted, 1)
    f1 = 2 * precision * recall / (precision + recall) if shared else 0.0
    return Rouge(precision, recall, f1)


def rouge_words(text: str) -> list[str]:
    """The words that ROUGE compares.

    >>> rouge_words("Don't 7-Up!")
    ['don', 't', '7', 'up']
    """
    return re.findall("[a-z0-9]+", text.lower())


def ngrams(words: Sequence[str], n: int) -> Counter[tuple[str, ...]]:
    """How often each run of n words occurs."""
    return Counter(zip(*(words[i:] for i in range(n)), strict=False))


def common_length(first: Sequence[str], second: Sequence[str]) -> int:
    """Length of the longest common subsequence, in O(len * len) steps.

    `best[j]` is the answer for the words of `first` so far and `second[:j]`.
    """
    best = [0] * (len(second) + 1)
    for word in first:
        previous = best.copy()
        for j, other in enumerate(second, start=1):
            if word == other:
                best[j] = previous[j - 1] + 1
            else:
                best[j] = max(previous[j], best[j - 1])
    return best[-1]
