"""Next word, as Python makes it; tests/site/test_parts.py has the page."""

import pytest
import torch

from lmbook.ngram import train_ngram
from lmbook.oracle import Oracle
from lmbook.tokenizers import WordTokenizer, encode_documents
from lmbook.widgets import NextWord
from lmbook.widgets.distributions import likeliest
from lmbook.widgets.next_word import BEGINNING
from lmbook.widgets.sources import shipped

HOSTILE = "</script><img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def part():
    return NextWord()


def small_model(texts=("a b c", "a b d")):
    tokenizer = WordTokenizer("a b c d".split())
    documents = encode_documents(tokenizer, texts)
    return train_ngram(documents, 2, tokenizer.vocab_size), tokenizer


def test_it_begins_with_what_the_models_say(part):
    assert [about["file"] for about in part.data["sources"]] == [
        f"models/{name}.safetensors"
        for name in ("ngram", "lstm", "transformer", "oracle")
    ]
    tokenizer = Oracle().tokenizer
    ids = [tokenizer.bos_id, *tokenizer.encode(BEGINNING, errors="strict")]
    for source, words in zip(part.sources, part.data["start"], strict=True):
        shares = source.logits(ids).softmax(-1)
        for i, word, share in words:
            assert tokenizer.tokens[i] == word
            assert share == pytest.approx(shares[i].item(), abs=1e-4)
        largest = shares.topk(len(words)).values.tolist()
        found = [share for *_, share in words]
        assert found == pytest.approx(largest, abs=1e-4)


def test_it_says_what_can_come_and_what_models_spend_elsewhere(part):
    seen, [(mirror, word, share)] = part.data["seen"], part.data["start"][-1]
    assert (seen["possible"], word, share) == (["mirror"], "mirror", 1.0)
    tokenizer = Oracle().tokenizer
    ids = [tokenizer.bos_id, *tokenizer.encode(BEGINNING)]
    for source, wrong in zip(part.sources, seen["wrong"], strict=True):
        kept = source.logits(ids).softmax(-1)[mirror].item()
        assert wrong == pytest.approx(1 - kept, abs=1e-4)


def test_what_cannot_be_told_is_said():
    text = "One windy zebra"
    part = NextWord(*story_model(), text)
    mine, refusal = part.data["start"]
    assert mine[0][2] > 0
    assert "'<unk>' cannot follow in Storyworld; what can: Mon" in refusal
    assert part.data["seen"] is None
    assert "what can: Mon" in part.html()


def story_model():
    tokenizer = Oracle().tokenizer
    documents = [torch.tensor([1, *tokenizer.encode("One windy"), 2])]
    return train_ngram(documents, 1, tokenizer.vocab_size), tokenizer


def test_your_model_stands_beside_the_oracle_if_it_can():
    names = [s["name"] for s in NextWord(*story_model(), "").data["sources"]]
    assert names == ["your model", "oracle"]
    part = NextWord(*small_model(), "a")
    assert [s["name"] for s in part.data["sources"]] == ["your model"]
    assert part.data["judge"] is None
    assert part.data["start"][0][0][:2] == (4, "b")


def test_a_model_reads_what_it_has_room_for():
    class LastOfTwo(torch.nn.Module):
        context_length = 2

        def forward(self, token_ids):
            assert token_ids.shape[1] <= 2
            return torch.nn.functional.one_hot(token_ids, 7) * 9.0

    part = NextWord(LastOfTwo(), small_model()[1], "a b c d a")
    assert part.data["start"][0][0][1] == "a"


def test_text_is_only_text():
    html = NextWord(*small_model(), f"a {HOSTILE}").html()
    assert "<img" not in html
    assert html.count("</script") == 1


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"num_words": 0}, "num_words=0 shows nothing: pass 1 or more"),
        ({"model": object()}, "and its tokenizer; its tokenizer is not"),
        ({"tokenizer": object()}, "and its tokenizer; a model is not"),
    ],
)
def test_next_word_refuses(given, message):
    with pytest.raises(ValueError, match=message):
        NextWord(**given)


def test_shares_are_equal_on_every_processor():
    assert likeliest(torch.tensor([0.25, 0.5, 1e-4, 0.25]), 9) == [
        (1, 0.5),
        (0, 0.25),
        (3, 0.25),
    ]
    nearly = torch.tensor([0.3 - 1e-9, 0.3 + 1e-9])
    assert [i for i, _ in likeliest(nearly, 2)] == [0, 1]


def test_the_books_models_are_loaded_once_and_left_as_they_are(part):
    model, _ = part.sources[2].both
    assert model is shipped("transformer").both[0]
    assert {p.dtype for p in model.parameters()} == {torch.float32}
