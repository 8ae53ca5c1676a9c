"""ROUGE against the published package, and by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer

from lmbook.rouge import rouge_l, rouge_n

SCORER = RougeScorer(["rouge1", "rouge2", "rougeL"], use_stemmer=False)
WORDS = st.lists(
    st.sampled_from(["the", "cat", "sat", "on", "a"]), max_size=13
)
TEXTS = WORDS.map(" ".join) | st.text("ab AB1-é ’İ\n", max_size=29)


@given(TEXTS, TEXTS)
def test_equal_to_rouge_score(text, reference):
    expected = SCORER.score(target=reference, prediction=text)
    ours = {
        "rouge1": rouge_n(text, reference, 1),
        "rouge2": rouge_n(text, reference, 2),
        "rougeL": rouge_l(text, reference),
    }
    for name, score in ours.items():
        assert score == pytest.approx(tuple(expected[name]), abs=1e-12)


def test_by_hand():
    """Of "a b a c" and "a c b": words shared a, b, c; pairs shared a c;
    longest in order a c or a b, 2 words.
    """
    text, reference = "a b a c", "a c b"
    assert rouge_n(text, reference, 1)[:2] == (3 / 4, 3 / 3)
    assert rouge_n(text, reference, 2)[:2] == (1 / 3, 1 / 2)
    assert rouge_l(text, reference)[:2] == (2 / 4, 2 / 3)
    assert rouge_l(text, reference).f1 == pytest.approx(4 / 7)
    assert rouge_n("", "", 1) == rouge_l("", "a") == (0, 0, 0)


def test_n_is_checked():
    with pytest.raises(ValueError, match="n=0: an n-gram has at least 1 word"):
        rouge_n("a", "a", 0)
