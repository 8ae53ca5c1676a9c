// The two principal components of some words, from their cosines alone: what
// lmbook.embeddings.project finds by the singular value decomposition.
// Leaves out: more than two components.

const ROUNDS = 1000;

/**
 * `below[i]` holds the cosines of word i with the words before it, `some`
 * the numbers of the words to place. Returns { places, share }: where they
 * are, and what these two directions hold of the variance.
 */
export function components(below, some) {
  const table = centred(some.map((i) => some.map((j) => cosine(below, i, j))));
  let pair = [1, 2].map((k) => some.map((_, i) => Math.sin(k * (i + 1))));
  for (let round = 0; round < ROUNDS; round++) {
    pair = orthonormal(pair.map((v) => table.map((row) => inner(row, v))));
  }
  const sizes = pair.map((v) =>
    inner(v, table.map((row) => inner(row, v))));
  const roots = sizes.map((size) => Math.sqrt(Math.max(0, size)));
  const trace = table.reduce((sum, row, i) => sum + row[i], 0);
  return {
    places: some.map((_, i) => pair.map((v, axis) => v[i] * roots[axis])),
    share: (sizes[0] + sizes[1]) / trace,
  };
}

function cosine(below, i, j) {
  if (i === j) return 1;
  return below[Math.max(i, j)][Math.min(i, j)];
}

const inner = (a, b) => a.reduce((sum, x, i) => sum + x * b[i], 0);
const mean = (values) => values.reduce((a, b) => a + b, 0) / values.length;

/** The products of the vectors less their mean. */
function centred(table) {
  const means = table.map(mean);
  const all = mean(means);
  return table.map((row, i) =>
    row.map((value, j) => value - means[i] - means[j] + all));
}

function orthonormal([a, b]) {
  const first = unit(a);
  const along = inner(first, b);
  return [first, unit(b.map((x, i) => x - along * first[i]))];
}

function unit(v) {
  const length = Math.sqrt(inner(v, v)) || 1;
  return v.map((x) => x / length);
}

/** Turned over, axis by axis, to be most like the places before. */
export function turnLike(places, before) {
  const signs = [0, 1].map((axis) => {
    const both = places.map((at, i) => at[axis] * (before[i]?.[axis] ?? 0));
    return both.reduce((a, b) => a + b, 0) < 0 ? -1 : 1;
  });
  return places.map((at) => at.map((value, axis) => signs[axis] * value));
}
