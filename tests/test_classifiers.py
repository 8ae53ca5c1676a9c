"""Classifiers and their measures: by hand, against scikit-learn, errors."""

import math

import pytest
import torch
from sklearn import metrics
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import MultinomialNB

from lmbook.classifiers import (
    Bin,
    LinearClassifier,
    accuracy,
    calibration_error,
    confusion_matrix,
    count_vectors,
    inverse_document_frequency,
    label_ids,
    majority_baseline,
    precision_recall,
    regularised_loss,
    reliability,
    tf_idf,
    train_logistic_regression,
    train_naive_bayes,
)

N, V, K = 61, 7, 3


def close(found, expected, **options):
    torch.testing.assert_close(found, torch.as_tensor(expected), **options)


@pytest.fixture(scope="module")
def problem():
    """Counts whose rates depend on the class, float64, and the labels."""
    generator = torch.Generator().manual_seed(2)
    labels = torch.randint(K, (N,), generator=generator)
    rates = 3 * torch.rand(K, V, generator=generator).double()
    return torch.poisson(rates[labels], generator=generator), labels


def test_count_vectors():
    """By hand, and as a loop over tokens."""
    documents = [[0, 2, 2, 6], torch.tensor([5]), []]
    counts = count_vectors(documents, V)
    expected = torch.zeros(3, V)
    for row, ids in zip(expected, documents, strict=True):
        for i in ids:
            row[i] += 1
    close(counts, expected)
    assert counts[0, 2] == 2


def test_tf_idf_by_hand():
    """Word 0 in both documents, word 1 in one: weights 1, ln(3/2) + 1."""
    counts = torch.tensor([[3.0, 0.0], [1.0, 2.0]])
    idf = inverse_document_frequency(counts)
    close(idf, [1, math.log(1.5) + 1])
    x, y = 1, 2 * (math.log(1.5) + 1)
    length = math.hypot(x, y)
    close(tf_idf(counts, idf), [[1, 0], [x / length, y / length]])


def test_tf_idf_is_that_of_scikit_learn(problem):
    counts = problem[0].clone()
    counts[:, 3] = 0  # a word of no document
    counts[5] = 0  # a document without words
    train, test = counts[:41], counts[41:]
    idf = inverse_document_frequency(train)
    reference = TfidfTransformer().fit(train.numpy())
    close(idf, reference.idf_)
    for part in (train, test):
        expected = reference.transform(part.numpy()).toarray()
        close(tf_idf(part, idf), expected)


def test_naive_bayes_by_hand():
    """Class 0 said word 0 twice, class 1 each word once; k = 1.

    p(word 0) is 3/4 in class 0 and 1/2 in class 1, so a text of one word 0
    is of class 0 with probability (3/4) / (3/4 + 1/2).
    """
    counts = torch.tensor([[2.0, 0.0], [1.0, 1.0]])
    model = train_naive_bayes(counts, torch.tensor([0, 1]))
    close(model.weights.exp(), [[3 / 4, 1 / 2], [1 / 4, 1 / 2]])
    close(model.probs(torch.tensor([[1.0, 0.0]])), [[0.6, 0.4]])


def test_naive_bayes_is_that_of_scikit_learn(problem):
    counts, labels = problem
    for k in (0.3, 1.0):
        model = train_naive_bayes(counts, labels, k)
        reference = MultinomialNB(alpha=k).fit(counts.numpy(), labels.numpy())
        close(model.probs(counts), reference.predict_proba(counts.numpy()))
        assert model.predict(counts).tolist() == list(
            reference.predict(counts.numpy())
        )


@pytest.mark.parametrize("decay", [0.01, 0.1])
def test_logistic_regression_is_that_of_scikit_learn(problem, decay):
    features, labels = problem
    model = train_logistic_regression(features, labels, decay, 0.3, 20_000)
    reference = LogisticRegression(
        C=1 / (decay * N), tol=1e-9, max_iter=10_000
    ).fit(features.numpy(), labels.numpy())
    exactly = {"rtol": 0, "atol": 1e-4}
    close(model.weights, reference.coef_.T, **exactly)
    bias = reference.intercept_ - reference.intercept_.mean()
    close(model.bias, bias, **exactly)
    expected = reference.predict_proba(features.numpy())
    close(model.probs(features), expected, **exactly)


def test_one_step_is_the_gradient_of_the_loss(problem):
    """From zeros, one step of rate 1 is minus the gradient by autograd."""
    features, labels = problem
    weights = torch.zeros(V, K, dtype=torch.float64, requires_grad=True)
    bias = torch.zeros(K, dtype=torch.float64, requires_grad=True)
    logits = features @ weights + bias
    torch.nn.functional.cross_entropy(logits, labels).backward()
    model = train_logistic_regression(features / 9, labels, 0.5, 1.0, 1)
    close(model.weights, -weights.grad / 9)
    close(model.bias, -bias.grad)


def test_loss_by_hand():
    """Probabilities 1/2 and 1/2, weights 1 and 1: ln 2 + decay."""
    model = LinearClassifier(torch.ones(1, 2), torch.zeros(2))
    loss = regularised_loss(
        model, torch.ones(3, 1), torch.tensor([0, 1, 1]), decay=0.1
    )
    assert loss == pytest.approx(math.log(2) + 0.1)


def test_loss_falls_with_more_steps(problem):
    losses = [
        regularised_loss(
            train_logistic_regression(*problem, 0.01, 0.05, num_steps),
            *problem,
            0.01,
        )
        for num_steps in (0, 3, 30, 300)
    ]
    assert losses[0] == pytest.approx(math.log(K))
    assert losses == sorted(losses, reverse=True)


def test_measures_by_hand():
    """Labels 0 0 1 1 1, called 0 1 1 1 0; class 2 is never met."""
    labels = torch.tensor([0, 0, 1, 1, 1])
    predictions = torch.tensor([0, 1, 1, 1, 0])
    assert accuracy(predictions, labels) == pytest.approx(3 / 5)
    confusion = confusion_matrix(predictions, labels, 3)
    assert confusion.tolist() == [[1, 1, 0], [1, 2, 0], [0, 0, 0]]
    precision, recall = precision_recall(confusion)
    assert precision.tolist() == pytest.approx([1 / 2, 2 / 3, 0])
    assert recall.tolist() == pytest.approx([1 / 2, 2 / 3, 0])


def test_measures_are_those_of_scikit_learn():
    generator = torch.Generator().manual_seed(3)
    labels = torch.randint(4, (101,), generator=generator)
    predictions = torch.randint(5, (101,), generator=generator)
    confusion = confusion_matrix(predictions, labels, 5)
    a, b = labels.numpy(), predictions.numpy()
    assert confusion.tolist() == metrics.confusion_matrix(a, b).tolist()
    scores = precision_recall(confusion)
    expected = metrics.precision_recall_fscore_support(a, b, zero_division=0)
    for found, reference in zip(scores, expected, strict=False):
        close(found, reference)
    macro = metrics.precision_score(a, b, average="macro", zero_division=0)
    assert scores.precision.mean().item() == pytest.approx(macro)


def test_majority_takes_the_training_labels():
    train, test = torch.tensor([1, 1, 0]), torch.tensor([0, 0, 0, 1])
    assert majority_baseline(train, test) == 0.25


def test_label_ids():
    ids = label_ids(["b", "a", "b"], ["a", "b", "c"])
    assert ids.tolist() == [1, 0, 1]


def test_reliability_by_hand():
    """Confidences .5, .6 | .9, 1 in the upper two of four bins."""
    probs = torch.tensor([[0.5, 0.5], [0.4, 0.6], [0.9, 0.1], [0.0, 1.0]])
    bins = reliability(probs, torch.tensor([0, 0, 0, 1]), num_bins=4)
    assert [b.count for b in bins] == [0, 1, 1, 2]
    assert math.isnan(bins[0].accuracy)
    assert bins[1] == pytest.approx(Bin(0.25, 0.5, 0.5, 1, 1))
    assert bins[2] == pytest.approx(Bin(0.5, 0.75, 0.6, 0, 1))
    assert bins[3] == pytest.approx(Bin(0.75, 1, 0.95, 1, 2))
    error = (0.5 * 1 + 0.6 * 1 + 0.05 * 2) / 4
    assert calibration_error(bins) == pytest.approx(error)


def test_calibrated_probabilities_have_a_small_error():
    """Labels drawn from the probabilities themselves; then overconfident."""
    generator = torch.Generator().manual_seed(4)
    probs = torch.randn(20_011, K, generator=generator).softmax(-1)
    labels = torch.multinomial(probs, 1, generator=generator)[:, 0]
    assert calibration_error(reliability(probs, labels)) < 0.015
    bold = (probs.log() * 3).softmax(-1)
    assert calibration_error(reliability(bold, labels)) > 0.1


def test_errors(problem):
    counts, labels = problem
    with pytest.raises(ValueError, match="no documents to count"):
        count_vectors([], V)
    with pytest.raises(ValueError, match=r"ids 2 to 7 in a document.* 0 to 6"):
        count_vectors([[7, 2]], V)
    with pytest.raises(ValueError, match="'sad' is none of the classes"):
        label_ids(["sad"], ["glad"])
    for train in (train_naive_bayes, train_logistic_regression):
        with pytest.raises(ValueError, match="61 documents but 60 labels"):
            train(counts, labels[1:])
        with pytest.raises(ValueError, match="no documents to learn from"):
            train(counts[:0], labels[:0])
        with pytest.raises(ValueError, match="not finite"):
            train(counts / 0, labels)
        with pytest.raises(ValueError, match="all labels are 2: with one"):
            train(counts, torch.full((N,), 2))
    with pytest.raises(ValueError, match="k=0 leaves words"):
        train_naive_bayes(counts, labels, k=0)
    with pytest.raises(ValueError, match=r"the loss rose to .* lower learn"):
        train_logistic_regression(counts, labels, learning_rate=100)
    with pytest.raises(ValueError, match="2 predictions but 3 labels"):
        accuracy(torch.zeros(2), torch.zeros(3))
    with pytest.raises(ValueError, match="no documents to compare on"):
        accuracy(torch.zeros(0), torch.zeros(0))
    with pytest.raises(ValueError, match="no training labels"):
        majority_baseline(labels[:0], labels)
    with pytest.raises(ValueError, match="classes 0 to 3 with num_classes=3"):
        confusion_matrix(torch.tensor([0, 3]), torch.tensor([1, 1]), 3)
    for wrong in (torch.ones(2, 2), torch.full((2, 2), torch.nan)):
        with pytest.raises(ValueError, match="probabilities, not logits"):
            reliability(wrong, torch.tensor([0, 1]))
