"""Texts with labels: stories whose best answer is known, and docstrings.

A story is cut before the sentence that gives the answer away. What the oracle
then thinks of each answer is the truth, so the accuracy that no classifier can
beat is the mean of its largest probability.

Leaves out: labels that people gave.
"""

from __future__ import annotations

import re
import sysconfig
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from lmbook.corpora import docstrings, prose, split_of
from lmbook.oracle import Oracle
from lmbook.storyworld import MOODS, PLACES

ASKED = {  # the words that ask, from the start of their sentence; the answer
    "mood": re.compile(r"( That night \w+ felt) (\w+)"),
    "place": re.compile(r"( At \w+ \w+ fetched .+? from the) (\w+)"),
}
ANSWERS = {"mood": tuple(MOODS), "place": tuple(PLACES)}
TOPICS = tuple(
    "asyncio email http importlib logging multiprocessing unittest xml".split()
)


class Labelled(NamedTuple):
    """N texts, their N labels, and the classes that a label can be."""

    texts: list[str]
    labels: list[str]
    classes: tuple[str, ...]

    def split(self, test: float = 0.2) -> tuple[Labelled, Labelled]:
        """Training and test part; a text's own hash decides its place."""
        train, held_out = (Labelled([], [], self.classes) for _ in range(2))
        for text, label in zip(self.texts, self.labels, strict=True):
            part = held_out if split_of(text, 0, test) == "test" else train
            part.texts.append(text)
            part.labels.append(label)
        return train, held_out


def label_stories(stories: Iterable[str], question: str = "mood") -> Labelled:
    """Whole stories -> their beginnings, and the answer that follows.

    "mood": how the hero feels that night. "place": where the thing is when
    the hero fetches it. ValueError for a text that is no whole story.
    """
    cuts = [cut(story, question) for story in stories]
    texts = [beginning for beginning, _, _ in cuts]
    return Labelled(texts, [label for *_, label in cuts], ANSWERS[question])


def cut(story: str, question: str) -> tuple[str, str, str]:
    """The beginning, the words that ask, and the one that answers."""
    if question not in ANSWERS:
        raise ValueError(f"{question!r} is not one of {list(ANSWERS)}")
    match = ASKED[question].search(story)
    if not match:
        raise ValueError(f"no {question} is told in “{story[:40]}”")
    return story[: match.start()], match[1], match[2]


def best_guess(
    oracle: Oracle, stories: Iterable[str], question: str = "mood"
) -> Tensor:
    """Whole stories -> (N, K) float64: the true probability of each class.

    It knows what `label_stories` leaves of a story, and no more. The mean of
    each row's maximum is the accuracy of the best possible classifier.
    """
    cuts = [cut(story, question) for story in stories]
    if not cuts:
        raise ValueError("no stories to guess about")
    tokenizer = oracle.tokenizer
    answer_ids = [tokenizer.id(answer) for answer in ANSWERS[question]]
    rows = []
    for beginning, asked, _ in cuts:
        ids = tokenizer.encode(beginning + asked, errors="strict")
        position = oracle.positions([tokenizer.bos_id, *ids])[-1]
        rows.append(position.node.log_probs[answer_ids].exp())
    return torch.stack(rows)


def docstring_topics(
    topics: Sequence[str] = TOPICS, min_words: int = 5
) -> Labelled:
    """Docstrings of the standard library, labelled with their package.

    Only prose, as in `python_docs`; words that hold a topic's name are
    replaced by `___`; a paragraph that came before is dropped, and so is a
    docstring of fewer than `min_words` words. The number of texts varies
    with Python's version.
    """
    folder = Path(sysconfig.get_path("stdlib"))
    names = re.compile(rf"\w*({'|'.join(topics)})\w*", re.IGNORECASE)
    seen: set[str] = set()
    texts, labels = [], []
    for topic in topics:
        for docstring in docstrings(folder / topic):
            paragraphs = prose(names.sub("___", docstring))
            new = [p for p in dict.fromkeys(paragraphs) if p not in seen]
            seen.update(new)
            text = "\n".join(new)
            if len(text.split()) >= min_words:
                texts.append(text)
                labels.append(topic)
    return Labelled(texts, labels, tuple(topics))
