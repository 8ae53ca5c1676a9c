// Gradient descent on the loss of a line a x + b: step by step, with the
// learning rate (and momentum) in hand. A click on the surface, or the arrow
// keys, put the start elsewhere.
// Leaves out: motion. A press is a step, and the path is drawn at once.
import {
  button,
  controls,
  element,
  frame,
  liveRegion,
  slider,
} from "./ui.js";
import { compact, makeSurface } from "./surface.js";

const LEGEND =
  "On a blue line the loss is the same. From one to the next, inwards, what " +
  "it is above the lowest (+) falls to a quarter. The dashed line is the " +
  "next step. To start elsewhere, click there or use the arrow keys.";

/** The loss at (a, b), and its two slopes, as Python has them. */
function look({ mean, variance, best, lowest }, [a, b]) {
  const across = a - best[0];
  const tilted = b - best[1] + mean * across;
  const loss = lowest + variance * across ** 2 + tilted ** 2;
  const slopes = [2 * (variance * across + mean * tilted), 2 * tilted];
  return { loss, slopes };
}

/** The points of `steps` steps; fewer if they leave for infinity. */
function walk(bowl, start, rate, momentum, steps) {
  const points = [start];
  let velocity = [0, 0];
  while (points.length <= steps) {
    const at = points.at(-1);
    const { loss, slopes } = look(bowl, at);
    if (loss > 1e12) break;
    velocity = velocity.map((v, i) => momentum * v + slopes[i]);
    points.push(at.map((value, i) => value - rate * velocity[i]));
  }
  return points;
}

function render({ model, el }) {
  const data = model.get("data");
  const { bowl, most_steps: mostSteps } = data;
  const root = frame(el, "Gradient descent");
  const said = liveRegion();
  const surface = makeSurface(data, moveTo);
  let { start, rate } = data;
  let momentum = data.momentum ?? 0;
  let steps = 0;

  function step(number) {
    steps = number === 0 ? 0 : Math.min(steps + number, mostSteps);
    show();
  }

  function moveTo(point) {
    start = point(start);
    show();
  }

  function show() {
    const all = walk(bowl, start, rate, momentum, mostSteps);
    surface.update(all, Math.min(steps, all.length - 1));
    said.say(`${atStep(all)} ${howMany(all)}`);
  }

  function atStep(all) {
    const last = Math.min(steps, all.length - 1);
    const where = all[last].map(compact).join(", ");
    const loss = compact(look(bowl, all[last]).loss);
    const lowest = compact(bowl.lowest);
    const many = `${last.toLocaleString("en")} step${last === 1 ? "" : "s"}`;
    return `After ${many}: (${where}), loss ${loss}; the lowest is ${lowest}.`;
  }

  function howMany(all) {
    const near = stepsNeeded(bowl, all, data.close);
    if (all.length <= mostSteps) {
      return "At this setting the steps grow without end: it diverges.";
    }
    const shown = near < 0
      ? `more than ${mostSteps.toLocaleString("en")}`
      : near.toLocaleString("en");
    return `To come within ${data.close} of it takes ${shown} in all.`;
  }

  const rateSlider = slider({
    label: "learning rate",
    ...logarithmic(data.rates, rate),
    format: (exponent) => String(toRate(exponent)),
    onInput(exponent) {
      rate = toRate(exponent);
      show();
    },
  });
  const momentumSlider = slider({
    label: "momentum",
    min: 0,
    max: 0.99,
    step: 0.01,
    value: momentum,
    format: (value) => value.toFixed(2),
    onInput(value) {
      momentum = value;
      show();
    },
  });
  root.append(
    controls(rateSlider, ...(data.momentum === null ? [] : [momentumSlider])),
    controls(
      button("One step", () => step(1)),
      button("10 steps", () => step(10)),
      button("1,000 steps", () => step(1000)),
      button("Start again", () => step(0)),
    ),
    element(
      "div",
      { class: "two-columns" },
      surface,
      element("div", {}, said, element("p", { class: "note" }, LEGEND)),
    ),
  );
  show();
}

/** A slider's range for rates: it moves over their decimal logarithms. */
function logarithmic([low, high], rate) {
  const [min, max, value] = [low, high, rate].map(
    (each) => Math.round(100 * Math.log10(each)) / 100,
  );
  return { min, max, value, step: 0.01 };
}

function toRate(exponent) {
  return Number((10 ** exponent).toPrecision(2));
}

/** The first step at which the loss is this close to the lowest, or -1. */
function stepsNeeded(bowl, points, close) {
  const isNear = (point) => look(bowl, point).loss < bowl.lowest + close;
  return points.findIndex(isNear);
}

export default { render };
