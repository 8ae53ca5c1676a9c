"""The part on byte-pair encoding: what its fallback counts and shows."""

from collections import Counter

import pytest

from lmbook.bpe import learn_merges, spell, split_pieces
from lmbook.widgets import BytePair
from lmbook.widgets.byte_pair import LONGEST, first_merges, show_token


def test_the_first_merges_are_those_of_the_page():
    steps = list(first_merges("banana bandana ban"))
    pairs = [(pair, times) for pair, times, _ in steps]
    assert pairs == [
        (["a", "n"], 5),
        (["b", "an"], 3),
        (["␣", "ban"], 2),
        (["an", "a"], 2),
    ]
    assert steps[-1][2] == ["ban·ana", "␣ban·d·ana", "␣ban"]


def test_pairs_that_overlap_are_counted_as_learning_counts_them():
    text = "aaaa aaa bab bab"
    for pair, times, _ in first_merges(text, 1):
        assert (pair, times) == (["a", "a"], 5)


def test_all_merges_are_those_of_the_package():
    text = "the hat, the cat\n\n and that — кошка и кот 🙂🙂 aaaa"
    words = Counter(spell(piece) for piece in split_pieces(text))
    expected = learn_merges(words, 1000)
    steps = list(first_merges(text, 1000))
    assert len(steps) == len(expected) > 20
    for (pair, _, _), learned in zip(steps, expected, strict=True):
        assert pair == [show_token(token) for token in learned]
    assert "·" not in "".join(steps[-1][2])


def test_tokens_are_shown_for_the_eye():
    assert show_token("ĠcafÃ©") == "␣café"
    assert show_token("Ã") == "\\xc3"
    assert show_token(spell(" \n\t")) == "␣↵⇥"


def test_what_the_page_cannot_learn_is_refused():
    with pytest.raises(ValueError, match="5,001 characters: show at most"):
        BytePair("a" * (LONGEST + 1))
    with pytest.raises(ValueError, match=r"BytePairTokenizer\.train"):
        BytePair("a", new_text="b" * (LONGEST + 1))
    with pytest.raises(TypeError, match="str"):
        BytePair(["a", "b"])


def test_nothing_can_be_learned_from_nothing():
    assert "<tbody></tbody>" in BytePair("").html()
