"""Next word, story microscope and guessing game in a browser."""

import gzip
import math
import re

import pytest
import torch
from reader import SMALLEST
from stand import access_problems, run_live, wait_until_ready

from lmbook.bootstrap import paired_bootstrap
from lmbook.ngram import train_ngram
from lmbook.tokenizers import ByteTokenizer, encode_documents, split_words
from lmbook.widgets import GuessingGame, NextWord, StoryMicroscope
from lmbook.widgets.distributions import log_probs
from lmbook.widgets.guessing_game import frequencies
from lmbook.widgets.next_word import BEGINNING
from lmbook.widgets.sources import page_model, words
from lmbook.widgets.stories import read

HOSTILE = "</script><img src=x onerror=alert(1)>"
PERCENT = r"([<>]? ?\d+\.\d) %"


def rows_of(page, name):
    """The bars of a model: word -> what stands beside it."""
    items = page.get_by_role("list", name=f"Next words, {name}")
    texts = items.get_by_role("listitem").all_inner_texts()
    return dict(text.rsplit("\n", 1) for text in texts)


def table_rows(table):
    """The rows of a table as lists of texts."""
    return table.locator("tbody tr").evaluate_all(
        "rows => rows.map(row => [...row.cells].map(c => c.textContent))"
    )


def ids_of(tokens):
    """A story of the page: from the start mark to the end mark."""
    marks = {"(the end)": "</s>"}
    return [1] + [words().ids[marks.get(token, token)] for token in tokens]


# --- Next word ---------------------------------------------------------------


def test_first_view_of_the_front_page_is_light(reading):
    reader = reading()
    sizes = {}
    reader.page.on(
        "response",
        lambda answer: sizes.update(
            {answer.url: len(gzip.compress(answer.body()))}
        ),
    )
    page = reader.open("index.html")
    page.locator("[data-part=next_word][data-state=ready]").wait_for()
    assert page.get_by_role("button", name="mirror").first.is_visible()
    assert not [url for url in sizes if "/models/" in url]
    assert 20_000 < sum(sizes.values()) < 300_000, sizes
    assert reader.problems == []


def test_next_word_goes_on_as_the_models_say(stand):
    part = NextWord()
    reader = stand(part)
    page = reader.page
    fetched = []
    page.on("request", lambda request: fetched.append(request.url))
    wait_until_ready(page)
    said = page.get_by_role("status")
    said.get_by_text("only “mirror” can come next").wait_for()
    assert rows_of(page, "oracle") == {"mirror": "100.0 %"}
    assert not [url for url in fetched if "models/" in url]

    page.get_by_role("button", name="mirror").first.click()
    said.get_by_text("only “from” can come next").wait_for()
    page.get_by_role("button", name="from").last.click()
    said.get_by_text("only “the” can come next").wait_for()
    page.get_by_role("button", name="the", exact=False).last.click()
    said.get_by_text("only “attic” can come next").wait_for()
    field = page.get_by_label("A beginning")
    text = f"{BEGINNING} mirror from the"
    assert field.input_value() == text
    ids = [1, *words().encode(text, errors="strict")]
    wrong = {}
    for source in part.sources:
        shares = log_probs(source, ids)[-1].exp()
        wrong[source.name] = 1 - shares[words().ids["attic"]].item()
        shown = rows_of(page, source.name)
        assert shown
        for word, number in shown.items():
            share = shares[words().ids[word]].item()
            if number[0] not in "<>":
                assert float(number[:-2]) == pytest.approx(
                    100 * share, abs=0.06
                )
        assert f"{max(shares):.9f}" == f"{shares[ids_of(shown)[1]]:.9f}"
    for name in ("n-gram", "LSTM"):
        (number,) = re.findall(rf"{name} {PERCENT}", said.inner_text())
        assert float(number) == pytest.approx(100 * wrong[name], abs=0.06)

    field.fill(f"One windy {HOSTILE} Mon")
    page.get_by_text("No story has “<”, “/”, “script”").wait_for()
    page.get_by_text("“<” cannot follow in Storyworld; what can: ").wait_for()
    said.get_by_text("First guess: n-gram “").wait_for()
    assert page.locator("img").count() == 0
    field.fill("On a sunny Friday, A")
    page.get_by_text("Not a word yet, so left out: “A”.").wait_for()
    said.get_by_text("28 words can come next").wait_for()
    problems = [*access_problems(reader), *reader.width_problems(SMALLEST)]
    assert reader.problems + problems == []


def test_stories_are_judged_as_python_judges_them(stand):
    reader = stand(NextWord())
    page = reader.page
    page.emulate_media(reduced_motion="reduce")
    wait_until_ready(page)
    page.get_by_role("button", name="Let each write on").click()
    page.get_by_role("button", name="Stop").wait_for()
    page.get_by_role("button", name="Let each write on").wait_for()
    *judged, _ = page.locator(".stories > div").all()
    assert len(judged) == 3
    oracle = page_model("oracle")
    for row in judged:
        name, text = row.locator("p").all_inner_texts()
        position, count = None, -1 - len(words().encode(BEGINNING))
        ids = words().encode(BEGINNING + text.removeprefix("…"))
        try:
            for token_id in [1, *ids]:
                position = oracle.advance(position, token_id)
                count += 1
            assert "nothing impossible" in name
        except ValueError:
            assert re.search(rf": {count} words? before an imp", name), text
            mark = row.locator("mark").inner_text()
            assert words().ids[mark] == token_id
    assert reader.problems == []


def test_next_word_asks_the_readers_own_model(stand):
    reader = stand()
    page, tokenizer = reader.page, ByteTokenizer()
    documents = encode_documents(tokenizer, ["aé", "aé", f"b{HOSTILE}"])
    model = train_ngram(
        documents, 3, tokenizer.vocab_size, bos_id=tokenizer.bos_id
    )
    run_live(page, NextWord(model, tokenizer, text="a"))
    field = page.get_by_label("A beginning")
    rows = page.locator(".bars button")
    for value in ("a\ufffd", "aé"):  # é is two bytes
        rows.get_by_text("\ufffd").first.click()
        page.wait_for_function(
            "(value) => document.querySelector('textarea').value == value",
            arg=value,
        )
    page.get_by_text("(the end)").wait_for()
    assert "(the end)" in rows_of(page, "your model")
    field.fill("b</scrip")
    rows.get_by_text("t", exact=True).first.wait_for()
    probs = model(torch.tensor([[256, *tokenizer.encode("b</scrip")]]))
    share = 100 * probs[0, -1].exp()[ord("t")].item()
    shown = float(rows_of(page, "your model")["t"][:-2])
    assert shown == pytest.approx(share, abs=0.06)
    page.get_by_role("button", name="Let it write on").click()
    page.get_by_role("button", name="Stop").wait_for()
    page.get_by_role("button", name="Let it write on").wait_for()
    assert page.locator(".stories").inner_text().startswith("your model\n\n…")
    assert page.locator("img").count() == 0
    assert reader.problems == []


# --- Story microscope --------------------------------------------------------


def score(part, ids):
    """Bits of each source on a story, with kinds: as Python has them."""
    bits = [
        [
            -row[i].item() / math.log(2)
            for row, i in zip(read(source, ids[:-1]), ids[1:], strict=True)
        ]
        for source in part.sources
    ]
    return bits, page_model("oracle").kinds(ids)


def test_microscope_shows_what_words_cost(stand):
    part = StoryMicroscope()
    reader = stand(part)
    page = reader.page
    wait_until_ready(page)
    said = page.get_by_role("status")
    page.get_by_text("Every word, as a table").click()
    by_kind, by_word = page.get_by_role("table").all()
    tokens = [row[0] for row in table_rows(by_word)]
    for story in range(2):  # from Python, and written in the page
        ids = ids_of([row[0] for row in table_rows(by_word)])
        bits, kinds = score(part, ids)
        for t, row in enumerate(table_rows(by_word)):
            assert row[1] == kinds[t]
            floor, *gaps = (float(x.replace("−", "-")) for x in row[2:])
            assert floor == pytest.approx(bits[-1][t], abs=0.06)
            for gap, costs in zip(gaps, bits, strict=False):
                expected = costs[t] - bits[-1][t]
                assert gap == pytest.approx(expected, abs=0.06)
        everything = table_rows(by_kind)[-1]
        totals = [sum(costs) - sum(bits[-1]) for costs in bits[:-1]]
        found = [float(x.replace("−", "-")) for x in everything[2:]]
        assert found == pytest.approx(totals, abs=0.11)
        if story == 0:
            page.get_by_role("button", name="Another story").click()
            text = page.locator(".story").inner_text()
            page.wait_for_function(
                "(text) => document.querySelector('.story').innerText != text",
                arg=text,
            )
            page.get_by_text("Every word, as a table").click()
            by_kind, by_word = page.get_by_role("table").all()
    assert tokens != [row[0] for row in table_rows(by_word)]

    page.get_by_role("button", name="LSTM").click()
    said.get_by_text(re.compile("^LSTM: .* Most on ")).wait_for()
    page.get_by_role("combobox").select_option("grammar")
    said.get_by_text(re.compile(r"^LSTM: .* words of grammar")).wait_for()
    page.locator(".word").nth(3).click()
    said.get_by_text(f"({kinds[3]}): ").wait_for()
    page.keyboard.press("ArrowRight")
    said.get_by_text(f"({kinds[4]}): ").wait_for()
    assert page.locator(".word[tabindex='0']").count() == 1
    # Both themes are checked on the page; here are a hundred buttons.
    problems = reader.access_problems(".lmbook-live .story")
    problems += reader.width_problems(SMALLEST)
    assert reader.problems + problems == []


def story_model():
    documents = encode_documents(words(), ["One windy Monday Ada found a key"])
    return train_ngram(documents, 2, words().vocab_size), words()


def test_microscope_asks_the_readers_own_model(stand):
    reader = stand()
    page = reader.page
    part = StoryMicroscope(*story_model())
    run_live(page, part)
    said = page.get_by_role("status")
    said.get_by_text("your model: ").wait_for()
    before = page.locator(".story").inner_text()
    page.get_by_role("button", name="Another story").click()
    page.wait_for_function(
        "(text) => document.querySelector('.story').innerText != text",
        arg=before,
    )
    page.get_by_text("Every word, as a table").click()
    rows = table_rows(page.get_by_role("table").last)
    (mine, floor), _ = score(part, ids_of([row[0] for row in rows]))
    gap = [a - b for a, b in zip(mine, floor, strict=True)]
    shown = [float(row[3].replace("−", "-")) for row in rows]
    assert shown == pytest.approx(gap, abs=0.06)
    assert reader.problems == []


# --- Guessing game -----------------------------------------------------------


BEFORE = """(word) => {
  const range = document.createRange();
  range.setStart(word.parentNode, 0);
  range.setEndBefore(word);
  return range.toString();
}"""


def bet(page, named, share, then):
    """Answer one question; what it cost, by the page and by our count."""
    page.get_by_label("Next word, or several").fill(named)
    name = f"{100 * share:.0f} % sure" if share else "no idea"
    page.get_by_role("button", name=name).click()
    said = page.get_by_role("status")
    said.get_by_text(then).wait_for()
    pattern = r"It was “(.+?)”: (\S+) bits"
    word, shown = re.match(pattern, said.inner_text()).groups()
    often, known = frequencies(), split_words(named)
    p = share / len(known) if word in known else 0
    p += (1 - share) * often[word] / sum(often.values())
    return float(shown), -math.log2(p)


def test_game_counts_the_readers_bits(stand):
    part = GuessingGame(num_words=6)
    reader = stand(part)
    page = reader.page
    wait_until_ready(page)
    said = page.get_by_role("status")
    said.get_by_text("6 words will be asked.").wait_for()
    field = page.get_by_label("Next word, or several")
    page.get_by_role("button", name="50 % sure").click()
    said.get_by_text("Name a word first").wait_for()
    field.fill(HOSTILE)
    page.get_by_role("button", name="50 % sure").click()
    said.get_by_text("No story has “<”, “/”, “script”. Name").wait_for()
    page.get_by_label("or a list").select_option("relations")
    assert field.input_value() == f"{HOSTILE} friend cousin neighbour"

    answers = [("the .", 0.8), ("", 0), (", and", 0.5), ("in", 0.99)]
    answers += [("to the", 0.95), (". in , the", 0.8)]
    costs = []
    for left, (named, share) in zip(range(5, -1, -1), answers, strict=True):
        then = f"{left} to go." if left else "You needed "
        shown, cost = bet(page, named, share, then)
        assert shown == pytest.approx(cost, abs=0.06)
        costs.append(cost)

    story = page.locator(".so-far")
    assert split_words(story.inner_text()) == part.data["story"]["tokens"][:-1]
    asked = [
        len(split_words(word.evaluate(BEFORE)))
        for word in story.locator("strong").all()
    ]
    assert len(asked) == 6
    bits = part.data["story"]["bits"]
    players = [costs, *([row[t] for t in asked] for row in bits)]
    rows = table_rows(page.get_by_role("table"))
    generator = torch.Generator().manual_seed(0)
    for i, (row, player) in enumerate(zip(rows, players, strict=True)):
        assert float(row[1]) == pytest.approx(sum(player) / 6, abs=0.006)
        less = [a - b for a, b in zip(costs, player, strict=True)]
        for cell, values in zip(row[2:4], (player, less), strict=True):
            if not cell:
                assert i == 0
                continue
            ends = paired_bootstrap(
                torch.tensor(values), torch.ones(6), generator, 4000
            )[1:]
            width = max(values) - min(values)
            found = [float(x.replace("−", "-")) for x in cell.split(" to ")]
            assert found == pytest.approx(ends, abs=0.12 * width + 0.006)
        if i:
            whole = sum(bits[i - 1][:-1]) / (len(bits[i - 1]) - 1)
            assert float(row[4]) == pytest.approx(whole, abs=0.006)
    problems = [*access_problems(reader), *reader.width_problems(SMALLEST)]
    assert reader.problems + problems == []

    page.get_by_role("button", name="Another story").click()
    said.get_by_text("Which word comes next?").wait_for()
    shown, cost = bet(page, ".", 0.5, "5 to go.")
    assert shown == pytest.approx(cost, abs=0.06)
    assert reader.problems == []


def test_game_asks_the_readers_own_model(stand):
    reader = stand()
    page = reader.page
    run_live(page, GuessingGame(*story_model(), num_words=2))
    page.get_by_role("button", name="Another story").click()
    page.get_by_role("status").get_by_text("Which word").wait_for()
    for left in ("1 to go.", "You needed"):
        bet(page, "the", 0.5, left)
    names = [row[0] for row in table_rows(page.get_by_role("table"))]
    assert names == ["you", "your model", "oracle"]
    assert reader.problems == []
