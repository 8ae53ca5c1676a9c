"""Byte-pair encoding beside the package `tokenizers`, and on every text."""

import json
import pickle
import re
import sys
import unicodedata
import warnings
from collections import Counter
from io import FileIO
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from tokenizers import ByteLevelBPETokenizer, models, pre_tokenizers, trainers
from tokenizers import Tokenizer as Reference

from lmbook import bpe, files
from lmbook.bpe import (
    BYTE_LETTERS,
    BytePairTokenizer,
    apply_merges,
    learn_merges,
    spell,
    split_pieces,
    unspell,
)
from lmbook.corpora import reference_topics, stories
from lmbook.interface import Tokenizer
from lmbook.tokenizers import encode_documents

BYTE_LEVEL = pre_tokenizers.ByteLevel(add_prefix_space=False)
MIXED = (
    "It's  the “naïve” café, isn't it?\n\n\tThe 2nd of ½ Ⅷ: 日本語の本, 你好 "
    "здравствуйте मानक हिन्दी "
    "ภาษาไทย 👩‍👩‍👧 e\u0301 \x1c\x85\xa0\u3000 </s> <s>aaaaa"
)
# Unassigned characters may be letters in the reference's newer Unicode.
KNOWN = st.characters(exclude_categories=["Cs", "Cn"])
NEAR = st.sampled_from(
    "ab'stdmrevl 1²½Ⅷ_-!\n\r\t\x1c\x1f\x85\xa0\u2028éжअ़日🙂"
)
TEXTS = st.text(NEAR) | st.text(KNOWN) | st.text(KNOWN | NEAR)


@pytest.fixture(scope="module")
def corpora():
    topics = "\n".join(reference_topics())[:100_000]
    return {
        "reference topics": topics.split("\n\n"),
        "storyworld": stories(128),
        "mixed": [MIXED, MIXED[:60], "Ünïcödé " * 3],
    }


def train_reference(texts, vocab_size, special_tokens=("<s>", "</s>")):
    reference = Reference(models.BPE())
    reference.pre_tokenizer = BYTE_LEVEL
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=list(special_tokens),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    reference.train_from_iterator(texts, trainer)
    reference.encode_special_tokens = True  # as ordinary text
    return reference


def merges_of(reference):
    model = json.loads(reference.to_str())["model"]
    return [tuple(pair) for pair in model["merges"]]


def train(texts, num_merges, **options):
    """Train without the warning that there are fewer merges."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return BytePairTokenizer.train(texts, num_merges, **options)


def learn_by_loops(words, num_merges):
    """Count every pair again for every merge."""
    words = {tuple(word): count for word, count in words.items()}
    order = {letter: i for i, letter in enumerate(sorted(BYTE_LETTERS))}
    merges = []
    for _ in range(num_merges):
        counts = Counter()
        for word, count in words.items():
            for pair in pairwise(word):
                counts[pair] += count
        if not counts:
            break
        pair = min(
            counts, key=lambda p: (-counts[p], order[p[0]], order[p[1]])
        )
        merges.append(pair)
        order["".join(pair)] = len(order)
        words = {merge_loop(w, pair): count for w, count in words.items()}
    return merges


def merge_loop(word, pair):
    merged = []
    for token in word:
        if merged and (merged[-1], token) == pair:
            merged[-1] = "".join(pair)
        else:
            merged.append(token)
    return tuple(merged)


def pieces_of_reference(text):
    return [
        text[start:end]
        for _, (start, end) in BYTE_LEVEL.pre_tokenize_str(text)
    ]


@given(TEXTS)
def test_pieces_are_those_of_the_reference(text):
    assert split_pieces(text) == pieces_of_reference(text)
    assert "".join(split_pieces(text)) == text


def test_every_known_character_is_of_the_reference_s_kind():
    """Next to a letter, a digit, a mark, spaces: all of Unicode."""
    every = [
        c
        for c in map(chr, range(sys.maxunicode + 1))
        if unicodedata.category(c) not in ("Cs", "Cn", "Co")
    ]
    for start in range(0, len(every), 1000):
        text = "".join(f"a{c}1{c}!{c}  {c}" for c in every[start:][:1000])
        assert split_pieces(text) == pieces_of_reference(text)


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("don't DON'T", ["don", "'t", " DON", "'", "T"]),
        ("we'll've", ["we", "'ll", "'ve"]),
        ("a   b\n\n c \n", ["a", "  ", " b", "\n\n", " c", " \n"]),
        ("snake_case, 3.14", "snake|_|case|,| 3|.|14".split("|")),
        ("x² ½", ["x", "²", " ½"]),
        ("e\u0301a", ["e", "\u0301", "a"]),
        ("</s>", ["</", "s", ">"]),
        ("", []),
    ],
)
def test_pieces_by_hand(text, pieces):
    assert split_pieces(text) == pieces


def test_long_runs_are_split_in_one_piece():
    for run in ("aé", "!_", "12", "\n", "\u3000 "):
        assert "".join(split_pieces(run * 200_000)) == run * 200_000


def test_letters_of_bytes_are_those_of_the_reference():
    assert set(BYTE_LETTERS) == set(pre_tokenizers.ByteLevel.alphabet())
    assert len(BYTE_LETTERS) == 256 and BYTE_LETTERS[ord(" ")] == "Ġ"
    assert unspell(BYTE_LETTERS) == bytes(range(256))
    [(spelled, _)] = BYTE_LEVEL.pre_tokenize_str("語")
    assert spell("語") == spelled


@pytest.mark.parametrize("name", ["reference topics", "storyworld", "mixed"])
@pytest.mark.parametrize("num_merges", [0, 1, 700])
def test_merges_and_ids_are_those_of_the_reference(corpora, name, num_merges):
    texts = corpora[name]
    tokenizer = train(texts, num_merges)
    reference = train_reference(texts, 258 + num_merges)
    assert tokenizer.merges == merges_of(reference)
    assert tokenizer.vocabulary == reference.get_vocab()
    for text in [*texts[:200], MIXED]:
        token_ids = tokenizer.encode(text)
        assert token_ids == reference.encode(text).ids
        assert tokenizer.decode(token_ids) == text


@given(st.lists(TEXTS, min_size=1), st.integers(0, 60), TEXTS)
def test_any_text_trains_and_encodes_as_the_reference(texts, num_merges, new):
    assume(any(texts))
    tokenizer = train(texts, num_merges)
    reference = train_reference(texts, 258 + num_merges)
    assert tokenizer.merges == merges_of(reference)
    assert tokenizer.vocabulary == reference.get_vocab()
    for text in (*texts, new):
        assert tokenizer.encode(text) == reference.encode(text).ids
        assert tokenizer.decode(tokenizer.encode(text)) == text


@given(
    st.dictionaries(
        st.text("ab", min_size=1) | st.text("abc", min_size=1),
        st.integers(1, 9),
    ),
    st.integers(0, 20),
)
def test_loops_learn_the_same_merges(words, num_merges):
    assert learn_merges(words, num_merges) == learn_by_loops(words, num_merges)


def test_merges_by_hand():
    """es 6 + 3 = 9, as est; lo 5 + 2 = 7, as low; then ne, ew 6: e is older.

    The pair e, w is older than est, n: of 6 each, ("e", "w") is first.
    """
    words = {"low": 5, "lower": 2, "newest": 6, "widest": 3}
    merges = learn_merges(words, 6)
    assert [left + right for left, right in merges] == [
        "es", "est", "lo", "low", "ew", "new",
    ]  # fmt: skip
    assert learn_merges({"aaa": 1}, 9) == [("a", "a"), ("aa", "a")]
    assert learn_merges({"a": 7}, 9) == []


def test_merges_apply_in_the_order_learned():
    """Of bc, then ab: in abc, bc comes first, though ab is further left."""
    tokenizer = BytePairTokenizer([("b", "c"), ("a", "b")])
    tokens = [tokenizer.tokens[i] for i in tokenizer.encode("abcab")]
    assert tokens == [b"a", b"bc", b"ab"]
    assert apply_merges("aaaaa", {"aa": "X", "XX": "Y"}) == "Ya"


@given(st.text())
def test_every_text_survives(text):
    tokenizer = BytePairTokenizer([("a", "b"), ("Ã", "©"), ("Ġ", "ab")])
    assert tokenizer.decode(tokenizer.encode(text)) == text


@given(st.binary())
def test_any_bytes_decode(data):
    """Cut or wrong UTF-8 gives U+FFFD; the bytes themselves are kept."""
    tokenizer = BytePairTokenizer([("Ã", "©")])
    token_ids = [tokenizer.vocabulary[BYTE_LETTERS[b]] for b in data]
    assert tokenizer.decode_bytes(token_ids) == data
    assert tokenizer.decode(token_ids) == data.decode("utf-8", "replace")


def test_lone_surrogates_are_refused():
    tokenizer = BytePairTokenizer([])
    for text in ("a\ud800", "\udfffb"):
        with pytest.raises(ValueError, match="surrogates not allowed"):
            tokenizer.encode(text)
        with pytest.raises(ValueError, match="surrogates not allowed"):
            BytePairTokenizer.train([text], 1)


def test_protocol_documents_and_special_tokens():
    tokenizer = BytePairTokenizer([], ["<s>", "</s>", "<user>"])
    assert isinstance(tokenizer, Tokenizer)
    assert tokenizer.special_ids == {"<s>": 0, "</s>": 1, "<user>": 2}
    assert (tokenizer.bos_id, tokenizer.eos_id) == (0, 1)
    [document] = encode_documents(tokenizer, ["hi"])
    assert document.tolist() == [0, *tokenizer.encode("hi"), 1]
    assert tokenizer.decode(document) == "hi"
    assert tokenizer.decode(torch.tensor([2, *document])) == "<user>hi"
    for text in ("<s>", "</s>", "<user>hi"):
        assert min(tokenizer.encode(text)) > 2
        assert tokenizer.decode(tokenizer.encode(text)) == text


def test_one_special_token_begins_and_ends():
    tokenizer = BytePairTokenizer([], ["<|endoftext|>"])
    assert (tokenizer.bos_id, tokenizer.eos_id) == (0, 0)


def test_pieces_are_kept_and_forgotten(monkeypatch):
    tokenizer = train([MIXED], 30)
    ids = tokenizer.encode(MIXED)
    monkeypatch.setattr(bpe, "apply_merges", None)
    assert tokenizer.encode(MIXED) == ids
    monkeypatch.undo()
    monkeypatch.setattr(bpe, "MAX_CACHED", 3)
    assert tokenizer.encode("a") == train([MIXED], 30).encode("a")
    assert tokenizer.encode(MIXED) == ids
    assert pickle.loads(pickle.dumps(tokenizer)).encode(MIXED) == ids


def test_reference_opens_what_is_saved(tmp_path):
    tokenizer = train([MIXED], 80, special_tokens=["<s>", "</s>", "<user>"])
    path = tmp_path / "tokenizer.json"
    tokenizer.save(path)
    reference = Reference.from_file(str(path))
    assert reference.get_vocab() == tokenizer.vocabulary
    special = [0, *tokenizer.encode("hé"), 2]
    assert reference.encode("<s>hé<user>").ids == special
    reference.encode_special_tokens = True
    assert reference.encode(MIXED).ids == tokenizer.encode(MIXED)
    assert reference.decode(tokenizer.encode(MIXED)) == MIXED
    loaded = BytePairTokenizer.load(path)
    assert vars(loaded) | {"_cache": {}} == vars(tokenizer) | {"_cache": {}}


def test_what_the_reference_saved_is_loaded(tmp_path):
    """Special tokens at the end, which shifts all ids; old and new form."""
    reference = train_reference([MIXED], 300, special_tokens=[])
    reference.add_special_tokens(["<|endoftext|>"])
    path = tmp_path / "tokenizer.json"
    reference.save(str(path))
    tokenizer = BytePairTokenizer.load(path)
    assert tokenizer.special_ids == {"<|endoftext|>": 300}
    assert tokenizer.encode(MIXED) == reference.encode(MIXED).ids
    content = json.loads(path.read_text())
    model = content["model"]
    del model["type"], model["ignore_merges"]  # as in older files
    model["merges"] = [" ".join(pair) for pair in model["merges"]]
    path.write_text(json.dumps(content))
    assert BytePairTokenizer.load(path).merges == tokenizer.merges


def test_gpt2_s_files_are_loaded(tmp_path):
    """As GPT-2's: bytes first, merges, the special token last."""
    reference = ByteLevelBPETokenizer()
    reference.train_from_iterator(
        [MIXED], vocab_size=310, min_frequency=0, show_progress=False
    )
    files = reference.save_model(str(tmp_path))
    vocab = json.loads(Path(files[0]).read_text()) | {"<|endoftext|>": 310}
    Path(files[0]).write_text(json.dumps(vocab))
    tokenizer = BytePairTokenizer.from_gpt2(*files)
    assert tokenizer.vocab_size == 311
    assert tokenizer.bos_id == tokenizer.eos_id == 310
    assert tokenizer.encode(MIXED) == reference.encode(MIXED).ids
    assert Path(files[1]).read_text().startswith("#version")
    Path(files[1]).write_text("a b c\n")
    with pytest.raises(ValueError, match=r"merges.txt: merge 'a b c' is not"):
        BytePairTokenizer.from_gpt2(*files)


@pytest.mark.parametrize(
    ("part", "change", "message"),
    [
        ("model", {"type": "Unigram"}, "model with type 'Unigram'"),
        ("model", {"byte_fallback": True}, "byte_fallback True"),
        ("model", {"dropout": 0.1}, "model with dropout 0.1"),
        ("normalizer", {"type": "NFC"}, "normalizer with type 'NFC'"),
        ("pre_tokenizer", {"type": "Split"}, "with type 'Split'"),
        ("pre_tokenizer", {"add_prefix_space": True}, "add_prefix_space True"),
        (
            "model",
            {"merges": [["a", "日"]]},
            "0 takes '日', which none before",
        ),
        ("model", {"merges": [["a"]]}, r"merge \['a'\] is not a pair"),
        ("model", {"merges": []}, "token 'ab' is made by no merge"),
        ("model", {"vocab": {"<s>": 0}}, "token '!' has no id"),
    ],
)
def test_other_tokenizer_files_are_refused(tmp_path, part, change, message):
    path = tmp_path / "tokenizer.json"
    BytePairTokenizer([("a", "b")]).save(path)
    content = json.loads(path.read_text())
    content[part] = (content[part] or {}) | change
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=f"tokenizer.json: .*{message}"):
        BytePairTokenizer.load(path)


def test_files_that_are_no_tokenizer_are_refused(tmp_path):
    path = tmp_path / "tokenizer.json"
    for content in ("[]", "{}", "7", '{"model": {"vocab": []}}'):
        path.write_text(content)
        with pytest.raises(ValueError, match=r"json: not a tokenizer\.json"):
            BytePairTokenizer.load(path)
    path.write_text("{")
    with pytest.raises(ValueError, match=r"tokenizer\.json: Expecting"):
        BytePairTokenizer.load(path)
    BytePairTokenizer([]).save(path)
    content = json.loads(path.read_text())
    content["added_tokens"][0]["special"] = False
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match="token '<s>' that is not special"):
        BytePairTokenizer.load(path)


def test_a_failed_save_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "tokenizer.json"
    BytePairTokenizer([("a", "b")]).save(path)

    class Full(FileIO):
        def write(self, content):
            super().write(content[:7])
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, "open", Full, raising=False)
    with pytest.raises(OSError, match="No space left"):
        BytePairTokenizer([]).save(path)
    assert [p.name for p in tmp_path.iterdir()] == ["tokenizer.json"]
    assert BytePairTokenizer.load(path).merges == [("a", "b")]


def test_training_errors():
    with pytest.raises(TypeError, match=re.escape("pass [text]")):
        BytePairTokenizer.train("the cat", 1)
    with pytest.raises(ValueError, match="num_merges=-1 is below 0"):
        BytePairTokenizer.train(["the cat"], -1)
    for texts in ([], ["", ""]):
        with pytest.raises(ValueError, match="the texts are empty"):
            BytePairTokenizer.train(texts, 1)
    with pytest.warns(UserWarning, match="2 merges in place of 5"):
        tokenizer = BytePairTokenizer.train(["cat"], 5)
    assert tokenizer.vocab_size == 2 + 256 + 2


def test_vocabulary_errors():
    with pytest.raises(ValueError, match="merge 1 takes 'bc', which none"):
        BytePairTokenizer([("a", "b"), ("a", "bc")])
    with pytest.raises(ValueError, match="merge 3 makes 'abc' again"):
        pairs = [("a", "b"), ("b", "c"), ("ab", "c"), ("a", "bc")]
        BytePairTokenizer(pairs)
    with pytest.raises(ValueError, match="'ab' stands 2 times"):
        BytePairTokenizer([("a", "b")], ["<s>", "ab"])
    with pytest.raises(ValueError, match="'<s>' stands 2 times"):
        BytePairTokenizer([], ["<s>", "<s>"])
    with pytest.raises(ValueError, match="special_tokens is empty"):
        BytePairTokenizer([], [])
    vocabulary = BytePairTokenizer([]).vocabulary
    with pytest.raises(ValueError, match="ids are not 0 to 257"):
        BytePairTokenizer([], vocabulary=vocabulary | {"<s>": 300})


def test_ids_and_texts_are_checked():
    tokenizer = BytePairTokenizer([])
    for wrong in (-1, 258):
        with pytest.raises(ValueError, match=f"token id {wrong} is not"):
            tokenizer.decode([3, wrong])
    with pytest.raises(TypeError, match="reads a str, not bytes"):
        tokenizer.encode(b"cat")
