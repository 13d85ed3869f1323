// What DrawLab makes of lines and of codes, against hand-made cases.
import { test } from "node:test";
import assert from "node:assert/strict";
import { inked, placed } from "../../vae_core/labs/js/ink.mjs";
import { among, arrange, floorOf, nearestTo } from "../../vae_core/labs/js/sketch.mjs";

const SIDE = 140;
const sum = (/** @type {ArrayLike<number>} */ values) => Array.from(values).reduce((all, value) => all + value, 0);

/** Rows and columns that hold ink: [first, last] of each. @param {ArrayLike<number>} image @param {number} side */
function bounds(image, side) {
  const there = [...Array.from(image).keys()].filter((i) => image[i] > 1e-3);
  const span = (/** @type {number[]} */ at) => [Math.min(...at), Math.max(...at)];
  return [span(there.map((i) => Math.floor(i / side))), span(there.map((i) => i % side))];
}

/** Centre of mass, [x, y], in pixels from the left and the top. @param {ArrayLike<number>} image @param {number} side */
function middle(image, side) {
  const along = (/** @type {(i: number) => number} */ of) => sum(Array.from(image, (value, i) => value * (of(i) + 0.5))) / sum(image);
  return [along((i) => i % side), along((i) => Math.floor(i / side))];
}

test("a line has no gap however far apart its places are, and a round end", () => {
  const line = inked([[[20, 30], [120, 90]]], SIDE, 6);
  for (let t = 0; t <= 1; t += 0.01) assert.equal(line[Math.floor(30 + 60 * t) * SIDE + Math.floor(20 + 100 * t)], 1);
  const dot = inked([[[70, 70]]], SIDE, 6);
  assert.ok(Math.abs(sum(dot) - Math.PI * 36) < 1);
  assert.deepEqual(bounds(dot, SIDE), [[64, 75], [64, 75]]);
});

test("the longer side is 20 pixels, and the centre of mass lies in the pixel right of and below the middle, wherever and however large it was drawn", () => {
  const shape = [[0, 0], [0.2, 0.9], [0.5, 0.3]];
  for (const [x, y, size] of [[10, 10, 40], [60, 20, 70], [30, 50, 60]]) {
    const image = placed(inked([shape.map(([u, v]) => [x + size * u, y + size * v])], SIDE, 4), 28);
    const [[top, bottom]] = bounds(image, 28);
    assert.equal(bottom - top, 19);
    for (const at of middle(image, 28)) assert.ok(at >= 14 && at < 15, `${at}`);
  }
});

test("as drawn, the whole square is the image, and its ink the mean of five by five", () => {
  const ink = inked([[[20, 30], [120, 90]]], SIDE, 6), image = placed(ink, 28, { fitted: false });
  assert.ok(Math.abs(sum(image) - sum(ink) / 25) < 1e-3);
  let mean = 0;
  for (let row = 50; row < 55; row++) for (let column = 60; column < 65; column++) mean += ink[row * SIDE + column] / 25;
  assert.ok(Math.abs(image[10 * 28 + 12] - mean) < 1e-9);
});

test("moved by whole pixels it is the same picture; what leaves the image is gone; larger has more ink", () => {
  const ink = inked([[[50, 30], [80, 90]]], SIDE, 6), still = placed(ink, 28);
  const moved = placed(ink, 28, { right: 3, down: -2 });
  for (let row = 2; row < 28; row++) for (let column = 0; column < 25; column++) assert.ok(Math.abs(moved[(row - 2) * 28 + column + 3] - still[row * 28 + column]) < 1e-9);
  assert.ok(sum(placed(ink, 28, { right: 12 })) < 0.8 * sum(still));
  assert.ok(Math.abs(sum(placed(ink, 28, { size: 0.5 })) / sum(still) - 0.25) < 1e-3);
});

test("nothing drawn is an image of nothing", () => {
  const image = placed(inked([], SIDE, 6), 28);
  assert.equal(image.length, 784);
  assert.ok(image.every((value) => value === 0));
  assert.equal(floorOf(image), 0);
});

test("grey pixels cost what a coin costs, black and white ones nothing", () => {
  assert.ok(Math.abs(floorOf([0.5, 0, 1]) - Math.log(2)) < 1e-12);
});

test("the nearest codes come first", () => {
  assert.deepEqual(nearestTo([1, 1], [0, 0, 1, 2, 1, 1.5, 9, 9], 3), [2, 1, 0]);
});

test("a cost is placed among others by how many lie below it, rounded down", () => {
  const values = Array.from({ length: 1000 }, (_, k) => k);
  assert.equal(among(-1, values, "digit"), "below every test digit");
  assert.equal(among(999.5, values, "digit"), "above every test digit");
  assert.equal(among(0.5, values, "digit"), "above <\u00a01\u00a0% of test digits");
  assert.equal(among(998.5, values, "image"), "above 99\u00a0% of test images");
});

test("on a desk and on a phone nothing lies outside the picture or on something else", () => {
  for (const width of [319, 500, 640, 766]) {
    for (const units of [2, 10, 20, 50]) {
      const { field, gets, back, bars, draws, nearest, hills, height } = arrange(width, units);
      const row = (/** @type {typeof draws} */ { x, y, step, cell }) => ({ x, y, width: 7 * step + cell, height: cell });
      const boxes = [field, gets, back, bars, row(draws), row(nearest), ...hills];
      boxes.forEach((a, i) => {
        assert.ok(a.x >= 0 && a.x + a.width <= width && a.y >= 20 && a.y + a.height <= height, `${width} ${units} ${i}`);
        for (const b of boxes.slice(0, i)) assert.ok(a.x >= b.x + b.width || b.x >= a.x + a.width || a.y >= b.y + b.height || b.y >= a.y + a.height, `${width} ${units} ${i}`);
      });
    }
  }
});
