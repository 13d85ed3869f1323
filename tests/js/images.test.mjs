import assert from "node:assert/strict";
import { test } from "node:test";
import { wordsFor } from "../../vae_core/labs/js/images.mjs";
import * as interpolation from "../../vae_core/labs/js/interpolation.mjs";
import * as manifold from "../../vae_core/labs/js/manifold.mjs";
import * as posterior from "../../vae_core/labs/js/posterior.mjs";
import * as training from "../../vae_core/labs/js/training.mjs";
import { scribe } from "./scribe.mjs";

const decoder = (pixels) => [{ inputs: 2, outputs: pixels, activation: "identity", weight: Array(2 * pixels).fill(0), scale: null, bias: null }];
const model = { title: "Autoencoder (the book's)", mark: "orange", subtitle: "", layers: decoder(4), likelihood: "bernoulli" };
const plane = { ...model, centre: [0, 0], scale: [1, 1], in_holes: 0.5, codes: Float32Array.from([0, 1, 2, 2]), names: [] };
const LABS = {
  manifold: [
    manifold,
    { side: 2, channels: 1, hole: 0.25, colours: ["red"], way: [], labels: [3, 5], shown: [], planes: [plane, plane], controls: [{ max: 3, value: 9 }, { max: 3, value: 9 }] },
    { z1: 0, z2: 0, backdrop: 0 },
  ],
  interpolation: [
    interpolation,
    {
      side: 2,
      channels: 1,
      names: ["this", "that"],
      images: [0, 0, 0, 0, 9, 9, 9, 9],
      library: [127.5, 0, 255],
      labels: [3, 5, 5],
      typical: 1,
      models: [0, 1].map(() => ({ ...model, codes: Float32Array.from([0, 1, 1, 0]) })),
    },
    { t: 0.5, from: 0, to: 1, path: 0 },
  ],
  posterior: [
    posterior,
    { units: 2, side: 2, channels: 1, most: 3, ...model, mean: Float32Array.from([0, 0]), log_var: Float32Array.from([0, 0]), images: [0, 0, 0, 0] },
    { digit: 0, unit: 0, shift: 0, stretch: 1, draw: 0 },
  ],
  training: [
    training,
    {
      side: 1,
      at: [0, 4],
      steps_per_epoch: 4,
      terms: { train: [[0, 9], [1, 5]], test: [[0, 9], [1, 5]] },
      images: Array(10).fill(9),
      again: Array(20).fill(9),
      invented: Array(20).fill(9),
    },
    { snapshot: 1, curves: 0 },
  ],
};

/** All the words of a lab at this width, as its spec has it and `said` of its images: on its canvas, in its tiles, in its summary. */
function wordsOf([{ create }, spec, values], said, width) {
  const { pen, calls, words } = scribe();
  const { summary, tiles = [] } = create({ ...spec, ...said }, (array) => array).paint(pen, values, width);
  const rows = calls.filter(([name]) => name === "words").flatMap(([, parts]) => parts.map(([text]) => text));
  return { words, summary, notes: tiles.map(({ note }) => note), all: [...words, ...rows, summary, ...tiles.flatMap(({ name, note }) => [name, note])].join("\n") };
}

test("digits are digits, other images have classes, and some have none", () => {
  const [digit, image] = [wordsFor({}), wordsFor({ noun: "image" })];
  assert.deepEqual([digit.noun, digit.one(4), digit.are(4), digit.are(4, 7), digit.one(8), digit.are(8)], ["digit", "a 4", "is a 4", "are 4s", "an 8", "is an 8"]);
  assert.deepEqual([image.noun, image.one(4), image.are(4), image.are(4, 7)], ["image", "class 4", "is of class 4", "are of class 4"]);
  assert.deepEqual([digit.classes, image.classes, wordsFor({ classes: false }).classes], [true, true, false]);
});

for (const [name, lab] of Object.entries(LABS)) {
  test(`${name}: no word of digits for other images, and none of classes where there are none`, () => {
    for (const width of [300, 700]) {
      assert.match(wordsOf(lab, {}, width).all, /digit/);
      assert.doesNotMatch(wordsOf(lab, { noun: "image" }, width).all, /digit/);
      const { all } = wordsOf(lab, { noun: "image", classes: false }, width);
      assert.match(all, /image/);
      assert.doesNotMatch(all, /digit|class|\ba \d|\d+s\b/);
    }
  });
}

test("what lies nearest, on a plane", () => {
  const said = (spec, width) => {
    const { words, summary } = wordsOf(LABS.manifold, spec, width);
    const from = words.findIndex((text) => text.startsWith("nearest"));
    const to = words.findIndex((text) => text.endsWith("away"));
    return [...words.slice(from, to + 1), summary.match(/the nearest .*? away/)[0]];
  };
  const classed = { noun: "image" }, bare = { noun: "image", classes: false };
  assert.deepEqual(said({}, 700), ["nearest real digit:", "a 3, 1.00 σ away", "the nearest real digit is a 3, 1.00 σ away"]);
  assert.deepEqual(said({}, 300), ["nearest: a 3", "1.00 σ away", "the nearest real digit is a 3, 1.00 σ away"]);
  assert.deepEqual(said(classed, 700), ["nearest real image:", "class 3", "1.00 σ away", "the nearest real image is of class 3, 1.00 σ away"]);
  assert.deepEqual(said(classed, 300), ["nearest:", "class 3", "1.00 σ away", "the nearest real image is of class 3, 1.00 σ away"]);
  assert.deepEqual(said(bare, 700), ["nearest real image:", "1.00 σ away", "the nearest real image is 1.00 σ away"]);
});

test("what lies nearest, on a walk", () => {
  const said = (spec, width) => {
    const { words, notes, summary } = wordsOf(LABS.interpolation, spec, width);
    const at = words.indexOf("nearest"), votes = words.filter((text) => text.startsWith("nearest 10"));
    assert.equal(summary.includes("of the 10 nearest, "), votes.length > 0);
    return [...words.slice(at, at + 2), ...votes.slice(0, 1), notes[0]];
  };
  const classed = { noun: "image" }, bare = { noun: "image", classes: false };
  const plain = ["nearest", "real digit", "nearest 10: 2 are 5s", "from the nearest real digit"];
  assert.deepEqual(said({}, 700), plain);
  assert.deepEqual(said({}, 300), plain);
  assert.deepEqual(said(classed, 700), ["nearest", "real image", "nearest 10: 2 are of class 5", "from the nearest real image"]);
  assert.deepEqual(said(bare, 700), ["nearest", "real image", "from the nearest real image"]);
});

test("whose a model is stands on the canvas where there is room, and on its tile always", () => {
  for (const [width, title] of [[700, "Autoencoder (the book's)"], [300, "Autoencoder"]]) {
    const { words, all } = wordsOf(LABS.interpolation, {}, width);
    assert.ok(words.includes(title) && all.split("\n").includes("Autoencoder (the book's)"), `at ${width}`);
  }
});
