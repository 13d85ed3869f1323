// PosteriorLab: one image's posterior, moved and stretched by hand; what is decoded from it, and what that costs in nats.

import { Network } from "./nn.mjs";
import { likelihood, normals, unitKl } from "./vae.mjs";
import { number, ticks } from "./draw.mjs";

export const DRAWS = 8;
const REACH = 4; // the bars' axis, in units of the latent space, in which the prior is N(0, 1)
const SCALES = [50, 100, 150, 200, 300, 400, 600, 800, 1200, 1600, 2400, 3200, 4800];

/** Where things stand at this width: image, posterior, decoded digit in a row; on a phone the posterior below the two. */
export function arrange(width, units) {
  const narrow = width < 560;
  const pitch = Math.max(13, Math.min(24, Math.floor(240 / units)));
  const tall = units * pitch;
  const decoded = { size: 168, x: width - 169, y: 30 };
  const input = { size: 112, x: 1, y: narrow ? 86 : 30 };
  if (narrow) decoded.size = 28 * Math.max(3, Math.min(6, Math.floor((width - 112 - 18) / 28)));
  if (narrow) decoded.x = width - 1 - decoded.size;
  if (narrow) input.y = decoded.y + decoded.size - input.size;
  const bars = narrow
    ? { x: 28, y: decoded.y + decoded.size + 60, width: width - 28 - 46 }
    : { x: input.size + 64, y: 46, width: decoded.x - 34 - 46 - (input.size + 64) };
  if (!narrow) {
    input.y = bars.y + Math.max(0, Math.floor((tall - input.size) / 2));
    decoded.y = bars.y + Math.max(0, Math.floor((tall - decoded.size) / 2));
  }
  Object.assign(bars, { pitch, height: tall, unit: bars.width / (2 * REACH) });
  const perRow = narrow ? 4 : DRAWS;
  const gap = narrow ? 8 : 12;
  const cell = Math.min(84, Math.floor((width - 2 - (perRow - 1) * gap) / perRow));
  const draws = { x: 1, y: bars.y + tall + 62, perRow, cell, step: cell + (width - 2 - perRow * cell) / (perRow - 1), down: cell + gap };
  const sum = { y: draws.y + (DRAWS / perRow) * draws.down + 22 };
  return { narrow, input, decoded, bars, draws, sum, height: sum.y + 48 };
}

export function create(spec, read) {
  const { units, side } = spec;
  const decoder = new Network(spec.layers, read, DRAWS);
  const { logProb, pixel } = likelihood(spec.likelihood);
  const means = read(spec.mean);
  const logVars = read(spec.log_var);
  const images = Float32Array.from(read(spec.images), (v) => v / 255);
  const mean = new Float64Array(units), variance = new Float64Array(units);
  const before = new Map(); // rate and distortion of the untouched posteriors, by image and noise
  let place = arrange(640, units);
  let epsilon, drawn = -1, row = 0;

  /** Shift and stretch the posterior of image `row`, decode the draws and count: {rate, distortion, kl, outputs}. */
  function measure({ digit, unit, shift, stretch, draw }) {
    if (draw !== drawn) [epsilon, drawn] = [normals(draw + 1, DRAWS * units), draw];
    row = digit;
    let rate = 0;
    for (let i = 0; i < units; i++) {
      const touched = unit === 0 || unit === i + 1;
      mean[i] = means[row * units + i] + (touched ? shift : 0);
      variance[i] = Math.exp(logVars[row * units + i]) * (touched ? stretch : 1);
      rate += unitKl(mean[i], variance[i]);
    }
    for (let i = 0; i < DRAWS * units; i++) decoder.input[i] = mean[i % units] + Math.sqrt(variance[i % units]) * epsilon[i];
    const outputs = decoder.run(DRAWS);
    const size = side * side;
    const x = images.subarray(row * size, (row + 1) * size);
    let distortion = 0;
    for (let k = 0; k < DRAWS; k++) distortion -= logProb(x, outputs, k * size) / DRAWS;
    return { rate, distortion, elbo: -(rate + distortion), outputs, x };
  }

  function untouched({ digit, draw }) {
    const key = `${digit} ${draw}`;
    if (!before.has(key)) {
      const { rate, distortion, elbo } = measure({ digit, draw, unit: 0, shift: 0, stretch: 1 });
      before.set(key, { rate, distortion, elbo });
    }
    return before.get(key);
  }

  function paintBars(pen, unit) {
    const { x, y, width, height, pitch, unit: one } = place.bars;
    const toX = (z) => x + (z + REACH) * one;
    pen.text("posterior q(z | x)", x, y - 28, { weight: 700, size: 14 });
    pen.text("nats", x + width + 40, y - 8, { size: 12, colour: "muted", align: "right" });
    pen.box(toX(-2), y, 4 * one, height, { fill: "accent", alpha: 0.07 });
    pen.box(toX(-1), y, 2 * one, height, { fill: "accent", alpha: 0.1 });
    pen.text("the prior, ±1 and ±2", toX(0), y - 8, { size: 12, colour: "muted", align: "center" });
    for (const tick of ticks(-REACH, REACH, 4)) {
      pen.line([[toX(tick), y], [toX(tick), y + height]], { colour: "line" });
      pen.text(number(tick, 0), toX(tick), y + height + 16, { size: 12, colour: "muted", align: "center" });
    }
    pen.text("z", x + width + 14, y + height + 16, { size: 12, colour: "muted" });
    for (let i = 0; i < units; i++) {
      const middle = y + (i + 0.5) * pitch;
      const chosen = unit === i + 1;
      if (unit === 0 || pitch > 15) {
        pen.text(String(i + 1), x - 8, middle, { size: 12, weight: chosen ? 700 : 400, colour: chosen ? "accent" : "muted", align: "right", base: "middle" });
      }
      const kl = number(unitKl(mean[i], variance[i]), 1);
      pen.text(kl, x + width + 40, middle, { size: 12, weight: chosen ? 700 : 400, align: "right", base: "middle" });
      const was = means[row * units + i], wasStd = Math.exp(0.5 * logVars[row * units + i]);
      const std = Math.sqrt(variance[i]);
      pen.clip(x - 1, y, width + 2, height, () => {
        const bar = Math.min(9, pitch - 5);
        pen.box(toX(mean[i] - std), middle - bar / 2, Math.max(2, 2 * std * one), bar, { fill: "accent", alpha: 0.75, radius: 2 });
        pen.box(toX(was - wasStd), middle - bar / 2 - 1.5, 2 * wasStd * one, bar + 3, { stroke: "muted", radius: 3 });
        const z = decoder.input[i];
        pen.disc(toX(z), middle, 2.8, { fill: "ink", stroke: "paper", line: 1 });
      });
    }
    if (unit) pen.box(x, y + (unit - 1) * pitch, width, pitch, { stroke: "accent", line: 1.5, radius: 3 });
    pen.box(x - 0.5, y - 0.5, width + 1, height + 1, { stroke: "line" });
  }

  function paintSum(pen, now, then, width) {
    const { y } = place.sum;
    const most = Math.max(Number.isFinite(now.elbo) ? -now.elbo : 0, -then.elbo) * 1.02;
    const scale = (width - 60) / (SCALES.find((s) => s >= most) ?? most);
    [[now, "now"], [then, "before"]].forEach(([{ rate, distortion }, name], i) => {
      const top = y + i * 20;
      const split = distortion * scale;
      const end = Number.isFinite(rate) ? rate * scale : width - 60 - split;
      pen.text(name, 0, top + 7, { size: 12, colour: "muted", base: "middle" });
      pen.box(54, top, split, 14, { fill: "accent", alpha: i ? 0.45 : 0.9 });
      pen.box(54 + split + 1, top, Math.max(1, end), 14, { fill: "warm", alpha: i ? 0.45 : 0.9 });
    });
  }

  return {
    height: (width) => arrange(width, units).height,

    paint(pen, values, width) {
      place = arrange(width, units);
      const { input, decoded, draws } = place;
      const then = untouched(values);
      const now = measure(values);
      const size = side * side;
      pen.text("input x", input.x, input.y - 10, { weight: 700, size: 14 });
      pen.digit(now.x, input.x, input.y, input.size, { side });
      pen.text("decoded from z", decoded.x, decoded.y - 10, { weight: 700, size: 14 });
      pen.digit(now.outputs, decoded.x, decoded.y, decoded.size, { side, pixel });
      paintBars(pen, values.unit);
      pen.text("eight draws of z, decoded", draws.x, draws.y - 10, { weight: 700, size: 14 });
      for (let k = 0; k < DRAWS; k++) {
        const x = draws.x + (k % draws.perRow) * draws.step;
        const y = draws.y + Math.floor(k / draws.perRow) * draws.down;
        pen.digit(now.outputs, x, y, draws.cell, { side, at: k * size, pixel, frame: k ? "line" : "accent" });
      }
      paintSum(pen, now, then, width);

      const changed = values.shift !== 0 || values.stretch !== 1;
      const compare = (key, words) => (changed ? `before: ${number(then[key])}` : words);
      const tiles = [
        { name: "Rate, nats", value: number(now.rate), note: compare("rate", "KL from the prior, exact") },
        { name: "Distortion, nats", value: number(now.distortion), note: compare("distortion", "−log p(x | z), mean of 8 draws") },
        {
          name: "ELBO, nats",
          value: number(now.elbo),
          note: compare("elbo", "−(rate + distortion)"),
          mood: now.elbo < then.elbo - 0.05 ? "bad" : now.elbo > then.elbo + 0.05 ? "good" : "",
        },
      ];
      const numbers = ({ rate, distortion, elbo }) => `rate ${number(rate)}, distortion ${number(distortion)}, ELBO ${number(elbo)} nats`;
      const change = changed ? `; before it was touched: ${numbers(then)}` : "";
      return { summary: `An image, its posterior over ${units} latent units, and digits decoded from draws of it: ${numbers(now)}${change}.`, tiles };
    },

    /** A unit's bar can be taken hold of: that unit is chosen, and its mean follows. */
    grab(x, y) {
      const { bars } = place;
      const i = Math.floor((y - bars.y) / bars.pitch);
      if (i < 0 || i >= units || x < bars.x || x > bars.x + bars.width) return null;
      return (px) => ({ unit: i + 1, shift: (px - bars.x) / bars.unit - REACH - means[row * units + i] });
    },
  };
}
