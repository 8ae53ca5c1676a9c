"""Batches, schedule, the loop against a plain one, and what ends a run."""

import errno
import json
import math
import os
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass, replace
from itertools import islice, pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from lmbook import files, training
from lmbook.batches import (
    IGNORED,
    Documents,
    Windows,
    batch_order,
    seed_of,
)
from lmbook.checkpoint import RUN, tensors_of, unpack
from lmbook.evaluation import bits_per_byte, cross_entropy, token_log_probs
from lmbook.history import History
from lmbook.recipe import (
    TrainingConfig,
    adamw,
    cosine,
    flat_then_linear,
)
from lmbook.training import train

BOS, EOS, VOCAB_SIZE = 0, 1, 13


@dataclass(frozen=True, kw_only=True)
class TinyConfig:
    d_model: int = 5
    dropout: float = 0.25


class Tiny(nn.Module):
    """A causal model with a tied matrix, vectors and dropout."""

    vocab_size = VOCAB_SIZE

    def __init__(self, seed=0, **sizes):
        super().__init__()
        self.config = TinyConfig(**sizes)
        generator = torch.Generator().manual_seed(seed)
        shape = VOCAB_SIZE, self.config.d_model
        matrix = torch.randn(shape, generator=generator)
        self.embedding = nn.Parameter(matrix)
        self.gain = nn.Parameter(torch.ones(shape[1]))
        self.bias = nn.Parameter(torch.zeros(shape[0]))
        self.dropout = nn.Dropout(self.config.dropout)

    def forward(self, token_ids):
        hidden = self.dropout(self.embedding[token_ids]).cumsum(1)
        return torch.tanh(hidden * self.gain) @ self.embedding.T + self.bias


class Unstable(Tiny):
    """Its logits, or only their gradient, break down at a step."""

    def __init__(self, at, broken="loss"):
        super().__init__()
        self.at, self.broken, self.calls = at, broken, 0

    def forward(self, token_ids):
        self.calls += self.training
        logits = super().forward(token_ids)
        if self.training and self.calls == self.at:
            if self.broken == "loss":
                return logits * math.nan
            logits.register_hook(lambda gradient: gradient * math.inf)
        return logits


def texts(number, seed, lengths=(3, 11)):
    generator = torch.Generator().manual_seed(seed)

    def draw(low, high, *size):
        return torch.randint(low, high, size, generator=generator)

    ends = torch.tensor([BOS]), torch.tensor([EOS])
    return [
        torch.cat([ends[0], draw(2, VOCAB_SIZE, int(draw(*lengths))), ends[1]])
        for _ in range(number)
    ]


def documents(**changes):
    fields = {
        "train": texts(29, 1),
        "validation": texts(7, 2),
        "validation_bytes": 101,
    }
    return Documents(**(fields | changes))


def windows(length=5, **changes):
    fields = {
        "train": torch.cat(texts(29, 1)),
        "validation": torch.cat(texts(7, 2)),
        "validation_bytes": 101,
        "length": length,
    }
    return Windows(**(fields | changes))


CONFIG = TrainingConfig(
    num_steps=17,
    batch_size=3,
    learning_rate=0.05,
    warmup_steps=2,
    eval_every=5,
)


def fit(model, data=None, config=CONFIG, folder=None, **options):
    options = {"show_progress": False, "device": "cpu"} | options
    return train(
        model, data or documents(), config, checkpoint_folder=folder, **options
    )


def same_weights(a, b):
    a, b = tensors_of(a), tensors_of(b)
    return a.keys() == b.keys() and all(torch.equal(a[n], b[n]) for n in a)


def timeless(history):
    return replace(history, seconds=[])


# Batches


def rows_of(data, batch_size, seed=0, epoch=0):
    generator = torch.Generator().manual_seed(seed_of(seed, "epoch", epoch))
    return data.epoch(batch_size, generator)


def test_a_batch_of_documents_is_padded_and_shifted():
    train_texts = [torch.tensor(t) for t in ([0, 5, 7, 1], [0, 1])]
    data = documents(train=train_texts)
    inputs, targets = data.batch(torch.tensor([1, 0]))
    assert inputs.tolist() == [[0, 0, 0], [0, 5, 7]]
    assert targets.tolist() == [[1, IGNORED, IGNORED], [5, 7, 1]]


def test_an_epoch_reads_each_document_at_most_once():
    rows = rows_of(documents(), 3)
    assert rows.shape == (29 // 3, 3)
    assert len(rows.unique()) == rows.numel()
    assert rows.tolist() != rows_of(documents(), 3, epoch=1).tolist()
    assert rows.tolist() != rows_of(documents(), 3, seed=1).tolist()
    assert rows.tolist() == rows_of(documents(), 3).tolist()


def test_every_document_has_its_turn():
    order = batch_order(documents(), 3, seed=0)
    seen = torch.cat(list(islice(order, 5 * 9)))
    assert seen.unique().tolist() == list(range(29))


def test_documents_of_a_batch_have_similar_lengths():
    data = documents(train=texts(1009, 3, lengths=(3, 60)))
    rows = rows_of(data, 7)
    lengths = torch.tensor([len(t) for t in data.train])[rows]
    spread = (lengths.amax(1) - lengths.amin(1)).float().mean()
    assert spread < 2  # of 57 at random about 43
    longest = lengths.amax(1).float()  # and yet they come in mixed order
    later = longest[1:] > longest[:-1]
    assert 0.3 < later.float().mean() < 0.7


def test_an_epoch_of_windows_reads_each_target_at_most_once():
    data = windows()
    starts = rows_of(data, 3)
    places = (starts.flatten()[:, None] + torch.arange(1, 6)).flatten()
    assert len(places.unique()) == len(places) <= len(data.train) - 1
    assert len(data.train) - len(places) < 5 * (2 + 3)
    assert places.max() < len(data.train)
    offsets = {int(rows_of(data, 1, s).min()) for s in range(40)}
    assert offsets == set(range(5))


def test_a_batch_of_windows_is_a_piece_of_the_text():
    data = windows(train=torch.arange(13), length=5)
    inputs, targets = data.batch(torch.tensor([7, 2]))
    assert inputs.tolist() == [[7, 8, 9, 10, 11], [2, 3, 4, 5, 6]]
    assert torch.equal(targets, inputs + 1)


def test_a_text_of_one_window():
    data = windows(train=torch.arange(6), length=5)
    assert rows_of(data, 1).tolist() == [[0]]


@pytest.mark.parametrize("length", [1, 5, 7, 40, 41, 42, 1000])
def test_windows_score_every_validation_token_once(length):
    text = torch.arange(42) % VOCAB_SIZE
    rows = windows(length=min(length, 60), validation=text).validation_rows()
    assert torch.equal(torch.cat([row[1:] for row in rows]), text[1:])
    for before, after in pairwise(rows):
        assert before[-1] == after[0]
        assert len(before) == length + 1


def test_seeds_are_told_apart():
    seeds = {
        seed_of(seed, what, number)
        for seed in range(10)
        for what in ("epoch", "dropout")
        for number in range(1000)
    }
    assert len(seeds) == 20_000


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (lambda: documents(train=[]), "no training documents"),
        (lambda: documents(validation=[]), "no validation documents"),
        (
            lambda: documents(train=[torch.tensor([0.0, 1.0])]),
            r"training document 0 is torch.float32 of shape \(2,\): it must",
        ),
        (
            lambda: documents(validation=[*texts(1, 0), torch.tensor([0])]),
            r"validation document 1 is torch.int64 of shape \(1,\)",
        ),
        (lambda: documents(validation_bytes=0), "validation_bytes=0: give"),
        (
            lambda: windows(train=torch.zeros(3, 5, dtype=torch.int64)),
            r"training text 0 is torch.int64 of shape \(3, 5\)",
        ),
        (
            lambda: windows(train=torch.arange(5), length=5),
            "windows of length 5 in a training text of 5 tokens: choose",
        ),
        (lambda: windows(length=0), "windows of length 0"),
        (
            lambda: rows_of(documents(), 31),
            "batch_size=31 but there are only 29 rows",
        ),
        (
            lambda: rows_of(windows(train=torch.arange(11)), 3),
            "batch_size=3 but there are only [12] rows",
        ),
    ],
)
def test_data_to_train_on_are_checked(data, message):
    with pytest.raises(ValueError, match=message):
        data()


# The recipe


def test_the_schedule_is_torch_s():
    config = replace(CONFIG, num_steps=101, warmup_steps=13)
    parameter = nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=config.learning_rate)
    schedulers = torch.optim.lr_scheduler
    up = schedulers.LinearLR(optimizer, 1 / 14, total_iters=13)
    down = schedulers.CosineAnnealingLR(
        optimizer, 101 - 1 - 13, config.final_fraction * config.learning_rate
    )
    both = schedulers.SequentialLR(optimizer, [up, down], [13])
    for step in range(101):
        expected = optimizer.param_groups[0]["lr"]
        assert config.learning_rate_at(step) == pytest.approx(expected)
        optimizer.step()
        both.step()


def test_the_flat_schedule_by_hand():
    config = replace(
        CONFIG,
        num_steps=11,
        warmup_steps=0,
        learning_rate=1.0,
        schedule="flat_then_linear",
        final_fraction=0.1,
    )
    rates = [config.learning_rate_at(step) for step in range(11)]
    assert rates[:4] == [1.0] * 4  # 30 % of the way from step 0 to step 10
    falls = [(1 - 0.1) / 7] * 7
    steps = [a - b for a, b in pairwise(rates[3:])]
    assert steps == pytest.approx(falls)
    assert rates[-1] == pytest.approx(0.1)


@pytest.mark.parametrize("shape", [cosine, flat_then_linear])
def test_shapes_go_from_one_to_zero(shape):
    heights = [shape(i / 100) for i in range(101)]
    assert heights[0] == 1
    assert heights[-1] == pytest.approx(0)
    assert heights == sorted(heights, reverse=True)


def test_time_moves_the_schedule_too():
    config = replace(CONFIG, num_steps=10**6, max_seconds=8.0)
    low = config.final_fraction
    for seconds in (0.0, 2.0, 4.0, 8.0, 9.0):
        height = low + (1 - low) * cosine(min(1, seconds / 8))
        rate = config.learning_rate_at(7, seconds)
        assert rate == pytest.approx(0.05 * height, rel=1e-4)
    assert config.learning_rate_at(10**6 - 1, 0.0) == pytest.approx(0.05 * low)


def test_only_matrices_decay():
    model = Tiny()
    model.gain.requires_grad_(False)
    decaying, free = adamw(model, CONFIG).param_groups
    assert [p is model.embedding for p in decaying["params"]] == [True]
    assert [p is model.bias for p in free["params"]] == [True]
    assert decaying["weight_decay"] == CONFIG.weight_decay
    assert free["weight_decay"] == 0
    assert decaying["betas"] == free["betas"] == (0.9, CONFIG.beta2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num_steps": 0}, "num_steps=0: at least 1"),
        ({"batch_size": -1}, "batch_size=-1: at least 1"),
        ({"eval_every": 0}, "eval_every=0: at least 1"),
        ({"learning_rate": 0.0}, "learning_rate=0.0: above 0"),
        ({"learning_rate": math.nan}, "learning_rate=nan: above 0"),
        ({"clip": -1.0}, "clip=-1.0: above 0"),
        ({"max_seconds": 0}, "max_seconds=0: above 0"),
        ({"warmup_steps": 17}, "warmup_steps=17 is not .* num_steps=17"),
        ({"warmup_steps": -1}, "warmup_steps=-1 is not between 0"),
        ({"schedule": "steps"}, r"schedule='steps' is not one of \['cosine"),
    ],
)
def test_configs_are_checked(change, message):
    with pytest.raises(ValueError, match=message):
        replace(CONFIG, **change)


# The loop


@pytest.mark.parametrize("data", [documents(), windows()])
def test_the_loop_is_a_plain_one(data):
    model, plain = Tiny(dropout=0.0), Tiny(dropout=0.0)
    history = fit(model, data)
    matrices, vectors = [plain.embedding], [plain.gain, plain.bias]
    optimizer = torch.optim.AdamW(
        [
            {"params": matrices, "weight_decay": 0.05},
            {"params": vectors, "weight_decay": 0.0},
        ],
        betas=(0.9, 0.98),
        fused=False,
    )
    order = batch_order(data, 3, CONFIG.seed)
    tokens = 0
    for step in range(17):
        total = count = 0
        inputs, targets = data.batch(next(order))
        for row, wanted in zip(inputs, targets, strict=True):
            real = wanted != IGNORED
            logits = plain(row[None])[0][real]
            total = total + F.cross_entropy(
                logits, wanted[real], reduction="sum"
            )
            count += int(real.sum())
        optimizer.zero_grad()
        (total / count).backward()
        parameters = [*matrices, *vectors]
        norm = sum(p.grad.square().sum() for p in parameters).sqrt()
        for parameter in parameters:
            parameter.grad /= max(1.0, norm.item())
        for group in optimizer.param_groups:
            group["lr"] = CONFIG.learning_rate_at(step)
        optimizer.step()
        tokens += count
        assert history.train_nats[step] == pytest.approx(
            (total / count).item(), rel=1e-5
        )
        assert history.gradient_norms[step] == pytest.approx(
            norm.item(), rel=1e-4
        )
        assert history.tokens[step] == tokens
    assert min(history.gradient_norms) < 1 < max(history.gradient_norms)
    for name, tensor in tensors_of(plain).items():
        torch.testing.assert_close(
            tensors_of(model)[name], tensor, rtol=1e-4, atol=1e-6
        )


def test_evaluation_is_the_book_s():
    model, data = Tiny(), documents()
    history = fit(model, data)
    assert history.eval_steps == [5, 10, 15, 17]
    log_probs = token_log_probs(model, data.validation)
    assert history.validation_nats[-1] == cross_entropy(log_probs)
    made_up = ["é" * 20, "x" * 61, *[""] * 5]  # 101 bytes
    expected = bits_per_byte(log_probs, made_up)
    assert history.bits_per_byte[-1] == pytest.approx(expected)
    assert not model.training


def test_evaluating_more_often_changes_no_weight():
    often, rarely = Tiny(), Tiny()
    fit(often, config=replace(CONFIG, eval_every=1))
    fit(rarely, config=replace(CONFIG, eval_every=1000))
    assert same_weights(often, rarely)


def test_the_seed_decides_order_and_dropout_and_nothing_else_does():
    first, second, other = Tiny(), Tiny(), Tiny()
    state = torch.get_rng_state()
    fit(first)
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(99)
    fit(second)
    fit(other, config=replace(CONFIG, seed=1))
    assert same_weights(first, second)
    assert not same_weights(first, other)
    bare = Tiny(dropout=0.0)
    fit(bare)
    assert not same_weights(first, bare)


def test_dropout_differs_from_step_to_step():
    class Watched(Tiny):
        def forward(self, token_ids):
            if self.training:
                masks.append(self.dropout(torch.ones(97)).tolist())
            return super().forward(token_ids)

    masks = []
    fit(Watched())
    assert len({tuple(mask) for mask in masks}) == 17


def test_a_few_texts_are_learned_by_heart():
    few = texts(2, 5)
    data = documents(train=few, validation=few)
    config = replace(CONFIG, num_steps=300, batch_size=2, eval_every=300)
    model = Tiny(d_model=23, dropout=0.0)
    before = cross_entropy(token_log_probs(model, few))
    history = fit(model, data, config)
    assert history.validation_nats[0] < 0.5 < 2 < before


def test_the_time_budget_ends_a_run_and_its_schedule(monkeypatch, capsys):
    ticks = iter(range(1000))  # a step takes one second
    clock = SimpleNamespace(perf_counter=lambda: float(next(ticks)))
    monkeypatch.setattr(training, "time", clock)
    config = replace(CONFIG, num_steps=10**6, max_seconds=11.5)
    history = fit(Tiny(), config=config, show_progress=True)
    assert history.seconds == [float(i) for i in range(1, 13)]
    assert history.eval_steps == [5, 10, 12]
    assert history.learning_rates[-1] == config.learning_rate_at(11, 11.0)
    assert history.learning_rates[-1] < 0.05 * 0.06
    line = capsys.readouterr().err.split("\r")[-1]
    assert line.startswith("100%")


def test_frozen_parameters_stay(tmp_path):
    model, start = Tiny(), Tiny()
    model.gain.requires_grad_(False)
    fit(model, folder=tmp_path)
    assert torch.equal(model.gain, start.gain)
    assert not torch.equal(model.bias, start.bias)
    with pytest.raises(ValueError, match=r"frozen was \['gain'\] and is \[\]"):
        fit(Tiny(), folder=tmp_path)


def test_bf16_is_an_option():
    class Watched(Tiny):
        def forward(self, token_ids):
            kinds.add((self.training, (torch.eye(3) @ torch.eye(3)).dtype))
            return super().forward(token_ids)

    kinds = set()
    fit(Watched())
    assert kinds == {(True, torch.float32), (False, torch.float32)}
    kinds.clear()
    fit(Watched(), bf16=True)
    assert kinds == {(True, torch.bfloat16), (False, torch.float32)}


def test_compile_is_an_option(monkeypatch):
    compiled = []
    monkeypatch.setattr(
        training.torch, "compile", lambda m: compiled.append(m) or m
    )
    model = Tiny()
    fit(model)
    assert compiled == []
    fit(model, compile=True)
    assert compiled == [model]


def test_the_line_tells_speed_loss_and_time(capsys):
    history = fit(Tiny(), show_progress=True)
    line = capsys.readouterr().err.split("\r")[-1]
    assert line.startswith("100%")
    assert "tokens/s" in line
    assert f"{history.train_nats[-1]:.3f} nats" in line
    assert f"{history.bits_per_byte[-1]:.3f} bits per byte" in line
    fit(Tiny())
    assert capsys.readouterr().err == ""


def test_tokens_of_another_vocabulary_are_refused():
    large = [torch.tensor([BOS, VOCAB_SIZE, EOS])]
    message = "hold token 13, but the model's vocabulary ends at 12"
    for data in (documents(validation=large), windows(validation=large[0])):
        with pytest.raises(ValueError, match=message):
            fit(Tiny(), data)


# The history


def test_history_gives_points_for_figures():
    history = History(
        train_nats=[5.0, 4.0, 3.0, 2.0, 1.5],
        tokens=[7, 14, 21, 28, 35],
        seconds=[0.5, 1.0, 1.5, 2.0, 2.5],
        eval_steps=[2, 5],
        validation_nats=[4.4, 2.2],
        bits_per_byte=[3.3, 1.1],
    )
    assert history.over("steps", "bits_per_byte") == {2: 3.3, 5: 1.1}
    assert history.over("seconds", "validation_nats") == {1.0: 4.4, 2.5: 2.2}
    means = pytest.approx({14: 4.5, 35: 6.5 / 3})
    assert history.over("tokens", "train_nats") == means
    with pytest.raises(ValueError, match="'hours' is not one of"):
        history.over("hours", "train_nats")


def test_history_is_kept_as_json(tmp_path):
    history = fit(Tiny())
    history.save(tmp_path / "history.json")
    json.loads((tmp_path / "history.json").read_text())
    assert History.load(tmp_path / "history.json") == history


# Broken off, and on again


@pytest.mark.parametrize("data", [documents(), windows()])
def test_a_run_in_pieces_is_the_run_in_one(tmp_path, data, monkeypatch):
    whole = Tiny()
    expected = fit(whole, data, save_every=3)

    class PowerCut(BaseException):
        pass

    def cut(run):
        real(run)
        raise PowerCut

    real = training.Run.save
    monkeypatch.setattr(training.Run, "save", cut)
    for piece in range(17 // 3 + 1):
        torn = Tiny(seed=piece)
        with pytest.raises(PowerCut):
            fit(torn, data, folder=tmp_path, save_every=3)
    monkeypatch.setattr(training.Run, "save", real)
    history = fit(torn := Tiny(seed=7), data, folder=tmp_path)
    assert timeless(history) == timeless(expected)
    assert same_weights(whole, torn)


def test_a_finished_run_gives_its_history_at_once(tmp_path, monkeypatch):
    model, again = Tiny(), Tiny(seed=1)
    history = fit(model, folder=tmp_path)
    monkeypatch.setattr(training.Run, "step", None)
    monkeypatch.setattr(training.Run, "evaluate", None)
    monkeypatch.setattr(training.Run, "save", None)
    assert fit(again, folder=tmp_path) == history
    assert same_weights(model, again)
    assert not again.training


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"config": replace(CONFIG, learning_rate=0.01, seed=4)},
            "config.learning_rate was 0.05 and is 0.01 now; "
            "config.seed was 0 and is 4 now",
        ),
        ({"model": Tiny(d_model=7)}, "model.d_model was 5 and is 7 now"),
        ({"data": documents(train=texts(29, 3))}, r"data\.train was '\d+ tok"),
        ({"data": documents(train=texts(29, 1)[::-1])}, "data.train was"),
        ({"data": documents(validation_bytes=7)}, "bytes was 101 and is 7"),
        ({"data": windows()}, "kind was 'documents' and is 'windows' now"),
    ],
)
def test_another_run_s_checkpoint_is_refused(tmp_path, changes, message):
    fit(Tiny(), folder=tmp_path)
    before = (tmp_path / "checkpoint.safetensors").read_bytes()
    with pytest.raises(ValueError, match=message) as info:
        fit(**({"model": Tiny(), "folder": tmp_path} | changes))
    assert "is of another run" in str(info.value)
    assert "choose another checkpoint_folder" in str(info.value)
    assert (tmp_path / "checkpoint.safetensors").read_bytes() == before


def test_a_model_of_other_shape_is_refused(tmp_path):
    class Wide(Tiny):
        def __init__(self):
            super().__init__()
            self.gain = nn.Parameter(torch.ones(1))

    fit(Tiny(), folder=tmp_path)
    message = r"gain is \(5,\) in the file but \(1,\) in the model"
    with pytest.raises(ValueError, match=message):
        fit(Wide(), folder=tmp_path)


@pytest.mark.parametrize("broken", ["loss", "gradient"])
def test_a_loss_that_is_no_number_stops_before_it_spoils(tmp_path, broken):
    model, good = Unstable(at=9, broken=broken), Tiny()
    with pytest.raises(FloatingPointError, match="at step 9, where") as info:
        fit(model, folder=tmp_path, save_every=3)
    message = str(info.value)
    assert f"learning rate is {CONFIG.learning_rate_at(8):.3g}" in message
    path = tmp_path / "checkpoint.safetensors"
    assert f"the last checkpoint is {path}, of step 6" in message
    assert "Lower learning_rate" in message
    assert all(p.isfinite().all() for p in model.parameters())
    resumed = fit(good, folder=tmp_path, save_every=3)
    assert timeless(resumed) == timeless(fit(Tiny()))


def test_without_a_folder_the_error_says_so():
    with pytest.raises(FloatingPointError, match="there is no checkpoint_fol"):
        fit(Unstable(at=2))


@pytest.fixture
def ctrl_c():
    """Ctrl-C as in a terminal: a shell's background job would ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_saves_and_the_run_goes_on(tmp_path, ctrl_c):
    class Pressed(Tiny):
        """Ctrl-C in the midst of the 7th step."""

        calls = 0

        def forward(self, token_ids):
            self.calls += self.training
            if self.training and self.calls == 7:
                signal.raise_signal(signal.SIGINT)
            return super().forward(token_ids)

    before = signal.getsignal(signal.SIGINT)
    whole, model = Tiny(), Tiny(seed=1)
    with pytest.raises(KeyboardInterrupt, match=r"after step 7: .* step 7"):
        fit(Pressed(), folder=tmp_path)
    assert signal.getsignal(signal.SIGINT) is before
    history = fit(model, folder=tmp_path)
    assert timeless(history) == timeless(fit(whole))
    assert same_weights(whole, model)
    with pytest.raises(KeyboardInterrupt, match="nothing is saved, for there"):
        fit(Pressed())


def test_a_second_ctrl_c_acts_at_once(tmp_path, ctrl_c):
    class Pressed(Tiny):
        def forward(self, token_ids):
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
            raise AssertionError("not interrupted")

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        fit(Pressed(), folder=tmp_path)
    assert signal.getsignal(signal.SIGINT) is before
    assert list(tmp_path.iterdir()) == []


def test_training_in_another_thread():
    found = []
    model = Tiny()
    thread = threading.Thread(target=lambda: found.append(fit(model)))
    thread.start()
    thread.join()
    assert timeless(found[0]) == timeless(fit(Tiny()))


def test_a_full_disk_loses_nothing_and_says_so(tmp_path, monkeypatch):
    calls = []

    def full(number):
        calls.append(number)
        if len(calls) == 3 * 2 - 1:  # a file and its folder each time
            raise OSError(errno.ENOSPC, "planted")
        return fsync(number)

    fsync = os.fsync
    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(OSError, match="make room and call again") as info:
        fit(Tiny(), folder=tmp_path, save_every=3)
    assert info.value.errno == errno.ENOSPC
    assert "checkpoint.safetensors, of step 6" in str(info.value)
    assert len(list(tmp_path.iterdir())) == 1
    history = fit(Tiny(), folder=tmp_path, save_every=3)
    assert timeless(history) == timeless(fit(Tiny()))


def test_a_disk_that_is_full_from_the_start(tmp_path, monkeypatch):
    def full(number):
        raise OSError(errno.ENOSPC, "planted")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(OSError, match="nothing is saved yet in"):
        fit(Tiny(), folder=tmp_path)
    assert list(tmp_path.iterdir()) == []


# Killed

KILLS = """
import json, os, random, signal, sys, time
sys.path[:0] = [{tests!r}, {root!r}]
from pathlib import Path
from types import SimpleNamespace
import torch
torch.set_num_threads(1)
from lmbook import files
from test_training import CONFIG, Tiny, documents, fit, replace

folder, data = Path({folder!r}), documents()
CONFIG = replace(CONFIG, num_steps=200, eval_every=20)
fit(Tiny(), data, CONFIG)  # so that children find everything imported


def child(run, prepare=lambda: None):
    pid = os.fork()
    if not pid:
        try:
            prepare()
            fit(Tiny(), data, CONFIG, folder / run, save_every=5)
        finally:
            os._exit(0 if sys.exc_info()[0] is None else 1)
    return pid


def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)


class Half:
    # a file of which half is written when the end comes
    def __init__(self, file):
        self.file = file

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()

    def write(self, content):
        self.file.write(content[: len(content) // 2])
        self.file.flush()
        die()


def in_writing():
    files.open = lambda *args: Half(open(*args))


def before_syncing():
    files.os.fsync = die


def before_renaming():
    files.os.replace = die


def after_renaming():
    files.sync_folder = die


started = time.perf_counter()
assert os.waitpid(child("whole"), 0)[1] == 0
seconds = time.perf_counter() - started

rng = random.Random(5)
planned = [in_writing, before_syncing, before_renaming, after_renaming]
kills, parts, runs, finished = [], 0, 0, []
while len(kills) < 20:
    plan = planned.pop() if planned and len(kills) % 3 == 2 else None
    run = f"torn{{runs}}"
    pid = child(run, plan or (lambda: None))
    if plan is None:
        time.sleep(rng.uniform(0, seconds / 4))
        os.kill(pid, signal.SIGKILL)
    status = os.waitpid(pid, 0)[1]
    if status:
        assert os.WTERMSIG(status) == signal.SIGKILL, status
        kills.append(plan.__name__ if plan else "random")
        parts += any((folder / run).glob("*.part"))
    else:
        finished.append(run)
        runs += 1
run = f"torn{{runs}}"
assert os.waitpid(child(run), 0)[1] == 0
print(json.dumps({{"kills": kills, "parts": parts, "seconds": seconds,
                   "runs": [*finished, run]}}))
"""


def test_twenty_kills_leave_no_trace(tmp_path):
    """Children of one process, so that torch is loaded once.

    A finished run is compared and another begun until there were 20 kills.
    """
    tests = Path(__file__).parent
    code = KILLS.format(
        tests=str(tests),
        root=str(tests.parent),
        folder=str(tmp_path),
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout.splitlines()[-1])
    kills = report["kills"]
    assert len(kills) == 20
    assert len(set(kills)) == 5
    assert report["parts"] >= 3
    expected = contents(tmp_path / "whole")
    for run in report["runs"]:
        assert contents(tmp_path / run) == expected
        names = [path.name for path in (tmp_path / run).iterdir()]
        assert names == ["checkpoint.safetensors"]


def contents(folder):
    """All bits of a checkpoint, but for the seconds in its history."""
    tensors, about = unpack(folder / "checkpoint.safetensors", RUN)
    assert len(about["history"].pop("seconds")) == 200
    bits = {name: t.numpy().tobytes() for name, t in tensors.items()}
    return bits, about
