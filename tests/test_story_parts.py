"""Story microscope and guessing game, as Python makes them.

tests/site/test_parts_of_stories.py has the page.
"""

import math

import pytest
import torch

from lmbook.evaluation import by_kind, document_bits, token_log_probs
from lmbook.ngram import train_ngram
from lmbook.oracle import Oracle
from lmbook.tokenizers import WordTokenizer, encode_documents
from lmbook.widgets import GuessingGame, StoryMicroscope
from lmbook.widgets.guessing_game import LISTS, frequencies
from lmbook.widgets.sources import page_model, words
from lmbook.widgets.stories import read


@pytest.fixture(scope="module")
def microscope():
    return StoryMicroscope()


def document_of(story):
    return torch.tensor([1, *(words().ids[t] for t in story["tokens"])])


def test_bits_are_those_of_evaluation(microscope):
    story = microscope.data["story"]
    document = document_of(story)
    assert document[-1] == words().eos_id
    names = ("ngram", "lstm", "transformer", "oracle")
    for name, bits in zip(names, story["bits"], strict=True):
        scores = token_log_probs(page_model(name), [document])
        expected = (-scores[0] / math.log(2)).tolist()
        assert bits == pytest.approx(expected, abs=2e-3)
        assert sum(bits) == pytest.approx(
            document_bits(scores).item(), abs=0.05
        )


def test_kinds_and_guesses_are_the_models_own(microscope):
    story = microscope.data["story"]
    document = document_of(story)
    oracle = page_model("oracle")
    assert story["kinds"] == oracle.kinds(document)
    for source, guesses in zip(
        microscope.sources, story["guesses"], strict=True
    ):
        shares = read(source, document[:-1].tolist()).exp()
        largest = shares.max(1).values.tolist()
        assert [p for _, p in guesses] == pytest.approx(largest, abs=6e-4)
        for row, (word, p) in zip(shares, guesses, strict=True):
            assert row[words().ids[word]].item() == pytest.approx(p, abs=6e-4)


def test_fallback_sums_up_by_kind(microscope):
    story, html = microscope.data["story"], microscope.html()
    floor = torch.tensor(story["bits"][-1])
    gaps = [torch.tensor(bits) - floor for bits in story["bits"][:-1]]
    for kind, (mean, count) in by_kind(gaps[:1], [story["kinds"]]).items():
        row = f">{kind}</th><td>{count}</td><td>{mean * count:.1f}</td>"
        assert row in html
    totals = "".join(f"<td>{gap.sum():.1f}</td>" for gap in gaps)
    assert f">all</th><td>{len(floor)}</td>{totals}" in html


def test_another_story_is_another(microscope):
    question = {"id": 1, "ask": "another", "given": {"seed": 7}}
    (message, arrays), (again, _) = map(microscope.answer, [question] * 2)
    story = message["value"]
    assert story == again["value"]
    assert arrays == []
    assert story["tokens"] != microscope.data["story"]["tokens"]
    assert len(story["bits"]) == 4


class Counting(torch.nn.Module):
    """Logits that say how many tokens were read."""

    context_length = 3

    def forward(self, token_ids):
        assert token_ids.shape[1] <= self.context_length
        row = torch.zeros(1, token_ids.shape[1], words().vocab_size)
        row[..., 5] = torch.arange(token_ids.shape[1])
        return row


def test_a_full_context_keeps_the_last_words():
    part = StoryMicroscope(Counting(), words())
    rows = read(part.sources[0], [1, 7, 8, 9, 10])
    ratios = (rows[:, 5] - rows[:, 0]).tolist()
    assert ratios == pytest.approx([0, 1, 2, 2, 2])
    assert len(part.data["story"]["bits"][0]) == len(
        part.data["story"]["tokens"]
    )


def small_model():
    documents = encode_documents(words(), ["One windy Monday Ada found"])
    return train_ngram(documents, 2, words().vocab_size), words()


def test_frequencies_are_those_of_the_stories():
    shares = frequencies()
    assert list(shares) == list(Oracle().tokenizer.tokens[3:])
    assert sum(shares.values()) == pytest.approx(1, abs=1e-3)
    assert min(shares.values()) > 0
    assert max(shares, key=shares.get) == "."


def test_lists_hold_words_of_the_stories():
    for name, members in LISTS.items():
        assert len(members) > 2, name
        assert not set(members) - set(words().tokens), name


def test_fallback_of_the_game_shows_the_models():
    part = GuessingGame(*small_model())
    bits = part.data["story"]["bits"]
    for name, costs in zip(("your model", "oracle"), bits, strict=True):
        mean = sum(costs[:-1]) / (len(costs) - 1)
        assert f">{name}</th><td>{mean:.2f}</td>" in part.html()


@pytest.mark.parametrize("kind", [StoryMicroscope, GuessingGame])
def test_other_tokens_are_refused(kind):
    tokenizer = WordTokenizer(["a"])
    with pytest.raises(ValueError, match=r"pass Oracle\(\)\.tokenizer"):
        kind(object(), tokenizer)
    with pytest.raises(ValueError, match="its tokenizer is not"):
        kind(object())


@pytest.mark.parametrize("num_words", [1, 51])
def test_game_asks_neither_one_word_nor_all(num_words):
    with pytest.raises(ValueError, match=f"num_words={num_words} is not"):
        GuessingGame(num_words=num_words)
