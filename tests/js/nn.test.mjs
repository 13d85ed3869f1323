import assert from "node:assert/strict";
import { test } from "node:test";
import { Network } from "../../vae_core/labs/js/nn.mjs";

/** A layer whose arrays are handed over as they are: the reader is the identity. */
const layer = (inputs, outputs, weight, { bias = null, scale = null, activation = "identity" } = {}) => ({
  inputs, outputs, activation, weight, scale: scale && Float32Array.from(scale), bias: bias && Float32Array.from(bias),
});
const read = (values) => values;

test("y = W x + b by hand, with a scale a row", () => {
  const network = new Network([layer(2, 3, [1, 2, 3, 4, 5, 6], { bias: [10, 20, 30], scale: [1, 0.5, 2] })], read);
  network.input.set([1, -1]);
  assert.deepEqual([...network.run()], [10 - 1, 20 - 0.5, 30 - 2]);
});

test("six-bit weights come input by input", () => {
  const refs = { dtype: "int6", numbers: Int8Array.from([1, 3, 5, 2, 4, 6]) };
  const arrays = (part) => part.numbers ?? part;
  const one = new Network([layer(2, 3, [1, 2, 3, 4, 5, 6], { scale: [1, 0.5, 2] })], read);
  const other = new Network([layer(2, 3, refs, { scale: [1, 0.5, 2] })], arrays);
  for (const network of [one, other]) network.input.set([3, -7]);
  assert.deepEqual([...one.run()], [...other.run()]);
});

test("each activation against its formula", () => {
  const at = [-30, -1.5, 0, 0.7, 25];
  const formulas = {
    identity: (x) => x,
    relu: (x) => Math.max(0, x),
    "leaky-relu": (x) => (x > 0 ? x : 0.01 * x),
    tanh: Math.tanh,
    softplus: (x) => Math.log(1 + Math.exp(x)),
  };
  for (const [activation, formula] of Object.entries(formulas)) {
    const network = new Network([layer(1, 1, [1], { activation })], read, at.length);
    network.input.set(at);
    network.run(at.length).forEach((y, i) => assert.ok(Math.abs(y - formula(at[i])) < 1e-9, `${activation}(${at[i]}) = ${y}`));
  }
});

const transposed = { height: 2, width: 2, kernel: 2, stride: 1, padding: 0, spare: 0 };

test("a transposed convolution by hand: each input lays the kernel down, and what overlaps is added", () => {
  const by = (stride, outputs, more = {}) => {
    const network = new Network([{ ...layer(4, outputs, [1, 10, 100, 1000], { bias: [0.5] }), transposed: { ...transposed, stride, ...more } }], read);
    network.input.set([1, 2, 3, 4]);
    return [...network.run()].map((y) => y - 0.5);
  };
  assert.deepEqual(by(1, 9), [1, 12, 20, 103, 1234, 2040, 300, 3400, 4000]);
  assert.deepEqual(by(2, 16), [1, 10, 2, 20, 100, 1000, 200, 2000, 3, 30, 4, 40, 300, 3000, 400, 4000]);
  assert.deepEqual(by(1, 1, { padding: 1 }), [1234]);
  const wider = by(3, 36, { spare: 1 }); // a stride wider than the kernel leaves rows that nothing reaches
  assert.deepEqual(wider.slice(0, 12), [1, 10, 0, 2, 20, 0, 100, 1000, 0, 200, 2000, 0]);
  assert.deepEqual(wider.slice(12, 18), [0, 0, 0, 0, 0, 0]);
});

test("a scale and a bias are a channel's, and channels are added up", () => {
  const weight = [1, 2, 3, 4]; // two channels to two, kernel 1: rows are what goes out
  const spec = { ...layer(2, 2, weight, { scale: [1, 10], bias: [0, 0.5] }), transposed: { ...transposed, height: 1, width: 1, kernel: 1 } };
  const network = new Network([spec], read, 2);
  network.input.set([1, 1, 0, 1]);
  assert.deepEqual([...network.run(2)], [3, 70.5, 2, 40.5]);
});

test("a geometry that cannot be is refused by name", () => {
  const made = (change, inputs = 4, outputs = 9, weight = [1, 1, 1, 1]) => () =>
    new Network([{ ...layer(inputs, outputs, weight), transposed: { ...transposed, ...change } }], read);
  made({})();
  for (const change of [{ stride: 0 }, { stride: 1.5 }, { kernel: 0 }, { padding: -1 }, { padding: 2 }, { height: "2" }, { spare: null }, { width: 3 }]) {
    assert.throws(made(change), /weights: no transposed convolution takes 4 inputs to 9/);
  }
  assert.throws(made({}, 5), /takes 5 inputs/);
  assert.throws(made({}, 4, 9, [1, 1, 1]), /weights: 3 of 1 × 4/);
});

test("a batch of any size gives what its rows give one by one, at every remainder of four", () => {
  const random = (n, seed) => Float32Array.from({ length: n }, (_, i) => Math.sin(seed + 12.9898 * i));
  const layers = [layer(5, 7, random(35, 1), { bias: random(7, 2), activation: "relu" }), layer(7, 3, random(21, 3))];
  const many = new Network(layers, read, 11);
  const one = new Network(layers, read);
  const inputs = random(55, 4);
  many.input.set(inputs);
  for (const count of [1, 4, 6, 7, 11]) {
    const outputs = many.run(count);
    for (let row = 0; row < count; row++) {
      one.input.set(inputs.subarray(5 * row, 5 * row + 5));
      one.run().forEach((y, i) => assert.ok(Math.abs(y - outputs[3 * row + i]) < 1e-12));
    }
  }
});

test("running allocates no new buffer", () => {
  const network = new Network([layer(1, 1, [2])], read);
  assert.equal(network.run(), network.run());
});

test("weights that do not fit are refused by name", () => {
  assert.throws(() => new Network([], read), /no layers/);
  assert.throws(() => new Network([layer(2, 1, [1])], read), /1 of 1 × 2/);
  assert.throws(() => new Network([layer(1, 2, [1, 1], { bias: [1] })], read), /1 biases for 2/);
  assert.throws(() => new Network([layer(1, 1, [1], { activation: "gelu" })], read), /unknown layer activation gelu/);
  for (const activation of ["constructor", "toString", undefined, null, 3]) {
    assert.throws(() => new Network([layer(1, 1, [1], { activation: activation ?? null })], read), /unknown layer activation/);
  }
  assert.throws(() => new Network([layer(1, 2, [1, 1], { scale: [1] })], read), /1 scales for 2 outputs/);
  assert.throws(() => new Network([layer(1, 1, [127], { scale: [3e38] })], read), /not a number/); // too large for float32
  assert.throws(() => new Network([layer(1, 2, [1, 1]), layer(3, 1, [1, 1, 1])], read), /2 outputs meet 3 inputs/);
  assert.throws(() => new Network([layer(1, 1, [1])], read).run(2), /batch 1/);
});
