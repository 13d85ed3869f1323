import assert from "node:assert/strict";
import { test } from "node:test";
import { along, arrange, beside, create, curvesOf, nearestSnapshot, progress, range } from "../../vae_core/labs/js/training.mjs";
import { scribe } from "./scribe.mjs";

const near = (a, b, within = 1e-12) => assert.ok(Math.abs(a - b) <= within, `${a} is not ${b}`);

test("everything inside, nothing on top of anything, at every width", () => {
  for (const width of [240, 309, 343, 519, 520, 640, 768]) {
    for (const counts of [[10, 10, 10], [2, 2, 10], [7, 7, 10]]) {
      const { cell, groups, plot, height } = arrange(width, counts);
      let bottom = 0, plotted = false;
      groups.forEach(({ heading, place }, g) => {
        assert.ok(heading - 12 >= bottom, `heading ${g} on digits at ${width}`);
        if (plot.y < heading && !plotted) {
          assert.ok(plot.y - 24 >= bottom && plot.y + plot.height + 66 < heading - 12, `curves between at ${width}`);
          plotted = true;
        }
        for (let i = 0; i < counts[g]; i++) {
          const [x, y] = place(i);
          assert.ok(x >= 0 && x + cell < width && y > heading, `digit ${i} outside at ${width}`);
          bottom = Math.max(bottom, y + cell);
        }
      });
      assert.ok(cell >= 40 && plot.width > 180 && plot.x + plot.width <= width, `sizes at ${width}`);
      assert.ok(bottom < height && plotted, `below at ${width}`);
    }
  }
});

test("two numbers stand above their points, off each other and off the heading", () => {
  assert.deepEqual(beside([100, 180], 20), [92, 172]);
  assert.deepEqual(beside([25, 180], 20), [45, 172]);
  assert.deepEqual(beside([100, 110], 20), [92, 130]);
  assert.deepEqual(beside([110, 100], 20), [130, 92]);
  assert.deepEqual(beside([27, 25], 20), [61, 47]);
  assert.deepEqual(beside([100, 100], 20), [92, 120]);
});

test("curves are the sums, or the terms apart", () => {
  const terms = { train: [[1, 100], [5, 60]], test: [[2, 110], [6, 70]] };
  assert.deepEqual(curvesOf(terms, 0).map(({ name, values }) => [name, values]), [["test", [112, 76]], ["train", [101, 65]]]);
  assert.deepEqual(curvesOf(terms, 1).map(({ name, values }) => [name, values]), [["distortion", [110, 70]], ["rate", [2, 6]]]);
});

test("a step's place: stretched from the first step on, even from the first epoch on", () => {
  near(along(0, 790, 79, false), 0);
  near(along(790, 790, 79, false), 1);
  near(along(10, 790, 79, false), Math.log(11) / Math.log(791));
  near(along(79, 790, 79, true), 0);
  near(along(474, 790, 79, true), 395 / 711);
  assert.ok(along(10, 790, 79, true) < 0);
});

test("the snapshot nearest to the pointer", () => {
  const places = [0, 0.1, 0.5, 1];
  assert.deepEqual([-1, 0.04, 0.06, 0.4, 0.8, 3].map((at) => nearestSnapshot(places, at)), [0, 0, 1, 2, 3, 3]);
});

test("the y axis starts at zero unless asked to look closely", () => {
  assert.equal(range([[500, 100], [520, 110]], 0, false)[0], 0);
  const [low, high] = range([[500, 100, 90], [520, 110, 95]], 1, true);
  assert.ok(low < 90 && low > 85 && high > 110 && high < 115);
  const [flat, top] = range([[7, 7]], 0, true);
  assert.ok(flat < 7 && top > 7);
});

test("how far the training is, in words", () => {
  assert.equal(progress(0, 79), "untrained");
  assert.equal(progress(20, 79), "of 79 in the first epoch");
  assert.equal(progress(79, 79), "one epoch");
  assert.equal(progress(118.5, 79), "1.5 epochs");
  assert.equal(progress(790, 79), "10 epochs");
});

const SPEC = {
  side: 1, channels: 1, at: [0, 3, 10, 20], steps_per_epoch: 10, images: "images", again: "again", invented: "invented",
  terms: { train: [[0, 543], [1, 300], [5, 150], [8, 100]], test: [[0, 544], [1, 301], [5, 152], [8, 104]] },
};
const DATA = { images: [255], again: [0, 51, 102, 153], invented: [1, 2, 3, 4, 5, 6, 7, 8] };
const lab = () => create(SPEC, (name) => Uint8Array.from(DATA[name]));

test("a snapshot shows its own pictures and figures", () => {
  const { pen, digits } = scribe();
  const { tiles, summary } = lab().paint(pen, { snapshot: 2, curves: 0, span: 0 }, 640);
  assert.deepEqual(digits, [255, 102, 5, 6].map((v) => v / 255));
  assert.deepEqual(tiles.map(({ value }) => value), ["10", "157.0", "155.0"]);
  assert.match(summary, /after 10 steps \(one epoch\).*minus ELBO 157\.0 nats.*155\.0 nats/);
  const terms = lab().paint(scribe().pen, { snapshot: 3, curves: 1, span: 0 }, 640).tiles;
  assert.deepEqual(terms.map(({ value }) => value), ["20", "104.0", "8.0"]);
});

test("seen from the first epoch on, an earlier snapshot is said to lie before", () => {
  const early = scribe(), late = scribe();
  lab().paint(early.pen, { snapshot: 1, curves: 0, span: 1 }, 640);
  lab().paint(late.pen, { snapshot: 2, curves: 0, span: 1 }, 640);
  assert.ok(early.calls.some(([name, words, , , side]) => name === "beyond" && words === "step 3" && side === -1));
  assert.ok(!late.calls.some(([name]) => name === "beyond"));
});

test("dragging along the curves chooses a snapshot", () => {
  const [handle] = lab().paint(scribe().pen, { snapshot: 0, curves: 0, span: 0 }, 640).handles;
  const { plot } = arrange(640, [1, 1, 2]);
  assert.equal(handle.x, plot.x + 6);
  assert.deepEqual(handle.move(plot.x + 6), { snapshot: 0 });
  assert.deepEqual(handle.move(plot.x + plot.width), { snapshot: 3 });
});
