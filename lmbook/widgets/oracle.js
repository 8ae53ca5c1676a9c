// The true model of Storyworld (lmbook/oracle.py), from the tables that
// lmbook.oracle_tables makes: exact next-word probabilities in the page.
//
// A phase writes one of several fragments. How many, their weights and what
// follows depend on a few variables of the world: each such case is a shape.
// Words and new values depend on a few variables too, through a table.
// A state is { node, world }: where in the fragments, and what is the case.
// Leaves out: checks of the tables, which Python has tested.

const MOST_KEPT = 2000; // beginnings of phases, with all their branches

export class OracleModel {
  constructor({ config, phases, variables, values, kinds }, tensors) {
    this.config = config;
    this.phases = phases;
    this.values = values;
    this.kindNames = kinds;
    this.tables = new Uint16Array(tensors.tables.bytes);
    this.places = {}; // of each variable's values, among all that it has
    this.sizes = {};
    for (const [name, members] of Object.entries(variables)) {
      this.places[name] = new Map(members.map((value, i) => [value, i]));
      this.sizes[name] = members.length;
    }
    this.kept = new Map();
  }

  /** Before `<s>`. */
  start() {
    return { node: null, world: {} };
  }

  /** Throws for a word that cannot follow, with those that can. */
  step(state, tokenId) {
    const after = this.advance(state, tokenId);
    return { state: after, logits: this.logProbs(after.node) };
  }

  advance({ node, world }, tokenId) {
    if (node === null) {
      if (tokenId === this.config.bos_id) {
        return { node: this.enter(0, {}), world: {} };
      }
      throw new Error("a story starts with <s>");
    }
    const branch = node.get(tokenId);
    if (!branch) throw new Error(this.whatCanFollow(node, tokenId));
    if (branch.node) return { node: branch.node, world };
    const changed = { ...world, ...branch.ends.changes };
    return { node: this.enter(branch.ends.then, changed), world: changed };
  }

  whatCanFollow(node, tokenId) {
    const words = [...node.keys()].map((id) => this.values[id]);
    const more = words.length > 8 ? ` and ${words.length - 8} more` : "";
    const can = words.slice(0, 8).join(", ") + more;
    const wrong = this.values[tokenId];
    return `“${wrong}” cannot follow in Storyworld; what can: ${can}`;
  }

  /** What may follow: token id -> { logProb, kind }. */
  next({ node }) {
    return node ?? new Map();
  }

  /** The world so far: name of a variable -> its value. */
  world(state) {
    const entries = Object.entries(state.world);
    return Object.fromEntries(entries.map(([k, v]) => [k, this.values[v]]));
  }

  logProbs(node) {
    const row = new Float32Array(this.config.vocab_size).fill(-Infinity);
    for (const [tokenId, { logProb }] of node) row[tokenId] = logProb;
    return row;
  }

  /** The beginning of a phase in a world. */
  enter(number, world) {
    const phase = this.phases[number];
    const places = {};
    for (const name of phase.arguments) {
      places[name] = this.places[name].get(world[name]);
    }
    const key = `${number} ${Object.values(places)}`;
    if (!this.kept.has(key)) {
      if (this.kept.size >= MOST_KEPT) this.kept.clear();
      this.kept.set(key, this.build(this.fragments(phase, places), 0));
    }
    return this.kept.get(key);
  }

  /** A number, or what stands in a table at the variables' values. */
  lookUp(entry, places) {
    if (typeof entry === "number") return entry;
    const [start, ...names] = entry;
    const sizes = this.sizes;
    const at = names.reduce((sum, n) => sum * sizes[n] + places[n], 0);
    return this.tables[start + at];
  }

  /** What a phase may write: { words, kinds, then, weight, changes }. */
  fragments(phase, places) {
    const shape = phase.shapes[this.lookUp(phase.shape, places)];
    return shape.map((fragment) => {
      const changes = {};
      for (const [name, entry] of Object.entries(fragment.changes)) {
        changes[name] = this.lookUp(entry, places);
      }
      const words = fragment.words.map((entry) => this.lookUp(entry, places));
      return { ...fragment, words, changes };
    });
  }

  /**
   * The node at which these fragments agree on `depth` words: token id ->
   * { logProb, kind } and either the next node or the fragment that ends.
   */
  build(fragments, depth) {
    const branches = new Map();
    for (const fragment of fragments) {
      const id = fragment.words[depth];
      if (!branches.has(id)) branches.set(id, []);
      branches.get(id).push(fragment);
    }
    const weigh = (some) => some.reduce((sum, f) => sum + f.weight, 0);
    const total = weigh(fragments);
    const unmarked = branches.size === 1 ? "grammar" : "choice";
    const node = new Map();
    for (const [id, branch] of branches) {
      const [first] = branch;
      const kind = this.kindNames[first.kinds[depth]] || unmarked;
      const isEnd = first.words.length === depth + 1;
      const ahead = isEnd
        ? { ends: first }
        : { node: this.build(branch, depth + 1) };
      const logProb = Math.log(weigh(branch) / total);
      node.set(id, { logProb, kind, ...ahead });
    }
    return node;
  }
}
