import assert from "node:assert/strict";
import { test } from "node:test";
import { arrange, bell, brief, create, estimates, FUNCTIONS, promise, spread } from "../../vae_core/labs/js/gradient.mjs";
import { normals } from "../../vae_core/labs/js/random.mjs";
import { scribe } from "./scribe.mjs";

const near = (a, b, within = 1e-9) => assert.ok(Math.abs(a - b) <= within, `${a} is not ${b}`);
const average = (values) => values.reduce((sum, v) => sum + v, 0) / values.length;
const BATCHES = 200, MOST = 64; // as GradientLab has them
const [SQUARE, LIFTED, WELLS, WAVE, STEP] = FUNCTIONS;

/** E[g(z)] for z ~ N(m, s²) as a sum over an even grid of ε. */
function expectation(g, m, s) {
  const h = 0.001;
  let sum = 0;
  for (let e = -10; e <= 10; e += h) sum += g(m + s * e) * bell(e) * h;
  return sum;
}

test("the exact gradients are the derivatives of the integral", () => {
  const d = 1e-3;
  for (const { f, exact } of [SQUARE, LIFTED, WELLS, WAVE]) {
    for (const [m, s] of [[1, 0.6], [-1.3, 0.2], [0.35, 1.5]]) {
      near(exact[0](m, s), (expectation(f, m + d, s) - expectation(f, m - d, s)) / (2 * d), 2e-4);
      near(exact[1](m, s), (expectation(f, m, s + d) - expectation(f, m, s - d)) / (2 * d), 2e-4);
    }
  }
  // the step's average is the share of the bell to the right of zero, which a grid would only hit to its own step
  const { exact } = STEP;
  near(exact[0](0, 0.5), 1 / (0.5 * Math.sqrt(2 * Math.PI)));
  near(exact[1](0, 0.5), 0);
  near(exact[0](1, 0.5), 2 * bell(2));
  near(exact[1](1, 0.5), -4 * bell(2));
});

test("each slope is the slope of its f", () => {
  const d = 1e-5;
  for (const { f, slope } of FUNCTIONS) for (const z of [-1.7, -0.2, 0.4, 2.3]) near(slope(z), (f(z + d) - f(z - d)) / (2 * d), 1e-6);
});

test("two draws, by hand", () => {
  const epsilon = new Float64Array(BATCHES * MOST);
  epsilon.set([1, -2]); // the first estimate's; z = 2 and −1 at mean 1, std 1
  const [path, score, baseline] = estimates(epsilon, MOST, SQUARE, 0, 1, 1, [2])[2];
  near(path[0], (2 * 2 + 2 * -1) / 2);
  near(score[0], (4 * 1 + 1 * -2) / 2);
  near(baseline[0], ((4 - 1) * 1 + (1 - 4) * -2) / 2); // each counted from the other
  const [byStd, scoreStd, baselineStd] = estimates(epsilon, MOST, SQUARE, 1, 1, 1, [2])[2];
  near(byStd[0], (2 * 2 * 1 + 2 * -1 * -2) / 2);
  near(scoreStd[0], (4 * (1 - 1) + 1 * (4 - 1)) / 2);
  near(baselineStd[0], ((4 - 1) * 0 + (1 - 4) * 3) / 2);
});

test("the count that is asked for is made of the first draws, whatever else is asked for", () => {
  const epsilon = normals(3, BATCHES * MOST);
  const all = estimates(epsilon, MOST, WELLS, 1, -0.4, 0.9, [2, 5, 64]);
  assert.deepEqual(all[5], estimates(epsilon, MOST, WELLS, 1, -0.4, 0.9, [5])[5]);
  assert.deepEqual(Object.keys(all), ["2", "5", "64"]);
});

test("the estimators are right on average, and the pathwise one is not where f has a jump", () => {
  const epsilon = normals(1, BATCHES * MOST);
  for (const [index, cost] of FUNCTIONS.entries()) {
    for (const by of [0, 1]) {
      const [m, s] = [0.7, 0.8];
      estimates(epsilon, MOST, cost, by, m, s, [64])[64].forEach((values, kind) => {
        const { mean, std } = spread(values);
        const off = Math.abs(mean - cost.exact[by](m, s));
        if (index === 4 && kind === 0) assert.ok(mean === 0 && std === 0 && off > 0.1);
        else assert.ok(off < 5 * std / Math.sqrt(BATCHES), `${index} ${by} ${kind}: off by ${off}`);
      });
    }
  }
});

test("for z² the spreads are those of the formulas", () => {
  const [m, s] = [1, 0.6];
  const found = estimates(normals(2, BATCHES * MOST), MOST, SQUARE, 0, m, s, [16, 64]);
  for (const count of [16, 64]) {
    const formulas = [4 * s * s, m ** 4 / s ** 2 + 14 * m * m + 15 * s * s].map((one) => one / count);
    formulas.forEach((formula, kind) => {
      const { std, error } = spread(found[count][kind]);
      near(std, Math.sqrt(formula), 4 * error);
      assert.ok(error < 0.15 * Math.sqrt(formula));
    });
  }
});

test("10 added to f leaves the slope and the baseline's estimate alone", () => {
  const epsilon = normals(5, BATCHES * MOST);
  const [plain, lifted] = [SQUARE, LIFTED].map((cost) => estimates(epsilon, MOST, cost, 0, 1, 0.6, [8])[8]);
  assert.deepEqual(plain[0], lifted[0]);
  plain[2].forEach((value, i) => near(value, lifted[2][i], 1e-9));
  assert.ok(spread(lifted[1]).std > 4 * spread(plain[1]).std);
});

test("spread: mean, standard deviation, and its standard error", () => {
  const found = spread([1, 2, 3, 6]);
  near(found.mean, 3);
  near(found.std ** 2, 14 / 3);
  near(found.error, Math.sqrt((98 / 4 - (14 / 4) ** 2) / 4) / (2 * found.std)); // fourth powers 16 + 1 + 0 + 81
  assert.deepEqual(spread([2, 2]), { mean: 2, std: 0, error: 0 });
  // over many repetitions the error is how much the deviation itself varies
  const many = Array.from({ length: 400 }, (_, i) => spread(normals(i + 1, 200)));
  near(spread(many.map(({ std }) => std)).std, average(many.map(({ error }) => error)), 0.005);
});

test("numbers in words", () => {
  assert.deepEqual([0, -0, 1e-9, 0.00168, -0.0004, 0.0173, -0.25, 9.9996, 12.34, -250.7].map(brief), ["0", "0", "0", "0.002", "0.000", "0.017", "−0.250", "10.00", "12.3", "−251"]);
  assert.equal(promise(SQUARE, 1.5, 0.1), "0.10 × slope 3 = 0.30; rose 0.31");
  assert.equal(promise(SQUARE, 1.5, -0.1), "−0.10 × slope 3 = −0.30; fell 0.29");
  assert.equal(promise(STEP, -0.5, 1), "1.00 × slope 0 = 0.00; rose 1.00");
});

test("the estimates are made of as many draws as K says", () => {
  const [options, counts] = [["z²", "z² + 10"], ["2", "4", "8", "16", "32", "64"]];
  const lab = create({ batches: BATCHES, most: MOST, controls: [{}, {}, { options }, { options: counts }, { options: ["mean", "std"] }] });
  const values = { mean: 1, std: 0.6, f: 0, by: 0, draw: 0 };
  const said = [2, 1].map((samples) => lab.paint(scribe().pen, { ...values, samples }, 640).summary);
  assert.match(said[0], /^8 draws of z .* 1,600 draws in all: pathwise 2\.01, spread 0\.410; score function 1\.99/);
  assert.match(said[1], /^4 draws of z .* 800 draws in all/);
});

test("everything inside, nothing on top of anything, at every width", () => {
  for (const width of [240, 309, 343, 519, 559, 560, 640, 686, 768]) {
    const { narrow, rails, curve, strips, plot, height } = arrange(width);
    assert.ok(rails.z - rails.epsilon > 30 && curve.y > rails.z + 19 + 9, `rails at ${width}`); // a handle between z and the curve
    for (const part of [curve, strips, plot]) assert.ok(part.x >= 0 && part.x + part.width <= width && part.width > 150, `sides at ${width}`);
    const words = 32 + 14; // the two lines above the plot; above the strips are three
    assert.ok(strips.y - words - 18 > curve.y + curve.height + 60, `strips at ${width}`);
    assert.ok(narrow ? plot.y - words > strips.y + strips.height + 20 : plot.x - 40 > strips.x + strips.width, `plot at ${width}`);
    assert.ok(plot.y + plot.height + 36 < height && strips.y + strips.height + 20 < height, `below at ${width}`);
  }
});

test("from the ring the large dot came by the way of its mean and of its noise times the std", () => {
  const controls = [{ value: 1 }, { value: 0.6 }, { options: ["z²"] }, { options: ["2"] }, { options: ["mean", "std"] }];
  const lab = create({ batches: 2, most: 2, controls });
  const [epsilon] = normals(1, 1);
  const told = (mean, std) => {
    const { pen, calls } = scribe();
    lab.paint(pen, { mean, std, f: 0, by: 0, samples: 0, draw: 0 }, 640);
    return calls.filter(([name, words]) => name === "words" && words[0][0].startsWith("from ○")).map(([, words]) => words[1][0]);
  };
  assert.deepEqual(told(1, 0.6), []);
  assert.deepEqual(told(1, 0.9), [promise(FUNCTIONS[0], 1 + 0.6 * epsilon, 0.3 * epsilon)]);
  assert.deepEqual(told(1.2, 0.9), [promise(FUNCTIONS[0], 1 + 0.6 * epsilon, 0.2 + 0.3 * epsilon)]);
});
