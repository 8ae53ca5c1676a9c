"""Text to integers and back: by words, by characters, by bytes.

What a tokenizer reads is all that a model can see, so each one says exactly
which texts survive the round trip `decode(encode(text)) == text`.

Leaves out: byte-pair encoding (`lmbook.bpe`), normalisation of Unicode,
lower-casing.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import torch
from torch import Tensor

from lmbook.files import write_whole
from lmbook.interface import Tokenizer

SPECIAL_TOKENS = ("<unk>", "<s>", "</s>")
TOKEN = re.compile(
    r"""\d+(?:[.,]\d+)*(?!\w)  # a number: 7 or 1,000 or 3.14
      | \w+(?:['’-]\w+)*       # a word: kite, don't, well-known
      | \S                     # any other mark, alone""",
    re.VERBOSE,
)
NO_SPACE_BEFORE = frozenset(".,!?;:”’)]")
NO_SPACE_AFTER = frozenset("“‘([")


def split_words(text: str) -> list[str]:
    """The words, numbers and punctuation marks of a text, in order.

    >>> split_words("“Don't!” said Ada, 3.5 times.")
    ['“', "Don't", '!', '”', 'said', 'Ada', ',', '3.5', 'times', '.']
    """
    return TOKEN.findall(text)


def join_words(words: Iterable[str]) -> str:
    """One space between words, none before `. , !` or after an opening mark.

    So `split_words(join_words(words)) == words`. Straight quotes may open or
    close, and stand apart: write “ and ” where the spacing must survive.

    >>> join_words(["“", "Hello", ",", "you", "!", "”", "said", "Ada", "."])
    '“Hello, you!” said Ada.'
    """
    text, previous = [], "("
    for word in words:
        if previous not in NO_SPACE_AFTER and word not in NO_SPACE_BEFORE:
            text.append(" ")
        text.append(word)
        previous = word
    return "".join(text)


class WordTokenizer:
    """Words as integers: 0 `<unk>`, 1 `<s>`, 2 `</s>`, then the vocabulary.

    `tokens` lists them all. Texts spaced as `join_words` does survive the
    round trip, if all their words are known.
    """

    unk_id, bos_id, eos_id = range(3)
    split = staticmethod(split_words)
    join = staticmethod(join_words)

    def __init__(self, words: Iterable[str]):
        self.tokens = [*SPECIAL_TOKENS, *words]
        self.ids = {token: i for i, token in enumerate(self.tokens)}
        self.vocab_size = len(self.tokens)
        if len(self.ids) < self.vocab_size:
            (word, count), *_ = Counter(self.tokens).most_common(1)
            raise ValueError(
                f"{word!r} stands {count} times in the vocabulary"
            )
        for word in self.tokens[len(SPECIAL_TOKENS) :]:
            if self.split(word) != [word]:
                raise ValueError(
                    f"{word!r} is not one token of this tokenizer"
                )

    @classmethod
    def train(
        cls,
        texts: Iterable[str],
        min_count: int = 1,
        max_words: int | None = None,
    ) -> WordTokenizer:
        """The vocabulary of the texts: most frequent first, then A to Z."""
        if isinstance(texts, str):
            raise TypeError("texts must be a list of str: pass [text]")
        if max_words is not None and max_words < 1:
            raise ValueError(f"{max_words=} must be at least 1, or None")
        counts = Counter(word for text in texts for word in cls.split(text))
        words = [word for word in counts if counts[word] >= min_count]
        words.sort(key=lambda word: (-counts[word], word))
        if not words[:max_words]:
            raise ValueError(
                f"nothing to learn from: of {len(counts)} different tokens, "
                f"none is left with {min_count=} and {max_words=}"
            )
        return cls(words[:max_words])

    def word(self, token_id: int) -> str:
        """The token of an id."""
        return self.tokens[checked_ids([token_id], self.vocab_size)[0]]

    def id(self, word: str) -> int:
        """The id of a known token, or a ValueError."""
        if word not in self.ids:
            raise ValueError(f"{word!r} is not in the vocabulary")
        return self.ids[word]

    def encode(self, text: str, errors: str = "replace") -> list[int]:
        """The ids of a text; what is unknown becomes `unk_id`.

        As in `str.encode`, errors="strict" raises a ValueError instead.
        """
        words = self.split(checked_text(text))
        if errors == "strict":
            return [self.id(word) for word in words]
        if errors != "replace":
            raise ValueError(f"errors={errors!r} is not 'replace' or 'strict'")
        return [self.ids.get(word, self.unk_id) for word in words]

    def decode(self, token_ids: Sequence[int] | Tensor) -> str:
        """The text of the ids, without `<s>` and `</s>`."""
        ids = checked_ids(token_ids, self.vocab_size)
        left_out = (self.bos_id, self.eos_id)
        return self.join(self.tokens[i] for i in ids if i not in left_out)

    def save(self, path: str | Path) -> None:
        """Write the vocabulary as JSON."""
        words = self.tokens[len(SPECIAL_TOKENS) :]
        content = {"tokenizer": type(self).__name__, "words": words}
        text = json.dumps(content, ensure_ascii=False, indent=0)
        write_whole(path, text.encode("utf-8"))

    @classmethod
    def load(cls, path: str | Path) -> WordTokenizer:
        """Read what `save` wrote; ValueError if it is something else."""
        try:
            content = json.loads(Path(path).read_text(encoding="utf-8"))
            if content["tokenizer"] == cls.__name__:
                return cls(content["words"])
            found = f"a {content['tokenizer']}"
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{path} is no saved tokenizer") from error
        raise ValueError(f"{path} holds {found}, not a {cls.__name__}")


class CharacterTokenizer(WordTokenizer):
    """Every character a token: only how text is cut and joined differs.

    Any text of known characters survives the round trip.
    """

    split = staticmethod(list)
    join = staticmethod("".join)


class ByteTokenizer:
    """The 256 bytes of UTF-8, then `<s>` = 256 and `</s>` = 257.

    Nothing is learned and nothing is unknown: every text survives the round
    trip. Bytes that are not UTF-8, such as a character cut in half, decode to
    the replacement character U+FFFD.
    """

    vocab_size, bos_id, eos_id = 258, 256, 257

    def encode(self, text: str) -> list[int]:
        """The UTF-8 bytes of a text."""
        return list(checked_text(text).encode("utf-8"))

    def decode(self, token_ids: Sequence[int] | Tensor) -> str:
        """The text of the bytes, without `<s>` and `</s>`."""
        ids = checked_ids(token_ids, self.vocab_size)
        return bytes(i for i in ids if i < 256).decode("utf-8", "replace")


def encode_documents(
    tokenizer: Tokenizer, texts: Iterable[str]
) -> list[Tensor]:
    """Each text as a document: `bos`, its tokens, `eos`; 1-D int64."""
    if isinstance(texts, str):
        raise TypeError("texts must be a list of str: pass [text]")
    bos, eos = [tokenizer.bos_id], [tokenizer.eos_id]
    return [torch.tensor(bos + tokenizer.encode(t) + eos) for t in texts]


def checked_text(text: str) -> str:
    """The text, or a TypeError."""
    if not isinstance(text, str):
        raise TypeError(f"a tokenizer reads a str, not {type(text).__name__}")
    return text


def checked_ids(token_ids: Sequence[int] | Tensor, vocab_size: int) -> list:
    """The ids as a list, or a ValueError if one is outside the vocabulary."""
    if isinstance(token_ids, Tensor):
        token_ids = token_ids.tolist()
    for token_id in token_ids:
        if not hasattr(token_id, "__index__"):
            raise ValueError(f"token id {token_id!r} is not an integer")
        if not 0 <= token_id < vocab_size:
            last = vocab_size - 1
            raise ValueError(
                f"token id {token_id} is not between 0 and {last}"
            )
    return token_ids
