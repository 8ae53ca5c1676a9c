"""The models that a part asks, without a page."""

import pytest
import torch

from lmbook.oracle import Oracle
from lmbook.tokenizers import ByteTokenizer, WordTokenizer
from lmbook.widgets.base import FOLDER
from lmbook.widgets.markup import element
from lmbook.widgets.sources import (
    SHIPPED,
    ModelPart,
    Source,
    own,
    shipped,
    vocabulary,
)


class LastToken(torch.nn.Module):
    """Logits that name the last two tokens, and how many were read."""

    context_length = 3

    def __init__(self, vocab_size):
        super().__init__()
        self.vocab_size = vocab_size
        self.scale = torch.nn.Parameter(torch.ones(1))

    def forward(self, token_ids):
        logits = torch.zeros(*token_ids.shape, self.vocab_size)
        logits[0, -1, token_ids[0, -1]] = token_ids.shape[1]
        return logits * self.scale


@pytest.fixture
def tokenizer():
    return WordTokenizer("a b c d".split())


@pytest.fixture
def part(tokenizer):
    model = LastToken(tokenizer.vocab_size)
    return ModelPart({"x": 1}, element("p"), [own(model, tokenizer)])


def ask(part, name, **given):
    message, arrays = part.answer({"id": 1, "ask": name, "given": given})
    return message.get("value", message.get("error")), arrays


def test_the_page_learns_what_there_is_to_ask(part):
    about = {"name": "your model", "series": 5, "file": None}
    assert part.data == {"x": 1, "sources": [about]}


def test_questions_about_the_vocabulary(part, tokenizer):
    about, _ = ask(part, "open", source=0)
    assert about == {
        "vocabulary": tokenizer.tokens,
        "bosId": tokenizer.bos_id,
        "eosId": tokenizer.eos_id,
        "contextLength": 3,
    }
    ids, _ = ask(part, "encode", source=0, text="b a")
    assert ids == tokenizer.encode("b a")
    assert ask(part, "decode", source=0, token_ids=ids) == ("b a", [])


def test_logits_are_those_of_the_model(part, tokenizer):
    ids = [tokenizer.bos_id, *tokenizer.encode("a d")]
    value, (array,) = ask(part, "logits", source=0, token_ids=ids)
    assert value == {"array": 0, "shape": [tokenizer.vocab_size]}
    logits = torch.frombuffer(bytearray(array), dtype=torch.float32)
    assert logits.argmax() == ids[-1]
    assert logits.max() == 3


def test_of_a_long_text_the_end_is_read(part, tokenizer):
    ids = [tokenizer.bos_id, *tokenizer.encode("a b c d a b c")]
    logits = part.sources[0].logits(ids)
    assert logits.argmax() == ids[-1]
    assert logits.max() == LastToken.context_length


def test_a_model_is_loaded_once_and_when_asked(tokenizer):
    loaded = []

    def load_both():
        loaded.append(1)
        return LastToken(tokenizer.vocab_size), tokenizer

    part = ModelPart({}, element("p"), [Source("late", load_both, 1)])
    part.html()
    assert loaded == []
    for _ in range(2):
        ask(part, "logits", source=0, token_ids=[tokenizer.bos_id])
    assert loaded == [1]


def test_a_fault_of_the_model_is_told(part):
    error, _ = ask(part, "logits", source=0, token_ids=[99])
    assert error.startswith("IndexError: index 99 is out of bounds")


@pytest.mark.parametrize("name", SHIPPED)
def test_what_is_shipped_has_a_file(name):
    source = shipped(name)
    assert (FOLDER / source.file).is_file()
    assert 1 <= source.series <= 6


def test_the_oracle_is_a_source():
    source, oracle = shipped("oracle"), Oracle()
    ids = [oracle.tokenizer.bos_id, *oracle.tokenizer.encode("One windy")]
    expected = oracle(torch.tensor([ids]))[0, -1]
    assert torch.equal(source.logits(ids), expected.float())


def test_no_such_model():
    message = "no model 'gpt' comes with the book: choose one of ngram, elman"
    with pytest.raises(ValueError, match=message):
        shipped("gpt")


def test_tokens_without_a_list_are_decoded():
    tokenizer = ByteTokenizer()
    tokens = vocabulary(tokenizer)
    assert len(tokens) == tokenizer.vocab_size
    assert tokens[tokenizer.encode("a")[0]] == "a"
    assert tokens[tokenizer.bos_id] == "<s>"
    assert tokens[tokenizer.eos_id] == "</s>"
