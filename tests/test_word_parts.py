"""Parts about words: n-gram tree, word map, sampling. No browser here."""

from functools import partial

import numpy as np
import pytest
import torch

from lmbook.counting import count_ngrams
from lmbook.embeddings import Embeddings, project
from lmbook.ngram import smooth, train_ngram
from lmbook.sampling import apply_temperature
from lmbook.smoothing import (
    absolute_discounting,
    kneser_ney,
    maximum_likelihood,
)
from lmbook.tokenizers import (
    ByteTokenizer,
    WordTokenizer,
    encode_documents,
)
from lmbook.widgets import NGramTree, Sampling, WordMap
from lmbook.widgets.n_gram_tree import count_heard, levels_of
from lmbook.widgets.sampling import after, judged
from lmbook.widgets.sources import shipped
from lmbook.widgets.word_map import group_of, nearest_on_map

HEARD = ["the cat sat", "the cat ran", "the cat sat", "a dog ran"]
HOSTILE = "</script><img src=x onerror=alert(1)>"


def make_model(order, discount, method=absolute_discounting):
    """What the part counts, by the package: single words are plain."""
    tokenizer = WordTokenizer.train(HEARD)
    documents = encode_documents(tokenizer, HEARD)
    counts = count_ngrams(documents, order, tokenizer.vocab_size)
    methods = [maximum_likelihood] + [
        partial(method, discount=discount) for _ in range(order - 1)
    ]
    return smooth(counts, methods), tokenizer


def probability(tally, word):
    """alpha + gamma * p of the level below, from the lowest up."""
    p = tally.get("evenly", 0)
    for level in reversed(tally["levels"]):
        own = {name: alpha for name, _, alpha in level["followers"]}
        p = own.get(word, 0) + level["gamma"] * p
    return p


# --- N-gram tree -------------------------------------------------------------


@pytest.mark.parametrize("text", ["the cat", "a dog", "", "dog cat dog"])
@pytest.mark.parametrize("context", [1, 2, 3])
def test_heard_sentences_count_as_the_package_counts(text, context):
    model, tokenizer = make_model(context + 1, 0.3)
    tally = count_heard(HEARD, text.split(), context, 0.3)
    token_ids = [tokenizer.bos_id, *tokenizer.encode(text)]
    probs = model(torch.tensor([token_ids]))[0, -1].exp().tolist()
    for word in "the cat sat ran a dog </s>".split():
        expected = probs[tokenizer.ids[word]]
        assert probability(tally, word) == pytest.approx(expected, rel=1e-5)
    for level in tally["levels"]:
        own = sum(alpha for *_, alpha in level["followers"])
        assert own + level["gamma"] == pytest.approx(1)


def test_the_pages_own_numbers():
    part = NGramTree(sentences=HEARD, text="the cat")
    pair, single = count_heard(HEARD, ["the", "cat"], 1, 0.5)["levels"]
    assert pair["followers"] == [["sat", 2, 0.5], ["ran", 1, 1 / 6]]
    assert (pair["total"], pair["gamma"]) == (3, 1 / 3)
    assert (single["total"], single["gamma"]) == (16, 0)
    assert "sat 0.500, ran 0.167" in part.fallback


@pytest.mark.parametrize("method", [absolute_discounting, kneser_ney])
def test_levels_of_a_model_give_its_probabilities(method):
    model, tokenizer = make_model(3, 0.4, method)
    tally = levels_of(model, tokenizer, "the cat")
    probs = model(torch.tensor([[1, *tokenizer.encode("the cat")]]))[0, -1]
    for word in ("sat", "ran", "dog"):
        expected = probs[tokenizer.ids[word]].exp().item()
        assert probability(tally, word) == pytest.approx(expected, rel=1e-5)


def test_levels_of_the_books_model_add_up():
    part = NGramTree(text="Their rabbit General Crumb")
    model, tokenizer = shipped("ngram").both
    ids = [tokenizer.bos_id, *tokenizer.encode("Their rabbit General Crumb")]
    probs = model(torch.tensor([ids]))[0, -1].exp()
    for word in ("carried", "slept", "the"):
        expected = probs[tokenizer.ids[word]].item()
        shown = probability(part.data["start"], word)
        assert shown == pytest.approx(expected, rel=1e-4)
    assert part.data["file"] == "models/ngram.safetensors"


def test_tree_refuses():
    with pytest.raises(
        ValueError, match=r"context=4 and discount=0\.5: choose"
    ):
        NGramTree(sentences=HEARD, context=4)
    with pytest.raises(
        ValueError, match=r"discount=1\.5: choose 1 to 3 words"
    ):
        NGramTree(sentences=HEARD, discount=1.5)
    with pytest.raises(TypeError, match="str counts no n-grams: pass an NG"):
        NGramTree("model", None)
    model, _ = make_model(2, 0.5)
    with pytest.raises(ValueError, match="its tokenizer; the second is not"):
        NGramTree(model)


def test_own_ngram_model_answers():
    tokenizer = ByteTokenizer()
    documents = encode_documents(tokenizer, ["banana"])
    vocab_size = tokenizer.vocab_size
    model = train_ngram(
        documents, 2, vocab_size, absolute_discounting, bos_id=256
    )
    part = NGramTree(model, tokenizer, text="ban")
    first = part.data["start"]["levels"][0]
    assert first["followers"][0][:2] == ["a", 2]
    message, _ = part.answer(
        {"id": "1", "ask": "levels", "given": {"text": "b"}}
    )
    assert message["value"]["levels"][0]["context"] == ["b"]


# --- Word map ----------------------------------------------------------------


def make_map(num_words=11, num_dimensions=7, **options):
    generator = torch.Generator().manual_seed(0)
    vectors = torch.randn(num_words, num_dimensions, generator=generator)
    words = [f"word {i}" for i in range(num_words - 1)] + [HOSTILE]
    embeddings = Embeddings(words, vectors)
    groups = {"even": words[0:8:2], HOSTILE: [words[-1], *words[1:7:2]]}
    return embeddings, WordMap(embeddings, groups, k=3, **options)


def test_map_shows_the_principal_components():
    embeddings, part = make_map()
    shown = part.data["words"][:8]
    rows = embeddings.directions[[embeddings.id(word) for word in shown]]
    np.testing.assert_allclose(part.data["places"], project(rows), atol=6e-4)
    spread = project(rows, 7).var(0)
    share = (spread[:2].sum() / spread.sum()).item()
    assert part.data["share"] == pytest.approx(share, abs=0.006)
    for i, row in enumerate(part.data["below"]):
        cosines = (rows @ rows.T)[i, :i]
        np.testing.assert_allclose(row, cosines, atol=6e-4)


def test_map_knows_the_neighbours_of_all_words():
    embeddings, part = make_map(word="word 3")
    data = part.data
    assert sorted(data["words"]) == sorted(embeddings.words)
    assert data["words"][data["word"]] == "word 3"
    for word, near, cosines in zip(
        data["words"], data["near"], data["cosines"], strict=True
    ):
        expected = embeddings.neighbours(word, 3)
        assert [data["words"][i] for i in near] == [w for w, _ in expected]
        assert cosines == [round(cosine, 2) for _, cosine in expected]
    assert [group_of(data, i) for i in range(8)] == [0] * 4 + [1] * 4
    with pytest.raises(ValueError, match="this word is on no map"):
        group_of(data, 8)


def test_nearest_on_the_map_is_by_its_places():
    data = {"places": [[0, 0], [3, 0], [1, 1], [-9, 0]], "near": [[1, 2]]}
    assert nearest_on_map(data, 0) == [2, 1]
    assert nearest_on_map(data, 3) == [0, 2]


def test_map_is_drawn_without_scripts_and_escaped():
    _, part = make_map()
    assert part.html().count("<circle") == 8
    assert "<img" not in part.html()
    assert "&lt;img" in part.fallback


@pytest.mark.parametrize(
    ("groups", "k", "message"),
    [
        ({str(i): [str(i)] for i in range(8)}, 2, "8 groups: no more than 7"),
        ({"a": ["0", "1"], "b": ["1"]}, 2, "each in one group only"),
        ({"a": ["0", "1"]}, 1, "give three words or more"),
        ({"a": ["0", "1", "2"]}, 3, "k=3 neighbours among 3 words"),
        ({"a": ["0", "1", "x"]}, 1, "no vector for 'x'"),
    ],
)
def test_map_refuses(groups, k, message):
    embeddings = Embeddings([str(i) for i in range(9)], torch.eye(9))
    with pytest.raises(ValueError, match=message):
        WordMap(embeddings, groups, k=k)


def test_map_refuses_too_many_words():
    words = [str(i) for i in range(2001)]
    embeddings = Embeddings(words, torch.ones(2001, 2))
    with pytest.raises(ValueError, match="2,001 words: a page holds 2,000"):
        WordMap(embeddings, {"a": words[:6]})


# --- Sampling ----------------------------------------------------------------


def test_sampling_begins_with_the_models_shares():
    part = Sampling()
    start = part.data["start"]
    logits, truth = (
        after(source, part.data["text"]) for source in judged(None, None)
    )
    shares = torch.tensor(start["logits"]).softmax(-1)
    torch.testing.assert_close(
        shares.double(), logits.exp(), atol=1e-5, rtol=0
    )
    shown = torch.tensor(start["truth"]).double()
    torch.testing.assert_close(shown, truth.exp(), atol=1e-6, rtol=0)
    wrong = apply_temperature(logits, 2).softmax(-1)[truth == -torch.inf].sum()
    assert f"<td>{100 * wrong:.1f} %</td>" in part.fallback


def test_a_text_that_cannot_be_has_no_truth():
    part = Sampling(text="One day the the")
    assert part.data["start"]["truth"] is None
    assert "cannot come" not in part.fallback


def test_sampling_of_an_own_model():
    model, tokenizer = make_model(2, 0.5)
    part = Sampling(model, tokenizer, text="the cat")
    assert [about["name"] for about in part.data["sources"]] == ["your model"]
    start = part.data["start"]
    shares = torch.tensor(start["logits"]).softmax(-1)
    expected = probability(count_heard(HEARD, ["cat"], 1, 0.5), "sat")
    sat = shares[tokenizer.ids["sat"]].item()
    assert sat == pytest.approx(expected, abs=1e-4)
    with pytest.raises(
        ValueError, match="its tokenizer; its tokenizer is not"
    ):
        Sampling(model)
