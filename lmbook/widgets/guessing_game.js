// The guessing game: words of a story, drawn by chance, that the reader
// predicts by naming words and saying how sure they are. What the word that
// came was given, in bits, is compared with what the models gave it.
// Leaves out: a score over several stories.
import { plainError, shareText } from "./distribution.js";
import { sourcesOf } from "./source.js";
import { anotherStory, spaced, sum } from "./stories.js";
import { splitWords } from "./tokenizer.js";
import { bars, button, controls, element, frame } from "./ui.js";
import { liveRegion, select, table, textField, whileDisabled } from "./ui.js";

const SURE = [0, 0.5, 0.8, 0.95, 0.99];
const RESAMPLES = 2000;
const FEWEST = 8; // words, before an interval is shown
const YOU = 6; // the reader's colour

const WHAT =
  "Measured: minus the binary logarithm of the share that you gave to the " +
  "word that came. The share you keep back goes to all words, as often as " +
  "they occur. Marks such as . and , are words too.";

function render({ model, el }) {
  const data = model.get("data");
  const sources = sourcesOf(model);
  const names = ["you", ...sources.map(({ name }) => name)];
  const root = frame(el, "The guessing game");
  const said = liveRegion();
  const text = element("div", {
    class: "story so-far",
    role: "group",
    "aria-label": "The story so far",
    tabindex: "0",
  });
  const field = textField("Next word, or several", "", () => {});
  const lists = Object.keys(data.lists).map((name) => [name, name]);
  const add = select("or a list", [["", "…"], ...lists], "", addList);
  const sure = SURE.map((share) =>
    button(share ? `${100 * share} % sure` : "no idea", () => bet(share)),
  );
  const given = bars("Shares of the word that came", []);
  const scores = element("div");
  const again = button("Another story", () => whileDisabled(again, renew));
  const asking = element("div", {}, controls(field, add), controls(...sure));
  let game = newGame(data.story, data.num_words);

  field.input.addEventListener("keydown", (event) => {
    if (event.key === "Enter") said.say("How sure are you? Press a button.");
  });
  root.append(
    element("p", { class: "note" }, WHAT),
    text,
    asking,
    said,
    given,
    scores,
    controls(again),
  );
  show();
  said.say(`${data.num_words} words will be asked. Which one comes next?`);

  function addList(name) {
    const words = data.lists[name] ?? [];
    field.input.value = [field.input.value, ...words].join(" ").trim();
    add.input.value = "";
  }

  function bet(share) {
    const { known, strangers } = named(field.input.value, data.frequencies);
    if (strangers.length) {
      const some = strangers.slice(0, 3);
      const which = some.map((word) => `“${word}”`).join(", ");
      said.say(`No story has ${which}. Name other words.`);
      return;
    }
    if (share && !known.length) {
      said.say("Name a word first, or say that you have no idea.");
      return;
    }
    const at = game.places[game.costs.length];
    const shares = yourShares(known, share, data.frequencies);
    game.costs.push(-Math.log2(shares(game.story.tokens[at])));
    field.input.value = "";
    show();
    said.say(outcome(game));
    if (isOver(game)) again.focus();
    else field.input.focus();
  }

  function show() {
    const { story, places, costs } = game;
    const over = isOver(game);
    const end = over ? story.tokens.length : places[costs.length];
    text.replaceChildren(...passage(game, end), over ? "" : " ____");
    text.scrollTop = text.scrollHeight;
    asking.hidden = over;
    given.update(costs.length ? lastShares(game, names, sources) : []);
    scores.replaceChildren(
      costs.length > 1 ? scoreTable(game, names) : "",
    );
  }

  async function renew() {
    said.say("A new story is written …");
    try {
      const story = await anotherStory(model, sources);
      game = newGame(story, data.num_words);
      show();
      said.say("Which word comes next?");
    } catch (error) {
      said.say(plainError(error));
    }
  }
}

/** Places to ask, in order: any of the story's words, the end left out. */
function newGame(story, count) {
  const free = [...story.tokens.keys()].slice(0, -1);
  const places = [];
  while (places.length < count) {
    const i = Math.floor(Math.random() * free.length);
    places.push(...free.splice(i, 1));
  }
  return { story, places: places.sort((a, b) => a - b), costs: [] };
}

const isOver = ({ places, costs }) => places.length === costs.length;

/** The words in a text that are known, and those that are not. */
function named(text, frequencies) {
  const known = new Set();
  const strangers = [];
  for (const word of splitWords(text)) {
    const found = Object.hasOwn(frequencies, word) ? [word] : sameWord(word);
    found.forEach((each) => known.add(each));
    if (!found.length) strangers.push(word);
  }
  return { known: [...known], strangers };

  function sameWord(word) {
    const isSame = (each) => each.toLowerCase() === word.toLowerCase();
    return Object.keys(frequencies).filter(isSame);
  }
}

/** A function from a word to its share; shares of all words sum to 1. */
function yourShares(known, share, frequencies) {
  const total = sum(Object.values(frequencies));
  return (word) =>
    (known.includes(word) ? share / known.length : 0) +
    ((1 - share) * frequencies[word]) / total;
}

/** The story up to a place; what was asked is marked. */
function passage({ story, places }, end) {
  const pieces = spaced(story.tokens).slice(0, end);
  return pieces.flatMap((piece, t) => {
    if (!places.includes(t)) return piece;
    const space = piece.startsWith(" ") ? " " : "";
    return [space, element("strong", {}, piece.trimStart())];
  });
}

/** Each player's bits on the words asked so far: you, then the sources. */
function costsOf({ story, places, costs }) {
  const asked = places.slice(0, costs.length);
  return [costs, ...story.bits.map((bits) => asked.map((t) => bits[t]))];
}

function lastShares(game, names, sources) {
  return costsOf(game).map((costs, i) => {
    const value = 2 ** -costs.at(-1);
    const series = i ? sources[i - 1].series : YOU;
    const text = shareText(value);
    return { label: names[i], value, text, series };
  });
}

function outcome(game) {
  const t = game.places[game.costs.length - 1];
  const cost = game.costs.at(-1).toFixed(1);
  const left = game.places.length - game.costs.length;
  const rest = left ? `${left} to go.` : verdict(game);
  return `It was “${game.story.tokens[t]}”: ${cost} bits for you. ${rest}`;
}

function verdict(game) {
  const [you, ...others] = costsOf(game);
  const floor = others.at(-1);
  const [low, high] = interval(you.map((cost, i) => cost - floor[i]));
  return (
    `You needed ${mean(you).toFixed(2)} bits a word, ` +
    `${signed(low)} to ${signed(high)} above the oracle.`
  );
}

function scoreTable(game, names) {
  const players = costsOf(game);
  const enough = Math.min(FEWEST, game.places.length);
  const between = (values, format) =>
    values.length < enough ? "–" : interval(values).map(format).join(" to ");
  const rows = players.map((costs, i) => {
    const all = game.story.bits[i - 1]?.slice(0, -1);
    const less = players[0].map((cost, t) => cost - costs[t]);
    return [
      names[i],
      mean(costs).toFixed(2),
      between(costs, (bits) => bits.toFixed(2)),
      i ? between(less, signed) : "",
      all ? mean(all).toFixed(2) : "?",
    ];
  });
  const asked = `${players[0].length} asked`;
  const interval95 = "95 % interval";
  const header = ["who", asked, interval95, "you less this", "whole story"];
  const content = table(header, rows, "Bits per word");
  const attributes = { class: "scroll", role: "group", tabindex: "0" };
  const note =
    `The intervals, from ${enough} words on, come from drawing the words ` +
    "asked again, with replacement. They speak of this story only.";
  return element(
    "div",
    {},
    element("div", { ...attributes, "aria-label": "Scores" }, content),
    element("p", { class: "note" }, note),
  );
}

const mean = (values) => sum(values) / values.length;
const signed = (x) => (x < 0 ? "−" : "+") + Math.abs(x).toFixed(2);

/** The 95 % interval of a mean, by drawing its values again. */
function interval(values) {
  const random = fixedRandom();
  const means = new Float64Array(RESAMPLES).map(() => {
    let total = 0;
    for (let i = 0; i < values.length; i++) {
      total += values[Math.floor(random() * values.length)];
    }
    return total / values.length;
  }).sort();
  return [0.025, 0.975].map((q) => means[Math.round(q * (RESAMPLES - 1))]);
}

/** The same numbers in [0, 1) each time, so that rows can be compared. */
function fixedRandom() {
  let state = 1;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

export default { render };
