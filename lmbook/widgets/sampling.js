// Sampling: a model's next-word distribution, and what temperature, top-k,
// top-p, min-p and a penalty leave of it; what that costs, if the oracle
// knows what really comes.
// Leaves out: drawing a word. A click appends the one that you choose.
import { NOTHING, choose, crossEntropy } from "./choices.js";
import { plainError, shareText, softmax, tokenText } from "./distribution.js";
import { sourcesOf } from "./source.js";
import { button, controls, element, frame, liveRegion } from "./ui.js";
import { slider, textField } from "./ui.js";

const MOST_ROWS = 20;
const MOST_K = 40;
const TYPING = 250; // milliseconds
const SHARED = { min: 0, step: 0.05, format: (value) => value.toFixed(2) };
const SLIDERS = {
  temperature: { ...SHARED, label: "temperature", max: 2 },
  topK: {
    label: "top-k",
    min: 1,
    max: MOST_K + 1,
    step: 1,
    format: (k) => (k > MOST_K ? "all" : String(k)),
  },
  topP: { ...SHARED, label: "top-p", min: 0.05, max: 1 },
  minP: { ...SHARED, label: "min-p", max: 1 },
  penalty: { ...SHARED, label: "penalty", max: 5 },
};

function render({ model, el }) {
  const data = model.get("data");
  const root = frame(el, "Sampling");
  const said = liveRegion();
  const sources = sourcesOf(model);
  const settings = { ...NOTHING };
  const list = { class: "choices-list", "aria-label": "Next words" };
  const rows = element("ul", list);
  const field = textField("Words so far", data.text, onType, { rows: 3 });
  let now = data.start;
  let typing = 0;

  const sliders = Object.entries(SLIDERS).map(([name, options]) => {
    const onInput = (value) => {
      settings[name] = name === "topK" && value > MOST_K ? Infinity : value;
      show();
    };
    const value = Math.min(NOTHING[name], options.max);
    return slider({ ...options, value, onInput });
  });

  function reset() {
    Object.keys(SLIDERS).forEach((name, i) => {
      settings[name] = NOTHING[name];
      sliders[i].set(Math.min(NOTHING[name], SLIDERS[name].max));
    });
    show();
  }

  function show() {
    const before = softmax(now.logits);
    const shares = choose(now.logits, now.ids, settings);
    const first = [...before.keys()]
      .sort((a, b) => before[b] - before[a] || a - b)
      .slice(0, MOST_ROWS);
    const focused = [...rows.children].findIndex((row) =>
      row.contains(document.activeElement));
    const largest = Math.max(...before, ...shares);
    rows.replaceChildren(
      ...first.map((id) => drawRow(id, before, shares, largest)),
    );
    rows.children[focused]?.querySelector("button")?.focus();
    said.say(sentence(before, shares, now.truth));
  }

  function drawRow(id, before, shares, largest) {
    const { truth, vocabulary } = now;
    const name = tokenText(vocabulary[id]);
    const cannot = truth && truth[id] === 0;
    const isCut = shares[id] === 0;
    const style = {
      "--before": before[id] / largest,
      "--share": shares[id] / largest,
    };
    const label = cannot
      ? [element("mark", {}, name),
        element("span", { class: "unseen" }, " cannot come")]
      : [name];
    const inside = [
      element("span", { class: isCut ? "label cut" : "label" }, ...label),
      element("span", { class: "track", style, "aria-hidden": "true" }),
      element("span", { class: "number" },
        isCut ? "cut" : shareText(shares[id])),
    ];
    return element("li", {}, button(inside, () => append(id)));
  }

  async function append(id) {
    if (now.vocabulary[id] === "</s>") return;
    await sources[0].open();
    const ids = [...now.ids, id];
    field.input.value = await sources[0].decode(ids);
    await read(ids);
  }

  function onType() {
    clearTimeout(typing);
    typing = setTimeout(() => read(null), TYPING);
  }

  async function read(known) {
    const text = field.input.value;
    try {
      if (!sources[0].vocabulary) said.say("The model is loading.");
      await Promise.all(sources.map((source) => source.open()));
      const [{ bosId, vocabulary }] = sources;
      const ids = known ?? [bosId, ...(await sources[0].encode(text))];
      const logits = await sources[0].logits(ids);
      const truth = sources[1] ? await truthAfter(sources[1], ids) : null;
      if (text !== field.input.value) return;
      now = { ids, logits, truth, vocabulary };
      show();
    } catch (error) {
      said.say(plainError(error));
    }
  }

  root.append(
    field,
    element("div", { class: "sliders" }, ...sliders),
    controls(
      button("Back to the model", reset),
      button("Start again", () => {
        field.input.value = data.text;
        now = data.start;
        reset();
      }),
    ),
    said,
    rows,
    element("p", { class: "note" }, legend(now.truth)),
  );
  show();
}

/** The oracle's shares, or null for a text that cannot be. */
async function truthAfter(oracle, ids) {
  try {
    return softmax(await oracle.logits(ids));
  } catch {
    return null;
  }
}

function legend(truth) {
  const bars =
    "Outlined: the model's share; filled: what is drawn from now. " +
    "Click a word to append it. The penalty is taken off the logits of all " +
    "words that are in the text already.";
  const marks = " Underlined words cannot come in these stories.";
  return truth ? bars + marks : bars;
}

/** What was cut, and what it costs. */
function sentence(before, shares, truth) {
  const isCut = (id) => shares[id] === 0 && before[id] > 0;
  const cut = sumWhere(before, isCut);
  const kept = shares.filter((share) => share > 0).length;
  const start = cut > 0
    ? `Kept: ${kept} of ${shares.length} tokens; the others had ` +
      `${shareText(cut)} with the model. `
    : "Nothing is cut. ";
  if (!truth) {
    const perplexity = 2 ** crossEntropy(shares, shares);
    return `${start}As unsure as among ${perplexity.toFixed(1)} equal words.`;
  }
  const cannot = (id) => truth[id] === 0;
  const [was, is] = [before, shares].map((some) =>
    shareText(sumWhere(some, cannot)));
  const wrong = `Share on words that cannot come: ${is}` +
    (was === is ? ". " : `, before ${was}. `);
  return start + wrong + cost(before, shares, truth);
}

function cost(before, shares, truth) {
  const lost = sumWhere(truth, (id) => shares[id] === 0);
  if (lost > 0) {
    return `Of what really comes, ${shareText(lost)} is never written: ` +
      "it would cost bits without end.";
  }
  const [now, was, floor] = [shares, before, truth].map((some) =>
    Math.abs(crossEntropy(truth, some)).toFixed(2));
  const change = now === was ? "" : `, before ${was}`;
  const bits = `${now} bits${change}`;
  return `What really comes costs ${bits}; the floor is ${floor}.`;
}

function sumWhere(shares, isMeant) {
  const part = (share, id) => (isMeant(id) ? share : 0);
  return shares.reduce((sum, share, id) => sum + part(share, id), 0);
}

export default { render };
