// Stories that models write, side by side, each word drawn from a model's own
// distribution. The oracle, if it is among them, marks the first word that
// cannot come.
// Leaves out: temperature and the like.
import { draw, softmax } from "./distribution.js";
import { element, seriesColour, wantsStillness } from "./ui.js";

const WORD_MILLISECONDS = 45;
const MOST_TOKENS = 200;

/**
 * Rows of stories: `node`. `newSources()` gives fresh sources, as each reader
 * keeps its own place in a text; `judge` is the oracle's number or null.
 * `onChange` is called when writing begins or ends.
 */
export function makeWriters(newSources, judge, onChange) {
  const node = element("div", { class: "stories" });
  let run = null;

  /** Go on from ids, one list for each source, or none; the verdicts. */
  async function write(beginnings) {
    run = { isOn: true };
    onChange();
    const mine = run;
    const canJudge = judge !== null && beginnings[judge];
    const stories = newSources().map((source, i) => ({
      source,
      ids: beginnings[i],
      judge: canJudge && i !== judge ? newSources()[judge] : null,
    })).filter(({ ids }) => ids).map((given) => new Story(given));
    node.replaceChildren(...stories.map((story) => story.node));
    try {
      await Promise.all(stories.map((story) => story.write(mine)));
    } finally {
      if (mine === run) stop();
    }
    const judged = stories.filter((story) => story.judge);
    return judged.map((story) => `${story.title}.`).join(" ");
  }

  function stop() {
    if (run) run.isOn = false;
    run = null;
    onChange();
  }

  function clear() {
    stop();
    node.replaceChildren();
  }

  const isOn = { get: () => run !== null };
  return Object.defineProperties({ node, write, stop, clear }, { isOn });
}

/** One model's story, from where the text stands. */
class Story {
  constructor({ source, ids, judge }) {
    Object.assign(this, { source, ids, judge });
    this.numWords = 0;
    this.numPossible = null; // words before the first that cannot come
    const style = { "--series": seriesColour(source.series) };
    this.name = element("p", { class: "model-name", style }, source.name);
    this.text = element("p", { class: "story" }, ids.length > 1 ? "…" : "");
    this.node = element("div", {}, this.name, this.text);
  }

  async write(run) {
    const { source } = this;
    await Promise.all([source.open(), this.judge?.open()]);
    let text = await source.decode(this.ids);
    for (let n = 0; n < MOST_TOKENS && run.isOn; n++) {
      const id = draw(softmax(await source.logits(this.ids)), Math.random());
      const isWrong = await this.isFirstWrong(id);
      this.ids = [...this.ids, id];
      if (id === source.eosId) break;
      const longer = await source.decode(this.ids);
      this.add(longer.slice(text.length), isWrong);
      text = longer;
      if (!wantsStillness()) await rest(WORD_MILLISECONDS);
    }
    this.end();
  }

  /** Whether this is the first word that the judge does not allow. */
  async isFirstWrong(id) {
    if (!this.judge || this.numPossible !== null) return false;
    const logits = await this.judge.logits(this.ids);
    if (logits[id] > -Infinity) return false;
    this.numPossible = this.numWords;
    return true;
  }

  add(piece, isWrong) {
    this.numWords += 1;
    if (isWrong) {
      this.text.append(" ", element("mark", {}, piece.trimStart()));
      this.after = element("span", { class: "after" });
      this.text.append(this.after);
    } else {
      (this.after ?? this.text).append(piece);
    }
  }

  get title() {
    const { name } = this.source;
    if (!this.judge) return name;
    const count = this.numPossible;
    if (count === null) return `${name}: nothing impossible`;
    const words = count === 1 ? "1 word" : `${count} words`;
    return `${name}: ${words} before an impossible one`;
  }

  end() {
    this.name.textContent = this.title;
  }
}

function rest(milliseconds) {
  return new Promise((resolve) => {
    setTimeout(resolve, milliseconds);
  });
}
