// The book's language models in the page: n-gram, recurrent, Transformer and
// the oracle, from files that lmbook.export_web writes.
//
//     const model = await loadModel("models/lstm.safetensors");
//     let { state, logits } = model.step(model.start(), model.bosId);
//     ({ state, logits } = model.step(state, model.encode("One")[0]));
//
// A state is never changed: any may be gone back to and continued anew.
// Leaves out: training, batches; sampling, which is for the parts.

import { readNGrams } from "./ngram.js";
import { OracleModel } from "./oracle.js";
import { RecurrentModel } from "./recurrent.js";
import { makePause, readTensors, toMatrix } from "./safetensors.js";
import { makeTokenizer } from "./tokenizer.js";
import { TransformerModel } from "./transformer.js";

const FAMILIES = {
  ngram: readNGrams,
  recurrent: (about, tensors) => readNetwork(RecurrentModel, about, tensors),
  transformer: (about, tensors) =>
    readNetwork(TransformerModel, about, tensors),
  oracle: (about, tensors) => new OracleModel(about, tensors),
};
const loading = new Map();

/**
 * The model of a file, fetched once however often it is asked for:
 * { kind, config, vocabulary, vocabSize, bosId, eosId, contextLength | null,
 *   encode(text), decode(tokenIds), start(),
 *   step(state, tokenId) -> { state, logits: Float32Array(V) } }.
 */
export function loadModel(url) {
  const address = String(url);
  if (!loading.has(address)) {
    const model = fetchModel(address);
    loading.set(address, model);
    model.catch(() => loading.delete(address)); // the next one tries again
  }
  return loading.get(address);
}

async function fetchModel(address) {
  const response = await fetch(address);
  if (!response.ok) {
    const name = new URL(address, location).pathname.split("/").at(-1);
    throw new Error(`${name} could not be fetched (${response.status}).`);
  }
  return readModel(await response.arrayBuffer());
}

/** The model of a file's bytes, an ArrayBuffer. */
export async function readModel(buffer) {
  const { about, tensors } = readTensors(buffer);
  const tokenizer = makeTokenizer(about.tokenizer);
  const model = await FAMILIES[about.kind](about, tensors);
  return Object.assign(model, {
    kind: about.kind,
    vocabulary: tokenizer.tokens,
    vocabSize: tokenizer.tokens.length,
    bosId: tokenizer.bosId,
    eosId: tokenizer.eosId,
    contextLength: about.config.context_length ?? null,
    encode: (text) => tokenizer.encode(text),
    decode: (tokenIds) => tokenizer.decode(tokenIds),
  });
}

async function readNetwork(Network, { config }, tensors) {
  const pause = makePause();
  const weights = {};
  for (const [name, tensor] of Object.entries(tensors)) {
    weights[name] = toMatrix(tensor);
    await pause();
  }
  return new Network(config, weights);
}

/**
 * Reads texts that mostly grow: what two texts in a row begin with is read
 * once. Long texts are read a little at a time, so that the page answers.
 */
export class TextReader {
  constructor(model) {
    this.model = model;
    this.trail = [];
  }

  /**
   * Token ids, from bosId on -> { tokenId, state, logits } for each of them.
   * Of a text longer than contextLength, only its end is read.
   */
  async read(tokenIds) {
    const pause = makePause();
    const { model } = this;
    const window = tokenIds.slice(-(model.contextLength ?? tokenIds.length));
    const isNew = window.findIndex((id, i) => id !== this.trail[i]?.tokenId);
    const shared = isNew < 0 ? window.length : isNew;
    const trail = this.trail.slice(0, shared);
    for (const tokenId of window.slice(shared)) {
      const { state } = trail.at(-1) ?? { state: model.start() };
      trail.push({ tokenId, ...model.step(state, tokenId) });
      await pause();
    }
    this.trail = trail;
    return trail;
  }

  /** The logits after the last of the token ids. */
  async logits(tokenIds) {
    return (await this.read(tokenIds)).at(-1).logits;
  }
}
