import assert from "node:assert/strict";
import { test } from "node:test";
import { normals } from "../../vae_core/labs/js/random.mjs";
import { likelihood, unitKl } from "../../vae_core/labs/js/vae.mjs";

const near = (a, b, within = 1e-9) => assert.ok(Math.abs(a - b) <= within, `${a} is not ${b}`);

test("KL of one unit: zero at the prior, by formula elsewhere, infinite for a point", () => {
  assert.equal(unitKl(0, 1), 0);
  near(unitKl(1.5, 0.25), 0.5 * (2.25 + 0.25 - 1 + Math.log(4)));
  assert.equal(unitKl(0, 0), Infinity);
});

test("KL of one unit by quadrature", () => {
  const [mean, variance] = [-0.8, 0.3];
  let sum = 0;
  for (let z = -12; z < 12; z += 0.001) {
    const q = Math.exp(-((z - mean) ** 2) / (2 * variance)) / Math.sqrt(2 * Math.PI * variance);
    if (q > 0) sum += 0.001 * q * (Math.log(q) + z * z / 2 + 0.5 * Math.log(2 * Math.PI));
  }
  near(unitKl(mean, variance), sum, 1e-6);
});

test("Bernoulli from logits: the plain formula where that is safe, finite where it is not", () => {
  const { logProb, pixel } = likelihood("bernoulli");
  const x = [0, 1, 0.3], logits = [9, 0.2, -1.7, 0.4]; // the first belongs to another image
  const p = logits.slice(1).map((l) => 1 / (1 + Math.exp(-l)));
  near(logProb(x, logits, 1), x.reduce((sum, v, i) => sum + v * Math.log(p[i]) + (1 - v) * Math.log(1 - p[i]), 0));
  near(logProb([1, 0], [-800, 800], 0), -1600);
  near(pixel(0.2), p[0]);
});

test("Gaussian likelihoods", () => {
  near(likelihood("gaussian").logProb([1, 2], [0.5, 2.5], 0), -0.25 - Math.log(2 * Math.PI));
  near(likelihood("squared-error").logProb([1], [0], 0), -0.25 - 0.5 * Math.log(Math.PI));
  assert.deepEqual([-1, 0.4, 3].map(likelihood("gaussian").pixel), [0, 0.4, 1]);
  const narrow = likelihood({ name: "Gaussian", std: 0.1, squash: false });
  near(narrow.logProb([1, 2], [0.9, 2.2], 0), -0.05 / 0.02 - Math.log(2 * Math.PI * 0.01));
  assert.equal(narrow.pixel(1.4), 1);
  const squashed = likelihood({ name: "Gaussian", std: 0.2, squash: true });
  near(squashed.logProb([1], [0], 0), -0.25 / 0.08 - 0.5 * Math.log(2 * Math.PI * 0.04));
  assert.equal(squashed.pixel(0), 0.5);
  assert.throws(() => likelihood("poisson"), /unknown likelihood poisson/);
  assert.throws(() => likelihood("toString"), /unknown likelihood/);
  assert.throws(() => likelihood({ name: "Laplace", scale: 1 }), /unknown likelihood Laplace/);
  assert.throws(() => likelihood({ name: "Gaussian", std: 0, squash: true }), /unknown likelihood/);
});

test("256 levels by a logistic: probabilities that sum to 1, the tails' with them, however narrow or far off", () => {
  for (const [scale, output] of [[0.05, 0.3], [0.001, -2], [2, 5], [0.003, 60]]) {
    const { logProb, pixel } = likelihood({ name: "DiscretizedLogistic", scale });
    const each = Array.from({ length: 256 }, (_, level) => logProb([level / 255], [9, output], 1));
    assert.ok(each.every((value) => value <= 0 && Number.isFinite(value)), `finite at ${scale}, ${output}`);
    near(each.reduce((sum, value) => sum + Math.exp(value), 0), 1);
    near(pixel(output), 1 / (1 + Math.exp(-output)));
  }
  // torch: DiscretizedLogistic(0.05).log_prob(tensor([0, 0.2, 1.]), tensor([-3, 0.3, 2.5]))
  const { logProb } = likelihood({ name: "DiscretizedLogistic", scale: 0.05 });
  near(logProb([0, 0.2, 1], [-3, 0.3, 2.5], 0), -12.9664411, 1e-5);
  assert.throws(() => likelihood({ name: "DiscretizedLogistic", scale: 0 }), /unknown likelihood DiscretizedLogistic/);
});

test("normals: the same for a seed, with a normal's moments", () => {
  assert.deepEqual(normals(7, 5), normals(7, 5));
  assert.notDeepEqual(normals(7, 5), normals(8, 5));
  assert.deepEqual(normals(7, 100).subarray(0, 5), normals(7, 5));
  const values = normals(1, 200000);
  const moment = (power) => values.reduce((sum, v) => sum + v ** power, 0) / values.length;
  [0, 1, 0, 3].forEach((expected, i) => near(moment(i + 1), expected, 0.03));
});
