"""Counting, smoothing and the n-gram model, against plain specifications."""

import doctest
import json
import math
import os
import warnings
from collections import Counter
from fractions import Fraction
from functools import cache, partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

import lmbook.ngram
from lmbook.counting import count_ngrams, distinct, unseen_shares
from lmbook.interface import LanguageModel, StatefulLanguageModel
from lmbook.ngram import NGramModel, StupidBackoff, smooth, train_ngram
from lmbook.smoothing import (
    absolute_discounting,
    add_k,
    estimate_discounts,
    estimate_weights,
    in_range,
    jelinek_mercer,
    kneser_ney,
    maximum_likelihood,
    modified_kneser_ney,
    reweigh,
    witten_bell,
)

KENLM = Path(__file__).parent / "data" / "kenlm"
BOS = 1

# "a b" and "a a": <unk> 0, <s> 1, </s> 2, a 3, b 4.
BY_HAND = [torch.tensor([1, 3, 4, 2]), torch.tensor([1, 3, 3, 2])]

SMOOTHINGS = {
    "maximum likelihood": maximum_likelihood,
    "add-1": add_k,
    "add-0.01": partial(add_k, k=0.01),
    "Jelinek-Mercer": partial(jelinek_mercer, weight=0.7),
    "Witten-Bell": witten_bell,
    "absolute": absolute_discounting,
    "absolute 0.75": partial(absolute_discounting, discount=0.75),
    "Kneser-Ney": kneser_ney,
    "Kneser-Ney 0.75": partial(kneser_ney, discount=0.75),
    "modified": modified_kneser_ney,
    "modified, given": partial(
        modified_kneser_ney, discounts=(0.25, 0.5, 2.5)
    ),
}
every_smoothing = pytest.mark.parametrize(
    "name", SMOOTHINGS, ids=lambda name: name.replace(" ", "-")
)


# The specification: dictionaries, loops and the formulas -------------------


class Specification:
    """p(w | h) from its definition, one number at a time."""

    def __init__(self, documents, order, vocab_size, bos_id=BOS):
        self.order, self.bos_id = order, bos_id
        self.num_words = vocab_size - 1
        self.counts = Counter()
        for document in documents:
            tokens = tuple(document.tolist())
            for t in range(1, len(tokens)):
                for n in range(1, min(order, t + 1) + 1):
                    self.counts[tokens[t - n + 1 : t + 1]] += 1
        in_front = Counter(gram[1:] for gram in self.counts)
        self.adjusted = Counter(
            {
                gram: count
                if len(gram) == order or gram[0] == bos_id
                else in_front[gram]
                for gram, count in self.counts.items()
            }
        )

    def context(self, tokens):
        """What the model may look at: not far, and not beyond <s>."""
        tokens = tuple(tokens)
        if self.bos_id in tokens:
            last = len(tokens) - 1 - tokens[::-1].index(self.bos_id)
            tokens = tokens[last:]
        return (
            tokens[len(tokens) - self.order + 1 :]
            if (len(tokens) >= self.order)
            else tokens
        )

    def after(self, counts, h):
        """The counts of the n-grams with the context h, by word."""
        found = {}
        for gram, count in counts.items():
            if gram[:-1] == h:
                found[gram[-1]] = count
        return found

    def lower(self, method, h, w):
        if not h:
            return 1 / self.num_words
        return method(h[1:], w)

    def maximum_likelihood(self, h, w):
        after = self.after(self.counts, h)
        if not after:
            return self.lower(self.maximum_likelihood, h, w)
        return after.get(w, 0) / sum(after.values())

    def add_k(self, h, w, k):
        after = self.after(self.counts, h)
        if len(h) < self.order - 1 and h[:1] != (self.bos_id,):
            after = {}
        total = sum(after.values())
        return (after.get(w, 0) + k) / (total + k * self.num_words)

    def jelinek_mercer(self, h, w, weight):
        after = self.after(self.counts, h)
        method = partial(self.jelinek_mercer, weight=weight)
        lower = self.lower(method, h, w)
        if not after:
            return lower
        share = after.get(w, 0) / sum(after.values())
        return weight * share + (1 - weight) * lower

    def witten_bell(self, h, w):
        after = self.after(self.counts, h)
        lower = self.lower(self.witten_bell, h, w)
        if not after:
            return lower
        total, new = sum(after.values()), len(after)
        return (after.get(w, 0) + new * lower) / (total + new)

    def discounting(self, h, w, counts, discounts):
        """`discounts` says what is taken from a count at an order."""
        after = self.after(counts, h)
        method = partial(self.discounting, counts=counts, discounts=discounts)
        lower = self.lower(method, h, w)
        if not after:
            return lower
        of = discounts(len(h) + 1)
        total = sum(after.values())
        left = after[w] - of(after[w]) if w in after else 0
        taken = sum(of(count) for count in after.values())
        return left / total + taken / total * lower

    def num_with(self, counts, n, count):
        return sum(1 for g, c in counts.items() if len(g) == n and c == count)

    def one_discount(self, counts, n):
        n1, n2 = (self.num_with(counts, n, count) for count in (1, 2))
        if n1 == 0 or n2 == 0:
            return lambda count: 0.5
        return lambda count: n1 / (n1 + 2 * n2)

    def three_discounts(self, n):
        n1, n2, n3, n4 = (
            self.num_with(self.adjusted, n, count) for count in (1, 2, 3, 4)
        )
        d = (0.5, 1.0, 1.5)
        if n1 and n2 and n3:
            y = n1 / (n1 + 2 * n2)
            estimate = (
                1 - 2 * y * n2 / n1,
                2 - 3 * y * n3 / n2,
                3 - 4 * y * n4 / n3,
            )
            if (
                0 < estimate[0] < 1
                and 0 <= estimate[1] < 2
                and 0 <= estimate[2] < 3
            ):
                d = estimate
        return lambda count: d[min(count, 3) - 1]

    def stupid_backoff(self, h, w, factor=0.4):
        if (*h, w) in self.counts:
            total = sum(self.after(self.counts, h).values())
            return self.counts[(*h, w)] / total
        if not h:
            return 0.0
        return factor * self.stupid_backoff(h[1:], w, factor)

    def method(self, name):
        constant = lambda *d: lambda n: lambda c: d[min(c, 3) - 1]  # noqa: E731
        raw, adjusted = self.counts, self.adjusted
        discounting = {
            "absolute": (raw, cache(partial(self.one_discount, raw))),
            "absolute 0.75": (raw, constant(0.75, 0.75, 0.75)),
            "Kneser-Ney": (
                adjusted,
                cache(partial(self.one_discount, adjusted)),
            ),
            "Kneser-Ney 0.75": (adjusted, constant(0.75, 0.75, 0.75)),
            "modified": (adjusted, cache(self.three_discounts)),
            "modified, given": (adjusted, constant(0.25, 0.5, 2.5)),
        }
        if name in discounting:
            counts, discounts = discounting[name]
            return partial(
                self.discounting, counts=counts, discounts=discounts
            )
        return {
            "maximum likelihood": self.maximum_likelihood,
            "add-1": partial(self.add_k, k=1.0),
            "add-0.01": partial(self.add_k, k=0.01),
            "Jelinek-Mercer": partial(self.jelinek_mercer, weight=0.7),
            "Witten-Bell": self.witten_bell,
        }[name]


VOCAB = 7  # ids 0 to 6, of which the made-up corpora use 0 and 2 to 5
document = st.lists(st.sampled_from([0, 2, 3, 4, 5]), max_size=9).map(
    lambda tokens: torch.tensor([BOS, *tokens, 2])
)
corpora = st.lists(document, min_size=1, max_size=6)
rows = st.lists(st.integers(0, VOCAB - 1), min_size=1, max_size=7)


def probs_after(model, tokens):
    """(T, V) float64: the distribution after each prefix of the tokens."""
    numbers = model.counts.find(np.array(tokens))
    return model.probs(np.stack(numbers[:-1], axis=-1))


@every_smoothing
@settings(max_examples=25, deadline=None, derandomize=True)
@given(corpora, rows, st.integers(1, 5))
def test_every_probability_is_the_one_of_the_specification(
    name, documents, row, order
):
    model = train_ngram(documents, order, VOCAB, SMOOTHINGS[name])
    specification = Specification(documents, order, VOCAB)
    method = specification.method(name)
    for t, probs in enumerate(probs_after(model, row)):
        context = specification.context(row[: t + 1])
        expected = [
            0.0 if w == BOS else method(context, w) for w in range(VOCAB)
        ]
        np.testing.assert_allclose(probs, expected, rtol=1e-9, atol=1e-12)


@every_smoothing
@settings(max_examples=25, deadline=None, derandomize=True)
@given(corpora, rows)
def test_probabilities_sum_to_one_seen_or_not(name, documents, row):
    for order in range(1, 6):
        model = train_ngram(documents, order, VOCAB, SMOOTHINGS[name])
        seen = documents[0].tolist()
        for tokens in (row, seen):
            probs = probs_after(model, tokens)
            assert (probs >= 0).all()
            np.testing.assert_allclose(probs.sum(-1), 1, rtol=0, atol=1e-9)
            # float32 rounds each log-probability, at most about 18 here,
            # to 24 bits: an error of 1e-6 at most in the sum.
            total = model(torch.tensor([tokens])).exp().sum(-1)
            torch.testing.assert_close(
                total, torch.ones_like(total), rtol=0, atol=2e-6
            )


@settings(max_examples=25, deadline=None, derandomize=True)
@given(corpora, st.integers(1, 5))
def test_counts_are_those_of_a_dictionary(documents, order):
    counts = count_ngrams(documents, order, VOCAB)
    expected = Specification(documents, order, VOCAB)
    for n, ngrams in enumerate(counts.orders, start=1):
        sizes = [gram for gram in expected.counts if len(gram) == n]
        assert counts.num_ngrams[n - 1] == len(sizes)
        assert ngrams.counts[-1] == ngrams.adjusted[-1] == 0
    for gram, count in expected.counts.items():
        ngrams = counts.orders[len(gram) - 1]
        place = counts.find(np.array(gram))[
            -1 if len(gram) == order else (len(gram))
        ][-1]
        assert ngrams.counts[place] == count
        assert ngrams.adjusted[place] == expected.adjusted[gram]


# Worked examples and KenLM -------------------------------------------------


@pytest.mark.parametrize(
    ("smoothing", "b", "b_after_a"),
    [
        (maximum_likelihood, Fraction(1, 6), Fraction(1, 3)),
        (add_k, None, Fraction(2, 7)),
        (jelinek_mercer, Fraction(5, 24), Fraction(13, 48)),
        (witten_bell, Fraction(7, 36), Fraction(19, 72)),
        (
            partial(absolute_discounting, discount=0.5),
            Fraction(7, 48),
            Fraction(23, 96),
        ),
        (
            partial(kneser_ney, discount=0.5),
            Fraction(7, 40),
            Fraction(61, 240),
        ),
        (modified_kneser_ney, Fraction(9, 40), Fraction(67, 240)),
    ],
)
def test_worked_examples_of_the_docstrings(smoothing, b, b_after_a):
    model = train_ngram(BY_HAND, 2, 5, smoothing)
    assert probs_after(model, [3])[0, 4] == pytest.approx(float(b_after_a))
    if b is not None:
        assert model.word_probs[4] == pytest.approx(float(b))


def test_docstring_examples_run():
    assert doctest.testmod(lmbook.ngram).failed == 0
    assert doctest.testmod(lmbook.ngram).attempted > 0


@cache
def kenlm_data():
    train, test = (
        [line.split() for line in (KENLM / name).read_text().splitlines()]
        for name in ("train.txt", "test.txt")
    )
    words = sorted({word for sentence in train for word in sentence})
    ids = {word: i for i, word in enumerate(["<unk>", "<s>", "</s>", *words])}

    def encode(sentences):
        return [
            torch.tensor([1, *(ids.get(word, 0) for word in sentence), 2])
            for sentence in sentences
        ]

    scores = json.loads((KENLM / "scores.json").read_text())["orders"]
    return encode(train), encode(test), len(ids), scores


@cache
def kenlm_model(order):
    documents, _, vocab_size, _ = kenlm_data()
    return train_ngram(documents, order, vocab_size)


@pytest.mark.parametrize("order", [2, 3, 5])
def test_every_score_is_that_of_kenlm(order):
    _, test, _, scores = kenlm_data()
    expected = scores[str(order)]
    model = kenlm_model(order)
    log10 = [x / math.log(10) for x in model.token_log_probs(test)]
    chosen = [*range(20), len(test) - 2, len(test) - 1]
    for i, tokens in zip(chosen, expected["first_sentences"], strict=True):
        theirs = [log10_p for log10_p, _, _ in tokens]
        np.testing.assert_allclose(log10[i], theirs, rtol=0, atol=2e-6)
    for ours, theirs in zip(
        log10, expected["sum_log10_per_sentence"], strict=True
    ):
        # Sums are printed with 5 decimals, of tokens with 2e-6 each.
        bound = 5e-6 + 2e-6 * len(ours)
        assert float(ours.sum()) == pytest.approx(theirs, abs=bound)


@pytest.mark.parametrize("order", [2, 3, 5])
def test_perplexities_are_those_of_kenlm(order):
    _, test, _, scores = kenlm_data()
    expected = scores[str(order)]
    nats = torch.cat(kenlm_model(order).token_log_probs(test))
    known = torch.cat([document[1:] for document in test]) != 0
    assert len(nats) == expected["tokens_with_eos"]
    assert int((~known).sum()) == expected["oov"]
    for ours, theirs in (
        (nats, expected["perplexity_including_oov"]),
        (nats[known], expected["perplexity_excluding_oov"]),
    ):
        assert float((-ours.mean()).exp()) == pytest.approx(theirs, rel=1e-6)


@pytest.mark.parametrize("order", [2, 3, 5])
def test_discounts_and_numbers_are_those_of_kenlm(order):
    model, expected = kenlm_model(order), kenlm_data()[3][str(order)]
    num_ngrams = [model.num_ngrams[0] + 2, *model.num_ngrams[1:]]
    for n, smoothed in enumerate(model.smoothed, start=1):
        printed = expected["discounts"][str(n)]
        theirs = [printed[name] for name in ("D1", "D2", "D3+")]
        assert not smoothed.is_fallback
        # Printed with six digits, of which the last is sometimes cut off.
        assert smoothed.discounts == pytest.approx(theirs, rel=1e-5)
        # KenLM also counts <s> and <unk> among the words.
        assert num_ngrams[n - 1] == printed["ngrams"]


@pytest.mark.parametrize("order", [2, 3, 5])
def test_explain_names_the_ngram_that_kenlm_used(order):
    _, test, _, scores = kenlm_data()
    model = kenlm_model(order)
    for document, tokens in zip(
        test[:3], scores[str(order)]["first_sentences"][:3], strict=True
    ):
        ids = document.tolist()
        for t, (log10_p, length, _) in enumerate(tokens, start=1):
            lines = model.explain(ids[:t], ids[t])
            seen = [line.order for line in lines if line.count > 0]
            assert max(seen, default=1) == length
            assert math.log10(lines[-1].p) == pytest.approx(log10_p, abs=2e-6)


# Discounts -----------------------------------------------------------------


def test_a_closed_vocabulary_needs_the_fallback():
    sentence = torch.tensor([1, 3, 4, 5, 2])
    model = train_ngram([sentence] * 50, 3, 6)
    for smoothed in model.smoothed:
        assert smoothed.is_fallback
        assert smoothed.discounts == (0.5, 1.0, 1.5)
    other = partial(modified_kneser_ney, fallback=(0.1, 0.2, 0.3))
    model = train_ngram([sentence] * 50, 3, 6, other)
    assert model.smoothed[2].discounts == (0.1, 0.2, 0.3)
    for smoothing in (kneser_ney, absolute_discounting):
        model = train_ngram([sentence] * 50, 3, 6, smoothing)
        assert model.smoothed[2].discounts == (0.5, 0.5, 0.5)
        assert model.smoothed[2].is_fallback


@pytest.mark.parametrize(
    ("discounts", "expected"),
    [
        ((0.5, 0.0, 0.0), True),
        ((0.999, 1.999, 2.999), True),
        ((0.0, 1.0, 1.0), False),
        ((1.0, 1.0, 1.0), False),
        ((0.5, -0.001, 1.0), False),
        ((0.5, 2.0, 1.0), False),
        ((0.5, 1.0, -0.001), False),
        ((0.5, 1.0, 3.0), False),
        ((math.nan, 1.0, 1.0), False),
        ((0.5, math.nan, 1.0), False),
        ((0.5, 1.0, math.nan), False),
    ],
)
def test_range_of_discounts(discounts, expected):
    assert in_range(discounts) is expected


def test_estimated_discounts_by_hand():
    counts = np.repeat([1, 2, 3, 4, 5, 0], [8, 4, 2, 1, 9, 5])
    # Y = 8 / (8 + 2 * 4) = 1/2.
    expected = (1 - 2 * 4 / 16, 2 - 3 * 2 / 8, 3 - 4 * 1 / 4)
    assert estimate_discounts(counts) == pytest.approx(expected)
    for missing in (1, 2, 3):
        rest = counts[counts != missing]
        assert all(map(math.isnan, estimate_discounts(rest)))
    assert estimate_discounts(counts[counts != 4])[2] == 3  # out of range


# Weights for Jelinek-Mercer ------------------------------------------------


def mean_nats(model, documents):
    return -float(torch.cat(model.token_log_probs(documents)).mean())


def test_weights_are_the_best_for_the_held_out_documents():
    documents, test, vocab_size, _ = kenlm_data()
    counts = count_ngrams(documents[:1000], 2, vocab_size)

    def cost(weights):
        methods = [partial(jelinek_mercer, weight=w) for w in weights]
        return mean_nats(smooth(counts, methods), test)

    costs = [
        cost(estimate_weights(counts, test, num_steps=n)) for n in range(40)
    ]
    assert all(b <= a + 1e-12 for a, b in pairwise(costs))
    fitted = estimate_weights(counts, test)
    for n in (0, 1):
        for step in (-0.02, 0.02):
            other = list(fitted)
            other[n] += step
            if 0 <= other[n] <= 1:
                assert cost(other) > cost(fitted)


def test_weights_are_fitted_until_a_step_gains_nothing(monkeypatch):
    """Twenty steps are too few at order 4; a thousand more gain nothing.

    `tolerance` is of one step. What all later steps gain together is more,
    and still far below what a table shows, 0.001 bits.
    """
    documents, test, vocab_size, _ = kenlm_data()
    counts = count_ngrams(documents[:1000], 4, vocab_size)

    def cost(num_steps, tolerance=0.0):
        weights = estimate_weights(counts, test, num_steps, tolerance)
        methods = [partial(jelinek_mercer, weight=w) for w in weights]
        return mean_nats(smooth(counts, methods), test)

    steps = []

    def counted(*arguments):
        steps.append(arguments)
        return reweigh(*arguments)

    monkeypatch.setattr("lmbook.smoothing.reweigh", counted)
    fitted = estimate_weights(counts, test)
    num_steps = len(steps)
    assert 20 < num_steps < 1000
    assert fitted == estimate_weights(counts, test, num_steps, 0.0)
    costs = [cost(num_steps + n) for n in (-2, -1, 0, 1)]
    assert costs[0] - costs[1] > 1e-8 >= costs[1] - costs[2]
    assert costs[2] - costs[3] <= 1e-8
    assert cost(20) - costs[2] > 1e-5
    assert 0 <= costs[2] - cost(num_steps + 1000) < 1e-6


def test_a_larger_tolerance_ends_sooner():
    documents, test, vocab_size, _ = kenlm_data()
    counts = count_ngrams(documents[:1000], 3, vocab_size)
    rough = estimate_weights(counts, test, tolerance=1.0)
    assert rough == estimate_weights(counts, test, num_steps=1)
    assert estimate_weights(counts, test, num_steps=0) == [0.5] * 3


def test_a_weight_that_is_never_asked_stays():
    counts = count_ngrams([torch.tensor([1, 2])], 4, 3)
    assert estimate_weights(counts, [torch.tensor([1, 2])])[2:] == [0.5, 0.5]


@pytest.mark.parametrize("seed", range(10))
def test_weights_of_a_text_that_is_nearly_certain(seed):
    """After three words the next is certain: the weights there go to 1.

    So shorter contexts choose no more than what rounding leaves. Once that
    gave weights below 0 and above 1, for four of these ten texts.
    """
    generator = torch.Generator().manual_seed(seed)
    text = torch.randint(3, 31, (211,), generator=generator).tolist()
    documents = [torch.tensor([BOS, *text, 2])] * 3
    counts = count_ngrams(documents, 6, 31)
    costs = []
    for n in range(0, 23, 2):
        weights = estimate_weights(counts, documents, num_steps=n)
        assert all(0 <= weight <= 1 for weight in weights)
        methods = [partial(jelinek_mercer, weight=w) for w in weights]
        costs.append(mean_nats(smooth(counts, methods), documents))
    assert all(b <= a + 1e-12 for a, b in pairwise(costs))
    assert costs[-1] < costs[0] / 10


# Stupid back-off -----------------------------------------------------------


def test_stupid_backoff_by_hand_is_not_a_distribution():
    counts = count_ngrams(BY_HAND, 2, 5)
    scores = StupidBackoff(counts).scores([4])
    # After b: </s> is certain, the others get 0.4 of 3/6 and of 1/6.
    expected = torch.tensor([0, 0, 1, 0.2, 0.4 / 6], dtype=torch.float64)
    torch.testing.assert_close(scores, expected)
    assert float(scores.sum()) == pytest.approx(1 + 0.4 * 4 / 6)
    plain = StupidBackoff(counts, factor=1.0).scores([4])
    assert float(plain.sum()) == pytest.approx(1 + 4 / 6)
    assert not hasattr(StupidBackoff(counts), "token_log_probs")
    assert not isinstance(StupidBackoff(counts), LanguageModel)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(corpora, rows, st.integers(1, 4))
def test_stupid_backoff_is_its_specification(documents, row, order):
    scorer = StupidBackoff(count_ngrams(documents, order, VOCAB))
    specification = Specification(documents, order, VOCAB)
    tokens = [BOS, *(token for token in row if token != BOS)]
    token_scores = scorer.token_scores([torch.tensor(tokens)])[0]
    for t in range(1, len(tokens)):
        context = specification.context(tokens[:t])
        scores = scorer.scores(context)
        for w in range(VOCAB):
            expected = specification.stupid_backoff(context, w)
            assert float(scores[w]) == pytest.approx(expected)
        assert float(token_scores[t - 1]) == pytest.approx(
            float(scores[tokens[t]])
        )
    assert scorer.scores([]).shape == (VOCAB,)


# The calling convention ----------------------------------------------------


@cache
def random_model(name):
    generator = torch.Generator().manual_seed(7)
    body = torch.randint(3, 11, (23, 13), generator=generator)
    documents = [torch.tensor([1, *row.tolist(), 2]) for row in body]
    return train_ngram(documents, 4, 11, SMOOTHINGS[name]), documents


def random_rows(*shape):
    generator = torch.Generator().manual_seed(11)
    token_ids = torch.randint(2, 11, shape, generator=generator)
    token_ids[: len(token_ids) // 2, 0] = BOS
    return token_ids


@every_smoothing
def test_shape_dtype_and_protocol(name):
    model, _ = random_model(name)
    assert isinstance(model, StatefulLanguageModel)
    assert (model.order, model.vocab_size) == (4, 11)
    log_probs = model(random_rows(5, 7))
    assert log_probs.shape == (5, 7, 11)
    assert log_probs.dtype == torch.float32
    assert (log_probs[..., BOS] == -math.inf).all()
    assert model(torch.zeros(2, 0, dtype=torch.int64)).shape == (2, 0, 11)


@every_smoothing
def test_the_future_changes_nothing_before(name):
    model, _ = random_model(name)
    token_ids = random_rows(5, 7)
    changed = token_ids.clone()
    changed[:, 4:] = 3
    assert not torch.equal(model(token_ids), model(changed))
    assert torch.equal(model(token_ids)[:, :4], model(changed)[:, :4])


@every_smoothing
def test_a_batch_is_its_rows(name):
    model, _ = random_model(name)
    token_ids = random_rows(5, 7)
    together = model(token_ids)
    for row, expected in zip(token_ids, together, strict=True):
        torch.testing.assert_close(model(row[None])[0], expected)


@every_smoothing
def test_step_by_step_is_the_whole(name):
    model, _ = random_model(name)
    token_ids = random_rows(5, 7)
    whole, state = model(token_ids), None
    for t in range(7):
        before = None if state is None else state.clone()
        log_probs, new = model.step(token_ids[:, t], state)
        torch.testing.assert_close(log_probs, whole[:, t])
        assert before is None or torch.equal(before, state)
        state = new
        if t == 3:  # a state can be reordered like any batch
            log_probs, _ = model.step(token_ids[[2, 0], 4], state[[2, 0]])
            torch.testing.assert_close(log_probs, whole[[2, 0], 4])


@every_smoothing
def test_token_log_probs_are_gathered_from_the_whole(name):
    model, documents = random_model(name)
    unseen = [torch.tensor([1, 0, 0, 9, 2]), torch.tensor([1])]
    documents = [*documents[:5], *unseen]
    scores = model.token_log_probs(documents)
    assert len(scores) == len(documents)
    for document, score in zip(documents, scores, strict=True):
        assert score.dtype == torch.float64
        log_probs = model(document[None])[0, :-1]
        expected = log_probs.gather(1, document[1:, None])[:, 0]
        torch.testing.assert_close(score.float(), expected)


def test_a_document_inside_of_a_row_starts_anew():
    model, documents = random_model("modified")
    inside = model(torch.cat([documents[0], documents[1]])[None])[0]
    alone = model(documents[1][None])[0]
    torch.testing.assert_close(inside[len(documents[0]) :], alone)


def test_a_row_without_bos_has_a_shorter_context():
    model, documents = random_model("modified")
    shorter = train_ngram(documents, 2, 11)
    tokens = torch.tensor([[5]])
    assert not torch.equal(model(tokens), shorter(tokens))  # adjusted
    row = documents[0][3:6]
    torch.testing.assert_close(
        model(row[None])[0, -1], model(documents[0][None])[0, 5]
    )


@every_smoothing
def test_explain_arrives_at_the_probability(name):
    model, documents = random_model(name)
    ids = documents[0].tolist()
    for t in range(len(ids)):
        whole = probs_after(model, ids[:t])[-1] if t else model.word_probs
        for w in range(11):
            lines = model.explain(ids[:t], w)
            assert [line.order for line in lines] == list(
                range(1, min(4, t + 1) + 1)
            )
            assert lines[-1].p == pytest.approx(whole[w], abs=1e-12)
    lines = model.explain([1, 9, 0], 3)
    assert [line.context_count > 0 for line in lines] == [True] + 3 * [False]
    assert [line.gamma for line in lines[1:]] == [1.0, 1.0, 1.0]


def test_explain_by_hand():
    model = train_ngram(BY_HAND, 2, 5, maximum_likelihood)
    assert model.explain([1, 3], 4) == [
        (1, 1, 6, 1 / 6, 0, 1 / 6),
        (2, 1, 3, 1 / 3, 0, 1 / 3),
    ]


def test_a_smoothing_for_each_order():
    _, documents = random_model("modified")
    methods = [add_k, witten_bell, kneser_ney]
    model = train_ngram(documents, 3, 11, methods)
    assert model.smoothed[2].discounts and not model.smoothed[1].discounts
    probs = probs_after(model, documents[0].tolist())
    np.testing.assert_allclose(probs.sum(-1), 1, atol=1e-9)


def test_unseen_shares_by_hand():
    counts = count_ngrams(BY_HAND, 3, 5)
    test = [torch.tensor([1, 3, 4, 4, 2])]
    # Words a b b </s>; pairs <s>a ab bb b</s>; triples <s>ab abb bb</s>.
    assert unseen_shares(counts, test) == [0, 1 / 4, 2 / 3]
    assert unseen_shares(counts, [torch.tensor([1, 0])])[:2] == [1, 1]
    assert math.isnan(unseen_shares(counts, [torch.tensor([1, 0])])[2])
    assert counts.num_ngrams == [3, 5, 4]


# Large orders and vocabularies ---------------------------------------------


@settings(deadline=None, derandomize=True)
@given(
    st.lists(
        st.integers(-9, 9)
        | st.sampled_from([2**62 - 1, 2**62 - 2, 2**56, 2**60])
    )
)
def test_distinct_is_unique(keys):
    keys = np.array(keys, dtype=np.int64)
    found = distinct(keys)
    values, numbers, counts = np.unique(
        keys, return_inverse=True, return_counts=True
    )
    assert np.array_equal(found.values, values)
    assert np.array_equal(found.counts, counts)
    assert np.array_equal(found.numbers, numbers)
    assert np.array_equal(keys[found.firsts], values)


def test_an_order_whose_ngrams_take_more_than_64_bits():
    vocab_size, order = 50_000, 9  # 16 bits a word: 144 bits
    generator = torch.Generator().manual_seed(3)
    pool = torch.randint(49_900, 50_000, (7, 5), generator=generator)
    choice = torch.randint(0, 7, (11, 6), generator=generator)
    documents = [
        torch.tensor([BOS, *pool[row].flatten().tolist(), 2]) for row in choice
    ]
    model = train_ngram(documents[:9], order, vocab_size)
    specification = Specification(documents[:9], order, vocab_size)
    method = specification.method("modified")
    scores = model.token_log_probs(documents[7:])
    for document, score in zip(documents[7:], scores, strict=True):
        ids = document.tolist()
        for t in range(1, len(ids)):
            context = specification.context(ids[:t])
            expected = math.log(method(context, ids[t]))
            assert float(score[t - 1]) == pytest.approx(expected, rel=1e-9)
    sizes = Counter(map(len, specification.counts))
    assert model.num_ngrams == [sizes[n] for n in range(1, order + 1)]


def test_orders_beyond_every_document():
    model = train_ngram(BY_HAND, 7, 5)
    assert model.num_ngrams == [3, 5, 4, 2, 0, 0, 0]
    probs = probs_after(model, [1, 3, 4, 2, 3, 3, 3, 3, 3])
    np.testing.assert_allclose(probs.sum(-1), 1, atol=1e-9)


# Files ---------------------------------------------------------------------


@every_smoothing
def test_a_saved_model_is_the_same_to_the_bit(name, tmp_path):
    model, documents = random_model(name)
    path = tmp_path / "model.safetensors"
    model.save(path)
    loaded = NGramModel.load(path)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    assert torch.equal(loaded(random_rows(5, 7)), model(random_rows(5, 7)))
    for a, b in zip(
        loaded.token_log_probs(documents),
        model.token_log_probs(documents),
        strict=True,
    ):
        assert torch.equal(a, b)
    assert loaded.num_ngrams == model.num_ngrams
    for a, b in zip(loaded.smoothed, model.smoothed, strict=True):
        assert (a.discounts, a.is_fallback) == (b.discounts, b.is_fallback)
    other, _ = random_model("add-1")
    other.save(str(path))
    assert torch.equal(
        NGramModel.load(path)(random_rows(5, 7)), other(random_rows(5, 7))
    )


def test_a_failed_save_leaves_what_was_there(tmp_path, monkeypatch):
    model, _ = random_model("modified")
    path = tmp_path / "model.safetensors"
    model.save(path)
    before = path.read_bytes()

    def full(*_):
        raise OSError("No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        train_ngram(BY_HAND, 2, 5).save(path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_files_that_are_no_model(tmp_path):
    model, _ = random_model("modified")
    model.save(tmp_path / "whole")
    whole = (tmp_path / "whole").read_bytes()
    (tmp_path / "cut").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text").write_text("It was a dark and stormy night.")
    (tmp_path / "empty").write_bytes(b"")
    array = {"keys.0": np.zeros(3)}
    save_file(array, tmp_path / "other")
    key = "lmbook n-gram model 1"
    save_file(array, tmp_path / "part", {key: '{"discounts": [null]}'})
    save_file(array, tmp_path / "broken", {key: "{"})
    for name in ("cut", "text", "empty", "other", "part", "broken"):
        with pytest.raises(ValueError, match=f"{name} is not an n-gram"):
            NGramModel.load(tmp_path / name)
    with pytest.raises(FileNotFoundError):
        NGramModel.load(tmp_path / "missing")


# Errors --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("smoothing", "message"),
    [
        (partial(add_k, k=0.0), r"k is 0\.0: it must be above 0"),
        (partial(add_k, k=-1.5), r"k is -1\.5: it must be above 0"),
        (partial(add_k, k=math.nan), "k is nan: it must be above 0"),
        (partial(add_k, k=math.inf), "k is inf: .* finite"),
        (
            partial(jelinek_mercer, weight=1.01),
            r"weight is 1\.01: it must be from 0 to 1",
        ),
        (
            partial(jelinek_mercer, weight=-0.1),
            r"weight is -0\.1: it must be from 0 to 1",
        ),
        (
            partial(kneser_ney, discount=1.0),
            r"discount is 1\.0: it must be above 0, and below 1",
        ),
        (
            partial(absolute_discounting, discount=0.0),
            r"discount is 0\.0: it must be above 0, and below 1",
        ),
        (
            partial(absolute_discounting, discount=0),
            "discount is 0: it must be above 0, and below 1",
        ),
        (
            partial(kneser_ney, discount=math.nan),
            "discount is nan: it must be above 0, and below 1",
        ),
        (
            partial(modified_kneser_ney, discounts=(0.0, 1.0, 1.0)),
            r"discounts are \(0\.0, 1\.0, 1\.0\): .* 0 < D1 < 1",
        ),
        (
            partial(modified_kneser_ney, discounts=(0.5, 2.0, 1.0)),
            r"discounts are \(0\.5, 2\.0, 1\.0\): .*0 <= D2 < 2",
        ),
        (
            partial(modified_kneser_ney, fallback=(0.5, 1.0, 3.0)),
            r"discounts are \(0\.5, 1\.0, 3\.0\): .*0 <= D3 < 3",
        ),
        ([add_k], "1 smoothings do not fit 2 orders: pass one for each"),
    ],
)
def test_errors_of_smoothings(smoothing, message):
    with pytest.raises(ValueError, match=message):
        train_ngram(BY_HAND, 2, 5, smoothing)


@pytest.mark.parametrize(
    ("documents", "order", "message"),
    [
        (BY_HAND, 0, "order is 0: it must be at least 1"),
        ([], 2, "there are no documents: pass at least one"),
        ([torch.zeros(0).long()], 2, "there are no documents"),
        ([torch.tensor([1, 5, 2])], 2, "token id 5 is outside 0 to 4: use"),
        ([torch.tensor([1, -1, 2])], 2, "token id -1 is outside 0 to 4"),
        ([torch.tensor([1, 3.7, 2])], 2, "token ids are float32, not integ"),
        ([*BY_HAND, torch.tensor([1.0, 3, 2])], 2, "token ids are float32"),
        ([torch.tensor([True, False])], 2, "token ids are bool, not integers"),
        ([torch.tensor([3, 4, 2])], 2, "does not begin with bos_id = 1"),
        ([*BY_HAND, torch.tensor([3])], 2, "does not begin with bos_id"),
        ([torch.tensor([1, 3, 1, 2])], 2, "has it inside: pass the token"),
        ([BY_HAND[0], torch.zeros(0).long()], 2, "does not begin with"),
    ],
)
def test_errors_of_counting(documents, order, message):
    with pytest.raises(ValueError, match=message):
        train_ngram(documents, order, 5)


def test_errors_of_a_model():
    model = train_ngram(BY_HAND, 2, 5)
    message = "token id 5 is outside 0 to 4"
    with pytest.raises(ValueError, match=message):
        model(torch.tensor([[1, 5]]))
    with pytest.raises(ValueError, match=message):
        model.step(torch.tensor([5]))
    with pytest.raises(ValueError, match=message):
        model.explain([1, 5], 3)
    with pytest.raises(ValueError, match=message):
        StupidBackoff(model.counts).scores([5])
    with pytest.raises(ValueError, match="begin with bos_id = 1"):
        model.token_log_probs([torch.tensor([3, 4])])


def test_a_model_reads_integers():
    model = train_ngram(BY_HAND, 2, 5)
    scorer = StupidBackoff(model.counts)
    for attempt in (
        lambda: model(torch.tensor([[1, 3.7]])),
        lambda: model.step(torch.tensor([3.7])),
        lambda: model.token_log_probs([torch.tensor([1, 3.7, 2])]),
        lambda: model.explain([1, 3.7], 3),
        lambda: scorer.scores([3.7]),
        lambda: scorer.token_scores([torch.tensor([1, 3.7, 2])]),
    ):
        with pytest.raises(ValueError, match="token ids are float32, not int"):
            attempt()
    assert torch.equal(
        model(torch.tensor([[1, 3]], dtype=torch.int32)),
        model(torch.tensor([[1, 3]])),
    )


@pytest.mark.parametrize("factor", [-1, 0, 1.01, math.nan])
def test_a_backoff_factor_is_a_share(factor):
    message = f"factor is {factor}: it must be above 0, and at most 1"
    with pytest.raises(ValueError, match=message):
        StupidBackoff(count_ngrams(BY_HAND, 2, 5), factor)


def test_zero_probabilities_do_not_warn():
    model = train_ngram(BY_HAND, 2, 5, maximum_likelihood)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scores = model.token_log_probs([torch.tensor([1, 3, 0, 2])])[0]
        assert model(torch.tensor([[1, 3]]))[0, 1, 0] == -math.inf
    assert scores.tolist()[1] == -math.inf
