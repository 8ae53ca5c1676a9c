"""`make experiments` in small: plans, runs that go on, files."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import experiments
import models
import pytest
import torch
import trials
from torch.nn import functional as F

from lmbook import pretrained, training
from lmbook.bpe import BytePairTokenizer
from lmbook.corpora import Corpus
from lmbook.evaluation import bits_per_byte, token_log_probs

TINY = {"context_length": 192, "d_model": 8, "num_layers": 1, "num_heads": 2}
SHORT = {"num_steps": 5, "warmup_steps": 1, "eval_every": 2, "batch_size": 2}
PROSE = ["Return the sum.", "Raise an error.", "Return nothing at all."]


def plan_small(results):
    """A network and counts; then a longer run of the same network."""
    network = trials.Trial(
        name="network",
        labels={"variant": "short"},
        corpus=trials.STORIES,
        model="transformer",
        config=TINY,
        training=SHORT,
    )
    plan = [network, trials.ngram_trial(trials.STORIES, 2)]
    if "network" in results:
        longer = {"name": "longer", "labels": {"variant": "long"}}
        steps = SHORT | {"num_steps": 7}
        plan.append(replace(network, **longer, training=steps))
    return plan


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A folder with the stories of small experiments."""
    folder = tmp_path_factory.mktemp("kept")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(models, "NUM_TEST", 200)
        models.stories(folder, 300)
    return folder


@pytest.fixture
def small(kept, tmp_path, monkeypatch):
    """Everything in small and in one process; the folder of the runs."""
    folder = tmp_path / "runs"
    folder.mkdir()
    for path in kept.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    monkeypatch.setattr(pretrained, "EXPERIMENTS", tmp_path / "experiments")
    monkeypatch.setattr(experiments, "NUM_WATCHED", 3)
    monkeypatch.setitem(experiments.NUM_STORIES, trials.STORIES, 300)
    monkeypatch.setitem(experiments.PLANS, "small", plan_small)
    monkeypatch.setitem(trials.NOTES, "small", ["tiny"])
    monkeypatch.setattr(
        experiments, "processes", lambda: ThreadPoolExecutor(1)
    )
    monkeypatch.setattr(
        experiments, "python_docs", lambda: Corpus("x", PROSE, PROSE, PROSE)
    )
    return folder


def test_an_experiment_has_the_form_that_pages_read(small):
    experiments.main(["small", "--runs", str(small)])
    found = pretrained.experiment("small")
    assert found["about"] == plan_small.__doc__
    assert found["command"] == "make experiments EXPERIMENT=small"
    assert found["torch"] == torch.__version__ and found["notes"] == ["tiny"]
    assert {"date", "machine", "python"} <= found.keys()
    assert found["num_planned"] == len(found["runs"]) == 3
    assert list(found["data"]) == [trials.STORIES]
    short, counts, long = found["runs"]
    assert (short["variant"], long["variant"]) == ("short", "long")
    assert (short["steps"], long["steps"]) == (5, 7)
    assert short["curve"]["steps"] == [2, 4, 5]
    assert {len(values) for values in short["curve"].values()} == {3}
    assert short["tokens_read"] < long["tokens_read"]
    for run in found["runs"]:
        assert run["test"]["gap_bits"] > 0 and run["cpu_seconds"] > 0
        assert run["parameters"] > 0 and run["validation_bits"] > 0
        assert "counting" in run["test"]["gap_bits_by_kind"]
    assert counts["order"] == 2 and counts["family"] == "ngram"


def test_what_is_finished_is_not_run_again(small, monkeypatch):
    """After a run that broke off; and to the same file."""
    run, names = experiments.run_network, []

    def broken(trial, texts):
        names.append(trial.name)
        if len(names) == 2:
            raise MemoryError("planted")
        return run(trial, texts)

    monkeypatch.setattr(experiments, "run_network", broken)
    with pytest.raises(MemoryError, match="planted"):
        experiments.main(["small", "--runs", str(small)])
    part = pretrained.experiment("small")
    assert [run.get("variant") for run in part["runs"]] == ["short", None]
    assert part["num_planned"] == 3  # known once the first one is there
    experiments.main(["small", "--runs", str(small)])
    assert names == ["network", "longer", "longer"]
    whole = pretrained.experiment("small")
    assert whole["runs"][:2] == part["runs"]
    pretrained.experiment_path("small").unlink()
    experiments.main(["small", "--runs", str(small)])
    assert pretrained.experiment("small") == whole and len(names) == 3


def test_a_changed_trial_is_run_again(small):
    first = plan_small({})[0]
    path = experiments.file_of("small", first, small)
    for change in ({"training": {}}, {"config": {}}, {"change": "no norms"}):
        other = replace(first, **change)
        assert experiments.file_of("small", other, small) != path
    same = replace(first, labels={"variant": "other words for it"})
    assert experiments.file_of("small", same, small) == path


def test_time_that_others_use_is_not_counted():
    with experiments.cpu_time():
        start = training.time.perf_counter()
        time.sleep(0.2)
        assert training.time.perf_counter() - start < 0.1
        start = training.time.perf_counter()
        while training.time.perf_counter() - start < 0.02:
            pass
    assert training.time is time


def test_a_budget_ends_a_run(small):
    texts = experiments.story_texts(trials.STORIES, small)
    short = trials.family_trial(trials.MORE_STORIES, "gru", 0, 0.3, 1e-3)
    recipe = short.training | {"batch_size": 2}
    trial = replace(short, training=recipe)
    _, found = experiments.run_network(trial, texts)
    assert 0.3 <= found["cpu_seconds"] < 2
    assert found["training"]["max_seconds"] == 0.3
    assert found["training"]["num_steps"] is None
    assert found["curve"]["steps"] == [found["steps"]]


def test_prose_is_cut_and_each_token_predicted_once(monkeypatch):
    monkeypatch.setattr(experiments, "PIECE", 7)
    tokenizer = BytePairTokenizer.train(PROSE, 5)
    text = "Return the sum, or raise an error."
    rows = experiments.pieces(tokenizer, text)
    assert len(rows) > 2 and {len(row) for row in rows[:-1]} == {8}
    assert {row[0].item() for row in rows} == {tokenizer.bos_id}
    ids = torch.cat([row[1:] for row in rows]).tolist()
    assert ids == [*tokenizer.encode(text), tokenizer.eos_id]


def test_short_prose_is_scored_as_elsewhere(small, monkeypatch):
    monkeypatch.setattr(experiments, "NUM_MERGES", 5)
    texts = experiments.docs_texts(trials.DOCS, small)
    trial = trials.ngram_trial(trials.DOCS, 3)
    model, found = experiments.run_ngram(trial, texts)
    log_probs = token_log_probs(model, texts.data.validation)
    expected = bits_per_byte(log_probs, PROSE)  # test and validation agree
    assert texts.test(model)["bits_per_byte"] == pytest.approx(expected)
    assert found["parameters"] == sum(model.num_ngrams)
    assert texts.about["test_bytes"] == sum(map(len, PROSE))


def trial_of(change, **config):
    return trials.Trial(
        name="x",
        labels={},
        corpus=trials.STORIES,
        model="transformer",
        config=TINY | {"d_model": 12} | config,
        change=change,
    )


def test_variants_begin_with_the_weights_of_the_whole():
    whole = trials.build(trial_of("whole"), 31, seed=3).state_dict()
    for change in trials.CHANGES:
        model = trials.build(trial_of(change), 31, seed=3)
        for name, value in model.state_dict().items():
            if name == "positions.table":
                continue
            if change == "final norm starts at 1" and "final" in name:
                assert (value == 1).all()
                continue
            assert torch.equal(value, whole[name]), (change, name)


def logits(change, token_ids):
    return trials.build(trial_of(change), 31, seed=3)(token_ids)


def test_without_norms_a_block_adds_to_what_it_reads_as_it_is():
    token_ids = torch.randint(31, (2, 5), generator=torch.manual_seed(0))
    model = trials.build(trial_of("no norms"), 31, seed=3)
    hidden, rotation = model.positions(model.embed(token_ids), slice(5))
    for block in model.blocks:
        hidden = hidden + block.attention(hidden, rotation)
        hidden = hidden + block.feed_forward(hidden)
    hidden = hidden * model.config.final_gain
    expected = F.linear(hidden, model.token_embedding.weight)
    torch.testing.assert_close(model(token_ids), expected)


def test_without_residual_each_part_replaces_its_input():
    token_ids = torch.randint(31, (2, 5), generator=torch.manual_seed(0))
    model = trials.build(trial_of("no residual"), 31, seed=3)
    hidden, rotation = model.positions(model.embed(token_ids), slice(5))
    for block in model.blocks:
        hidden = block.attention(block.attention_norm(hidden), rotation)
        hidden = block.feed_forward(block.feed_forward_norm(hidden))
    torch.testing.assert_close(model(token_ids), model.unembed(hidden))


def test_without_positions_the_order_of_earlier_tokens_is_lost():
    """In one layer: only how many there are, and which, is seen."""
    token_ids = torch.tensor([[3, 5, 7, 11], [7, 3, 5, 11]])
    one, other = logits("no positions", token_ids)[:, -1]
    torch.testing.assert_close(one, other)
    for change in ("whole", "learned positions"):
        one, other = logits(change, token_ids)[:, -1]
        assert (one - other).abs().max() > 1e-3


def test_the_best_rate_of_the_first_budget_serves_the_others():
    results = {}
    short = trials.plan_families(results)
    firsts = {budgets[0] for budgets in trials.BUDGETS.values()}
    assert {x.labels.get("budget") for x in short} == {None, *firsts}
    rates = {}
    for trial in short:
        wanted = trials.RATES[len(trial.corpus + trial.model) % 3]
        rates[trial.corpus, trial.model] = wanted
        bits = 1.0 if trial.labels.get("learning_rate") == wanted else 2.0
        results[trial.name] = {"validation_bits": bits}
    assert len(set(rates.values())) > 1
    plan = trials.plan_families(results)
    assert [x.name for x in plan[: len(short)]] == [x.name for x in short]
    marked = [x for x in plan if x.labels.get("is_best_rate")]
    assert len(marked) == 2 * len(trials.FAMILIES)
    for trial in [*marked, *plan[len(short) :]]:
        wanted = rates[trial.corpus, trial.model]
        assert trial.labels["learning_rate"] == wanted
        assert trial.training["learning_rate"] == wanted


def test_each_family_has_the_same_budgets_and_sizes():
    short = trials.plan_families({})
    results = {trial.name: {"validation_bits": 1.0} for trial in short}
    found = {family: set() for family in trials.FAMILIES}
    for trial in trials.plan_families(results):
        if (family := trial.labels["family"]) in found:
            size, budget = trial.labels["size"], trial.labels["budget"]
            found[family].add((trial.corpus, size, budget))
    for corpus, budgets in trials.BUDGETS.items():
        assert {(corpus, "base", s) for s in budgets} <= found["elman"]
    assert all(runs == found["elman"] for runs in found.values())


@pytest.mark.parametrize("name", experiments.PLANS)
def test_names_of_trials_are_told_apart(name):
    plan = experiments.PLANS[name]({})
    assert len({trial.name for trial in plan}) == len(plan)
    assert json.dumps([trial.labels for trial in plan])
    assert trials.NOTES[name]


@pytest.mark.parametrize("name", experiments.PLANS)
def test_the_trials_are_those_of_the_results_in_the_book(name):
    runs = pretrained.experiment(name)["runs"]
    plan = experiments.PLANS[name]({})
    known = zip(plan, runs, strict=False)
    plan = experiments.PLANS[name]({trial.name: run for trial, run in known})
    for trial, run in zip(plan, runs, strict=True):
        assert run | trial.labels == run
        assert (trial.corpus, trial.change) == (run["corpus"], run["change"])
        assert trial.config == run["config"]
        for key, value in trial.training.items():
            if value != trials.EVERY:
                assert run["training"][key] == value
