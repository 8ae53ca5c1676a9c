"""Splits, the corpora that need no network, and files of one's own."""

import re
import sys
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmbook import corpora
from lmbook.corpora import (
    Corpus,
    docstrings,
    from_files,
    module_docstrings,
    prose,
    python_docs,
    reference_topics,
    runs,
    split,
    split_of,
    stories,
    storyworld,
)

MANY = [f"document number {i}" for i in range(997)]


def three(corpus):
    return corpus.train, corpus.validation, corpus.test


@pytest.fixture(scope="module")
def docs():
    return python_docs()


# Splits


def test_split_keeps_every_document_once_and_counts_the_rest():
    corpus = split(MANY + MANY[:13] + MANY[:5], "many")
    texts = [text for part in three(corpus) for text in part]
    assert sorted(texts) == sorted(MANY)
    assert corpus.num_duplicates == 18
    assert corpus.name == "many"
    assert [t for t in MANY if t in set(corpus.train)] == corpus.train


def test_split_shares():
    """Binomial, 997 documents: 0.2 +- 4.5 and 0.1 +- 3.8 hundredths (3.5
    standard errors) hold for all but one text in 2,000; these are fixed.
    """
    corpus = split(MANY, "many", validation=0.2, test=0.1)
    assert len(corpus.validation) / 997 == pytest.approx(0.2, abs=0.045)
    assert len(corpus.test) / 997 == pytest.approx(0.1, abs=0.038)


@given(st.sets(st.sampled_from(MANY[:211]), min_size=170))
def test_other_documents_do_not_move_a_document(some):
    whole, part = split(MANY[:211], "whole"), split(sorted(some), "part")
    for of_whole, of_part in zip(three(whole), three(part), strict=True):
        assert set(of_part) == some & set(of_whole)


@given(st.text(), st.floats(0, 0.4), st.floats(0, 0.2), st.floats(0, 0.2))
def test_larger_shares_only_take_from_what_comes_after(text, test, a, b):
    """Test documents stay when validation grows, as all held out do."""
    small, large = sorted((a, b))
    before, after = split_of(text, small, test), split_of(text, large, test)
    assert (before == "test") == (after == "test")
    if before == "validation":
        assert after == "validation"


def test_split_errors():
    with pytest.raises(ValueError, match=r"test=0\.5 leave no training share"):
        split(MANY, "many", validation=0.5, test=0.5)
    with pytest.raises(ValueError, match=r"validation=-0\.1 and"):
        split(MANY, "many", validation=-0.1)
    message = "few: of 2 documents none fell to"
    with pytest.raises(ValueError, match=message):
        split(["one", "two"], "few")
    assert split(["one"], "few", 0, 0).train == ["one"]
    with pytest.raises(TypeError, match=re.escape("list of str: pass [text]")):
        split("abc", "letters", 0, 0)


def test_summary():
    corpus = Corpus("tiny", ["a cat", "é"], ["b"], [], num_duplicates=1234)
    assert corpus.summary().split("\n") == [
        "tiny         documents       words       bytes",
        "train                2           3           7",
        "validation           1           1           1",
        "test                 0           0           0",
        "1,234 duplicates dropped",
    ]


# Storyworld


def test_fewer_stories_begin_more_stories(monkeypatch):
    monkeypatch.setattr(corpora, "STORIES_PER_BATCH", 13)
    more = stories(29, seed=2)
    assert len(more) == 29
    assert stories(7, seed=2) == more[:7]
    assert stories(1, seed=3) != more[:1]
    assert all(text[0].isupper() and text[-1] in ".”" for text in more)


def test_there_are_no_fewer_than_no_stories():
    assert stories(0) == []
    with pytest.raises(ValueError, match="num_stories=-1 must be 0 or more"):
        stories(-1)


def test_storyworld_splits_the_stories_of_its_seed(monkeypatch):
    def made_up(num_stories, seed):
        return [f"{seed} {text}" for text in MANY[:num_stories]]

    monkeypatch.setattr(corpora, "stories", made_up)
    corpus = storyworld(797, seed=3)
    assert corpus.name == "storyworld"
    texts = [text for part in three(corpus) for text in part]
    assert sorted(texts) == sorted(made_up(797, 3))


# Python's documentation


def test_python_docs_is_prose_of_a_fair_size(docs):
    """Measured 1.55 million characters on CPython 3.11."""
    texts = [text for part in three(docs) for text in part]
    assert 800_000 < sum(map(len, texts)) < 3_000_000
    assert docs.num_duplicates > 300
    assert not any(">>>" in text for text in texts)
    assert len(docs.test) > 400 and len(docs.validation) > 200


def test_no_paragraph_of_python_docs_stands_twice(docs):
    counts = Counter(
        p for part in three(docs) for text in part for p in text.split("\n")
    )
    assert counts.most_common(1)[0][1] == 1


def test_docstrings_of_a_folder(tmp_path):
    (tmp_path / "b.py").write_text(
        '"""Module."""\n'
        'class A:\n    """Class.\n\n    Indented."""\n'
        '    async def f(self):\n        """Method."""\n'
        'def g():\n    "A bad \\escape warns."\n'
        'x = """No docstring."""\n'
    )
    (tmp_path / "a.py").write_bytes(
        '# coding: latin-1\n"""Café."""'.encode("latin-1")
    )
    (tmp_path / "broken.py").write_text("def (")
    (tmp_path / "bytes.py").write_bytes(b'"""\xff"""')
    (tmp_path / "null.py").write_bytes(b'"""\0"""')
    for folder in ("test", "site-packages"):
        (tmp_path / "pkg" / folder).mkdir(parents=True)
        (tmp_path / "pkg" / folder / "c.py").write_text('"""Not this."""')
    (tmp_path / "pkg" / "d.py").write_text('"""Deep."""')
    found = list(docstrings(tmp_path))
    assert found[0] == "Café."
    assert sorted(found[1:-1]) == [
        "A bad \\escape warns.",
        "Class.\n\nIndented.",
        "Method.",
        "Module.",
    ]
    assert found[-1] == "Deep."


def test_docstrings_need_source(tmp_path):
    with pytest.raises(FileNotFoundError, match="no Python source in"):
        list(docstrings(tmp_path))
    assert module_docstrings(tmp_path / "missing.py") == []


def test_reference_topics_may_be_missing(monkeypatch):
    assert len(reference_topics()) > 30
    monkeypatch.setitem(sys.modules, "pydoc_data.topics", None)
    assert reference_topics() == []


@pytest.mark.parametrize(
    ("text", "paragraphs"),
    [
        ("Return the\n   sum.  \n", ["Return the sum."]),
        ("See “this.”\n \nReally (or not?)\n\nYes!",
         ["See “this.”", "Really (or not?)", "Yes!"]),
        ("Heading\n=======\n\nf(...)\n\nif a:\n    b()", []),
        ("Adds:\n\n>>> 1 + 1.\n2.\n\n| a | b. |", []),
        ("", []),
    ],
)  # fmt: skip
def test_prose(text, paragraphs):
    assert prose(text) == paragraphs


# Runs and files


@given(st.lists(st.text("ab", min_size=1, max_size=9)), st.integers(1, 23))
def test_runs_keep_the_text_and_are_long_enough(parts, min_length):
    joined = runs(parts, min_length)
    assert "\n\n".join(joined) == "\n\n".join(parts)
    assert all(len(text) >= min_length for text in joined[:-1])


def test_a_file_is_cut_at_blank_lines(tmp_path):
    path = tmp_path / "poems.txt"
    path.write_bytes(
        b"\xef\xbb\xbf" + "\r\n\r\n".join([*MANY, MANY[0], "é\r\nè"]).encode()
    )
    corpus = from_files(path)
    assert corpus.name == "poems"
    assert corpus.num_duplicates == 1
    texts = {text for part in three(corpus) for text in part}
    assert texts == {*MANY, "é\nè"}


def test_a_folder_gives_a_document_a_file(tmp_path):
    (tmp_path / "deep").mkdir()
    for i in range(5):
        (tmp_path / "deep" / f"{i}.txt").write_text(f"text {i}\n\nmore\n")
        (tmp_path / f"{i}.md").write_text(f"note {i}")
    (tmp_path / "empty.txt").write_text(" \n")
    plain = from_files(tmp_path, validation=0, test=0)
    assert plain.train == [f"text {i}\n\nmore" for i in range(5)]
    notes = from_files(str(tmp_path), "*.md", validation=0, test=0)
    assert notes.train == [f"note {i}" for i in range(5)]


def test_file_errors(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere\.txt"):
        from_files(tmp_path / "nowhere.txt")
    empty = tmp_path / "empty.txt"
    empty.write_text(" \n\n ")
    with pytest.raises(ValueError, match=r"empty\.txt: the file is empty"):
        from_files(empty)
    message = re.escape("0 files fit '*.md'")
    with pytest.raises(ValueError, match=message):
        from_files(tmp_path, "*.md")
    latin = tmp_path / "latin.txt"
    latin.write_bytes("café".encode("latin-1"))
    message = r"latin\.txt is not UTF-8 at byte 3: save it as UTF-8"
    with pytest.raises(ValueError, match=message):
        from_files(latin)


def test_shakespeare_is_cut_into_runs_of_speeches(tmp_path, monkeypatch):
    """The file itself is not needed here: a made-up play stands for it."""
    play = [f"Speaker {i}:\n" + f"line {i}. " * 40 for i in range(599)]
    path = tmp_path / "play.txt"
    path.write_text("\n\n".join(play))
    calls = []
    monkeypatch.setattr(
        corpora, "download", lambda *args: calls.append(args) or path
    )
    corpus = corpora.shakespeare()
    assert calls == [
        (
            corpora.SHAKESPEARE_URL,
            corpora.SHAKESPEARE_SHA256,
            "shakespeare.txt",
        )
    ]
    texts = [text for part in three(corpus) for text in part]
    assert sorted("\n\n".join(texts).split("\n\n")) == sorted(play)
    assert all(text.startswith("Speaker") for text in texts)
