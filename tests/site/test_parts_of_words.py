"""Parts about words, in a browser: n-gram tree, word map, sampling."""

from functools import partial

import numpy as np
import pytest
import torch
from reader import SMALLEST
from stand import access_problems, run_live, wait_until_ready

from lmbook.counting import count_ngrams
from lmbook.embeddings import Embeddings, project
from lmbook.ngram import smooth, train_ngram
from lmbook.sampling import apply_temperature, keep_top_k
from lmbook.smoothing import Smoothed, kneser_ney
from lmbook.tokenizers import WordTokenizer, encode_documents
from lmbook.widgets import NGramTree, Sampling, WordMap
from lmbook.widgets.n_gram_tree import count_heard
from lmbook.widgets.sampling import after, judged
from lmbook.widgets.sources import shipped

HEARD = ["the cat sat", "the cat ran", "the cat sat", "a dog ran"]
HOSTILE = "</script><img src=x onerror=alert(1)>"
HOSTILE_WORD = HOSTILE.replace(" ", "/")  # one token


class BySpaces(WordTokenizer):
    """Anything without a space is a token."""

    split = staticmethod(str.split)
    join = staticmethod(" ".join)


# --- N-gram tree -------------------------------------------------------------


def plain_places(ngrams):
    """Single words by the number of words in front, nothing taken off."""
    return Smoothed(ngrams.adjusted / ngrams.adjusted.sum(), np.zeros(1))


def places_model(sentences, order, discount):
    """Kneser-Ney of the package, but for the plain shares of single words."""
    tokenizer = WordTokenizer.train(sentences)
    documents = encode_documents(tokenizer, sentences)
    counts = count_ngrams(documents, order, tokenizer.vocab_size)
    others = [partial(kneser_ney, discount=discount)] * (order - 1)
    return smooth(counts, [plain_places, *others]), tokenizer


def test_tree_counts_as_python_does(stand):
    reader = stand(NGramTree(sentences=HEARD, word="sat"))
    page = reader.page
    wait_until_ready(page)
    said = page.locator(".said")
    said.get_by_text("p(sat | cat) = 0.500 + 0.042 = 0.542.").wait_for()

    page.get_by_label("taken off each count").fill("0.8")
    pair, single = count_heard(HEARD, ["cat"], 1, 0.8)["levels"]
    own = {word: alpha for word, _, alpha in pair["followers"]}
    below = {word: alpha for word, _, alpha in single["followers"]}
    page.get_by_role("button", name="ran").click()
    terms = own["ran"], pair["gamma"] * below["ran"]
    first, second, total = (f"{p:.3f}" for p in (*terms, sum(terms)))
    said.get_by_text(f"p(ran | cat) = {first} + {second} = {total}").wait_for()

    sentences = ["the cat sat on the mat", "a dog sat on the cat", *HEARD]
    model, tokenizer = places_model(sentences, 3, 0.8)
    page.get_by_label("Sentences heard").fill("\n".join(sentences))
    page.get_by_label("shorter contexts count places").check()
    page.locator("select").select_option("2")
    for text in ("on the", "a", "the dog", "a cat"):
        page.get_by_label("Words so far").fill(text)
        ids = [tokenizer.bos_id, *tokenizer.encode(text)]
        probs = model(torch.tensor([ids]))[0, -1].exp()
        p = probs[tokenizer.ids["ran"]].item()
        context = " ".join(["<s>", *text.split()][-2:])
        said.filter(has_text=f"p(ran | {context}) =").wait_for()
        assert f"{p:.3f}." in said.inner_text()

    page.get_by_label("Sentences heard").fill(f"a {HOSTILE} b")
    said.get_by_text("p(").wait_for()
    assert page.locator("img").count() == 0
    problems = [*access_problems(reader), *reader.width_problems(SMALLEST)]
    assert reader.problems + problems == []


READ_LEVELS = """async (text) => {
  const { modelOf, distribution } = await import("./parts/levels.js");
  const base = new URL("./parts/", location).href;
  const data = { file: "models/ngram.safetensors" };
  const tally = await modelOf({ get: (key) => ({ base, data })[key] })(text);
  return [...distribution(tally)];
}"""


def test_tree_of_the_books_model_adds_up(stand):
    reader = stand()
    model, tokenizer = shipped("ngram").both
    for text in ("Their rabbit General Crumb", "One sad", ""):
        ids = [tokenizer.bos_id, *tokenizer.encode(text)]
        expected = model(torch.tensor([ids]))[0, -1].exp().tolist()
        found = dict(reader.page.evaluate(READ_LEVELS, text))
        assert len(found) > 250
        for word, p in found.items():
            assert abs(p - expected[tokenizer.ids[word]]) < 1e-4
    assert reader.problems == []


def test_tree_of_the_readers_own_model(stand):
    reader = stand()
    tokenizer = BySpaces(["a", HOSTILE_WORD])
    text = f"a {HOSTILE_WORD} a a"
    documents = [torch.tensor([1, *tokenizer.encode(text), 2])]
    model = train_ngram(documents, 2, tokenizer.vocab_size)
    run_live(reader.page, NGramTree(model, tokenizer, text="a"))
    reader.page.get_by_label("Words so far").fill("a a")
    reader.page.get_by_text("after “a”: 3 times").wait_for()
    assert reader.page.locator("img").count() == 0
    assert reader.problems == []


# --- Word map ----------------------------------------------------------------

PLACE = """async ([below, some]) => {
  const { components } = await import("./parts/components.js");
  return components(below, some);
}"""


def make_map():
    generator = torch.Generator().manual_seed(0)
    scale = torch.tensor([3.0, 2.0, 1.0, 0.5, 0.2])
    vectors = torch.randn(13, 5, generator=generator) * scale
    words = ["ada", *(f"word{i}" for i in range(11)), HOSTILE]
    embeddings = Embeddings(words, vectors)
    groups = {"first": words[:5], "last": [HOSTILE, *words[5:9]]}
    return embeddings, WordMap(embeddings, groups, k=3)


def test_map_goes_where_python_says(stand):
    embeddings, part = make_map()
    reader = stand(part)
    page = reader.page
    wait_until_ready(page)
    for some in ([*range(10)], [0, 2, 3, 5, 9]):
        found = page.evaluate(PLACE, [part.data["below"], some])
        names = [part.data["words"][i] for i in some]
        rows = embeddings.directions[[embeddings.id(n) for n in names]]
        expected = project(rows)
        places = torch.tensor(found["places"])
        signs = (places * expected).sum(0).sign()
        torch.testing.assert_close(places * signs, expected, atol=5e-3, rtol=0)
        share = expected.var(0).sum() / rows.var(0).sum()
        assert abs(found["share"] - share) < 5e-3

    said = page.locator(".said")
    said.get_by_text("“ada”, of the first").wait_for()
    near = page.get_by_role("list", name="Nearest words")
    page.get_by_label("Find a word").fill("WORD7")
    said.get_by_text("“word7”, of the last").wait_for()
    for word, cosine in embeddings.neighbours("word7", 3):
        row = near.get_by_role("listitem").filter(has_text=word)
        assert f"{cosine:.2f}".replace("-", "−") in row.inner_text()
    near.get_by_role("button").first.click()
    following, _ = embeddings.neighbours("word7", 1)[0]
    said.get_by_text(f"“{following}”").wait_for()

    page.get_by_label("Find a word").fill("nothing")
    said.get_by_text("There is no vector for “nothing”.").wait_for()
    page.get_by_label("Find a word").fill("ada")
    page.get_by_role("application").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    said.get_by_text("“ada”").wait_for(state="detached")
    page.get_by_role("button", name="last").click()
    assert page.locator(".word-map path").count() == 5
    page.get_by_role("button", name="first").click()
    assert page.locator(".word-map path").count() == 5
    page.get_by_role("button", name="last").click()
    page.get_by_label("Find a word").fill(HOSTILE)
    said.get_by_text(HOSTILE).wait_for()
    page.locator(".word-map path").nth(2).hover(force=True)
    said.get_by_text(HOSTILE).wait_for(state="detached")
    assert page.locator("img").count() == 0
    problems = [*access_problems(reader), *reader.width_problems(SMALLEST)]
    assert reader.problems + problems == []


# --- Sampling ----------------------------------------------------------------

CHOOSE = """async ([logits, seen, all]) => {
  const { choose, NOTHING } = await import("./parts/choices.js");
  return all.map((settings) =>
    [...choose(logits, seen, { ...NOTHING, ...settings })]);
}"""
SETTINGS = [
    {},
    {"temperature": 0},
    {"temperature": 0.4, "topK": 7},
    {"penalty": 1.5, "topP": 0.6},
    {"topK": 50, "topP": 0.9, "minP": 0.2, "penalty": 0.7},
    {"temperature": 1.7, "minP": 0.35},
    {"topK": 1},
    {"topP": 0.05},
]


def keep_top_p(probs, p):
    """The likeliest until they hold p together."""
    ordered, order = probs.sort(descending=True, stable=True)
    is_kept = torch.empty_like(probs, dtype=torch.bool)
    is_kept[order] = ordered.cumsum(0) - ordered < p
    return torch.where(is_kept, probs, 0.0)


def choose(logits, seen, penalty=0, temperature=1, topK=None, topP=1, minP=0):
    """What the part computes, in five lines of Python."""
    logits = logits.clone()
    logits[list(set(seen))] -= penalty
    logits = apply_temperature(logits, temperature)
    if topK is not None:
        logits = keep_top_k(logits, topK)
    probs = logits.softmax(-1)
    if topP < 1:
        probs = keep_top_p(probs, topP)
    probs[probs < minP * probs.max()] = 0.0
    return probs / probs.sum()


def test_sampling_cuts_as_python_does(stand):
    part = Sampling()
    reader = stand(part)
    page = reader.page
    wait_until_ready(page)
    generator = torch.Generator().manual_seed(0)
    logits = 2 * torch.randn(101, generator=generator).double()
    logits[[5, 17]] = logits.max()  # equals: the lower id is first
    seen = [3, 5, 5, 88]
    given = [logits.tolist(), seen, SETTINGS]
    for settings, found in zip(
        SETTINGS, page.evaluate(CHOOSE, given), strict=True
    ):
        expected = choose(logits, seen, **settings)
        torch.testing.assert_close(torch.tensor(found).double(), expected)

    said = page.locator(".said")
    logits, truth = (
        after(source, part.data["text"]) for source in judged(None, None)
    )
    can = truth > -torch.inf

    def bits(shares):
        costs = truth[can].exp() * shares[can].log2()
        return f"{-costs.sum():.2f}"

    def wait_for(**settings):
        seen = part.data["start"]["ids"]
        shares = choose(logits, seen, **settings)
        wrong = f"cannot come: {100 * shares[~can].sum():.1f} %"
        said.filter(has_text=wrong).wait_for()
        if (shares[can] > 0).all():
            cost = f"What really comes costs {bits(shares)} bits"
            assert cost in said.inner_text()
        else:
            lost = truth[can].exp()[shares[can] == 0].sum()
            assert f"{100 * lost:.1f} % is never" in said.inner_text()

    wait_for()
    page.get_by_label("penalty").fill("2")
    wait_for(penalty=2)
    page.get_by_label("top-k").fill("5")
    wait_for(penalty=2, topK=5)
    page.get_by_role("button", name="Back to the model").click()
    wait_for()
    assert f"the floor is {bits(truth.exp())}." in said.inner_text()

    page.get_by_role("button", name="willow").click()
    field = page.get_by_label("Words so far")
    said.filter(has_text="As unsure as among").wait_for()
    assert field.input_value().endswith("willow, thistle and willow")
    field.fill(f"One {HOSTILE} day")
    page.get_by_role("button", name="Start again").click()
    wait_for()
    assert page.locator("img").count() == 0
    problems = [*access_problems(reader), *reader.width_problems(SMALLEST)]
    assert reader.problems + problems == []


def test_sampling_of_the_readers_own_model(stand):
    reader = stand()
    tokenizer = BySpaces(["a", HOSTILE_WORD])
    documents = [
        torch.tensor([1, *tokenizer.encode(f"a {HOSTILE_WORD} a a"), 2])
    ]
    model = train_ngram(documents, 2, tokenizer.vocab_size)
    part = Sampling(model, tokenizer, text="a")
    run_live(reader.page, part)
    said = reader.page.locator(".said")
    reader.page.get_by_role("button", name=HOSTILE_WORD).click()
    reader.page.wait_for_function(
        "word => document.querySelector('textarea').value == `a ${word}`",
        arg=HOSTILE_WORD,
    )
    reader.page.get_by_label("temperature").fill("0")
    said.get_by_text("Kept: 1 of 5 tokens").wait_for()
    assert reader.page.locator("img").count() == 0
    assert reader.problems == []


@pytest.mark.parametrize(
    "part",
    [NGramTree(sentences=HEARD), make_map()[1]],
    ids=lambda part: part.module,
)
def test_these_run_in_a_notebook_as_one_module(stand, part):
    reader = stand()
    run_live(reader.page, part)
    reader.page.locator(".said").get_by_text(".").first.wait_for()
    assert reader.problems == []
