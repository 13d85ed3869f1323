// Dense networks, as PyTorch computes them: y = activation(W x + b), layer after layer.

/** @type {Record<string, (y: number) => number>} */
const ACTIVATIONS = {
  identity: (y) => y,
  relu: (y) => (y > 0 ? y : 0),
  "leaky-relu": (y) => (y > 0 ? y : 0.01 * y),
  tanh: Math.tanh,
  softplus: (y) => (y > 20 ? y : Math.log1p(Math.exp(y))),
};

export const sigmoid = (/** @type {number} */ y) => 1 / (1 + Math.exp(-y));

/** A stack of dense layers for up to `batch` inputs at a time. Buffers are made once: `run` allocates nothing. */
export class Network {
  /** @param {Layer[]} layers @param {Read} read  from a Ref to its numbers (tensors.mjs) */
  constructor(layers, read, batch = 1) {
    if (!layers.length) throw new Error("weights: a network with no layers");
    this.layers = layers.map((layer, i) => prepare(layer, read, batch, layers[i - 1]));
    this.batch = batch;
    this.inputs = this.layers[0].inputs;
    this.outputs = this.layers[layers.length - 1].outputs;
    this.input = new Float64Array(batch * this.inputs);
  }

  /** The outputs for the first `count` rows of `this.input`: row after row in a buffer that the next run overwrites. */
  run(count = 1) {
    if (count > this.batch) throw new Error(`${count} inputs for a network of batch ${this.batch}`);
    let values = this.input;
    for (const layer of this.layers) {
      multiply(values, count, layer);
      values = layer.output;
      const { activate } = layer;
      if (activate !== ACTIVATIONS.identity) for (let i = 0, n = count * layer.outputs; i < n; i++) values[i] = activate(values[i]);
    }
    return values;
  }
}

/** @param {Layer} layer @param {Read} read @param {number} batch @param {Layer | undefined} previous */
function prepare({ inputs, outputs, activation, weight, scale, bias }, read, batch, previous) {
  if (!Object.hasOwn(ACTIVATIONS, activation)) throw new Error(`weights: unknown layer activation ${activation}`);
  const activate = ACTIVATIONS[activation];
  if (previous && previous.outputs !== inputs) throw new Error(`weights: ${previous.outputs} outputs meet ${inputs} inputs`);
  const packed = read(weight);
  const weights = Float32Array.from(weight.dtype === "int6" ? turned(packed, inputs, outputs) : packed);
  if (packed.length !== inputs * outputs) throw new Error(`weights: ${packed.length} of ${outputs} × ${inputs}`);
  if (scale) {
    // one scale a row, multiplied in float32 as PyTorch does, so that both compute with the same weights
    const scales = read(scale);
    if (scales.length !== outputs) throw new Error(`weights: ${scales.length} scales for ${outputs} outputs`);
    for (let i = 0; i < weights.length; i++) weights[i] *= scales[(i / inputs) | 0];
    if (!weights.every(Number.isFinite)) throw new Error("weights: not a number among them");
  }
  const biases = bias ? read(bias) : new Float32Array(outputs);
  if (biases.length !== outputs) throw new Error(`weights: ${biases.length} biases for ${outputs} outputs`);
  const [alive, fours] = [new Int32Array(inputs), new Float64Array(4 * inputs)];
  return { inputs, outputs, activate, weights, biases, output: new Float64Array(batch * outputs), alive, fours };
}

/** What travelled input by input, output by output. @param {Numbers} values @param {number} inputs @param {number} outputs */
function turned(values, inputs, outputs) {
  const rows = new Int8Array(values.length);
  for (let i = 0; i < inputs; i++) for (let o = 0; o < outputs; o++) rows[o * inputs + i] = values[i * outputs + o];
  return rows;
}

// Each weight is loaded once for four inputs: the weights are what does not fit into the nearest cache. After a ReLU
// about half of a layer's inputs are zero, for inputs alike in the same places: those columns are left out.
/** @param {Float64Array} x @param {number} count @param {ReturnType<typeof prepare>} layer */
function multiply(x, count, { inputs, outputs, weights, biases, output, alive, fours }) {
  let row = 0;
  for (; row + 4 <= count; row += 4) {
    const x0 = row * inputs, x1 = x0 + inputs, x2 = x1 + inputs, x3 = x2 + inputs;
    let n = 0;
    for (let i = 0; i < inputs; i++) {
      if (x[x0 + i] === 0 && x[x1 + i] === 0 && x[x2 + i] === 0 && x[x3 + i] === 0) continue;
      alive[n] = i;
      fours[4 * n] = x[x0 + i];
      fours[4 * n + 1] = x[x1 + i];
      fours[4 * n + 2] = x[x2 + i];
      fours[4 * n + 3] = x[x3 + i];
      n++;
    }
    for (let o = 0, w = 0; o < outputs; o++, w += inputs) {
      let a = biases[o], b = a, c = a, d = a;
      for (let k = 0, f = 0; k < n; k++, f += 4) {
        const weight = weights[w + alive[k]];
        a += weight * fours[f];
        b += weight * fours[f + 1];
        c += weight * fours[f + 2];
        d += weight * fours[f + 3];
      }
      const at = row * outputs + o;
      output[at] = a;
      output[at + outputs] = b;
      output[at + 2 * outputs] = c;
      output[at + 3 * outputs] = d;
    }
  }
  for (; row < count; row++) {
    const start = row * inputs;
    for (let o = 0, w = 0; o < outputs; o++) {
      // four sums that do not wait for one another
      let a = biases[o], b = 0, c = 0, d = 0, i = 0;
      for (; i + 4 <= inputs; i += 4, w += 4) {
        a += weights[w] * x[start + i];
        b += weights[w + 1] * x[start + i + 1];
        c += weights[w + 2] * x[start + i + 2];
        d += weights[w + 3] * x[start + i + 3];
      }
      for (; i < inputs; i++, w++) a += weights[w] * x[start + i];
      output[row * outputs + o] = a + b + (c + d);
    }
  }
}
