"""What holds for every model of the book, whatever its family.

The texts are Storyworld's, since the oracle reads no others. Networks are at
their start; what they have learned is tested where it is claimed.
"""

import math
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from lmbook.corpora import storyworld
from lmbook.evaluation import (
    cross_entropy,
    gap_bits,
    num_impossible,
    token_log_probs,
)
from lmbook.interface import LanguageModel, StatefulLanguageModel
from lmbook.ngram import train_ngram
from lmbook.oracle import Oracle
from lmbook.pretrained import NAMES, load
from lmbook.rnn import RNNConfig, RNNLanguageModel
from lmbook.sampling import generate
from lmbook.smoothing import (
    absolute_discounting,
    add_k,
    jelinek_mercer,
    kneser_ney,
    modified_kneser_ney,
    witten_bell,
)
from lmbook.tokenizers import encode_documents
from lmbook.transformer import Transformer, TransformerConfig

CONTEXT_LENGTH = 211
ORACLE = Oracle()
STORIES = encode_documents(ORACLE.tokenizer, storyworld(150).train)


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def counting(method, order):
    return train_ngram(STORIES[20:], order, ORACLE.vocab_size, method)


def recurrent(cell, **options):
    config = RNNConfig(
        vocab_size=ORACLE.vocab_size, cell=cell, d_model=19, **options
    )
    return RNNLanguageModel(config, seeded(3)).eval()


def transformer(**options):
    config = TransformerConfig(
        vocab_size=ORACLE.vocab_size,
        context_length=CONTEXT_LENGTH,
        **{"d_model": 24, "num_layers": 3, "num_heads": 6} | options,
    )
    return Transformer(config, seeded(5)).eval()


NETWORKS = {
    "Elman": partial(recurrent, "elman", d_hidden=23),
    "Elman, two layers": partial(
        recurrent, "elman", d_hidden=19, num_layers=2
    ),
    "LSTM": partial(recurrent, "lstm", d_hidden=17),
    "GRU": partial(recurrent, "gru", d_hidden=19, tie_embeddings=True),
    "Transformer": transformer,
    "Transformer, shared keys": partial(transformer, num_kv_heads=2),
    "Transformer, two matrices": partial(
        transformer, tie_embeddings=False, scale_embedding=False
    ),
}
FAMILIES = {
    "oracle": lambda: ORACLE,
    "pairs, add-k": partial(counting, partial(add_k, k=0.1), 2),
    "Jelinek-Mercer": partial(counting, jelinek_mercer, 3),
    "Witten-Bell": partial(counting, witten_bell, 3),
    "absolute discounting": partial(counting, absolute_discounting, 4),
    "Kneser-Ney": partial(counting, kneser_ney, 4),
    "modified Kneser-Ney": partial(counting, modified_kneser_ney, 5),
    **NETWORKS,
    **{f"shipped {name}": partial(load, name) for name in NAMES},
}


@pytest.fixture(params=FAMILIES, scope="module")
def model(request):
    return FAMILIES[request.param]()


@pytest.fixture(params=NETWORKS)
def network(request):
    return NETWORKS[request.param]()


def inferred(model, token_ids):
    """Logits in float64, without gradients."""
    with torch.inference_mode():
        return model(token_ids).double()


def written(model, prompts, num_tokens, seed, **options):
    return generate(
        model,
        prompts,
        eos_id=ORACLE.tokenizer.eos_id,
        max_new_tokens=num_tokens,
        generator=seeded(seed),
        **options,
    )


def test_it_keeps_the_calling_convention(model):
    assert isinstance(model, LanguageModel)
    assert isinstance(model, StatefulLanguageModel)
    token_ids = torch.stack([story[:13] for story in STORIES[:5]])
    logits = inferred(model, token_ids)
    assert logits.shape == (5, 13, model.vocab_size)
    assert logits.is_floating_point()


def test_every_row_is_a_distribution(model):
    """Those that count and the oracle say so without a softmax."""
    logits = inferred(model, STORIES[1][None])
    assert not logits.isnan().any() and (logits < math.inf).all()
    assert (logits > -math.inf).any(-1).all()
    if not isinstance(model, nn.Module):
        ones = torch.ones(logits.shape[:2], dtype=torch.float64)
        torch.testing.assert_close(
            logits.exp().sum(-1), ones, rtol=2e-6, atol=0
        )


def test_the_future_changes_nothing_before_it(model):
    """Two stories that part after 29 tokens."""
    beginning = STORIES[2][:29]
    ways = written(ORACLE, [beginning] * 2, 31, 7)
    assert torch.equal(ways[0][:29], ways[1][:29])
    assert not torch.equal(ways[0], ways[1])
    logits = inferred(model, torch.stack(ways))
    torch.testing.assert_close(logits[0, :29], logits[1, :29])


def test_company_changes_nothing(model):
    token_ids = torch.stack([story[:41] for story in STORIES[:7]])
    together = inferred(model, token_ids)
    alone = torch.cat([inferred(model, row[None]) for row in token_ids])
    torch.testing.assert_close(together, alone, rtol=1e-5, atol=2e-5)


def test_word_by_word_is_all_at_once(model):
    token_ids = torch.stack([story[:37] for story in STORIES[:3]])
    state, columns = None, []
    with torch.inference_mode():
        for column in token_ids.unbind(1):
            logits, state = model.step(column, state)
            columns.append(logits.double())
    torch.testing.assert_close(
        torch.stack(columns, 1),
        inferred(model, token_ids),
        rtol=1e-5,
        atol=2e-5,
    )


def test_a_state_may_be_read_on_from_twice(model):
    """What comes after one way on must not be heard on the other."""
    beginning = STORIES[2][None, :29]
    ways = written(ORACLE, [beginning[0]] * 2, 3, 7)
    with torch.inference_mode():
        state = None
        for column in beginning.unbind(1):
            _, state = model.step(column, state)
        found = []
        for way in ways:
            logits, after = model.step(way[29:30], state)
            logits, _ = model.step(way[30:31], after)
            found.append(logits[0].double())
    for way, logits in zip(ways, found, strict=True):
        expected = inferred(model, way[None, :31])[0, -1]
        torch.testing.assert_close(logits, expected, rtol=1e-5, atol=2e-5)


def test_scores_are_the_logits(model):
    """Alone or padded in company, by the model's own method or without."""
    for story, scores in zip(
        STORIES[:4], token_log_probs(model, STORIES[:4]), strict=True
    ):
        log_probs = inferred(model, story[None, :-1])[0].log_softmax(-1)
        expected = log_probs.gather(1, story[1:, None])[:, 0]
        torch.testing.assert_close(scores, expected, rtol=1e-5, atol=2e-5)


def test_a_seed_writes_one_text(model):
    start = [STORIES[0][:1]] * 3
    texts = [written(model, start, 19, seed) for seed in (1, 1, 2)]
    assert all(map(torch.equal, texts[0], texts[1]))
    assert not all(map(torch.equal, texts[0], texts[2]))
    for text in texts[0]:
        assert text.min() >= 0 and text.max() < model.vocab_size


def test_at_temperature_0_the_likeliest_word_is_written(model):
    (text,) = written(model, [STORIES[0][:3]], 17, 1, temperature=0)
    logits = inferred(model, text[None, :-1])[0, 2:]
    chosen = logits.gather(1, text[3:, None])[:, 0]
    torch.testing.assert_close(chosen, logits.amax(-1))


@pytest.mark.parametrize("wrong", [-1, ORACLE.vocab_size])
def test_an_id_that_is_no_token_is_named(model, wrong):
    token_ids = torch.tensor([[ORACLE.tokenizer.bos_id, wrong]])
    with pytest.raises(ValueError, match=rf"{wrong}\b"):
        model(token_ids)


def test_none_beats_the_oracle(model):
    """On stories it has not seen, beyond three standard errors."""
    stories = encode_documents(ORACLE.tokenizer, storyworld(300, seed=11).test)
    floor = token_log_probs(ORACLE, stories)
    scores = token_log_probs(model, stories)
    gaps = torch.stack(
        [(f - s).sum() for f, s in zip(floor, scores, strict=True)]
    )
    assert gaps.mean() >= -3 * gaps.std() / len(gaps) ** 0.5
    if model is ORACLE:
        assert gap_bits(scores, floor) == 0 == num_impossible(scores)
    else:
        assert gap_bits(scores, floor) > 0


def test_a_network_begins_without_an_opinion(network):
    """Its first loss is that of a die with V faces, within 5 %."""
    nats = cross_entropy(token_log_probs(network, STORIES[:20]))
    assert nats == pytest.approx(math.log(network.vocab_size), rel=0.05)


def test_a_network_learns_a_tiny_batch_by_heart(network):
    """And every weight has a part in it."""
    token_ids = torch.randperm(network.vocab_size, generator=seeded(1))
    token_ids = token_ids[:39].view(3, 13)  # the first token tells the rest
    optimizer = torch.optim.AdamW(network.parameters(), lr=0.01)
    for step in range(400):
        logits = network(token_ids[:, :-1]).flatten(0, 1)
        loss = F.cross_entropy(logits, token_ids[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        if not step:
            for name, weight in network.named_parameters():
                assert weight.grad.abs().sum() > 0, name
        optimizer.step()
    assert loss < 0.05
