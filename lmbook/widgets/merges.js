// Byte-pair merges, learned from a text as lmbook/bpe.py learns them: the
// most frequent pair first; of equals, the one of older tokens.
//
// A word is a string in which each character is a token: first GPT-2's
// letters for the bytes, then a character for each merge. So `replaceAll`
// merges a pair, and of two tokens the older is the smaller character.
// Leaves out: speed. Every pair is counted anew for each merge.
import { PIECE, byteLetters, showBytes } from "./tokenizer.js";

const LETTERS = byteLetters();
const BYTE_OF = new Map(LETTERS.map((letter, byte) => [letter, byte]));
const FIRST_MERGED = Math.max(...LETTERS.map((l) => l.charCodeAt(0))) + 1;

/** The pieces of a text, each spelled in the letters of its bytes. */
export function spellPieces(text) {
  const encoder = new TextEncoder();
  return (text.match(PIECE) ?? []).map((piece) =>
    Array.from(encoder.encode(piece), (byte) => LETTERS[byte]).join(""),
  );
}

/** `[pair, times]` of all neighbours, in the order of the next merge. */
export function rankPairs(words) {
  const times = new Map();
  for (const word of words) {
    for (let i = 0; i + 1 < word.length; i++) {
      const pair = word.slice(i, i + 2);
      times.set(pair, (times.get(pair) ?? 0) + 1);
    }
  }
  const isOlder = ([pair], [other]) => (pair < other ? -1 : 1);
  return [...times].sort((a, b) => b[1] - a[1] || isOlder(a, b));
}

/** The words, with each of these pairs in turn made one token. */
export function applyMerges(words, merges, first = 0) {
  const merged = (word) =>
    merges.reduce((whole, pair, i) => {
      const token = String.fromCharCode(FIRST_MERGED + first + i);
      return whole.replaceAll(pair, token);
    }, word);
  return words.map(merged);
}

/** The next merges after those that are known, at most `number` of them. */
export function learnMore({ words, merges }, number) {
  const known = [...merges];
  for (let i = 0; i < number; i++) {
    const [best] = rankPairs(words);
    if (best === undefined) break;
    words = applyMerges(words, [best[0]], known.length);
    known.push(best[0]);
  }
  return { words, merges: known };
}

/** The letters of a token, as Python writes its merges. */
export function spelledToken(token, merges) {
  const pair = merges[token.charCodeAt(0) - FIRST_MERGED];
  if (pair === undefined) return token;
  return [...pair].map((part) => spelledToken(part, merges)).join("");
}

const VISIBLE = new Map([[" ", "␣"], ["\n", "↵"], ["\t", "⇥"]]);

/** A token for the eye: ␣ is a space, and what is no text hexadecimal. */
export function showToken(token, merges) {
  const letters = [...spelledToken(token, merges)];
  const text = showBytes(letters.map((letter) => BYTE_OF.get(letter)));
  return text.replace(/[\s\p{Cc}]/gu, (character) => {
    const hexadecimal = character.charCodeAt(0).toString(16);
    return VISIBLE.get(character) ?? `\\x${hexadecimal.padStart(2, "0")}`;
  });
}
