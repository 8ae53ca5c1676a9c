"""Surprise by hand, batches, bits per byte, kinds, and the table."""

import math
import re

import pytest
import torch
from torch import nn

from lmbook.evaluation import (
    Scores,
    batches_by_length,
    bits_per_byte,
    by_kind,
    cross_entropy,
    document_bits,
    document_bytes,
    gap_bits,
    num_impossible,
    perplexity,
    table,
    table_row,
    token_gaps,
    token_log_probs,
)
from lmbook.tokenizers import (
    ByteTokenizer,
    CharacterTokenizer,
    encode_documents,
)

INF = math.inf
BOS, EOS = 1, 2


class Recurrent(nn.Module):
    """A small causal model with dropout; remembers what it was given."""

    vocab_size = 7

    def __init__(self):
        super().__init__()
        table = torch.randn(7, 5, generator=torch.Generator().manual_seed(3))
        self.embedding = nn.Parameter(table)
        self.dropout = nn.Dropout(0.5)
        self.shapes = []

    def forward(self, token_ids):
        self.shapes.append(tuple(token_ids.shape))
        hidden = self.dropout(self.embedding[token_ids]).cumsum(1)
        return torch.tanh(hidden) @ self.embedding.T


class Uniform:
    """Every token as likely as any other, `bos` excepted."""

    def __init__(self, tokenizer):
        self.vocab_size = tokenizer.vocab_size
        self.logits = torch.zeros(self.vocab_size)
        self.logits[tokenizer.bos_id] = -INF

    def __call__(self, token_ids):
        return self.logits.expand(*token_ids.shape, -1)


class Constant:
    def __init__(self, logits):
        self.logits = torch.tensor(logits)

    def __call__(self, token_ids):
        return self.logits.expand(*token_ids.shape, -1)


def random_documents(num_documents=23, seed=0):
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.randint(0, 19, (num_documents,), generator=generator)
    return [
        torch.tensor([BOS, *torch.randint(3, 7, (n,), generator=generator), 2])
        for n in lengths.tolist()
    ]


def in_bits(*rows):
    """Log-probabilities of the given surprises in bits."""
    return [-torch.tensor(row).double() * math.log(2) for row in rows]


# Scoring


def test_log_probs_by_hand():
    """Weights 1, 2, 5: the document 2, 1, 0 takes 2/8, then 1/8."""
    model = Constant([0.0, math.log(2), math.log(5)])
    [row] = token_log_probs(model, [torch.tensor([2, 1, 0])])
    assert row.dtype == torch.float64
    assert row.exp().tolist() == pytest.approx([2 / 8, 1 / 8], rel=1e-6)


@pytest.mark.parametrize("batch_tokens", [1, 29, 10_000])
def test_batches_change_nothing(batch_tokens):
    """Every document alone, without padding, is the reference."""
    model, documents = Recurrent().eval(), random_documents()
    scores = token_log_probs(model, documents, batch_tokens)
    for document, row in zip(documents, scores, strict=True):
        with torch.no_grad():
            log_probs = model(document[None, :-1]).log_softmax(-1)[0]
        expected = log_probs[torch.arange(len(document) - 1), document[1:]]
        torch.testing.assert_close(row.float(), expected)


def test_batches_stay_within_their_tokens():
    documents = random_documents()
    batches = list(batches_by_length(documents, 53))
    assert sorted(i for rows in batches for i in rows) == list(range(23))
    for rows in batches:
        assert len(rows) * max(len(documents[i]) for i in rows) <= 53
    assert len(batches) < 10
    lengths = [len(documents[i]) for rows in batches for i in rows]
    assert lengths == sorted(lengths)


def test_dropout_is_off_and_the_mode_comes_back():
    model, documents = Recurrent(), random_documents()
    first, second = (token_log_probs(model, documents) for _ in range(2))
    assert all(map(torch.equal, first, second))
    assert model.training
    assert not any(row.requires_grad for row in first)


def test_the_models_own_method_is_used():
    class Own:
        def token_log_probs(self, documents):
            return [document[1:] * -0.5 for document in documents]

    [row] = token_log_probs(Own(), [torch.tensor([1, 4, 2])])
    assert row.tolist() == [-2.0, -1.0]


def test_documents_are_checked():
    model = Recurrent()
    with pytest.raises(ValueError, match="no documents to score"):
        token_log_probs(model, [])
    message = re.escape("document 1 has shape (1,): it must be 1-D")
    with pytest.raises(ValueError, match=message):
        token_log_probs(model, [torch.tensor([1, 2]), torch.tensor([1])])
    with pytest.raises(ValueError, match=re.escape("has shape (1, 2)")):
        token_log_probs(model, [torch.tensor([[1, 2]])])
    message = re.escape("document 1 holds torch.float32: token ids are int64")
    with pytest.raises(ValueError, match=message):
        token_log_probs(model, [torch.tensor([1, 2]), torch.tensor([1.0, 2])])


@pytest.mark.parametrize("bad", [[math.nan, 0.0], [INF, 0.0], [-INF, -INF]])
def test_logits_are_checked(bad):
    with pytest.raises(ValueError, match=r"NaN, \+inf or all -inf"):
        token_log_probs(Constant(bad), [torch.tensor([1, 0])])


# Numbers from log-probabilities


def test_cross_entropy_and_perplexity_by_hand():
    """1, 3 and 5 bits: 3 bits on average, 2 ** 3 equal choices."""
    log_probs = in_bits([1.0, 3.0], [5.0])
    assert cross_entropy(log_probs, "bits") == pytest.approx(3)
    assert cross_entropy(log_probs) == pytest.approx(3 * math.log(2))
    assert perplexity(log_probs) == pytest.approx(8)
    torch.testing.assert_close(
        document_bits(log_probs), torch.tensor([4.0, 5.0]).double()
    )


def test_an_impossible_token_is_not_hidden():
    log_probs = token_log_probs(
        Constant([0.0, -INF, 0.0]),
        [torch.tensor([1, 0, 2]), torch.tensor([1, 1, 1])],
    )
    assert num_impossible(log_probs) == 2
    assert num_impossible(log_probs[:1]) == 0
    assert cross_entropy(log_probs) == INF
    assert perplexity(log_probs) == INF
    assert bits_per_byte(log_probs, ["ab", "cd"]) == INF


def test_perplexity_beyond_the_largest_float_is_infinite():
    """e to 709.7 is about 1.7e308, and e to 710 is beyond float64."""
    below, beyond = (
        [torch.tensor([-nats], dtype=torch.float64)] for nats in (709.7, 710.0)
    )
    assert perplexity(below) == pytest.approx(math.exp(709.7))
    assert perplexity(beyond) == INF
    row = table_row("worst", beyond, ["1234"])
    assert row.perplexity == INF
    assert row.bits_per_token == pytest.approx(710 / math.log(2))
    assert row.bits_per_byte == pytest.approx(710 / math.log(2) / 4)
    assert " inf " in table([row])


def test_bits_per_byte_by_hand():
    """12 bits, `eos` included, over the 3 bytes of "aé"."""
    assert document_bytes(["aé", "", "€"]).tolist() == [3, 0, 3]
    assert bits_per_byte(in_bits([4.0, 5.0, 3.0]), ["aé"]) == pytest.approx(4)


def test_bits_per_byte_does_not_depend_on_the_tokenizer():
    """Uniform bytes over 257 outcomes; characters so weighted that each has
    the probability of its bytes: the same text, the same bits per byte.
    """
    texts = ["aé€", "€ a", ""]
    tokenizers = CharacterTokenizer("aé€ "), ByteTokenizer()
    logits = [-INF, -INF, 0.0] + [
        -math.log(257) * len(c.encode()) for c in "aé€ "
    ]
    logits[2] = -math.log(257)

    class Characters(Constant):
        def token_log_probs(self, documents):  # not normalised on purpose
            return [self.logits[document[1:]] for document in documents]

    models = Characters(logits), Uniform(tokenizers[1])
    values = [
        bits_per_byte(
            token_log_probs(model, encode_documents(tokenizer, texts)), texts
        )
        for model, tokenizer in zip(models, tokenizers, strict=True)
    ]
    expected = math.log2(257) * (6 + 5 + 0 + 3) / (6 + 5)
    assert values == pytest.approx([expected] * 2, rel=1e-6)


def test_gap_by_hand():
    """2 - 1, 3 - 1 and 4 - 4 bits: 1 bit a token."""
    model, floor = in_bits([2.0, 3.0], [4.0]), in_bits([1.0, 1.0], [4.0])
    gaps = [row.tolist() for row in token_gaps(model, floor)]
    assert gaps == [pytest.approx([1, 2]), pytest.approx([0])]
    assert gap_bits(model, floor) == pytest.approx(1)
    assert gap_bits(floor, floor) == 0


def test_by_kind_by_hand():
    values = [torch.tensor([1.0, 5.0, 2.0]), torch.tensor([INF, 3.0])]
    kinds = [["state", "name", "state"], ["rare", "state"]]
    means = by_kind(values, kinds)
    assert means == {"state": (2.0, 3), "name": (5.0, 1), "rare": (INF, 1)}
    assert list(means) == ["state", "name", "rare"]


def test_measures_refuse_what_does_not_fit():
    log_probs = in_bits([1.0, 2.0])
    with pytest.raises(ValueError, match="unit='bit' is neither 'nats' nor"):
        cross_entropy(log_probs, "bit")
    with pytest.raises(ValueError, match="no tokens to average over"):
        cross_entropy([])
    with pytest.raises(ValueError, match="1 documents, 2 texts"):
        bits_per_byte(log_probs, ["a", "b"])
    with pytest.raises(ValueError, match="no bytes to divide by"):
        bits_per_byte(log_probs, [""])
    with pytest.raises(ValueError, match="not of the same documents"):
        gap_bits(log_probs, in_bits([1.0]))
    with pytest.raises(ValueError, match="not of the same tokens"):
        by_kind(log_probs, [["one"]])


def test_nothing_to_measure_is_told():
    with pytest.raises(ValueError, match="no documents to measure"):
        document_bits([])
    with pytest.raises(ValueError, match="no rows: pass the table_row of one"):
        table([])
    for values, kinds in (([], []), ([torch.empty(0)], [[]])):
        with pytest.raises(ValueError, match="no tokens to average over"):
            by_kind(values, kinds)
        with pytest.raises(ValueError, match="no tokens to average over"):
            gap_bits(values, values)


# The table


def test_table_by_hand():
    """Two tokens of 1 and 3 bits over 8 bytes; the floor takes 1 bit each."""
    log_probs, floor = in_bits([1.0, 3.0]), in_bits([1.0, 1.0])
    rows = [
        table_row("n-gram", log_probs, ["12345678"], floor, parameters=12345),
        table_row("floor", floor, ["12345678"], floor),
    ]
    assert table(rows).splitlines() == [
        "| model  | bits per token | perplexity | bits per byte | gap bits "
        "| parameters |",
        "| ------ | -------------: | ---------: | ------------: | -------: "
        "| ---------: |",
        "| n-gram |          2.000 |      4.000 |         0.500 |    1.000 "
        "|     12,345 |",
        "| floor  |          1.000 |      2.000 |         0.250 |    0.000 "
        "|            |",
    ]


def test_table_shows_the_infinite_and_leaves_out_what_no_row_has():
    row = Scores(
        model="unsmoothed",
        bits_per_token=INF,
        perplexity=INF,
        bits_per_byte=INF,
        seconds=1.26,
    )
    assert table_row("a", in_bits([1.0]), ["a"]).gap_bits is None
    head, _, line = table([row]).splitlines()
    assert "gap" not in head
    assert line.count("inf") == 3
    assert line.endswith("1.3 |")


def test_table_shows_no_negative_zero():
    row = Scores(
        model="floor", bits_per_token=-1e-9, perplexity=1.0, bits_per_byte=0.0
    )
    assert "-0" not in table([row]).splitlines()[-1]
