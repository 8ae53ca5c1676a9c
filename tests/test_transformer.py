"""The Transformer and its parts: against loops, Llama, and its own claims.

Sizes are distinct, and primes where they can be, so that no swapped axes pass.
"""

import itertools
import math
import re

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from lmbook.attention import CausalSelfAttention, attention_weights
from lmbook.evaluation import cross_entropy, token_log_probs
from lmbook.interface import StatefulLanguageModel
from lmbook.kv_cache import causal_mask
from lmbook.layers import ReLUFeedForward, RMSNorm, SwiGLU, linear
from lmbook.positions import (
    LearnedPositions,
    NoPositions,
    RotaryPositions,
    SinusoidalPositions,
    rotate,
)
from lmbook.sampling import generate
from lmbook.transformer import Transformer, TransformerConfig

B, T, V, CONTEXT = 5, 23, 37, 29
SIZES = {
    "vocab_size": V,
    "context_length": CONTEXT,
    "d_model": 60,
    "num_layers": 3,
    "num_heads": 6,
    "num_kv_heads": 2,
    "d_ff": 53,
}
EOS = 2


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def randn(*shape, seed=1):
    return torch.randn(*shape, generator=seeded(seed), dtype=torch.float64)


def make(**options):
    return Transformer(TransformerConfig(**SIZES | options), seeded())


def some_ids(*shape, seed=7):
    return torch.randint(V, shape or (B, T), generator=seeded(seed))


def close(actual, expected):
    """Float64 to 1e-9: two orders of summation apart, and no more."""
    torch.testing.assert_close(actual, expected, rtol=1e-9, atol=1e-9)


# Attention


def attention_by_loops(queries, keys, values):
    """The definition, number by number."""
    mixed = torch.zeros_like(queries)
    for b, h, t in itertools.product(*map(range, queries.shape[:3])):
        scores = [
            sum(queries[b, h, t, k] * keys[b, h, s, k] for k in range(5))
            / math.sqrt(queries.shape[-1])
            for s in range(t + 1)
        ]
        total = sum(math.exp(score) for score in scores)
        for s, score in enumerate(scores):
            mixed[b, h, t] += math.exp(score) / total * values[b, h, s]
    return mixed


def test_loops_matrices_and_the_fused_product_agree():
    queries, keys, values = (randn(2, 3, 7, 5, seed=s) for s in range(3))
    loops = attention_by_loops(queries, keys, values)
    weights = attention_weights(queries, keys)
    close(weights @ values, loops)
    fused = F.scaled_dot_product_attention(
        queries, keys, values, is_causal=True
    )
    close(fused, loops)
    close(weights.sum(-1), torch.ones(2, 3, 7, dtype=torch.float64))
    assert (weights.triu(1) == 0).all()


@pytest.mark.parametrize("num_kv_heads", [1, 2, 6])
def test_the_layer_is_its_parts(num_kv_heads):
    """Head h takes columns 10 h to 10 h + 9, and key head h // group."""
    layer = CausalSelfAttention(60, 6, num_kv_heads, seeded()).double()
    hidden = randn(2, 7, 60)
    heads = []
    for h in range(6):
        g = h // (6 // num_kv_heads)
        queries = hidden @ layer.query_proj.weight[10 * h : 10 * h + 10].T
        keys = hidden @ layer.key_proj.weight[10 * g : 10 * g + 10].T
        values = hidden @ layer.value_proj.weight[10 * g : 10 * g + 10].T
        weights = attention_weights(queries, keys)
        close(layer.weights(hidden)[:, h], weights)
        heads.append(weights @ values)
    expected = torch.cat(heads, -1) @ layer.output_proj.weight.T
    close(layer(hidden), expected)


def test_a_mask_replaces_the_causal_one():
    layer = CausalSelfAttention(60, 6, 2, seeded()).double()
    hidden = randn(2, 7, 60)
    close(layer(hidden, mask=causal_mask(7, 7)), layer(hidden))
    everything = torch.ones(7, 7, dtype=torch.bool)
    assert not torch.allclose(layer(hidden, mask=everything), layer(hidden))


# Positions


def test_rotation_by_loops():
    """Axes i and i + 3 at position t: the plane turned by t * 100^(-2i/6)."""
    rotary = RotaryPositions(6, 11, base=100.0)
    x = randn(2, 7, 3, 6).float()
    _, rotation = rotary(x, slice(4, 11))
    turned = rotate(x, rotation)
    for t, i in itertools.product(range(7), range(3)):
        angle = (t + 4) * 100 ** (-2 * i / 6)
        a, b = x[:, t, :, i], x[:, t, :, i + 3]
        real = a * math.cos(angle) - b * math.sin(angle)
        imaginary = a * math.sin(angle) + b * math.cos(angle)
        expected = torch.stack([real, imaginary], -1)
        actual = turned[:, t, :, [i, i + 3]]
        torch.testing.assert_close(actual, expected, rtol=1e-5, atol=1e-6)


def test_rotated_products_depend_on_the_distance_only():
    rotary = RotaryPositions(10, 97).double()
    query, key = randn(2, 1, 1, 1, 10)
    table = rotary(query, slice(0, 97))[1]
    queries = rotate(query.expand(1, 97, 1, 10), table)[0, :, 0]
    keys = rotate(key.expand(1, 97, 1, 10), table)[0, :, 0]
    scores = queries @ keys.T
    for distance in (-13, 0, 1, 50):
        diagonal = scores.diagonal(distance)
        torch.testing.assert_close(  # the tables are float32
            diagonal, diagonal[:1].expand_as(diagonal), rtol=1e-5, atol=1e-5
        )
    assert scores.std() > 0.1
    close(queries.norm(dim=-1)[0], query.norm())


def test_places_of_each_row():
    """(B, T) places pick the same rows of a table as slices do."""
    hidden = randn(2, 3, 8).float()
    places = torch.tensor([[0, 1, 2], [4, 5, 6]])
    for positions in (
        SinusoidalPositions(8, 11),
        LearnedPositions(8, 11, seeded()),
    ):
        added, rotation = positions(hidden, places)
        assert rotation is None
        close(added[1:], positions(hidden[1:], slice(4, 7))[0])
        close(added[:1], positions(hidden[:1], slice(3))[0])
    rotary = RotaryPositions(8, 11)
    x = hidden[:, :, None]
    turned = rotate(x, rotary(x, places)[1])
    close(turned[1:], rotate(x[1:], rotary(x, slice(4, 7))[1]))


def test_waves_by_loops():
    waves = SinusoidalPositions(6, 11)(torch.zeros(1, 11, 6), slice(11))[0][0]
    for t, i in itertools.product(range(11), range(3)):
        angle = t / 10_000 ** (2 * i / 6)
        assert waves[t, 2 * i].item() == pytest.approx(math.sin(angle))
        assert waves[t, 2 * i + 1].item() == pytest.approx(math.cos(angle))


def test_learned_positions_are_learned_and_none_are_none():
    positions = LearnedPositions(7, 1009, seeded(), std=3.0)
    assert positions.table.std().item() == pytest.approx(3.0, rel=0.05)
    positions(torch.zeros(2, 5, 7), slice(5))[0].sum().backward()
    assert (positions.table.grad[:5] == 2).all()
    assert (positions.table.grad[5:] == 0).all()
    hidden = randn(2, 5, 7)
    assert NoPositions()(hidden, slice(5)) == (hidden, None)


# Norm and feed-forward


def test_rms_norm():
    """(3, 4): the mean square is 12.5, so (3, 4) / 3.5355."""
    norm = RMSNorm(2, eps=0.0)
    normed = norm(torch.tensor([3.0, 4.0]))
    torch.testing.assert_close(normed, torch.tensor([0.848528, 1.131371]))
    norm = RMSNorm(7, eps=0.3).double()
    norm.weight.data = randn(7, seed=3)
    x, other = (randn(2, 3, 7).requires_grad_() for _ in range(2))
    weight = norm.weight.detach().clone().requires_grad_()
    expected = F.rms_norm(other, (7,), weight, eps=0.3)
    close(norm(x), expected)
    direction = randn(2, 3, 7, seed=4)
    norm(x).backward(direction)
    expected.backward(direction)
    close(x.grad, other.grad)
    close(norm.weight.grad, weight.grad)


def test_the_norm_of_nothing_is_nothing():
    x = torch.zeros(3, 7, requires_grad=True)
    normed = RMSNorm(7)(x)
    normed.sum().backward()
    assert (normed == 0).all()
    assert x.grad.isfinite().all()


def test_feed_forward_by_hand():
    """One axis each: silu(2 · 3) · (5 · 3) · 7 and relu(±3 · 5) · 7."""
    swiglu, relu = SwiGLU(1, 1, seeded()), ReLUFeedForward(1, 1, seeded())
    swiglu.gate_proj.weight.data.fill_(2.0)
    for layer in (swiglu, relu):
        layer.up_proj.weight.data.fill_(5.0)
        layer.down_proj.weight.data.fill_(7.0)
    x = torch.tensor([[3.0], [-3.0]])
    expected = [6 / (1 + math.exp(-6)) * 105, 6 / (1 + math.exp(6)) * 105]
    torch.testing.assert_close(swiglu(x)[:, 0], torch.tensor(expected))
    assert relu(x).tolist() == [[105.0], [0.0]]


# At the start


def test_weights_are_drawn_as_said():
    """Standard deviations of thousands of numbers, to 5 %."""
    config = TransformerConfig(
        vocab_size=997, context_length=7, d_model=64, num_layers=2, d_ff=211
    )
    model = Transformer(config, seeded())
    stds = {name: w.std().item() for name, w in model.named_parameters()}
    expected = {
        "token_embedding.weight": 64**-0.5,
        "blocks.1.attention.query_proj.weight": 64**-0.5,
        "blocks.1.attention.output_proj.weight": 64**-0.5 / 2,
        "blocks.0.feed_forward.up_proj.weight": 64**-0.5,
        "blocks.0.feed_forward.down_proj.weight": 211**-0.5 / 2,
    }
    for name, std in expected.items():
        assert stds[name] == pytest.approx(std, rel=0.05), name
    gain = math.log(997) / 2 / 8  # 8 = sqrt(64)
    assert torch.allclose(model.final_norm.weight, torch.tensor(gain))
    for weight in (model.embed(some_ids()), model.token_embedding.weight * 8):
        assert weight.std().item() == pytest.approx(1, rel=0.05)


def test_the_generator_decides_and_nothing_else():
    before = torch.get_rng_state()
    first, again = make().state_dict(), make().state_dict()
    assert torch.equal(torch.get_rng_state(), before)
    other = Transformer(TransformerConfig(**SIZES), seeded(1)).state_dict()
    for name, weight in first.items():
        assert torch.equal(weight, again[name])
        if "norm" not in name:
            assert not torch.equal(weight, other[name])


@pytest.mark.parametrize("scale", [True, False])
@pytest.mark.parametrize("tie", [True, False])
@pytest.mark.parametrize("vocab_size", [11, 65, 1009])
def test_at_first_every_token_is_as_likely(scale, tie, vocab_size):
    """Within 5 % of ln V, and different for different texts."""
    config = TransformerConfig(
        vocab_size=vocab_size,
        context_length=64,
        scale_embedding=scale,
        tie_embeddings=tie,
    )
    model = Transformer(config, seeded())
    token_ids = torch.randint(vocab_size, (12, 65), generator=seeded())
    logits = model(token_ids[:, :-1])
    loss = F.cross_entropy(logits.flatten(0, 1), token_ids[:, 1:].flatten())
    assert loss.item() == pytest.approx(math.log(vocab_size), rel=0.05)
    assert logits.std(dim=(0, 1)).min() > 0.01


def test_scale_and_ties_are_as_configured():
    """Embeddings go in sqrt(60) times as large; a tie shares the matrix."""
    token_ids = some_ids()
    scaled, plain = make(), make(scale_embedding=False)
    close(scaled.embed(token_ids), plain.embed(token_ids) * 60**0.5)
    assert not hasattr(scaled, "unembedding")
    untied = make(tie_embeddings=False)
    assert untied.unembedding.weight.shape == (V, 60)
    untied.unembedding.weight.data.zero_()
    assert (untied(token_ids) == 0).all()
    more = sum(p.numel() for p in untied.parameters())
    assert more - sum(p.numel() for p in scaled.parameters()) == V * 60


# Llama


def as_ours(name):
    """Our name of one of Llama's weights."""
    for theirs, ours in (
        ("model.embed_tokens", "token_embedding"),
        ("model.norm", "final_norm"),
        ("lm_head", "unembedding"),
        ("model.layers", "blocks"),
        ("input_layernorm", "attention_norm"),
        ("post_attention_layernorm", "feed_forward_norm"),
        ("mlp", "feed_forward"),
        ("self_attn.q_proj", "attention.query_proj"),
        ("self_attn.k_proj", "attention.key_proj"),
        ("self_attn.v_proj", "attention.value_proj"),
        ("self_attn.o_proj", "attention.output_proj"),
    ):
        name = name.replace(theirs, ours)
    return name


@pytest.fixture(scope="module", params=[True, False], ids=["tied", "untied"])
def llama_and_ours(request):
    from transformers import LlamaConfig, LlamaForCausalLM

    llama = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=V,
            hidden_size=60,
            intermediate_size=53,
            num_hidden_layers=3,
            num_attention_heads=6,
            num_key_value_heads=2,
            max_position_embeddings=CONTEXT,
            rms_norm_eps=1e-5,
            tie_word_embeddings=request.param,
        )
    ).eval()
    generator = seeded()
    for weight in llama.parameters():
        mean = float(weight.ndim == 1)  # of the norms' weights
        nn.init.normal_(weight, mean, 0.2, generator=generator)
    model = make(scale_embedding=False, tie_embeddings=request.param)
    theirs = llama.state_dict().items()
    weights = {as_ours(name): weight for name, weight in theirs}
    if request.param:
        del weights["unembedding.weight"]
    model.load_state_dict(weights)
    return llama, model


def as_llama(actual, expected):
    torch.testing.assert_close(actual, expected, rtol=1e-5, atol=1e-5)


@torch.no_grad()
def test_the_logits_are_llamas(llama_and_ours):
    llama, model = llama_and_ours
    token_ids = some_ids()
    expected = llama(token_ids).logits
    assert expected.std() > 0.3
    as_llama(model(token_ids), expected)
    state = None
    for t in range(T):
        logits, state = model.step(token_ids[:, t], state)
        as_llama(logits, expected[:, t])
    logits, state = model.prefill(token_ids[:, :13])
    as_llama(logits, expected[:, 12])
    for t in range(13, T):
        logits, state = model.step(token_ids[:, t], state)
        as_llama(logits, expected[:, t])


@torch.no_grad()
def test_padded_batches_are_llamas(llama_and_ours):
    """Llama reads each text alone; ours all together, padded."""
    llama, model = llama_and_ours
    token_ids, padding = some_ids(), torch.tensor([0, 3, 7, 1, 16])
    logits, state = model.prefill(token_ids[:, :17], padding=padding)
    for t in range(17, T + 1):
        for row, start in enumerate(padding):
            alone = llama(token_ids[row : row + 1, start:t]).logits[0, -1]
            as_llama(logits[row], alone)
        if t < T:
            logits, state = model.step(token_ids[:, t], state)


@torch.no_grad()
def test_greedy_texts_are_llamas(llama_and_ours):
    llama, model = llama_and_ours
    prompts = some_ids(B, 5)
    theirs = llama.generate(
        prompts,
        attention_mask=torch.ones_like(prompts),
        max_new_tokens=17,
        do_sample=False,
        eos_token_id=None,
        pad_token_id=0,
    )
    texts = generate(
        model,
        prompts,
        eos_id=-1,
        max_new_tokens=17,
        generator=seeded(),
        temperature=0,
    )
    assert torch.equal(torch.stack(texts), theirs)


# What holds for every kind of positions


def with_rotary():
    return make()


def with_waves():
    model = make()
    model.positions = SinusoidalPositions(60, CONTEXT)
    return model


def with_learned():
    model = make()
    model.positions = LearnedPositions(60, CONTEXT, seeded(3))
    return model


def with_none():
    model = make()
    model.positions = NoPositions()
    return model


def with_relu():
    model = make(num_kv_heads=None)
    for block in model.blocks:
        block.feed_forward = ReLUFeedForward(60, 53, seeded(4))
    return model


VARIANTS = [with_rotary, with_waves, with_learned, with_none, with_relu]


@pytest.fixture(params=VARIANTS, ids=lambda make: make.__name__)
def model(request):
    return request.param().double().eval()


def sees_the_future(model):
    token_ids = some_ids()
    changed = token_ids.clone()
    changed[:, 13:] = some_ids(B, T - 13, seed=8)
    return not torch.equal(model(token_ids)[:, :13], model(changed)[:, :13])


@torch.no_grad()
def test_the_future_does_not_leak(model):
    assert not sees_the_future(model)
    token_ids = some_ids()
    earlier = token_ids.clone()
    earlier[:, 5] = (earlier[:, 5] + 1) % V
    assert not torch.allclose(model(token_ids)[:, -1], model(earlier)[:, -1])


class Leaky(nn.Module):
    """A planted fault: every place takes a little of all others."""

    def forward(self, hidden):
        return hidden + 1e-6 * hidden.mean(1, keepdim=True)


@torch.no_grad()
def test_a_leak_would_be_seen():
    model = make().double()
    model.blocks[1].feed_forward = Leaky()
    assert sees_the_future(model)


@torch.no_grad()
def test_order_matters_unless_there_are_no_positions():
    """With one layer and none, the last token sees the others as a set."""
    token_ids = some_ids()
    mixed = token_ids.clone()
    mixed[:, : T - 1] = token_ids[:, : T - 1].flip(1)
    for variant, same in ((with_none, True), (with_rotary, False)):
        model = variant().double()
        model.blocks = model.blocks[:1]
        last, other = model(token_ids)[:, -1], model(mixed)[:, -1]
        assert torch.allclose(last, other) == same


@torch.no_grad()
def test_batch_is_single(model):
    token_ids = some_ids()
    together = model(token_ids)
    assert together.shape == (B, T, V)
    for row in range(B):
        close(model(token_ids[row : row + 1])[0], together[row])


@torch.no_grad()
@pytest.mark.parametrize("cuts", [(), (1,), (22,), (4, 5, 16), range(1, T)])
def test_pieces_are_the_whole(model, cuts):
    token_ids = some_ids()
    logits, state = model(token_ids), None
    for start, end in itertools.pairwise([0, *cuts, T]):
        last, state = model.prefill(token_ids[:, start:end], state)
        close(last, logits[:, end - 1])


@torch.no_grad()
@pytest.mark.parametrize("piece", [1, 2, 7])
def test_padded_rows_are_single_ones(model, piece):
    """Whatever the padding holds, and however the rest is read."""
    token_ids, padding = some_ids(), torch.tensor([0, 3, 7, 1, 8])
    for filler in (0, 5):
        for row, start in enumerate(padding):
            token_ids[row, :start] = filler
        logits, state = model.prefill(token_ids[:, :9], padding=padding)
        for end in range(9 + piece, T, piece):
            new = token_ids[:, end - piece : end]
            logits, state = model.prefill(new, state)
            for row, start in enumerate(padding):
                alone = model(token_ids[row : row + 1, start:end])
                close(logits[row], alone[0, -1])


@torch.no_grad()
def test_a_state_can_be_read_on_from_twice():
    model = make().double()
    token_ids = some_ids()
    _, common = model.prefill(token_ids[:, :9])
    other_ids = token_ids.roll(1, 0)
    one, state = model.prefill(token_ids[:, 9:11], common)
    two, _ = model.prefill(other_ids[:, 9:12], common)
    both = torch.cat([token_ids[:, :9], other_ids[:, 9:12]], 1)
    close(two, model(both)[:, -1])
    close(one, model(token_ids[:, :11])[:, -1])
    three, _ = model.step(token_ids[:, 11], state)
    close(three, model(token_ids[:, :12])[:, -1])


@torch.no_grad()
def test_the_memory_is_allocated_once():
    model = make()
    _, state = model.prefill(some_ids(B, 3))
    assert state.keys.shape == (3, B, 2, CONTEXT, 10)
    _, later = model.step(some_ids(B), state)
    assert later.keys.data_ptr() == state.keys.data_ptr()
    assert (state.end, later.end) == (3, 4)


# Training


def test_a_tiny_batch_is_learned_by_heart(model):
    token_ids = some_ids(3, 14)
    model.float().train()
    optimizer = torch.optim.AdamW(model.parameters(), 3e-3)
    for _ in range(100):
        logits = model(token_ids[:, :-1])
        loss = F.cross_entropy(
            logits.flatten(0, 1), token_ids[:, 1:].flatten()
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.1
    assert all(p.grad.abs().sum() > 0 for p in model.parameters())


def test_dropout_is_there_in_training_only():
    model, plain = make(dropout=0.5), make()
    token_ids = some_ids()
    assert not torch.equal(model(token_ids), model(token_ids))
    close(model.eval()(token_ids), plain(token_ids))
    assert torch.equal(plain(token_ids), plain(token_ids))


def test_reading_with_a_state_has_no_gradient():
    model = make()
    logits, state = model.step(some_ids(B))
    assert not logits.requires_grad
    assert not state.keys.requires_grad


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_near(dtype):
    """8 or 11 bits of mantissa: the logits agree to a part in 20."""
    token_ids = some_ids()
    model = make()
    expected = model(token_ids)
    logits = model.to(dtype)(token_ids)
    assert logits.dtype == dtype
    error = (logits.float() - expected).norm() / expected.norm()
    assert error < 0.05


# Behind the interface


def test_it_is_a_language_model_that_is_scored():
    model = make()
    assert isinstance(model, StatefulLanguageModel)
    documents = [some_ids(n, seed=n) for n in (2, 17, 11)]
    scores = token_log_probs(model, documents)
    for document, score in zip(documents, scores, strict=True):
        logits = model(document[None, :-1])[0].double()
        expected = -F.cross_entropy(logits, document[1:], reduction="none")
        torch.testing.assert_close(score, expected, rtol=1e-5, atol=1e-6)
    assert cross_entropy(scores) == pytest.approx(math.log(V), rel=0.1)
    probs = model(some_ids()).double().softmax(-1)
    close(probs.sum(-1), torch.ones(B, T, dtype=torch.float64))


class Uncached:
    """The same model, reading every text from its beginning each time."""

    def __init__(self, model):
        self.model, self.vocab_size = model, model.vocab_size

    def __call__(self, token_ids):
        return self.model(token_ids)


def written(model, prompts, seeds=None, **options):
    settings = {"eos_id": EOS, "max_new_tokens": 11} | options
    generator = [seeded(s) for s in seeds] if seeds else seeded()
    rows = generate(model, prompts, generator=generator, **settings)
    return [row.tolist() for row in rows]


@pytest.mark.parametrize(
    "options",
    [{}, {"temperature": 0}, {"top_k": 5, "stop": {3, 4, 5}}, {"window": 6}],
)
def test_texts_are_the_same_however_they_are_read(model, options):
    prompts = [some_ids(n, seed=n).tolist() for n in (3, 1, 9, 3)]
    cached = written(model, prompts, **options)
    assert cached == written(Uncached(model), prompts, **options)
    seeds = [3, 1, 4, 5]
    together = written(model, prompts, seeds, **options)
    for prompt, seed, text in zip(prompts, seeds, together, strict=True):
        assert written(model, [prompt], [seed], **options) == [text]


def test_the_window_is_needed_only_beyond_the_context():
    model = make().double()
    prompt = some_ids(20).tolist()
    fits = written(model, [prompt], max_new_tokens=10, eos_id=-1)
    same = written(model, [prompt], max_new_tokens=10, eos_id=-1, window=29)
    assert fits == same
    longer = written(model, [prompt], max_new_tokens=30, eos_id=-1, window=29)
    assert longer[0][:30] == fits[0]
    with pytest.raises(ValueError, match=re.escape("context_length=29")):
        written(model, [prompt], max_new_tokens=11)


# Errors


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"d_model": 61}, "num_heads=6 does not divide d_model=61"),
        ({"num_kv_heads": 4}, "num_kv_heads=4 does not divide num_heads=6"),
        ({"num_layers": 0}, "num_layers=0 is below 1"),
        ({"dropout": 1.0}, "dropout=1.0 is not in [0, 1)"),
        ({"d_model": 18}, "d_model=18 and num_heads=6 make heads of 3"),
    ],
)
def test_wrong_configs(options, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        TransformerConfig(**SIZES | options)


def test_config_fills_in_what_is_left_open():
    config = TransformerConfig(vocab_size=V, context_length=7, d_model=128)
    assert (config.num_kv_heads, config.d_ff, config.d_head) == (4, 344, 32)
    assert config.output_scale == pytest.approx(1 / math.sqrt(8))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda m: m(some_ids(2, 31)),
            "a text of 31 tokens is longer than context_length=29: cut it, "
            "as in token_ids[:, -29:], or, to write on, pass window=29",
        ),
        (lambda m: m(some_ids(31)), "token_ids have shape (31,): (B, T)"),
        (lambda m: m(some_ids(2, 0)), "token_ids have shape (2, 0): (B, T)"),
        (lambda m: m(some_ids(2, 3) + 36), "they must lie from 0 to 36"),
        (lambda m: m(some_ids(2, 3) - 37), "token_ids go from -"),
        (lambda m: m(torch.ones(2, 3)), "token_ids are torch.float32: pass"),
        (
            lambda m: m.prefill(some_ids(2, 3), padding=torch.tensor([3, 0])),
            "padding [3, 0] does not fit 2 rows of 3 tokens",
        ),
        (
            lambda m: m.prefill(some_ids(2, 3), padding=torch.tensor([0])),
            "padding [0] does not fit 2 rows",
        ),
        (
            lambda m: m.prefill(
                some_ids(2, 3),
                m.step(some_ids(2))[1],
                padding=torch.tensor([1, 0]),
            ),
            "padding stands before a text: pass it without state",
        ),
    ],
)
def test_wrong_tokens(call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call(make())


def test_the_cache_ends_where_the_context_ends():
    model = make()
    _, state = model.prefill(some_ids(2, CONTEXT))
    with pytest.raises(ValueError, match="a text of 30 tokens is longer"):
        model.step(some_ids(2), state)


def test_wrong_sizes_of_parts():
    for call, message in (
        (lambda: RotaryPositions(7, 5), "d_head=7 is odd"),
        (lambda: SinusoidalPositions(7, 5), "d_model=7 is odd"),
        (
            lambda: CausalSelfAttention(61, 6, 2, seeded()),
            "d_model=61 does not divide into num_heads=6",
        ),
        (
            lambda: CausalSelfAttention(60, 6, 4, seeded()),
            "num_heads=6 do not divide into num_kv_heads=4",
        ),
    ):
        with pytest.raises(ValueError, match=re.escape(message)):
            call()


def test_linear_keeps_the_size():
    x = torch.randn(101, 499, generator=seeded())
    for scale in (1.0, 0.25):
        y = linear(499, 251, seeded(1), scale)(x)
        assert y.std().item() == pytest.approx(scale, rel=0.05)
