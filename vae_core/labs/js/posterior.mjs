// PosteriorLab: one image's posterior, moved and stretched by hand; what is decoded from it, and what that costs in nats.

import { wordsFor } from "./images.mjs";
import { Network } from "./nn.mjs";
import { costOf, likelihood, normals } from "./vae.mjs";
import { HEADING, number, remember, roundUp, scale, SMALL, ticks } from "./draw.mjs";

/** @typedef {Named & {units: number, side: number, channels: number, layers: Layer[], likelihood: LikelihoodName, mean: Ref, log_var: Ref, images: Ref}} PosteriorSpec */

export const DRAWS = 8;
const REACH = 4; // the bars' axis, in units of the latent space, in which the prior is N(0, 1)

/** Where things stand at this width: image, posterior, decoded digit in a row; on a phone the posterior below the two. @param {number} width @param {number} units */
export function arrange(width, units) {
  const narrow = width < 560;
  const pitch = Math.max(13, Math.min(narrow ? 16 : 24, Math.floor(240 / units)));
  const tall = units * pitch;
  const [small, large] = narrow ? [84, width < 290 ? 112 : 140] : [112, 168];
  const top = narrow ? 26 : 46;
  const edge = narrow ? Math.min(20, (width - small - large - 30) / 2) : 1;
  const input = { x: edge, y: top, size: small };
  const decoded = { x: width - edge - large, y: top, size: large };
  const left = narrow ? 26 : input.size + 72;
  const room = (narrow ? width : decoded.x - 38) - 44 - left;
  const bars = { x: left, y: narrow ? 26 + large + 54 : 46, pitch, width: room, height: tall, unit: room / (2 * REACH) };
  if (narrow) input.y += (large - input.size) / 2;
  else for (const digit of [input, decoded]) digit.y += Math.max(0, Math.floor((tall - digit.size) / 2));
  const gap = narrow ? 5 : 12;
  const cell = Math.min(84, Math.floor((width - 2 - (DRAWS - 1) * gap) / DRAWS));
  const draws = { y: Math.max(bars.y + tall + 72, decoded.y + large + 34), cell, step: (width - 2 - cell) / (DRAWS - 1) };
  const sum = { y: draws.y + cell + 42 };
  return { narrow, input, decoded, bars, draws, sum, height: sum.y + 42 };
}

/** @type {Create<PosteriorSpec>} */
export function create(spec, read) {
  const { units, side, channels } = spec;
  const { noun } = wordsFor(spec);
  const size = channels * side * side;
  const model = { decoder: new Network(spec.layers, read, DRAWS), ...likelihood(spec.likelihood) };
  const means = read(spec.mean);
  const logVars = read(spec.log_var);
  const images = Float32Array.from(read(spec.images), (v) => v / 255);
  const mean = new Float64Array(units), variance = new Float64Array(units);
  let place = arrange(640, units);
  let row = 0;

  const noiseOf = remember((/** @type {number} */ draw) => normals(draw + 1, DRAWS * units));
  const imageOf = (/** @type {number} */ digit) => images.subarray(digit * size, (digit + 1) * size);

  /** Shift and stretch the posterior of image `row`, decode the draws and count. @param {Values} values */
  function measure({ digit, unit, shift, stretch, draw }) {
    row = digit;
    for (let i = 0; i < units; i++) {
      const touched = unit === 0 || unit === i + 1;
      mean[i] = means[row * units + i] + (touched ? shift : 0);
      variance[i] = Math.exp(logVars[row * units + i]) * (touched ? stretch : 1);
    }
    return costOf(model, imageOf(row), mean, variance, noiseOf(draw));
  }

  const untouched = remember((/** @type {number} */ digit, /** @type {number} */ draw) => measure({ digit, draw, unit: 0, shift: 0, stretch: 1 }));

  const toX = (/** @type {number} */ z) => scale([-REACH, REACH], [place.bars.x, place.bars.x + place.bars.width])(z);

  /** @param {Pen} pen */
  function paintAxis(pen) {
    const { x, y, width, height, unit } = place.bars;
    pen.text("posterior q(z | x)", x, y - 28, HEADING);
    pen.text("KL, nats", x + width + 40, y - 8, { ...SMALL, align: "right" });
    pen.box(toX(-2), y, 4 * unit, height, { fill: "accent", alpha: 0.07 });
    pen.box(toX(-1), y, 2 * unit, height, { fill: "accent", alpha: 0.1 });
    pen.text("prior ±1, ±2", toX(0), y - 8, { ...SMALL, align: "center" });
    pen.axes(place.bars, { x: { to: toX, ticks: ticks(-REACH, REACH, 4), rule: () => ({}) } });
    pen.text("bar: mean ± std     dot: the draw z", toX(0), y + height + 34, { ...SMALL, align: "center" });
  }

  /** @param {Pen} pen @param {number} chosen @param {ArrayLike<number>} kl */
  function paintBars(pen, chosen, kl) {
    const { x, y, width, height, pitch, unit } = place.bars;
    const bar = Math.min(9, pitch - 5);
    pen.layer("axis", "", x - 8, y - 44, width + 52, height + 84, () => paintAxis(pen));
    for (let i = 0; i < units; i++) {
      const middle = y + (i + 0.5) * pitch;
      const mine = chosen === i + 1 ? { weight: 700, colour: "accent" } : {};
      pen.text(String(i + 1), x - 8, middle, { ...SMALL, ...mine, align: "right", base: "middle" });
      pen.text(number(kl[i]), x + width + 40, middle, { ...SMALL, colour: "ink", ...mine, align: "right", base: "middle" });
      const was = means[row * units + i], wasStd = Math.exp(0.5 * logVars[row * units + i]);
      const half = Math.max(1, Math.sqrt(variance[i]) * unit); // a point still shows
      pen.clip(place.bars, () => {
        pen.box(toX(mean[i]) - half, middle - bar / 2, 2 * half, bar, { fill: "accent", alpha: 0.75, radius: 2 });
        pen.box(toX(was - wasStd), middle - bar / 2 - 1.5, 2 * wasStd * unit, bar + 3, { stroke: "muted", radius: 3 });
        pen.disc(toX(model.decoder.input[i]), middle, 2.8, { fill: "ink", stroke: "paper", line: 1 });
      });
      if (Math.abs(mean[i]) > REACH) {
        const right = mean[i] > 0; // out of the picture, over there
        pen.text(right ? "›" : "‹", right ? x + width - 4 : x + 4, middle, { size: 17, weight: 700, colour: "accent", align: right ? "right" : "left", base: "middle" });
      }
    }
    if (chosen) pen.box(x, y + (chosen - 1) * pitch, width, pitch, { stroke: "accent", line: 1.5, radius: 3 });
    pen.frame(place.bars);
  }

  /** What it costs now above what it cost before: distortion and rate laid end to end. @param {Pen} pen @param {Cost} now @param {Cost} then @param {number} width */
  function paintSum(pen, now, then, width) {
    const { y } = place.sum;
    const left = 52, room = width - left - 48;
    const lengthOf = (/** @type {Cost} */ { distortion, rate }) => (rate < Infinity ? Math.max(0, distortion) + rate : 0);
    const below = Math.min(now.distortion, then.distortion) < 0; // of a narrow Gaussian: a density may be above 1
    const most = Math.max(lengthOf(now), lengthOf(then));
    const nat = room / (100 * roundUp(Math.max(1, most / 100), [1, 1.5], 2));
    const [first, second] = [{ ...HEADING, colour: "accent" }, { ...HEADING, colour: "warm" }];
    /** @type {[string, TextStyle][]} */
    const lengths = below ? [["rate", second], ["  (distortion below 0)", SMALL]] : [["distortion", first], [" + ", HEADING], ["rate", second]];
    pen.words([["the cost in nats: ", HEADING], ...lengths], 1, y - 12);
    [now, then].forEach(({ rate, distortion, elbo }, i) => {
      const top = y + i * 20;
      const split = Math.max(0, distortion) * nat;
      const rest = Number.isFinite(rate) ? rate * nat : room - split;
      pen.text(i ? "before" : "now", 1, top + 7, { size: 12, colour: "muted", base: "middle" });
      pen.box(left, top, split, 14, { fill: "accent", alpha: i ? 0.45 : 1 });
      pen.box(left + split + 1, top, Math.max(1, rest), 14, { fill: "orange", alpha: i ? 0.45 : 1 });
      pen.text(number(-elbo), left + split + rest + 7, top + 7, { size: 12, colour: i ? "muted" : "ink", base: "middle" });
    });
  }

  return {
    height: (width) => arrange(width, units).height,

    paint(pen, values, width) {
      place = arrange(width, units);
      const { input, decoded, draws } = place;
      const then = untouched(values.digit, values.draw);
      const now = measure(values); // last, for its draws are in the decoder
      const { pixel } = model;
      pen.text("input x", input.x, input.y - 10, HEADING);
      pen.digit(imageOf(row), input.x, input.y, input.size, { side, channels });
      pen.text("decoded from z", decoded.x, decoded.y - 10, HEADING);
      pen.digit(now.outputs, decoded.x, decoded.y, decoded.size, { side, channels, pixel });
      paintBars(pen, values.unit, now.kl);
      const middle = input.y + input.size / 2 + 7;
      if (place.narrow) pen.text("→", (input.x + input.size + decoded.x) / 2, middle, { size: 22, colour: "muted", align: "center" });
      else {
        pen.text("→", input.x + input.size + 23, middle, { size: 22, colour: "muted", align: "center" });
        pen.text("→", decoded.x - 18, middle, { size: 22, colour: "muted", align: "center" });
      }
      pen.text("eight draws of z, decoded", 1, draws.y - 10, HEADING);
      for (let k = 0; k < DRAWS; k++) {
        pen.digit(now.outputs, 1 + k * draws.step, draws.y, draws.cell, { side, channels, at: k * size, pixel, frame: k ? "line" : "accent" });
      }
      paintSum(pen, now, then, width);

      const changed = values.shift !== 0 || values.stretch !== 1;
      /** @param {"rate" | "distortion" | "elbo"} key @param {string} words */
      const note = (key, words) => (changed ? `was ${number(then[key])} nats` : `nats, ${words}`);
      const tiles = [
        { name: "Distortion", value: number(now.distortion), note: note("distortion", "mean of the draws"), mark: "accent" },
        { name: "Rate", value: number(now.rate), note: now.rate === Infinity ? "a point, not a cloud" : note("rate", "exact"), mark: "orange" },
        {
          name: "ELBO",
          value: number(now.elbo),
          note: note("elbo", "minus their sum"),
          mood: now.elbo < then.elbo - 0.05 ? "bad" : now.elbo > then.elbo + 0.05 ? "good" : "",
        },
      ];
      const numbers = (/** @type {Cost} */ { rate, distortion, elbo }) => `rate ${number(rate)}, distortion ${number(distortion)}, ELBO ${number(elbo)} nats`;
      const change = changed ? `; before it was touched: ${numbers(then)}` : "";
      return { summary: `An image, its posterior over ${units} latent units, and ${noun}s decoded from draws of it: ${numbers(now)}${change}.`, tiles };
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
