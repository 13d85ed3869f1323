import assert from "node:assert/strict";
import { test } from "node:test";
import { Pen } from "../../vae_core/labs/js/draw.mjs";

/** A pen whose canvases take every call and show nothing; `made` counts those made after the first. */
function blindPen() {
  const made = [];
  const context = () => new Proxy({}, { get: () => () => {}, set: () => true });
  const canvas = () => ({ style: {}, width: 0, height: 0, getContext: context });
  globalThis.document = { createElement: () => (made.push(canvas()), made.at(-1)) };
  const pen = new Pen(canvas(), null);
  pen.stale = false;
  pen.begin(300, 200);
  return { pen, made };
}

test("a layer is painted once, and again when its key or the size changes, on one canvas a name", () => {
  const { pen, made } = blindPen();
  let painted = 0;
  const ground = (key) => pen.layer("ground", key, 0, 0, 300, 100, () => painted++);
  ground("2 nats");
  ground("2 nats");
  assert.equal(painted, 1);
  for (let nats = 3; nats < 30; nats++) ground(`${nats} nats`);
  ground("2 nats");
  assert.equal(painted, 29);
  pen.layer("axis", "", 0, 0, 10, 10, () => painted++);
  assert.equal(made.length, 2);
  assert.equal(pen.layers.size, 2);
  pen.begin(310, 200);
  ground("2 nats");
  assert.equal(painted, 31);
});
