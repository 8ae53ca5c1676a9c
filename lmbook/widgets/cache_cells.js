// What a key-value cache saves: a model writes word by word, once reading all
// again and once with what it keeps. Each token that is read is a cell, and
// is counted and timed where it is read.
// Leaves out: drawing a word at random; both take the likeliest.
import { plainError, tokenText } from "./distribution.js";
import { ask, isLive } from "./kernel.js";
import { makePause } from "./safetensors.js";
import { sourcesOf } from "./source.js";
import { button, controls, element, frame, liveRegion, svg } from "./ui.js";

const [ROOM, LARGEST_CELL, SMALLEST_NAMED, MARGIN] = [224, 28, 11, 76];

function render({ model, el }) {
  const data = model.get("data");
  const [source] = sourcesOf(model);
  const root = frame(el, "Tokens read");
  const said = liveRegion();
  const story = element("p", { class: "story" });
  const again = makeTriangle("Reading all again", "again");
  const cached = makeTriangle("With the cache", "kept");
  const more = [1, 10].map((count) =>
    button(count === 1 ? "One more word" : "Ten more", () => write(count)));
  const reset = button("Start again", start);
  let [writer, run, now] = [null, 0, null];

  root.append(
    controls(...more, reset),
    said,
    element("div", { class: "triangles" }, again.node, cached.node),
    element("p", { class: "note" },
      "A row for each word chosen, a cell for each token of the text before " +
      "it. Green: read for the first time. Orange: read again. " +
      "Empty: kept from before."),
    story,
  );
  start();

  function start() {
    run++;
    const numWords = data.tokens.length - 1;
    const sum = (numWords * (numWords + 1)) / 2;
    now = {
      tokenIds: data.token_ids,
      tokens: data.tokens,
      text: data.text,
      counts: { again: sum, cached: numWords },
    };
    writer = null;
    enable(true);
    show();
    said.say(startSentence(numWords, sum));
  }

  function enable(isOn) {
    const isFull = now.tokens.length > data.most || now.isOver;
    for (const node of more) node.disabled = !isOn || isFull;
  }

  async function write(count) {
    const mine = ++run;
    const pressed = more.find((node) => node === document.activeElement);
    enable(false);
    try {
      if (!source.vocabulary) said.say("The model is loading.");
      await source.open();
      writer ??= await openWriter(model, source, now.tokenIds);
      for (let i = 0; i < count && now.tokens.length <= data.most; i++) {
        const after = await writeWord(writer, source, now);
        if (mine !== run) return; // somebody began anew
        now = after;
        show();
        if (now.isOver) break;
      }
      said.say(sentenceAfter(now));
    } catch (error) {
      said.say(plainError(error));
    }
    enable(true);
    // A disabled button loses the keyboard's place.
    const isLost = document.activeElement === document.body;
    if (pressed && isLost) (pressed.disabled ? reset : pressed).focus();
  }

  function show() {
    again.draw(now.tokens, now.counts.again);
    cached.draw(now.tokens, now.counts.cached);
    story.textContent = now.text;
  }
}

/** Who reads, here or in Python; what stands there is kept already. */
async function openWriter(model, source, tokenIds) {
  const writer = isLive(model)
    ? new KernelWriter(model)
    : new PageWriter(source.model);
  await writer.cached(tokenIds.slice(0, -1));
  return writer;
}

async function writeWord(writer, source, { tokenIds, tokens, counts }) {
  const again = await writer.again(tokenIds);
  const cached = await writer.cached(tokenIds);
  const [next, same] = [again, cached].map(({ logits }) => highest(logits));
  const longer = [...tokenIds, next];
  return {
    tokenIds: longer,
    text: await source.decode(longer),
    tokens: [...tokens, source.vocabulary[next]],
    counts: {
      again: counts.again + again.numRead,
      cached: counts.cached + cached.numRead,
    },
    last: { again, cached, agrees: next === same },
    isOver: next === source.eosId ||
      tokenIds.length >= (source.contextLength ?? Infinity),
  };
}

function highest(logits) {
  return logits.reduce((best, x, id) => (x > logits[best] ? id : best), 0);
}

/** Reads in the page; only the time of the reading counts. */
class PageWriter {
  constructor(network) {
    this.network = network;
    this.kept = { numTokens: 0, state: network.start() };
  }

  again(tokenIds) {
    return this.read(this.network.start(), tokenIds);
  }

  async cached(tokenIds) {
    const { numTokens, state } = this.kept;
    const found = await this.read(state, tokenIds.slice(numTokens));
    this.kept = { numTokens: tokenIds.length, state: found.state };
    return found;
  }

  async read(state, tokenIds) {
    const pause = makePause();
    const found = { state, numRead: 0, milliseconds: 0 };
    for (const id of tokenIds) {
      const began = performance.now();
      Object.assign(found, this.network.step(found.state, id));
      found.milliseconds += performance.now() - began;
      found.numRead++;
      await pause();
    }
    return found;
  }
}

/** Reads in the Python that made the part. */
class KernelWriter {
  constructor(widget) {
    this.widget = widget;
  }

  again(tokenIds) {
    return this.read("again", tokenIds);
  }

  cached(tokenIds) {
    return this.read("cached", tokenIds);
  }

  async read(how, tokenIds) {
    const found = await ask(this.widget, how, { token_ids: tokenIds });
    return { ...found, numRead: found.num_read };
  }
}

function startSentence(numWords, sum) {
  const numbers = Array.from({ length: numWords }, (_, i) => i + 1);
  const terms = numWords > 6 ? "1 + 2 + …" : numbers.join(" + ");
  return (
    `To choose ${numWords} words, ${terms} = ${sum.toLocaleString("en")} ` +
    `tokens are read; with the cache, ${numWords}.`
  );
}

function sentenceAfter({ tokens, last: { again, cached, agrees }, isOver }) {
  const [whole, little] = [again, cached].map(({ numRead, milliseconds }) =>
    `${numRead === 1 ? "1 token" : `${numRead} tokens`} in ` +
    `${milliseconds.toFixed(1)} ms`);
  return (
    `Word ${tokens.length - 1}, “${tokenText(tokens.at(-1))}”: reading all ` +
    `again, ${whole}; with the cache, ${little}. ` +
    `${agrees ? "Both chose the same word." : "They chose differently."}` +
    (isOver ? " The text is over." : "")
  );
}

/** Rows of cells; `kind` is what an old token is: "again" or "kept". */
function makeTriangle(title, kind) {
  const count = element("b");
  const drawing = svg("svg", { "aria-hidden": "true" });
  const name = element("p", { class: "model-name" }, `${title}: `, count);
  const node = element("div", { class: "triangle" }, name, drawing);

  function draw(tokens, numRead) {
    const numRows = tokens.length - 1;
    const size = Math.min(LARGEST_CELL, ROOM / numRows);
    const rows = Array.from({ length: numRows }, (_, row) => row);
    count.textContent = `${numRead.toLocaleString("en")} tokens read`;
    drawing.setAttribute("viewBox", `0 0 ${ROOM + MARGIN} ${numRows * size}`);
    const old = rows.flatMap((row) =>
      rows.slice(0, row).map((column) => square(column, row, size)));
    const fresh = rows.map((row) => square(row, row, size));
    const isNamed = (row) => size >= SMALLEST_NAMED || row === numRows - 1;
    const names = rows.filter(isNamed).map((row) =>
      svg("text", { x: (row + 1) * size + 5, y: (row + 1) * size - size / 4 },
        tokenText(tokens[row + 1])));
    drawing.replaceChildren(
      svg("path", { class: kind, d: old.join("") }),
      svg("path", { class: "fresh", d: fresh.join("") }),
      ...names,
    );
  }
  return { node, draw };
}

function square(column, row, size) {
  const gap = Math.min(1, size / 8);
  const [x, y, side] = [column * size + gap, row * size + gap, size - 2 * gap];
  return `M${x.toFixed(2)} ${y.toFixed(2)}h${side}v${side}h${-side}z`;
}

export default { render };
