import assert from "node:assert/strict";
import { test } from "node:test";
import { fromBase64, halfToNumber, ownBytes, tensorReader } from "../../vae_core/labs/js/tensors.mjs";

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

test("base64", () => assert.deepEqual([...fromBase64("AP+A")], [0, 255, 128]));
