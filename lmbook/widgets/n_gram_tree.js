// Where an n-gram model's probability comes from: each context gives its
// followers a share and passes the rest on to the next shorter context. A
// bar is one context; what it passes on opens into the bar below.
// Leaves out: how a smoothing arrives at the shares of a trained model.
import { shareText, tokenText } from "./distribution.js";
import { countHeard, levelsOf, wordsOf } from "./heard.js";
import { accountOf, distribution, modelOf } from "./levels.js";
import { bars, checkbox, controls, element, frame } from "./ui.js";
import { liveRegion, select, slider, textField } from "./ui.js";

const MOST_PIECES = 8;
const MOST_WORDS = 8;
const LONGEST = 2000; // characters: all is counted anew for each key

function render({ model, el }) {
  const data = model.get("data");
  const root = frame(el, "Where a probability comes from");
  const said = liveRegion();
  const tree = element("div", { class: "orders" });
  const next = bars("Next words", []);
  const field = textField("Words so far", data.text, read);
  const counted = data.sentences ? sentencesOf(data, read) : null;
  const levelsAfter = counted?.levelsAfter ?? modelOf(model);
  const title = element("p", { class: "note" }, "What comes next?");
  let { word } = data;
  let tally = data.start ?? null;
  let latest = 0;

  async function read() {
    const number = ++latest;
    if (!counted) said.say("The model is loading.");
    try {
      const found = await levelsAfter(field.input.value);
      if (number !== latest) return;
      tally = found;
      show();
    } catch (error) {
      if (number === latest) said.say(error.message);
    }
  }

  function show() {
    const probs = distribution(tally);
    const order = [...probs.keys()];
    order.sort((a, b) => probs.get(b) - probs.get(a));
    if (!probs.has(word)) word = order[0];
    const shown = order.slice(0, MOST_WORDS);
    if (word !== undefined && !shown.includes(word)) {
      shown.splice(-1, 1, word);
    }
    next.update(shown.map((name) => ({
      label: name === word ? `▸ ${tokenText(name)}` : tokenText(name),
      value: probs.get(name),
      text: probs.get(name).toFixed(3),
      series: name === word ? 1 : 4,
      onPick() {
        word = name;
        show();
      },
    })));
    const account = accountOf(tally, word);
    tree.replaceChildren(...account.flatMap((row) => drawLevel(row, word)));
    said.say(word === undefined
      ? "Nothing was counted."
      : sentence(account, word, probs.get(word)));
  }

  root.append(
    ...(counted?.nodes ?? []),
    field,
    said,
    element(
      "div",
      { class: "two-columns tree-columns" },
      tree,
      element("div", {}, title, next),
    ),
  );
  if (tally) show();
  else read();
}

/** Controls for sentences that the reader may change, counted here. */
function sentencesOf({ sentences, context, discount }, onChange) {
  const heard = textField("Sentences heard, one a line",
    sentences.join("\n"), onChange, { rows: 4 });
  heard.input.maxLength = LONGEST;
  const lengths = [1, 2, 3].map((n) =>
    [String(n), `${n} word${n > 1 ? "s" : ""}`]);
  const most = select("context", lengths, String(context), onChange);
  const taken = slider({
    label: "taken off each count",
    min: 0,
    max: 1,
    step: 0.05,
    value: discount,
    format: compactCount,
    onInput: onChange,
  });
  const places = checkbox("shorter contexts count places, not times",
    false, onChange);
  const nodes = [heard, controls(most, taken, places)];
  function levelsAfter(text) {
    const lines = heard.input.value.split("\n");
    const isByPlaces = places.input.checked;
    const tables = countHeard(lines, Number(most.input.value), isByPlaces);
    const off = taken.input.valueAsNumber;
    return { levels: levelsOf(tables, wordsOf(text), off), off, isByPlaces };
  }
  return { nodes, levelsAfter };
}

function drawLevel(row, word) {
  const { own, reach, followers, gamma, isLast, total } = row;
  const nameOfLevel = isLast ? "every word alike" : contextText(row);
  const gives = reach === 1
    ? own.toFixed(3)
    : `${reach.toFixed(3)} × ${precise(own)} = ${(reach * own).toFixed(3)}`;
  const head = element(
    "p",
    { class: "order-head" },
    element("span", {}, nameOfLevel),
    element("span", { class: "number" },
      own ? `“${tokenText(word)}”: ${gives}` : ""),
  );
  if (isLast || total === 0) return [head];
  const [shown, left] = divide(followers, word);
  const pieces = shown.map(([name, count, alpha]) =>
    piece(tokenText(name), countText(count, row), alpha, name === word));
  if (left.length) {
    const share = left.reduce((sum, [, , alpha]) => sum + alpha, 0);
    pieces.push(piece(`${left.length} more`, "", share, false));
  }
  const nodes = [head, element("div", { class: "order" }, ...pieces)];
  if (gamma > 0) {
    const passed = piece("passed on", gamma.toFixed(3), gamma, false);
    passed.classList.add("passed");
    nodes[1].append(passed);
    const style = { "--from": 1 - gamma };
    const hidden = { class: "funnel", style, "aria-hidden": "true" };
    nodes.push(element("div", hidden));
  }
  return nodes;
}

/** The first followers with the word among them, and the others. */
function divide(followers, word) {
  if (followers.length <= MOST_PIECES + 1) return [followers, []];
  const isShown = ([name], i) => i < MOST_PIECES - 1 || name === word;
  return [true, false].map((which) =>
    followers.filter((follower, i) => isShown(follower, i) === which));
}

function piece(name, about, share, isChosen) {
  const kind = isChosen ? "piece chosen" : "piece";
  const given = { class: kind, style: { "--share": share } };
  const lines = [element("span", {}, name), element("small", {}, about)];
  return element("div", given, ...lines);
}

function contextText({ context, total, unit }) {
  const after = context.length
    ? `after “${context.map(tokenText).join(" ")}”`
    : "after anything";
  const plural = total === 1 ? unit : `${unit}s`;
  return total
    ? `${after}: ${total.toLocaleString("en")} ${plural}`
    : `${after}: not counted, so all is passed on`;
}

function countText(count, { discount }) {
  const plain = count.toLocaleString("en");
  return discount ? `${plain} − ${compactCount(discount)}` : plain;
}

function compactCount(value) {
  return String(Number(value.toFixed(2)));
}

function precise(value) {
  return value < 0.001 ? value.toExponential(1) : value.toFixed(3);
}

/** The probability as a sum, one term for each context that gives some. */
function sentence(account, word, p) {
  const after = ({ context }) => context.map(tokenText).join(" ");
  const given = account[0].context.length ? ` | ${after(account[0])}` : "";
  const terms = account
    .map(({ own, reach }) => (own * reach).toFixed(3))
    .filter((term) => Number(term) > 0);
  const sum = terms.length > 1 ? `${terms.join(" + ")} = ` : "";
  const first = account.find(({ total }) => total > 0);
  const decides = first?.context.length
    ? ` “${after(first)}” decides ${shareText(1 - first.gamma)} of what ` +
      "comes next, and passes the rest on."
    : "";
  return `p(${tokenText(word)}${given}) = ${sum}${p.toFixed(3)}.${decides}`;
}

export default { render };
