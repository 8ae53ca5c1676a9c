"""The guessing game: the reader predicts a story, as the models do.

Shannon (1951) had people name letters until they hit; the numbers of guesses
bound what a letter costs. Cover and King (1978) had them bet instead, as
here: shares are bits at once.

Leaves out: a score over several stories.
"""

from __future__ import annotations

from functools import cache

from lmbook import storyworld
from lmbook.interface import LanguageModel, Tokenizer
from lmbook.ngram_files import load_counts
from lmbook.pretrained import path_of
from lmbook.widgets.markup import Html, element, join, table
from lmbook.widgets.sources import words
from lmbook.widgets.stories import Story, StoryPart

# What the models have learned from many stories, and a reader has not: which
# words belong together.
LISTS = {
    "weather": storyworld.WEATHERS,
    "days": storyworld.DAYS,
    "girls": storyworld.GIRLS,
    "boys": storyworld.BOYS,
    "colours": storyworld.COLOURS,
    "things": storyworld.THINGS,
    "places": storyworld.PLACES,
    "relations": storyworld.RELATIONS,
    "deadlines": storyworld.DEADLINES,
    "animals": storyworld.PETS,
    "titles": storyworld.TITLES,
    "nicknames": storyworld.NICKNAMES,
    "fruit": list(storyworld.FRUITS),
    "numbers": storyworld.NUMBERS[1:],
    "magic words": storyworld.SPELL_WORDS,
    "openers": storyworld.OPENERS,
    "visitors": storyworld.VISITORS,
    "moods": list(storyworld.MOODS),
    "found": ["found", "discovered", "spotted", "came"],
}


class GuessingGame(StoryPart):
    """Words of a story, drawn by chance, for the reader to predict.

    The reader names words and gives them a share; the rest goes to all words
    as often as they occur. What the word that comes was given is compared
    with the models. `num_words` are asked; `seed` chooses the first story.
    """

    module = "guessing_game"

    def __init__(
        self,
        model: LanguageModel | None = None,
        tokenizer: Tokenizer | None = None,
        num_words: int = 20,
        seed: int = 2,
    ) -> None:
        if not 2 <= num_words <= 50:
            raise ValueError(
                f"{num_words=} is not between 2, for an interval, and 50, "
                "which the shortest story has"
            )
        super().__init__(
            model,
            tokenizer,
            seed,
            fallback,
            num_words=num_words,
            lists=LISTS,
            frequencies=frequencies(),
        )


@cache
def frequencies() -> dict[str, float]:
    """How often each word occurs in the stories of the n-gram model.

    The start and the end mark are not asked, and have none.
    """
    counts = load_counts(path_of("ngram")).orders[0].counts[:-1].tolist()
    tokens = words().tokens
    found = dict(zip(tokens[3:], counts[3:], strict=True))
    total = sum(found.values())
    return {word: round(n / total, 6) for word, n in found.items()}


def fallback(names: list[str], story: Story) -> Html:
    """The story's bits per word under each model, its end left out."""
    rows = [
        (name, f"{sum(bits[:-1]) / (len(bits) - 1):.2f}")
        for name, bits in zip(names, story["bits"], strict=True)
    ]
    said = (
        "Guess words of a story that you have not read, and compare what "
        "they cost you with the models. On the first story they need:"
    )
    title = element("strong", "The guessing game. ")
    return join(
        [element("p", title, said), table(["model", "bits per word"], rows)]
    )
