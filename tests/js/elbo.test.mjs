import assert from "node:assert/strict";
import { test } from "node:test";
import { arrange, below, DECODERS, logMarginal, logNormal, measure } from "../../vae_core/labs/js/elbo.mjs";

const near = (a, b, within = 1e-9) => assert.ok(Math.abs(a - b) <= within, `${a} is not ${b}`);
const [LINEAR, CURVED, BUMPS] = DECODERS;

test("the linear model: p(x) = N(0, 1), posterior N(0.8 x, 0.6²), and a gap of zero there", () => {
  for (const x of [-3, -0.25, 1, 2.5]) {
    near(logMarginal(LINEAR, x), logNormal(x, 0, 1));
    const { gap, elbo } = measure(LINEAR, x, 0.8 * x, 0.6);
    near(gap, 0);
    near(elbo, logNormal(x, 0, 1));
  }
  // elsewhere the KL between two Gaussians, by formula
  const [mean, std] = [-0.5, 1.2];
  near(measure(LINEAR, 1, mean, std).gap, Math.log(0.6 / std) + (std ** 2 + (mean - 0.8) ** 2) / (2 * 0.36) - 0.5);
});

test("the share of a bell below a number: halves, the table's 97.5 %, and next to nothing", () => {
  near(below(0), 0.5, 1e-6);
  near(below(1.959963985), 0.975, 1e-4);
  near(below(-6.5) * 1e11, 4.016, 0.01);
  near(below(40), 1);
  near(below(-40), 0);
});

test("log p(x) = ELBO + gap, everywhere", () => {
  for (const decoder of DECODERS) {
    for (const x of [-3, 0, 1.75]) {
      for (const mean of [-3, 0.4]) {
        for (const std of [0.05, 0.7, 2]) {
          const { evidence, elbo, gap, rate, distortion } = measure(decoder, x, mean, std);
          near(evidence, elbo + gap, 1e-9);
          near(elbo, -(rate + distortion), 1e-12);
          assert.ok(gap > 0 && distortion > 0);
        }
      }
    }
  }
});

test("numbers that PyTorch gave (vae_core/exact.py)", () => {
  near(logMarginal(CURVED, 1.5), -1.456, 5e-4);
  near(logMarginal(BUMPS, 2), -2.169, 5e-4);
  near(measure(BUMPS, 2, 1.33, 0.188).gap, 0.7117, 5e-5);
});

test("the coarse integral behind the picture of p(x) is good to a thousandth", () => {
  for (const decoder of DECODERS) for (let x = -3; x <= 3; x += 0.25) near(logMarginal(decoder, x, 400), logMarginal(decoder, x), 1e-3);
});

test("everything inside, nothing on top of anything, at every width", () => {
  for (const width of [240, 309, 343, 519, 559, 560, 640, 686, 768]) {
    const { narrow, curves, chart, bars, height } = arrange(width);
    assert.ok(curves.x + curves.width < width && chart.x + chart.width <= width && bars.x + bars.width < width, `sides at ${width}`);
    assert.ok(chart.width > 150 && bars.width > 140 && bars.y - 46 > curves.y + curves.height + 20, `bars at ${width}`);
    assert.ok(narrow ? chart.y - 24 > bars.y + bars.height + 12 : chart.x > curves.x + curves.width + 10 && chart.y + chart.height < bars.y - 58, `p(x) at ${width}`);
    assert.ok(Math.max(bars.y + bars.height, chart.y + chart.height) + 20 < height, `below at ${width}`);
  }
});
