"""Write the models that the site's pages run: `make web`.

Each is made from what comes with the book, in `lmbook/checkpoints/`, and goes
to `lmbook/widgets/models/`. The n-gram model is pruned until it fits. The
part on the front page, which runs no Python, goes to `_ext/parts/`.
"""

from __future__ import annotations

import sys
from pathlib import Path

from pages import ROOT

from lmbook import pretrained
from lmbook.export import export_web
from lmbook.files import write_whole
from lmbook.oracle import Oracle
from lmbook.widgets import NextWord
from lmbook.widgets.sources import page_model

FRONT_PART = ROOT / "_ext" / "parts" / "next_word.html"
FOLDER = ROOT / "lmbook" / "widgets" / "models"
NAMES = (*pretrained.NAMES, "oracle")


def path_of(name: str, folder: Path = FOLDER) -> Path:
    return folder / f"{name}.safetensors"


def write_front_part(path: Path = FRONT_PART) -> None:
    """The part of the front page, as the extension puts it in."""
    path.parent.mkdir(exist_ok=True)
    write_whole(path, f"{NextWord().html()}\n".encode())


def main() -> int:
    FOLDER.mkdir(exist_ok=True)
    tokenizer = Oracle().tokenizer
    for name in NAMES:
        export_web(page_model(name), tokenizer, path_of(name))
        print(f"{name:<12}{path_of(name).stat().st_size:>10,} bytes")
    write_front_part()
    return 0


if __name__ == "__main__":
    sys.exit(main())
