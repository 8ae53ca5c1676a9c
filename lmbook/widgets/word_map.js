// A map of words. Choose one, and lines lead to its nearest words in all
// dimensions, dashed rings mark those that are nearest on the map. Groups can
// be taken off; the map is then made anew for the others.
// Leaves out: the vectors. Python has found the neighbours and the places.
import { components, turnLike } from "./components.js";
import { bars, button, element, frame, liveRegion } from "./ui.js";
import { svg, textField } from "./ui.js";
import { makePlan, moveTowards, placeLabels } from "./plan.js";

const COLOURS = "series-1 series-2 series-3 series-5 series-6 series-4 ink"
  .split(" ");
const SHAPES = [ // of a mark around (0, 0)
  "M4 0A4 4 0 1 1-4 0A4 4 0 1 1 4 0Z",
  "M-3.6-3.6h7.2v7.2h-7.2Z",
  "M0-4.8L4.6 3.4H-4.6Z",
  "M0-5L5 0L0 5L-5 0Z",
  "M0 4.8L4.6-3.4H-4.6Z",
  "M-1.5-4.5h3v3h3v3h-3v3h-3v-3h-3v-3h3Z",
  "M-4.6 0L-2.3-4h4.6L4.6 0L2.3 4h-4.6Z",
];

function render({ model, el }) {
  const data = model.get("data");
  const { words, groups, near, cosines, dimensions } = data;
  const groupOf = Object.values(groups).flatMap((size, i) =>
    Array(size).fill(i));
  const root = frame(el, "Word map");
  const said = liveRegion();
  const chart = svg("svg", { "aria-hidden": "true" });
  const list = bars("Nearest words", []);
  const title = element("p", { class: "note" });
  const note = element("p", { class: "note" });
  const isOn = Object.keys(groups).map(() => true);
  let { places, share } = data;
  places = new Map(places.entries());
  let plan = null;
  let chosen = data.word;

  /** Take a group off the map, or put it back; three words must stay. */
  function toggle(group) {
    isOn[group] = !isOn[group];
    const some = [...groupOf.keys()].filter((n) => isOn[groupOf[n]]);
    if (some.length < 3) {
      isOn[group] = true;
      return;
    }
    const found = components(data.below, some);
    const before = some.map((n) => places.get(n) ?? data.places[n]);
    const turned = turnLike(found.places, before);
    places = new Map(some.map((n, i) => [n, turned[i]]));
    share = found.share;
    plan = plan && makePlan(places, plan.width);
    show();
  }

  function choose(number) {
    chosen = number;
    show();
  }

  function show() {
    const real = near[chosen];
    const flat = plan ? plan.nearest(chosen, real.length) : [];
    if (plan) draw(real, flat);
    note.textContent = "Lines lead to the nearest words in all dimensions; " +
      "dashed rings mark the nearest on the map, which holds " +
      `${Math.round(100 * share)} % of the variance of its words.`;
    keys.forEach((key, i) => key.setAttribute("aria-pressed", isOn[i]));
    title.textContent =
      `Nearest to “${words[chosen]}” in all ${dimensions} dimensions`;
    list.update(real.map((number, i) => ({
      label: words[number],
      value: Math.max(0, cosines[chosen][i]),
      text: cosines[chosen][i].toFixed(2).replace("-", "−"),
      series: 1,
      onPick: () => choose(number),
    })));
    said.say(sentence(real, flat));
  }

  function draw(real, flat) {
    const at = (n) => plan.places.get(n);
    const first = [chosen, ...real, ...flat].filter(at);
    const lines = at(chosen) ? real.filter(at) : [];
    const [w, h] = [plan.width, plan.height];
    chart.setAttribute("viewBox", `0 0 ${w} ${h}`);
    chart.replaceChildren(
      ...lines.map((n) => line(at(chosen), at(n))),
      ...[...plan.places].map(([n, place]) => mark(groupOf[n], place)),
      ...flat.map((n) => ring(at(n), "flat")),
      ...(at(chosen) ? [ring(at(chosen), "chosen")] : []),
      ...placeLabels(plan, words, first).map(({ number, ...where }) =>
        written(words[number], where, number === chosen)),
    );
  }

  /** How many of its own group are near, really and on the map. */
  function sentence(real, flat) {
    const name = `“${words[chosen]}”`;
    if (flat.length === 0) {
      return `${name} is not on the map; its nearest words are in the list.`;
    }
    const group = Object.keys(groups)[groupOf[chosen]];
    const own = (some) =>
      some.filter((n) => groupOf[n] === groupOf[chosen]).length;
    const both = flat.filter((n) => real.includes(n)).length;
    const k = real.length;
    return (
      `${name}, of the ${group}: in all ${dimensions} dimensions ` +
      `${own(real)} of its ${k} nearest are ${group}, on the map ` +
      `${own(flat)} of ${k}. ${both} of the ${k} are the same.`
    );
  }

  const map = element("div", {
    class: "word-map",
    role: "application",
    tabindex: "0",
    "aria-label": "Map of words. Arrow keys go to the next word.",
    onpointermove: (event) => point(event, 20),
    onclick: (event) => point(event, 40),
    onkeydown(event) {
      const number = moveTowards(plan, chosen, event.key);
      if (number === null) return;
      event.preventDefault();
      choose(number);
    },
  }, chart);

  function point({ clientX, clientY }, reach) {
    const { left, top } = chart.getBoundingClientRect();
    const number = plan?.hit([clientX - left, clientY - top], reach) ?? null;
    if (number !== null && number !== chosen) choose(number);
  }

  function search(text) {
    const wanted = text.trim().toLowerCase();
    if (!wanted) return;
    const lower = words.map((word) => word.toLowerCase());
    const exact = lower.indexOf(wanted);
    const number = exact >= 0
      ? exact
      : lower.findIndex((word) => word.startsWith(wanted));
    if (number >= 0) choose(number);
    else said.say(`There is no vector for “${text.trim()}”.`);
  }

  const keys = Object.keys(groups).map((name, group) =>
    legendKey(name, group, () => toggle(group)));
  root.append(
    element("div", {
      class: "legend",
      role: "group",
      "aria-label": "Groups on the map",
    }, ...keys),
    map,
    said,
    element(
      "div",
      { class: "two-columns" },
      element("div", {}, title, list),
      element(
        "div",
        {},
        textField("Find a word", "", search),
        note,
      ),
    ),
  );
  new ResizeObserver(([{ contentRect }]) => {
    const width = Math.round(contentRect.width);
    if (width === plan?.width || !width) return;
    plan = makePlan(places, width);
    show();
  }).observe(map);
}

function legendKey(name, group, onclick) {
  const box = { viewBox: "-6 -6 12 12", width: 12, "aria-hidden": "true" };
  return button([svg("svg", box, mark(group, [0, 0])), name], onclick);
}

function mark(group, [x, y]) {
  return svg("path", {
    d: SHAPES[group],
    transform: `translate(${x} ${y})`,
    style: { fill: `var(--${COLOURS[group]})` },
  });
}

function line([x1, y1], [x2, y2]) {
  return svg("line", { x1, y1, x2, y2 });
}

function ring([cx, cy], kind) {
  return svg("circle", { class: kind, cx, cy, r: kind === "flat" ? 8 : 10 });
}

function written(word, { x, y, anchor }, isChosen) {
  const kind = isChosen ? "chosen" : null;
  return svg("text", { class: kind, x, y, "text-anchor": anchor }, word);
}

export default { render };
