"""Texts to learn from, split into training, validation and test documents.

Storyworld stories, the documentation that ships with Python, Shakespeare, or
files of your own. A document's split follows from its own text alone, so no
text is ever in two splits.

Leaves out: near-duplicates. Only documents that agree to the byte are found.
"""

from __future__ import annotations

import ast
import random
import re
import sysconfig
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path

from lmbook.download import download
from lmbook.oracle import Oracle
from lmbook.sampling import generate

SPLITS = ("train", "validation", "test")
STORIES_PER_BATCH = 64  # so small that PyTorch works on one core: faster
FOLDERS_LEFT_OUT = {
    "test",
    "tests",
    "idle_test",
    "_bundled",
    "site-packages",
    "dist-packages",
}
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
SENTENCE_END = re.compile(r"""(?<!\.)[.!?]["'”’)]*$""")
SHAKESPEARE_URL = (
    "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/"
    "tinyshakespeare/input.txt"
)
SHAKESPEARE_SHA256 = (
    "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed"
)


@dataclass(frozen=True)
class Corpus:
    """Documents in three splits, and how many were dropped as duplicates."""

    name: str
    train: list[str]
    validation: list[str]
    test: list[str]
    num_duplicates: int = 0

    def summary(self) -> str:
        """A small table: documents, words and bytes of each split."""
        lines = [f"{self.name:<12}{'documents':>10}{'words':>12}{'bytes':>12}"]
        for part in SPLITS:
            texts = getattr(self, part)
            words = sum(len(text.split()) for text in texts)
            size = sum(len(text.encode("utf-8")) for text in texts)
            lines.append(f"{part:<12}{len(texts):>10,}{words:>12,}{size:>12,}")
        lines.append(f"{self.num_duplicates:,} duplicates dropped")
        return "\n".join(lines)


def split(
    documents: Iterable[str],
    name: str,
    validation: float = 0.05,
    test: float = 0.05,
) -> Corpus:
    """Drop exact duplicates, then send each document to its split.

    ValueError if a split with a share above 0 gets no document.
    """
    if isinstance(documents, str):
        raise TypeError("documents must be a list of str: pass [text]")
    if validation < 0 or test < 0 or validation + test >= 1:
        raise ValueError(f"{validation=} and {test=} leave no training share")
    documents = list(documents)
    texts: dict[str, list[str]] = {part: [] for part in SPLITS}
    for document in dict.fromkeys(documents):
        texts[split_of(document, validation, test)].append(document)
    for part, share in zip(SPLITS, (1, validation, test), strict=True):
        if share and not texts[part]:
            raise ValueError(
                f"{name}: of {len(documents)} documents none fell to {part}; "
                "give more documents or another share"
            )
    num_duplicates = len(documents) - sum(map(len, texts.values()))
    return Corpus(name, **texts, num_duplicates=num_duplicates)


def split_of(document: str, validation: float, test: float) -> str:
    """The split of a text, from a hash of this text and from nothing else.

    So equal texts share a split, and other documents coming or going move
    none. `test` keeps its documents when only `validation` changes.
    """
    digest = blake2b(document.encode("utf-8"), digest_size=8).digest()
    point = int.from_bytes(digest, "big") / 2**64
    if point < test:
        return "test"
    return "validation" if point < test + validation else "train"


def storyworld(num_stories: int = 20_000, seed: int = 0) -> Corpus:
    """Stories whose true model, `lmbook.oracle`, is known."""
    return split(stories(num_stories, seed), "storyworld")


def stories(num_stories: int, seed: int = 0) -> list[str]:
    """The first stories of a seed: the same text on every machine.

    Sampled from the oracle in batches of one size, so that fewer stories are
    the beginning of more.
    """
    if num_stories < 0:
        raise ValueError(f"{num_stories=} must be 0 or more")
    oracle, generator = Oracle(), random.Random(seed)
    prompts = [[oracle.tokenizer.bos_id]] * STORIES_PER_BATCH
    texts: list[str] = []
    while len(texts) < num_stories:
        documents = generate(
            oracle,
            prompts,
            eos_id=oracle.tokenizer.eos_id,
            max_new_tokens=1000,
            generator=generator,
        )
        texts += map(oracle.tokenizer.decode, documents)
    return texts[:num_stories]


def python_docs() -> Corpus:
    """The docstrings and the language reference of the reader's own Python.

    A document is one docstring or one topic of the reference, reduced to its
    prose. Paragraphs that stand in an earlier document are dropped and
    counted, for the reference repeats itself. The size varies with Python's
    version.
    """
    folder = Path(sysconfig.get_path("stdlib"))
    documents: list[str] = []
    seen: set[str] = set()
    num_duplicates = 0
    for text in [*docstrings(folder), *reference_topics()]:
        paragraphs = prose(text)
        new = [p for p in dict.fromkeys(paragraphs) if p not in seen]
        seen.update(new)
        num_duplicates += len(paragraphs) - len(new)
        documents += ["\n".join(new)] if new else []
    corpus = split(documents, "python_docs", test=0.1)
    return replace(corpus, num_duplicates=num_duplicates)


def docstrings(folder: Path) -> Iterator[str]:
    """The docstrings of all modules below a folder, parsed, not imported.

    Tests and installed packages are left out, and files that are no Python.
    """
    paths = sorted(folder.rglob("*.py"), key=Path.as_posix)
    if not paths:
        raise FileNotFoundError(
            f"no Python source in {folder}: this Python came without its "
            "library's text; choose another corpus, such as from_files(...)"
        )
    for path in paths:
        if FOLDERS_LEFT_OUT.isdisjoint(path.relative_to(folder).parts):
            yield from module_docstrings(path)


def module_docstrings(path: Path) -> list[str]:
    """The docstrings of one file, from the outside in; none if unreadable."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the file's, not the reader's
            tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return []
    nodes = (node for node in ast.walk(tree) if isinstance(node, DOCUMENTED))
    return [text for node in nodes if (text := ast.get_docstring(node))]


def reference_topics() -> list[str]:
    """The language reference that `help()` shows; none if it is missing."""
    try:
        from pydoc_data.topics import topics
    except ImportError:
        return []
    return [topics[name] for name in sorted(topics)]


def prose(text: str) -> list[str]:
    """The paragraphs that end as a sentence does, each on one line.

    This leaves out code, examples, headings, grammar rules and tables.

    >>> prose("Add two\\nnumbers.\\n\\n    sum = add(2, 3)\\n\\nHow fast!")
    ['Add two numbers.', 'How fast!']
    """
    paragraphs = (" ".join(p.split()) for p in re.split(r"\n\s*\n", text))
    return [p for p in paragraphs if SENTENCE_END.search(p) and ">>>" not in p]


def shakespeare() -> Corpus:
    """Speeches from the plays: 1.1 MB, public domain, downloaded once.

    A document is a run of whole speeches of 1,000 characters or more.
    """
    path = download(SHAKESPEARE_URL, SHAKESPEARE_SHA256, "shakespeare.txt")
    documents = runs(read_text(path).split("\n\n"), 1000)
    return split(documents, "shakespeare", test=0.1)


def runs(parts: Iterable[str], min_length: int) -> list[str]:
    """Join neighbours, a blank line between, until each is long enough.

    >>> runs(["one", "two", "three", "four"], min_length=7)
    ['one\\n\\ntwo', 'three\\n\\nfour']
    """
    texts, text = [], ""
    for part in parts:
        text = f"{text}\n\n{part}" if text else part
        if len(text) >= min_length:
            texts.append(text)
            text = ""
    return [*texts, text] if text else texts


def from_files(
    path: str | Path,
    pattern: str = "*.txt",
    validation: float = 0.05,
    test: float = 0.05,
) -> Corpus:
    """Your own text: a UTF-8 file, or a folder of them.

    Of one file, each block between blank lines is a document; of a folder,
    each file below it whose name fits the pattern.
    """
    path = Path(path).expanduser()
    if path.is_dir():
        files = sorted(p for p in path.rglob(pattern) if p.is_file())
        documents = [read_text(file) for file in files]
        what = f"{len(files)} files fit {pattern!r}"
    else:
        documents = re.split(r"\n\s*\n", read_text(path))
        what = "the file is empty"
    documents = [text for text in map(str.strip, documents) if text]
    if not documents:
        raise ValueError(f"no text in {path}: {what}")
    return split(documents, path.stem, validation, test)


def read_text(path: Path) -> str:
    """A UTF-8 file with plain line ends; ValueError if it is not UTF-8."""
    try:
        text = path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path} is not UTF-8 at byte {error.start}: save it as UTF-8, or "
            "read it with Path.read_text(encoding=...) and call split(...)"
        ) from None
    return text.removeprefix("\ufeff").replace("\r\n", "\n")
