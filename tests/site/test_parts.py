"""The interactive parts in a browser: on the site's pages, and one by one."""

from collections import Counter
from itertools import islice
from random import Random

import numpy as np
import pytest
import torch
from reader import DESKTOP, PHONE, SMALLEST
from stand import access_problems, connect, run_live, wait_until_ready

from lmbook.bpe import (
    BytePairTokenizer,
    learn_merges,
    spell,
    split_pieces,
)
from lmbook.corpora import storyworld
from lmbook.oracle import Oracle
from lmbook.rnn import RNNConfig, RNNLanguageModel
from lmbook.sampling import generate
from lmbook.tokenizers import ByteTokenizer
from lmbook.transformer import Transformer, TransformerConfig
from lmbook.widgets import (
    Attention,
    BytePair,
    CacheCells,
    GradientDescent,
    QuickCheck,
    Recurrence,
    Rotary,
)
from lmbook.widgets.attention import look
from lmbook.widgets.base import Part
from lmbook.widgets.distributions import in_double
from lmbook.widgets.gradient_descent import descend, loss
from lmbook.widgets.markup import element
from lmbook.widgets.rotary import score
from lmbook.widgets.sources import ModelPart, page_model, shipped

HOSTILE = "</script><img src=x onerror=alert(1)>"


# --- On the pages of the site ------------------------------------------------


@pytest.fixture(scope="session")
def pages_with_parts(site):
    found = [
        path.relative_to(site).as_posix()
        for path in sorted(site.rglob("*.html"))
        if 'class="lmbook-part"' in path.read_text(encoding="utf-8")
    ]
    assert found, f"no page in {site} holds a part"
    return found


def test_every_part_of_the_site_is_ready(reading, pages_with_parts):
    reader = reading()
    for name in pages_with_parts:
        page = reader.open(name)
        wait_until_ready(page)
        assert not page.locator(".lmbook-fallback:visible").count()
        problems = list(access_problems(reader))
        problems += reader.width_problems(PHONE, SMALLEST)
        assert reader.problems + problems == [], name
        page.set_viewport_size(DESKTOP)


def test_every_part_can_be_read_without_scripts(reading, pages_with_parts):
    reader = reading(java_script_enabled=False)
    for name in pages_with_parts:
        page = reader.open(name)
        for fallback in page.locator(".lmbook-fallback").all():
            assert fallback.is_visible(), name
            assert len(fallback.inner_text()) > 40, name
    assert reader.problems == []


def test_a_page_without_parts_loads_none_of_them(site, pages_with_parts):
    for path in site.rglob("*.html"):
        has_parts = path.relative_to(site).as_posix() in pages_with_parts
        loads = "parts/loader.js" in path.read_text(encoding="utf-8")
        assert loads == has_parts, path


# --- Loading -----------------------------------------------------------------


class Broken(Part):
    """A part whose module is not there."""

    module = "missing"

    def __init__(self):
        super().__init__({}, element("p", "How it begins."))


def new_check(question="How many are two and two?"):
    return QuickCheck(
        question,
        {"three": "One is missing.", "four": "Two more than two."},
        answer="four",
    )


def test_a_part_is_loaded_when_it_comes_near(stand, tmp_path):
    far = Broken()
    far.fallback = element("p", "Far.", style="margin-top: 4000px")
    reader = stand(new_check(), far)
    page = reader.page
    page.locator("[data-part=quick_check][data-state=ready]").wait_for()
    missing = page.locator("[data-part=missing]")
    assert missing.get_attribute("data-state") is None
    missing.locator("p").scroll_into_view_if_needed()
    page.locator("[data-part=missing][data-state=failed]").wait_for()
    assert any(problem.startswith("404") for problem in reader.problems)


def test_a_part_that_fails_leaves_its_fallback_and_says_so(stand):
    page = stand(Broken()).page
    page.locator("[data-state=failed]").wait_for()
    assert page.get_by_text("How it begins.", exact=True).is_visible()
    assert "could not start" in page.locator(".lmbook-failed").inner_text()


def test_print_shows_the_fallback_with_its_answers(stand):
    page = stand(new_check()).page
    wait_until_ready(page)
    page.emulate_media(media="print")
    assert not page.locator(".lmbook-live").is_visible()
    assert page.get_by_text("One is missing.").is_visible()


@pytest.mark.parametrize("scripts", [True, False])
def test_hostile_text_is_only_text(stand, scripts):
    check = QuickCheck(
        f"Question {HOSTILE}",
        {f"A {HOSTILE}": f"Why {HOSTILE}", "B": f"Why not {HOSTILE}"},
        answer="B",
    )
    reader = stand(check, java_script_enabled=scripts)
    page = reader.page
    if scripts:
        wait_until_ready(page)
        page.get_by_role("button", name=f"A {HOSTILE}").click()
        said = page.get_by_role("status")
        said.get_by_text(f"No. Why {HOSTILE}").wait_for()
    else:
        assert page.get_by_text(f"A {HOSTILE}").is_visible()
    assert page.locator("img").count() == 0
    assert reader.problems == []


# --- Questions to Python -----------------------------------------------------


class Echo(QuickCheck):
    """Gives back what it is asked, in several shapes."""

    def ask_arrays(self, rows, columns):
        numbers = np.arange(rows * columns).reshape(rows, columns)
        return {"numbers": numbers, "half": [np.float32(0.5)]}

    def ask_trouble(self):
        raise ValueError(HOSTILE)


ASK = """async ([name, given]) => {
  const { ask } = await import("./parts/kernel.js");
  return ask(liveModel, name, given).then(
    (value) => value.numbers
      ? [[...value.numbers], value.numbers.shape, value.half]
      : value,
    (error) => error.message,
  );
}"""


def test_answers_of_python_arrive(stand):
    reader = stand()
    connect(reader.page, Echo("Q", {"a": "No.", "b": "Yes."}, answer="b"))
    arrays = ["arrays", {"rows": 2, "columns": 3}]
    numbers, shape, half = reader.page.evaluate(ASK, arrays)
    assert numbers == [0, 1, 2, 3, 4, 5]
    assert shape == [2, 3]
    assert half[0] == 0.5
    trouble = reader.page.evaluate(ASK, ["trouble", {}])
    assert trouble == f"ValueError: {HOSTILE}"
    unknown = reader.page.evaluate(ASK, ["nothing", {}])
    assert unknown == "ValueError: Echo() answers no `nothing`"


ASK_SOURCE = """async ([isLive, text]) => {
  const { sourcesOf } = await import("./parts/source.js");
  const base = new URL("./parts/", location).href;
  const values = { data: liveModel.get("data"), live: false, base };
  const model = isLive ? liveModel : { get: (key) => values[key] };
  const [source] = sourcesOf(model);
  await source.open();
  const tokenIds = [source.bosId, ...(await source.encode(text))];
  return {
    tokenIds,
    text: await source.decode(tokenIds),
    vocabulary: source.vocabulary,
    best: (await source.logits(tokenIds)).reduce(
      (best, value, i, all) => (value > all[best] ? i : best), 0),
    contextLength: source.contextLength,
  };
}"""


def test_a_model_answers_alike_in_the_page_and_in_python(stand):
    source = shipped("transformer")
    reader = stand()
    connect(reader.page, ModelPart({}, element("p", "Words"), [source]))
    text = "One windy"
    in_page = reader.page.evaluate(ASK_SOURCE, [False, text])
    in_python = reader.page.evaluate(ASK_SOURCE, [True, text])
    assert in_page == in_python
    assert in_page["text"] == text
    best = source.logits(in_page["tokenIds"]).argmax()
    assert in_page["best"] == best
    assert reader.problems == []


# --- Quick check -------------------------------------------------------------


def test_quick_check_explains_each_choice(stand):
    reader = stand(new_check())
    page = reader.page
    wait_until_ready(page)
    three, four = page.get_by_role("button").all()
    said = page.get_by_role("status")

    four.click()
    said.get_by_text("Yes. Two more than two.").wait_for()
    assert four.get_attribute("aria-pressed") == "true"
    page.keyboard.press("Shift+Tab")
    assert three.evaluate("e => e == document.activeElement")
    page.keyboard.press("Enter")
    said.get_by_text("No. One is missing.").wait_for()
    assert three.get_attribute("aria-pressed") == "true"
    assert four.get_attribute("aria-pressed") == "false"

    problems = [*access_problems(reader), *reader.width_problems(SMALLEST)]
    assert reader.problems + problems == []


def test_quick_check_tells_python(stand):
    check = new_check()
    reader = stand()
    run_live(reader.page, check)
    reader.page.get_by_role("button", name="three").click()
    reader.page.get_by_role("status").get_by_text("No.").wait_for()
    assert check.chosen == "three"
    assert reader.problems == []


# --- Byte-pair encoding ------------------------------------------------------

LEARN = """async ([texts, number]) => {
  const { learnMore, spellPieces, spelledToken } =
    await import("./parts/merges.js");
  return texts.map((text) => {
    const start = { words: spellPieces(text), merges: [] };
    const { merges } = learnMore(start, number);
    return merges.map((pair) =>
      [...pair].map((token) => spelledToken(token, merges)));
  });
}"""


def test_byte_pair_learns_and_cuts_as_python_does(stand):
    reader = stand(BytePair("banana bandana ban"))
    page = reader.page
    wait_until_ready(page)
    texts = [
        *storyworld(20).validation[:2],
        HOSTILE,
        "aaaa aaa bab \n\n\t  naïve 猫 🙂🙂 \x00 don't 3.5½ \u00ad\u0301",
    ]
    for text, learned in zip(
        texts, page.evaluate(LEARN, [texts, 60]), strict=True
    ):
        words = Counter(map(spell, split_pieces(text)))
        assert learned == list(map(list, learn_merges(words, 60)))

    said = page.get_by_role("status")
    said.get_by_text("The first pair is a · n: 5 times.").wait_for()
    for _ in range(3):
        page.get_by_role("button", name="Merge the first pair").click()
    said.get_by_text("3 merges: 18 bytes in 8 tokens, 2.25 bytes").wait_for()
    merges = page.get_by_role("list", name="Merges", exact=True)
    assert merges.inner_text().split() == ["an", "ban", "␣ban"]
    cut = page.locator(".tokens").last
    assert cut.inner_text().split() == [*"ban an a s ␣ c a ban a".split()]
    page.get_by_role("button", name="One back").click()
    said.get_by_text("2 merges: 18 bytes in 10 tokens").wait_for()

    page.get_by_label("Learn from this text").fill(HOSTILE)
    page.get_by_label("Cut another text").fill(f"{HOSTILE} 猫")
    for _ in range(3):
        page.get_by_role("button", name="Ten merges").click()
    said.get_by_text("No two neighbours are left.").wait_for()
    words = Counter(map(spell, split_pieces(HOSTILE)))
    num_merges = len(learn_merges(words, 30))
    tokenizer = BytePairTokenizer.train([HOSTILE], num_merges)
    ids = tokenizer.encode(f"{HOSTILE} 猫")
    assert cut.get_by_role("listitem").count() == len(ids)
    assert page.locator("img").count() == 0

    problems = [*access_problems(reader), *reader.width_problems(SMALLEST)]
    assert reader.problems + problems == []


# --- Gradient descent --------------------------------------------------------


def test_gradient_descent_walks_as_python_does(stand):
    x, y, start = [5, 6, 7, 7.5, 5.5], [110, 130, 150, 151, 117], (10, 30)
    part = GradientDescent(x, y, start, 0.02, momentum=0.5)
    reader = stand(part)
    page = reader.page
    wait_until_ready(page)
    said = page.get_by_role("status")
    bowl = part.data["bowl"]

    def compact(value):
        return f"{value:,.2f}".rstrip("0").rstrip(".")

    def wait_for_step(num_steps, rate, momentum):
        walk = descend(bowl, start, rate, momentum)
        points = list(islice(walk, 10_001))
        losses = [loss(bowl, *point) for point in points]
        needed = np.argmax(np.array(losses) < bowl["lowest"] + 0.01)
        assert 0 < needed < 10_000
        where = ", ".join(map(compact, points[num_steps]))
        said.get_by_text(
            f"After {num_steps} steps: ({where}), "
            f"loss {compact(losses[num_steps])}; the lowest is "
            f"{compact(bowl['lowest'])}. To come within 0.01 of it takes "
            f"{needed:,} in all."
        ).wait_for()

    page.get_by_role("button", name="10 steps").click()
    wait_for_step(10, 0.02, 0.5)
    page.get_by_label("momentum").fill("0.9")
    wait_for_step(10, 0.02, 0.9)
    page.get_by_label("learning rate").fill("-2")
    wait_for_step(10, 0.01, 0.9)
    page.get_by_label("momentum").fill("0")
    page.get_by_label("learning rate").press("End")
    said.get_by_text("it diverges").wait_for()

    surface = page.get_by_role("application")
    surface.focus()
    page.keyboard.press("ArrowRight")
    page.get_by_role("button", name="Start again").click()
    (left, right), _ = part.data["ranges"]
    moved = f"({compact(start[0] + (right - left) / 40)}, 30)"
    said.get_by_text(f"After 0 steps: {moved}, loss").wait_for()
    page.locator(".lowest").click()
    best = "({:.3f}".format(bowl["best"][0])[:-2]
    said.get_by_text(f"After 0 steps: {best}").wait_for()

    problems = [*access_problems(reader), *reader.width_problems(SMALLEST)]
    assert reader.problems + problems == []


# --- Rotary positions --------------------------------------------------------


def test_rotary_shows_the_score_of_the_distance(stand):
    part = Rotary([2, 1, 0.5, -1], [3, 1, 1, 0.25])
    reader = stand(part)
    page = reader.page
    wait_until_ready(page)
    said = page.get_by_role("status")

    def shown(value):
        return f"{value:.2f}".replace("-", "−")

    for key_place, distance in ((0, 1), (0, 5), (60, 5), (60, 50)):
        page.get_by_label("move both").fill(str(key_place))
        page.get_by_label("distance").fill(str(distance))
        value = score(part.data, key_place + distance, key_place)
        assert abs(value - score(part.data, distance, 0)) < 1e-9
        said.get_by_text(
            f"key at place {key_place}: {distance} apart, "
            f"score {shown(value)}."
        ).wait_for()

    quick, slow = page.locator("button.dial").all()
    query, key = part.data["query"], part.data["key"]
    alone = Rotary(query[1::2], key[1::2], speeds=[0.01]).data
    quick.press("Enter")
    assert quick.get_attribute("aria-pressed") == "false"
    assert shown(score(alone, 50, 0)) in slow.inner_text()
    said.get_by_text(f"score {shown(score(alone, 50, 0))}.").wait_for()

    problems = [*access_problems(reader), *reader.width_problems(SMALLEST)]
    assert reader.problems + problems == []


# --- Attention ---------------------------------------------------------------


def test_attention_looks_where_python_says(stand):
    part = Attention(head=(1, 2))
    reader = stand(part)
    page = reader.page
    wait_until_ready(page)
    said = page.get_by_role("status")
    tokenizer, model = Oracle().tokenizer, in_double(page_model("transformer"))
    magic = [
        place
        for place, token in enumerate(part.data["tokens"])
        if token in ("moon", "river", "velvet")
    ][:3]

    def wait_for(token_ids, head):
        logits, shares = look(model, token_ids)
        row = shares[head[0] - 1, head[1] - 1]
        value, place = row.max(0)
        best = logits.softmax(-1).argmax().item()
        back = len(token_ids) - 1 - place
        said.get_by_text(
            f"(word {len(token_ids) - 1}), head {head[0]}.{head[1]} looks "
            f"most at “{tokenizer.tokens[token_ids[place]]}” "
            f"({back or 'itself'}{' back' if back else ''}, "
            f"{100 * value:.1f} %)"
        ).wait_for()
        said.get_by_text(f"expects “{tokenizer.tokens[best]}”").wait_for()
        return place

    token_ids = part.data["token_ids"]
    wait_for(token_ids, (1, 2))
    heads = page.get_by_role("group", name="Heads of layer 2")
    heads.get_by_role("button", name="2.3").click()
    assert wait_for(token_ids, (2, 3)) == magic[2]
    words = page.get_by_role("group", name="Words")
    words.get_by_role("button", name="and", exact=True).last.focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    assert wait_for(token_ids[:-2], (2, 3)) == magic[1]
    assert words.locator("[aria-pressed=true]").inner_text() == ","
    assert words.locator("[tabindex='0']").count() == 1

    page.get_by_label("Another text").fill(f"One {HOSTILE} day")
    expected = tokenizer.encode(f"One {HOSTILE} day")
    wait_for([tokenizer.bos_id, *expected], (2, 3))
    assert page.locator("img").count() == 0
    problems = [*access_problems(reader), *reader.width_problems(SMALLEST)]
    assert reader.problems + problems == []


def test_attention_of_the_readers_own_model(stand):
    reader = stand()
    tokenizer = ByteTokenizer()
    config = TransformerConfig(
        vocab_size=tokenizer.vocab_size,
        context_length=40,
        d_model=24,
        num_layers=3,
        num_heads=6,
    )
    model = Transformer(config, torch.Generator().manual_seed(0))
    part = Attention(model, tokenizer, text="cat", head=(3, 5))
    run_live(reader.page, part)
    said = reader.page.get_by_role("status")
    reader.page.get_by_label("Another text").fill(HOSTILE)
    token_ids = [tokenizer.bos_id, *tokenizer.encode(HOSTILE)]
    _, shares = look(model, token_ids)
    said.get_by_text(f"(word {len(token_ids) - 1}), head 3.5").wait_for()
    largest = shares[2, 4].max().item()
    said.get_by_text(f", {100 * largest:.1f} %)").wait_for()
    assert reader.page.locator("img").count() == 0
    assert reader.problems == []


# --- Tokens read -------------------------------------------------------------


def test_cells_are_the_tokens_that_were_read(stand):
    reader = stand(CacheCells())
    page = reader.page
    wait_until_ready(page)
    said = page.get_by_role("status")
    said.get_by_text("1 + 2 + 3 + 4 = 10 tokens are read").wait_for()
    page.get_by_role("button", name="One more word").click()
    said.get_by_text("5 tokens in").wait_for()
    page.get_by_role("button", name="Ten more").click()
    said.get_by_text("Word 15, “").wait_for()
    assert "Both chose the same word." in said.inner_text()
    assert "with the cache, 1 token in" in said.inner_text()

    again, cached = page.locator(".triangle").all()
    assert "120 tokens read" in again.inner_text()
    assert "15 tokens read" in cached.inner_text()
    cells = "path => path.getAttribute('d').match(/M/g).length"
    assert again.locator(".again").evaluate(cells) == 105
    assert cached.locator(".kept").evaluate(cells) == 105
    assert cached.locator(".fresh").evaluate(cells) == 15
    tokenizer, model = Oracle().tokenizer, page_model("transformer")
    prompt = [tokenizer.bos_id, *tokenizer.encode("One rainy Sunday Greta")]
    (written,) = generate(
        model,
        [prompt],
        eos_id=tokenizer.eos_id,
        max_new_tokens=11,
        generator=Random(0),
        top_k=1,
    )
    assert page.locator(".story").inner_text() == tokenizer.decode(written)

    page.get_by_role("button", name="Start again").click()
    said.get_by_text("= 10 tokens are read").wait_for()
    problems = [*access_problems(reader), *reader.width_problems(SMALLEST)]
    assert reader.problems + problems == []


def test_cells_of_the_readers_own_model(stand):
    reader = stand()
    tokenizer = ByteTokenizer()
    config = RNNConfig(vocab_size=tokenizer.vocab_size, d_model=4, d_hidden=4)
    model = RNNLanguageModel(config, torch.Generator().manual_seed(0))
    run_live(reader.page, CacheCells(model, tokenizer, text=HOSTILE))
    reader.page.get_by_role("button", name="One more word").click()
    said = reader.page.get_by_role("status")
    said.get_by_text(f"{len(HOSTILE) + 1} tokens in").wait_for()
    assert HOSTILE in reader.page.locator(".story").inner_text()
    assert "with the cache, 1 token in" in said.inner_text()
    assert reader.page.locator("img").count() == 0
    assert reader.problems == []


# --- Recurrence --------------------------------------------------------------


def sentence_of(part):
    """What the part says where word 4 of its two texts differs."""
    first, second = (words[3] for words in part.data["words"])
    then, now = part.data["distances"][3], part.data["distances"][-1]
    later = len(part.data["distances"]) - 4
    return (
        f"At “{first}” and “{second}” the states are {then:.2f} apart; "
        f"{later} words later {now:.2f}, which is {100 * now / then:.0f} %"
    )


def test_recurrence_shows_the_states_of_python(stand):
    reader = stand(Recurrence())
    page = reader.page
    wait_until_ready(page)
    said = page.get_by_role("status")
    said.get_by_text(sentence_of(Recurrence())).wait_for()
    text = "One windy Sunday Flora found a blue kite in the attic"
    page.get_by_label("Another text").fill(text)
    expected = Recurrence(second=text)
    said.get_by_text(sentence_of(expected)).wait_for()
    gaps = page.locator(".column .number").all_inner_texts()
    for gap, distance in zip(gaps, expected.data["distances"], strict=True):
        assert abs(float(gap) - distance) < 0.006
    page.get_by_label("Another text").fill(HOSTILE)
    said.get_by_text("At “One” and “<unk>”").wait_for()

    problems = [*access_problems(reader), *reader.width_problems(SMALLEST)]
    assert reader.problems + problems == []


def test_recurrence_of_one_number(stand):
    hostile = HOSTILE.replace(" ", "/")  # one word
    given = {
        "numbers": {"in": 4, "out": -4, "miaow": 0, hostile: 1},
        "first": f"miaow miaow miaow in miaow {hostile}",
        "second": "miaow miaow miaow out miaow miaow",
    }
    part = Recurrence(**given, weight=2)
    reader = stand(part)
    page = reader.page
    wait_until_ready(page)
    said = page.get_by_role("status")
    said.get_by_text(sentence_of(part)).wait_for()
    page.get_by_label("weight of the old state").fill("0.75")
    weaker = Recurrence(**given, weight=0.75)
    said.get_by_text(sentence_of(weaker)).wait_for()
    shown = page.locator(".column .state").all_inner_texts()
    rows = zip(*weaker.data["states"], strict=True)
    states = [state[0] for column in rows for state in column]
    assert [float(text.replace("−", "-")) for text in shown] == states
    page.get_by_label("Another text").fill(f"in b{hostile}")
    said.get_by_text("has no number: use in, out, miaow").wait_for()
    assert page.locator("img").count() == 0
    problems = [*access_problems(reader), *reader.width_problems(SMALLEST)]
    assert reader.problems + problems == []


def test_recurrence_of_the_readers_own_model(stand):
    reader = stand()
    tokenizer = ByteTokenizer()
    config = RNNConfig(
        vocab_size=tokenizer.vocab_size,
        d_model=5,
        d_hidden=7,
        num_layers=2,
        cell="lstm",
    )
    model = RNNLanguageModel(config, torch.Generator().manual_seed(0))
    texts = {"first": "abcdef", "second": "abcxef"}
    run_live(reader.page, Recurrence(model, tokenizer, **texts))
    reader.page.get_by_label("Another text").fill("abczef")
    texts["second"] = "abczef"
    expected = sentence_of(Recurrence(model, tokenizer, **texts))
    reader.page.get_by_role("status").get_by_text(expected).wait_for()
    assert reader.problems == []


@pytest.mark.parametrize(
    "part",
    [
        BytePair("banana"),
        GradientDescent([1, 2, 4], [2, 3, 3], (0, 0), 0.1),
        Rotary([1, 0], [1, 0]),
    ],
    ids=lambda part: part.module,
)
def test_these_run_in_a_notebook_as_one_module(stand, part):
    reader = stand()
    run_live(reader.page, part)
    reader.page.get_by_role("status").get_by_text(".").first.wait_for()
    assert reader.problems == []
