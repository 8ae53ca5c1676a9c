// Questions to the Python that made a part, where a kernel is live.
// A part's class answers `ask(model, "logits", …)` by its method `ask_logits`.
// Leaves out: the page without a kernel, where `isLive` is false.

/** Whether Python answers. */
export function isLive(model) {
  return model.get("live") === true;
}

/**
 * Ask Python. Resolves with its answer; rejects with Python's error.
 * Arrays and tensors arrive as Float32Array with a property `shape`.
 */
export function ask(model, name, given = {}) {
  const id = Math.random().toString(36).slice(2);
  return new Promise((resolve, reject) => {
    const onMessage = (message, buffers) => {
      if (message.id !== id) return;
      model.off("msg:custom", onMessage);
      if ("error" in message) reject(new Error(message.error));
      else resolve(unpack(message.value, buffers));
    };
    model.on("msg:custom", onMessage);
    model.send({ id, ask: name, given });
  });
}

function unpack(value, buffers) {
  if (Array.isArray(value)) return value.map((item) => unpack(item, buffers));
  if (value === null || typeof value !== "object") return value;
  if ("array" in value) return toArray(buffers[value.array], value.shape);
  const entries = Object.entries(value);
  return Object.fromEntries(entries.map(([k, v]) => [k, unpack(v, buffers)]));
}

function toArray(view, shape) {
  // A copy, as a view need not begin at a multiple of four bytes.
  const end = view.byteOffset + view.byteLength;
  const bytes = view.buffer.slice(view.byteOffset, end);
  return Object.assign(new Float32Array(bytes), { shape });
}
