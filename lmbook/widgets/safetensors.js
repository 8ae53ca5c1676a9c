// Files of named arrays, as lmbook.export writes them, read in the page.
//
// A .safetensors file is the length of a header, the header (JSON), and the
// arrays' bytes, low byte first, as in every browser's own arrays.
// Leaves out: other types of numbers than the book's files hold.

const WEB_FORMAT = "lmbook web 1";
const INTEGERS = { "|u1": Uint8Array, "<u2": Uint16Array, "<u4": Uint32Array };
const ALLOWED_MS = 8; // of work in one go: a page answers within 50

/**
 * What a file is about, and its tensors: name -> { dtype, shape, bytes }.
 */
export function readTensors(buffer) {
  const length = Number(new DataView(buffer).getBigUint64(0, true));
  const text = new TextDecoder().decode(new Uint8Array(buffer, 8, length));
  const { __metadata__: metadata, ...header } = JSON.parse(text);
  if (!metadata?.[WEB_FORMAT]) {
    throw new Error("this file was not written by lmbook.export_web");
  }
  const tensors = {};
  for (const [name, entry] of Object.entries(header)) {
    const [start, end] = entry.data_offsets.map((at) => 8 + length + at);
    const bytes = buffer.slice(start, end);
    tensors[name] = { dtype: entry.dtype, shape: entry.shape, bytes };
  }
  return { about: JSON.parse(metadata[WEB_FORMAT]), tensors };
}

/** A tensor of floating-point numbers -> { shape, values: Float32Array }. */
export function toMatrix({ dtype, shape, bytes }) {
  if (dtype === "F32") return { shape, values: new Float32Array(bytes) };
  if (dtype === "F16") return { shape, values: fromHalf(bytes) };
  throw new Error(`numbers of type ${dtype}: F16 or F32 is wanted`);
}

/** float16 -> float32: the sign, 5 bits of exponent, 10 of mantissa. */
export function fromHalf(bytes) {
  const halves = new Uint16Array(bytes);
  const bits = new Uint32Array(halves.length);
  const values = new Float32Array(bits.buffer);
  for (let i = 0; i < halves.length; i++) {
    const half = halves[i];
    // Taken as float32 bits, the number is 2^112 times too small.
    bits[i] = (half & 0x7fff) << 13;
    values[i] *= 2 ** 112;
    bits[i] |= (half & 0x8000) << 16;
  }
  return values;
}

/** Integers that were compressed by `lmbook.ngram_files.compress`. */
export async function expand({ bytes }, type) {
  const packed = new Blob([bytes]).stream();
  const whole = packed.pipeThrough(new DecompressionStream("deflate"));
  return new INTEGERS[type](await new Response(whole).arrayBuffer());
}

/**
 * A function to await now and then in long work: it lets the page answer if
 * the work has had its share of time, and returns at once if not.
 */
export function makePause() {
  let start = performance.now();
  return async () => {
    if (performance.now() - start < ALLOWED_MS) return;
    await new Promise((resolve) => setTimeout(resolve));
    start = performance.now();
  };
}
