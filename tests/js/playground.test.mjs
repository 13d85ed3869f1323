import assert from "node:assert/strict";
import test from "node:test";
import { pairOf } from "../../vae_core/labs/js/session.mjs";

test("the plane keeps its two units, in number order, until another's rate is clearly higher", () => {
  assert.deepEqual(pairOf([1, 2], [0, 1]), [0, 1]); // the higher rate does not turn the map
  assert.deepEqual(pairOf([2, 1], [0, 1]), [0, 1]);
  assert.deepEqual(pairOf([1, 2, 1.1, 0], [0, 1]), [0, 1]);
  assert.deepEqual(pairOf([1, 2, 1.3, 0], [0, 1]), [1, 2]);
  assert.deepEqual(pairOf([1.3, 2, 1.2, 0], [1, 2]), [1, 2]);
  assert.deepEqual(pairOf([0, 0.1, 3, 0, 4, 1], [0, 1]), [2, 4]);
  assert.deepEqual(pairOf([1], [0, 1]), [0, 1]); // one unit: the session leaves out what is not there
  assert.deepEqual(pairOf([NaN, NaN, NaN], [0, 1]), [0, 1]);
});
