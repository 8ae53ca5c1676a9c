"""The models in the page compute what PyTorch does.

One window of Chromium reads the files that `lmbook.export_web` writes: those
that come with the book, and small random models of every variant. PyTorch
computes in double precision with the same float16 weights, as JavaScript's
sums do; its float32 is off by up to 6e-5 on the book's LSTM.
"""

import base64
import json
import os
import random
import shutil
import sys
import time
import unicodedata

import numpy as np
import pytest
import torch
import web
from served import ROOT, serving

from lmbook import export_web
from lmbook.bpe import BytePairTokenizer, split_pieces
from lmbook.corpora import storyworld
from lmbook.ngram import train_ngram
from lmbook.oracle import Oracle
from lmbook.rnn import RNNConfig, RNNLanguageModel
from lmbook.smoothing import (
    absolute_discounting,
    add_k,
    jelinek_mercer,
    kneser_ney,
    maximum_likelihood,
    modified_kneser_ney,
    witten_bell,
)
from lmbook.tokenizers import (
    ByteTokenizer,
    CharacterTokenizer,
    WordTokenizer,
    split_words,
)
from lmbook.transformer import Transformer, TransformerConfig

WIDGETS = ROOT / "lmbook" / "widgets"
VOCAB_SIZE = 53
SMOOTHINGS = (
    absolute_discounting,
    add_k,
    jelinek_mercer,
    kneser_ney,
    maximum_likelihood,
    modified_kneser_ney,
    witten_bell,
)
TOLERANCE = {"rtol": 0.0, "atol": 1e-4}

# --- A page, and what is asked of it -----------------------------------------

PAGE = """<!DOCTYPE html><html lang="en"><title>Models</title>
<link rel="icon" href="data:,"><script type="module">
window.models = await import("./widgets/models.js");
window.cut = await import("./widgets/tokenizer.js");
window.toBase64 = (array) => {
  const bytes = new Uint8Array(array.buffer);
  let text = "";
  for (let i = 0; i < bytes.length; i += 8192) {
    text += String.fromCharCode(...bytes.subarray(i, i + 8192));
  }
  return btoa(text);
};
window.stepThrough = (model, ids, inside = false) => {
  const results = [];
  let state = model.start();
  for (const id of ids) {
    results.push(model.step(state, id, inside));
    state = results.at(-1).state;
  }
  return results;
};
window.joined = (arrays) => {
  const whole = new Float32Array(arrays.length * arrays[0].length);
  arrays.forEach((array, i) => whole.set(array, i * array.length));
  return toBase64(whole);
};
document.title = "ready";
</script></html>"""


class Window:
    """The page, its address, and the folder that is served."""

    def __init__(self, page, origin, folder):
        self.page, self.origin, self.folder = page, origin, folder
        self.problems = []
        note = self.problems.append
        page.on("pageerror", lambda error: note(str(error)))
        page.on("console", lambda message: note(message.text))

    def export(self, name, model, tokenizer):
        export_web(model, tokenizer, self.folder / f"{name}.safetensors")

    def ask(self, name, script, **given):
        """Run a function of a model and what is given."""
        given = {"url": f"{self.origin}{name}.safetensors", **given}
        return self.page.evaluate(
            f"""async (given) => {{
              const model = await models.loadModel(given.url);
              return ({script})(model, given);
            }}""",
            given,
        )

    def logits(self, name, rows):
        """(T, V) float32 for each row of token ids."""
        texts = self.ask(
            name,
            """(model, { rows }) => rows.map((ids) =>
              joined(stepThrough(model, ids).map((r) => r.logits)))""",
            rows=rows,
        )
        return [
            torch.from_numpy(array(text).reshape(len(row), -1))
            for text, row in zip(texts, rows, strict=True)
        ]


def array(text):
    """The Float32Array that came as text."""
    return np.frombuffer(base64.b64decode(text), "<f4").copy()


@pytest.fixture(scope="module")
def window(browser, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    shutil.copytree(WIDGETS, folder / "widgets")
    (folder / "index.html").write_text(PAGE, encoding="utf-8")
    with serving(folder) as origin, browser.new_context() as context:
        window = Window(context.new_page(), origin, folder)
        window.page.goto(origin)
        window.page.wait_for_function("document.title === 'ready'")
        yield window
        assert window.problems == []


# --- Models ------------------------------------------------------------------


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


@pytest.fixture(scope="module")
def tokenizer():
    return WordTokenizer(f"w{i}" for i in range(VOCAB_SIZE - 3))


@pytest.fixture(scope="module")
def oracle():
    return Oracle()


@pytest.fixture(scope="module")
def stories(oracle):
    """As documents."""
    texts = storyworld(70).train[:50]
    bos, eos = [oracle.tokenizer.bos_id], [oracle.tokenizer.eos_id]
    return [bos + oracle.tokenizer.encode(text) + eos for text in texts]


def random_rows(vocab_size, generator, lengths):
    """Rows of token ids; each beginning of one is a random prefix."""
    return [
        torch.randint(vocab_size, (n,), generator=generator).tolist()
        for n in lengths
    ]


def roughened(model, generator):
    """With random numbers in all weights, zeros and ones among them too.

    Small ones: a larger state would be chaotic, and no rounding alike.
    """
    with torch.no_grad():
        for parameter in model.parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            parameter += 0.1 * noise
    return model


def expected_logits(model, rows):
    """Of a network as it is exported, in double precision."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(parameter.half())
        model.double().eval()
        return [model(torch.tensor([row]))[0].float() for row in rows]


def assert_close(found, expected, **tolerance):
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs, **tolerance)


NETWORKS = {
    "elman": {"cell": "elman", "num_layers": 2, "scale_embedding": False},
    "lstm": {"cell": "lstm", "num_layers": 2},
    "gru": {"cell": "gru"},
    "gru_deep": {"cell": "gru", "num_layers": 3},
    "tied": {"cell": "elman", "d_model": 31, "tie_embeddings": True},
}


@pytest.mark.parametrize("name", NETWORKS)
def test_recurrent_networks(window, tokenizer, generator, name):
    sizes = {"d_model": 18, "d_hidden": 31} | NETWORKS[name]
    config = RNNConfig(vocab_size=VOCAB_SIZE, **sizes)
    model = roughened(RNNLanguageModel(config, generator), generator)
    window.export(name, model, tokenizer)
    rows = random_rows(VOCAB_SIZE, generator, [1, 2, 40, 60, 97])
    expected = expected_logits(model, rows)
    assert_close(window.logits(name, rows), expected, **TOLERANCE)


TRANSFORMERS = {
    "plain": {},
    "grouped": {"num_heads": 6, "num_kv_heads": 2, "d_ff": 41},
    "one_kv_head": {"num_heads": 3, "num_kv_heads": 1, "num_layers": 1},
    "untied": {"tie_embeddings": False, "scale_embedding": False},
    "settings": {"rotary_base": 55.0, "norm_eps": 0.25},
}


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_transformers(window, tokenizer, generator, name):
    sizes = {"d_model": 36, "num_layers": 2, "num_heads": 2}
    config = TransformerConfig(
        vocab_size=VOCAB_SIZE,
        context_length=97,
        **sizes | TRANSFORMERS[name],
    )
    model = roughened(Transformer(config, generator), generator)
    window.export(name, model, tokenizer)
    rows = random_rows(VOCAB_SIZE, generator, [1, 2, 40, 60, 97])
    expected = expected_logits(model, rows)
    assert_close(window.logits(name, rows), expected, **TOLERANCE)


@pytest.mark.parametrize("order", [1, 3])
@pytest.mark.parametrize("smoothing", SMOOTHINGS, ids=lambda f: f.__name__)
def test_ngram_models(window, tokenizer, generator, smoothing, order):
    """Also after contexts that were not seen, and with <s> inside."""
    texts = random_rows(VOCAB_SIZE // 4, generator, range(2, 41))
    texts = [[i for i in text if i != 1] for text in texts]
    documents = [torch.tensor([1, *text, 2]) for text in texts]
    model = train_ngram(documents, order, VOCAB_SIZE, smoothing)
    name = f"{smoothing.__name__}_{order}"
    window.export(name, model, tokenizer)
    rows = random_rows(VOCAB_SIZE // 3, generator, [1, 2, 40, 60, 97])
    rows.append([1, *texts[-1]])
    expected = [model(torch.tensor([row]))[0] for row in rows]
    assert_close(window.logits(name, rows), expected, **TOLERANCE)
    for context, token_id in ((rows[-1], 2), (rows[0], 50), ([1, 49], 1)):
        lines = window.ask(
            name,
            """(model, { ids, id }) => {
              const { state } = stepThrough(model, ids).at(-1);
              return model.explain(state, id).map((line) =>
                [line.order, line.count, line.contextCount, line.alpha,
                 line.gamma, line.p]);
            }""",
            ids=context,
            id=token_id,
        )
        explained = model.explain(context, token_id)
        np.testing.assert_allclose(
            lines[: len(explained)], explained, rtol=1e-6
        )


@pytest.mark.parametrize("name", web.pretrained.NAMES)
def test_the_models_of_the_book(window, stories, generator, name):
    """On stories, on stories with random words in them, on random words."""
    model, vocab_size = web.page_model(name), Oracle().vocab_size
    mixed = torch.tensor(stories[1])
    places = torch.rand(len(mixed), generator=generator) < 0.1
    noise = torch.randint(vocab_size, mixed.shape, generator=generator)
    rows = [stories[0], torch.where(places, noise, mixed).tolist()]
    rows += random_rows(vocab_size, generator, [3, 40])
    assert sum(map(len, rows)) > 200
    if isinstance(model, torch.nn.Module):
        expected = expected_logits(model, rows)
    else:
        expected = [model(torch.tensor([row]))[0] for row in rows]
    found = window.logits(f"widgets/models/{name}", rows)
    assert_close(found, expected, **TOLERANCE)


def test_the_oracle(window, oracle, stories):
    """On every prefix of 50 stories; also what it takes to know a word."""
    name = "widgets/models/oracle"
    found = window.logits(name, stories)
    expected = [oracle(torch.tensor([row]))[0].float() for row in stories]
    assert_close(found, expected, rtol=1e-6, atol=0.0)
    kinds = window.ask(
        name,
        """(model, { rows }) => rows.map((ids) => stepThrough(model, ids)
          .slice(0, -1)
          .map(({ state }, i) => model.next(state).get(ids[i + 1]).kind))""",
        rows=stories,
    )
    assert kinds == [oracle.kinds(row) for row in stories]
    worlds = window.ask(
        name,
        """(model, { rows }) => rows.map((ids) =>
          model.world(stepThrough(model, ids).at(-1).state))""",
        rows=stories,
    )
    assert worlds == [oracle.world(row) for row in stories]


def test_what_storyworld_does_not_allow(window, oracle):
    message = window.ask(
        "widgets/models/oracle",
        """(model) => {
          const { state } = model.step(model.start(), model.bosId);
          try { model.step(state, model.encode("Ada")[0]); }
          catch (error) { return error.message; }
        }""",
    )
    with pytest.raises(ValueError) as caught:
        oracle(torch.tensor([[1, oracle.tokenizer.id("Ada")]]))
    what = str(caught.value).partition(": ")[2].replace("'Ada'", "“Ada”", 1)
    assert message == what


# --- States ------------------------------------------------------------------


@pytest.mark.parametrize("name", [*web.pretrained.NAMES, "oracle"])
def test_an_older_state_can_be_continued_anew(window, stories, name):
    """Two stories part, and each goes on as if it had been read alone."""
    one = stories[0]
    at = next(
        i
        for i, row in enumerate(zip(*stories, strict=False))
        if len(set(row)) > 1
    )
    other = next(row for row in stories if row[at] != one[at])
    same = window.ask(
        f"widgets/models/{name}",
        """(model, { one, other, at }) => {
          const alone = [one, other].map((ids) => stepThrough(model, ids));
          const stem = stepThrough(model, one.slice(0, at)).at(-1).state;
          const states = [stem, stem, stem];
          let same = true;
          for (let i = at; i < at + 60; i++) {
            [one, other, one].forEach((ids, n) => {
              const { state, logits } = model.step(states[n], ids[i]);
              states[n] = state;
              const expected = alone[n % 2][i].logits;
              same &&= logits.every((x, v) => x === expected[v]);
            });
          }
          return same;
        }""",
        one=one,
        other=other,
        at=at,
    )
    assert same


def test_texts_that_grow_and_change_are_read_as_anew(window, stories):
    """By TextReader; two readings at a time do not disturb each other."""
    one, other = stories[0], stories[1]
    texts = [one[:90], one[:91], one[:50], other, one[:70], one + other]
    pairs = window.ask(
        "widgets/models/transformer",
        """async (model, { texts }) => {
          const reader = new models.TextReader(model);
          const found = [];
          for (const ids of texts) found.push(await reader.logits(ids));
          const both = texts.slice(0, 4).map((ids) => reader.logits(ids));
          found.push(...await Promise.all(both));
          return [...texts, ...texts.slice(0, 4)].map((ids, i) => {
            const window = ids.slice(-model.contextLength);
            const expected = stepThrough(model, window).at(-1).logits;
            return found[i].every((x, v) => x === expected[v]);
          });
        }""",
        texts=texts,
    )
    assert pairs == [True] * 10


def test_what_was_read_is_not_read_again(window, stories):
    story = stories[0]
    num_steps = window.ask(
        "widgets/models/elman",
        """async (model, { texts }) => {
          let count = 0;
          const step = (...given) => (count++, model.step(...given));
          const counted = { contextLength: null, start: () => model.start() };
          const reader = new models.TextReader({ ...counted, step });
          const counts = [];
          for (const ids of texts) {
            await reader.read(ids);
            counts.push(count);
            count = 0;
          }
          return counts;
        }""",
        texts=[story[:40], story[:41], story[:30], [*story[:20], 7, 7]],
    )
    assert num_steps == [40, 1, 0, 2]


def test_a_text_beyond_the_context_is_refused(window):
    message = window.ask(
        "widgets/models/transformer",
        """(model) => {
          const ids = Array(model.contextLength + 1).fill(5);
          try { stepThrough(model, ids); }
          catch (error) { return error.message; }
        }""",
    )
    assert message.startswith("a text of 193 tokens is longer than context_le")


def test_attention_is_that_of_the_layers(window, tokenizer, generator):
    config = TransformerConfig(
        vocab_size=VOCAB_SIZE,
        context_length=17,
        d_model=36,
        num_heads=6,
        num_kv_heads=2,
        num_layers=2,
    )
    model = roughened(Transformer(config, generator), generator)
    window.export("attention", model, tokenizer)
    (row,) = random_rows(VOCAB_SIZE, generator, [13])
    found = window.ask(
        "attention",
        """(model, { row }) => stepThrough(model, row, true).map((result) =>
          result.attention.map((heads) => heads.map((h) => [...h])))""",
        row=row,
    )
    expected_logits(model, [row])  # rounds the weights, in double precision
    with torch.no_grad():
        hidden, rotation = model.positions(
            model.embed(torch.tensor([row])), slice(len(row))
        )
        for n, block in enumerate(model.blocks):
            normed = block.attention_norm(hidden)
            shares = block.attention.weights(normed, rotation)[0]
            for t in range(len(row)):
                ours = torch.tensor(found[t][n], dtype=torch.float64)
                torch.testing.assert_close(
                    ours, shares[:, t, : t + 1], **TOLERANCE
                )
            hidden = block(hidden, rotation)


# --- Tokenizers --------------------------------------------------------------

TEXTS = [
    "",
    " ",
    "One windy Monday Ada found a red kite in the attic .",
    "“Look,” said Ada: don't – well-known, O’Neill’s 'tis rock'n'roll.",
    "</script><img src=x onerror=alert(1)> <s> </s> <unk> &amp;",
    "3.14 1,000.5 1.2.3 .5 5. 1,,2 7up 2nd x2 ٣٫٥ ½ ² Ⅷ 一二",
    "naïve café e\u0301 ﬁ ß ẞ İ ı ǅ ʼn \u00ad soft\u00adhyphen",
    "日本語のテキスト。한국어 ไทย हिन्दी עברית العربية",
    "👩‍👩‍👧‍👦 🇩🇪 🏳️‍🌈 😀😀 \U0001f9ff",
    "tab\tnew\nline\r\nvt\x0bff\x0cfs\x1cgs\x1drs\x1eus\x1f nel\x85 nbsp\xa0",
    "\ufeffbom zero\u200bwidth \u2028 line \u2029 para \u3000 ideo \u180e",
    "  two  spaces   at the   end   ",
    "it's IT'S we'll they're I'd 'll '' ' s'",
    "__init__ snake_case _ __ a_b1",
    "__proto__ constructor toString hasOwnProperty",
    "\x00null \x7fdel \x1bescape \ufffd \uffff \U0010ffff",
    "“ ‘ ( [ . , ! ? ; : ” ’ ) ] “a” (b) [c] ‘d’ a ’ b",
    "a" * 300 + " " * 50 + "b" * 7,
    "".join(random.Random(0).choices("abc", k=500)),  # merges overlap
]


@pytest.fixture(scope="module")
def tokenizers():
    words = [w for text in TEXTS for w in split_words(text)]
    kept = list(dict.fromkeys(words))[::2]
    pieces = [*TEXTS, *storyworld(30).train[:20]]
    merges = BytePairTokenizer.train(pieces, 200).merges
    return {
        "words": WordTokenizer(kept),
        "characters": CharacterTokenizer(sorted(set("".join(TEXTS)))[::2]),
        "bytes": ByteTokenizer(),
        "byte_pair": BytePairTokenizer(merges),
        "one_special": BytePairTokenizer(merges[:150], ["<|end|>"]),
        "three_special": BytePairTokenizer([], ["<s>", "</s>", "<pad>"]),
    }


@pytest.mark.parametrize(
    "name",
    [
        "words",
        "characters",
        "bytes",
        "byte_pair",
        "one_special",
        "three_special",
    ],
)
def test_tokenizers(window, tokenizers, generator, name):
    tokenizer = tokenizers[name]
    config = RNNConfig(
        vocab_size=tokenizer.vocab_size, d_model=2, d_hidden=2, cell="elman"
    )
    window.export(name, RNNLanguageModel(config, generator), tokenizer)
    rows = random_rows(tokenizer.vocab_size, generator, [0, 1, 50, 50, 500])
    texts = [*TEXTS, "".join(TEXTS), " ".join(reversed(TEXTS))]
    rows += [tokenizer.encode(text) for text in texts]
    encoded, decoded, ids = window.ask(
        name,
        """(model, { texts, rows }) => [
          texts.map((text) => model.encode(text)),
          rows.map((ids) => model.decode(ids)),
          [model.bosId, model.eosId, model.vocabSize]]""",
        texts=texts,
        rows=rows,
    )
    assert encoded == [tokenizer.encode(text) for text in texts]
    assert decoded == [tokenizer.decode(row) for row in rows]
    assert ids == [tokenizer.bos_id, tokenizer.eos_id, tokenizer.vocab_size]


def is_one_of_many(character):
    """Of a long run of signs that are all alike, or for private use."""
    name = unicodedata.name(character, "")
    many = ("CJK ", "HANGUL SYLLABLE", "TANGUT", "EGYPTIAN", "CUNEIFORM")
    return name.startswith(many) or unicodedata.category(character) == "Co"


def test_every_character_is_cut_as_in_python(window):
    """Of all that this Python's Unicode knows, long runs by a sample."""
    known = [
        c
        for c in map(chr, range(sys.maxunicode + 1))
        if unicodedata.category(c) not in ("Cn", "Cs")
    ]
    many = list(filter(is_one_of_many, known))
    few = sorted(set(known) - set(many)) + many[::997]
    texts = [f"a{c}1{c} {c}'{c}  {c} " for c in few]
    found = window.page.evaluate(
        """(texts) => JSON.stringify(JSON.parse(texts).map((text) =>
          [cut.splitWords(text), cut.splitPieces(text)]))""",
        json.dumps(texts),  # Playwright's own way takes seconds
    )
    wrong = [
        text
        for text, both in zip(texts, json.loads(found), strict=True)
        if both != [split_words(text), split_pieces(text)]
    ]
    assert wrong == []
    assert len(few) > 20_000


def test_the_tokens_that_are_no_text_are_shown_as_bytes(window, generator):
    config = RNNConfig(vocab_size=258, d_model=2, d_hidden=2, cell="elman")
    model = RNNLanguageModel(config, generator)
    window.export("shown", model, ByteTokenizer())
    shown = window.ask("shown", "(model) => model.vocabulary")
    assert shown[65] == "A" and shown[0xE2] == "\\xe2"
    assert shown[256:] == ["<s>", "</s>"]


# --- Files and speed ---------------------------------------------------------


def test_a_file_that_failed_is_asked_for_again(window, tokenizer):
    """Absent at first, then something else, then a model."""
    script = """async (url) => {
      try { return (await models.loadModel(url)).kind; }
      catch (error) { return error.message; }
    }"""
    url, path = f"{window.origin}late.json", window.folder / "late.json"
    message = window.page.evaluate(script, url)
    assert message == "late.json could not be fetched (404)."
    assert "404" in window.problems.pop()  # the browser tells of it
    path.write_bytes((8).to_bytes(8, "little") + b"{}      ")
    message = window.page.evaluate(script, url)
    assert message == "this file was not written by lmbook.export_web"
    config = RNNConfig(vocab_size=VOCAB_SIZE, d_model=2, d_hidden=2)
    model = RNNLanguageModel(config, torch.Generator().manual_seed(0))
    export_web(model, tokenizer, path)
    later = time.time() + 3600
    os.utime(path, (later, later))  # or the browser keeps what it had
    assert window.page.evaluate(script, url) == "recurrent"


def task_milliseconds(window, script, given=None):
    """Of the page's tasks, longest last: processor time, so that it does not
    matter what else this machine does."""
    browser = window.page.context.browser
    timeline = "disabled-by-default-devtools.timeline"
    browser.start_tracing(page=window.page, categories=[timeline])
    window.page.evaluate(script, given)
    window.page.evaluate("new Promise((resolve) => setTimeout(resolve, 50))")
    events = json.loads(browser.stop_tracing())["traceEvents"]
    return sorted(
        event["tdur"] / 1000
        for event in events
        if event["name"] == "RunTask" and "tdur" in event
    )


def test_loading_and_reading_leave_the_page_free(window, stories):
    """No task of 50 ms or more while all models load and read a story."""
    *_, longest = task_milliseconds(
        window,
        """async ({ urls, story }) => {
          for (const url of urls) {
            const model = await models.loadModel(`${url}?anew`);
            await new models.TextReader(model).read(story);
          }
        }""",
        {
            "urls": [
                f"{window.origin}widgets/models/{name}.safetensors"
                for name in web.NAMES
            ],
            "story": stories[0],
        },
    )
    print(f"the longest task took {longest:.0f} ms")
    assert 1 < longest < 50


def test_long_tasks_are_seen(window, stories):
    """Nine times 60 words in one go, without a pause."""
    *_, longest = task_milliseconds(
        window,
        """async ({ url, story }) => {
          const model = await models.loadModel(url);
          for (let i = 0; i < 9; i++) stepThrough(model, story.slice(0, 60));
        }""",
        {
            "url": f"{window.origin}widgets/models/lstm.safetensors",
            "story": stories[0],
        },
    )
    assert longest > 50


def test_the_transformer_writes_a_hundred_words_a_second(window):
    """In truth several hundred, all in one task."""
    *_, longest = task_milliseconds(
        window,
        """async (url) => {
          const model = await models.loadModel(url);
          await new Promise((resolve) => setTimeout(resolve));
          let { state, logits } = model.step(model.start(), model.bosId);
          for (let i = 1; i < 150; i++) {
            const best = logits.indexOf(Math.max(...logits));
            ({ state, logits } = model.step(state, best));
          }
        }""",
        f"{window.origin}widgets/models/transformer.safetensors",
    )
    rate = 150 / longest * 1000
    print(f"{rate:.0f} words a second")
    assert 100 <= rate < 10_000
