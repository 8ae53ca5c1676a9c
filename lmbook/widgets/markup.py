"""HTML from Python: every text is escaped, unless it is HTML already.

Leaves out: parsing, and elements without an end tag.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape


class Html(str):
    """Text that is HTML already, so that it is not escaped again."""

    __slots__ = ()


def element(tag: str, *children: object, **attributes: object) -> Html:
    """An element: `element("p", "a < b", class_="note")`.

    Attributes drop a last underscore, and others become hyphens. None and
    False leave an attribute out, True writes its name alone.
    """
    written = [tag]
    for key, value in attributes.items():
        name = key.rstrip("_").replace("_", "-")
        if value is True:
            written.append(name)
        elif value is not None and value is not False:
            written.append(f'{name}="{escape(str(value))}"')
    return Html(f"<{' '.join(written)}>{join(children)}</{tag}>")


def join(children: Iterable[object]) -> Html:
    """Texts and elements, one after the other."""
    return Html(
        "".join(
            child if isinstance(child, Html) else escape(str(child))
            for child in children
        )
    )


def table(
    header: Sequence[object],
    rows: Iterable[Sequence[object]],
    caption: str | None = None,
) -> Html:
    """A table; the first cell of each row heads it."""
    top = [element("th", cell, scope="col") for cell in header]
    body = [
        element(
            "tr",
            element("th", row[0], scope="row"),
            *(element("td", cell) for cell in row[1:]),
        )
        for row in rows
    ]
    parts = [element("thead", element("tr", *top)), element("tbody", *body)]
    if caption is not None:
        parts.insert(0, element("caption", caption))
    return element("table", *parts)
