import assert from "node:assert/strict";
import test from "node:test";
import { fallen, namesOf, spaced } from "../../vae_core/labs/js/playground.mjs";
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

const RUN = { latent: 2, hidden: 64, activation: "tanh", likelihood: "bernoulli", sigma: 0.2, batch: 64, seed: 0, beta: 1, lr: 0.003, sample: true, warmup: 0, free: 0, bug: "" };

test("runs are called by what tells them apart", () => {
  const named = (...changes) => namesOf(changes.map((change) => ({ ...RUN, ...change })), { "no ½": ["", "", "no ½"], "sigmoid twice": ["", "", "twice"] });
  assert.deepEqual(named({}, { beta: 4 }, { beta: 10 }), ["β 1", "β 4", "β 10"]);
  assert.deepEqual(named({ bug: "no ½" }, {}), ["no ½", "no bug"]);
  assert.deepEqual(named({ bug: "no ½" }, {}, { bug: "sigmoid twice" }), ["no ½", "no bug", "twice"]);
  assert.deepEqual(named({ likelihood: "gaussian" }, { likelihood: "learned" }), ["σ 0.2", "σ learned"]);
  assert.deepEqual(named({ sigma: 0.5 }, {}), ["the same", "the same"]); // Bernoulli pixels have no σ
  assert.deepEqual(named({ hidden: 0 }, {}), ["linear", "64 hidden, tanh"]);
});

test("labels keep their distance and stay between two ends", () => {
  assert.deepEqual(spaced([10, 12, 50], 13, 6, 80), [10, 23, 50]);
  assert.deepEqual(spaced([79, 78], 13, 6, 80), [80, 67]);
  assert.deepEqual(spaced([0, 0, 0], 13, 6, 80), [6, 19, 32]);
});

test("a run has fallen once what it began with is left behind", () => {
  const curve = (length) => Array.from({ length }, (_, k) => [30 * k, 1, 0, 1, 45 + 90 * Math.exp(-k)]);
  assert.equal(fallen(curve(5)), false);
  assert.equal(fallen(curve(60)), true);
  assert.equal(fallen([]), false);
});
