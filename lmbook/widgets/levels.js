// What each context gives and passes on: "levels", the longest context first,
// { context: [words], total, gamma, followers: [[word, count, alpha], …] }.
// Leaves out: the counting, which is in heard.js and in Python.
import { ask, isLive } from "./kernel.js";
import { loadModel } from "./models.js";

/** The levels of a trained model, in the page or in Python. */
export function modelOf(widget) {
  if (isLive(widget)) return (text) => ask(widget, "levels", { text });
  return async (text) => {
    const { file } = widget.get("data");
    if (!file) {
      throw new Error("Your model answers in a running notebook only.");
    }
    const model = await loadModel(widget.get("base") + file);
    const ids = [model.bosId, ...model.encode(text)];
    let state = model.start();
    for (const id of ids) ({ state } = model.step(state, id));
    const name = (id) => model.vocabulary[id];
    const levels = ids.slice(0, model.config.order - 1).map((_, i, some) => {
      const n = some.length - i;
      return readLevel(model, state, n, ids.slice(-n).map(name));
    });
    levels.push(readLevel(model, state, 0, []));
    return { levels, evenly: 1 / (model.vocabSize - 1) };
  };
}

function readLevel(model, state, n, context) {
  const name = ({ tokenId }) => model.vocabulary[tokenId];
  const followers = model
    .followers(state, n)
    .map((found) => [name(found), found.count, found.alpha]);
  return {
    context,
    total: followers.reduce((sum, [, count]) => sum + count, 0),
    gamma: model.gamma(n, state.contexts[n]),
    followers,
  };
}

/** p(w) of every word that followed: alpha + gamma * p of the level below. */
export function distribution({ levels, evenly = 0 }) {
  const words = levels.at(-1)?.followers.map(([word]) => word) ?? [];
  const probs = new Map(words.map((word) => [word, evenly]));
  for (const { followers, gamma } of [...levels].reverse()) {
    for (const [word, p] of probs) probs.set(word, gamma * p);
    for (const [word, , alpha] of followers) {
      probs.set(word, (probs.get(word) ?? 0) + alpha);
    }
  }
  return probs;
}

/** Each level with what reaches it, and what it gives the word. */
export function accountOf({ levels, evenly = 0, off = 0, isByPlaces }, word) {
  let reach = 1;
  const rows = levels.map((level, i) => {
    const own = level.followers.find(([name]) => name === word)?.[2] ?? 0;
    const unit = isByPlaces && i > 0 ? "place" : "time";
    const discount = level.context.length ? off : 0;
    const row = { ...level, own, reach, unit, discount };
    reach *= level.gamma;
    return row;
  });
  if (reach > 0 && evenly) {
    rows.push({ own: evenly, reach, followers: [], gamma: 0, isLast: true });
  }
  return rows;
}
