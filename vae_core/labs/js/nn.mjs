// Networks as PyTorch computes them, layer after layer: dense ones, y = activation(W x + b), and transposed convolutions.

/** @type {Record<string, (y: number) => number>} */
const ACTIVATIONS = {
  identity: (y) => y,
  relu: (y) => (y > 0 ? y : 0),
  "leaky-relu": (y) => (y > 0 ? y : 0.01 * y),
  tanh: Math.tanh,
  softplus: (y) => (y > 20 ? y : Math.log1p(Math.exp(y))),
};

/** @param {string} name */
export function activationOf(name) {
  if (!Object.hasOwn(ACTIVATIONS, name)) throw new Error(`weights: unknown layer activation ${name}`);
  return ACTIVATIONS[name];
}

export const sigmoid = (/** @type {number} */ y) => 1 / (1 + Math.exp(-y));

/** A stack of layers for up to `batch` inputs at a time. Buffers are made once: `run` allocates nothing. */
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
      if (layer.grid) convolve(values, count, layer, layer.grid);
      else multiply(values, count, layer);
      values = layer.output;
      const { activate } = layer;
      if (activate !== ACTIVATIONS.identity) for (let i = 0, n = count * layer.outputs; i < n; i++) values[i] = activate(values[i]);
    }
    return values;
  }
}

/** @param {Layer} layer @param {Read} read @param {number} batch @param {Layer | undefined} previous */
function prepare({ inputs, outputs, activation, weight, scale, bias, transposed }, read, batch, previous) {
  const activate = activationOf(activation);
  if (previous && previous.outputs !== inputs) throw new Error(`weights: ${previous.outputs} outputs meet ${inputs} inputs`);
  const grid = transposed ? gridOf(inputs, outputs, transposed) : null;
  // a row of weights for each output, or for each channel of outputs
  const [rows, across] = grid ? [grid.rows, grid.channels * grid.kernel ** 2] : [outputs, inputs];
  const packed = read(weight);
  if (packed.length !== rows * across) throw new Error(`weights: ${packed.length} of ${rows} × ${across}`);
  const weights = Float32Array.from(weight.dtype === "int6" ? turned(packed, across, rows) : packed);
  if (scale) {
    // one scale a row, multiplied in float32 as PyTorch does, so that both compute with the same weights
    const scales = read(scale);
    if (scales.length !== rows) throw new Error(`weights: ${scales.length} scales for ${rows} outputs`);
    for (let i = 0; i < weights.length; i++) weights[i] *= scales[(i / across) | 0];
    if (!weights.every(Number.isFinite)) throw new Error("weights: not a number among them");
  }
  const biases = bias ? read(bias) : new Float32Array(rows);
  if (biases.length !== rows) throw new Error(`weights: ${biases.length} biases for ${rows} outputs`);
  const [alive, fours] = [new Int32Array(across), new Float64Array(4 * across)];
  const placed = grid && { ...grid, padded: new Float64Array(batch * grid.frame), parts: grid.parts.map((part) => ({ ...part, weights: tapsOf(weights, part.taps, rows) })) };
  return { inputs, outputs, activate, weights, biases, output: new Float64Array(batch * outputs), alive, fours, grid: placed };
}

/** What travelled input by input, output by output. @param {Numbers} values @param {number} inputs @param {number} outputs */
function turned(values, inputs, outputs) {
  const rows = new Int8Array(values.length);
  for (let i = 0; i < inputs; i++) for (let o = 0; o < outputs; o++) rows[o * inputs + i] = values[i * outputs + o];
  return rows;
}

// Each weight is loaded once for four inputs: the weights are what does not fit into the nearest cache.
/** @param {Float64Array} x @param {number} count @param {ReturnType<typeof prepare>} layer */
function multiply(x, count, { inputs, outputs, weights, biases, output, alive, fours }) {
  let row = 0;
  for (; row + 4 <= count; row += 4) {
    const x0 = row * inputs, at = row * outputs;
    const n = gatherFour(x, x0, x0 + inputs, x0 + 2 * inputs, x0 + 3 * inputs, null, inputs, alive, fours);
    multiplyFour(weights, inputs, n, alive, fours, biases, output, at, at + outputs, at + 2 * outputs, at + 3 * outputs, 1);
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

/**
 * Four inputs side by side: of `length` numbers those at x0 + offsets[i], x1 + offsets[i], … (at x0 + i where there are no offsets).
 * After a ReLU about half of them are zero, for inputs alike in the same places: those are left out, and `alive` says which are not.
 * @param {Float64Array} x @param {number} x0 @param {number} x1 @param {number} x2 @param {number} x3
 * @param {Int32Array | null} offsets @param {number} length @param {Int32Array} alive @param {Float64Array} fours
 */
function gatherFour(x, x0, x1, x2, x3, offsets, length, alive, fours) {
  let n = 0;
  for (let i = 0; i < length; i++) {
    const at = offsets ? offsets[i] : i;
    const a = x[x0 + at], b = x[x1 + at], c = x[x2 + at], d = x[x3 + at];
    if (a === 0 && b === 0 && c === 0 && d === 0) continue;
    alive[n] = i;
    fours[4 * n] = a;
    fours[4 * n + 1] = b;
    fours[4 * n + 2] = c;
    fours[4 * n + 3] = d;
    n++;
  }
  return n;
}

/**
 * Each row of weights times the four inputs that were gathered; the four results of row o go to y0 + o · step, y1 + o · step, …
 * Two rows at a time, so that an input is loaded once for both: a third faster.
 * @param {Float32Array} weights @param {number} across @param {number} n @param {Int32Array} alive @param {Float64Array} fours
 * @param {Numbers} biases @param {Float64Array} output
 * @param {number} y0 @param {number} y1 @param {number} y2 @param {number} y3 @param {number} step
 */
function multiplyFour(weights, across, n, alive, fours, biases, output, y0, y1, y2, y3, step) {
  const rows = biases.length;
  let o = 0, w = 0, at = 0;
  for (; o + 2 <= rows; o += 2, w += 2 * across, at += 2 * step) {
    let a = biases[o], b = a, c = a, d = a, e = biases[o + 1], f = e, g = e, h = e;
    for (let k = 0, i = 0; k < n; k++, i += 4) {
      const j = w + alive[k], u = weights[j], v = weights[j + across];
      const p = fours[i], q = fours[i + 1], r = fours[i + 2], s = fours[i + 3];
      a += u * p;
      b += u * q;
      c += u * r;
      d += u * s;
      e += v * p;
      f += v * q;
      g += v * r;
      h += v * s;
    }
    output[y0 + at] = a;
    output[y1 + at] = b;
    output[y2 + at] = c;
    output[y3 + at] = d;
    output[y0 + at + step] = e;
    output[y1 + at + step] = f;
    output[y2 + at + step] = g;
    output[y3 + at + step] = h;
  }
  for (; o < rows; o++, w += across, at += step) {
    let a = biases[o], b = a, c = a, d = a;
    for (let k = 0, f = 0; k < n; k++, f += 4) {
      const weight = weights[w + alive[k]];
      a += weight * fours[f];
      b += weight * fours[f + 1];
      c += weight * fours[f + 2];
      d += weight * fours[f + 3];
    }
    output[y0 + at] = a;
    output[y1 + at] = b;
    output[y2 + at] = c;
    output[y3 + at] = d;
  }
}

// A transposed convolution of stride s makes s² pictures that interleave. Each pixel of one of them is the same few taps of the
// kernel, times the inputs around it, which lie at the same offsets from it in an input with a frame of zeros: a dense layer
// for every pixel, over and over.

/** Where it finds its inputs and puts its outputs. @param {number} inputs @param {number} outputs @param {Transposed} transposed */
function gridOf(inputs, outputs, { height, width, kernel, stride, padding, spare }) {
  const whole = (/** @type {number} */ n, least = 1) => Number.isSafeInteger(n) && n >= least;
  const sound = [height, width, kernel, stride].every((n) => whole(n)) && [padding, spare].every((n) => whole(n, 0));
  const [tall, wide] = [height, width].map((n) => (n - 1) * stride - 2 * padding + kernel + spare);
  const channels = inputs / (height * width), rows = outputs / (tall * wide);
  if (!sound || ![tall, wide, channels, rows].every((n) => whole(n))) {
    throw new Error(`weights: no transposed convolution takes ${inputs} inputs to ${outputs} outputs in this way`);
  }
  const [down, right] = [phasesOf(height, tall, kernel, stride, padding), phasesOf(width, wide, kernel, stride, padding)];
  const span = width + right.before + right.after, frame = channels * (height + down.before + down.after) * span;
  const parts = down.phases.flatMap((y) => right.phases.map((x) => {
    const from = [], to = [], offsets = [], taps = [];
    for (let i = 0; i < y.count; i++) {
      for (let j = 0; j < x.count; j++) {
        from.push((down.before + i) * span + right.before + j);
        to.push((stride * i + y.first) * wide + stride * j + x.first);
      }
    }
    for (let c = 0; c < channels; c++) {
      for (const [v, dy] of y.taps) {
        for (const [h, dx] of x.taps) {
          offsets.push((c * frame) / channels + dy * span + dx);
          taps.push((c * kernel + v) * kernel + h);
        }
      }
    }
    return { from: Int32Array.from(from), to: Int32Array.from(to), offsets: Int32Array.from(offsets), taps };
  }));
  return { channels, rows, kernel, height, width, tall, wide, span, frame, parts, before: [down.before, right.before] };
}

/**
 * Along one axis, the outputs first, first + stride, …: how many they are, and which taps of the kernel each has, with how far
 * from it (counted in inputs) that tap's input lies. And how many zeros are needed on both sides.
 * @param {number} n @param {number} size @param {number} kernel @param {number} stride @param {number} padding
 */
function phasesOf(n, size, kernel, stride, padding) {
  let before = 0, after = 0;
  const found = [];
  for (let first = 0; first < Math.min(stride, size); first++) {
    const count = Math.ceil((size - first) / stride);
    /** @type {[number, number][]} */
    const taps = [];
    for (let tap = (first + padding) % stride; tap < kernel; tap += stride) {
      const away = (first + padding - tap) / stride;
      before = Math.max(before, -away);
      after = Math.max(after, count + away - n);
      taps.push([tap, away]);
    }
    found.push({ first, count, taps });
  }
  return { phases: found, before, after };
}

/** The taps of a part, row by row. @param {Float32Array} weights @param {number[]} taps @param {number} rows */
function tapsOf(weights, taps, rows) {
  const across = weights.length / rows;
  return Float32Array.from({ length: rows * taps.length }, (_, i) => weights[Math.floor(i / taps.length) * across + taps[i % taps.length]]);
}

/** @param {Float64Array} x @param {number} count @param {ReturnType<typeof prepare>} layer @param {NonNullable<ReturnType<typeof prepare>["grid"]>} grid */
function convolve(x, count, { outputs, biases, output, alive, fours }, { channels, height, width, tall, wide, span, frame, parts, before, padded }) {
  for (let row = 0, i = 0; row < count * channels; row++) {
    for (let v = 0, to = (row * frame) / channels + before[0] * span + before[1]; v < height; v++, to += span) {
      for (let h = 0; h < width; h++) padded[to + h] = x[i++];
    }
  }
  for (const { from, to, offsets, weights } of parts) {
    const last = count * from.length - 1;
    for (let p = 0; p <= last; p += 4) {
      // four pixels at a time, whichever images they are of; where fewer are left, the last one again
      const p1 = Math.min(p + 1, last), p2 = Math.min(p + 2, last), p3 = Math.min(p + 3, last);
      const i0 = Math.floor(p / from.length), i1 = Math.floor(p1 / from.length), i2 = Math.floor(p2 / from.length), i3 = Math.floor(p3 / from.length);
      const q0 = p - i0 * from.length, q1 = p1 - i1 * from.length, q2 = p2 - i2 * from.length, q3 = p3 - i3 * from.length;
      const n = gatherFour(padded, i0 * frame + from[q0], i1 * frame + from[q1], i2 * frame + from[q2], i3 * frame + from[q3], offsets, offsets.length, alive, fours);
      multiplyFour(weights, offsets.length, n, alive, fours, biases, output, i0 * outputs + to[q0], i1 * outputs + to[q1], i2 * outputs + to[q2], i3 * outputs + to[q3], tall * wide);
    }
  }
}
