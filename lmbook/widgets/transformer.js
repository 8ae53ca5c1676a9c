// The Transformer with its KV cache (lmbook/transformer.py), token by token.
//
// Leaves out: dropout, other positions than rotary, reading a text at once.

import { addTo, multiply, normalize, scaledRow } from "./matrices.js";
import { sigmoid, softmaxInPlace } from "./matrices.js";

const PROJECTIONS = ["query", "key", "value", "output"];
const NORMS = ["attention_norm", "feed_forward_norm"];

/**
 * Every layer's keys and values; the first `length` positions are filled.
 * States share it. One that is not the longest continues in a copy.
 */
class KVCache {
  constructor(numLayers, size) {
    const room = () => new Float32Array(size);
    this.keys = Array.from({ length: numLayers }, room);
    this.values = Array.from({ length: numLayers }, room);
    this.length = 0;
  }

  copy(length, width) {
    const copied = new KVCache(this.keys.length, this.keys[0].length);
    for (const name of ["keys", "values"]) {
      this[name].forEach((from, n) => {
        copied[name][n].set(from.subarray(0, length * width));
      });
    }
    copied.length = length;
    return copied;
  }
}

export class TransformerModel {
  /** The config and name -> matrix, as lmbook.export writes them. */
  constructor(config, weights) {
    this.config = config;
    this.weights = weights;
    this.dHead = config.d_model / config.num_heads;
    this.dKV = this.dHead * config.num_kv_heads;
    this.embedding = weights["token_embedding.weight"];
    this.unembedding = weights["unembedding.weight"] ?? this.embedding;
    this.scale = config.scale_embedding ? Math.sqrt(config.d_model) : 1;
    this.blocks = [];
    for (let n = 0; n < config.num_layers; n++) {
      this.blocks.push(blockWeights(weights, `blocks.${n}.`));
    }
    this.makeRoom();
  }

  /** What a step works out, written over by the next one. */
  makeRoom() {
    const { d_model, d_ff, context_length } = this.config;
    const room = (size) => new Float32Array(size);
    this.hidden = room(d_model);
    this.normed = room(d_model);
    this.queries = room(d_model);
    this.mixed = room(d_model);
    this.added = room(d_model);
    this.gate = room(d_ff);
    this.up = room(d_ff);
    this.scores = room(context_length);
    this.cosines = room(this.dHead / 2);
    this.sines = room(this.dHead / 2);
  }

  start() {
    const size = this.config.context_length * this.dKV;
    return { cache: new KVCache(this.config.num_layers, size), length: 0 };
  }

  /**
   * With `inside`, the result has `attention[layer][head]` too: a
   * Float32Array with the share of each token so far.
   */
  step({ cache, length }, tokenId, inside = false) {
    if (length >= this.config.context_length) {
      throw new Error(
        `a text of ${length + 1} tokens is longer than ` +
          `context_length=${this.config.context_length}: cut its beginning`,
      );
    }
    const own = cache.length === length ? cache : cache.copy(length, this.dKV);
    own.length = length + 1;
    this.turnTo(length);
    scaledRow(this.embedding, tokenId, this.scale, this.hidden);
    const attention = [];
    this.blocks.forEach((block, n) => {
      const layer = { keys: own.keys[n], values: own.values[n], at: length };
      attention.push(this.attend(block, layer, inside));
      this.think(block);
    });
    const after = { state: { cache: own, length: length + 1 } };
    after.logits = this.unembed();
    return inside ? { ...after, attention } : after;
  }

  /** The angles of rotary positions (lmbook/positions.py). */
  turnTo(position) {
    for (let i = 0; i < this.cosines.length; i++) {
      const turns = this.config.rotary_base ** ((-2 * i) / this.dHead);
      this.cosines[i] = Math.cos(position * turns);
      this.sines[i] = Math.sin(position * turns);
    }
  }

  /** Turn each head's pairs: axes i and i + K/2. */
  rotate(vector) {
    const half = this.dHead / 2;
    for (let head = 0; head < vector.length; head += this.dHead) {
      for (let i = 0; i < half; i++) {
        const a = vector[head + i];
        const b = vector[head + half + i];
        vector[head + i] = a * this.cosines[i] - b * this.sines[i];
        vector[head + half + i] = b * this.cosines[i] + a * this.sines[i];
      }
    }
  }

  /** hidden += attention of its norm; the shares of each head if wanted. */
  attend(block, { keys, values, at }, inside) {
    const { dKV, dHead, config, scores } = this;
    const eps = config.norm_eps;
    normalize(this.hidden, block.attention_norm, eps, this.normed);
    multiply(block.query, this.normed, this.queries);
    const key = keys.subarray(at * dKV, (at + 1) * dKV);
    multiply(block.key, this.normed, key);
    const value = values.subarray(at * dKV, (at + 1) * dKV);
    multiply(block.value, this.normed, value);
    this.rotate(this.queries);
    this.rotate(key);
    const groupSize = config.num_heads / config.num_kv_heads;
    const shares = [];
    for (let head = 0; head < config.num_heads; head++) {
      const offset = Math.floor(head / groupSize) * dHead;
      this.score(keys, offset, head * dHead, at + 1);
      this.mix(values, offset, head * dHead, at + 1);
      if (inside) shares.push(scores.slice(0, at + 1));
    }
    addTo(this.hidden, multiply(block.output, this.mixed, this.added));
    return shares;
  }

  /** softmax of q · k / sqrt(K) over the positions, into `scores`. */
  score(keys, offset, query, length) {
    const { dKV, dHead, queries, scores } = this;
    const scale = 1 / Math.sqrt(dHead);
    for (let position = 0; position < length; position++) {
      const key = position * dKV + offset;
      let sum = 0;
      for (let i = 0; i < dHead; i++) {
        sum += queries[query + i] * keys[key + i];
      }
      scores[position] = sum * scale;
    }
    softmaxInPlace(scores, length);
  }

  /** The values of all positions, each by its share, into `mixed`. */
  mix(values, offset, head, length) {
    const { dKV, dHead, mixed, scores } = this;
    mixed.fill(0, head, head + dHead);
    for (let position = 0; position < length; position++) {
      const value = position * dKV + offset;
      const share = scores[position];
      for (let i = 0; i < dHead; i++) {
        mixed[head + i] += share * values[value + i];
      }
    }
  }

  /** hidden += SwiGLU of its norm (lmbook/layers.py). */
  think(block) {
    const { gate, up, normed } = this;
    const eps = this.config.norm_eps;
    normalize(this.hidden, block.feed_forward_norm, eps, normed);
    multiply(block.gate, normed, gate);
    multiply(block.up, normed, up);
    for (let i = 0; i < gate.length; i++) {
      gate[i] *= sigmoid(gate[i]) * up[i];
    }
    addTo(this.hidden, multiply(block.down, gate, this.added));
  }

  unembed() {
    const norm = this.weights["final_norm.weight"];
    normalize(this.hidden, norm, this.config.norm_eps, this.normed);
    const logits = new Float32Array(this.config.vocab_size);
    return multiply(this.unembedding, this.normed, logits);
  }
}

/** The weights of one block by short names. */
function blockWeights(weights, prefix) {
  const block = {};
  for (const name of PROJECTIONS) {
    block[name] = weights[`${prefix}attention.${name}_proj.weight`];
  }
  for (const name of ["gate", "up", "down"]) {
    block[name] = weights[`${prefix}feed_forward.${name}_proj.weight`];
  }
  for (const name of NORMS) block[name] = weights[`${prefix}${name}.weight`];
  return block;
}
