// Elman, LSTM and GRU networks of any number of layers (lmbook/rnn.py).
//
// The state is an array with an entry for each layer: [hidden] or, of an
// LSTM, [hidden, cell], each a Float32Array(H). A step makes new arrays.
// Leaves out: dropout, which is for training.

import { multiply, scaledRow, sigmoid } from "./matrices.js";

const STATE_SIZES = { elman: 1, lstm: 2, gru: 1 };
const CELL_STEPS = { elman: stepElman, lstm: stepLSTM, gru: stepGRU };

export class RecurrentModel {
  /** The config and name -> matrix, as lmbook.export writes them. */
  constructor(config, weights) {
    this.config = config;
    this.weights = weights;
    this.embedding = weights["token_embedding.weight"];
    this.unembedding = weights["unembedding.weight"] ?? this.embedding;
    this.scale = config.scale_embedding ? Math.sqrt(config.d_model) : 1;
    this.layers = [];
    for (let n = 0; n < config.num_layers; n++) {
      this.layers.push(new RecurrentLayer(weights, `layers.${n}.`));
    }
  }

  start() {
    const width = this.config.d_hidden;
    const size = STATE_SIZES[this.config.cell];
    const zeros = () => new Float32Array(width);
    return this.layers.map(() => Array.from({ length: size }, zeros));
  }

  step(state, tokenId) {
    const stepCell = CELL_STEPS[this.config.cell];
    const embedded = new Float32Array(this.config.d_model);
    let input = scaledRow(this.embedding, tokenId, this.scale, embedded);
    const after = [];
    this.layers.forEach((layer, n) => {
      after.push(stepCell(layer, input, state[n]));
      input = after[n][0];
    });
    const logits = new Float32Array(this.config.vocab_size);
    return { state: after, logits: multiply(this.unembedding, input, logits) };
  }
}

/** One layer's weights, and room for what a step works out. */
class RecurrentLayer {
  constructor(weights, prefix) {
    this.inputWeight = weights[prefix + "input_weight"];
    this.hiddenWeight = weights[prefix + "hidden_weight"];
    this.bias = weights[prefix + "bias"].values;
    this.candidateBias = weights[prefix + "candidate_bias"]?.values;
    this.projected = new Float32Array(this.bias.length);
    this.recurrent = new Float32Array(this.bias.length);
  }

  /** W x + b into `projected`, U h into `recurrent`. */
  project(input, hidden) {
    multiply(this.inputWeight, input, this.projected);
    multiply(this.hiddenWeight, hidden, this.recurrent);
    for (let i = 0; i < this.bias.length; i++) {
      this.projected[i] += this.bias[i];
    }
  }
}

function stepElman(layer, input, [hidden]) {
  layer.project(input, hidden);
  const { projected, recurrent } = layer;
  return [hidden.map((_, i) => Math.tanh(projected[i] + recurrent[i]))];
}

/** The gates stand side by side: i, f, g, o. */
function stepLSTM(layer, input, [hidden, cell]) {
  layer.project(input, hidden);
  const width = hidden.length;
  const after = [new Float32Array(width), new Float32Array(width)];
  const gate = (n, i) => {
    return layer.projected[n * width + i] + layer.recurrent[n * width + i];
  };
  for (let i = 0; i < width; i++) {
    const kept = sigmoid(gate(1, i)) * cell[i];
    const written = sigmoid(gate(0, i)) * Math.tanh(gate(2, i));
    after[1][i] = kept + written;
    after[0][i] = sigmoid(gate(3, i)) * Math.tanh(after[1][i]);
  }
  return after;
}

/** The gates stand side by side: r, z, and the candidate n. */
function stepGRU(layer, input, [hidden]) {
  layer.project(input, hidden);
  const { projected, recurrent, candidateBias } = layer;
  const width = hidden.length;
  const after = hidden.map((before, i) => {
    const [r, z, n] = [i, width + i, 2 * width + i];
    const reset = sigmoid(projected[r] + recurrent[r]);
    const keep = sigmoid(projected[z] + recurrent[z]);
    const past = recurrent[n] + candidateBias[i];
    return keep * before + (1 - keep) * Math.tanh(projected[n] + reset * past);
  });
  return [after];
}
