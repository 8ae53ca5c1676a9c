"""Labels: what is cut off, the best guess by hand, no name left in a text."""

import re

import pytest
import torch

from lmbook.corpora import stories
from lmbook.labels import (
    ANSWERS,
    TOPICS,
    Labelled,
    best_guess,
    docstring_topics,
    label_stories,
)
from lmbook.oracle import Oracle
from lmbook.storyworld import MOODS


@pytest.fixture(scope="module")
def some_stories():
    return stories(128, seed=5)


@pytest.fixture(scope="module")
def topics():
    return docstring_topics()


def test_the_mood_is_cut_off(some_stories):
    found = label_stories(some_stories)
    assert found.classes == tuple(MOODS)
    for story, text, label in zip(some_stories, *found[:2], strict=True):
        assert story.startswith(text) and text.endswith(".")
        hero = re.search(r"(\w+) fetched", story)[1]
        rest = story[len(text) :]
        assert rest.startswith(f" That night {hero} felt {label}. In its")


def test_the_place_is_cut_off(some_stories):
    found = label_stories(some_stories, "place")
    for story, text, label in zip(some_stories, *found[:2], strict=True):
        rest = story[len(text) :]
        assert re.match(rf" At \w+ \w+ fetched .* from the {label}\.", rest)
        assert "fetched" not in text


def test_best_guess_of_the_mood_by_hand(some_stories):
    """Weights 8 6 4 1 0 1 of 20 if the promise was kept, else 1 1 1 4 8 3."""
    rows = best_guess(Oracle(), some_stories)
    kept = torch.tensor([8, 6, 4, 1, 0, 1], dtype=torch.float64) / 20
    broken = torch.tensor([1, 1, 1, 4, 8, 3], dtype=torch.float64) / 18
    for row, story in zip(rows, some_stories, strict=True):
        was_kept = "gave it to" in story
        torch.testing.assert_close(row, kept if was_kept else broken)
    assert {"gave it to" in story for story in some_stories} == {True, False}


def test_best_guess_of_the_place_is_certain(some_stories):
    rows = best_guess(Oracle(), some_stories, "place")
    labels = label_stories(some_stories, "place").labels
    assert torch.equal(rows.max(-1).values, torch.ones(128).double())
    best = [ANSWERS["place"][i] for i in rows.argmax(-1)]
    assert best == labels


def test_topics_do_not_name_themselves(topics):
    assert topics.classes == TOPICS
    assert set(topics.labels) == set(TOPICS)
    assert min(map(topics.labels.count, TOPICS)) >= 50
    names = re.compile("|".join(TOPICS), re.IGNORECASE)
    assert not any(map(names.search, topics.texts))
    assert any("___" in text for text in topics.texts)


def test_no_paragraph_twice(topics):
    paragraphs = [p for text in topics.texts for p in text.split("\n")]
    assert len(paragraphs) == len(set(paragraphs))
    assert min(len(text.split()) for text in topics.texts) >= 5


def test_split_keeps_all(topics):
    train, test = topics.split(0.25)
    assert train.classes == test.classes == topics.classes
    pairs = [
        pair
        for part in (train, test)
        for pair in zip(part.texts, part.labels, strict=True)
    ]
    everything = zip(topics.texts, topics.labels, strict=True)
    assert sorted(pairs) == sorted(everything)
    assert len(test.texts) == pytest.approx(len(pairs) / 4, rel=0.2)


def test_equal_texts_stay_together():
    texts = [*map(str, range(20))] * 2
    labels = ["x"] * 20 + ["y"] * 20
    for part in Labelled(texts, labels, ("x", "y")).split(0.5):
        assert part.labels.count("x") == part.labels.count("y") > 0
        assert len(part.texts) == 2 * len(set(part.texts))


def test_errors(some_stories):
    with pytest.raises(ValueError, match=r"'hat' is not one of \['mood'"):
        label_stories(some_stories, "hat")
    with pytest.raises(ValueError, match="no mood is told in “Once upon"):
        label_stories(["Once upon a time."])
    with pytest.raises(ValueError, match="'hat' is not one of"):
        best_guess(Oracle(), some_stories, "hat")
    with pytest.raises(ValueError, match="no stories"):
        best_guess(Oracle(), [])
    with pytest.raises(FileNotFoundError, match="no Python source in"):
        docstring_topics(["no_such_package"])
