// An n-gram model of a few sentences, small enough to be counted by hand:
// absolute discounting, and for single words plain shares.
// Leaves out: punctuation, and discounts that differ; lmbook/counting.py and
// lmbook/smoothing.py are for those.

const START = "<s>";
const END = "</s>";

export function wordsOf(text) {
  return text.split(/\s+/).filter(Boolean);
}

/** What came after each context, and how often, for contexts of n words. */
function countAfter(lines, n) {
  const after = new Map();
  for (const line of lines) {
    for (let t = 1; t < line.length; t++) {
      if (t < n) continue;
      const context = line.slice(t - n, t).join(" ");
      if (!after.has(context)) after.set(context, new Map());
      const followers = after.get(context);
      followers.set(line[t], (followers.get(line[t]) ?? 0) + 1);
    }
  }
  return after;
}

/** The same, but with the number of different words in front. */
function countPlaces(longer, n) {
  const places = new Map();
  for (const [context, followers] of longer) {
    const shorter = n === 0 ? "" : context.split(" ").slice(1).join(" ");
    if (!places.has(shorter)) places.set(shorter, new Map());
    const counts = places.get(shorter);
    for (const word of followers.keys()) {
      counts.set(word, (counts.get(word) ?? 0) + 1);
    }
  }
  return places;
}

/**
 * The tables for contexts of 0, 1, … `most` words. With `byPlaces`, as
 * Kneser and Ney: all but the longest count in how many places, except what
 * begins a sentence, which nothing stands in front of.
 */
export function countHeard(sentences, most, byPlaces) {
  const lines = sentences.map(wordsOf).filter((words) => words.length);
  const marked = lines.map((words) => [START, ...words, END]);
  const tables = [];
  for (let n = 0; n <= most; n++) tables.push(countAfter(marked, n));
  if (!byPlaces) return tables;
  return tables.map((plain, n) => {
    if (n === most) return plain;
    const places = countPlaces(tables[n + 1], n);
    for (const [context, followers] of plain) {
      const begins = context === START || context.startsWith(`${START} `);
      if (begins) places.set(context, followers);
    }
    return places;
  });
}

/** The levels of n_gram_tree.js after some words, the longest first. */
export function levelsOf(tables, words, discount) {
  const line = [START, ...words];
  const levels = tables.map((table, n) => {
    if (n > line.length) return null;
    const context = n ? line.slice(-n) : [];
    const followers = table.get(context.join(" ")) ?? new Map();
    return levelOf(context, followers, n ? discount : 0);
  });
  return levels.filter(Boolean).reverse();
}

function levelOf(context, followers, discount) {
  const counts = [...followers].sort((a, b) => b[1] - a[1] || sort(a, b));
  const total = counts.reduce((sum, [, count]) => sum + count, 0);
  return {
    context,
    total,
    gamma: total ? (discount * counts.length) / total : 1,
    followers: counts.map(([word, count]) =>
      [word, count, (count - discount) / total]),
  };
}

function sort([a], [b]) {
  return a < b ? -1 : 1;
}
