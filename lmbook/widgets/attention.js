// Attention: a text, one word of it that looks, and for each head of a
// Transformer where it looks from there. Until somebody acts, the shares that
// Python computed are shown, and no weights are fetched.
// Leaves out: what the heads bring, and switching them off.
import { likeliest, plainError, shareText } from "./distribution.js";
import { softmax, tokenText } from "./distribution.js";
import { ask, isLive } from "./kernel.js";
import { sourcesOf } from "./source.js";
import { button, element, frame } from "./ui.js";
import { liveRegion, percent, textField } from "./ui.js";

const TYPED_MILLISECONDS = 300;
const NUM_TOLD = 3;
const MOVES = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -1, ArrowDown: 1 };

function render({ model, el }) {
  const data = model.get("data");
  const [source] = sourcesOf(model);
  const root = frame(el, "Attention");
  const said = liveRegion();
  const words = makeWords((place) => go(now, place));
  const heads = makeHeads(data.attention, (layer, head) => {
    now.head = [layer, head];
    show();
  });
  const field = textField("Another text", data.text, onType, { rows: 3 });
  const now = { ...data, tokenIds: data.token_ids };
  let [typing, latest] = [0, 0];

  root.append(
    element("p", { class: "note" }, "Choose the word that looks:"),
    words.node,
    element("p", { class: "note" },
      "What each head looks at most from there. Choose a head:"),
    heads.node,
    said,
    field,
  );
  words.write(now.tokens);
  show();

  function onType() {
    clearTimeout(typing);
    typing = setTimeout(() => go(null), TYPED_MILLISECONDS);
  }

  /** Look from a place of these tokens, or from the end of a new text. */
  async function go(given, place) {
    const mine = ++latest;
    try {
      if (!source.vocabulary) said.say("The model is loading.");
      await source.open();
      const read = given ?? (await tokensOf(source, field.input.value));
      const { tokenIds, isCut } = read;
      const at = place ?? tokenIds.length - 1;
      const seen = await lookFrom(model, source, tokenIds, at);
      if (mine !== latest) return; // somebody went on
      Object.assign(now, seen, { tokenIds, isCut, at });
      if (given === null) {
        now.tokens = tokenIds.map((id) => source.vocabulary[id]);
        words.write(now.tokens);
      }
      show();
    } catch (error) {
      said.say(plainError(error));
    }
  }

  function show() {
    const { tokens, at, attention, head: [layer, head] } = now;
    words.shade(at, attention[layer][head]);
    heads.update(attention, tokens, now.head);
    said.say(sentence(now));
  }
}

/** At most as many as the model can read, and whether that is all. */
async function tokensOf(source, text) {
  const all = [source.bosId, ...(await source.encode(text))];
  const tokenIds = all.slice(0, source.contextLength ?? all.length);
  return { tokenIds, isCut: tokenIds.length < all.length };
}

/** attention[layer][head][place], and the likeliest next [token, share]. */
async function lookFrom(model, source, tokenIds, at) {
  const { logits, attention } = isLive(model)
    ? await lookInPython(model, tokenIds.slice(0, at + 1))
    : await lookInPage(source, tokenIds, at);
  const best = likeliest(softmax(logits), source.vocabulary, 1);
  return { attention, expected: best.map(([, token, p]) => [token, p]) };
}

async function lookInPage({ model, reader }, tokenIds, at) {
  const trail = await reader.read(tokenIds);
  const before = at === 0 ? model.start() : trail[at - 1].state;
  return model.step(before, tokenIds[at], true);
}

async function lookInPython(model, tokenIds) {
  const given = { token_ids: tokenIds };
  const { logits, shares } = await ask(model, "look", given);
  const [L, H, T] = shares.shape;
  const row = (n) => shares.subarray(n * T, (n + 1) * T);
  const attention = Array.from({ length: L }, (_, layer) =>
    Array.from({ length: H }, (_, head) => row(layer * H + head)));
  return { logits, attention };
}

/** The places with the largest shares, largest first. */
function mostLookedAt(shares, count) {
  const places = [...shares.keys()];
  return places.sort((s, t) => shares[t] - shares[s] || s - t).slice(0, count);
}

function sentence({ tokens, at, attention, head, expected, isCut }) {
  const [layer, number] = head;
  const shares = attention[layer][number];
  const found = mostLookedAt(shares, NUM_TOLD).map((place) => {
    const far = place === at ? "itself" : `${at - place} back`;
    const share = shareText(shares[place]);
    return `“${tokenText(tokens[place])}” (${far}, ${share})`;
  });
  const next = expected.map(([token, p]) =>
    ` The model expects “${tokenText(token)}” (${shareText(p)}).`);
  const cut = isCut ? " The text is too long: its end is left out." : "";
  return (
    `From “${tokenText(tokens[at])}” (word ${at}), head ${layer + 1}.` +
    `${number + 1} looks most at ${found.join(", ")}.${next}${cut}`
  );
}

/** The words, of which one is chosen; a single stop for the keyboard. */
function makeWords(onPick) {
  const attributes = { class: "looking", role: "group", onkeydown };
  const node = element("div", { ...attributes, "aria-label": "Words" });
  let nodes = [];

  function onkeydown(event) {
    const ends = { Home: 0, End: nodes.length - 1 };
    const from = nodes.indexOf(event.target);
    const place = ends[event.key] ?? from + (MOVES[event.key] ?? NaN);
    if (!nodes[place]) return;
    event.preventDefault();
    nodes[place].focus();
    onPick(place);
  }

  function write(tokens) {
    nodes = tokens.map((token, place) =>
      button(tokenText(token), () => onPick(place), { tabindex: "-1" }));
    node.replaceChildren(...nodes);
  }

  function shade(at, shares) {
    nodes.forEach((word, place) => {
      word.style.setProperty("--share", shares[place] ?? 0);
      word.classList.toggle("later", place > at);
      word.setAttribute("aria-pressed", String(place === at));
      word.tabIndex = place === at ? 0 : -1;
    });
  }
  return { node, write, shade };
}

/** A row of buttons for each layer, each with what the head looks at most. */
function makeHeads(attention, onPick) {
  const rows = attention.map((heads, layer) =>
    heads.map((_, head) => {
      const share = element("span", { class: "number" });
      const word = element("span", { class: "label" });
      const name = element("b", {}, `${layer + 1}.${head + 1}`);
      const inside = [name, " ", word, " ", share];
      const node = button(inside, () => onPick(layer, head));
      return { node, word, share };
    }));
  const node = element("div", { class: "heads" }, ...rows.map((row, layer) =>
    element(
      "div",
      { role: "group", "aria-label": `Heads of layer ${layer + 1}` },
      ...row.map((head) => head.node),
    )));

  function update(shares, tokens, [chosenLayer, chosenHead]) {
    rows.forEach((row, layer) => row.forEach((entry, head) => {
      const [place] = mostLookedAt(shares[layer][head], 1);
      entry.word.textContent = tokenText(tokens[place]);
      entry.share.textContent = percent(shares[layer][head][place], 0);
      const isChosen = layer === chosenLayer && head === chosenHead;
      entry.node.setAttribute("aria-pressed", String(isChosen));
    }));
  }
  return { node, update };
}

export default { render };
