// What is done to a distribution before a word is drawn, as in
// lmbook/sampling.py and beyond it: a penalty on words that were there,
// temperature, top-k, top-p, min-p, in this order.
// Leaves out: penalties that count, and beam search.
import { softmax } from "./distribution.js";

export const NOTHING = {
  penalty: 0,
  temperature: 1,
  topK: Infinity,
  topP: 1,
  minP: 0,
};

/** Logits -> shares of 1; what is cut has 0. `seen`: ids of the text. */
export function choose(logits, seen, settings) {
  const { penalty, temperature, topK, topP, minP } = settings;
  const punished = Float64Array.from(logits);
  for (const id of new Set(seen)) punished[id] -= penalty;
  let shares = temper(punished, temperature);
  shares = keep(shares, firstOf(shares, topK));
  shares = keep(shares, nucleus(shares, topP));
  const least = minP * Math.max(...shares);
  return keep(shares, (id) => shares[id] >= least);
}

/** At 0 the first of the largest logits has all. */
function temper(logits, temperature) {
  if (temperature > 0) {
    return softmax(logits.map((logit) => logit / temperature));
  }
  const best = logits.indexOf(Math.max(...logits));
  return logits.map((_, id) => Number(id === best));
}

function keep(shares, isKept) {
  const kept = shares.map((share, id) => (isKept(id) ? share : 0));
  const total = kept.reduce((sum, share) => sum + share, 0);
  return kept.map((share) => share / total);
}

/** Ids from the largest share down; of equals the lower id first. */
function ranked(shares) {
  const ids = [...shares.keys()];
  return ids.sort((a, b) => shares[b] - shares[a] || a - b);
}

function firstOf(shares, k) {
  if (k >= shares.length) return () => true;
  const kept = new Set(ranked(shares).slice(0, k));
  return (id) => kept.has(id);
}

/** The likeliest until they hold p together, with the one that gets there. */
function nucleus(shares, p) {
  if (p >= 1) return () => true;
  const kept = new Set();
  let sum = 0;
  for (const id of ranked(shares)) {
    if (sum >= p) break;
    kept.add(id);
    sum += shares[id];
  }
  return (id) => kept.has(id);
}

/** Bits that words cost with these shares, if they come as the truth says. */
export function crossEntropy(truth, shares) {
  let bits = 0;
  truth.forEach((p, id) => {
    if (p > 0) bits -= p * Math.log2(shares[id]);
  });
  return bits;
}
