import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "../../vae_core/labs/js/posterior.mjs";
import { scribe } from "./scribe.mjs";

/** What the lab paints of one unit that decodes to one pixel. */
function painted(likelihood, bias = 0.5, values = {}, other = false) {
  const arrays = { weight: [0], scale: [1], bias: [bias], mean: [0.3], log_var: [-1], images: [127.5] };
  const ref = (at) => ({ dtype: "float32", shape: [1], at, bytes: 4 });
  const layer = { inputs: 1, outputs: 1, activation: "identity", weight: ref("weight"), scale: ref("scale"), bias: ref("bias") };
  const spec = { units: 1, side: 1, channels: 1, most: 4, other, layers: [layer], likelihood, mean: ref("mean"), log_var: ref("log_var"), images: ref("images") };
  const lab = create(spec, ({ at }) => Float32Array.from(arrays[at]));
  const { pen, calls } = scribe();
  const { tiles } = lab.paint(pen, { digit: 0, unit: 0, shift: 0, stretch: 1, draw: 0, ...values }, 640);
  const heading = calls.find(([name, words]) => name === "words" && words.some(([said]) => said.startsWith("distortion")))[1];
  return { calls, distortion: tiles[0].value, boxes: calls.filter(([name]) => name === "box"), heading: heading.map(([words]) => words).join("") };
}

test("distortion and rate are laid end to end", () => {
  const { distortion, boxes, heading } = painted("bernoulli", 0);
  assert.equal(distortion, "0.7"); // log 2
  assert.equal(heading, "the cost in nats: distortion 0.7 + rate 0.2 = 0.9"); // ½ (0.3² + e⁻¹ − 1 + 1)
  assert.ok(boxes.every(([, , , width]) => width >= 0));
});

test("a density above one makes a distortion below zero, which has no length: the heading says so", () => {
  const { distortion, boxes, heading } = painted({ name: "Gaussian", std: 0.01, squash: false });
  assert.equal(distortion, "−3.7"); // log(0.01 √(2π))
  assert.equal(heading, "the cost in nats: distortion −3.7 + rate 0.2 = −3.5  (below 0: no length)");
  assert.ok(boxes.every(([, , , width]) => width >= 0));
});

test("what does not fit is cut, and its number stands beyond; what is infinite has no end", () => {
  const { calls, boxes } = painted("bernoulli", 0, { unit: 1, shift: 3 });
  assert.ok(calls.some(([name, words]) => name === "beyond" && words === "6.3")); // 0.7 + 3.3² / 2 + …
  assert.ok(!calls.some(([name]) => name === "endless"));
  assert.ok(boxes.every(([, x, , width]) => x + width <= 640));
  const point = painted("bernoulli", 0, { stretch: 0 }).calls;
  assert.equal(point.filter(([name, , way]) => name === "endless" && way === "right").length, 1);
  assert.ok(point.some(([name, words]) => name === "beyond" && words === "∞"));
});

test("another loss stands above the cost where it is asked for: the distortion over the pixels, plus the rate", () => {
  const said = (other) => painted("bernoulli", 0, { stretch: 4 }, other).calls.flatMap(([name, words]) => (name === "text" && words.startsWith("theirs") ? [words] : []));
  assert.deepEqual(said(false), []);
  assert.deepEqual(said(true), ["theirs: distortion / 1 + rate = 0.8 (before: 0.9)"]); // log 2 + ½ (0.3² + 4 e⁻¹ − log 4), log 2 + ½ (0.3² + e⁻¹)
});

test("a bar says that it can be dragged: the first, or that of the chosen unit; its own shift goes on, another's begins", () => {
  const arrays = { weight: [0, 0], scale: [1], bias: [0], mean: [0.5, -1], log_var: [-1, -1], images: [127.5] };
  const ref = (at) => ({ at });
  const layer = { inputs: 2, outputs: 1, activation: "identity", weight: ref("weight"), scale: ref("scale"), bias: ref("bias") };
  const spec = { units: 2, side: 1, channels: 1, most: 4, layers: [layer], likelihood: "bernoulli", mean: ref("mean"), log_var: ref("log_var"), images: ref("images") };
  const lab = create(spec, ({ at }) => Float32Array.from(arrays[at]));
  const handles = (values) => lab.paint(scribe().pen, { digit: 0, unit: 0, shift: 0, stretch: 1, draw: 0, ...values }, 640).handles;
  assert.deepEqual(handles({}).map(({ hint }) => hint), ["drag a bar", ""]);
  const chosen = handles({ unit: 2, shift: 1, stretch: 2 });
  assert.deepEqual(chosen.map(({ hint }) => hint), ["", "drag a bar"]);
  const own = chosen[1].move(chosen[1].x, 0), other = chosen[0].move(chosen[0].x, 0);
  assert.deepEqual([Object.keys(own), Number(own.shift.toFixed(6))], [["shift"], 1]);
  assert.deepEqual([other.unit, other.stretch, Math.abs(Number(other.shift.toFixed(6)))], [1, 1, 0]);
});
