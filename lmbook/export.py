"""Trained models as files for a page, where no Python runs.

`export_web` writes one safetensors file: weights in float16, and in its
header the config, the tokenizer and the format's name. An n-gram model goes
as tables of integers, compressed, so that its probabilities keep 7 digits.
`lmbook/widgets/models.js` reads these files.

Leaves out: models whose parts were exchanged, training state.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from lmbook.bpe import BytePairTokenizer
from lmbook.checkpoint import pack, tensors_of
from lmbook.counting import NGrams
from lmbook.files import write_whole
from lmbook.interface import LanguageModel, Tokenizer
from lmbook.ngram import NGramModel
from lmbook.ngram_files import compress, smallest_type
from lmbook.oracle import Oracle
from lmbook.oracle_tables import oracle_tables
from lmbook.rnn import RNNLanguageModel
from lmbook.smoothing import Smoothed
from lmbook.tokenizers import (
    ByteTokenizer,
    CharacterTokenizer,
    WordTokenizer,
)
from lmbook.transformer import Transformer

WEB = "lmbook web 1"
MAX_BYTES = 2_000_000  # what a reader waits for: seconds on a slow line
Packed = tuple[dict[str, Any], dict[str, Tensor]]  # the header, the tensors


def export_web(
    model: LanguageModel,
    tokenizer: Tokenizer,
    path: str | Path,
    *,
    max_bytes: int | None = MAX_BYTES,
) -> None:
    """Write a model for `loadModel` of a page: the whole file, or none.

    ValueError for a model or a tokenizer that the page does not know, if the
    two do not fit, or if the file has more than `max_bytes`.
    """
    if model.vocab_size != tokenizer.vocab_size:
        raise ValueError(
            f"the model has vocab_size={model.vocab_size}, the tokenizer "
            f"vocab_size={tokenizer.vocab_size}: pass the tokenizer that the "
            "model was trained with"
        )
    pack_model = chosen(PACK_MODEL, model, "model")
    describe = chosen(DESCRIBE_TOKENIZER, tokenizer, "tokenizer")
    about, tensors = pack_model(model)
    about |= {"tokenizer": describe(tokenizer)}
    check_bos(about["config"], tokenizer)
    content = pack(tensors, WEB, about)
    if max_bytes is not None and len(content) > max_bytes:
        raise ValueError(
            f"{path} would have {len(content):,} bytes, more than "
            f"{max_bytes=:,}: export a smaller model (fewer or narrower "
            "layers; of an n-gram model, what lmbook.pruning.prune leaves), "
            "or pass max_bytes=None and let readers wait"
        )
    write_whole(path, content)


def chosen(choices: Mapping[type, Any], thing: object, what: str) -> Any:
    """What is there for exactly this type; ValueError if nothing is."""
    if type(thing) not in choices:
        known = ", ".join(kind.__name__ for kind in choices)
        raise ValueError(
            f"no page can use a {what} of type {type(thing).__name__}: "
            f"pass one of {known}"
        )
    return choices[type(thing)]


def check_bos(config: Mapping[str, Any], tokenizer: Tokenizer) -> None:
    """ValueError if the model begins its texts with another token."""
    bos_id = config.get("bos_id", tokenizer.bos_id)
    if bos_id != tokenizer.bos_id:
        raise ValueError(
            f"the model counted with bos_id={bos_id}, the tokenizer has "
            f"bos_id={tokenizer.bos_id}: pass the tokenizer that the model "
            "was trained with"
        )


# Networks


def pack_rnn(model: RNNLanguageModel) -> Packed:
    return pack_network(model, "recurrent")


def pack_transformer(model: Transformer) -> Packed:
    return pack_network(model, "transformer")


def pack_network(model: RNNLanguageModel | Transformer, kind: str) -> Packed:
    """The weights in float16; ValueError if the config is not all of it."""
    check_parts(model)
    tensors = {}
    for name, tensor in tensors_of(model).items():
        half = tensor.detach().cpu().half()
        if not half.isfinite().all():
            largest = tensor.detach().abs().max().item()
            raise ValueError(
                f"{name} goes up to {largest:.4g}, and float16 to 65504: "
                "train with a smaller learning rate or clipped gradients"
            )
        tensors[name] = half
    return {"kind": kind, "config": asdict(model.config)}, tensors


def check_parts(model: RNNLanguageModel | Transformer) -> None:
    """ValueError if a part is not the one that the config makes."""
    with torch.random.fork_rng(devices=[]):
        fresh = type(model)(model.config, torch.Generator().manual_seed(0))
    parts, expected = parts_of(model), parts_of(fresh)
    for name in sorted(parts | expected):
        if parts.get(name) != expected.get(name):
            raise ValueError(
                f"{name} is {parts.get(name)} and not "
                f"{expected.get(name)}, as the config says: a page has only "
                "the parts that the config makes"
            )
    buffers = dict(model.named_buffers())
    for name, expected in fresh.named_buffers():
        own = buffers[name].cpu().to(expected.dtype)
        if not torch.allclose(own, expected, atol=1e-2):
            raise ValueError(
                f"{name} holds other numbers than the config makes: put the "
                "setting into the config"
            )


def parts_of(model: nn.Module) -> dict[str, str]:
    """Name -> type of a part, or shape of a tensor."""
    parts = {name: type(m).__name__ for name, m in model.named_modules()}
    tensors = [*model.named_parameters(), *model.named_buffers()]
    return parts | {name: str(tuple(t.shape)) for name, t in tensors}


# Counts


def pack_ngram(model: NGramModel) -> Packed:
    lists: dict[str, np.ndarray] = {}
    values: dict[str, np.ndarray] = {}
    for n in range(model.order):
        ngrams, smoothed = model.counts.orders[n], model.smoothed[n]
        own_lists, own_values = tables_of(ngrams, smoothed)
        lists |= {f"{name}.{n + 1}": x for name, x in own_lists.items()}
        values |= {f"{name}.{n + 1}": x for name, x in own_values.items()}
    config = {
        "vocab_size": model.vocab_size,
        "bos_id": model.counts.bos_id,
        "order": model.order,
        "discounts": [part.discounts for part in model.smoothed],
    }
    types = {name: smallest_type(array) for name, array in lists.items()}
    tensors = {n: compress(array, types[n]) for n, array in lists.items()}
    tensors |= {n: torch.from_numpy(array) for n, array in values.items()}
    return {"kind": "ngram", "config": config, "types": types}, tensors


def tables_of(
    ngrams: NGrams, smoothed: Smoothed
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """One order: how many words follow each context, which, how often; their
    alphas and the contexts' gammas, as places among the different values."""
    alpha, alpha_values = by_frequency(smoothed.alpha[:-1].astype("<f4"))
    gamma, gamma_values = by_frequency(smoothed.gamma.astype("<f4"))
    contexts = ngrams.contexts[:-1]
    lists = {
        "followers": np.bincount(contexts, minlength=ngrams.num_contexts),
        "words": ngrams.keys[:-1] % ngrams.vocab_size,
        "counts": ngrams.counts[:-1],
        "alpha": alpha,
        "gamma": gamma,
    }
    return lists, {"alpha_values": alpha_values, "gamma_values": gamma_values}


def by_frequency(shares: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The different values, most frequent first, and each one's place."""
    values, numbers, counts = np.unique(
        shares, return_inverse=True, return_counts=True
    )
    order = np.argsort(-counts, kind="stable")
    places = np.empty_like(order)
    places[order] = np.arange(len(order))
    return places[numbers], values[order]


# The oracle


def pack_oracle(oracle: Oracle) -> Packed:
    about, tables = oracle_tables(oracle.tokenizer)
    config = {"vocab_size": oracle.vocab_size}
    config["bos_id"] = oracle.tokenizer.bos_id
    tensors = {"tables": torch.from_numpy(tables)}
    return {"kind": "oracle", "config": config, **about}, tensors


# Tokenizers


def describe_words(tokenizer: WordTokenizer) -> dict[str, Any]:
    return {"kind": "words", "tokens": tokenizer.tokens}


def describe_characters(tokenizer: CharacterTokenizer) -> dict[str, Any]:
    return {"kind": "characters", "tokens": tokenizer.tokens}


def describe_bytes(tokenizer: ByteTokenizer) -> dict[str, Any]:
    return {"kind": "bytes"}


def describe_byte_pair(tokenizer: BytePairTokenizer) -> dict[str, Any]:
    """Tokens in GPT-2's letters; merges and special tokens by their ids."""
    ids = tokenizer.vocabulary
    return {
        "kind": "byte-pair",
        "spelled": sorted(ids, key=ids.get),
        "merges": [[ids[part] for part in pair] for pair in tokenizer.merges],
        "special": list(tokenizer.special_ids.values()),
    }


PACK_MODEL = {
    NGramModel: pack_ngram,
    RNNLanguageModel: pack_rnn,
    Transformer: pack_transformer,
    Oracle: pack_oracle,
}
DESCRIBE_TOKENIZER = {
    WordTokenizer: describe_words,
    CharacterTokenizer: describe_characters,
    ByteTokenizer: describe_bytes,
    BytePairTokenizer: describe_byte_pair,
}
