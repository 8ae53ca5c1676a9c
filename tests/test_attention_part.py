"""The part on attention: where the heads look is what the model does."""

from types import SimpleNamespace

import pytest
import torch

from lmbook.oracle import Oracle
from lmbook.rnn import RNNConfig, RNNLanguageModel
from lmbook.tokenizers import WordTokenizer
from lmbook.transformer import Transformer, TransformerConfig
from lmbook.widgets import Attention
from lmbook.widgets.attention import look

TOKENIZER = WordTokenizer("a b c d e".split())


def new_transformer(**changes):
    settings = {"context_length": 7, "d_model": 24, "num_layers": 3}
    settings |= {"num_heads": 6, **changes}
    config = TransformerConfig(vocab_size=TOKENIZER.vocab_size, **settings)
    return Transformer(config, torch.Generator().manual_seed(0))


@pytest.mark.parametrize("num_kv_heads", [6, 2])
def test_each_look_is_a_row_of_the_model(num_kv_heads):
    model = new_transformer(num_kv_heads=num_kv_heads)
    token_ids = [0, 3, 4, 5, 3]
    logits, shares = look(model, token_ids)
    expected = model(torch.tensor([token_ids]))[0, -1]
    torch.testing.assert_close(logits, expected.detach())
    assert shares.shape == (3, 6, 5)
    torch.testing.assert_close(shares.sum(-1), torch.ones(3, 6))


def test_a_look_brings_the_values_that_the_model_brings():
    model = new_transformer(num_layers=1, d_model=12, num_heads=3)
    token_ids = [0, 5, 4, 3]
    brought = []
    attention = model.blocks[0].attention
    attention.output_proj.register_forward_pre_hook(
        lambda module, inputs: brought.append(inputs[0][0, -1])
    )
    values = []
    attention.value_proj.register_forward_hook(
        lambda module, inputs, output: values.append(output[0])
    )
    model(torch.tensor([token_ids]))
    _, shares = look(model, token_ids)
    by_head = values[0].detach().unflatten(-1, (3, 4)).transpose(0, 1)
    mixed = (shares[0][:, None] @ by_head).flatten()
    torch.testing.assert_close(mixed, brought[0].detach())


def test_it_shows_the_magic_word_that_is_due():
    data = Attention(head=(2, 3)).data
    shares = data["attention"][1][2]
    best = max(range(len(shares)), key=shares.__getitem__)
    assert data["tokens"][best] == data["expected"][0][0] == "velvet"
    assert data["tokens"][data["at"]] == "and"


def test_a_long_text_is_read_as_far_as_the_model_can():
    part = Attention(new_transformer(), TOKENIZER, "a b c d " * 5)
    assert len(part.data["tokens"]) == 7
    assert part.data["at"] == 6
    assert part.sources[0].file is None


def test_a_model_keeps_its_mode():
    model = new_transformer(dropout=0.5).train()
    first, second = (look(model, [0, 3, 4])[0] for _ in range(2))
    assert torch.equal(first, second)
    assert model.training


def test_a_class_of_the_readers_own_will_do():
    names = ("positions", "embed", "blocks", "unembed", "context_length")
    model = new_transformer()
    same = SimpleNamespace(**{name: getattr(model, name) for name in names})
    shown = [Attention(m, TOKENIZER, "a b c").data for m in (model, same)]
    assert shown[0] == shown[1]


def test_what_has_no_heads_is_refused():
    config = RNNConfig(vocab_size=8, d_model=4, d_hidden=4)
    network = RNNLanguageModel(config, torch.Generator())
    with pytest.raises(TypeError, match="RNNLanguageModel has no heads"):
        Attention(network, TOKENIZER)
    with pytest.raises(ValueError, match="its tokenizer is not"):
        Attention(new_transformer())
    with pytest.raises(ValueError, match="a model is not"):
        Attention(tokenizer=Oracle().tokenizer)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"at": 4}, "at=4 is no word of this text: give 0 to 3"),
        ({"at": -1}, "at=-1 is no word"),
        ({"head": (4, 1)}, r"head=\(4, 1\) is none of 3 layers of 6 heads"),
        ({"head": (1, 0)}, r"head=\(1, 0\) is none"),
    ],
)
def test_what_is_not_there_is_refused(given, message):
    with pytest.raises(ValueError, match=message):
        Attention(new_transformer(), TOKENIZER, "a b c", **given)
