import assert from "node:assert/strict";
import { test } from "node:test";
import { arrangeChooser } from "../../vae_core/labs/js/chooser.mjs";
import { arrange, create, measure, unpack } from "../../vae_core/labs/js/dimension.mjs";
import { fromBase64, tensorReader, unpackSix } from "../../vae_core/labs/js/tensors.mjs";
import { scribe } from "./scribe.mjs";

test("six bits: a letter of base64 a number, at every remainder of four", () => {
  const bytes = fromBase64("AB/+gf+AAAAA");
  assert.deepEqual([...unpackSix(bytes, 0, 8)], [-32, -31, 31, 30, 0, -1, 30, -32]);
  for (const count of [1, 2, 3, 5]) assert.deepEqual([...unpackSix(bytes, 0, count)], [-32, -31, 31, 30, 0].slice(0, count));
  assert.deepEqual([...unpackSix(bytes, 3, 2)], [0, -1]);
  const read = tensorReader(bytes, 9);
  assert.deepEqual([...read({ dtype: "int6", shape: [2, 2], at: 0 })], [-32, -31, 31, 30]);
  assert.throws(() => read({ dtype: "int6", shape: [5], at: 6 }), /outside its block/);
});

/** Two units, one layer, three pixels; the reader is the identity. */
const packed = () => {
  const layers = [{ inputs: 2, outputs: 3, activation: "identity", weight: [1, 2, -1, 0, 3, 1], scale: Float32Array.from([1, 0.5, 2]), bias: Float32Array.from([0, 0.5, -1]) }];
  return { units: 2, layers, likelihood: "bernoulli", mean: [9, 9, 0.5, -1], log_var: [9, 9, Math.log(0.25), Math.log(0.04)], order: [1, 0], active: [true, true] };
};
const DRAWS = 4;
const toy = () => unpack(packed(), (values) => values, DRAWS);
const EPSILON = [1, -1, 0, 0, -2, 0.5, 0.3, 0.7];
const X = [1, 0, 0.4];

test("rate and distortion by PyTorch", () => {
  // torch: gaussian_kl(mean, 2 * log(noise * std)) and -Bernoulli().log_prob(x, linear(mean + noise * std * epsilon)).mean()
  for (const [noise, rate, distortion] of [[1, 2.072585093, 4.036619745], [2, 1.121290732, 5.265767322]]) {
    const now = measure(toy(), 1, X, noise, 0, EPSILON);
    assert.ok(Math.abs(now.rate - rate) < 1e-8 && Math.abs(now.distortion - distortion) < 1e-8, `${now.rate} ${now.distortion}`);
    assert.ok(Math.abs(now.kl[0] + now.kl[1] - now.rate) < 1e-12);
  }
});

test("no noise: every draw is the mean, at an infinite rate", () => {
  const { rate, distortion, outputs } = measure(toy(), 1, X, 0, 0, EPSILON);
  assert.equal(rate, Infinity);
  assert.ok(Number.isFinite(distortion));
  for (let k = 0; k < DRAWS; k++) assert.deepEqual([...outputs.subarray(3 * k, 3 * k + 3)], [0.5 - 2, 0.5 - 0.25, -1 + 2 * (1.5 - 1)]);
});

test("noise on the active units leaves the others as they are, and the other way round", () => {
  const model = { ...toy(), active: [true, false] };
  const kl = (noise, on) => [...measure(model, 1, X, noise, on, EPSILON).kl];
  const [own, all] = [kl(1, 0), kl(2, 0)];
  assert.deepEqual(kl(2, 1), [all[0], own[1]]);
  assert.deepEqual(kl(2, 2), [own[0], all[1]]);
  assert.deepEqual(kl(0, 2), [own[0], Infinity]);
});

test("the same settings look the same, however one arrived there", () => {
  const layers = [{ inputs: 2, outputs: 4, activation: "identity", weight: [1, 2, -1, 0, 3, 1, 2, -2], scale: Float32Array.from([9, 9, 9, 9]), bias: null }];
  const controls = [{}, { options: ["a", "b"] }, { options: ["all", "active", "grey"] }, {}];
  const named = { name: "2 dimensions", short: "2 dims", size: "" };
  const spec = { side: 2, channels: 1, draws: DRAWS, most: 20, tallest: 3, images: [255, 0, 100, 30, 0, 255, 0, 9], models: [{ ...packed(), ...named, layers }], controls };
  const paths = [[[0, 0], [0, 3], [1, 3]], [[0, 0], [1, 0], [1, 3]], [[1, 3]]];
  const looks = paths.map((path) => {
    const lab = create(spec, (values) => values);
    return path.map(([digit, draw]) => {
      const { pen, calls } = scribe();
      lab.paint(pen, { digit, noise: 1, on: 0, draw }, 640);
      return calls;
    }).at(-1);
  });
  assert.deepEqual(looks[1], looks[0]);
  assert.deepEqual(looks[2], looks[0]);
});

test("everything inside, nothing on top of anything, at every width", () => {
  for (const width of [240, 309, 343, 519, 559, 560, 640, 768]) {
    for (const models of [1, 3, 4, 6]) {
      const { narrow, input, rows, bottom, height } = arrange(width, models, 20, DRAWS);
      const say = `at ${width} with ${models}`;
      assert.ok(input.y > arrangeChooser(width, 20).bottom + 8 && input.y + input.size < rows[0].y, `the image ${say}`);
      rows.forEach(({ y, height: tall, pictures, cost, numbers, bars, label, over }, i) => {
        assert.ok(i === 0 || y >= rows[i - 1].y + rows[i - 1].height + 5, `rows ${say}`);
        for (const { x, y: top, size } of pictures) assert.ok(x >= 1 && x + size <= width && top >= y && top + size <= y + tall + 1 && size >= 22, `pictures ${say}`);
        for (const [k, { x, y: top }] of pictures.entries()) assert.ok(pictures.slice(0, k).every((other) => other.x + other.size < x || other.y + other.size < top), `pictures apart ${say}`);
        assert.ok(cost.x > pictures[0].x + pictures[0].size && cost.width > 70 && cost.x + cost.width <= width, `costs ${say}`);
        assert.ok(bars.width > 70 && bars.x + bars.width <= width - 1 && bars.y + bars.height <= y + tall + 1, `units ${say}`);
        assert.ok(narrow ? over.x - 30 > bars.x + bars.width && over.x < pictures[1].x : over.y < bars.y && over.y - 9 > (i ? rows[i - 1].bars.y + rows[i - 1].bars.height : 0), `what is higher ${say}`);
        if (narrow) assert.ok(label.y <= cost.y && cost.y + cost.height < bars.y && bars.x + bars.width < pictures[1].x, `lines ${say}`);
        else assert.ok(cost.x + cost.width + 10 < bars.x && cost.y + cost.height < numbers.y - 12 && label.x < input.x - 90, `columns ${say}`);
      });
      assert.ok(rows.at(-1).y + rows.at(-1).height <= bottom && bottom + 20 < height, `height ${say}`);
    }
  }
});
