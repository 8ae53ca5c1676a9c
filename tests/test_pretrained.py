"""The models that come with the book are what their cards say.

Each card holds scores on the first 100 test stories of `storyworld(10_000)`,
which are also the first 100 of `storyworld(2_500)`: quick to make, so these
are repeated here. Only the order of float32 sums may differ elsewhere.
"""

import inspect
import subprocess
from pathlib import Path

import pytest
import torch
from torch import nn

from lmbook import pretrained
from lmbook.corpora import split, split_of, storyworld
from lmbook.evaluation import (
    bits_per_byte,
    by_kind,
    cross_entropy,
    gap_bits,
    token_gaps,
    token_log_probs,
)
from lmbook.interface import LanguageModel, StatefulLanguageModel
from lmbook.ngram_files import COUNTS
from lmbook.oracle import Oracle
from lmbook.storyworld import KINDS
from lmbook.tokenizers import encode_documents

ROOT = Path(__file__).resolve().parents[1]
NAMES = pretrained.NAMES
NETWORKS = tuple(pretrained.NETWORKS)
EXPERIMENTS = ("ablations", "families", "scaling")
FROM_BEST = ("transformer", "lstm", "elman", "ngram")


@pytest.fixture(scope="module")
def corpus():
    return storyworld(2_500)


@pytest.fixture(scope="module")
def stories(corpus):
    """100 test stories: texts, documents, true scores, kinds."""
    oracle, texts = Oracle(), corpus.test[:100]
    assert len(texts) == 100
    documents = encode_documents(oracle.tokenizer, texts)
    floor = token_log_probs(oracle, documents)
    return texts, documents, floor, [oracle.kinds(d) for d in documents]


@pytest.fixture(scope="module")
def log_probs(stories):
    """Name -> the model's scores of the stories."""
    return {
        name: token_log_probs(pretrained.load(name), stories[1])
        for name in NAMES
    }


@pytest.fixture(scope="module")
def gaps(stories, log_probs):
    """Name -> bits above the floor, token by token."""
    return {name: token_gaps(log_probs[name], stories[2]) for name in NAMES}


@pytest.mark.parametrize("name", NAMES)
def test_a_model_is_ready_to_predict(name):
    model = pretrained.load(name)
    assert isinstance(model, LanguageModel)
    assert isinstance(model, StatefulLanguageModel)
    assert model.vocab_size == Oracle().vocab_size
    token_ids = torch.tensor([[1, 7, 11], [1, 13, 5]])
    logits = model(token_ids)
    assert logits.shape == (2, 3, model.vocab_size)
    assert logits.dtype == torch.float32
    probs = logits.double().softmax(-1).sum(-1)
    torch.testing.assert_close(probs, torch.ones(2, 3, dtype=torch.float64))


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_is_in_float32_and_does_not_learn_on(name):
    model = pretrained.load(name)
    assert isinstance(model, nn.Module) and not model.training
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    assert {m.training for m in model.modules()} == {False}
    about = pretrained.card(name)
    size = sum(p.numel() for p in model.parameters())
    assert about["parameters"] == size
    assert vars(model.config) == about["config"]


def test_the_counts_are_those_of_the_card():
    model, about = pretrained.load("ngram"), pretrained.card("ngram")
    assert model.num_ngrams == about["ngrams"]
    assert model.order == len(about["ngrams"])


@pytest.mark.parametrize("name", NAMES)
def test_files_are_small(name):
    assert pretrained.path_of(name).stat().st_size <= 4_000_000
    if name in NETWORKS:
        assert pretrained.path_of(name, ".json").stat().st_size < 100_000


@pytest.mark.parametrize("name", NETWORKS)
def test_weights_are_stored_as_float16(name):
    kind = pretrained.WEIGHTS
    tensors, _ = pretrained.unpack(pretrained.path_of(name), kind)
    assert {tensor.dtype for tensor in tensors.values()} == {torch.float16}


@pytest.mark.parametrize("name", NAMES)
def test_the_card_tells_where_a_model_is_from(name):
    about = pretrained.card(name)
    assert about["data"].startswith("storyworld(60_000).train: ")
    assert about["test"]["stories"] == "storyworld(10_000).test"
    assert about["check"]["stories"] == "storyworld(10_000).test[:100]"
    assert {"seed", "machine", "cpu_seconds"} <= about.keys()
    if name in NETWORKS:
        assert about["steps"] == about["training"]["num_steps"]
        assert about["config"]["vocab_size"] == Oracle().vocab_size


@pytest.mark.parametrize("name", NAMES)
def test_the_card_s_figures_are_found_again(name, stories, log_probs, gaps):
    texts, _, floor, kinds = stories
    card, scores = pretrained.card(name)["check"], log_probs[name]
    found = {
        "bits_per_token": cross_entropy(scores, "bits"),
        "bits_per_token_floor": cross_entropy(floor, "bits"),
        "bits_per_byte": bits_per_byte(scores, texts),
        "bits_per_byte_floor": bits_per_byte(floor, texts),
        "gap_bits": gap_bits(scores, floor),
    }
    for key, value in found.items():
        assert value == pytest.approx(card[key], abs=1e-5), key
    assert card["num_tokens"] == sum(map(len, scores))
    by_name = {k: m.mean for k, m in by_kind(gaps[name], kinds).items()}
    assert by_name == pytest.approx(card["gap_bits_by_kind"], abs=1e-4)
    assert set(by_name) == set(KINDS)


@pytest.mark.parametrize("name", NAMES)
def test_a_part_of_the_test_agrees_with_all_of_it(name):
    """Within 3 standard errors of the part."""
    about = pretrained.card(name)
    part, whole = about["check"], about["test"]
    difference = part["gap_bits"] - whole["gap_bits"]
    assert abs(difference) < 3 * part["gap_bits_standard_error"]
    assert part["num_tokens"] < whole["num_tokens"]


def in_standard_errors(rows):
    """The mean over stories of a gap's sum, in its standard errors."""
    totals = torch.stack([row.sum() for row in rows])
    return (totals.mean() / (totals.std() / len(totals) ** 0.5)).item()


@pytest.mark.parametrize("name", NAMES)
def test_none_is_below_the_floor(name, stories, gaps):
    assert in_standard_errors(gaps[name]) > -3
    for kind in KINDS:
        chosen = [
            gap[[k == kind for k in row]]
            for gap, row in zip(gaps[name], stories[3], strict=True)
        ]
        assert in_standard_errors([c for c in chosen if len(c)]) > -3, kind


def test_their_order_is_that_of_the_cards(stories, log_probs):
    floor = stories[2]
    found = {n: gap_bits(log_probs[n], floor) for n in NAMES}
    for part in ("test", "check"):
        cards = {n: pretrained.card(n)[part]["gap_bits"] for n in NAMES}
        assert tuple(sorted(cards, key=cards.get)) == FROM_BEST
    assert tuple(sorted(found, key=found.get)) == FROM_BEST


def test_no_test_story_was_trained_on(corpus, stories):
    """A story's split follows from its text, however many stories there are.

    So what is a test story here is none of any corpus' training stories.
    """
    shares = inspect.signature(split).parameters
    shares = [shares[name].default for name in ("validation", "test")]
    assert {split_of(text, *shares) for text in stories[0]} == {"test"}
    assert {split_of(text, *shares) for text in corpus.test} == {"test"}
    assert {split_of(text, *shares) for text in corpus.train} == {"train"}
    assert not set(corpus.train) & set(corpus.test)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_curve_ends_near_the_card(name):
    curve = pretrained.curve(name)
    lists = [values for values in curve.values() if isinstance(values, list)]
    assert {len(values) for values in lists} == {len(curve["steps"])}
    about = pretrained.card(name)
    assert curve["steps"][-1] == about["steps"]
    assert curve["tokens"][-1] == about["tokens_read"]
    assert curve["cpu_seconds"][-1] == pytest.approx(
        about["cpu_seconds"], abs=0.6
    )
    assert curve["validation_nats"][-1] < curve["validation_nats"][0]


@pytest.mark.parametrize("function", [pretrained.load, pretrained.card])
def test_an_unknown_name_is_answered_with_those_there_are(function):
    with pytest.raises(ValueError, match="no model 'gpt' comes") as error:
        function("gpt")
    for name in NAMES:
        assert name in str(error.value)


def test_counting_has_no_curve():
    with pytest.raises(ValueError, match="'ngram' has no curve: choose"):
        pretrained.curve("ngram")


def test_the_files_are_part_of_the_wheel():
    """It holds all of `lmbook` but what git ignores: so the builder works."""
    settings = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert 'wheel]\npackages = ["lmbook"]' in settings
    files = [pretrained.path_of(name) for name in NAMES]
    files += [pretrained.path_of(name, ".json") for name in NETWORKS]
    files += [pretrained.experiment_path(name) for name in EXPERIMENTS]
    for path in files:
        assert path.is_file()
        assert path.is_relative_to(ROOT / "lmbook")
        command = ["git", "-C", str(ROOT), "check-ignore", str(path)]
        assert subprocess.run(command, capture_output=True).returncode != 0


def test_the_n_grams_are_counts_not_probabilities():
    path = pretrained.path_of("ngram")
    tensors, _ = pretrained.unpack(path, COUNTS)
    assert {tensor.dtype for tensor in tensors.values()} == {torch.uint8}


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_an_experiment_is_complete(name):
    found = pretrained.experiment(name)
    assert found["experiment"] == name
    assert found["command"] == f"make experiments EXPERIMENT={name}"
    assert {"about", "date", "machine", "torch", "notes"} <= found.keys()
    assert len(found["runs"]) == found["num_planned"]
    for run in found["runs"]:
        assert run["corpus"] in found["data"]
        assert run["cpu_seconds"] > 0 and run["parameters"] > 0
        assert run["test"]["bits_per_token"] > 0
    assert pretrained.experiment_path(name).stat().st_size < 500_000


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_no_run_of_an_experiment_is_below_the_floor(name):
    for run in pretrained.experiment(name)["runs"]:
        if "gap_bits" in run["test"]:
            error = run["test"]["gap_bits_standard_error"]
            assert run["test"]["gap_bits"] > -3 * error


def test_an_unknown_experiment_is_answered_with_those_there_are():
    with pytest.raises(ValueError, match="no experiment 'gpt' comes") as error:
        pretrained.experiment("gpt")
    for name in EXPERIMENTS:
        assert name in str(error.value)
