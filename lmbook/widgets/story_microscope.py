"""Story microscope: what each word of a story costs, above the floor.

Leaves out: stories of the reader's own, which the oracle might refuse.
"""

from __future__ import annotations

from lmbook.interface import LanguageModel, Tokenizer
from lmbook.storyworld import KINDS
from lmbook.widgets.markup import Html, element, join, table
from lmbook.widgets.stories import Story, StoryPart

NUM_SHOWN = 12  # of the words that cost most, where no script runs


class StoryMicroscope(StoryPart):
    """A story, each word coloured by the bits that a model wastes on it.

    Without a model, those of the book. `StoryMicroscope(my_model, tokenizer)`
    shows yours, which must read words of Storyworld. `seed` chooses the
    first story.
    """

    module = "story_microscope"

    def __init__(
        self,
        model: LanguageModel | None = None,
        tokenizer: Tokenizer | None = None,
        seed: int = 1,
    ) -> None:
        super().__init__(model, tokenizer, seed, fallback, kinds=list(KINDS))


def fallback(names: list[str], story: Story) -> Html:
    """Bits above the oracle, by kind, and the words that cost most."""
    *models, _ = names
    floor = story["bits"][-1]
    gaps = [
        [bit - least for bit, least in zip(bits, floor, strict=True)]
        for bits in story["bits"][:-1]
    ]
    by_kind = [
        (
            kind,
            story["kinds"].count(kind),
            *(f"{total(gap, story['kinds'], kind):.1f}" for gap in gaps),
        )
        for kind in KINDS
        if kind in story["kinds"]
    ]
    everything = ("all", len(floor), *(f"{sum(gap):.1f}" for gap in gaps))
    costly = sorted(range(len(floor)), key=lambda t: (-max_of(gaps, t), t))
    rows = [
        (
            story["tokens"][t],
            t + 1,
            story["kinds"][t],
            *(f"{gap[t]:.1f}" for gap in gaps),
        )
        for t in sorted(costly[:NUM_SHOWN])
    ]
    return join(
        [
            element("p", element("strong", "Story microscope. "), WHAT),
            table(["kind", "words", *models], [*by_kind, everything]),
            table(["word", "place", "kind", *models], rows, "What cost most"),
        ]
    )


WHAT = "Bits that a story costs each model more than the oracle."


def total(gap: list[float], kinds: list[str], kind: str) -> float:
    """The bits on words of one kind; never -0."""
    found = [g for g, k in zip(gap, kinds, strict=True) if k == kind]
    return round(sum(found), 1) + 0.0


def max_of(gaps: list[list[float]], t: int) -> float:
    return round(max(gap[t] for gap in gaps), 2)
