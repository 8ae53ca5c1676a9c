"""Counts come back from a small file as they were."""

import numpy as np
import pytest
import torch

from lmbook.checkpoint import WEIGHTS, pack
from lmbook.counting import count_ngrams
from lmbook.ngram import smooth
from lmbook.ngram_files import (
    compress,
    expand,
    load_counts,
    read_card,
    save_counts,
    smallest_type,
)
from lmbook.smoothing import modified_kneser_ney

ARRAYS = ("keys", "counts", "adjusted", "complete")


def texts(num_documents, vocab_size, seed=0):
    """Documents of random tokens, 3 to vocab_size - 1; some are empty."""
    generator = torch.Generator().manual_seed(seed)

    def draw(low, high, *shape):
        return torch.randint(low, high, shape, generator=generator)

    lengths = draw(0, 12, num_documents).tolist()
    bodies = [draw(3, vocab_size, length) for length in lengths]
    bos, eos = torch.tensor([1]), torch.tensor([2])
    return [torch.cat([bos, body, eos]) for body in bodies]


@pytest.mark.parametrize("order", [1, 2, 3, 5, 13])
@pytest.mark.parametrize("vocab_size", [5, 307])
def test_counts_come_back_to_the_last_entry(tmp_path, order, vocab_size):
    counts = count_ngrams(texts(211, vocab_size), order, vocab_size)
    save_counts(counts, tmp_path / "counts", {"seed": 3})
    back = load_counts(tmp_path / "counts")
    assert (back.vocab_size, back.bos_id) == (vocab_size, 1)
    assert len(back.orders) == order
    for ours, theirs in zip(back.orders, counts.orders, strict=True):
        assert ours.num_contexts == theirs.num_contexts
        for name in ARRAYS:
            mine, other = getattr(ours, name), getattr(theirs, name)
            np.testing.assert_array_equal(mine, other, err_msg=name)
            assert mine.dtype == other.dtype
    assert read_card(tmp_path / "counts") == {"seed": 3}


def test_the_same_probabilities_follow(tmp_path):
    documents = texts(101, 11)
    model = smooth(count_ngrams(documents, 4, 11), modified_kneser_ney)
    save_counts(model.counts, tmp_path / "counts", {})
    back = smooth(load_counts(tmp_path / "counts"), modified_kneser_ney)
    torch.testing.assert_close(
        back.token_log_probs(texts(17, 11, seed=5)),
        model.token_log_probs(texts(17, 11, seed=5)),
        rtol=0,
        atol=0,
    )


def test_another_id_for_the_start(tmp_path):
    swapped = torch.tensor([0, 4, 2, 3, 1])
    documents = [swapped[document] for document in texts(97, 5)]
    counts = count_ngrams(documents, 3, 5, bos_id=4)
    save_counts(counts, tmp_path / "counts", {})
    back = load_counts(tmp_path / "counts")
    assert back.bos_id == 4
    for ours, theirs in zip(back.orders, counts.orders, strict=True):
        for name in ARRAYS:
            mine, other = getattr(ours, name), getattr(theirs, name)
            np.testing.assert_array_equal(mine, other, err_msg=name)


@pytest.mark.parametrize(
    ("largest", "kind"),
    [(0, "|u1"), (255, "|u1"), (256, "<u2"), (65_536, "<u4")],
)
def test_integers_are_as_small_as_can_be(largest, kind):
    values = np.array([largest, 0, largest // 2])
    assert smallest_type(values) == kind
    np.testing.assert_array_equal(expand(compress(values, kind), kind), values)


def test_another_kind_of_file_is_named(tmp_path):
    path = tmp_path / "counts"
    path.write_bytes(pack({"a": torch.ones(2)}, WEIGHTS, {}))
    with pytest.raises(ValueError, match="holds no 'lmbook n-gram counts 1'"):
        load_counts(path)
