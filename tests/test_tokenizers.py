"""Round trips, ids, errors and files of the three tokenizers."""

import re
from io import FileIO

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lmbook import files
from lmbook.interface import Tokenizer
from lmbook.tokenizers import (
    ByteTokenizer,
    CharacterTokenizer,
    WordTokenizer,
    encode_documents,
    join_words,
    split_words,
)

STORY = "“Where is Ada’s well-known kite?” asked the cat (and its 3.5 fleas)."
ALL = [
    WordTokenizer.train([STORY]),
    CharacterTokenizer.train([STORY]),
    ByteTokenizer(),
]
KINDS = pytest.mark.parametrize(
    "tokenizer", ALL, ids=lambda t: type(t).__name__
)


def test_split_words_by_hand():
    """Words keep inner marks; every other mark stands alone."""
    expected = (
        "“ Where is Ada’s well-known kite ? ” asked the cat ( and its 3.5 "
        "fleas ) ."
    )
    assert split_words(STORY) == expected.split()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1,000 pears", ["1,000", "pears"]),
        ("in 1999.", ["in", "1999", "."]),
        ("the 2nd", ["the", "2nd"]),
        ("3.14a", ["3", ".", "14a"]),
        ("__init__(self)", ["__init__", "(", "self", ")"]),
        ("the dogs’ ball", ["the", "dogs", "’", "ball"]),
        ("wait -- what", ["wait", "-", "-", "what"]),
        ("<s> naïve\n\tÉmile", ["<", "s", ">", "naïve", "Émile"]),
        (" \n", []),
    ],
)
def test_split_words_cases(text, words):
    assert split_words(text) == words


@given(st.text() | st.text("aZ9 .,’'“”()-_"))
def test_joined_words_split_into_the_same_words(text):
    words = split_words(text)
    assert split_words(join_words(words)) == words


@KINDS
def test_protocol_and_normalised_text_survives(tokenizer):
    assert isinstance(tokenizer, Tokenizer)
    token_ids = tokenizer.encode(STORY)
    assert tokenizer.decode(token_ids) == STORY
    assert all(0 <= i < tokenizer.vocab_size for i in token_ids)
    assert not {tokenizer.bos_id, tokenizer.eos_id} & set(token_ids)


@given(st.text())
def test_bytes_survive_for_every_text(text):
    assert ByteTokenizer().decode(ByteTokenizer().encode(text)) == text


@given(st.text(min_size=1))
def test_characters_survive_for_every_text_they_were_trained_on(text):
    tokenizer = CharacterTokenizer.train([text])
    assert tokenizer.vocab_size == 3 + len(set(text))
    assert tokenizer.decode(tokenizer.encode(text, "strict")) == text


def test_vocabulary_by_falling_count_then_alphabet():
    """b 3 times; a and c twice, so a first; d once."""
    tokenizer = WordTokenizer.train(["c b a b", "d c b a"])
    assert tokenizer.tokens == ["<unk>", "<s>", "</s>", "b", "a", "c", "d"]
    assert [tokenizer.id(word) for word in "bacd"] == [3, 4, 5, 6]
    assert [tokenizer.word(i) for i in (2, 3, 6)] == ["</s>", "b", "d"]
    assert tokenizer.vocab_size == 7
    assert (tokenizer.unk_id, tokenizer.bos_id, tokenizer.eos_id) == (0, 1, 2)


def test_min_count_and_max_words_shorten_the_vocabulary():
    texts = ["c b a b", "d c b a"]
    assert WordTokenizer.train(texts, min_count=2).tokens[3:] == list("bac")
    assert WordTokenizer.train(texts, max_words=2).tokens[3:] == list("ba")
    assert WordTokenizer.train(texts, 3, 2).tokens[3:] == ["b"]


@pytest.mark.parametrize("max_words", [0, -1])
def test_max_words_is_a_number_of_words(max_words):
    message = f"max_words={max_words} must be at least 1, or None"
    with pytest.raises(ValueError, match=message):
        WordTokenizer.train(["c b a b"], max_words=max_words)


def test_unknown_words_are_replaced_or_refused():
    tokenizer = WordTokenizer(["the", "cat"])
    assert tokenizer.encode("the zebra") == [3, 0]
    assert tokenizer.decode([3, 0]) == "the <unk>"
    with pytest.raises(ValueError, match="'zebra' is not in the vocabulary"):
        tokenizer.encode("the zebra", errors="strict")
    with pytest.raises(ValueError, match="'zebra' is not in the vocabulary"):
        tokenizer.id("zebra")
    with pytest.raises(ValueError, match="token id 5 is not between 0 and 4"):
        tokenizer.word(5)
    with pytest.raises(ValueError, match="errors='ignore' is not 'replace'"):
        tokenizer.encode("the zebra", errors="ignore")


def test_invalid_utf8_decodes_to_the_replacement_character():
    """é is C3 A9: its first byte alone is no character."""
    tokenizer = ByteTokenizer()
    assert tokenizer.encode("é") == [0xC3, 0xA9]
    assert tokenizer.decode([0x61, 0xC3]) == "a\ufffd"


@KINDS
def test_documents_have_both_ends_and_decode_leaves_them_out(tokenizer):
    documents = encode_documents(tokenizer, [STORY, ""])
    assert [d.dtype for d in documents] == [torch.int64] * 2
    assert documents[1].tolist() == [tokenizer.bos_id, tokenizer.eos_id]
    assert documents[0][1:-1].tolist() == tokenizer.encode(STORY)
    assert [tokenizer.decode(d) for d in documents] == [STORY, ""]


@KINDS
def test_ids_out_of_range_are_refused(tokenizer):
    for wrong in (-1, tokenizer.vocab_size):
        message = f"token id {wrong} is not between 0 and"
        with pytest.raises(ValueError, match=message):
            tokenizer.decode([3, wrong])


@KINDS
@pytest.mark.parametrize(
    "token_ids", [[3, 1.5], [3, 4.0], torch.tensor([3.0, 4.0]), [[3], [4]]]
)
def test_ids_are_integers(tokenizer, token_ids):
    wrong = token_ids[0] if isinstance(token_ids[0], list) else token_ids[1]
    if isinstance(token_ids, torch.Tensor):
        wrong = 3.0
    message = re.escape(f"token id {wrong} is not an integer")
    with pytest.raises(ValueError, match=message):
        tokenizer.decode(token_ids)


@KINDS
def test_only_str_is_encoded(tokenizer):
    with pytest.raises(TypeError, match="reads a str, not bytes"):
        tokenizer.encode(b"cat")


def test_one_text_in_place_of_a_list_is_refused():
    with pytest.raises(TypeError, match=re.escape("pass [text]")):
        WordTokenizer.train("the cat")
    with pytest.raises(TypeError, match=re.escape("pass [text]")):
        encode_documents(ByteTokenizer(), "the cat")


def test_training_text_must_leave_something():
    with pytest.raises(ValueError, match="of 0 different tokens"):
        WordTokenizer.train([])
    with pytest.raises(ValueError, match=r"of 2 different .* min_count=2"):
        WordTokenizer.train(["a b"], min_count=2)


def test_vocabulary_is_checked():
    with pytest.raises(ValueError, match="'cat' stands 2 times"):
        WordTokenizer(["cat", "dog", "cat"])
    with pytest.raises(ValueError, match="'ice cream' is not one token"):
        WordTokenizer(["ice cream"])
    with pytest.raises(ValueError, match="'</s>' stands 2 times"):
        WordTokenizer(["</s>"])
    with pytest.raises(ValueError, match="'ab' is not one token"):
        CharacterTokenizer(["ab"])


@pytest.mark.parametrize("cls", [WordTokenizer, CharacterTokenizer])
def test_saved_and_loaded_are_equal(cls, tmp_path):
    tokenizer = cls.train([STORY])
    tokenizer.save(tmp_path / "tokenizer.json")
    loaded = cls.load(tmp_path / "tokenizer.json")
    assert loaded.tokens == tokenizer.tokens
    assert type(loaded) is cls


def test_a_failed_save_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "tokenizer.json"
    WordTokenizer(["old"]).save(path)

    class Full(FileIO):
        def write(self, content):
            super().write(content[:7])
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, "open", Full, raising=False)
    with pytest.raises(OSError, match="No space left"):
        WordTokenizer(["new"]).save(path)
    assert [p.name for p in tmp_path.iterdir()] == ["tokenizer.json"]
    assert WordTokenizer.load(path).tokens[3:] == ["old"]


def test_loading_something_else_is_refused(tmp_path):
    path = tmp_path / "tokenizer.json"
    CharacterTokenizer(["a"]).save(path)
    message = "holds a CharacterTokenizer, not a WordTokenizer"
    with pytest.raises(ValueError, match=message):
        WordTokenizer.load(path)
    for content in ("{", "[]", "{}", "7", '{"tokenizer": "WordTokenizer"}'):
        path.write_text(content)
        with pytest.raises(ValueError, match="is no saved tokenizer"):
            WordTokenizer.load(path)
