// Text to token ids and back, as lmbook's tokenizers have it: words,
// characters, bytes, byte-pair encoding (lmbook/tokenizers.py, lmbook/bpe.py).
//
// `tokens` are a tokenizer's tokens as text: what a page shows for an id.
// Leaves out: learning. Half a character (a lone surrogate), for which Python
// raises an error, is read as the bytes of U+FFFD.

// Python's \w and \s: letters, numbers, _; the white space of str.isspace.
const LETTER = "[\\p{L}\\p{N}_]";
const WORD = `${LETTER}+(?:['’-]${LETTER}+)*`;
const NUMBER = `\\p{Nd}+(?:[.,]\\p{Nd}+)*(?!${LETTER})`;
const MARK = "[^\\p{White_Space}\\x1c-\\x1f]";
const TOKEN = new RegExp(`${NUMBER}|${WORD}|${MARK}`, "gu");
const NO_SPACE_BEFORE = new Set(".,!?;:”’)]");
const NO_SPACE_AFTER = new Set("“‘([");
const LEFT_OUT = new Set(["<s>", "</s>"]);

// GPT-2's own pattern; its \s is Unicode's white space.
export const PIECE = new RegExp(
  "'(?:[sdmt]|ll|ve|re)| ?\\p{L}+| ?\\p{N}+" +
    "| ?[^\\p{White_Space}\\p{L}\\p{N}]+" +
    "|\\p{White_Space}+(?!\\P{White_Space})|\\p{White_Space}+",
  "gu",
);

/** The words, numbers and punctuation marks of a text, in order. */
export function splitWords(text) {
  return text.match(TOKEN) ?? [];
}

/** The pieces of a text that byte-pair encoding keeps apart, in order. */
export function splitPieces(text) {
  return text.match(PIECE) ?? [];
}

/** One space between words, none before `. , !` or after an opening mark. */
export function joinWords(words) {
  let text = "";
  let previous = "(";
  for (const word of words) {
    const isTight = NO_SPACE_AFTER.has(previous) || NO_SPACE_BEFORE.has(word);
    text += isTight ? word : ` ${word}`;
    previous = word;
  }
  return text;
}

/** Words or characters: how text is cut and joined is all that differs. */
class TableTokenizer {
  constructor({ tokens }, split, join) {
    this.tokens = tokens;
    this.split = split;
    this.join = join;
    this.ids = new Map(tokens.map((token, id) => [token, id]));
    [this.unkId, this.bosId, this.eosId] = [0, 1, 2];
  }

  encode(text) {
    return this.split(text).map((word) => this.ids.get(word) ?? this.unkId);
  }

  decode(tokenIds) {
    const tokens = tokenIds.map((id) => this.tokens[id]);
    return this.join(tokens.filter((token) => !LEFT_OUT.has(token)));
  }
}

/** Text <-> bytes; what is no UTF-8 becomes U+FFFD. */
const toBytes = (text) => [...new TextEncoder().encode(text)];
const fromBytes = (bytes) => {
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  return decoder.decode(Uint8Array.from(bytes));
};

/** How a page shows bytes: as text, or in hexadecimal if they are none. */
export function showBytes(bytes) {
  const text = fromBytes(bytes);
  if (!text.includes("\ufffd")) return text;
  return bytes.map((b) => `\\x${b.toString(16).padStart(2, "0")}`).join("");
}

class ByteTokenizer {
  constructor() {
    const bytes = Array.from({ length: 256 }, (_, byte) => [byte]);
    this.tokens = [...bytes.map(showBytes), "<s>", "</s>"];
    [this.bosId, this.eosId] = [256, 257];
  }

  encode(text) {
    return toBytes(text);
  }

  decode(tokenIds) {
    return fromBytes(tokenIds.filter((id) => id < 256));
  }
}

/** Bytes, merged pair by pair in the order in which pairs were learned. */
class BytePairTokenizer {
  /** `spelled` are the tokens in GPT-2's letters, `merges` pairs of ids. */
  constructor({ spelled, merges, special }) {
    const letters = byteLetters();
    const byteOf = new Map(letters.map((letter, byte) => [letter, byte]));
    const idOf = new Map(spelled.map((token, id) => [token, id]));
    this.bytes = spelled.map((token, id) =>
      special.includes(id)
        ? toBytes(token)
        : [...token].map((letter) => byteOf.get(letter)),
    );
    this.tokens = this.bytes.map(showBytes);
    this.byteIds = letters.map((letter) => idOf.get(letter));
    this.merges = new Map();
    merges.forEach(([left, right], rank) => {
      const id = idOf.get(spelled[left] + spelled[right]);
      this.merges.set(`${left} ${right}`, { rank, id });
    });
    [this.bosId, this.eosId] = [...special, ...special];
  }

  encode(text) {
    return splitPieces(text).flatMap((piece) => this.mergeAll(piece));
  }

  /** The oldest pair first, wherever it stands, until none is left. */
  mergeAll(piece) {
    let ids = toBytes(piece).map((byte) => this.byteIds[byte]);
    for (let pair = this.oldest(ids); pair; pair = this.oldest(ids)) {
      const merged = [];
      for (let i = 0; i < ids.length; i++) {
        const isPair = this.merges.get(`${ids[i]} ${ids[i + 1]}`) === pair;
        merged.push(isPair ? pair.id : ids[i]);
        if (isPair) i++;
      }
      ids = merged;
    }
    return ids;
  }

  oldest(ids) {
    let oldest = null;
    for (let i = 0; i + 1 < ids.length; i++) {
      const pair = this.merges.get(`${ids[i]} ${ids[i + 1]}`);
      if (pair && !(oldest?.rank <= pair.rank)) oldest = pair;
    }
    return oldest;
  }

  decode(tokenIds) {
    const isText = (id) => id !== this.bosId && id !== this.eosId;
    const kept = tokenIds.filter(isText);
    return fromBytes(kept.flatMap((id) => this.bytes[id]));
  }
}

/** GPT-2's letter for each byte: its own, or from U+0100 if invisible. */
export function byteLetters() {
  let next = 0x100;
  return Array.from({ length: 256 }, (_, byte) => {
    const isShown = byte > 0x20 && byte < 0x7f;
    const isLatin = byte > 0xa0 && byte !== 0xad;
    return String.fromCodePoint(isShown || isLatin ? byte : next++);
  });
}

/** The tokenizer that a file describes. */
export function makeTokenizer(about) {
  const join = (characters) => characters.join("");
  const split = (text) => [...text];
  if (about.kind === "words") {
    return new TableTokenizer(about, splitWords, joinWords);
  }
  if (about.kind === "characters") {
    return new TableTokenizer(about, split, join);
  }
  if (about.kind === "bytes") return new ByteTokenizer();
  if (about.kind === "byte-pair") return new BytePairTokenizer(about);
  throw new Error(`a tokenizer of kind ${about.kind}: it is not known`);
}
