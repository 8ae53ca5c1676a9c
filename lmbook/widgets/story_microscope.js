// Story microscope: a story in which each word is filled to the height of the
// bits that a model wastes on it: its surprise less the oracle's. One model
// at a time, all kinds of words or one; and the same as tables.
// Leaves out: stories of the reader's own, which the oracle might refuse.
import { plainError, shareText, tokenText } from "./distribution.js";
import { sourcesOf } from "./source.js";
import { anotherStory, spaced, sum } from "./stories.js";
import { button, controls, element, frame } from "./ui.js";
import { liveRegion, select, seriesColour, table } from "./ui.js";
import { whileDisabled } from "./ui.js";

const FULL_BITS = 6; // a word filled to the top
const ALL = "all kinds";
const STEPS = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 1, ArrowUp: -1 };

function render({ model, el }) {
  const { kinds } = model.get("data");
  const sources = sourcesOf(model);
  const models = sources.slice(0, -1); // the oracle is the last
  const root = frame(el, "Story microscope");
  const said = liveRegion();
  const text = element("p", { class: "story", onkeydown: onKey });
  const tables = element("div");
  const choices = models.map((source, i) =>
    button(source.name, () => choose(i), { "aria-pressed": String(i === 0) }),
  );
  const options = [ALL, ...kinds].map((kind) => [kind, kind]);
  const ofKind = select("words", options, ALL, () => show());
  const another = button("Another story", () =>
    whileDisabled(another, renew));
  let { story } = model.get("data");
  let chosen = 0;
  let words = [];

  root.append(
    controls(...choices, ofKind, another),
    said,
    text,
    element("p", { class: "note" }, LEGEND),
    tables,
  );
  write();

  /** Everything anew, for a new story. */
  function write() {
    words = story.tokens.map((token, t) => makeWord(t));
    text.replaceChildren(...together(story.tokens, words));
    words[0].tabIndex = 0;
    tables.replaceChildren(
      scrolled("By kind", kindTable(story, models, kinds)),
      element(
        "details",
        {},
        element("summary", {}, "Every word, as a table"),
        scrolled("Word by word", wordTable(story, models)),
      ),
    );
    show();
  }

  function makeWord(t) {
    const attributes = { class: "word", tabindex: "-1" };
    return button(tokenText(story.tokens[t]), () => tell(t), attributes);
  }

  function show() {
    const kind = ofKind.input.value;
    const gap = gaps(story, chosen);
    words.forEach((word, t) => {
      const isIn = kind === ALL || kind === story.kinds[t];
      const level = isIn ? Math.min(1, Math.max(0, gap[t] / FULL_BITS)) : 0;
      word.style.setProperty("--level", level);
      word.style.setProperty("--series", colourOf(chosen));
      word.classList.toggle("out", !isIn);
      word.setAttribute("aria-label", `${word.textContent}, ${bits(gap[t])}`);
    });
    said.say(summary(story, models, chosen, kind));
  }

  function colourOf(i) {
    return seriesColour(models[i].series);
  }

  function choose(i) {
    chosen = i;
    choices.forEach((each, j) => {
      each.setAttribute("aria-pressed", String(i === j));
    });
    show();
  }

  function tell(t) {
    stand(t);
    said.say(aboutWord(story, models, chosen, t));
  }

  /** The one word that the Tab key comes to. */
  function stand(t) {
    for (const word of words) word.tabIndex = -1;
    words[t].tabIndex = 0;
    words[t].focus();
  }

  function onKey(event) {
    const at = words.indexOf(event.target);
    const ends = { Home: 0, End: words.length - 1 };
    const to = ends[event.key] ?? at + STEPS[event.key];
    if (at < 0 || !words[to]) return;
    event.preventDefault();
    tell(to);
  }

  async function renew() {
    said.say("A new story is written and read …");
    try {
      story = await anotherStory(model, sources);
      write();
    } catch (error) {
      said.say(plainError(error));
    }
  }
}

const LEGEND =
  "Bar under a word: the bits that it costs more than the oracle, thickest " +
  `for ${FULL_BITS} or more; a word may also cost less, by luck. Press a ` +
  "word, or move with the arrow keys, to see what was expected instead.";

/** Words with spaces; what stands close together stays on one line. */
function together(tokens, words) {
  const groups = [];
  const pieces = spaced(tokens);
  words.forEach((word, t) => {
    const isClose = t > 0 && pieces[t] && !pieces[t].startsWith(" ");
    if (isClose) groups.at(-1).push(word);
    else groups.push([word]);
  });
  return groups.flatMap((group) => [
    element("span", { class: "close" }, ...group),
    " ",
  ]);
}

/** A table that may be wider than the page. */
function scrolled(name, content) {
  const attributes = { class: "scroll", role: "group", tabindex: "0" };
  return element("div", { ...attributes, "aria-label": name }, content);
}

/** Bits above the oracle, word by word. */
function gaps({ bits }, number) {
  return bits[number].map((cost, t) => cost - bits.at(-1)[t]);
}

function bits(value) {
  return `${fixed(value)} ${fixed(value) === "1.0" ? "bit" : "bits"}`;
}

/** With a real minus, and no minus before a zero. */
function fixed(value) {
  const text = value.toFixed(1);
  return Number(text) === 0 ? "0.0" : text.replace("-", "−");
}

function totalOf(story, number, kind) {
  const isIn = (_, t) => kind === ALL || kind === story.kinds[t];
  return sum(gaps(story, number).filter(isIn));
}

function summary(story, models, number, kind) {
  const { name } = models[number];
  const total = totalOf(story, number, kind);
  if (kind !== ALL) {
    const count = story.kinds.filter((each) => each === kind).length;
    const many = count === 1 ? "1 word" : `${count} words`;
    return `${name}: ${bits(total)} above the oracle on ${many} of ${kind}.`;
  }
  const ofKinds = [...new Set(story.kinds)]
    .map((each) => [each, totalOf(story, number, each)])
    .sort((a, b) => b[1] - a[1])
    .slice(0, 2)
    .map(([each, value]) => `${each} ${fixed(value)}`);
  const floor = sum(story.bits.at(-1));
  return (
    `${name}: ${fixed(total + floor)} bits for this story, ` +
    `${fixed(total)} above the oracle's ${fixed(floor)}. ` +
    `Most on ${ofKinds.join(" and ")}.`
  );
}

function aboutWord(story, models, number, t) {
  const [guess, share] = story.guesses[number][t];
  const word = tokenText(story.tokens[t]);
  return (
    `“${word}” (${story.kinds[t]}): ${fixed(story.bits[number][t])} bits ` +
    `for ${models[number].name}, ${fixed(story.bits.at(-1)[t])} for the ` +
    `oracle. Expected most: “${tokenText(guess)}”, ${shareText(share)}.`
  );
}

function kindTable(story, models, kinds) {
  const found = kinds.filter((kind) => story.kinds.includes(kind));
  const rows = [...found, ALL].map((kind) => [
    kind,
    String(story.kinds.filter((k) => kind === ALL || k === kind).length),
    ...models.map((_, i) => fixed(totalOf(story, i, kind))),
  ]);
  const header = ["kind", "words", ...models.map(({ name }) => name)];
  return table(header, rows, "Bits above the oracle");
}

function wordTable(story, models) {
  const all = models.map((_, i) => gaps(story, i));
  const rows = story.tokens.map((token, t) => [
    tokenText(token),
    story.kinds[t],
    fixed(story.bits.at(-1)[t]),
    ...all.map((gap) => fixed(gap[t])),
  ]);
  const names = models.map(({ name }) => `${name}, above`);
  return table(["word", "kind", "oracle, bits", ...names], rows);
}

export default { render };
