"""No model can need fewer bits than the oracle, and none may seem to.

The test that catches leakage and improper distributions: every kind of model
of the book is trained on a small corpus and scored on stories it has not
seen, in total and kind by kind.
"""

from functools import partial

import pytest
import torch

from lmbook.corpora import storyworld
from lmbook.evaluation import by_kind, token_gaps, token_log_probs
from lmbook.ngram import train_ngram
from lmbook.oracle import Oracle
from lmbook.smoothing import (
    absolute_discounting,
    add_k,
    jelinek_mercer,
    kneser_ney,
    modified_kneser_ney,
    witten_bell,
)
from lmbook.storyworld import KINDS
from lmbook.tokenizers import encode_documents

METHODS = {
    "add-k": partial(add_k, k=0.01),
    "Jelinek-Mercer": jelinek_mercer,
    "Witten-Bell": witten_bell,
    "absolute": absolute_discounting,
    "Kneser-Ney": kneser_ney,
    "modified Kneser-Ney": modified_kneser_ney,
}


@pytest.fixture(scope="module")
def world():
    """Oracle, training documents, test documents, their true scores, kinds."""
    oracle, corpus = Oracle(), storyworld(1500, seed=7)
    train = encode_documents(oracle.tokenizer, corpus.train)
    test = encode_documents(oracle.tokenizer, corpus.test)
    floor = token_log_probs(oracle, test)
    return oracle, train, test, floor, [oracle.kinds(d) for d in test]


def gap_in_standard_errors(gaps):
    """The mean gap of whole stories, in units of its standard error."""
    totals = torch.stack([gap.sum() for gap in gaps])
    return (totals.mean() / (totals.std() / len(totals) ** 0.5)).item()


@pytest.mark.parametrize("order", [1, 3, 6])
@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_no_model_is_below_the_floor(world, method, order):
    oracle, train, test, floor, kinds = world
    model = train_ngram(train, order, oracle.vocab_size, method)
    gaps = token_gaps(token_log_probs(model, test), floor)
    assert gap_in_standard_errors(gaps) > -3
    for kind in KINDS:
        of_kind = [
            torch.stack(
                [g for g, k in zip(gap, row, strict=True) if k == kind]
            )
            for gap, row in zip(gaps, kinds, strict=True)
            if kind in row
        ]
        if len(of_kind) > 1:
            assert gap_in_standard_errors(of_kind) > -3
    assert set(by_kind(gaps, kinds)) == set(KINDS)


def test_a_leak_is_caught(world):
    """The check can fail: a model that has read the test goes below."""
    oracle, train, test, floor, _ = world
    model = train_ngram(train + test * 5, 10, oracle.vocab_size)
    gaps = token_gaps(token_log_probs(model, test), floor)
    assert gap_in_standard_errors(gaps) < -3
