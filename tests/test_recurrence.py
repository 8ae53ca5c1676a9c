"""The part on recurrence: its states are those of the network."""

import math

import pytest
import torch

from lmbook.rnn import RNNConfig, RNNLanguageModel
from lmbook.tokenizers import WordTokenizer
from lmbook.widgets import CacheCells, Recurrence
from lmbook.widgets.recurrence import states_of

TOKENIZER = WordTokenizer("a b c d e".split())
CAT = {"in": 4, "out": -4, "miaow": 0}


def new_network(cell="elman", num_layers=2, d_hidden=7):
    config = RNNConfig(
        vocab_size=TOKENIZER.vocab_size,
        d_model=5,
        d_hidden=d_hidden,
        num_layers=num_layers,
        cell=cell,
    )
    return RNNLanguageModel(config, torch.Generator().manual_seed(0))


@pytest.mark.parametrize("cell", ["elman", "lstm", "gru"])
def test_states_are_those_of_the_top_layer(cell):
    model = new_network(cell)
    token_ids = [0, 3, 4, 5, 3]
    with torch.no_grad():
        hidden = model.embed(torch.tensor([token_ids]))
        for layer in model.layers:
            hidden, _ = layer(hidden)
    torch.testing.assert_close(states_of(model, token_ids), hidden[0])


def test_one_number_is_an_elman_network_of_one_unit():
    model = new_network(num_layers=1, d_hidden=1)
    (cell,) = model.layers
    with torch.no_grad():
        cell.hidden_weight.fill_(0.75)
        inputs = model.token_embedding.weight * 5**0.5  # as it is scaled
        totals = (inputs @ cell.input_weight.T + cell.bias)[:, 0]
    ids = TOKENIZER.encode("a b c d e")
    numbers = {TOKENIZER.tokens[i]: totals[i].item() for i in ids}
    texts = {"first": "a b b e", "second": "d b b e"}
    part = Recurrence(numbers=numbers, weight=0.75, **texts)
    for text, shown in zip(texts.values(), part.data["states"], strict=True):
        states = states_of(model, TOKENIZER.encode(text))
        torch.testing.assert_close(
            torch.tensor(shown), states, atol=0.0051, rtol=0
        )


def test_distances_are_over_all_numbers_of_the_state():
    model = new_network(d_hidden=29)
    part = Recurrence(model, TOKENIZER, first="a b c d", second="a e c d")
    first, second = (
        states_of(model, [TOKENIZER.bos_id, *TOKENIZER.encode(text)])[1:]
        for text in part.data["texts"]
    )
    expected = (first - second).norm(dim=-1)
    distances = torch.tensor(part.data["distances"])
    torch.testing.assert_close(distances, expected, atol=6e-4, rtol=0)
    assert part.data["distances"][0] == 0
    assert part.data["width"] == 29
    kept = len(part.data["states"][0][0])
    assert kept == part.data["num_units"] < 29
    left_out = (first - second).abs().sum(0).sort().values[: 29 - kept]
    shown = torch.tensor(part.data["states"])
    total = (shown[0] - shown[1]).abs().sum(0)
    assert total.min() > left_out.max() - 0.05


def test_the_longer_text_is_compared_as_far_as_the_shorter():
    part = Recurrence(numbers=CAT, first="in miaow", second="out out out")
    assert len(part.data["distances"]) == 2


def test_the_network_of_the_book_forgets_what_it_does_not_need():
    same, other = "One windy Sunday {} found a blue kite in the", "Ada"
    left = {}
    for name in ("Flora", "Wim"):  # she; he
        texts = {"first": same.format(other), "second": same.format(name)}
        distances = Recurrence(**texts).data["distances"]
        left[name] = distances[-1] / distances[3]
    assert left["Flora"] < 0.05 and left["Wim"] > 0.5


def test_cat():
    data = Recurrence(numbers=CAT, first="in miaow", second="out miaow").data
    states = [[state[0] for state in text] for text in data["states"]]
    after = math.tanh(2 * math.tanh(4))
    expected = [round(math.tanh(4), 2), round(after, 2)]
    assert states == [expected, [-state for state in expected]]
    assert data["distances"][1] == round(2 * after, 3)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"network": "ngram"}, "network='ngram' has no state here"),
        ({"model": new_network()}, "its tokenizer is not"),
        ({"tokenizer": TOKENIZER}, "a model is not"),
        ({"numbers": CAT}, "'One' has no number: use in, out, miaow"),
        ({"numbers": CAT, "first": "", "second": "in"}, "'' has 0 words"),
        ({"first": "a " * 41}, "has 41 words"),
    ],
)
def test_what_cannot_be_read_is_refused(given, message):
    with pytest.raises(ValueError, match=message):
        Recurrence(**given)


def test_what_has_no_state_is_refused():
    with pytest.raises(TypeError, match="CacheCells has no hidden state"):
        Recurrence(CacheCells(), TOKENIZER)
