// The models that a part asks (lmbook/widgets/sources.py). A part need not
// know whether they run in the page or in the reader's own Python.
//
//     const [source] = sourcesOf(model);
//     await source.open();               // weights are fetched here
//     const tokenIds = [source.bosId, ...(await source.encode("One day"))];
//     const logits = await source.logits(tokenIds);
//
// Leaves out: attention, hidden states. A PageSource has its `model` for that.
import { ask, isLive } from "./kernel.js";
import { loadModel, TextReader } from "./models.js";

/**
 * The models of a part, not yet open, in the order that Python gave them.
 * Each has name, series; after open() vocabulary, bosId, eosId and
 * contextLength (or null); and async encode, decode, logits (of the next).
 */
export function sourcesOf(model) {
  const { sources } = model.get("data");
  return sources.map((about, index) =>
    isLive(model)
      ? new KernelSource(about, model, index)
      : new PageSource(about, model.get("base")),
  );
}

/** A model of the book, computed in the page. */
class PageSource {
  constructor(about, base) {
    Object.assign(this, about, { base });
  }

  async open() {
    if (this.file === null) {
      throw new Error(`${this.name} answers in a running notebook only`);
    }
    this.model = await loadModel(this.base + this.file);
    this.reader = new TextReader(this.model);
    const { vocabulary, bosId, eosId, contextLength } = this.model;
    Object.assign(this, { vocabulary, bosId, eosId, contextLength });
    return this;
  }

  async encode(text) {
    return this.model.encode(text);
  }

  async decode(tokenIds) {
    return this.model.decode(tokenIds);
  }

  logits(tokenIds) {
    return this.reader.logits(tokenIds);
  }
}

/** A model in the Python that made the part. */
class KernelSource {
  constructor(about, widget, source) {
    Object.assign(this, about, { widget, source });
  }

  async open() {
    return Object.assign(this, await this.ask("open"));
  }

  ask(name, given = {}) {
    return ask(this.widget, name, { source: this.source, ...given });
  }

  encode(text) {
    return this.ask("encode", { text });
  }

  decode(tokenIds) {
    return this.ask("decode", { token_ids: tokenIds });
  }

  logits(tokenIds) {
    return this.ask("logits", { token_ids: tokenIds });
  }
}
