"""Models that were trained beforehand.

Those of the book come with it, in `checkpoints/`; `make models` trains them
again. All of them read words of Storyworld: `Oracle().tokenizer`. The results
of experiments with many small models come in `experiments/`.

Leaves out: weights from elsewhere.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import nn

from lmbook.checkpoint import WEIGHTS, load_weights, read_config, unpack
from lmbook.ngram import NGramModel, smooth
from lmbook.ngram_files import load_counts, read_card
from lmbook.rnn import RNNConfig, RNNLanguageModel
from lmbook.smoothing import modified_kneser_ney
from lmbook.transformer import Transformer, TransformerConfig

CHECKPOINTS = Path(__file__).parent / "checkpoints"
EXPERIMENTS = Path(__file__).parent / "experiments"
NETWORKS = {
    "elman": (RNNLanguageModel, RNNConfig),
    "lstm": (RNNLanguageModel, RNNConfig),
    "transformer": (Transformer, TransformerConfig),
}
NAMES = ("ngram", *NETWORKS)


def load(name: str) -> NGramModel | nn.Module:
    """A model that comes with the book, ready to predict, in float32."""
    path = path_of(name)
    if name == "ngram":
        return smooth(load_counts(path), modified_kneser_ney)
    make_model, make_config = NETWORKS[name]
    config = make_config(**read_config(path))
    model = make_model(config, torch.Generator().manual_seed(0))
    load_weights(model, path)
    return model.eval()


def card(name: str) -> dict[str, Any]:
    """Where a model comes from, and how well it predicts."""
    path = path_of(name)
    if name == "ngram":
        return read_card(path)
    about = unpack(path, WEIGHTS)[1]
    return {"config": about["config"], **about["card"]}


def curve(name: str) -> dict[str, Any]:
    """How a network's training went: lists of the same length, and a floor."""
    if name not in NETWORKS:
        raise ValueError(
            f"{name!r} has no curve: choose one of {', '.join(NETWORKS)}"
        )
    return json.loads(path_of(name, ".json").read_text(encoding="utf-8"))


def path_of(name: str, suffix: str = ".safetensors") -> Path:
    """The file of a model; ValueError if no model has this name."""
    if name not in NAMES:
        raise ValueError(
            f"no model {name!r} comes with the book: choose one of "
            f"{', '.join(NAMES)}"
        )
    return CHECKPOINTS / f"{name}{suffix}"


def experiment(name: str) -> dict[str, Any]:
    """The results of an experiment: its `runs`, and how they were made.

    `make experiments` runs it again. ValueError if there is none.
    """
    names = sorted(path.stem for path in EXPERIMENTS.glob("*.json"))
    if name not in names:
        raise ValueError(
            f"no experiment {name!r} comes with the book: choose one of "
            f"{', '.join(names)}"
        )
    return json.loads(experiment_path(name).read_text(encoding="utf-8"))


def experiment_path(name: str) -> Path:
    """The file of an experiment, whether it is there or not."""
    return EXPERIMENTS / f"{name}.json"
