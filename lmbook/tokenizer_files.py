"""The files in which others keep byte-pair encodings, written and read.

`tokenizer.json` is the format of the package `tokenizers`; GPT-2 came as
`vocab.json` and `merges.txt` (Radford et al. 2019). What is read is always
the same three: the merges, the special tokens in the order of their ids, and
the id of each token. Tokens are spelled with GPT-2's letters for bytes.

Leaves out: whatever else a `tokenizer.json` may ask for. It is refused by
name, except for a `post_processor`, which adds special tokens to texts.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lmbook.files import write_whole

BYTE_LEVEL = {
    "type": "ByteLevel",
    "add_prefix_space": False,
    "trim_offsets": True,
    "use_regex": True,
}
MODEL = {
    "type": "BPE",
    "dropout": None,
    "unk_token": None,
    "continuing_subword_prefix": None,
    "end_of_word_suffix": None,
    "fuse_unk": False,
    "byte_fallback": False,
    "ignore_merges": False,
}
SPECIAL = {
    "single_word": False,
    "lstrip": False,
    "rstrip": False,
    "normalized": False,
    "special": True,
}
IRRELEVANT = {"trim_offsets", "unk_token", "fuse_unk"}  # when bytes are known
Pairs = list[tuple[str, str]]
Ids = dict[str, int]


def write_tokenizer_json(
    path: str | Path,
    merges: Sequence[tuple[str, str]],
    special_ids: Mapping[str, int],
    vocabulary: Mapping[str, int],
) -> None:
    """Write a `tokenizer.json`, completely or not at all."""
    content = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {"id": i, "content": token, **SPECIAL}
            for token, i in sorted(special_ids.items(), key=lambda t: t[1])
        ],
        "normalizer": None,
        "pre_tokenizer": BYTE_LEVEL,
        "post_processor": None,
        "decoder": BYTE_LEVEL,
        "model": {**MODEL, "vocab": vocabulary, "merges": merges},
    }
    text = json.dumps(content, ensure_ascii=False, indent=1)
    write_whole(path, text.encode("utf-8"))


def read_tokenizer_json(path: str | Path) -> tuple[Pairs, list[str], Ids]:
    """Merges, special tokens, ids; ValueError if the file asks for more."""
    content = json.loads(Path(path).read_text(encoding="utf-8"))
    try:
        problems = unsupported(content)
        added = {t["content"]: t["id"] for t in content["added_tokens"]}
        merges = [split_merge(m) for m in content["model"]["merges"]]
        vocabulary = content["model"]["vocab"] | added
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("not a tokenizer.json of BPE") from error
    if problems:
        raise ValueError(f"not supported: {', '.join(problems)}")
    return merges, sorted(added, key=added.get), vocabulary


def unsupported(content: dict[str, Any]) -> list[str]:
    """What a `tokenizer.json` asks for beyond GPT-2's byte-level BPE."""
    parts = ("normalizer", {"type": None}), ("pre_tokenizer", BYTE_LEVEL)
    found = []
    for part, settings in (*parts, ("model", MODEL)):
        given = content[part] or {"type": None}
        for name, ours in settings.items():
            value = given.get(name, ours)
            if name not in IRRELEVANT and (value or None) != (ours or None):
                found.append(f"{part} with {name} {value!r}")
    return found + [
        f"added token {token['content']!r} that is not special"
        for token in content["added_tokens"]
        if not token["special"]
    ]


def read_gpt2(
    vocab_json: str | Path, merges_txt: str | Path, letters: str
) -> tuple[Pairs, list[str], Ids]:
    """Merges, special tokens, ids; special is what no merge makes."""
    vocabulary = json.loads(Path(vocab_json).read_text(encoding="utf-8"))
    lines = Path(merges_txt).read_text(encoding="utf-8").split("\n")
    merges = [
        split_merge(line)
        for line in lines
        if line and not line.startswith("#version")
    ]
    made = {*letters, *map("".join, merges)}
    special = [token for token in vocabulary if token not in made]
    return merges, sorted(special, key=vocabulary.get), vocabulary


def split_merge(merge: str | Sequence[str]) -> tuple[str, str]:
    """The pair of a merge, which files hold as "a b" or as ["a", "b"]."""
    pair = merge.split(" ") if isinstance(merge, str) else merge
    if len(pair) != 2:
        raise ValueError(f"merge {merge!r} is not a pair")
    return tuple(pair)
