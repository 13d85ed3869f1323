import assert from "node:assert/strict";
import { test } from "node:test";
import { decimals, show, snap } from "../../vae_core/labs/js/controls.mjs";
import { number, ticks } from "../../vae_core/labs/js/draw.mjs";
import { staticModel } from "../../vae_core/labs/js/host.mjs";

const slider = { min: -3, max: 3, step: 0.02, unit: "σ" };

test("a slider's value has its step's decimals, a true minus and its unit", () => {
  assert.equal(decimals(0.02), 2);
  assert.deepEqual([1, 0.5, 0.25, 1e-7, 100, 2.5e-3, 1e-11].map(decimals), [0, 1, 2, 7, 0, 4, 0]);
  assert.equal(show(slider, -0.4), "−0.40\u2009σ");
  assert.equal(show({ step: 1, unit: "" }, 7), "7");
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
