// The drawing of gradient_descent.js: lines of equal loss over two parameters,
// a path across them, and a start that is put elsewhere.
// Leaves out: surfaces other than the bowl of a line's loss.
import { element, svg } from "./ui.js";

const [WIDTH, HEIGHT] = [300, 220];
const MOST_DRAWN = 1000;
const NUDGES = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowDown: [0, -1],
  ArrowUp: [0, 1],
};

/** A number with two decimals or a power of ten; with a real minus. */
export function compact(value) {
  const digits = { maximumFractionDigits: 2 };
  const isLarge = Math.abs(value) >= 1e6;
  return isLarge
    ? value.toExponential(1)
    : value.toLocaleString("en", digits).replace("-", "−");
}

/** The drawing; `update(points, last)` shows the path to the last. */
export function makeSurface({ bowl, names, ranges }, moveTo) {
  const [toX, toY] = [scale(ranges[0], 0, WIDTH), scale(ranges[1], HEIGHT, 0)];
  const place = ([a, b]) => [toX(a), toY(b)];
  const path = svg("polyline", { class: "path" });
  const ahead = svg("polyline", { class: "ahead" });
  const marks = svg("g");
  const plane = svg(
    "svg",
    { x: 36, y: 4, width: WIDTH, height: HEIGHT, overflow: "hidden" },
    svg("rect", { class: "ground", width: WIDTH, height: HEIGHT }),
    ...contours(bowl, toX, toY),
    cross(place(bowl.best)),
    path,
    ahead,
    marks,
  );
  const drawing = svg(
    "svg",
    { viewBox: `0 0 ${WIDTH + 44} ${HEIGHT + 22}`, "aria-hidden": "true" },
    plane,
    ...labels(ranges, names),
  );
  const node = element("div", {
    class: "surface",
    role: "application",
    tabindex: "0",
    "aria-label": `Surface of the loss over ${names[0]} and ${names[1]}. ` +
      "Arrow keys move the start.",
    onclick: (event) => moveTo(() => pointed(event)),
    onkeydown(event) {
      const nudge = NUDGES[event.key];
      if (nudge === undefined) return;
      event.preventDefault();
      moveTo((from) => from.map((v, i) => v + (nudge[i] * size(i)) / 40));
    },
  }, drawing);
  const size = (axis) => ranges[axis][1] - ranges[axis][0];

  function pointed({ clientX, clientY }) {
    const point = new DOMPoint(clientX, clientY);
    const { x, y } = point.matrixTransform(plane.getScreenCTM().inverse());
    return [
      ranges[0][0] + (x / WIDTH) * size(0),
      ranges[1][1] - (y / HEIGHT) * size(1),
    ];
  }

  function update(points, last) {
    const every = Math.max(1, Math.ceil(last / MOST_DRAWN));
    const drawn = points.filter((_, i) => i < last && i % every === 0);
    const places = [...drawn, points[last]].map(place).map(within);
    path.setAttribute("points", places.join(" "));
    const next = points.slice(last, last + 2).map(place).map(within);
    ahead.setAttribute("points", next.join(" "));
    marks.replaceChildren(
      ...places.slice(0, -1).map((at) => dot(at, 2)),
      dot(places.at(-1), 5, "now"),
    );
  }
  return Object.assign(node, { update });
}

/** Values to pixels. */
function scale([low, high], from, to) {
  return (value) => from + ((value - low) / (high - low)) * (to - from);
}

/** A path may leave the drawing, but not for numbers that SVG cannot read. */
function within(place) {
  return place.map((value) => Math.max(-1e4, Math.min(1e4, value)).toFixed(2));
}

/** Circles of u and a, squeezed to ellipses of a and b. */
function contours({ mean, variance, best }, toX, toY) {
  const deviation = Math.sqrt(variance);
  const [perA, perB] = [toX(1) - toX(0), toY(1) - toY(0)];
  const matrix = [perA / deviation, (-perB * mean) / deviation, 0, perB];
  const transform = `matrix(${[...matrix, toX(best[0]), toY(best[1])]})`;
  return [256, 128, 64, 32, 16, 8, 4, 2, 1].map((r) =>
    svg("circle", { class: "contour", r, transform }),
  );
}

function cross([x, y]) {
  const d = `M${x - 5} ${y}h10M${x} ${y - 5}v10`;
  return svg("path", { class: "lowest", d });
}

function dot([cx, cy], r, kind = "dot") {
  return svg("circle", { class: kind, cx, cy, r });
}

function labels([[left, right], [low, high]], names) {
  const text = (content, x, y, anchor, transform = null) =>
    svg("text", { x, y, "text-anchor": anchor, transform }, content);
  const middle = HEIGHT / 2 + 4;
  return [
    text(compact(Math.round(left)), 36, HEIGHT + 17, "start"),
    text(names[0], 36 + WIDTH / 2, HEIGHT + 17, "middle"),
    text(compact(Math.round(right)), 36 + WIDTH, HEIGHT + 17, "end"),
    text(compact(Math.round(low)), 32, HEIGHT + 4, "end"),
    text(names[1], 28, middle, "middle", `rotate(-90 28 ${middle})`),
    text(compact(Math.round(high)), 32, 13, "end"),
  ];
}
