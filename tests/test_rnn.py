"""Recurrent networks: beside torch.nn, by hand, invariants, errors."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from lmbook.evaluation import cross_entropy, token_log_probs
from lmbook.interface import StatefulLanguageModel
from lmbook.rnn import (
    CELLS,
    GRU,
    LSTM,
    Elman,
    RNNConfig,
    RNNLanguageModel,
    detach,
)
from lmbook.sampling import generate

B, T, V, D, H, L = 3, 11, 13, 5, 7, 2
REFERENCES = {Elman: nn.RNN, LSTM: nn.LSTM, GRU: nn.GRU}
TOLERANCES = {
    torch.float32: {"rtol": 1e-5, "atol": 1e-6},
    torch.float64: {"rtol": 1e-10, "atol": 1e-12},
}

every_cell = pytest.mark.parametrize("cell", CELLS)
every_layer = pytest.mark.parametrize("kind", REFERENCES)
every_dtype = pytest.mark.parametrize("dtype", TOLERANCES, ids=str)


def close(found, expected, **options):
    torch.testing.assert_close(found, torch.as_tensor(expected), **options)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def build(cell="lstm", seed=0, **options):
    sizes = {"vocab_size": V, "d_model": D, "d_hidden": H, "num_layers": L}
    return RNNLanguageModel(
        RNNConfig(cell=cell, **(sizes | options)), seeded(seed)
    )


def tokens(batch_size=B, length=T, seed=1):
    size = (batch_size, length)
    return torch.randint(V, size, generator=seeded(seed))


def pairs_with_torch(layers, reference):
    """(our parameter, the same numbers of torch.nn or a part of them)."""
    for n, layer in enumerate(layers):
        yield layer.input_weight, getattr(reference, f"weight_ih_l{n}"), ...
        yield layer.hidden_weight, getattr(reference, f"weight_hh_l{n}"), ...
        yield layer.bias, getattr(reference, f"bias_ih_l{n}"), ...
        if isinstance(layer, GRU):
            last = slice(2 * layer.d_hidden, None)
            bias = getattr(reference, f"bias_hh_l{n}")
            yield layer.candidate_bias, bias, last


def like_torch(layers, dtype=torch.float64):
    """torch.nn's network with the weights of our layers, in `dtype`.

    It has a second bias, which is 0 but where the GRU has one too. Ours are
    redrawn, for a bias of 0 would hide faults.
    """
    d_hidden, d_input = layers[0].d_hidden, layers[0].input_weight.shape[1]
    reference = REFERENCES[type(layers[0])](
        d_input, d_hidden, len(layers), batch_first=True, dtype=dtype
    )
    generator = seeded(2)
    with torch.no_grad():
        for parameter in reference.parameters():
            parameter.zero_()
        for layer in layers:
            layer.to(dtype)
        for ours, theirs, part in pairs_with_torch(layers, reference):
            if ours.ndim == 1:
                ours.normal_(generator=generator)
            theirs[part] = ours
    return reference


def random_state(kind, dtype, seed=3):
    size = (kind.state_size, B, H)
    return torch.randn(size, generator=seeded(seed), dtype=dtype)


def run_beside_torch(layer, dtype):
    """Outputs, last state and gradients of both, from a random state."""
    reference = like_torch([layer], dtype)
    drawn = torch.randn(B, T, D, generator=seeded(4), dtype=dtype)
    weights = torch.randn(B, T, H, generator=seeded(5), dtype=dtype)
    found = []
    for is_ours in (True, False):
        inputs = drawn.clone().requires_grad_()
        start = random_state(type(layer), dtype).requires_grad_()
        if is_ours:
            outputs, state = layer(inputs, tuple(start))
        else:
            axes = tuple(start[:, None]) if len(start) > 1 else start
            outputs, state = reference(inputs, axes)
            state = state if isinstance(state, tuple) else (state,)
            state = tuple(x[0] for x in state)
        loss = (outputs * weights).sum() + sum(x.square().sum() for x in state)
        loss.backward()
        found.append([outputs, *state, inputs.grad, start.grad])
    for ours, theirs, part in pairs_with_torch([layer], reference):
        found[0].append(ours.grad)
        found[1].append(theirs.grad[part])
    return found


# Beside torch.nn, at the same weights.


@every_dtype
@every_layer
def test_a_layer_and_its_gradients_are_those_of_torch(kind, dtype):
    found, expected = run_beside_torch(kind(D, H, seeded()), dtype)
    assert len(found) >= 7
    for ours, theirs in zip(found, expected, strict=True):
        close(ours, theirs, **TOLERANCES[dtype])


class NoPast(Elman):
    def step(self, projected, state):
        return (projected.tanh(),)


class GatesSwapped(LSTM):
    def step(self, projected, state):
        i, f, g, o = projected.chunk(4, dim=1)
        return super().step(torch.cat([f, i, g, o], dim=1), state)


class CellNotSquashed(LSTM):
    def step(self, projected, state):
        hidden, cell = super().step(projected, state)
        return hidden / cell.tanh() * cell, cell


class OldForNew(GRU):
    def step(self, projected, state):
        (hidden,), (after,) = state, super().step(projected, state)
        return (hidden + after.tanh() - after,)


@pytest.mark.parametrize(
    "faulty", [NoPast, GatesSwapped, CellNotSquashed, OldForNew]
)
def test_planted_faults_are_seen(faulty, monkeypatch):
    parent = faulty.__bases__[0]
    monkeypatch.setitem(REFERENCES, faulty, REFERENCES[parent])
    layer = faulty(D, H, seeded())
    found, expected = run_beside_torch(layer, torch.float32)
    with pytest.raises(AssertionError, match="not close"):
        close(found[0], expected[0], **TOLERANCES[torch.float32])


@every_dtype
@every_cell
def test_the_model_and_its_gradients_are_those_of_torch(cell, dtype):
    """Three layers between an embedding and a matrix."""
    model = build(cell, num_layers=3).to(dtype)
    reference = like_torch(model.layers, dtype)
    embedding = model.token_embedding.weight.detach().clone()
    unembedding = model.unembedding.weight.detach().clone()
    ends = [embedding.requires_grad_(), unembedding.requires_grad_()]
    token_ids, targets = tokens(), tokens(seed=6).flatten()
    outputs, _ = reference(F.embedding(token_ids, embedding) * D**0.5)
    expected = F.linear(outputs, unembedding)
    logits = model(token_ids)
    close(logits, expected, **TOLERANCES[dtype])
    for x in (logits, expected):
        F.cross_entropy(x.flatten(0, 1), targets).backward()
    ours = [model.token_embedding.weight, model.unembedding.weight]
    pairs = [(x, y, ...) for x, y in zip(ours, ends, strict=True)]
    pairs += pairs_with_torch(model.layers, reference)
    assert len(pairs) == len(list(model.parameters()))
    for x, y, part in pairs:
        close(x.grad, y.grad[part], **TOLERANCES[dtype])


# By hand.


def one_number(kind, input_weight, hidden_weight, bias):
    """A layer of one input and one hidden number, with these weights."""
    layer = kind(1, 1, seeded()).double()
    with torch.no_grad():
        for parameter, values in (
            (layer.input_weight, input_weight),
            (layer.hidden_weight, hidden_weight),
            (layer.bias, bias),
        ):
            parameter.copy_(double(values).view_as(parameter))
    return layer


def double(numbers):
    return torch.tensor(numbers, dtype=torch.float64)


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def test_elman_by_hand():
    """Two steps: h(1) = tanh(2 x - 1), h(2) = tanh(2 x - 1 + 3 h(1))."""
    layer = one_number(Elman, [2.0], [3.0], [-1.0])
    outputs, state = layer(double([[[0.7], [0.2]]]))
    first = math.tanh(2 * 0.7 - 1)
    second = math.tanh(2 * 0.2 - 1 + 3 * first)
    close(outputs, double([[[first], [second]]]))
    close(state[0], outputs[:, 1])


def test_lstm_by_hand():
    weights = [0.5, -1.0, 2.0, 0.3], [0.4, 0.6, -0.7, 0.9], [0.1, 1.0, 0, -1]
    layer = one_number(LSTM, *weights)
    outputs, state = layer(double([[[0.7]]]), double([[[0.2]], [[-0.5]]]))
    i, f, g, o = (
        w * 0.7 + u * 0.2 + b for w, u, b in zip(*weights, strict=True)
    )
    after = sigmoid(f) * -0.5 + sigmoid(i) * math.tanh(g)
    assert state[1].item() == pytest.approx(after, rel=1e-12)
    expected = sigmoid(o) * math.tanh(after)
    assert outputs.item() == pytest.approx(expected, rel=1e-12)


def test_gru_keeps_what_its_gate_says():
    """A wide open z keeps the old state; a closed one takes the new."""
    for z, expected in ((40.0, 0.25), (-40.0, math.tanh(0.7))):
        layer = one_number(GRU, [0.0, 0.0, 1.0], [0.0] * 3, [0.0, z, 0.0])
        outputs, _ = layer(double([[[0.7]]]), double([[[0.25]]]))
        assert outputs.item() == pytest.approx(expected, rel=1e-12)


# How a model begins.


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("vocab_size", [11, 307])
@every_cell
def test_at_first_all_tokens_are_about_equally_likely(cell, vocab_size, tied):
    model = build(
        cell,
        vocab_size=vocab_size,
        d_model=97 if tied else 61,
        d_hidden=97,
        tie_embeddings=tied,
    )
    size = (19, 53)
    token_ids = torch.randint(vocab_size, size, generator=seeded(1))
    logits = model(token_ids[:, :-1])
    loss = F.cross_entropy(logits.flatten(0, 1), token_ids[:, 1:].flatten())
    assert abs(loss.item() / math.log(vocab_size) - 1) < 0.05


@every_cell
def test_weights_depend_on_the_generator_only(cell):
    before = torch.get_rng_state()
    first, again, other = build(cell), build(cell), build(cell, seed=1)
    assert torch.equal(before, torch.get_rng_state())
    for name, weight in first.state_dict().items():
        assert torch.equal(weight, again.state_dict()[name])
        drawn = weight.ndim == 2
        assert drawn != torch.equal(weight, other.state_dict()[name])


def test_an_lstm_begins_by_keeping():
    bias = LSTM(D, H, seeded()).bias
    close(bias, [0.0] * H + [1.0] * H + [0.0] * 2 * H)


def test_tied_embeddings_are_one_matrix():
    model = build(d_model=H, tie_embeddings=True)
    names = [name for name, _ in model.named_parameters()]
    assert names == list(model.state_dict())
    assert not any("unembedding" in name for name in names)
    free = build(d_model=H)
    count = [sum(p.numel() for p in m.parameters()) for m in (free, model)]
    assert count[0] - count[1] == V * H
    hidden = torch.randn(B, H, generator=seeded())
    expected = hidden @ model.token_embedding.weight.T
    close(model.unembed(hidden), expected)


@pytest.mark.parametrize("scaled", [False, True])
def test_embeddings_are_scaled_going_in(scaled):
    model, token_ids = build(scale_embedding=scaled), tokens()
    expected = model.token_embedding.weight[token_ids]
    close(model.embed(token_ids), expected * (D**0.5 if scaled else 1))


# Invariants.


@every_cell
def test_it_has_the_interface(cell):
    model = build(cell)
    assert isinstance(model, StatefulLanguageModel)
    logits = model(tokens())
    assert logits.shape == (B, T, V)
    close(logits.softmax(-1).sum(-1), torch.ones(B, T))


@every_cell
def test_the_future_does_not_change_earlier_logits(cell):
    model, token_ids = build(cell), tokens()
    expected = model(token_ids)
    for t in range(T):
        changed = token_ids.clone()
        changed[:, t:] = (changed[:, t:] + 1) % V
        logits = model(changed)
        close(logits[:, :t], expected[:, :t])
        differs = (logits[:, t:] != expected[:, t:]).any(-1)
        assert differs.all()


@every_cell
def test_batch_is_single(cell):
    model, token_ids = build(cell), tokens()
    for row, expected in zip(token_ids, model(token_ids), strict=True):
        close(model(row[None])[0], expected)


@every_cell
def test_steps_are_the_whole(cell):
    model, token_ids = build(cell), tokens()
    state, found = None, []
    for column in token_ids.unbind(1):
        logits, state = model.step(column, state)
        assert logits.shape == (B, V)
        found.append(logits)
    close(torch.stack(found, dim=1), model(token_ids))


@every_cell
def test_pieces_are_the_whole(cell):
    """Logits and gradients, when the state is carried with its graph."""
    model, token_ids = build(cell).double(), tokens()
    weights = torch.randn(B, T, V, generator=seeded(7)).double()
    (model(token_ids) * weights).sum().backward()
    expected = [p.grad for p in model.parameters()]
    model.zero_grad()
    state, found = None, []
    for piece in token_ids.split([2, 1, 5, 3], dim=1):
        logits, state = model.read(piece, state)
        found.append(logits)
    found = torch.cat(found, dim=1)
    close(found, model(token_ids))
    (found * weights).sum().backward()
    for parameter, gradient in zip(model.parameters(), expected, strict=True):
        close(parameter.grad, gradient)


@every_cell
def test_detach_ends_the_gradients(cell):
    """Tokens 0 to 4 are in the first piece only, 5 to 12 in the second."""
    model, token_ids = build(cell), tokens()
    pieces = token_ids % 5, 5 + token_ids % 8
    for cut in (False, True):
        model.zero_grad()
        _, state = model.read(pieces[0])
        carried = detach(state) if cut else state
        logits, _ = model.read(pieces[1], carried)
        logits.logsumexp(-1).sum().backward()
        rows = model.token_embedding.weight.grad[:5]
        assert (rows == 0).all() == cut
        for before, after in zip(state, carried, strict=True):
            assert all(map(torch.equal, before, after))


@every_cell
def test_a_tiny_batch_is_learned(cell):
    """Random continuations of two first tokens: memory alone tells them."""
    model, token_ids = build(cell, d_model=17, d_hidden=31), tokens()
    token_ids[:, 0] = torch.arange(B)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.02)
    for _ in range(150):
        logits = model(token_ids[:, :-1]).flatten(0, 1)
        loss = F.cross_entropy(logits, token_ids[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.05


def test_dropout_is_for_training_only():
    plain, dropping = build(), build(dropout=0.5)
    token_ids = tokens()
    close(dropping.eval()(token_ids), plain(token_ids))
    dropping.train()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        first, second = dropping(token_ids), dropping(token_ids)
    assert (first != second).any(-1).all()


@pytest.mark.parametrize("num_layers", [1, 3])
def test_dropout_is_before_each_layer_and_the_logits(num_layers):
    """Never on the way from one time to the next."""
    model = build("elman", num_layers=num_layers, dropout=0.5)
    seen = []
    model.dropout.register_forward_hook(lambda *call: seen.append(call[1:]))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model(tokens(31, 37))
    assert len(seen) == num_layers + 1
    for (inputs,), outputs in seen:
        kept = outputs != 0
        close(outputs[kept], 2 * inputs[kept])
        share = kept.float().mean().item()
        assert abs(share - 0.5) < 5 * 0.5 / math.sqrt(kept.numel())


# What the rest of the book does with a model.


@every_cell
def test_evaluation_reads_it(cell):
    model = build(cell)
    documents = [tokens(1, n, seed=n)[0] for n in (2, 7, 5)]
    total = 0.0
    for document in documents:
        logits = model(document[None, :-1])[0]
        total += F.cross_entropy(logits, document[1:], reduction="sum").item()
    found = cross_entropy(token_log_probs(model, documents))
    assert found == pytest.approx(total / (1 + 6 + 4), rel=1e-6)


@every_cell
def test_generation_writes_with_it(cell):
    """At temperature 0 the most likely token, read anew every time."""
    model = build(cell)
    prompts = [[1, 5], [4], [2, 3, 7]]
    texts = generate(
        model,
        prompts,
        eos_id=V,  # no such token: nothing ends early
        max_new_tokens=9,
        generator=seeded(),
        temperature=0,
    )
    for prompt, text in zip(prompts, texts, strict=True):
        expected = list(prompt)
        for _ in range(9):
            logits = model(torch.tensor([expected]))[0, -1]
            expected.append(logits.argmax().item())
        assert text.tolist() == expected


# Errors.


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cell": "rnn"}, r"cell='rnn' is none of \['elman', 'lstm', 'gru'\]"),
        ({"d_hidden": 0}, "d_hidden=0 is below 1"),
        ({"vocab_size": -3}, "vocab_size=-3 is below 1"),
        ({"num_layers": 0}, "num_layers=0 is below 1"),
        ({"dropout": 1.0}, r"dropout=1.0 is not in \[0, 1\)"),
        ({"dropout": -0.1}, r"dropout=-0.1 is not in \[0, 1\)"),
        (
            {"tie_embeddings": True, "d_model": 5, "d_hidden": 7},
            "tie_embeddings needs d_model=5 and d_hidden=7 to be equal",
        ),
    ],
)
def test_a_config_that_cannot_be(options, message):
    with pytest.raises(ValueError, match=message):
        RNNConfig(**({"vocab_size": V} | options))


@pytest.mark.parametrize(
    ("token_ids", "message"),
    [
        ([[0, V]], f"token id {V} is outside 0 to {V - 1}: use the tokenizer"),
        ([[-1, 2]], "token id -1 is outside 0 to"),
        ([[]], r"token_ids has shape \(1, 0\): it must be \(B, T\)"),
        ([1, 2], r"token_ids has shape \(2,\): it must be \(B, T\)"),
    ],
)
def test_tokens_that_cannot_be_read(token_ids, message):
    with pytest.raises(ValueError, match=message):
        build()(torch.tensor(token_ids, dtype=torch.int64))


def test_a_state_that_does_not_fit():
    """Of another batch, another cell, another number of layers."""
    model, column = build("elman", num_layers=1), tokens()[:, 0]
    _, state = model.step(column)
    expected = rf"a state of shapes .*, not \[\[\({B}, {H}\)\]\]: go on with"
    _, of_lstm = build("lstm", num_layers=1).step(column)
    _, of_two = build("elman").step(column)
    _, of_fewer = model.step(column[1:])
    for wrong in (of_lstm, of_two, of_fewer, ()):
        with pytest.raises(ValueError, match=expected):
            model.step(column, wrong)
    model.step(column, state)
