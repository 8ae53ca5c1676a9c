"""Quick check: one question with choices, each answer explained.

Leaves out: scores, and questions with several right answers.
"""

from __future__ import annotations

from lmbook.widgets.base import Part
from lmbook.widgets.markup import Html, element


class QuickCheck(Part):
    """A question for the reader, the same on the page and in a notebook.

    `choices` maps each choice to why it is right or wrong; `answer` is the
    right one. With a live kernel, `chosen` is what was chosen last.
    """

    module = "quick_check"

    def __init__(
        self, question: str, choices: dict[str, str], *, answer: str
    ) -> None:
        if len(choices) < 2:
            raise ValueError(
                f"the question has {len(choices)} choices; give two or more"
            )
        if answer not in choices:
            raise ValueError(
                f"the answer {answer!r} is none of {list(choices)}; repeat "
                "one of the choices letter by letter"
            )
        for choice, explanation in choices.items():
            if not explanation.strip():
                raise ValueError(
                    f"the choice {choice!r} has no explanation; say why it "
                    "is right or wrong"
                )
        self.chosen: str | None = None
        self.choices = list(choices)
        listed = [
            {"text": text, "explanation": why, "right": text == answer}
            for text, why in choices.items()
        ]
        data = {"question": question, "choices": listed}
        super().__init__(data, fallback(question, choices, answer))

    def ask_chosen(self, index: int) -> None:
        """The reader chose."""
        self.chosen = self.choices[index]


def fallback(question: str, choices: dict[str, str], answer: str) -> Html:
    """The question and its choices, and the answers to unfold."""
    items = [element("li", choice) for choice in choices]
    answers = [
        element(
            "li",
            element("strong", "Right: " if choice == answer else "Wrong: "),
            explanation,
        )
        for choice, explanation in choices.items()
    ]
    return element(
        "div",
        element("p", element("strong", "Quick check. "), question),
        element("ol", *items, type="A"),
        element(
            "details",
            element("summary", "Answer"),
            element("ol", *answers, type="A"),
        ),
    )
