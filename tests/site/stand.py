"""A page with interactive parts alone: no Sphinx, no notebook, no kernel.

`write_stand` makes it of the package's own modules and the site's loader.
`run_live` runs a part as anywidget does in a notebook, where Python answers.
"""

import base64
import json
import shutil
from pathlib import Path

from served import ROOT

PAGE = """<!DOCTYPE html>
<html lang="en" data-theme="{theme}">
<head><meta charset="utf-8"><title>Parts</title>
<meta name="viewport" content="width=device-width">
<link rel="icon" href="data:,">
<link rel="stylesheet" href="parts/parts.css">
<style>
body {{ background: #fdfcfa; color: #21252b; margin: 1rem; }}
[data-theme="dark"] body {{ background: #15181c; color: #d9dde3; }}
</style>
<script type="module" src="parts/loader.js"></script></head>
<body><main><h1>Parts</h1>{parts}</main></body></html>
"""

BRIDGE = """(state) => {
  const listeners = new Set();
  const toView = (part) =>
    new DataView(Uint8Array.from(atob(part), (c) => c.charCodeAt(0)).buffer);
  globalThis.liveModel = {
    get: (key) => state[key],
    on: (name, listener) => listeners.add(listener),
    off: (name, listener) => listeners.delete(listener),
    async send(question) {
      const [message, arrays] = await askPython(question);
      const views = arrays.map(toView);
      [...listeners].forEach((listener) => listener(message, views));
    },
  };
}"""

RENDER = """async (text) => {
  const blob = new Blob([text], { type: "text/javascript" });
  const module = await import(URL.createObjectURL(blob));
  const el = document.querySelector("main");
  await module.default.render({ model: liveModel, el });
}"""


def write_stand(folder: Path, *parts, theme="light"):
    """Write `index.html` with the parts, and what they load."""
    widgets = ROOT / "lmbook" / "widgets"
    ignore = shutil.ignore_patterns("*.py", "__pycache__")
    shutil.copytree(
        widgets, folder / "parts", ignore=ignore, dirs_exist_ok=True
    )
    shown = "".join(part.html() for part in parts)
    text = PAGE.format(theme=theme, parts=shown)
    (folder / "index.html").write_text(text, encoding="utf-8")


def connect(page, part):
    """Make `liveModel` in an open page: its questions go to the part."""

    def answer(question):
        message, arrays = part.answer(question)
        encoded = [base64.b64encode(array).decode() for array in arrays]
        return [json.loads(json.dumps(message)), encoded]

    page.expose_function("askPython", answer)
    page.evaluate(BRIDGE, {"data": part.data, "live": True})


def run_live(page, part):
    """Render a part in an open page; its questions go to Python."""
    from lmbook.widgets.base import bundle

    connect(page, part)
    page.evaluate(RENDER, bundle(part.module))


def wait_until_ready(page):
    """Bring every part into view; none may have failed."""
    for part in page.locator(".lmbook-part").all():
        part.scroll_into_view_if_needed()
    page.wait_for_function(
        "[...document.querySelectorAll('.lmbook-part')]"
        ".every(part => part.dataset.state)"
    )
    for part in page.locator(".lmbook-part").all():
        assert part.get_attribute("data-state") == "ready", part.inner_text()


def access_problems(reader):
    """What axe finds in the parts, in both themes."""
    for theme in ("light", "dark"):
        reader.page.evaluate(
            "(theme) => { document.documentElement.dataset.theme = theme; }",
            theme,
        )
        for problem in reader.access_problems(".lmbook-live"):
            yield f"{theme}: {problem}"
