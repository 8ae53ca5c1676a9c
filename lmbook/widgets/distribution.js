// Next-word distributions as the parts show them: from logits to shares, to
// the likeliest words, to a word that is drawn.
// Leaves out: temperature and the like.

const ROUND = 1e5; // equal shares shall keep their order, by id
const LEAST = 0.0005; // what is shown

/** Logits (log-probabilities too, -Infinity allowed) -> shares of 1. */
export function softmax(logits) {
  let largest = -Infinity;
  for (const logit of logits) largest = Math.max(largest, logit);
  const shares = Float64Array.from(logits, (x) => Math.exp(x - largest));
  const total = shares.reduce((sum, share) => sum + share, 0);
  return shares.map((share) => share / total);
}

/** The likeliest tokens, [[id, token, share], …], as in Python's data. */
export function likeliest(shares, vocabulary, count) {
  const rounded = shares.map((share) => Math.round(share * ROUND) / ROUND);
  const order = [...rounded.keys()].sort(
    (a, b) => rounded[b] - rounded[a] || a - b,
  );
  return order
    .slice(0, count)
    .filter((id) => rounded[id] >= LEAST)
    .map((id) => [id, vocabulary[id], shares[id]]);
}

/** The token on which a point between 0 and 1 falls. */
export function draw(shares, point) {
  let sum = 0;
  let last = 0;
  for (let id = 0; id < shares.length; id++) {
    if (shares[id] === 0) continue;
    sum += shares[id];
    last = id;
    if (point < sum) return id;
  }
  return last; // the sum may be 1 - 1e-16
}

/** A share as a reader wants it: `12.5 %`, and `< 0.1 %` for little. */
export function shareText(share) {
  if (share > 0 && share < LEAST) return "< 0.1 %";
  if (share < 1 && share >= 0.9995) return "> 99.9 %";
  return `${(100 * share).toFixed(1)} %`;
}

/** A token as a reader can see it. */
export function tokenText(token) {
  if (token === "</s>") return "(the end)";
  return token.replaceAll("\n", "↵").replaceAll(" ", "␣") || "␀";
}

/** Python's errors without their kind. */
export function plainError(error) {
  return error.message.replace(/^\w+Error: (?:token \d+, after [^:]*: )?/, "");
}
