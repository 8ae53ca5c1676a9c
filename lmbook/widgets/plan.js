// Where the words of a map are drawn, one unit of the drawing to a pixel, so
// that text has the same size on a phone; what is near, and what is written.
// Leaves out: the drawing itself (word_map.js).

const MARGIN = 12;
const ROOM = 56; // for the words at the right edge
const LETTER = 6.6; // pixels, about
const LINE = 13;
const KEYS = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

const distance = ([a, b], [c, d]) => Math.hypot(a - c, b - d);

/**
 * Words in pixels; a unit is as long across as upwards. `given` is a Map from
 * the numbers of the words to their places.
 */
export function makePlan(given, width) {
  const tallest = Math.max(300, Math.min(0.75 * width, 460));
  const ends = [0, 1].map((axis) => {
    const values = [...given.values()].map((place) => place[axis]);
    return [Math.min(...values), Math.max(...values)];
  });
  const [spanX, spanY] = ends.map(([low, high]) => high - low || 1);
  const scale = Math.min(
    (width - 2 * MARGIN - ROOM) / spanX,
    (tallest - 2 * MARGIN) / spanY,
  );
  const height = Math.round(spanY * scale + 2 * MARGIN);
  const toPixels = ([x, y]) => [
    MARGIN + (x - ends[0][0]) * scale,
    MARGIN + (ends[1][1] - y) * scale,
  ];
  const places = new Map(
    [...given].map(([number, place]) => [number, toPixels(place)]),
  );

  function nearest(number, count) {
    if (!places.has(number)) return [];
    const gap = (other) => distance(given.get(number), given.get(other));
    const others = [...places.keys()].filter((other) => other !== number);
    return others.sort((a, b) => gap(a) - gap(b) || a - b).slice(0, count);
  }

  /** The word at a point, or null if none is within reach. */
  function hit(point, reach) {
    const gap = (number) => distance(places.get(number), point);
    const nearer = (a, b) => (gap(b) < gap(a) ? b : a);
    const best = [...places.keys()].reduce(nearer);
    return gap(best) <= reach ? best : null;
  }
  return { width, height, places, nearest, hit };
}

/** The next word in the direction of an arrow key, or null. */
export function moveTowards(plan, from, key) {
  if (!plan || !(key in KEYS)) return null;
  if (!plan.places.has(from)) return [...plan.places.keys()][0];
  const [u, v] = KEYS[key];
  const [x, y] = plan.places.get(from);
  let [best, least] = [null, Infinity];
  plan.places.forEach(([a, b], number) => {
    const ahead = (a - x) * u + (b - y) * v;
    const aside = Math.abs((a - x) * v) + Math.abs((b - y) * u);
    const cost = ahead + 2 * aside;
    if (number !== from && ahead > 0 && aside <= 2 * ahead && cost < least) {
      [best, least] = [number, cost];
    }
  });
  return best ?? from;
}

/**
 * { number, x, y, anchor } of each word with room, the first ones first; the
 * very first is written in any case.
 */
export function placeLabels(plan, words, first) {
  const all = new Set([...first, ...plan.places.keys()]);
  const taken = [...plan.places.values()].map(([x, y]) =>
    [x - 4, y - 4, x + 4, y + 4]);
  const placed = [];
  for (const number of all) {
    const [x, y] = plan.places.get(number);
    const width = LETTER * words[number].length;
    for (const anchor of ["start", "end"]) {
      const left = anchor === "start" ? x + 7 : x - 7 - width;
      const box = [left, y - LINE / 2, left + width, y + LINE / 2];
      const isIn = left >= 0 && box[2] <= plan.width;
      const isFree = !taken.some((other) => overlap(box, other));
      if (isIn && (isFree || number === first[0])) {
        const textX = anchor === "start" ? left : left + width;
        placed.push({ number, x: textX, y: y + 4, anchor });
        taken.push(box);
        break;
      }
    }
  }
  return placed;
}

function overlap([a, b, c, d], [e, f, g, h]) {
  return a < g && e < c && b < h && f < d;
}
