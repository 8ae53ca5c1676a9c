// Rotary positions: each pair of axes is a clock with two hands, a query and
// a key, turned by their places; and the score as a function of distance.
// Pairs can be taken out of the score.
// Leaves out: the division by the root of K.
import {
  button,
  controls,
  element,
  frame,
  liveRegion,
  slider,
  svg,
} from "./ui.js";

const LAST_KEY = 100;
const [WIDTH, HEIGHT] = [360, 120];
const FINENESS = 10; // points of the curve for each word of distance

/** The pair (a, b) turned to the left, as lmbook.positions turns a pair. */
function turn([a, b], angle) {
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  return [a * cos - b * sin, b * cos + a * sin];
}

/** Pair i of a head is axis i and axis i + K/2. */
function pairsOf({ query, key, speeds }) {
  const half = speeds.length;
  return speeds.map((speed, i) => ({
    speed,
    query: [query[i], query[i + half]],
    key: [key[i], key[i + half]],
    on: true,
  }));
}

/** What a pair adds to the score, from the two places. */
function share({ query, key, speed }, queryPlace, keyPlace) {
  const [a, b] = turn(query, queryPlace * speed);
  const [c, d] = turn(key, keyPlace * speed);
  return a * c + b * d;
}

function total(pairs, queryPlace, keyPlace) {
  return pairs
    .filter((pair) => pair.on)
    .reduce((sum, pair) => sum + share(pair, queryPlace, keyPlace), 0);
}

function render({ model, el }) {
  const data = model.get("data");
  const pairs = pairsOf(data);
  const root = frame(el, "Rotary positions");
  const said = liveRegion();
  const longest = Math.max(...pairs.flatMap(({ query, key }) =>
    [query, key].map((hand) => Math.hypot(...hand))));
  const dials = pairs.map((pair) => makeDial(pair, longest, toggleOf(pair)));
  const curve = makeCurve(pairs, data.farthest);
  let [keyPlace, distance] = [0, 1];

  function toggleOf(pair) {
    if (pairs.length === 1) return null;
    return () => {
      pair.on = !pair.on;
      curve.redraw();
      show();
    };
  }

  function show() {
    const queryPlace = keyPlace + distance;
    dials.forEach((dial) => dial.update(queryPlace, keyPlace));
    const score = total(pairs, queryPlace, keyPlace);
    curve.mark(distance, score);
    said.say(
      `Query at place ${queryPlace}, key at place ${keyPlace}: ` +
        `${distance} apart, score ${fixed(score)}.`,
    );
  }

  const distanceSlider = slider({
    label: "distance",
    min: 0,
    max: data.farthest,
    step: 1,
    value: distance,
    onInput(value) {
      distance = value;
      show();
    },
  });
  const placeSlider = slider({
    label: "move both",
    min: 0,
    max: LAST_KEY,
    step: 1,
    value: keyPlace,
    onInput(value) {
      keyPlace = value;
      show();
    },
  });
  root.append(
    controls(placeSlider, distanceSlider),
    said,
    element("div", { class: "dials" }, ...dials),
    curve,
    element("p", { class: "note" }, legend(pairs)),
  );
  show();
}

function legend(pairs) {
  const hands =
    "Arrow: the query. Dashed, with a dot: the key. The speed is in radians " +
    "for each place. Green: the score at each distance.";
  const switches = " Press a clock to leave its pair of axes out.";
  return pairs.length === 1 ? hands : hands + switches;
}

/** A clock; a button if it can be switched off. */
function makeDial(pair, longest, onToggle) {
  const query = svg("g", { class: "query" }, arrow(pair.query, longest));
  const key = svg("g", { class: "key" }, dotted(pair.key, longest));
  const face = svg("circle", { class: "face", r: 1 });
  const drawing = svg(
    "svg",
    { viewBox: "-1.1 -1.1 2.2 2.2", "aria-hidden": "true" },
    face, key, query,
  );
  const rounded = Number(pair.speed.toPrecision(3));
  const speed = element("span", {}, `speed ${rounded}`);
  const adds = element("span");
  const inside = [drawing, speed, adds];
  const attributes = { class: "dial", "aria-pressed": "true" };
  const node = onToggle
    ? button(inside, onToggle, attributes)
    : element("div", { class: "dial" }, ...inside);
  function update(queryPlace, keyPlace) {
    rotate(query, queryPlace * pair.speed);
    rotate(key, keyPlace * pair.speed);
    const added = fixed(share(pair, queryPlace, keyPlace));
    adds.textContent = pair.on ? `adds ${added}` : "left out";
    if (onToggle) node.setAttribute("aria-pressed", String(pair.on));
  }
  return Object.assign(node, { update });
}

function rotate(node, angle) {
  node.setAttribute("transform", `rotate(${(-angle * 180) / Math.PI})`);
}

/** A hand as drawn at place 0; the drawing's second axis points down. */
function tip([a, b], longest) {
  return [a / longest, -b / longest];
}

function arrow(hand, longest) {
  const [x, y] = tip(hand, longest);
  const length = Math.hypot(x, y) || 1;
  const [u, v] = [x / length / 8, y / length / 8];
  const back = [x - 1.6 * u, y - 1.6 * v];
  const corners = [
    [x, y],
    [back[0] - v, back[1] + u],
    [back[0] + v, back[1] - u],
  ];
  return svg(
    "g",
    {},
    svg("line", { x1: 0, y1: 0, x2: back[0], y2: back[1] }),
    svg("polygon", { points: corners.join(" ") }),
  );
}

function dotted(hand, longest) {
  const [x, y] = tip(hand, longest);
  return svg(
    "g",
    {},
    svg("line", { x1: 0, y1: 0, x2: x, y2: y }),
    svg("circle", { cx: x, cy: y, r: 0.09 }),
  );
}

/** The score against the distance, and a mark at the one in hand. */
function makeCurve(pairs, farthest) {
  const highest = pairs.reduce(
    (sum, { query, key }) => sum + Math.hypot(...query) * Math.hypot(...key),
    0,
  );
  const left = 36;
  const x = (distance) => left + 4 + (distance / farthest) * (WIDTH - 48);
  const y = (score) => 8 + ((highest - score) / (2 * highest)) * HEIGHT;
  const line = svg("polyline", { class: "curve" });
  const words = svg("g", { class: "words" });
  const rule = svg("line", { class: "rule", y1: 8, y2: 8 + HEIGHT });
  const dot = svg("circle", { class: "now", r: 5 });
  const text = (content, tx, ty, anchor = "end") =>
    svg("text", { x: tx, y: ty, "text-anchor": anchor }, content);
  const zero = { class: "axis", x1: left, x2: WIDTH - 4, y1: y(0), y2: y(0) };
  const drawing = svg(
    "svg",
    { viewBox: `0 0 ${WIDTH} ${HEIGHT + 28}`, "aria-hidden": "true" },
    svg("line", zero), rule, line, words, dot,
    text(fixed(highest, 0), left - 4, y(highest) + 6),
    text("0", left - 4, y(0) + 4),
    text(fixed(-highest, 0), left - 4, y(-highest) + 2),
    text("0", x(0), HEIGHT + 24, "middle"),
    text("words from key to query", WIDTH / 2, HEIGHT + 24, "middle"),
    text(String(farthest), x(farthest), HEIGHT + 24, "middle"),
  );
  const node = element("div", { class: "score-curve" }, drawing);

  function redraw() {
    const at = (d) => [x(d), y(total(pairs, d, 0))].map((v) => v.toFixed(1));
    const fine = Array.from({ length: farthest * FINENESS + 1 }, (_, i) =>
      at(i / FINENESS));
    line.setAttribute("points", fine.join(" "));
    const whole = fine.filter((_, i) => i % FINENESS === 0);
    words.replaceChildren(
      ...whole.map(([cx, cy]) => svg("circle", { cx, cy, r: 1.8 })),
    );
  }

  function mark(distance, score) {
    const [cx, cy] = [x(distance), y(score)];
    for (const end of ["x1", "x2"]) rule.setAttribute(end, cx);
    dot.setAttribute("cx", cx);
    dot.setAttribute("cy", cy);
  }
  redraw();
  return Object.assign(node, { redraw, mark });
}

/** With a real minus, and no minus before a zero. */
function fixed(value, digits = 2) {
  const text = value.toFixed(digits);
  return Number(text) === 0 ? (0).toFixed(digits) : text.replace("-", "−");
}

export default { render };
