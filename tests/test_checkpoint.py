"""Files that are whole or not there, and weights that fit or are refused."""

import errno
import json
import resource

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from lmbook import files
from lmbook.checkpoint import (
    differences,
    load_run,
    load_weights,
    read_config,
    save_run,
    save_weights,
    tensors_of,
)
from lmbook.files import write_whole

SIZES = {"vocab_size": 11, "d_model": 5}
CARD = {"data": "a made-up text", "seed": 7, "bits_per_byte": 1.25}


class Tied(nn.Module):
    """Two names for one matrix, a vector, a buffer that is saved, and one."""

    def __init__(self, vocab_size=11, d_model=5, seed=0):
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.embedding = nn.Embedding(vocab_size, d_model)
        self.unembedding = nn.Linear(d_model, vocab_size, bias=False)
        self.unembedding.weight = self.embedding.weight
        self.norm = nn.Parameter(torch.ones(d_model))
        self.register_buffer("steps", torch.tensor(3 + seed))
        self.register_buffer("mask", torch.ones(2), persistent=False)
        with torch.no_grad():
            for parameter in self.parameters():
                shape = parameter.shape
                parameter.copy_(torch.randn(shape, generator=generator))

    def forward(self, token_ids):
        return self.unembedding(self.embedding(token_ids) * self.norm)


def weights(model):
    return {name: t.detach().clone() for name, t in tensors_of(model).items()}


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[n], b[n]) for n in a)


@pytest.fixture
def small_disk(request):
    """Files longer than 4,000 bytes cannot be written."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


# Files


def test_a_file_replaces_the_one_before(tmp_path):
    path = tmp_path / "file"
    for content in (b"first", b"second, longer", b""):
        write_whole(path, content)
        assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_leaves_the_file_before(tmp_path, small_disk):
    path = tmp_path / "file"
    with pytest.raises(OSError, match=r"file, which is not there yet: .*room"):
        write_whole(path, b"x" * 4001)
    assert list(tmp_path.iterdir()) == []
    write_whole(path, b"good")
    with pytest.raises(OSError, match=r"file, which is as it was before: "):
        write_whole(path, b"x" * 4001)
    assert path.read_bytes() == b"good"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("call", ["fsync", "replace"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
def test_any_failing_call_leaves_the_file_before(
    tmp_path, monkeypatch, call, number
):
    path = tmp_path / "file"
    write_whole(path, b"good")

    def fail(*_):
        raise OSError(number, "planted")

    monkeypatch.setattr(files.os, call, fail)
    with pytest.raises(OSError, match="as it was before") as info:
        write_whole(path, b"new")
    assert info.value.errno == number
    assert ("make room" in str(info.value)) == (number == errno.ENOSPC)
    assert path.read_bytes() == b"good"
    assert list(tmp_path.iterdir()) == [path]


def test_the_content_is_on_the_disk_before_the_name(tmp_path, monkeypatch):
    calls = []
    for name in ("fsync", "replace"):
        real = getattr(files.os, name)

        def note(*args, name=name, real=real):
            calls.append(name)
            return real(*args)

        monkeypatch.setattr(files.os, name, note)
    write_whole(tmp_path / "file", b"content")
    assert calls == ["fsync", "replace", "fsync"]  # file, name, folder


# Weights to ship


def test_weights_come_back_with_config_and_card(tmp_path):
    path, model, other = tmp_path / "w.safetensors", Tied(), Tied(seed=1)
    save_weights(model, path, config=SIZES, card=CARD, dtype=torch.float32)
    assert not same(weights(model), weights(other))
    assert load_weights(other, path) == CARD
    assert same(weights(model), weights(other))
    assert other.unembedding.weight is other.embedding.weight
    assert read_config(path) == SIZES
    assert Tied(**read_config(path)).norm.shape == (5,)


def test_tied_matrices_are_written_once(tmp_path):
    model = Tied()
    assert list(tensors_of(model)) == ["norm", "steps", "embedding.weight"]
    path = tmp_path / "w.safetensors"
    save_weights(model, path, config={}, card={}, dtype=torch.float32)
    numbers = 4 * (11 * 5 + 5) + 8
    header = int.from_bytes(path.read_bytes()[:8], "little")
    assert path.stat().st_size == 8 + header + numbers


def test_half_precision_rounds_floats_and_keeps_integers(tmp_path):
    path, model, other = tmp_path / "w.safetensors", Tied(), Tied(seed=1)
    save_weights(model, path, config=SIZES, card=CARD)
    load_weights(other, path)
    assert torch.equal(other.norm, model.norm.half().float())
    assert other.norm.dtype == torch.float32
    assert other.steps.item() == 3


def test_no_weight_may_overflow_half_precision(tmp_path):
    model = Tied()
    with torch.no_grad():
        model.norm[3] = 70_000.0
    with pytest.raises(
        ValueError, match=r"norm is not finite as torch.float16"
    ):
        save_weights(model, tmp_path / "w", config={}, card={})
    assert list(tmp_path.iterdir()) == []
    save_weights(
        model, tmp_path / "w", config={}, card={}, dtype=torch.float32
    )


def test_a_card_is_json_or_refused(tmp_path):
    card = {"bits_per_byte": torch.tensor(1.25)}
    with pytest.raises(TypeError, match="Tensor is not JSON serializable"):
        save_weights(Tied(), tmp_path / "w", config={}, card=card)
    assert list(tmp_path.iterdir()) == []


def test_weights_that_do_not_fit_are_named_and_change_nothing(tmp_path):
    class Other(Tied):
        def __init__(self):
            super().__init__(vocab_size=13, seed=1)
            self.scale = self.norm
            del self.norm

    path, other = tmp_path / "w.safetensors", Other()
    save_weights(Tied(), path, config=SIZES, card=CARD)
    before = weights(other)
    with pytest.raises(ValueError, match="does not fit the model") as info:
        load_weights(other, path)
    message = str(info.value)
    assert "scale is missing" in message
    assert "norm is spare" in message
    shapes = "embedding.weight is (11, 5) in the file but (13, 5) in the model"
    assert shapes in message
    assert "Build the model from the config" in message
    assert same(before, weights(other))


def test_of_many_misfits_the_first_are_named(tmp_path):
    path = tmp_path / "w.safetensors"
    save_weights(nn.Linear(2, 3), path, config={}, card={})
    many = nn.ModuleList([nn.Linear(2, 3) for _ in range(5)])
    with pytest.raises(ValueError, match=r"4.bias|and 6 more\. Build"):
        load_weights(many, path)


@pytest.mark.parametrize("damage", ["cut", "empty", "text", "run", "foreign"])
def test_what_is_no_weights_is_refused(tmp_path, damage):
    path, model = tmp_path / "w.safetensors", Tied()
    save_weights(model, path, config={}, card={})
    content = path.read_bytes()
    if damage == "cut":
        path.write_bytes(content[:-1])
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "text":
        path.write_text("weights")
    elif damage == "foreign":
        save_file({"norm": torch.ones(5)}, path)
    else:
        save_run(path, model, torch.optim.AdamW(model.parameters()), {}, {})
    with pytest.raises(ValueError, match=r"holds no 'lmbook weights 1'.*afre"):
        load_weights(model, path)
    with pytest.raises(ValueError, match="holds no 'lmbook weights 1'"):
        read_config(path)


# Runs to continue


def one_step(model, optimizer, seed):
    generator = torch.Generator().manual_seed(seed)
    tokens = torch.randint(11, (3, 7), generator=generator)
    model(tokens).square().mean().backward()
    optimizer.step()
    optimizer.zero_grad()


@pytest.mark.parametrize("fused", [True, False])
def test_model_and_optimiser_go_on_as_before(tmp_path, fused):
    path = tmp_path / "new" / "folder" / "run.safetensors"
    model, other = Tied(), Tied(seed=1)
    first = torch.optim.AdamW(model.parameters(), lr=0.1, fused=fused)
    second = torch.optim.AdamW(other.parameters(), lr=0.1, fused=fused)
    for i in range(3):
        one_step(model, first, i)
    history = {"train_nats": [0.1, 1 / 3, 2.0**-30]}
    save_run(path, model, first, {"a": 1}, history)
    assert load_run(path, other, second, {"a": 1}) == history
    assert same(weights(model), weights(other))
    one_step(model, first, 3)
    one_step(other, second, 3)
    assert same(weights(model), weights(other))


def test_other_settings_are_named_and_change_nothing(tmp_path):
    path, model = tmp_path / "run", Tied()
    optimizer = torch.optim.AdamW(model.parameters())
    save_run(path, model, optimizer, {"config": {"seed": 1, "clip": 2.0}}, {})
    before = weights(other := Tied(seed=1))
    with pytest.raises(ValueError, match="is of another run: ") as info:
        now = {"config": {"seed": 3, "clip": 2.0}}
        load_run(path, other, torch.optim.AdamW(other.parameters()), now)
    assert "config.seed was 1 and is 3 now" in str(info.value)
    assert "clip" not in str(info.value)
    assert "choose another checkpoint_folder" in str(info.value)
    assert same(before, weights(other))


def test_settings_are_compared_as_json_keeps_them(tmp_path):
    path, model = tmp_path / "run", Tied()
    optimizer = torch.optim.AdamW(model.parameters())
    settings = {"betas": (0.9, 0.98), "dtype": torch.float32}
    save_run(path, model, optimizer, settings, {})
    assert load_run(path, model, optimizer, settings) == {}


def test_what_a_killed_run_left_is_cleared_away(tmp_path):
    path, model = tmp_path / "run", Tied()
    optimizer = torch.optim.AdamW(model.parameters())
    save_run(path, model, optimizer, {}, {})
    (tmp_path / "run.12345.part").write_bytes(b"half")
    (tmp_path / "mine.part").write_bytes(b"the reader's own")
    load_run(path, model, optimizer, {})
    assert sorted(p.name for p in tmp_path.iterdir()) == ["mine.part", "run"]


def test_no_pickle_in_a_run(tmp_path):
    path, model = tmp_path / "run", Tied()
    optimizer = torch.optim.AdamW(model.parameters())
    one_step(model, optimizer, 0)
    save_run(path, model, optimizer, {"a": 1}, {"b": [2]})
    content = path.read_bytes()
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    about = json.loads(header.pop("__metadata__")["lmbook run 1"])
    assert about == {"settings": {"a": 1}, "history": {"b": [2]}}
    kinds = {"exp_avg", "exp_avg_sq", "step"}
    moments = {f"optimizer/{i}/{kind}" for i in range(2) for kind in kinds}
    assert set(header) == moments | {f"model/{n}" for n in tensors_of(model)}


def test_differences_reach_into_dictionaries():
    saved = {"a": {"b": 1, "c": 2}, "d": {}, "e": [1]}
    now = {"a": {"b": 1, "c": 3}, "d": {"f": None, "g": 5}, "e": [2]}
    assert list(differences(saved, now)) == [
        "a.c was 2 and is 3 now",
        "d.g was None and is 5 now",
        "e was [1] and is [2] now",
    ]
