import assert from "node:assert/strict";
import { test } from "node:test";
import { arrange, boundAt, logMean, sharesOf } from "../../vae_core/labs/js/bound.mjs";

const near = (a, b, within = 1e-12) => assert.ok(Math.abs(a - b) <= within, `${a} is not ${b}`);
const WEIGHTS = Float64Array.from([1, 2, 3, 4, 5, 6, 7], Math.log);

test("the log of an average, however small the numbers", () => {
  near(logMean(WEIGHTS, 0, 7), Math.log(4));
  near(logMean(WEIGHTS.map((w) => w - 2000), 2, 2), Math.log(3.5) - 2000, 1e-9);
});

test("the bound is the mean over whole sets of K draws, what is left over counts for nothing", () => {
  const { mean, repeats, spread } = boundAt(WEIGHTS, 7, 3);
  assert.equal(repeats, 2);
  near(mean, (Math.log(2) + Math.log(5)) / 2);
  near(spread, (Math.log(5) - Math.log(2)) / Math.SQRT2);
  near(boundAt(WEIGHTS, 6, 6).mean, Math.log(3.5));
  assert.equal(boundAt(WEIGHTS, 7, 7).spread, 0);
  near(boundAt(WEIGHTS, 7, 1).mean, WEIGHTS.reduce((sum, w) => sum + w) / 7);
});

test("shares of the weight: largest first, one in sum; equal weights are worth their number, one that has all is worth one", () => {
  const { shares, size } = sharesOf(WEIGHTS, 4);
  [0.4, 0.3, 0.2, 0.1].forEach((share, i) => near(shares[i], share));
  near(size, 1 / (0.16 + 0.09 + 0.04 + 0.01), 1e-9);
  near(sharesOf(new Float64Array(50), 50).size, 50, 1e-9);
  near(sharesOf(Float64Array.of(0, -900, -900), 3).size, 1);
});

test("on a phone everything stands one below the other, within its width", () => {
  for (const width of [319, 766]) {
    const { chart, shares, digit, heaviest, height } = arrange(width);
    assert.ok(chart.x + chart.width <= width && shares.x + shares.width <= width && heaviest.x + heaviest.size <= width);
    assert.ok(shares.y > chart.y + chart.height + 40 && digit.y + digit.size <= height);
  }
});
