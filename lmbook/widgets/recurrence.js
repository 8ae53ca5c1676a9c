// Recurrence: two texts, the states that a network has after each word of
// them, unrolled from left to right, and how far the two are apart. Until
// somebody acts, what Python computed is shown, and no weights are fetched.
// Leaves out: the gates of an LSTM.
import { plainError, tokenText } from "./distribution.js";
import { ask, isLive } from "./kernel.js";
import { sourcesOf } from "./source.js";
import { controls, element, frame, liveRegion } from "./ui.js";
import { slider, svg, textField } from "./ui.js";

const WAIT_MILLISECONDS = 300;

function render({ model, el }) {
  const data = model.get("data");
  const root = frame(el, "Recurrence");
  const said = liveRegion();
  const network = data.numbers
    ? new OneNumber(data)
    : new Network(model, sourcesOf(model)[0]);
  const names = ["A text", "Another text"];
  const fields = data.texts.map((text, i) =>
    textField(names[i], text, onType));
  const columns = element("div", {
    class: "columns", role: "group", tabindex: "0",
    "aria-label": "States, word by word",
  });
  let [typing, latest] = [0, 0];

  if (data.numbers) root.append(controls(makeWeight(network, readBoth)));
  const texts = data.numbers
    ? controls(...fields)
    : element("div", { class: "texts" }, ...fields);
  root.append(
    texts,
    said,
    columns,
    element("p", { class: "note" }, legend(data)),
  );
  show(data);

  function onType() {
    clearTimeout(typing);
    typing = setTimeout(readBoth, WAIT_MILLISECONDS);
  }

  async function readBoth() {
    const mine = ++latest;
    try {
      if (!network.isOpen) said.say("The network is loading.");
      const both = [];
      for (const { input } of fields) {
        both.push(await network.read(input.value, data.most));
      }
      if (mine === latest) show(compare(both, data.num_units));
    } catch (error) {
      if (mine === latest) said.say(plainError(error));
    }
  }

  function show(seen) {
    const largest = Math.max(...seen.distances, 1e-9);
    columns.replaceChildren(...seen.distances.map((distance, t) =>
      makeColumn(seen, t, distance / largest)));
    said.say(sentenceOf(seen));
  }
}

function makeWeight(network, onChange) {
  return slider({
    label: "weight of the old state",
    min: 0, max: 3, step: 0.25, value: network.weight,
    onInput(weight) {
      network.weight = weight;
      onChange();
    },
  });
}

function legend({ numbers, num_units, width }) {
  const distance = "Bar: how far the two states are apart.";
  if (numbers) {
    const given = Object.entries(numbers).map(([word, number]) =>
      `${word} ${signed(number, 0)}`);
    return (
      `Numbers of the words: ${given.join(", ")}. State: tanh of the word's ` +
      `number plus the weight times the state before. ${distance}`
    );
  }
  const shown = Math.min(num_units, width);
  return (
    `Squares: the ${shown} of ${width} numbers of the state that differ ` +
    `most; large is near 1 or −1, hollow is negative. ${distance}`
  );
}

/** A network of one number; everything about it stands on the page. */
class OneNumber {
  constructor({ numbers, weight }) {
    Object.assign(this, { numbers, weight, isOpen: true });
  }

  async read(text, most) {
    const words = text.split(/\s+/).filter(Boolean).slice(0, most);
    let state = 0;
    const states = words.map((word) => {
      if (!Object.hasOwn(this.numbers, word)) {
        const known = Object.keys(this.numbers).join(", ");
        throw new Error(`“${word}” has no number: use ${known}.`);
      }
      state = Math.tanh(this.numbers[word] + this.weight * state);
      return [state];
    });
    return { words, states };
  }
}

/** A trained one, in the page or in Python: the top layer's hidden state. */
class Network {
  constructor(widget, source) {
    Object.assign(this, { widget, source, isOpen: false });
  }

  async read(text, most) {
    await this.source.open();
    this.isOpen = true;
    const encoded = await this.source.encode(text);
    const tokenIds = [this.source.bosId, ...encoded.slice(0, most)];
    const states = isLive(this.widget)
      ? rowsOf(await ask(this.widget, "states", { token_ids: tokenIds }))
      : await this.statesInPage(tokenIds);
    const words = tokenIds.map((id) => this.source.vocabulary[id]);
    return { words: words.slice(1), states: states.slice(1) };
  }

  async statesInPage(tokenIds) {
    const trail = await this.source.reader.read(tokenIds);
    return trail.map(({ state }) => state.at(-1)[0]);
  }
}

function rowsOf(matrix) {
  const [T, H] = matrix.shape;
  const row = (t) => matrix.subarray(t * H, (t + 1) * H);
  return Array.from({ length: T }, (_, t) => row(t));
}

/** As `compared` in recurrence.py. */
function compare([first, second], numUnits) {
  const length = Math.min(first.words.length, second.words.length);
  const gaps = Array.from({ length }, (_, t) =>
    Array.from(first.states[t], (x, i) => x - second.states[t][i]));
  const width = gaps[0]?.length ?? 0;
  const total = Array.from({ length: width }, (_, i) =>
    Number(gaps.reduce((sum, gap) => sum + Math.abs(gap[i]), 0).toFixed(5)));
  const order = [...total.keys()].sort((i, j) => total[j] - total[i] || i - j);
  const units = order.slice(0, numUnits).sort((i, j) => i - j);
  return {
    words: [first.words, second.words],
    states: [first, second].map(({ states }) =>
      states.map((state) => units.map((i) => state[i]))),
    distances: gaps.map((gap) => Math.hypot(...gap)),
    width,
  };
}

function sentenceOf({ words: [first, second], distances }) {
  if (!distances.length) return "Both texts need a word.";
  const place = distances.findIndex((_, t) => first[t] !== second[t]);
  if (place < 0) return "The texts are the same, and so are the states.";
  const [a, b] = [first[place], second[place]].map(tokenText);
  const later = distances.length - 1 - place;
  const there =
    `At “${a}” and “${b}” the states are ${distances[place].toFixed(2)} apart`;
  if (later === 0 || distances[place] === 0) return `${there}.`;
  const share = (100 * distances.at(-1)) / distances[place];
  return (
    `${there}; ${later} ${later === 1 ? "word" : "words"} later ` +
    `${distances.at(-1).toFixed(2)}, which is ${share.toFixed(0)} % of it.`
  );
}

/** Two words with their states, and a bar for the distance. */
function makeColumn({ words, states, distances, width }, t, height) {
  const [first, second] = [0, 1].map((text) => [
    element("span", { class: "word" }, tokenText(words[text][t])),
    width === 1 ? oneBox(states[text][t][0]) : squares(states[text][t]),
  ]);
  const differs = words[0][t] !== words[1][t];
  const bar = element("span", { class: "gap", style: { "--height": height } });
  return element(
    "div",
    { class: differs ? "column differs" : "column" },
    ...first,
    ...second,
    bar,
    element("span", { class: "number" }, distances[t].toFixed(2)),
  );
}

function oneBox(value) {
  const style = { "--value": Math.abs(value) };
  const kind = value < 0 ? "state negative" : "state";
  return element("span", { class: kind, style }, signed(value, 2));
}

/** A square for each number: large is far from 0, hollow is negative. */
function squares(values) {
  const side = Math.ceil(Math.sqrt(values.length));
  const marks = [...values].map((value, i) => {
    const size = 0.85 * Math.sqrt(Math.abs(value));
    const [x, y] = [i % side, Math.floor(i / side)];
    const place = { x: x + (1 - size) / 2, y: y + (1 - size) / 2 };
    const kind = value < 0 ? "negative" : "positive";
    return svg("rect", { class: kind, ...place, width: size, height: size });
  });
  const attributes = { viewBox: `0 0 ${side} ${side}`, "aria-hidden": "true" };
  return svg("svg", attributes, ...marks);
}

/** With a real minus. */
function signed(value, digits) {
  return value.toFixed(digits).replace(/^-(?=.*[1-9])/, "−").replace(/^-/, "");
}

export default { render };
