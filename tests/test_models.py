"""`make models` in small: its runs, cards and curves."""

import json
import shutil
import time

import models
import pytest
import torch

from lmbook import pretrained
from lmbook.corpora import Corpus, storyworld
from lmbook.evaluation import token_log_probs
from lmbook.oracle import Oracle
from lmbook.tokenizers import encode_documents

SMALL = {"d_model": 12, "num_layers": 1}
NUMBERS = {
    "NUM_TRAIN": 300,
    "NUM_TEST": 200,
    "NUM_WATCHED": 3,
    "NUM_CHECKED": 5,
    "NGRAM_ORDER": 3,
}


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A folder with the stories of a small run."""
    folder = tmp_path_factory.mktemp("kept")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in NUMBERS.items():
            patch.setattr(models, name, value)
        models.stories(folder)
    return folder


@pytest.fixture
def small(kept, tmp_path, monkeypatch):
    """Everything in small, written below `tmp_path`; the runs' folder."""
    monkeypatch.setattr(pretrained, "CHECKPOINTS", tmp_path / "checkpoints")
    for name, value in NUMBERS.items():
        monkeypatch.setattr(models, name, value)
    sizes = {
        "transformer": {"context_length": 192, "num_heads": 2},
        "lstm": {"cell": "lstm", "d_hidden": 11},
        "elman": {"cell": "elman", "d_hidden": 13},
    }
    steps = {"num_steps": 5, "warmup_steps": 1, "eval_every": 2}
    for name, size in sizes.items():
        monkeypatch.setitem(models.ARCHITECTURES, name, SMALL | size)
        monkeypatch.setitem(models.RECIPES, name, steps)
    (tmp_path / "checkpoints").mkdir()
    return shutil.copytree(kept, tmp_path / "runs")


@pytest.mark.parametrize("name", models.NAMES)
def test_what_is_made_loads_and_scores_as_its_card_says(small, name):
    assert models.main([name, "--runs", str(small)]) == 0
    model, card = pretrained.load(name), pretrained.card(name)
    texts = storyworld(200).test
    log_probs = token_log_probs(
        model, encode_documents(Oracle().tokenizer, texts)
    )
    assert card["test"] == models.scores(model, texts) | {
        "stories": "storyworld(200).test"
    }
    assert card["test"]["num_tokens"] == sum(map(len, log_probs))
    assert card["check"] == models.scores(model, texts[:5]) | {
        "stories": "storyworld(200).test[:5]"
    }
    assert card["data"].startswith("storyworld(300).train: ")


@pytest.mark.parametrize("name", pretrained.NETWORKS)
def test_a_curve_follows_the_run(small, name):
    models.make(name, small)
    curve, card = pretrained.curve(name), pretrained.card(name)
    assert curve["steps"] == [2, 4, 5] and card["steps"] == 5
    assert curve["tokens"][-1] == card["tokens_read"]
    assert len(curve["cpu_seconds"]) == 3


def weights(name):
    """The stored tensors of a network, as bytes."""
    path = pretrained.path_of(name)
    tensors, _ = pretrained.unpack(path, pretrained.WEIGHTS)
    return {key: x.numpy().tobytes() for key, x in tensors.items()}


def test_a_finished_run_is_only_written_again(small):
    models.make("lstm", small)
    whole, card = weights("lstm"), pretrained.card("lstm")
    pretrained.path_of("lstm").unlink()
    models.make("lstm", small)
    assert weights("lstm") == whole
    again = pretrained.card("lstm")
    for key in ("test", "check", "steps", "tokens_read", "data"):
        assert again[key] == card[key]


def test_a_run_that_was_broken_off_goes_on(small, kept, monkeypatch):
    """To the same weights; and the CPU seconds of both calls count."""
    models.make("elman", small)
    whole, other = weights("elman"), small / "other"
    shutil.copytree(kept, other)
    batch, rows = models.Documents.batch, []

    def broken(self, row):
        rows.append(row)
        if len(rows) > 3:
            raise MemoryError("planted")
        return batch(self, row)

    with monkeypatch.context() as patch:
        patch.setattr(models.Documents, "batch", broken)
        with pytest.raises(MemoryError, match="planted"):
            models.make("elman", other)
    clock = other / "elman" / "cpu_seconds.json"
    assert json.loads(clock.read_text()) > 0
    clock.write_text("5000")
    models.make("elman", other)
    assert weights("elman") == whole
    assert pretrained.card("elman")["cpu_seconds"] >= 5000


def test_time_is_counted_over_calls(tmp_path):
    def work(seconds):
        start = time.process_time()
        while time.process_time() - start < seconds:
            pass

    with models.cpu_clock(tmp_path / "run") as first:
        work(0.05)
    with pytest.raises(KeyboardInterrupt), models.cpu_clock(tmp_path / "run"):
        work(0.05)
        raise KeyboardInterrupt
    with models.cpu_clock(tmp_path / "run") as third:
        assert third() >= 0.1
    assert first() >= 0.05


def test_stories_are_kept_and_read_again(small, monkeypatch):
    data = models.stories(small / "fresh")
    monkeypatch.setattr(models, "storyworld", None)  # not made again
    again = models.stories(small / "fresh")
    corpus = storyworld(300)
    tokenizer = Oracle().tokenizer
    expected = encode_documents(tokenizer, corpus.train)
    for found in (data.train, again.train):
        for ours, theirs in zip(found, expected, strict=True):
            assert torch.equal(ours, theirs)
    expected = encode_documents(tokenizer, corpus.validation)
    assert all(map(torch.equal, again.validation, expected))
    assert again.test == storyworld(200).test


def test_a_test_story_in_the_training_stories_is_refused(small, monkeypatch):
    def leaking(num_stories):
        return Corpus("leak", ["a", "b"], ["c"], ["b"])

    monkeypatch.setattr(models, "storyworld", leaking)
    with pytest.raises(ValueError, match="a test story is in the training"):
        models.stories(small / "fresh")


def test_the_standard_error_is_that_of_a_ratio():
    """By hand: sums 1 and 3 over 1 and 1 tokens: residuals -1 and 1, whose
    deviation is sqrt 2, so the error is sqrt(2) sqrt(2) / 2 = 1."""
    gaps = [torch.tensor([1.0]), torch.tensor([3.0])]
    assert models.standard_error(gaps) == pytest.approx(1.0)
    gaps = [torch.full((n,), 2.0) for n in (3, 5, 11)]
    assert models.standard_error(gaps) == pytest.approx(0.0, abs=1e-6)


def test_an_exit_status_other_than_0_is_handed_on(small, monkeypatch):
    monkeypatch.setattr(models, "stories", lambda folder: None)
    statuses = {"lstm": -9}
    monkeypatch.setattr(
        models, "make_in_process", lambda name, folder: statuses.get(name, 0)
    )
    assert models.main(["--runs", str(small)]) == 9
    statuses.clear()
    assert models.main(["--runs", str(small)]) == 0


@pytest.mark.parametrize("name", pretrained.NETWORKS)
def test_the_recipes_are_those_of_the_models_in_the_book(name):
    card = pretrained.card(name)
    recipe = models.COMMON | models.RECIPES[name]
    assert recipe.items() <= card["training"].items()
    assert models.ARCHITECTURES[name].items() <= card["config"].items()
    assert card["seed"] == models.SEED


def test_the_order_is_that_of_the_counts_in_the_book():
    assert len(pretrained.card("ngram")["ngrams"]) == models.NGRAM_ORDER
