"""Pruned n-gram models against a plain sum over what was kept."""

from functools import cache

import pytest
import torch

from lmbook.ngram import train_ngram
from lmbook.pruning import prune
from lmbook.smoothing import (
    add_k,
    kneser_ney,
    maximum_likelihood,
    modified_kneser_ney,
    witten_bell,
)

VOCAB_SIZE = 13
SMOOTHINGS = [
    modified_kneser_ney,
    kneser_ney,
    witten_bell,
    maximum_likelihood,
    add_k,
]


def random_documents(num_documents=41, seed=0):
    generator = torch.Generator().manual_seed(seed)
    documents = []
    for _ in range(num_documents):
        length = int(torch.randint(2, 19, (), generator=generator))
        # Squared, so that some words are much more frequent than others.
        words = torch.rand(length, generator=generator).square() * 10
        words = 3 + words.long()
        documents.append(torch.tensor([1, *words.tolist(), 2]))
    return documents


DOCUMENTS = random_documents()


def plain_prob(model, min_counts, context, word):
    """p(word | context) by the recursion, over n-grams counted by hand."""
    context = context[-len(min_counts) :]
    least = [1, 1, *min_counts]  # by the number of words
    p = 1 / (VOCAB_SIZE - 1)
    for line in model.explain(context, word):
        n = line.order - 1
        words = context[len(context) - n :]
        if count(words) < least[n]:
            break  # the context is forgotten, and all that are longer
        alpha, gamma = line.alpha, line.gamma
        if n:
            others = [w for w in range(VOCAB_SIZE) if w != 1]
            lost = [w for w in others if count((*words, w)) < least[n + 1]]
            gamma += sum(model.explain(words, w)[-1].alpha for w in lost)
            alpha = 0.0 if word in lost else alpha
        p = alpha + gamma * p
    return p


@cache
def count(ngram):
    """How often the words stand together in the documents."""
    return sum(
        tuple(d[i : i + len(ngram)].tolist()) == ngram
        for d in DOCUMENTS
        for i in range(len(d) - len(ngram) + 1)
    )


def random_rows(num_rows, length):
    generator = torch.Generator().manual_seed(1)
    return torch.randint(VOCAB_SIZE, (num_rows, length), generator=generator)


@pytest.mark.parametrize("smoothing", SMOOTHINGS)
def test_what_is_kept_and_what_is_passed_on(smoothing):
    model, min_counts = (
        train_ngram(DOCUMENTS, 4, VOCAB_SIZE, smoothing),
        (2, 3),
    )
    pruned = prune(model, min_counts)
    for context in [(1, 3), (3, 3), (4, 3), (7, 12), (3, 4), (12, 12), (1,)]:
        probs = pruned(torch.tensor([context]))[0, -1].exp()
        for word in (0, 2, 3, 4, 7, 12):
            expected = plain_prob(model, min_counts, context, word)
            assert probs[word].item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("smoothing", SMOOTHINGS)
def test_every_distribution_sums_to_one(smoothing):
    model = train_ngram(DOCUMENTS, 4, VOCAB_SIZE, smoothing)
    pruned = prune(model, [2, 3, 5])
    total = pruned(random_rows(7, 29)).exp().sum(-1)
    torch.testing.assert_close(total, torch.ones(7, 29))


def test_the_number_of_ngrams_is_that_of_frequent_ones():
    model = train_ngram(DOCUMENTS, 3, VOCAB_SIZE)
    pruned = prune(model, [2, 4])
    seen = {
        n: {
            tuple(d[i : i + n].tolist())
            for d in DOCUMENTS
            for i in range(len(d) - n + 1)
        }
        for n in (2, 3)
    }
    kept = [sum(count(ngram) >= 2 * n - 2 for ngram in seen[n]) for n in seen]
    assert pruned.num_ngrams == [model.num_ngrams[0], *kept]
    assert kept[0] < model.num_ngrams[1] and kept[1] < model.num_ngrams[2]


def test_nothing_is_lost_if_all_counts_will_do():
    model = train_ngram(DOCUMENTS, 4, VOCAB_SIZE)
    same, rows = prune(model, [1, 1, 1]), torch.stack([DOCUMENTS[0][:3]])
    assert same.num_ngrams == model.num_ngrams
    assert torch.equal(same(rows), model(rows))


def test_one_token_at_a_time_gives_the_same():
    pruned = prune(train_ngram(DOCUMENTS, 4, VOCAB_SIZE), [1, 2, 3])
    rows = random_rows(3, 23)
    state, steps = None, []
    for column in rows.unbind(1):
        log_probs, state = pruned.step(column, state)
        steps.append(log_probs)
    assert torch.equal(torch.stack(steps, 1), pruned(rows))


@pytest.mark.parametrize("min_counts", [[3, 2], [1, 1, 1, 1]])
def test_counts_that_do_not_fit_are_refused(min_counts):
    model = train_ngram(DOCUMENTS, 4, VOCAB_SIZE)
    with pytest.raises(ValueError, match="at most 3 numbers, none below"):
        prune(model, min_counts)
