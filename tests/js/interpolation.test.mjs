import assert from "node:assert/strict";
import { test } from "node:test";
import { arrange, create, halve, judge, place, STEPS } from "../../vae_core/labs/js/interpolation.mjs";
import { Network } from "../../vae_core/labs/js/nn.mjs";
import { scribe } from "./scribe.mjs";

const near = (a, b, within = 1e-12) => assert.ok(Math.abs(a - b) <= within, `${a} is not ${b}`);
const at = (path, start, end, t) => {
  const out = new Float64Array(start.length);
  place(path, start, end, t, out);
  return [...out];
};

test("everything inside, nothing on top of anything, at every width", () => {
  for (const width of [240, 309, 343, 559, 560, 640, 686, 768]) {
    const { frames, strips, ends, curves, height } = arrange(width);
    const say = `at ${width}`;
    frames.forEach(({ x, y, size, near: beside }, i) => {
      const edge = i ? width : frames[1].x;
      assert.ok(x + size < beside.x && beside.x + beside.size < edge && size > 40, `frames ${say}`);
      assert.ok(y + size + 24 < strips[0].y, `frame on strip ${say}`);
    });
    const [above, below] = strips;
    const right = above.x + (above.cells - 1) * above.step + above.cell;
    assert.ok(above.y + above.cell < below.y && below.y + below.cell + 20 < curves.y, `strips ${say}`);
    assert.ok(ends[0].x + ends[0].size < above.x && right < ends[1].x && ends[1].x + ends[1].size < width, `ends ${say}`);
    near(curves.x, above.x + above.cell / 2);
    near(curves.x + curves.width, right - above.cell / 2);
    assert.ok(curves.x > 30 && curves.y + curves.height + 17 < height, `curves ${say}`);
  }
});

test("lerp and slerp begin and end at the codes", () => {
  for (const path of ["lerp", "slerp"]) {
    [[0, [3, 0.5]], [1, [-1, 4]]].forEach(([t, code]) => at(path, [3, 0.5], [-1, 4], t).forEach((v, i) => near(v, code[i])));
  }
});

test("lerp is the weighted mean, written where it is told", () => {
  const out = new Float64Array(5);
  place("lerp", [0, 8], [4, 0], 0.25, out, 2);
  assert.deepEqual([...out], [0, 0, 1, 6, 0]);
});

test("slerp between axes: an even turn, an even change of length", () => {
  const [x, y] = at("slerp", [1, 0], [0, 3], 1 / 3);
  near(Math.atan2(y, x), Math.PI / 6);
  near(Math.hypot(x, y), 1 + 2 / 3);
});

test("slerp as PyTorch's: vae_core.latent.slerp in float64", () => {
  // slerp(tensor([1.5, -0.25, 0.75]), tensor([-0.5, 2.0, 1.0]), 5)[1]
  const theirs = [1.4065786669586962, 0.40703704020848963, 1.121637258284743];
  at("slerp", [1.5, -0.25, 0.75], [-0.5, 2, 1], 0.25).forEach((v, i) => near(v, theirs[i], 1e-12));
});

test("slerp of codes with no arc of their own is the straight line", () => {
  for (const [start, end] of [[[1, 2], [2, 4]], [[1, 2], [-1, -2]], [[0, 0], [3, 1]]]) {
    assert.deepEqual(at("slerp", start, end, 0.3), at("lerp", start, end, 0.3));
  }
});

test("an image at half its width, from where it begins", () => {
  const out = new Float64Array(4);
  halve([9, 9, 1, 3, 0, 0, 5, 7, 0, 8, 2, 2, 4, 4, 2, 2, 4, 4], 2, 4, out);
  assert.deepEqual([...out], [4, 2, 2, 4]);
});

test("the nearest of a library, and the vote of the nearest ten", () => {
  const library = Float32Array.from([...Array(12).keys()].flatMap((i) => [i, 0]));
  const labels = [7, 7, 7, 7, 3, 3, 3, 3, 3, 3, 9, 9];
  const found = judge([5.2, 1], library, labels);
  assert.equal(found.row, 5);
  near(found.distance, Math.hypot(0.2, 1), 1e-9);
  assert.deepEqual([found.label, found.votes], [3, 6]); // rows 1 to 10: three 7s, six 3s, a 9
});

test("of a tie the nearest wins, and a small library votes as a whole", () => {
  const { label, votes } = judge([0.1], [1, 0, 2, 3], [4, 9, 9, 4]);
  assert.deepEqual([label, votes], [9, 2]);
});

test("a blend decodes its two ends, a walk every place, and what is known already nothing but its own place", () => {
  const layers = [{ inputs: 1, outputs: 4, activation: "identity", weight: [1, 2, -1, 0], scale: null, bias: null }];
  const model = { title: "One", layers, likelihood: "bernoulli", codes: Float32Array.from([-2, 3]) };
  const spec = { side: 2, names: ["a", "b"], images: [255, 0, 0, 9, 0, 9, 255, 0], library: [0, 100, 255], labels: [0, 1, 1], typical: 0.5, models: [model, model] };
  const lab = create(spec, (values) => values);
  const run = Network.prototype.run;
  const decoded = (values) => {
    let count = 0;
    Network.prototype.run = function (rows) {
      count += rows;
      return run.call(this, rows);
    };
    lab.paint(scribe().pen, { from: 0, to: 1, t: 0.5, path: 0, ...values }, 640);
    Network.prototype.run = run;
    return count / spec.models.length;
  };
  assert.equal(decoded({ path: 2 }), 2);
  assert.equal(decoded({ path: 2, t: 0.7 }), 0);
  assert.equal(decoded({ path: 1 }), STEPS + 1 + 1);
  assert.equal(decoded({ path: 1, t: 0.7 }), 1);
});
