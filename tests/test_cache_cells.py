"""The part on the cache: what is read, and that nothing is lost by it."""

import pytest
import torch

from lmbook.rnn import RNNConfig, RNNLanguageModel
from lmbook.tokenizers import WordTokenizer
from lmbook.transformer import Transformer, TransformerConfig
from lmbook.widgets import CacheCells

TOKENIZER = WordTokenizer("a b c d e".split())


def new_transformer():
    config = TransformerConfig(
        vocab_size=TOKENIZER.vocab_size,
        context_length=11,
        d_model=12,
        num_layers=2,
        num_heads=3,
    )
    return Transformer(config, torch.Generator().manual_seed(0))


def new_network():
    config = RNNConfig(
        vocab_size=TOKENIZER.vocab_size, d_model=5, d_hidden=7, cell="lstm"
    )
    return RNNLanguageModel(config, torch.Generator().manual_seed(0))


@pytest.mark.parametrize("make", [new_transformer, new_network])
def test_both_ways_end_alike_and_read_what_they_say(make):
    model = make()
    part = CacheCells(model, TOKENIZER, text="a b")
    num_read = []
    model.token_embedding.register_forward_hook(
        lambda module, inputs, output: num_read.append(inputs[0].numel())
    )
    token_ids = [TOKENIZER.bos_id, 3, 4, 5, 6]
    for length, expected in ((3, 3), (4, 1), (5, 1), (2, 2), (5, 3)):
        beginning = token_ids[:length]
        again = part.ask_again(beginning)
        assert again["num_read"] == sum(num_read) == length
        num_read.clear()
        cached = part.ask_cached(beginning)
        assert cached["num_read"] == sum(num_read) == expected
        num_read.clear()
        torch.testing.assert_close(again["logits"], cached["logits"])
        assert min(again["milliseconds"], cached["milliseconds"]) > 0


def test_another_text_is_read_from_its_start():
    part = CacheCells(new_transformer(), TOKENIZER, text="a b")
    part.ask_cached([0, 3, 4])
    other = part.ask_cached([0, 4, 4, 5])
    assert other["num_read"] == 4
    torch.testing.assert_close(
        other["logits"], part.ask_again([0, 4, 4, 5])["logits"]
    )


def test_the_table_counts_the_cells():
    words = CacheCells(text="One rainy Sunday Greta").html()
    row = '<th scope="row">Greta</th>' + "".join(
        f"<td>{cell}</td>" for cell in (4, 10, 1, 4)
    )
    assert row in words
    assert "5,050 and 100" in words


def test_what_keeps_nothing_is_refused():
    with pytest.raises(TypeError, match="object has no `step` and keeps"):
        CacheCells(object(), TOKENIZER)
    with pytest.raises(ValueError, match="its tokenizer is not"):
        CacheCells(new_network())
    with pytest.raises(ValueError, match="a model is not"):
        CacheCells(tokenizer=TOKENIZER)


@pytest.mark.parametrize("text", ["", "a " * 100])
def test_a_text_without_room_is_refused(text):
    with pytest.raises(ValueError, match="give 1 to 99"):
        CacheCells(new_network(), TOKENIZER, text=text)
