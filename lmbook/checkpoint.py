"""Weights and runs in files that are written whole or not at all.

Every file is one `.safetensors`: named tensors, with JSON in its header. Since
a run's weights, its optimiser's moments and its history share one file, and
the file takes its place in one move, they are always of the same step.

Leaves out: older checkpoints (one is kept), and two programs at work in one
folder at a time.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn
from torch.optim import Optimizer

from lmbook.files import remove_quietly, write_whole

WEIGHTS = "lmbook weights 1"
RUN = "lmbook run 1"


def pack(
    tensors: Mapping[str, Tensor], kind: str, about: Mapping[str, Any]
) -> bytes:
    """The content of a file: tensors, and a JSON text in the header."""
    tensors = {name: t.detach().contiguous() for name, t in tensors.items()}
    return save(tensors, {kind: json.dumps(about)})


def unpack(path: str | Path, kind: str) -> tuple[dict[str, Tensor], Any]:
    """Tensors on the CPU, and the JSON; ValueError if it is another kind."""
    try:
        with safe_open(path, framework="pt") as file:
            about = json.loads((file.metadata() or {})[kind])
            names = list(file.keys())
            return {n: file.get_tensor(n).clone() for n in names}, about
    except (SafetensorError, KeyError, ValueError) as error:
        raise ValueError(
            f"{path} holds no {kind!r}, or not all of one: write it again, "
            "or remove it to start afresh"
        ) from error


def tensors_of(model: nn.Module) -> dict[str, Tensor]:
    """Name -> parameter or buffer; what is tied goes by its first name."""
    names: dict[int, str] = {}
    state = model.state_dict(keep_vars=True)
    for name, tensor in state.items():
        names.setdefault(id(tensor), name)
    return {name: state[name] for name in names.values()}


def fill(model: nn.Module, stored: Mapping[str, Tensor], path: object) -> None:
    """Copy the stored tensors into the model, all of them or none.

    ValueError if one is missing, spare, or of another shape.
    """
    own = tensors_of(model)
    problems = [f"{n} is missing" for n in own if n not in stored]
    problems += [f"{n} is spare" for n in stored if n not in own]
    problems += [
        f"{n} is {tuple(stored[n].shape)} in the file "
        f"but {tuple(own[n].shape)} in the model"
        for n in own
        if n in stored and stored[n].shape != own[n].shape
    ]
    if problems:
        raise ValueError(
            f"{path} does not fit the model: {shorten(problems)}. "
            "Build the model from the config that the file was written with"
        )
    with torch.no_grad():
        for name, tensor in own.items():
            tensor.copy_(stored[name])


def shorten(problems: list[str], most: int = 6) -> str:
    """The problems in one line; of many, the first."""
    more = len(problems) - most
    rest = [f"and {more} more"] if more > 0 else []
    return "; ".join(problems[:most] + rest)


# Weights to ship


def save_weights(
    model: nn.Module,
    path: str | Path,
    *,
    config: Mapping[str, Any],
    card: Mapping[str, Any],
    dtype: torch.dtype = torch.float16,
) -> None:
    """Write the weights, and what to know about them, for others to use.

    `config` rebuilds the model; `card` tells where the weights come from:
    data, seed, steps, scores. ValueError if a weight is not finite in `dtype`.
    """
    tensors = {}
    for name, tensor in tensors_of(model).items():
        if tensor.is_floating_point():
            tensor = tensor.to(dtype)
            if not tensor.isfinite().all():
                raise ValueError(
                    f"{name} is not finite as {dtype}: look for NaN, or save "
                    "with dtype=torch.float32"
                )
        tensors[name] = tensor
    about = {"config": dict(config), "card": dict(card)}
    write_whole(path, pack(tensors, WEIGHTS, about))


def load_weights(model: nn.Module, path: str | Path) -> dict[str, Any]:
    """Copy shipped weights into the model; gives their card.

    ValueError if the file and the model do not fit.
    """
    tensors, about = unpack(path, WEIGHTS)
    fill(model, tensors, path)
    return about["card"]


def read_config(path: str | Path) -> dict[str, Any]:
    """The config that rebuilds the model of shipped weights."""
    return unpack(path, WEIGHTS)[1]["config"]


# Runs to continue


def save_run(
    path: Path,
    model: nn.Module,
    optimizer: Optimizer,
    settings: Mapping[str, Any],
    history: Mapping[str, Any],
) -> None:
    """Write all that a run needs to go on as if nothing had happened."""
    tensors = {f"model/{n}": t for n, t in tensors_of(model).items()}
    for i, moments in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer/{i}/{n}": t for n, t in moments.items()}
    about = {"settings": as_json(settings), "history": history}
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, pack(tensors, RUN, about))


def load_run(
    path: Path,
    model: nn.Module,
    optimizer: Optimizer,
    settings: Mapping[str, Any],
) -> dict[str, Any]:
    """Put model and optimiser where `save_run` left them; the history.

    ValueError, and nothing is changed, if the settings are not the same.
    """
    for leftover in path.parent.glob(f"{path.name}.*.part"):
        remove_quietly(leftover)  # of a run that was killed while saving
    tensors, about = unpack(path, RUN)
    changes = list(differences(about["settings"], as_json(settings)))
    if changes:
        raise ValueError(
            f"{path} is of another run: {shorten(changes)}. Go back to the "
            "settings that it began with, or choose another "
            "checkpoint_folder, or remove this one to start afresh"
        )
    weights, moments = {}, {}
    for name, tensor in tensors.items():
        part, _, name = name.partition("/")
        if part == "model":
            weights[name] = tensor
        else:
            i, name = name.split("/")
            moments.setdefault(int(i), {})[name] = tensor
    fill(model, weights, path)
    optimizer.load_state_dict(optimizer.state_dict() | {"state": moments})
    return about["history"]


def as_json(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings as a file gives them back; what JSON lacks, as text."""
    return json.loads(json.dumps(settings, default=str))


def differences(
    saved: Mapping[str, Any], now: Mapping[str, Any], place: str = ""
) -> Iterator[str]:
    """What differs between two nested dictionaries, in words.

    >>> list(differences({"a": {"b": 1}}, {"a": {"b": 2}}))
    ['a.b was 1 and is 2 now']
    """
    for name in {**saved, **now}:
        before, after = saved.get(name), now.get(name)
        if isinstance(before, dict) and isinstance(after, dict):
            yield from differences(before, after, f"{place}{name}.")
        elif before != after:
            yield f"{place}{name} was {before!r} and is {after!r} now"
