"""What the front page says stands on the pages it links to."""

import json
import re
from pathlib import Path

import torch

from lmbook.oracle import Oracle
from lmbook.widgets import NextWord

ROOT = Path(__file__).resolve().parents[1]
INDEX = (ROOT / "index.md").read_text(encoding="utf-8")
ROW = re.compile(
    r"\| \[[^]]+\]\(([^)#]+)#[^)]+\) \|([^|]+)\|([^|]+)\|([^|]+)\|"
)


def printed(page):
    """All text that a notebook's cells printed."""
    cells = json.loads((ROOT / page).read_text(encoding="utf-8"))["cells"]
    outputs = [o for cell in cells for o in cell.get("outputs", [])]
    return "".join("".join(o.get("text", [])) for o in outputs)


def test_every_row_of_the_table_stands_on_its_page():
    rows = ROW.findall(INDEX)
    assert len(rows) == INDEX.count("](chapters/") - 1  # one is the button
    for page, *values in rows:
        bits, per_byte, gap = (float(value) for value in values)
        found = [
            [float(cell) for cell in line.split("|")[2:-1]]
            for line in printed(page).splitlines()
            if re.fullmatch(r"\| .+ \|( +[\d.]+ \|){4}", line)
        ]
        assert [bits, per_byte, gap] in [[f[0], f[2], f[3]] for f in found]


def test_the_quoted_story_is_possible():
    oracle = Oracle()
    quote = re.search(r"^> (.+) …$", INDEX, re.MULTILINE)[1]
    ids = oracle.tokenizer.encode(quote, errors="strict")
    assert (
        oracle(torch.tensor([[oracle.tokenizer.bos_id, *ids]])).shape[0] == 1
    )


def test_the_part_on_the_front_page_is_up_to_date():
    """`make web` writes it."""
    assert INDEX.count("<!-- part: next_word -->") == 1
    written = ROOT / "_ext" / "parts" / "next_word.html"
    assert written.read_text(encoding="utf-8") == f"{NextWord().html()}\n"
