"""What every interactive part is: data, a fallback, and an ES module.

One ES module serves three places. On the book's site `loader.js` imports it
and no Python runs. With a live kernel, in JupyterLab or in Colab, anywidget
runs the same module and its questions are answered here. Everywhere else (on
GitHub, in PDF, in an untrusted notebook, with no JavaScript) the fallback is
shown. A notebook's output holds data and no script that a browser executes.

Leaves out: saved widget state, which is fragile; none is written.
"""

from __future__ import annotations

import json
import re
import sys
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from lmbook.widgets.markup import Html, element

FOLDER = Path(__file__).parent
IMPORT = re.compile(r'^import \{[^}]*\} from "\./(\w+)\.js";\n', re.M)


class Part:
    """An interactive part of a page.

    A subclass names its ES module, hands `data` (what JSON can hold) and a
    fallback to `__init__`, and answers the page's questions: `ask_logits`
    answers `ask(model, "logits", {...})`, with keywords as arguments.
    """

    module = ""

    def __init__(self, data: dict[str, Any], fallback: Html) -> None:
        if not isinstance(fallback, Html):
            raise TypeError(
                f"the fallback is {type(fallback).__name__}, whose text is "
                "not escaped; make it with lmbook.widgets.markup.element"
            )
        self.data, self.fallback = data, fallback
        self._view: Any = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    def html(self) -> Html:
        """The fallback, and the data for the loader; the same every time."""
        return element(
            "div",
            element("div", self.fallback, class_="lmbook-fallback"),
            element("script", to_json(self.data), type="application/json"),
            class_="lmbook-part",
            data_part=self.module,
        )

    def view(self) -> Any:
        """The live widget, or None where there is no kernel or anywidget."""
        if self._view is None and has_kernel():
            try:
                kind = view_class(self.module)
            except ImportError:
                return None
            self._view = kind(data=self.data)
            self._view.on_msg(self._on_message)
        return self._view

    def _repr_mimebundle_(self, **options: Any) -> Any:
        bundle = {"text/plain": repr(self)}
        # Colab is given what it is known to show: the widget alone.
        if self.view() is None or "google.colab.output" not in sys.modules:
            bundle["text/html"] = str(self.html())
        if self.view() is None:
            return bundle
        live, metadata = self.view()._repr_mimebundle_()
        return {**live, **bundle}, metadata

    def _on_message(self, view: Any, question: Any, buffers: Any) -> None:
        message, arrays = self.answer(question)
        view.send(message, arrays)

    def answer(
        self, question: dict[str, Any]
    ) -> tuple[dict[str, Any], list[bytes]]:
        """The reply to `{id, ask, given}`, and the arrays in it.

        An error is a reply too: the page shows it, as nobody else would.
        """
        buffers: list[bytes] = []
        try:
            method = getattr(self, f"ask_{question['ask']}", None)
            if method is None:
                raise ValueError(f"{self!r} answers no `{question['ask']}`")
            value = pack(method(**question.get("given", {})), buffers)
        except Exception as error:
            text = f"{type(error).__name__}: {error}"
            return {"id": question.get("id"), "error": text}, []
        return {"id": question["id"], "value": value}, buffers


def to_json(data: dict[str, Any]) -> Html:
    """JSON that can stand inside a script element."""
    text = json.dumps(
        data, ensure_ascii=False, allow_nan=False, separators=(",", ":")
    )
    return Html(text.replace("<", r"\u003c"))


def pack(value: Any, buffers: list[bytes]) -> Any:
    """Move arrays and tensors out of an answer, into `buffers`, as float32.

    `kernel.js` puts them back, as a Float32Array with a `shape`.
    """
    if isinstance(value, dict):
        return {key: pack(item, buffers) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [pack(item, buffers) for item in value]
    if isinstance(value, np.generic):
        return value.item()
    if hasattr(value, "__array__"):
        array = np.ascontiguousarray(value, dtype="<f4")
        buffers.append(array.tobytes())
        return {"array": len(buffers) - 1, "shape": list(np.shape(value))}
    return value


def has_kernel() -> bool:
    """Whether this process is a notebook's kernel."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return getattr(shell, "kernel", None) is not None


@cache
def view_class(module: str) -> type:
    """The anywidget class of a part.

    Raises ImportError where anywidget is not installed.
    """
    import anywidget
    import traitlets

    members = {
        "_esm": bundle(module),
        "_css": (FOLDER / "parts.css").read_text(encoding="utf-8"),
        "data": traitlets.Dict().tag(sync=True),
        "live": traitlets.Bool(True).tag(sync=True),
    }
    return type(f"{module}_view", (anywidget.AnyWidget,), members)


def bundle(module: str) -> str:
    """An ES module joined with the modules that it imports.

    anywidget wants one text. Only `import { a, b } from "./c.js";` is known,
    and the top-level names of all joined modules differ.
    """
    texts: dict[str, str] = {}

    def add(name: str) -> None:
        if name not in texts:
            texts[name] = ""  # holds off a circle
            text = (FOLDER / f"{name}.js").read_text(encoding="utf-8")
            for needed in IMPORT.findall(text):
                add(needed)
            del texts[name]
            texts[name] = IMPORT.sub("", text)

    add(module)
    return "\n".join(texts.values())
