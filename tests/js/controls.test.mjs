import assert from "node:assert/strict";
import { test } from "node:test";
import { chosen, decimals, show, snap } from "../../vae_core/labs/js/controls.mjs";
import { number, remember, roundUp, scale, ticks } from "../../vae_core/labs/js/draw.mjs";
import { staticModel } from "../../vae_core/labs/js/host.mjs";

const slider = { min: -3, max: 3, step: 0.02, unit: "σ" };

test("a slider's value has its step's decimals, a true minus and its unit", () => {
  assert.equal(decimals(0.02), 2);
  assert.deepEqual([1, 0.5, 0.25, 1e-7, 100, 2.5e-3, 1e-11].map(decimals), [0, 1, 2, 7, 0, 4, 0]);
  assert.equal(show(slider, -0.4), "−0.40\u2009σ");
  assert.equal(show({ step: 1, unit: "" }, 7), "7");
});

test("what a choice resets begins anew with it, and nothing else", () => {
  const controls = [{ name: "digit", resets: ["shift"], value: 3 }, { name: "unit", value: 0 }, { name: "shift", value: 0.5 }, { name: "stretch", value: 1 }];
  assert.deepEqual(chosen(controls, "digit", 7), { digit: 7, shift: 0.5 });
  assert.deepEqual(chosen(controls, "unit", 2), { unit: 2 });
});

test("snap stays on the slider's steps and within its ends", () => {
  assert.equal(snap(slider, 0.3333), 0.34);
  assert.equal(snap(slider, 99), 3);
  assert.equal(snap(slider, -99), -3);
  assert.equal(snap({ min: 0, max: 1, step: 0.3 }, 1), 0.9);
  assert.equal(snap({ min: 2, max: 64, step: 1 }, 7.999999999999999), 8); // as Jupyter's slider says it
});

test("ticks are round, inside, and without rounding's dust", () => {
  assert.deepEqual(ticks(-10.8, 14.1, 5), [-10, -5, 0, 5, 10]);
  assert.deepEqual(ticks(0, 0.7, 7), [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7]);
});

test("the next round number, by tens or by twos", () => {
  assert.deepEqual([0.03, 1, 2.1, 7, 60].map((v) => Number(roundUp(v).toPrecision(3))), [0.05, 1, 5, 10, 100]);
  const fine = [1, 1.5, 2, 3, 4, 6, 8];
  assert.deepEqual([2, 2.1, 8.3, 10, 11, 15.1, 30].map((v) => roundUp(v, fine)), [2, 3, 10, 10, 15, 20, 30]);
  assert.deepEqual([2, 2.1, 64, 65, 2048].map((v) => roundUp(v, [1], 2)), [2, 4, 64, 128, 2048]);
  for (let exponent = -12; exponent <= 12; exponent++) assert.ok(Math.abs(roundUp(10 ** exponent) / 10 ** exponent - 1) < 1e-9, `${exponent}`);
});

test("a scale takes ends to ends, and back", () => {
  const to = scale([-3, 5], [100, 20]), back = scale([100, 20], [-3, 5]);
  assert.deepEqual([-3, 1, 5].map(to), [100, 60, 20]);
  assert.deepEqual([100, 60, 20].map(back), [-3, 1, 5]);
});

test("what is remembered is made again only for something else", () => {
  let made = 0;
  const sum = remember((/** @type {number} */ a, /** @type {number} */ b) => (made++, a + b));
  assert.deepEqual([sum(1, 2), sum(1, 2), sum(1, 3), sum(1, 2)], [3, 3, 4, 3]);
  assert.equal(made, 3);
});

test("numbers are written with a true minus and a true infinity", () => {
  assert.deepEqual([-1.25, Infinity, -Infinity].map((value) => number(value)), ["−1.3", "∞", "−∞"]);
  assert.throws(() => number(NaN), /not a number/);
});

test("the static model tells of changes, and only of changes", () => {
  const model = staticModel({ z1: 0 });
  const heard = [];
  const listener = () => heard.push(model.get("z1"));
  model.on("change:z1", listener);
  model.set("z1", 1);
  model.set("z1", 1);
  model.save_changes();
  model.off("change:z1", listener);
  model.set("z1", 2);
  assert.deepEqual(heard, [1]);
});
