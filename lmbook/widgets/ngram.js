// The n-gram model (lmbook/ngram.py): p = alpha + gamma * p of the shorter
// context, whatever the smoothing was.
//
// The n-grams of an order have numbers; those of one context stand side by
// side, in the order of their last words. A state holds the numbers of the
// contexts of 0, 1, 2, … words, -1 for one that was not seen.
// Leaves out: smoothing, which Python has done.

import { expand, makePause, toMatrix } from "./safetensors.js";

/** Read the tables of all orders, a little at a time. */
export async function readNGrams({ config, types }, tensors) {
  const pause = makePause();
  const orders = [];
  for (let n = 1; n <= config.order; n++) {
    const arrays = {};
    for (const name of ["words", "followers", "counts", "alpha", "gamma"]) {
      const key = `${name}.${n}`;
      arrays[name] = await expand(tensors[key], types[key]);
      await pause();
    }
    for (const name of ["alpha", "gamma"]) {
      const { values } = toMatrix(tensors[`${name}_values.${n}`]);
      arrays[`${name}Values`] = values;
    }
    arrays.starts = await runningSums(arrays.followers, pause);
    orders.push(arrays);
  }
  return new NGramModel(config, orders);
}

/** 0, a, a + b, … of the numbers a, b, … */
async function runningSums(numbers, pause) {
  const sums = new Uint32Array(numbers.length + 1);
  for (let i = 0; i < numbers.length; i++) {
    sums[i + 1] = sums[i] + numbers[i];
    if (i % 65536 === 0) await pause();
  }
  return sums;
}

export class NGramModel {
  constructor(config, orders) {
    this.config = config;
    this.orders = orders;
    const evenly = this.gamma(0, 0) / (config.vocab_size - 1);
    this.wordProbs = new Float64Array(config.vocab_size);
    for (let id = 0; id < config.vocab_size; id++) {
      this.wordProbs[id] = this.alpha(0, id) + evenly;
    }
    this.wordProbs[config.bos_id] = 0;
  }

  start() {
    return { contexts: new Int32Array(this.config.order).fill(-1, 1) };
  }

  step({ contexts: before }, tokenId) {
    const contexts = new Int32Array(this.config.order);
    for (let n = 0; n + 1 < this.config.order; n++) {
      contexts[n + 1] = this.find(n, before[n], tokenId);
    }
    return { state: { contexts }, logits: this.logProbs(contexts) };
  }

  /** What an n-gram of order n + 1 keeps for itself. */
  alpha(n, number) {
    if (number < 0) return 0;
    return this.orders[n].alphaValues[this.orders[n].alpha[number]];
  }

  /** What a context of n words passes on; its last entry: if not seen. */
  gamma(n, context) {
    const { gamma, gammaValues } = this.orders[n];
    return gammaValues[gamma[context < 0 ? gamma.length - 1 : context]];
  }

  /** The numbers [from, to) of the n-grams with a context of n words. */
  range(n, context) {
    if (context < 0) return [0, 0];
    const { starts } = this.orders[n];
    return [starts[context], starts[context + 1]];
  }

  /** The number of the n-gram `context word`; -1 if not seen. */
  find(n, context, word) {
    const { words } = this.orders[n];
    let [low, high] = this.range(n, context);
    const end = high;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (words[middle] < word) low = middle + 1;
      else high = middle;
    }
    return low < end && words[low] === word ? low : -1;
  }

  /** Natural logarithms of the probabilities of all words. */
  logProbs(contexts) {
    const probs = this.wordProbs.slice();
    for (let n = 1; n < contexts.length; n++) {
      const gamma = this.gamma(n, contexts[n]);
      for (let id = 0; id < probs.length; id++) probs[id] *= gamma;
      const [from, to] = this.range(n, contexts[n]);
      for (let i = from; i < to; i++) {
        probs[this.orders[n].words[i]] += this.alpha(n, i);
      }
    }
    return Float32Array.from(probs, Math.log);
  }

  /**
   * What followed the context of n words: { tokenId, count, alpha } each,
   * most frequent first.
   */
  followers({ contexts }, n) {
    const { words, counts } = this.orders[n];
    const [from, to] = this.range(n, contexts[n]);
    const found = [];
    for (let i = from; i < to; i++) {
      const [tokenId, count] = [words[i], counts[i]];
      if (count) found.push({ tokenId, count, alpha: this.alpha(n, i) });
    }
    return found.sort((a, b) => b.count - a.count);
  }

  /** How p(token | context) comes about, as `NGramModel.explain` tells it. */
  explain(state, tokenId) {
    const isBos = tokenId === this.config.bos_id;
    let p = isBos ? 0 : 1 / (this.config.vocab_size - 1);
    const lines = [];
    for (let n = 0; n < this.config.order; n++) {
      const context = state.contexts[n];
      const number = this.find(n, context, tokenId);
      const alpha = this.alpha(n, number);
      const gamma = this.gamma(n, context);
      p = alpha + gamma * p;
      const count = number < 0 ? 0 : this.orders[n].counts[number];
      const [from, to] = this.range(n, context);
      const siblings = this.orders[n].counts.subarray(from, to);
      const contextCount = siblings.reduce((a, b) => a + b, 0);
      lines.push({ order: n + 1, count, contextCount, alpha, gamma, p });
    }
    return lines;
  }
}
