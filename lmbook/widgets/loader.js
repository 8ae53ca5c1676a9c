// Brings the interactive parts of a static page to life, without a kernel.
// A part's module is imported when the part comes near the view. Until then,
// and where that fails, its fallback stays. Everything is fetched from the
// folder of this file, wherever the site is served.

const FOLDER = new URL("./", import.meta.url).href;
const NEAR = "600px";

/** What anywidget's model is in a notebook: data, with nobody to ask. */
function pageModel(data) {
  const values = { data, live: false, base: FOLDER };
  const target = new EventTarget();
  const wrapped = new Map();
  return {
    get: (key) => values[key],
    set(key, value) {
      values[key] = value;
      target.dispatchEvent(new Event(`change:${key}`));
    },
    save_changes() {},
    on(name, callback) {
      wrapped.set(callback, () => callback());
      target.addEventListener(name, wrapped.get(callback));
    },
    off(name, callback) {
      target.removeEventListener(name, wrapped.get(callback));
    },
    send() {
      throw new Error("a page without a kernel has no Python to ask");
    },
  };
}

async function start(part) {
  const data = part.querySelector("script[type='application/json']");
  const fallback = part.querySelector(".lmbook-fallback");
  const el = document.createElement("div");
  try {
    const name = part.dataset.part.match(/^[a-z_]+$/)[0];
    const module = await import(`${FOLDER}${name}.js`);
    const model = pageModel(JSON.parse(data.textContent));
    await module.default.render({ model, el });
    part.append(el);
    fallback.hidden = true;
    part.dataset.state = "ready";
  } catch (error) {
    fail(part, error);
  }
}

function fail(part, error) {
  const note = document.createElement("p");
  note.className = "lmbook-failed";
  note.textContent =
    `The interactive part could not start (${error.message}). ` +
    "What stands here is how it begins.";
  part.append(note);
  part.dataset.state = "failed";
}

const observer = new IntersectionObserver(
  (entries) => {
    for (const entry of entries.filter((each) => each.isIntersecting)) {
      observer.unobserve(entry.target);
      start(entry.target);
    }
  },
  { rootMargin: NEAR },
);
for (const part of document.querySelectorAll(".lmbook-part[data-part]")) {
  observer.observe(part);
}
