// Next word: a beginning, what each model expects after it, and stories that
// the models write. Until somebody acts, the shares that Python computed are
// shown, and no weights are fetched.
// Leaves out: temperature and the like.
import {
  likeliest,
  plainError,
  shareText,
  softmax,
  tokenText,
} from "./distribution.js";
import { sourcesOf } from "./source.js";
import { splitWords } from "./tokenizer.js";
import { bars, button, controls, element, frame } from "./ui.js";
import { liveRegion, seriesColour, textField } from "./ui.js";
import { makeWriters } from "./writers.js";

const TYPING_MILLISECONDS = 250;

function render({ model, el }) {
  const data = model.get("data");
  const root = frame(el, "Next word");
  const said = liveRegion();
  const hint = element("p", { class: "note", hidden: true });
  const field = textField("A beginning", data.text, onType, { rows: 3 });
  const columns = sourcesOf(model).map((source, i) => {
    const column = new Column(source, data, (id) => pick(column, id));
    column.show(data.start[i]);
    return column;
  });
  const judge = columns[data.judge];
  for (const column of columns) column.isJudged = judge && column !== judge;
  const label = columns.length > 1 ? "Let each write on" : "Let it write on";
  const write = button(label, () => (writers.isOn ? writers.stop() : tell()));
  const writers = makeWriters(() => sourcesOf(model), data.judge, () => {
    write.textContent = writers.isOn ? "Stop" : label;
  });
  const style = { "--rows": data.num_words };
  const nodes = columns.map(({ node }) => node);
  let typing = 0;

  root.append(
    field,
    hint,
    element("div", { class: "models", style }, ...nodes),
    said,
    controls(write, button("Start again", () => setText(data.text))),
    writers.node,
  );
  said.say(whatIsSeen(columns, data.seen));
  new ResizeObserver(showEnd).observe(field.input);

  /** What comes next is the question: show the end of a long text. */
  function showEnd() {
    field.input.scrollTop = field.input.scrollHeight;
  }

  function onType() {
    clearTimeout(typing);
    typing = setTimeout(() => setText(field.input.value), TYPING_MILLISECONDS);
  }

  async function setText(text, known = null) {
    clearTimeout(typing);
    writers.clear();
    field.input.value = text;
    showEnd();
    await readAll(text, known);
  }

  async function readAll(text, known = null) {
    await Promise.all(
      columns.map((column) =>
        column.read(text, known?.column === column ? known.ids : null),
      ),
    );
    if (text !== field.input.value) return; // somebody went on
    hint.textContent = columns.map(hintOf).find(Boolean) ?? "";
    hint.hidden = !hint.textContent;
    said.say(whatIsSeen(columns, judged(columns, judge)));
  }

  async function pick(column, id) {
    await column.read(field.input.value);
    if (column.problem !== null) return;
    const longer = await column.textWith(field.input.value, id);
    await setText(longer, { column, ids: [...column.ids, id] });
  }

  async function tell() {
    await readAll(field.input.value);
    const beginnings = columns.map(({ ids, problem }) => !problem && ids);
    const verdicts = await writers.write(beginnings).catch(plainError);
    if (verdicts) said.say(verdicts);
  }
}

/** A model: its name, and the likeliest words or what is wrong. */
class Column {
  constructor(source, { num_words, unknown }, onPick) {
    Object.assign(this, { source, onPick, count: num_words, unknown });
    const style = { "--series": seriesColour(source.series) };
    this.list = bars(`Next words, ${source.name}`, []);
    this.note = element("p", { class: "note", hidden: true });
    const name = element("p", { class: "model-name", style }, source.name);
    this.node = element("div", {}, name, this.note, this.list);
  }

  /** `[[id, token, share], …]`, or a string: what is wrong. */
  show(found) {
    const problem = typeof found === "string" ? found : null;
    const { series } = this.source;
    const rows = (problem === null ? found : []).map(([id, token, value]) => ({
      label: tokenText(token),
      value,
      text: shareText(value),
      series,
      onPick: id === this.source.eosId || token === "</s>"
        ? null
        : () => this.onPick(id),
    }));
    this.list.update(rows);
    this.tell(problem ?? "");
    Object.assign(this, { problem, found: rows });
  }

  tell(text) {
    this.note.textContent = text;
    this.note.hidden = !text;
  }

  /** Read a text; `ids` are given if the text is known to be these. */
  async read(text, ids = null) {
    const isLatest = () => this.text === text;
    if (this.text === text && this.reading) return this.reading;
    this.text = text;
    this.reading = this.readAnew(text, ids, isLatest);
    return this.reading;
  }

  async readAnew(text, ids, isLatest) {
    const { source } = this;
    try {
      if (!source.vocabulary) {
        this.tell("loading …");
        await source.open();
      }
      const read = ids ?? (await this.encode(text));
      const shares = softmax(await source.logits(read));
      if (!isLatest()) return;
      Object.assign(this, { ids: read, shares });
      this.show(likeliest(shares, source.vocabulary, this.count));
    } catch (error) {
      if (!isLatest()) return;
      Object.assign(this, { shares: null, reading: null });
      const stranger = quote(this.strangers?.[0]);
      this.show(plainError(error).replace(/[“']<unk>[”']/, stranger));
    }
  }

  /** Ids from bosId on. A last word that is not known may be unfinished. */
  async encode(text) {
    const { source, unknown } = this;
    const ids = await source.encode(text);
    const words = splitWords(text);
    const isByWords = unknown !== null && words.length === ids.length;
    this.unfinished = "";
    this.strangers = [];
    if (isByWords) {
      if (ids.at(-1) === unknown && text.endsWith(words.at(-1))) {
        ids.pop();
        this.unfinished = words.pop();
      }
      this.strangers = words.filter((_, i) => ids[i] === unknown);
    }
    return [source.bosId, ...ids];
  }

  /** The text with one more token. */
  async textWith(text, id) {
    const before = await this.source.decode(this.ids);
    const after = await this.source.decode([...this.ids, id]);
    if (!after.startsWith(before)) return after; // half a character
    const added = after.slice(before.length);
    const kept = text.slice(0, text.length - this.unfinished.length);
    if (!kept.trim()) return added.trimStart();
    return (added.startsWith(" ") ? kept.trimEnd() : kept) + added;
  }
}

/** What a reader should know about how the text was read. */
function hintOf({ source, ids, strangers = [], unfinished }) {
  if (strangers.length) {
    const some = [...new Set(strangers)].slice(0, 3).map(quote).join(", ");
    return `No story has ${some}: the models see a mark for “unknown” there.`;
  }
  if (ids && source.contextLength && ids.length > source.contextLength) {
    return (
      `${capital(source.name)} is full: it reads the last ` +
      `${source.contextLength} tokens, and not what came before.`
    );
  }
  return unfinished ? `Not a word yet, so left out: ${quote(unfinished)}.` : "";
}

/** What can follow, by the judge, and the shares of what cannot. */
function judged(columns, judge) {
  if (!judge?.shares) return null;
  const allowed = (id) => judge.shares[id] > 0;
  const { vocabulary } = judge.source;
  const possible = vocabulary.filter((_, id) => allowed(id)).map(tokenText);
  const wrong = columns.map(({ shares }) =>
    shares?.reduce((sum, p, id) => (allowed(id) ? sum : sum + p), 0) ?? null,
  );
  return { possible, wrong };
}

/** The sentence below the columns. */
function whatIsSeen(columns, seen) {
  if (seen === null) {
    const firsts = columns
      .filter(({ found }) => found.length)
      .map(({ source, found: [first] }) =>
        `${source.name} ${quote(first.label)}, ${first.text}`);
    return firsts.length ? `First guess: ${firsts.join("; ")}.` : "";
  }
  const { possible, wrong } = seen;
  const can =
    possible.length === 1
      ? `only ${quote(possible[0])} can come next`
      : `${possible.length} words can come next`;
  const shares = columns
    .map(({ source }, i) => [source.name, wrong[i]])
    .filter(([, share], i) => share !== null && columns[i].isJudged)
    .map(([name, share]) => `${name} ${shareText(share)}`);
  return (
    `In these stories ${can}. ` +
    `Share on words that cannot: ${shares.join(", ")}.`
  );
}

const quote = (word) => `“${word}”`;
const capital = (text) => text[0].toUpperCase() + text.slice(1);

export default { render };
