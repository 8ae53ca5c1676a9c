"""Ways to smooth n-gram counts: each a function from counts to shares.

All of them are one recursion over ever shorter contexts,

    p(w | h) = alpha(h w) + gamma(h) p(w | h'),

where h' is the context h without its first word. `alpha` is the share that
an n-gram keeps for itself, `gamma` the share that its context passes on. At
the bottom stands the uniform distribution over every token but `<s>`. A
method says what alpha and gamma are, and nothing else (Chen and Goodman
1999, "An empirical study of smoothing techniques for language modeling").

The docstrings share a corpus that one can count by hand, the two documents
"a b" and "a a": four tokens can be predicted (`<unk>`, `</s>`, a, b), and
after a come a, b and `</s>`, once each.

Left out: Good-Turing, Katz, and methods with weights for each context.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from lmbook.counting import NGramCounts, NGrams, join_documents

Discounts = tuple[float, float, float]  # of counts 1, 2, and 3 or more


@dataclass(frozen=True, eq=False)
class Smoothed:
    """One order, smoothed: an alpha for each n-gram, a gamma for each
    context, and the discounts used, estimated or not."""

    alpha: np.ndarray
    gamma: np.ndarray
    discounts: Discounts | None = None
    is_fallback: bool = False


Smoothing = Callable[[NGrams], Smoothed]


def ratio(part: np.ndarray, whole: np.ndarray, otherwise: float) -> np.ndarray:
    """part / whole, and `otherwise` where the whole is zero."""
    result = np.full(len(whole), otherwise)
    return np.divide(part, whole, out=result, where=whole != 0)


def maximum_likelihood(ngrams: NGrams) -> Smoothed:
    """c(h w) / c(h), and nothing for the shorter context.

    After a context that was never seen, 0 / 0, the shorter one decides.
    By hand: p(b | a) = 1 / 3, and p(<unk> | a) = 0.
    """
    totals = ngrams.totals(ngrams.counts)
    alpha = ratio(ngrams.counts, totals[ngrams.contexts], 0.0)
    return Smoothed(alpha, (totals == 0).astype(float))


def add_k(ngrams: NGrams, k: float = 1.0) -> Smoothed:
    """(c(h w) + k) / (c(h) + k W), W the number of tokens to predict.

    It mixes with the uniform distribution, not with shorter contexts: only
    those of full length, or from `<s>` on, count (Chen and Goodman §2.1).
    By hand, k = 1: p(b | a) = (1 + 1) / (3 + 4) = 2/7.
    """
    if not 0 < k < float("inf"):
        raise ValueError(f"k is {k}: it must be above 0, and finite")
    counts = ngrams.counts * ngrams.complete
    added = k * (ngrams.vocab_size - 1)
    totals = ngrams.totals(counts) + added
    return Smoothed(counts / totals[ngrams.contexts], added / totals)


def jelinek_mercer(ngrams: NGrams, weight: float = 0.5) -> Smoothed:
    """weight c(h w) / c(h) + (1 - weight) p(w | h').

    `estimate_weights` fits one weight an order (Chen and Goodman §2.3).
    By hand, weight 1/2: p(b) = 1/2 (1/6) + 1/2 (1/4) = 5/24, and
    p(b | a) = 1/2 (1/3) + 1/2 (5/24) = 13/48.
    """
    if not 0 <= weight <= 1:
        raise ValueError(f"weight is {weight}: it must be from 0 to 1")
    likely = maximum_likelihood(ngrams)
    return Smoothed(weight * likely.alpha, 1 - weight * (1 - likely.gamma))


def witten_bell(ngrams: NGrams) -> Smoothed:
    """c(h w) / (c(h) + t(h)), t(h) the number of different words after h.

    So far a word was new t(h) times: so many chances go to the shorter
    context (Chen and Goodman §2.5).
    By hand: p(b) = 1/9 + 3/9 (1/4) = 7/36, and
    p(b | a) = 1/6 + 3/6 (7/36) = 19/72.
    """
    new = ngrams.totals(ngrams.counts > 0)
    totals = ngrams.totals(ngrams.counts) + new
    alpha = ratio(ngrams.counts, totals[ngrams.contexts], 0.0)
    return Smoothed(alpha, ratio(new, totals, 1.0))


def absolute_discounting(
    ngrams: NGrams, discount: float | None = None
) -> Smoothed:
    """(c(h w) - D) / c(h), and what was taken for the shorter context.

    A discount not given is estimated, order by order; out of range, it is
    1/2 (Ney, Essen and Kneser 1994; Chen and Goodman §2.6).
    By hand, D = 1/2: p(b) = (1/2)/6 + (3/2)/6 (1/4) = 7/48, and
    p(b | a) = (1/2)/3 + (3/2)/3 (7/48) = 23/96.
    """
    return subtract_one(ngrams, ngrams.counts, discount)


def kneser_ney(ngrams: NGrams, discount: float | None = None) -> Smoothed:
    """Absolute discounting; but below the highest order, an n-gram counts
    once for each different word in front of it, however often it occurs.

    Kneser and Ney 1995; Chen and Goodman §2.7.
    By hand, D = 1/2: b has one word in front, of 5 such pairs in all, so
    p(b) = (1/2)/5 + (3/2)/5 (1/4) = 7/40, and
    p(b | a) = (1/2)/3 + (3/2)/3 (7/40) = 61/240.
    """
    return subtract_one(ngrams, ngrams.adjusted, discount)


def modified_kneser_ney(
    ngrams: NGrams,
    discounts: Discounts | None = None,
    fallback: Discounts = (0.5, 1.0, 1.5),
) -> Smoothed:
    """Kneser-Ney with discounts of their own for counts 1, 2, and more.

    Estimates out of range are replaced, all three together. This is what
    KenLM estimates (Chen and Goodman §3; Heafield et al. 2013, §3).
    By hand, by the fallback: p(b) = (1/2)/5 + (5/2)/5 (1/4) = 9/40, and
    p(b | a) = (1/2)/3 + (3/2)/3 (9/40) = 67/240.
    """
    chosen = discounts or estimate_discounts(ngrams.adjusted)
    is_fallback = discounts is None and not in_range(chosen)
    if is_fallback:
        chosen = fallback
    return subtract(ngrams, ngrams.adjusted, chosen, is_fallback)


def subtract_one(
    ngrams: NGrams, counts: np.ndarray, discount: float | None
) -> Smoothed:
    """The same discount for all counts: n1 / (n1 + 2 n2) if not given."""
    if discount is not None and not 0 < discount < 1:
        raise ValueError(
            f"discount is {discount}: it must be above 0, and below 1"
        )
    once, twice = (np.count_nonzero(counts == count) for count in (1, 2))
    chosen = discount
    if discount is None:
        chosen = once / max(once + 2 * twice, 1)
    is_fallback = discount is None and not in_range((chosen,) * 3)
    if is_fallback:
        chosen = 0.5
    return subtract(ngrams, counts, (chosen,) * 3, is_fallback)


def subtract(
    ngrams: NGrams,
    counts: np.ndarray,
    discounts: Discounts,
    is_fallback: bool,
) -> Smoothed:
    """Take a discount off each count; gamma is the share that was taken."""
    if not in_range(discounts):
        raise ValueError(
            f"discounts are {discounts}: they must be in 0 < D1 < 1, "
            "0 <= D2 < 2 and 0 <= D3 < 3"
        )
    taken = np.array([0, *discounts])[np.minimum(counts, 3)]
    totals = ngrams.totals(counts)
    alpha = ratio(counts - taken, totals[ngrams.contexts], 0.0)
    gamma = ratio(ngrams.totals(taken), totals, 1.0)
    return Smoothed(alpha, gamma, tuple(discounts), is_fallback)


def estimate_discounts(counts: np.ndarray) -> Discounts:
    """k - (k + 1) Y n[k+1] / n[k] for k = 1, 2, 3, where Y = n[1] /
    (n[1] + 2 n[2]) and n[k] is how many of the counts are k.

    Where an n[k] is 0 they are undefined, nan (Chen and Goodman §3).
    """
    n = np.bincount(np.minimum(counts, 5), minlength=6).tolist()
    if not all(n[1:4]):
        return (float("nan"),) * 3
    y = n[1] / (n[1] + 2 * n[2])
    return tuple(k - (k + 1) * y * n[k + 1] / n[k] for k in (1, 2, 3))


def in_range(discounts: Discounts) -> bool:
    """Something is taken, and never a whole count; false for nan."""
    one, two, three = discounts
    return 0 < one < 1 and 0 <= two < 2 and 0 <= three < 3


def estimate_weights(
    counts: NGramCounts,
    documents: Sequence[Tensor],
    num_steps: int = 1000,
    tolerance: float = 1e-8,
) -> list[float]:
    """Weights of each order for `jelinek_mercer`, from held-out documents.

    Expectation-maximisation (Jelinek and Mercer 1980; Chen and Goodman
    §2.3), until a step gains at most `tolerance` nats per token; it ends
    after `num_steps` steps even if they still gain.
    Never fit them on the counted documents: the highest order wins.
    """
    token_ids, _ = join_documents(documents, counts.vocab_size, counts.bos_id)
    numbers = counts.find(token_ids)
    is_predicted = token_ids[1:] != counts.bos_id
    alphas, seen = [], []
    for n, ngrams in enumerate(counts.orders):
        likely = maximum_likelihood(ngrams)
        alphas.append(likely.alpha[numbers[n + 1][1:][is_predicted]])
        seen.append(likely.gamma[numbers[n][:-1][is_predicted]] == 0)
    rows = np.stack([*alphas, *seen])  # many words share all their numbers
    rows, times = np.unique(rows, axis=1, return_counts=True)
    alphas, seen = np.split(rows.copy(), 2)  # in order: quicker
    weights, before = [0.5] * len(counts.orders), float("-inf")
    for _ in range(num_steps):
        probs = mix(weights, alphas, seen, counts.vocab_size)
        nats = float(times @ np.log(probs[-1]))
        if nats - before <= tolerance * times.sum():
            break
        weights, before = reweigh(weights, alphas, seen, probs, times), nats
    return weights


def mix(
    weights: list[float],
    alphas: np.ndarray,
    seen: np.ndarray,
    vocab_size: int,
) -> list[np.ndarray]:
    """The probability of each word by order 0 (uniform), 1, 2 and so on."""
    probs = [np.full(len(alphas[0]), 1 / (vocab_size - 1))]
    for weight, alpha, is_seen in zip(weights, alphas, seen, strict=True):
        mixed = weight * alpha + (1 - weight) * probs[-1]
        probs.append(np.where(is_seen, mixed, probs[-1]))
    return probs


def reweigh(
    weights: list[float],
    alphas: np.ndarray,
    seen: np.ndarray,
    probs: list[np.ndarray],
    times: np.ndarray,
) -> list[float]:
    """One step: which order chose each word, if the weights were right?

    A new weight is how often its order chose, by how often it was asked.
    """
    asked, fitted = times, list(weights)
    for n in range(len(weights) - 1, -1, -1):
        share = seen[n] * weights[n] * alphas[n] / probs[n + 1]
        share = np.minimum(share, 1.0)  # rounding may exceed it
        if chances := float((asked * seen[n]).sum()):
            fitted[n] = min(float((asked * share).sum()) / chances, 1.0)
        asked = asked * (1 - share)
    return fitted
