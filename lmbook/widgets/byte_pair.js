// Byte-pair encoding on the reader's text: each press of a button makes the
// most frequent pair of neighbours one token. Below, another text is cut with
// what was learned.
// Leaves out: texts longer than a page; Python learns from those.
import {
  bars,
  button,
  controls,
  element,
  frame,
  liveRegion,
  textField,
} from "./ui.js";
import {
  applyMerges,
  learnMore,
  rankPairs,
  showToken,
  spellPieces,
} from "./merges.js";

const MOST_PAIRS = 5;
const MOST_TOKENS = 300;
const MOST_LEARNED = 12;

function render({ model, el }) {
  const { text, new_text: newText, longest } = model.get("data");
  const root = frame(el, "Byte-pair encoding");
  const said = liveRegion();
  const learned = tokenList();
  const cut = tokenList();
  const pairs = bars("The most frequent pairs", []);
  const merges = element("ol", { class: "merges", "aria-label": "Merges" });
  const steps = []; // steps[k]: the words after k merges, and the merges
  const field = textField("Learn from this text", text, restart, { rows: 2 });
  const newField = textField("Cut another text with them", newText, showCut);
  field.input.maxLength = newField.input.maxLength = longest;

  function restart() {
    const words = spellPieces(field.input.value);
    steps.splice(0, Infinity, { words, merges: [] });
    show();
  }

  function merge(number) {
    for (let i = 0; i < number; i++) {
      const last = steps.at(-1);
      const next = learnMore(last, 1);
      if (next.merges.length > last.merges.length) steps.push(next);
    }
    show();
  }

  function back() {
    if (steps.length > 1) steps.pop();
    show();
  }

  function show() {
    const { words, merges: known } = steps.at(-1);
    const ranked = rankPairs(words);
    learned.update(words, known, ranked[0]?.[0]);
    pairs.update(pairRows(ranked, known));
    merges.replaceChildren(...mergeItems(known));
    said.say(sentence(steps, ranked));
    showCut();
  }

  function showCut() {
    const { merges: known } = steps.at(-1);
    const words = spellPieces(newField.input.value);
    cut.update(applyMerges(words, known), known);
  }

  root.append(
    field,
    learned,
    controls(
      button("Merge the first pair", () => merge(1)),
      button("Ten merges", () => merge(10)),
      button("One back", back),
      button("Start again", restart),
    ),
    said,
    element(
      "div",
      { class: "two-columns" },
      titled("Pairs, the most frequent first", pairs),
      titled("Merges, in order", merges),
    ),
    newField,
    cut,
  );
  restart();
}

function titled(text, node) {
  return element("div", {}, element("p", { class: "note" }, text), node);
}

/** The tokens of words in boxes; the pair that is next is marked. */
function tokenList() {
  const list = element("ol", { class: "tokens" });
  function update(words, merges, next = null) {
    const items = words.flatMap((word) => boxes(word, merges, next));
    const left = items.length - MOST_TOKENS;
    list.setAttribute("aria-label", `${count(items.length, "token")}`);
    list.replaceChildren(...items.slice(0, MOST_TOKENS));
    if (left > 0) list.append(element("li", {}, `… ${left} more`));
  }
  return Object.assign(list, { update });
}

function boxes(word, merges, next) {
  const kinds = [...word].map(() => []);
  for (let i = 0; next && (i = word.indexOf(next, i)) >= 0; i += 2) {
    kinds[i].push("next-left");
    kinds[i + 1].push("next-right");
  }
  kinds[0].push("first");
  return kinds.map((kind, i) =>
    element("li", { class: kind.join(" ") }, showToken(word[i], merges)),
  );
}

function pairRows(ranked, merges) {
  return ranked.slice(0, MOST_PAIRS).map(([pair, times]) => ({
    label: showPair(pair, merges),
    value: times / ranked[0][1],
    text: String(times),
  }));
}

function showPair(pair, merges) {
  return [...pair].map((token) => showToken(token, merges)).join(" · ");
}

function mergeItems(merges) {
  const first = Math.max(0, merges.length - MOST_LEARNED);
  return merges.slice(first).map((pair, i) => {
    const parts = [...pair].map((token) => showToken(token, merges));
    return element("li", { value: first + i + 1 }, parts.join(""));
  });
}

/** What one sees: how many tokens, and what is merged next. */
function sentence(steps, ranked) {
  const sizes = steps.map(({ words }) => words.join("").length);
  const tokens = sizes.at(-1);
  if (sizes[0] === 0) return "There is nothing to learn from.";
  const length = (sizes[0] / tokens).toFixed(2);
  const merges = count(steps.length - 1, "merge");
  const now = `${merges}: ${count(sizes[0], "byte")} in ` +
    `${count(tokens, "token")}, ${length} bytes a token.`;
  if (ranked.length === 0) return `${now} No two neighbours are left.`;
  const [pair, times] = ranked[0];
  const shown = showPair(pair, steps.at(-1).merges);
  const often = times === 1 ? "once" : `${times} times`;
  return `${now} The first pair is ${shown}: ${often}.`;
}

function count(number, noun) {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

export default { render };
