import assert from "node:assert/strict";
import { test } from "node:test";
import { checkArrays, fromBase64, halfToNumber, joined, ownBytes, refsIn, tensorReader } from "../../vae_core/labs/js/tensors.mjs";

const floats = (...values) => new Uint8Array(Float32Array.from(values).buffer);

test("float16: every kind of number", () => {
  const known = { 0x0000: 0, 0x3c00: 1, 0xc000: -2, 0x3555: 0.333251953125, 0x7bff: 65504, 0x0001: 2 ** -24, 0x03ff: 1023 * 2 ** -24, 0x8400: -(2 ** -14) };
  for (const [bits, value] of Object.entries(known)) assert.equal(halfToNumber(Number(bits)), value);
  assert.equal(halfToNumber(0x7c00), Infinity);
  assert.ok(Number.isNaN(halfToNumber(0x7e00)));
});

test("bytes arrive as ArrayBuffer, Uint8Array or DataView, at any offset", () => {
  const shifted = new Uint8Array(13);
  shifted.set(floats(1.5, -2, 3), 1);
  const odd = { view: new DataView(shifted.buffer, 1), array: shifted.subarray(1), buffer: shifted.buffer.slice(1) };
  for (const data of Object.values(odd)) {
    const read = tensorReader(data, 12);
    assert.deepEqual([...read({ dtype: "float32", shape: [2], at: 4 })], [-2, 3]);
  }
  assert.throws(() => ownBytes("text"), /expected bytes, got string/);
  assert.throws(() => ownBytes(null), /got null/);
});

test("a copy: what the host does to its buffer later does not reach the weights", () => {
  const bytes = floats(1);
  const values = tensorReader(bytes, 4)({ dtype: "float32", shape: [1], at: 0 });
  bytes.fill(0);
  assert.equal(values[0], 1);
});

test("broken blocks are refused", () => {
  const one = { dtype: "float32", shape: [1], at: 0 };
  assert.throws(() => tensorReader(floats(1), 8), /expected 8 bytes, got 4/);
  assert.throws(() => tensorReader(floats(NaN), 4)(one), /not a number/);
  assert.throws(() => tensorReader(floats(1), 4)({ ...one, shape: [2] }), /outside its block/);
  assert.throws(() => tensorReader(floats(1), 4)({ ...one, dtype: "float8" }), /unknown number format float8/);
});

test("an array without a shape, a place or a known format is refused", () => {
  const read = tensorReader(floats(1, 2), 8);
  for (const ref of [null, undefined, 3]) assert.throws(() => read(ref), /an array is missing/);
  for (const part of [{ shape: [-1] }, { shape: [0.5] }, { shape: "2" }, { at: -4 }, { at: null }, { at: NaN }]) {
    assert.throws(() => read({ dtype: "float32", shape: [1], at: 0, ...part }), /no shape or place/);
  }
  for (const dtype of ["constructor", "toString", undefined]) {
    assert.throws(() => read({ dtype, shape: [1], at: 0 }), /unknown number format/);
  }
  assert.throws(() => read({ dtype: "float32", shape: [2 ** 26, 2 ** 26], at: 0 }), /outside its block/);
  const infinite = tensorReader(new Uint8Array(Uint16Array.from([0x7c00]).buffer), 2);
  assert.throws(() => infinite({ dtype: "float16", shape: [1], at: 0 }), /not a number/);
});

test("arrays that are not as long as they were packed are refused, however deep in the spec they are named", () => {
  const codes = { dtype: "float16", shape: [3, 2], at: 0, bytes: 12 };
  const weight = { dtype: "int6", shape: [5], at: 12, bytes: 4 }; // then 8 of padding
  const bias = { dtype: "float32", shape: [2], at: 24, bytes: 8 };
  const spec = (changed = {}) => ({ codes, planes: [{ layers: [{ weight, bias: { ...bias, ...changed }, scale: null }] }], side: 28 });
  assert.deepEqual(refsIn(spec()), [codes, weight, bias]);
  checkArrays(spec(), 32);
  checkArrays({ ...spec(), again: codes }, 32); // one array, named twice
  checkArrays({ side: 28 }, 0);
  for (const part of [{ shape: [1] }, { shape: [3] }, { dtype: "float16" }, { bytes: 9 }, { bytes: undefined }]) {
    assert.throws(() => checkArrays(spec(part), 32), /an array of shape \d in (8|9|undefined) bytes/);
  }
  assert.throws(() => checkArrays(spec({ at: 28 }), 36), /bytes 16 to 28 are of no array/);
  assert.throws(() => checkArrays(spec({ at: 20 }), 32), /arrays of 28 bytes in a block of 32/);
  assert.throws(() => checkArrays(spec(), 33), /arrays of 32 bytes in a block of 33/);
  assert.throws(() => checkArrays(spec({ at: NaN }), 32), /no shape or place/);
});

test("the first arrays can be read while the others are on their way", () => {
  const [first, second] = [0, 4].map((at) => ({ dtype: "float32", shape: [1], at }));
  const begun = tensorReader(floats(1.5), 8, 4);
  assert.equal(begun(first)[0], 1.5);
  assert.equal(begun(second), null);
  assert.throws(() => begun({ ...second, at: 8 }), /outside its block/);
  assert.throws(() => tensorReader(floats(1.5), 8), /expected 8 bytes, got 4/);
  assert.throws(() => tensorReader(new Uint8Array(5), 8, 4), /expected 8 bytes, got 5/);
  const whole = tensorReader(joined(floats(1.5), floats(-2)), 8, 4);
  assert.deepEqual([whole(first)[0], whole(second)[0]], [1.5, -2]);
});

test("base64", () => assert.deepEqual([...fromBase64("AP+A")], [0, 255, 128]));
