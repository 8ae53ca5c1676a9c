// Arithmetic on Float32Array, for networks that read one token at a time.
//
// A matrix is { shape: [rows, columns], values }, rows one after the other.
// Leaves out: batches. Sums are in double precision, as JavaScript has it.

/** output = matrix * input; four sums at a time, so that none has to wait. */
export function multiply(matrix, input, output) {
  const [numRows, numColumns] = matrix.shape;
  const values = matrix.values;
  const whole = numColumns - (numColumns % 4);
  for (let row = 0, at = 0; row < numRows; row++) {
    let a = 0, b = 0, c = 0, d = 0, i = 0;
    for (; i < whole; i += 4, at += 4) {
      a += values[at] * input[i];
      b += values[at + 1] * input[i + 1];
      c += values[at + 2] * input[i + 2];
      d += values[at + 3] * input[i + 3];
    }
    for (; i < numColumns; i++, at++) a += values[at] * input[i];
    output[row] = a + b + c + d;
  }
  return output;
}

/** A row of a matrix, times a number. */
export function scaledRow(matrix, row, scale, output) {
  const start = row * output.length;
  for (let i = 0; i < output.length; i++) {
    output[i] = matrix.values[start + i] * scale;
  }
  return output;
}

/** sums += values. */
export function addTo(sums, values) {
  for (let i = 0; i < sums.length; i++) sums[i] += values[i];
}

/** What a gate lets through: from 0 to 1. */
export function sigmoid(x) {
  return 1 / (1 + Math.exp(-x));
}

/** RMSNorm (lmbook/layers.py): length sqrt(D), then scaled axis by axis. */
export function normalize(input, weight, eps, output) {
  let squares = 0;
  for (let i = 0; i < input.length; i++) squares += input[i] * input[i];
  const scale = 1 / Math.sqrt(squares / input.length + eps);
  for (let i = 0; i < input.length; i++) {
    output[i] = input[i] * scale * weight.values[i];
  }
  return output;
}

/** Scores -> shares that sum to 1, in place; the first `length` of them. */
export function softmaxInPlace(scores, length) {
  let highest = -Infinity, total = 0;
  for (let i = 0; i < length; i++) highest = Math.max(highest, scores[i]);
  for (let i = 0; i < length; i++) {
    scores[i] = Math.exp(scores[i] - highest);
    total += scores[i];
  }
  for (let i = 0; i < length; i++) scores[i] /= total;
}
