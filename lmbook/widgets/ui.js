// What the parts are made of: elements, controls, bars, a live region.
// Text becomes text nodes and attributes only, never markup, so that words
// of readers, data and tokens cannot become elements.
// Leaves out: ids, as one page may hold many copies of this module. A label
// holds its control, and what describes a part stands in it.

const SVG = "http://www.w3.org/2000/svg";
const QUIET_MILLISECONDS = 250;

/**
 * An element. `attributes` may hold `onclick` and the like (functions),
 * `style` (an object, custom properties too), true (the name alone), and
 * null or false (left out). Children are nodes or text.
 */
export function element(tag, attributes = {}, ...children) {
  return build(document.createElement(tag), attributes, children);
}

/** The same for a drawing: `svg("circle", { cx: 3, cy: 4, r: 2 })`. */
export function svg(tag, attributes = {}, ...children) {
  return build(document.createElementNS(SVG, tag), attributes, children);
}

function build(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") {
      node.addEventListener(name.replace(/^on/, ""), value);
    } else if (name === "style") {
      for (const [key, text] of Object.entries(value)) {
        node.style.setProperty(key, text);
      }
    } else if (value !== null && value !== undefined && value !== false) {
      node.setAttribute(name, value === true ? "" : value);
    }
  }
  node.append(...children);
  return node;
}

/** The root of a live part inside `el`: named, with a line that names it. */
export function frame(el, name) {
  const attributes = { class: "lmbook-live", role: "group" };
  const title = element("p", { class: "part-title" }, name);
  const root = element("div", { ...attributes, "aria-label": name }, title);
  // JupyterLab would take a "b" on our buttons for "insert a cell".
  root.addEventListener("focusin", ({ target }) => {
    target.setAttribute("data-lm-suppress-shortcuts", "true");
  });
  el.append(root);
  return root;
}

/** Controls side by side, that wrap where there is little room. */
export function controls(...children) {
  return element("div", { class: "controls" }, ...children);
}

export function button(content, onclick, attributes = {}) {
  const given = { type: "button", onclick, ...attributes };
  return element("button", given, ...[content].flat());
}

/** Disable a button while `work()` goes on; the keyboard finds it again. */
export async function whileDisabled(node, work) {
  const hadFocus = node === document.activeElement;
  node.disabled = true;
  await work();
  node.disabled = false;
  const isLost = document.activeElement === document.body;
  if (hadFocus && isLost) node.focus();
}

/** A checkbox; `onChange(checked)`. Its `input.checked` may be read. */
export function checkbox(text, checked, onChange) {
  const onchange = () => onChange(input.checked);
  const input = element("input", { type: "checkbox", checked, onchange });
  const node = element("label", { class: "check" }, input, text);
  return Object.assign(node, { input });
}

/**
 * A slider. `format(value)` is the text shown and read aloud.
 * `set(value)` moves it without calling `onInput`.
 */
export function slider(options) {
  const { label, min, max, step, value, onInput } = options;
  const { format = String } = options;
  const oninput = () => {
    show();
    onInput(input.valueAsNumber);
  };
  const range = { type: "range", min, max, step, value, oninput };
  const input = element("input", range);
  // The slider reads its value aloud itself: once is enough.
  const shown = element("output", { "aria-hidden": "true" });
  const node = element("label", { class: "slider" }, label, input, shown);
  function show() {
    shown.textContent = format(input.valueAsNumber);
    input.setAttribute("aria-valuetext", shown.textContent);
  }
  function set(to) {
    input.value = to;
    show();
  }
  show();
  return Object.assign(node, { input, set });
}

/** A choice among `[value, text]` pairs; `onChange(value)`. */
export function select(label, options, chosen, onChange) {
  const entries = options.map(([value, text]) =>
    element("option", { value, selected: value === chosen }, text),
  );
  const onchange = () => onChange(input.value);
  const input = element("select", { onchange }, ...entries);
  const node = element("label", { class: "select" }, label, input);
  return Object.assign(node, { input });
}

/** One line of text, or several with `rows`; `onInput(text)`. */
export function textField(label, value, onInput, { rows } = {}) {
  const oninput = () => onInput(input.value);
  const shared = { oninput, spellcheck: "false", autocomplete: "off" };
  const input = rows
    ? element("textarea", { ...shared, rows })
    : element("input", { ...shared, type: "text" });
  input.value = value;
  const node = element("label", { class: "field" }, label, input);
  return Object.assign(node, { input });
}

/**
 * A line that screen readers speak when it changes. `say(text)` waits until
 * nothing more was said for a moment, so that a dragged slider is quiet.
 */
export function liveRegion(attributes = {}) {
  let timer = 0;
  const node = element("p", { class: "said", role: "status", ...attributes });
  const say = (text) => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      node.textContent = text;
    }, QUIET_MILLISECONDS);
  };
  return Object.assign(node, { say });
}

/**
 * Horizontal bars, a row each: `{ label, value, text, series, onPick }`.
 * `value` is a share of 1, `series` 1 to 6 a colour. A row with `onPick` is a
 * button. `update(rows)` draws anew and keeps the keyboard's place.
 */
export function bars(name, rows) {
  const list = element("ul", { class: "bars", "aria-label": name });
  function update(fresh) {
    const at = [...list.children].findIndex((item) =>
      item.contains(document.activeElement),
    );
    list.replaceChildren(...fresh.map(bar));
    if (at < 0) return;
    const row = list.children[at] ?? list.lastElementChild;
    row?.querySelector("button")?.focus();
  }
  update(rows);
  return Object.assign(list, { update });
}

function bar({ label, value, text, series = 1, onPick = null }) {
  const style = { "--share": value, "--series": seriesColour(series) };
  const inside = [
    element("span", { class: "label" }, label),
    element("span", { class: "track", style, "aria-hidden": "true" }),
    element("span", { class: "number" }, text),
  ];
  const row = onPick
    ? button(inside, onPick)
    : element("div", {}, ...inside);
  return element("li", {}, row);
}

/** A table; the first cell of each row heads it. Cells are nodes or text. */
export function table(header, rows, caption = null) {
  const top = header.map((cell) => element("th", { scope: "col" }, cell));
  const body = rows.map(([first, ...rest]) =>
    element(
      "tr",
      {},
      element("th", { scope: "row" }, first),
      ...rest.map((cell) => element("td", {}, cell)),
    ),
  );
  const parts = [
    element("thead", {}, element("tr", {}, ...top)),
    element("tbody", {}, ...body),
  ];
  if (caption !== null) parts.unshift(element("caption", {}, caption));
  return element("table", {}, ...parts);
}

/** The colour of a series, 1 to 6: told apart by colour-blind readers. */
export function seriesColour(number) {
  return `var(--series-${number})`;
}

/** Whether the reader asked for no motion. */
export function wantsStillness() {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}

export function percent(share, digits = 1) {
  return `${(100 * share).toFixed(digits)} %`;
}
