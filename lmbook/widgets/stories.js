// A story of Storyworld, and what each of its words costs each model: from
// Python, or written and scored in the page (lmbook/widgets/stories.py).
// Leaves out: texts that the oracle did not write.
import { draw, softmax } from "./distribution.js";
import { ask, isLive } from "./kernel.js";
import { joinWords } from "./tokenizer.js";

const SEEDS = 2 ** 31;

/**
 * A new story: { tokens, kinds, bits[source][word], guesses[source][word] },
 * a guess being [token, share]. The oracle is the last source.
 */
export async function anotherStory(model, sources) {
  if (isLive(model)) {
    return ask(model, "another", { seed: Math.floor(Math.random() * SEEDS) });
  }
  await Promise.all(sources.map((source) => source.open()));
  const oracle = sources.at(-1).model;
  const { ids, kinds } = writeStory(oracle);
  const story = { kinds, bits: [], guesses: [] };
  story.tokens = ids.slice(1).map((id) => oracle.vocabulary[id]);
  for (const source of sources) {
    const { bits, guesses } = await scoreStory(source, ids);
    story.bits.push(bits);
    story.guesses.push(guesses);
  }
  return story;
}

/** Ids from bosId to eosId, and the kind of each after the first. */
function writeStory(oracle) {
  const ids = [oracle.bosId];
  const kinds = [];
  let { state, logits } = oracle.step(oracle.start(), oracle.bosId);
  while (ids.at(-1) !== oracle.eosId) {
    const id = draw(softmax(logits), Math.random());
    ids.push(id);
    kinds.push(oracle.next(state).get(id).kind);
    ({ state, logits } = oracle.step(state, id));
  }
  return { ids, kinds };
}

async function scoreStory(source, ids) {
  const bits = [];
  const guesses = [];
  for (let t = 1; t < ids.length; t++) {
    const shares = softmax(await source.logits(ids.slice(0, t)));
    const best = shares.indexOf(Math.max(...shares));
    bits.push(Math.max(0, -Math.log2(shares[ids[t]])));
    guesses.push([source.vocabulary[best], shares[best]]);
  }
  return { bits, guesses };
}

/** The tokens as they stand in a text: each with the space before it. */
export function spaced(tokens) {
  const words = tokens.filter((token) => token !== "</s>");
  return words.map((word, i) => {
    const before = words.slice(Math.max(0, i - 1), i);
    return joinWords([...before, word]).slice(joinWords(before).length);
  });
}

export const sum = (values) => values.reduce((total, x) => total + x, 0);
