r"""Byte-pair encoding: tokens between bytes and words, learned from text.

A text is cut into pieces as GPT-2 cuts it, each piece is written as its UTF-8
bytes, and the most frequent pair of neighbours becomes a token, again and
again (Gage 1994; Sennrich et al. 2016; over bytes: Radford et al. 2019). The
merges, the ids and the file are those of the package `tokenizers`.

A word is a `str` in which each character is one token: first GPT-2's letters
for the 256 bytes, then a character for each merge. So `word.replace(pair,
new)` merges a pair, and of two tokens the older is the smaller character.

Leaves out: other ways to cut. Characters that are younger than this Python's
`unicodedata.unidata_version` count as symbols, be they letters or not.
"""

from __future__ import annotations

import re
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from heapq import heapify, heappop, heappush, heapreplace
from itertools import chain, count
from operator import add
from pathlib import Path

from torch import Tensor
from tqdm import tqdm

from lmbook.tokenizer_files import (
    read_gpt2,
    read_tokenizer_json,
    write_tokenizer_json,
)
from lmbook.tokenizers import checked_ids, checked_text

# In `re`, \w is letters, numbers and _, but \d the decimal digits alone: these
# are the other numbers, ² and ½ and Ⅷ. \s has four control characters more
# than Unicode's white space. Most letters are ASCII, and found faster so.
OTHER_NUMBERS = "".join(
    c
    for c in map(chr, range(0x20000))
    if c.isnumeric() and not c.isalpha() and not c.isdecimal()
)
PIECE = re.compile(
    rf"""[ ]?[a-zA-Z]+(?![a-zA-Z\x80-\U0010ffff])    # ASCII letters
      | '(?:[sdmt]|ll|ve|re)                         # the end of "it's"
      | [ ]?(?:[^\s\w]+|[_\x1c-\x1f]+)+              # symbols
      | [ ]?[\d{OTHER_NUMBERS}]+                     # numbers
      | [ ]?[^\W\d_{OTHER_NUMBERS}]+                 # letters
      | [^\S\x1c-\x1f]+(?![\S\x1c-\x1f])             # space but for the last
      | [^\S\x1c-\x1f]+                              # the last""",
    re.VERBOSE,
)
SPECIAL_TOKENS = ("<s>", "</s>")
MAX_CACHED = 1_000_000  # pieces; a text of 1 MB has about 15,000


def split_pieces(text: str) -> list[str]:
    """The pieces of a text, in order; no token reaches across two of them.

    The pattern is GPT-2's (Radford et al. 2019).

    >>> split_pieces("It's 3.5  kites!")
    ['It', "'s", ' 3', '.', '5', ' ', ' kites', '!']
    """
    return PIECE.findall(text)


def byte_letters() -> str:
    """GPT-2's letter for each byte: its own, or from U+0100 if invisible."""
    invisible = count(0x100)
    return "".join(
        c if c.isprintable() and c != " " else chr(next(invisible))
        for c in map(chr, range(256))
    )


BYTE_LETTERS = byte_letters()
FIRST_MERGED = ord(max(BYTE_LETTERS)) + 1


def spell(text: str) -> str:
    """The UTF-8 bytes of a text, a letter each; Ġ is the space.

    A lone surrogate has no bytes: UnicodeEncodeError, a ValueError.

    >>> spell(" café")
    'ĠcafÃ©'
    """
    return text.encode("utf-8").decode("latin-1").translate(BYTE_LETTERS)


def unspell(letters: str) -> bytes:
    """The bytes of the letters."""
    return bytes(map(BYTE_LETTERS.index, letters))


def learn_merges(
    word_counts: Mapping[str, int], num_merges: int
) -> list[tuple[str, str]]:
    """The pairs to merge, in order, from spelled words and their counts.

    The most frequent pair comes first; of equals, the one of older tokens.
    The list is shorter if no pair is left.

    >>> learn_merges({"low": 5, "lower": 2, "newest": 6, "widest": 3}, 4)
    [('e', 's'), ('es', 't'), ('l', 'o'), ('lo', 'w')]
    """
    words, counts = list(word_counts), list(word_counts.values())
    places = find_pairs(words)
    totals = {pair: sum(counts[i] for i in places[pair]) for pair in places}
    queue = [(-total, pair) for pair, total in totals.items()]
    heapify(queue)
    merges, spelled = [], {letter: letter for letter in BYTE_LETTERS}
    for number in tqdm(range(num_merges), delay=5):
        pair = pop_most_frequent(queue, totals)
        if pair is None:
            break
        left, right = pair
        new = chr(FIRST_MERGED + number)
        merges.append((spelled[left], spelled[right]))
        spelled[new] = spelled[left] + spelled[right]
        made = merge_pair(words, places.pop(pair), pair, new)
        for neighbours, where in made.items():
            total = totals[neighbours] = sum([counts[i] for i in where])
            heappush(queue, (-total, neighbours))
            before, after = neighbours  # and the pair that was in their place:
            before = right if before == new else before
            after = left if after == new else after
            totals[before + after] -= total
        totals[pair] = 0
        places.update(made)
    return merges


def find_pairs(words: Sequence[str]) -> dict[str, list[int]]:
    """Each pair of neighbours -> the words it is in, once per occurrence."""
    places = defaultdict(list)
    for i, word in enumerate(words):
        for pair in map(add, word, word[1:]):
            places[pair].append(i)
    return places


def pop_most_frequent(
    queue: list[tuple[int, str]], totals: Mapping[str, int]
) -> str | None:
    """Take the first pair from the queue; None if none has a total above 0.

    The totals of waiting pairs only fall: if one comes first with a total
    that is too high, it is queued again with the right one.
    """
    while queue and queue[0][0] < 0:
        negative, pair = queue[0]
        if -negative == totals[pair]:
            return heappop(queue)[1]
        heapreplace(queue, (-totals[pair], pair))
    return None


def merge_pair(
    words: list[str], where: Iterable[int], pair: str, new: str
) -> dict[str, list[int]]:
    """Replace a pair in these words: the pairs with `new`, and their words.

    As in `find_pairs`, a word stands there once for each occurrence.
    """
    places = defaultdict(list)
    for i in set(where):
        words[i] = word = words[i].replace(pair, new)
        at, last = word.find(new), len(word) - 1
        while at >= 0:
            if at > 0:
                places[word[at - 1 : at + 1]].append(i)
            if at == last:
                break
            if word[at + 1] != new:
                places[word[at : at + 2]].append(i)
            at = word.find(new, at + 1)
    return places


def apply_merges(word: str, merges: Mapping[str, str]) -> str:
    """Merge the pairs of a word in the order in which they were learned.

    `merges` maps a pair to its token: the older, the smaller character. The
    time is that of the word's length times its number of different merges.

    >>> apply_merges("abcbc", {"bc": "x", "ab": "y", "xx": "z"})
    'az'
    """
    while known := [p for p in map(add, word, word[1:]) if p in merges]:
        pair = min(known, key=merges.get)
        word = word.replace(pair, merges[pair])
    return word


def number_merges(
    merges: Iterable[tuple[str, str]],
) -> tuple[dict[str, str], dict[str, str]]:
    """Token -> its character, bytes first; pair of these -> character."""
    characters = {letter: letter for letter in sorted(BYTE_LETTERS)}
    merged = {}
    for number, (left, right) in enumerate(merges):
        for part in (left, right):
            if part not in characters:
                raise ValueError(
                    f"merge {number} takes {part!r}, which none before makes"
                )
        if left + right in characters:
            raise ValueError(f"merge {number} makes {left + right!r} again")
        new = chr(FIRST_MERGED + number)
        merged[characters[left] + characters[right]] = new
        characters[left + right] = new
    return characters, merged


def check_vocabulary(vocabulary: Mapping[str, int], tokens: list[str]) -> None:
    """ValueError unless these tokens have the ids from 0 on, one each."""
    token, times = Counter(tokens).most_common(1)[0]
    if times > 1:
        raise ValueError(f"{token!r} stands {times} times in the vocabulary")
    for token in sorted(vocabulary.keys() ^ tokens):
        problem = "is made by no merge" if token in vocabulary else "has no id"
        raise ValueError(f"token {token!r} {problem}")
    if sorted(vocabulary.values()) != list(range(len(tokens))):
        raise ValueError(f"the ids are not 0 to {len(tokens) - 1}, each once")


class BytePairTokenizer:
    """Tokens from one byte to one piece: every text survives the round trip.

    `merges` are pairs in `spell`'s letters, `vocabulary` gives each token its
    id; without it, ids go to special tokens, bytes, merges, in this order. The
    first special token begins a document (`bos_id`), the second ends it
    (`eos_id`); a single one does both. No text becomes a special token.
    """

    def __init__(
        self,
        merges: Iterable[tuple[str, str]],
        special_tokens: Sequence[str] = SPECIAL_TOKENS,
        vocabulary: Mapping[str, int] | None = None,
    ):
        if not special_tokens:
            raise ValueError("special_tokens is empty: name one, as '</s>'")
        self.merges = list(merges)
        characters, self._merged = number_merges(self.merges)
        names = [*special_tokens, *characters]
        if vocabulary is None:
            vocabulary = {name: i for i, name in enumerate(names)}
        check_vocabulary(vocabulary, names)
        self.vocabulary, self.vocab_size = dict(vocabulary), len(names)
        self.special_ids = {name: vocabulary[name] for name in special_tokens}
        self.bos_id, self.eos_id = ([*self.special_ids.values()] * 2)[:2]
        self._ids = {c: vocabulary[name] for name, c in characters.items()}
        self._cache: dict[str, list[int]] = {}
        self.tokens = [b""] * self.vocab_size  # the bytes of each id
        for name, i in vocabulary.items():
            special = name in self.special_ids
            self.tokens[i] = name.encode() if special else unspell(name)

    @classmethod
    def train(
        cls,
        texts: Iterable[str],
        num_merges: int,
        special_tokens: Sequence[str] = SPECIAL_TOKENS,
    ) -> BytePairTokenizer:
        """Learn merges from texts; a warning if they allow for fewer."""
        if isinstance(texts, str):
            raise TypeError("texts must be a list of str: pass [text]")
        if num_merges < 0:
            raise ValueError(f"{num_merges=} is below 0")
        counts = Counter(chain.from_iterable(map(split_pieces, texts)))
        if not counts:
            raise ValueError("nothing to learn from: the texts are empty")
        words = {spell(piece): counts[piece] for piece in counts}
        merges = learn_merges(words, num_merges)
        if len(merges) < num_merges:
            warnings.warn(
                f"{len(merges)} merges in place of {num_merges}: after them "
                "each piece of the texts is one token",
                stacklevel=2,
            )
        return cls(merges, special_tokens)

    def encode(self, text: str) -> list[int]:
        """The ids of a text: those of its pieces, each worked out once."""
        pieces = split_pieces(checked_text(text))
        if len(self._cache) > MAX_CACHED:
            self._cache.clear()
        for piece in set(pieces).difference(self._cache):
            word = apply_merges(spell(piece), self._merged)
            self._cache[piece] = [self._ids[token] for token in word]
        return list(chain.from_iterable(map(self._cache.__getitem__, pieces)))

    def decode(self, token_ids: Sequence[int] | Tensor) -> str:
        """The text of the ids, without `bos_id` and `eos_id`.

        Bytes that are not UTF-8 become the replacement character U+FFFD.
        """
        return self.decode_bytes(token_ids).decode("utf-8", "replace")

    def decode_bytes(self, token_ids: Sequence[int] | Tensor) -> bytes:
        """The bytes of the ids, which may end within a character."""
        ids = checked_ids(token_ids, self.vocab_size)
        left_out = (self.bos_id, self.eos_id)
        return b"".join([self.tokens[i] for i in ids if i not in left_out])

    def save(self, path: str | Path) -> None:
        """Write a `tokenizer.json`, which the package `tokenizers` opens."""
        write_tokenizer_json(
            path, self.merges, self.special_ids, self.vocabulary
        )

    @classmethod
    def load(cls, path: str | Path) -> BytePairTokenizer:
        """Read a `tokenizer.json`; ValueError if it is of another kind."""
        try:
            return cls(*read_tokenizer_json(path))
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error

    @classmethod
    def from_gpt2(
        cls, vocab_json: str | Path, merges_txt: str | Path
    ) -> BytePairTokenizer:
        """Read GPT-2's own two files; ValueError if they do not fit."""
        try:
            return cls(*read_gpt2(vocab_json, merges_txt, BYTE_LETTERS))
        except ValueError as error:
            raise ValueError(f"{vocab_json}, {merges_txt}: {error}") from error
