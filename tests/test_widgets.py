"""Every interactive part, as Python makes it: no browser, no kernel.

tests/site/test_parts.py has the browser, tests/site/test_jupyter.py the
kernel.
"""

import json
import re
import subprocess
import sys
import types
from functools import cache
from html.parser import HTMLParser

import numpy as np
import pytest
import torch
from packaging.specifiers import SpecifierSet

import lmbook.widgets
from lmbook.corpora import stories
from lmbook.embeddings import Embeddings
from lmbook.ngram import train_ngram
from lmbook.oracle import Oracle
from lmbook.tokenizers import encode_documents
from lmbook.widgets import (
    Attention,
    BytePair,
    CacheCells,
    GradientDescent,
    GuessingGame,
    NextWord,
    NGramTree,
    QuickCheck,
    Recurrence,
    Rotary,
    Sampling,
    StoryMicroscope,
    WordMap,
    base,
    module_name,
)
from lmbook.widgets.base import FOLDER, IMPORT, Part, bundle
from lmbook.widgets.markup import Html, element, join, table

HOSTILE = "</script><img src=x onerror=alert(1)><!--"
CHOICES = {"three": "One is missing.", "four": "Two more than two."}
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


@cache
def small_model():
    """A model of two stories, and its tokenizer."""
    tokenizer = Oracle().tokenizer
    documents = encode_documents(tokenizer, stories(2))
    return train_ngram(documents, 2, tokenizer.vocab_size), tokenizer


# Module -> a small part of it. Every module that a page can load is here.
EXAMPLES = {
    "attention": lambda: Attention(text="One windy Monday Ada found"),
    "byte_pair": lambda: BytePair("banana bandana ban"),
    "cache_cells": lambda: CacheCells(),
    "gradient_descent": lambda: GradientDescent(
        [1, 2, 4], [2, 3, 3], start=(0, 0), rate=0.1, momentum=0.5
    ),
    "recurrence": lambda: Recurrence(),
    "guessing_game": lambda: GuessingGame(*small_model(), num_words=2),
    "next_word": lambda: NextWord(*small_model(), "One windy"),
    "n_gram_tree": lambda: NGramTree(sentences=["the cat sat", "a dog ran"]),
    "sampling": lambda: Sampling(text="One windy Monday Ada"),
    "word_map": lambda: WordMap(
        Embeddings(["pear", "fig", "cat", "dog"], torch.eye(4)),
        {"fruit": ["pear", "fig"], "pets": ["cat", "dog"]},
        k=1,
    ),
    "rotary": lambda: Rotary([2, 1], [3, 1]),
    "story_microscope": lambda: StoryMicroscope(*small_model()),
    "quick_check": lambda: QuickCheck("Two and two?", CHOICES, answer="four"),
}
MODULES = sorted(
    path.stem
    for path in FOLDER.glob("*.js")
    if "export default" in path.read_text(encoding="utf-8")
)


class Reading(HTMLParser):
    """What a browser without scripts makes of a part."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.open, self.words, self.data = [], [], [], ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, text):
        if self.open[-1] == "script":
            self.data += text
        else:
            self.words.append(text)


@pytest.fixture(params=sorted(EXAMPLES))
def make(request):
    return EXAMPLES[request.param]


# --- Every part --------------------------------------------------------------


def test_every_module_has_an_example():
    assert sorted(EXAMPLES) == MODULES


def test_every_part_is_offered():
    assert sorted(map(module_name, dir(lmbook.widgets))) == MODULES


def test_output_is_the_same_every_time(make):
    assert make().html() == make().html()
    assert repr(make()) == f"{type(make()).__name__}()"


def test_output_holds_words_and_data_and_nothing_that_runs(make):
    part = make()
    reading = Reading(part.html())
    assert reading.tags[0] == (
        "div",
        {"class": "lmbook-part", "data-part": part.module},
    )
    assert len(" ".join(reading.words)) > 40
    scripts = [given for tag, given in reading.tags if tag == "script"]
    assert scripts == [{"type": "application/json"}]
    assert json.loads(reading.data) == json.loads(json.dumps(part.data))
    names = {name for _, given in reading.tags for name in given}
    assert not {name for name in names if name.startswith("on")}


def test_part_is_found_by_its_name(make):
    kind = type(make())
    assert getattr(lmbook.widgets, kind.__name__) is kind
    assert module_name(kind.__name__) == kind.module


# --- Modules -----------------------------------------------------------------

TOP_LEVEL = re.compile(
    r"^(?:export )?(?:async )?(?:const|let|class|function\*?) (\w+)", re.M
)


@pytest.mark.parametrize("module", MODULES)
def test_joined_module_stands_alone(module):
    text = bundle(module)
    names = TOP_LEVEL.findall(text)
    twice = {name for name in names if names.count(name) > 1}
    assert not twice, "two joined modules define these"
    assert text.count("export default") == 1
    assert not re.search(r"^import\b|\bimport\(|import\.meta", text, re.M)


def test_what_a_module_needs_comes_first(tmp_path, monkeypatch):
    monkeypatch.setattr(base, "FOLDER", tmp_path)
    texts = {
        "a": 'import { b } from "./b.js";\nimport {\n  c,\n  d,\n} from '
        '"./c.js";\nexport default b;\n',
        "b": 'import { c } from "./c.js";\nexport const b = c;\n',
        "c": "export const c = 1;\nexport const d = 2;\n",
    }
    for name, text in texts.items():
        (tmp_path / f"{name}.js").write_text(text)
    assert bundle("a") == (
        "export const c = 1;\nexport const d = 2;\n\n"
        "export const b = c;\n\nexport default b;\n"
    )


@pytest.mark.parametrize(
    "path", sorted(FOLDER.glob("*.js")), ids=lambda p: p.name
)
def test_imports_can_be_joined(path):
    text = path.read_text(encoding="utf-8")
    imports = re.findall(r"^import\b.*", text, re.M)
    assert len(IMPORT.findall(text)) == len(imports)
    for names in re.findall(r"^import \{([^}]*)\}", text, re.M):
        assert " as " not in names


def test_every_rule_of_style_is_ours():
    text = (FOLDER / "parts.css").read_text(encoding="utf-8")
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    rules = re.findall(r"([^{}]+)\{", text)
    foreign = [
        rule.strip()
        for rule in rules
        if ".lmbook-" not in rule and not rule.strip().startswith("@")
    ]
    assert foreign == []


# --- What a notebook gets ----------------------------------------------------


@pytest.fixture
def kernel(monkeypatch):
    """As in a notebook: a view can be made."""
    monkeypatch.setattr(base, "has_kernel", lambda: True)
    base.view_class.cache_clear()
    yield
    base.view_class.cache_clear()


def new_check():
    return EXAMPLES["quick_check"]()


def test_without_a_kernel_there_is_html():
    check = new_check()
    assert not base.has_kernel()
    assert check._repr_mimebundle_(include=None, exclude=None) == {
        "text/plain": "QuickCheck()",
        "text/html": check.html(),
    }


def test_with_a_kernel_there_is_a_view_too(kernel):
    check = new_check()
    data, metadata = check._repr_mimebundle_()
    assert set(data) == {"text/plain", "text/html", WIDGET_VIEW}
    assert data["text/plain"] == "QuickCheck()"
    assert data[WIDGET_VIEW]["model_id"] == check.view().model_id
    assert check.view().get_state("data")["data"] == check.data
    assert check.view().live
    assert metadata == {}


def test_without_anywidget_there_is_html(kernel, monkeypatch):
    monkeypatch.setitem(sys.modules, "anywidget", None)
    check = new_check()
    assert set(check._repr_mimebundle_()) == {"text/plain", "text/html"}


def test_colab_gets_the_view_alone(kernel, monkeypatch):
    address = "https://example.org/manager.js"
    colab = types.SimpleNamespace(
        enable_custom_widget_manager=lambda: None,
        _widgets=types.SimpleNamespace(_installed_url=address),
    )
    monkeypatch.setitem(sys.modules, "google.colab.output", colab)
    data, metadata = new_check()._repr_mimebundle_()
    assert set(data) == {"text/plain", WIDGET_VIEW}
    manager = metadata[WIDGET_VIEW]["colab"]["custom_widget_manager"]
    assert manager == {"url": address}


def test_colab_keeps_the_packages_it_has():
    project = (FOLDER.parents[1] / "pyproject.toml").read_text()
    installed = {"ipywidgets": "7.7.1", "anywidget": "0.9.21"}
    for name, version in installed.items():
        (needed,) = re.findall(rf'"{name}\b(.*?)"', project)
        assert version in SpecifierSet(needed)


@pytest.mark.parametrize("module", ["widgets", "widgets.quick_check"])
def test_a_part_loads_no_more_than_it_needs(module):
    code = (
        f"import sys, lmbook.{module}; "
        "print({'torch', 'anywidget', 'matplotlib'} & set(sys.modules))"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stdout == "set()\n", done.stderr


# --- Questions to Python -----------------------------------------------------


class Sums(QuickCheck):
    """Answers questions about numbers."""

    def ask_sum(self, first, second):
        return first + second

    def ask_arrays(self):
        grid = torch.arange(6).reshape(2, 3)
        return {"grid": grid, "list": [np.float64(0.5), (1, "a"), None]}


def ask(name, **given):
    part = Sums("Q", CHOICES, answer="four")
    return part.answer({"id": "x", "ask": name, "given": given})


def test_a_question_is_answered():
    assert ask("sum", first=2, second=3) == ({"id": "x", "value": 5}, [])


def test_arrays_travel_beside_the_answer():
    message, arrays = ask("arrays")
    assert message["value"] == {
        "grid": {"array": 0, "shape": [2, 3]},
        "list": [0.5, [1, "a"], None],
    }
    assert np.frombuffer(arrays[0], "<f4").tolist() == [0, 1, 2, 3, 4, 5]
    json.dumps(message)


@pytest.mark.parametrize(
    ("name", "given", "error"),
    [
        ("nothing", {}, "ValueError: Sums() answers no `nothing`"),
        ("sum", {"first": 1}, "TypeError: "),
        ("sum", {"first": 1, "second": "a"}, "TypeError: "),
    ],
)
def test_an_error_is_an_answer(name, given, error):
    message, arrays = ask(name, **given)
    assert message["error"].startswith(error)
    assert (message["id"], arrays) == ("x", [])


def test_a_message_of_the_page_is_answered(kernel, monkeypatch):
    check, sent = new_check(), []
    monkeypatch.setattr(
        type(check.view()), "send", lambda view, *reply: sent.append(reply)
    )
    question = {"id": "x", "ask": "chosen", "given": {"index": 1}}
    check.view()._handle_custom_msg(question, [])
    assert check.chosen == "four"
    assert sent == [({"id": "x", "value": None}, [])]


# --- Markup ------------------------------------------------------------------


def test_texts_are_escaped_and_elements_are_not():
    shown = element("p", "a < b & c ", element("em", '"'), class_="x")
    assert shown == '<p class="x">a &lt; b &amp; c <em>&quot;</em></p>'
    assert join(["<", element("b", 3)]) == "&lt;<b>3</b>"


def test_attributes():
    shown = element("p", hidden=True, title='"<', data_part=1, id=None)
    assert shown == '<p hidden title="&quot;&lt;" data-part="1"></p>'
    assert element("p", open=False) == "<p></p>"


def test_table():
    assert table(["a", "<"], [["x", 1]], caption="&") == (
        "<table><caption>&amp;</caption>"
        '<thead><tr><th scope="col">a</th><th scope="col">&lt;</th></tr>'
        '</thead><tbody><tr><th scope="row">x</th><td>1</td></tr></tbody>'
        "</table>"
    )


def test_a_fallback_that_is_not_escaped_is_refused():
    with pytest.raises(TypeError, match=r"str, whose text is not escaped; "):
        Part({}, "<p>")


def test_data_that_no_browser_reads_is_refused():
    part = Part({"share": float("nan")}, Html(""))
    with pytest.raises(ValueError, match="not JSON compliant"):
        part.html()


@pytest.mark.parametrize(
    ("name", "module"),
    [
        ("QuickCheck", "quick_check"),
        ("KVCache", "kv_cache"),
        ("BytePair", "byte_pair"),
        ("NextWord", "next_word"),
    ],
)
def test_name_of_a_part(name, module):
    assert module_name(name) == module


def test_no_such_part():
    message = r"module 'lmbook\.widgets' has no part 'Nothing'"
    with pytest.raises(AttributeError, match=message):
        lmbook.widgets.Nothing  # noqa: B018


# --- Quick check -------------------------------------------------------------


def test_hostile_text_stays_text():
    check = QuickCheck(
        f"Q {HOSTILE}",
        {f"A {HOSTILE}": f"No {HOSTILE}", "B": f"Yes {HOSTILE}"},
        answer="B",
    )
    reading = Reading(check.html())
    assert {tag for tag, _ in reading.tags} == set(
        "div p strong ol li details summary script".split()
    )
    assert f"A {HOSTILE}" in reading.words
    assert json.loads(reading.data)["question"] == f"Q {HOSTILE}"


def test_quick_check_explains_without_scripts():
    words = " ".join(Reading(new_check().html()).words)
    for text in ("Two and two?", "three", "four", *CHOICES.values()):
        assert text in words
    assert words.index("Wrong: ") < words.index("Right: ")


@pytest.mark.parametrize(
    ("choices", "answer", "message"),
    [
        ({"a": "No."}, "a", r"has 1 choices; give two or more"),
        (CHOICES, "five", r"'five' is none of \['three', 'four'\]; repeat"),
        ({"a": "No.", "b": " "}, "a", r"'b' has no explanation; say why"),
    ],
)
def test_quick_check_refuses(choices, answer, message):
    with pytest.raises(ValueError, match=message):
        QuickCheck("Q", choices, answer=answer)
