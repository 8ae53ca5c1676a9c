"""Word vectors: pairs and loss by loops, planted structure, scores, errors."""

import itertools
import math

import pytest
import torch

from lmbook import embeddings
from lmbook.embeddings import (
    Embeddings,
    SkipGramConfig,
    count_ids,
    draw,
    keep_probs,
    known_words,
    negative_sampling_loss,
    noise_distribution,
    ppmi,
    project,
    skip_gram_pairs,
    thin_out,
    train_ppmi,
    train_skip_gram,
)
from lmbook.tokenizers import WordTokenizer

SMALL = SkipGramConfig(
    d_model=7,
    window=2,
    threshold=1.0,
    batch_size=97,
    num_epochs=5,
    learning_rate=0.01,
)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def two_languages(num_documents=101):
    """Documents of words 0 to 4 only, or of words 5 to 10 only."""
    generator = seeded(1)
    return [
        torch.randint(
            *((0, 5) if i % 2 else (5, 11)), (13,), generator=generator
        )
        for i in range(num_documents)
    ]


TOKENS = list("abcdefghijk")


def close(found, expected, **options):
    torch.testing.assert_close(found, torch.as_tensor(expected), **options)


# From texts to pairs.


def test_known_words_leave_unknown_ones_out():
    tokenizer = WordTokenizer(["cat", "sat"])
    documents = known_words(tokenizer, ["the cat sat", "a dog", ""])
    assert [ids.tolist() for ids in documents] == [[3, 4], [], []]


@pytest.mark.parametrize("window", [1, 3, 50])
def test_pairs_are_those_of_a_loop(window):
    generator = seeded()
    documents = [
        torch.randint(11, (length,), generator=generator)
        for length in (5, 0, 1, 7, 2)
    ]
    expected = []
    for ids in documents:
        for i, j in itertools.product(range(len(ids)), repeat=2):
            if 0 < abs(i - j) <= window:
                expected.append([ids[i].item(), ids[j].item()])
    assert sorted(skip_gram_pairs(documents, window).tolist()) == sorted(
        expected
    )


def test_keep_probs_by_hand():
    """Shares .9, .09, .01 at threshold .01: sqrt(1/90), 1/3, 1."""
    probs = keep_probs(torch.tensor([90, 9, 1]), 0.01)
    close(probs, [math.sqrt(1 / 90), 1 / 3, 1])


def test_thinning_keeps_the_expected_share():
    documents = [torch.arange(2).repeat_interleave(torch.tensor([9000, 1000]))]
    counts = count_ids(documents, 2)
    (thinned,) = thin_out(documents, counts, 0.1, seeded())
    assert (thinned == 1).sum() == 1000
    mean, deviation = 3000, math.sqrt(9000 * (1 / 3) * (2 / 3))
    assert abs((thinned == 0).sum() - mean) < 4 * deviation


def test_noise_by_hand():
    """Counts 16 and 1 to the power 3/4 are 8 and 1; what never occurs, 0."""
    close(
        noise_distribution(torch.tensor([16, 1, 0])),
        [8 / 9, 1 / 9, 0],
        check_dtype=False,
    )


def test_draw_follows_the_probabilities():
    probs = torch.tensor([0.5, 0.3, 0.2, 0.0])
    drawn = draw(probs, (1009, 7), seeded())
    assert drawn.shape == (1009, 7)
    shares = torch.bincount(drawn.flatten(), minlength=4) / drawn.numel()
    close(shares, probs, rtol=0, atol=4 * 0.5 / math.sqrt(drawn.numel()))


# The loss.


def loss_by_loops(centres, others, negatives):
    """Mean over pairs, and its gradient for the centres, in plain Python."""
    total, gradient = 0.0, []
    for u, v, drawn in zip(centres, others, negatives, strict=True):
        row = [0.0] * len(u)
        for word, sign in [(v, 1), *((n, -1) for n in drawn)]:
            dot = sign * sum(x * y for x, y in zip(u, word, strict=True))
            sigmoid = 1 / (1 + math.exp(-dot))
            total -= math.log(sigmoid)
            for d, y in enumerate(word):
                row[d] += sign * (sigmoid - 1) * y / len(centres)
        gradient.append(row)
    return total / len(centres), gradient


def test_loss_and_gradient_are_those_of_loops():
    generator, shapes = seeded(), [(5, 3), (5, 3), (5, 2, 3)]
    tensors = [
        torch.randn(shape, generator=generator, dtype=torch.float64)
        for shape in shapes
    ]
    expected, gradient = loss_by_loops(*(x.tolist() for x in tensors))
    tensors[0].requires_grad_()
    loss = negative_sampling_loss(*tensors)
    loss.backward()
    assert loss.item() == pytest.approx(expected)
    close(tensors[0].grad, torch.tensor(gradient, dtype=torch.float64))


def test_vectors_of_zero_cost_ln_2_each():
    zeros = torch.zeros(5, 3)
    loss = negative_sampling_loss(zeros, zeros, torch.zeros(5, 4, 3))
    assert loss.item() == pytest.approx(5 * math.log(2))


def losses_of(monkeypatch, config):
    """The loss of each batch while it trains."""
    losses = []

    def noted(*tensors):
        loss = negative_sampling_loss(*tensors)
        losses.append(loss.item())
        return loss

    monkeypatch.setattr(embeddings, "negative_sampling_loss", noted)
    train_skip_gram(two_languages(), TOKENS, config, seeded())
    return losses


def test_loss_falls(monkeypatch):
    losses = losses_of(monkeypatch, SMALL)
    assert losses[0] == pytest.approx(6 * math.log(2))  # others begin at 0
    tenth = len(losses) // 10
    assert sum(losses[-tenth:]) / tenth < 0.85 * losses[0]


# What is learned.


def planted(method):
    if method == "ppmi":
        return train_ppmi(two_languages(), TOKENS, d_model=7, window=2)
    return train_skip_gram(two_languages(), TOKENS, SMALL, seeded())


@pytest.mark.parametrize("method", ["skip-gram", "ppmi"])
def test_two_languages_are_told_apart(method):
    found = planted(method)
    for pool in TOKENS[:5], TOKENS[5:]:
        for word in pool:
            near = {other for other, _ in found.neighbours(word, 4)}
            assert near < set(pool)
    assert found.similarity("a", "b") > 0.5 > found.similarity("a", "f")


def test_a_seed_gives_the_same_vectors():
    vectors = [
        train_skip_gram(two_languages(), TOKENS, SMALL, seeded(seed)).vectors
        for seed in (3, 3, 4)
    ]
    assert torch.equal(vectors[0], vectors[1])
    assert not torch.equal(vectors[0], vectors[2])


def test_words_that_never_occur_have_no_vector():
    tokens = [*TOKENS, "z"]
    for found in (
        train_ppmi(two_languages(), tokens, 7),
        train_skip_gram(two_languages(), tokens, SMALL, seeded()),
    ):
        assert found.words == TOKENS
        assert found.vectors.shape == (11, 7)


def test_ppmi_by_hand():
    """Pairs ab ab ba ba aa: p(a) = 3/5, p(b) = 2/5, p(ab) = 2/5."""
    pairs = torch.tensor([[0, 1], [0, 1], [1, 0], [1, 0], [0, 0]])
    ab = math.log((2 / 5) / (3 / 5 * 2 / 5))
    close(ppmi(pairs, 3), [[0, ab, 0], [ab, 0, 0], [0, 0, 0]])


def test_all_directions_rebuild_ppmi_up_to_signs():
    """v · v of a word is the sum |eigenvalue| x², its row of |PPMI|."""
    documents = two_languages()
    matrix = ppmi(skip_gram_pairs(documents, 2), 11)
    values, vectors = torch.linalg.eigh(matrix)
    expected = vectors * values.abs() @ vectors.T
    found = train_ppmi(documents, TOKENS, d_model=11, window=2).vectors
    close(found @ found.T, expected, rtol=1e-4, atol=1e-5)


# Questions to vectors.


@pytest.fixture
def compass():
    """Words on a plane: singular to plural is one step to the right."""
    points = {
        "cat": (-0.2, 1.0), "cats": (0.2, 1.0),
        "dog": (-0.2, -1.0), "dogs": (0.2, -1.0),
        "far": (-1.0, 0.1), "away": (0.0, 5.0),
    }  # fmt: skip
    return Embeddings([*points], torch.tensor([*points.values()]))


def test_neighbours_by_hand(compass):
    found = compass.neighbours("cat", 2)
    assert [word for word, _ in found] == ["away", "cats"]
    cosine = 1 / math.hypot(0.2, 1)
    assert found[0][1] == pytest.approx(cosine)
    assert compass.similarity("cat", "away") == pytest.approx(cosine)
    assert found[1][1] == pytest.approx((1 - 0.04) / 1.04)
    assert len(compass.neighbours("cat", 50)) == 5
    assert compass.neighbours("cat", 2) == found  # nothing was left changed


def test_analogy_by_hand(compass):
    ((word, cosine),) = compass.analogy("cat", "cats", "dog")
    assert word == "dogs"
    x, y = 0.2 / math.hypot(0.2, 1), 1 / math.hypot(0.2, 1)
    expected = (x * x + y * y) / math.hypot(x, y)  # (x, -y) · (x, -y)
    assert cosine == pytest.approx(expected)


def test_project_is_a_rotation_of_what_is_flat():
    """Points of a plane in 5 dimensions keep their distances."""
    flat = torch.randn(13, 2, generator=seeded()).double()
    frame = torch.linalg.qr(torch.randn(5, 2, generator=seeded(1)).double()).Q
    shown = project(flat @ frame.T + 7)
    close(torch.cdist(shown, shown), torch.cdist(flat, flat))
    spread = shown.var(0)
    assert spread[0] >= spread[1]
    close(shown.mean(0), [0.0, 0.0], check_dtype=False)


def test_errors(compass):
    with pytest.raises(
        ValueError, match=r"'catz'; did you mean cat or cats\?"
    ):
        compass.neighbours("catz")
    with pytest.raises(ValueError, match=r"no vector for 'xyz'$"):
        compass.analogy("cat", "cats", "xyz")
    with pytest.raises(ValueError, match="1 words, 2 vectors"):
        Embeddings(["a"], torch.zeros(2, 3))
    for documents in ([], [torch.tensor([1]), torch.tensor([2])]):
        with pytest.raises(ValueError, match="no document has two words"):
            train_skip_gram(documents, TOKENS, SMALL, seeded())
        with pytest.raises(ValueError, match="no document has two words"):
            train_ppmi(documents, TOKENS)
    with pytest.raises(ValueError, match=r"id 11 with .* 11 words"):
        count_ids([torch.tensor([3, 11])], 11)
    with pytest.raises(ValueError, match="window=0 is below 1"):
        SkipGramConfig(window=0)
    with pytest.raises(ValueError, match=r"threshold=0 keeps no word"):
        SkipGramConfig(threshold=0)
