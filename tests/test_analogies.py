"""Scores of word vectors, by hand on a plane; the words they ask for."""

import pytest
import torch

from lmbook.analogies import (
    Score,
    analogy_score,
    pair_recall,
    pool_precision,
    questions,
    story_pairs,
    story_pools,
    suffix_pairs,
)
from lmbook.embeddings import Embeddings
from lmbook.oracle import vocabulary


@pytest.fixture
def compass():
    """Words on a plane: singular to plural is one step to the right."""
    points = {
        "cat": (-0.2, 1.0), "cats": (0.2, 1.0),
        "dog": (-0.2, -1.0), "dogs": (0.2, -1.0),
        "far": (-1.0, 0.1), "away": (0.0, 5.0),
    }  # fmt: skip
    return Embeddings([*points], torch.tensor([*points.values()]))


def test_scores_by_hand(compass):
    pairs = [("cat", "cats"), ("dog", "dogs")]
    score = analogy_score(compass, questions(pairs))
    assert score.score == 1 and score.chance == 1 / 3
    assert score.num_questions == 2
    assert score.without_pair == 0.5  # nearest to cat, without dogs, is away
    assert analogy_score(compass, questions(pairs), 1).num_questions == 1
    recall = pair_recall(compass, pairs, k=1)
    assert recall == (0.5, 1 / 5, 2)
    assert pair_recall(compass, pairs, k=2).score == 1


def test_pool_precision_by_hand(compass):
    """cat: away, cats. cats: away, cat. dogs: dog, far."""
    scores = pool_precision(compass, {"three": ["cat", "cats", "dogs"]}, k=2)
    assert scores == {"three": Score(pytest.approx(2 / 6), 2 / 5, 3)}


def test_no_questions(compass):
    with pytest.raises(ValueError, match="no questions: no two pairs"):
        analogy_score(compass, [])


def test_story_words_are_words_of_stories():
    pools, words = story_pools(), set(vocabulary())
    everything = [word for pool in pools.values() for word in pool]
    assert len(everything) == len(set(everything))
    assert set(everything) <= words
    assert min(map(len, pools.values())) > 5
    assert pools["fruit"][0] + "s" == pools["fruits"][0] == "pears"
    for pairs in story_pairs().values():
        assert {word for pair in pairs for word in pair} <= words
    numbers = story_pairs()["next number"]
    assert (numbers[0], numbers[-1]) == (("one", "two"), ("eight", "nine"))


def test_questions_share_no_word():
    """Of six ordered pairs of steps, the four between neighbours share one."""
    steps = [("one", "two"), ("two", "three"), ("three", "four")]
    assert questions(steps) == [
        ("one", "two", "three", "four"),
        ("three", "four", "one", "two"),
    ]


def test_suffix_pairs():
    words = ["call", "calls", "calling", "a", "as", "map"]
    assert suffix_pairs(words, "s") == [("call", "calls")]
    assert suffix_pairs(words, "s", 1) == [("a", "as"), ("call", "calls")]
    assert suffix_pairs(words, "ing") == [("call", "calling")]
