// PosteriorLab: one image's posterior, moved and stretched by hand; what is decoded from it, and what that costs in nats.

import { wordsFor } from "./images.mjs";
import { Network } from "./nn.mjs";
import { costOf, likelihood } from "./vae.mjs";
import { normals } from "./random.mjs";
import { arrangeChooser, paintChooser } from "./chooser.mjs";
import { paintCost } from "./cost.mjs";
import { HEADING, number, remember, scale, SMALL, ticks } from "./draw.mjs";

/** @typedef {Named & {units: number, side: number, channels: number, most: number, other: boolean, layers: Layer[], likelihood: LikelihoodName, mean: Ref, log_var: Ref, images: Ref}} PosteriorSpec */

export const DRAWS = 8;
const REACH = 4; // the bars' axis, in units of the latent space, in which the prior is N(0, 1)

/**
 * Where things stand at this width, from the top: images to choose from; image, posterior and decoded image in a row, on a phone the
 * posterior below the two; the cost; the draws. So what a step watches stands together.
 * @param {number} width @param {number} units @param {number} count  of images to choose from @param {boolean} other  whether a line says another loss
 */
export function arrange(width, units, count, other = false) {
  const narrow = width < 560;
  const pitch = Math.max(13, Math.min(narrow ? 16 : 19, Math.floor(240 / units)));
  const tall = units * pitch;
  const [small, large] = narrow ? [72, 94] : [112, 168];
  const top = arrangeChooser(width, count).bottom + (narrow ? 28 : 46);
  const edge = narrow ? (width - small - large) / 4 : 1;
  const input = { x: edge, y: top, size: small };
  const decoded = { x: width - edge - large, y: top, size: large };
  const left = narrow ? 26 : input.size + 72;
  const room = (narrow ? width : decoded.x - 38) - 44 - left;
  const bars = { x: left, y: top + (narrow ? large + 44 : 0), pitch, width: room, height: tall, unit: room / (2 * REACH) };
  if (narrow) input.y += (large - small) / 2;
  else for (const digit of [input, decoded]) digit.y += Math.max(0, Math.floor((tall - digit.size) / 2));
  const sum = { x: 52, y: Math.max(bars.y + tall + 16, decoded.y + large) + (other ? 54 : 34), width: width - 52 - 62, height: 36 };
  const gap = narrow ? 5 : 12;
  const cell = Math.min(80, Math.floor((width - 2 - (DRAWS - 1) * gap) / DRAWS));
  const draws = { y: sum.y + sum.height + (narrow ? 48 : 44), cell, step: (width - 2 - cell) / (DRAWS - 1) };
  return { narrow, input, decoded, bars, draws, sum, height: draws.y + cell + 4 };
}

/** @type {Create<PosteriorSpec>} */
export function create(spec, read) {
  const { units, side, channels, most, other } = spec;
  const { noun } = wordsFor(spec);
  const size = channels * side * side;
  const model = { decoder: new Network(spec.layers, read, DRAWS), ...likelihood(spec.likelihood) };
  const means = read(spec.mean);
  const logVars = read(spec.log_var);
  const images = Float32Array.from(read(spec.images), (v) => v / 255);
  const mean = new Float64Array(units), variance = new Float64Array(units);
  const count = images.length / size;
  let place = arrange(640, units, count, other);
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
    pen.text("posterior q(z | x)", x, y - 27, HEADING);
    pen.text("bar: mean ± std · dot: z · shade: prior", x, y - 8, SMALL);
    pen.text("KL, nats", x + width + 40, y - 8, { ...SMALL, align: "right" });
    for (const [reach, alpha] of [[2, 0.09], [1, 0.12]]) pen.box(toX(-reach), y, 2 * reach * unit, height, { fill: "muted", alpha });
    pen.axes(place.bars, { x: { to: toX, ticks: ticks(-REACH, REACH, 4), rule: () => ({}) } });
  }

  /** @param {Pen} pen @param {number} chosen @param {ArrayLike<number>} kl */
  function paintBars(pen, chosen, kl) {
    const { x, y, width, height, pitch, unit } = place.bars;
    const bar = Math.min(9, pitch - 5);
    pen.layer("axis", "", x - 8, y - 44, width + 52, height + 64, () => paintAxis(pen));
    for (let i = 0; i < units; i++) {
      const middle = y + (i + 0.5) * pitch;
      const mine = chosen === i + 1 ? { weight: 700, colour: "accent" } : {};
      pen.text(String(i + 1), x - 8, middle, { ...SMALL, ...mine, align: "right", base: "middle" });
      pen.text(number(kl[i]), x + width + 40, middle, { ...SMALL, colour: "ink", ...mine, align: "right", base: "middle" });
      const was = means[row * units + i], wasStd = Math.exp(0.5 * logVars[row * units + i]);
      const half = Math.max(1, Math.sqrt(variance[i]) * unit); // a point still shows
      pen.clip(place.bars, () => {
        pen.box(toX(mean[i]) - half, middle - bar / 2, 2 * half, bar, { fill: "accent", alpha: 0.75, radius: 2 });
        pen.box(toX(was - wasStd), middle - bar / 2 - 1.5, 2 * wasStd * unit, bar + 3, { stroke: "muted", radius: 3, dash: [3, 2] });
        pen.disc(toX(model.decoder.input[i]), middle, 2.8, { fill: "ink", stroke: "paper", line: 1 });
      });
      if (Math.abs(mean[i]) > REACH) pen.beyond(number(mean[i]), mean[i] > 0 ? x + width : x, middle, mean[i] > 0 ? 1 : -1, { colour: "accent" });
      else if (chosen === i + 1) {
        for (const side of [-1, 1]) {
          const tip = toX(mean[i]) + side * (half + 12);
          pen.line([[tip - 4 * side, middle - 4], [tip, middle], [tip - 4 * side, middle + 4]], { colour: "accent", width: 2 });
        }
      }
    }
    if (chosen) pen.box(x, y + (chosen - 1) * pitch, width, pitch, { stroke: "accent", line: 1.5, radius: 3 });
    pen.frame(place.bars);
  }

  /** What it costs now above what it cost before. @param {Pen} pen @param {Cost} now @param {Cost} then */
  function paintSum(pen, now, then) {
    const { narrow, sum: { x, y, width } } = place;
    const below = Math.min(now.distortion, then.distortion) < 0; // of a narrow Gaussian: a density may be above 1
    /** @type {[string, TextStyle][]} */
    const terms = [
      [`distortion ${number(now.distortion)}`, { ...HEADING, colour: "distortion" }], [" + ", HEADING],
      [`rate ${number(now.rate)}`, { ...HEADING, colour: "rate" }], [` = ${number(-now.elbo)}`, HEADING],
    ];
    pen.words([[narrow ? "" : "the cost in nats: ", HEADING], ...terms, [below && !narrow ? "  (below 0: no length)" : "", SMALL]], 1, y - 12);
    const theirs = (/** @type {Cost} */ { distortion, rate }) => number(distortion / size + rate);
    if (other) pen.text(`theirs: distortion / ${size} + rate = ${theirs(now)} (before: ${theirs(then)})`, 1, y - 32, narrow ? { size: 12 } : HEADING);
    pen.axes(place.sum, { x: { to: scale([0, most], [x, x + width]), ticks: ticks(0, most, 5), rule: () => ({}) } });
    [now, then].forEach((cost, i) => {
      const top = y + i * 20, middle = top + 7;
      const style = { size: 12, colour: i ? "muted" : "ink" };
      pen.text(i ? "before" : "now", 1, middle, { ...SMALL, base: "middle" });
      const end = paintCost(pen, cost, { x, y: top, width, height: 14 }, most, i ? 0.45 : 1);
      if (-cost.elbo > most) pen.beyond(number(-cost.elbo), x + width + 62, middle, 1, style);
      else pen.text(number(-cost.elbo), end + 7, middle, { ...style, base: "middle", halo: true });
    });
  }

  /** Each unit's bar, to be drawn to the side: that unit is chosen, and its mean follows. @param {Values} values @returns {Handle[]} */
  function handlesOf({ unit }) {
    const { bars } = place;
    return Array.from({ length: units }, (_, i) => {
      const was = means[row * units + i];
      const y = bars.y + (i + 0.5) * bars.pitch;
      /** @type {Values} */
      const other = unit === i + 1 ? {} : { unit: i + 1, stretch: 1 };
      return {
        x: Math.min(bars.x + bars.width, Math.max(bars.x, toX(mean[i]))), y, axis: "x", quiet: true,
        hint: i === Math.max(0, unit - 1) && Math.abs(mean[i]) <= REACH ? "drag a bar" : "", room: bars.x + bars.width,
        box: { x: toX(mean[i]) - 20, y: y - bars.pitch / 2, width: 40, height: bars.pitch },
        move: (x) => ({ ...other, shift: (x - bars.x) / bars.unit - REACH - was }),
      };
    });
  }

  /** @param {number} width @returns {Record<string, Box>} */
  function regionsOf(width) {
    const { input, decoded, bars, draws, sum } = place;
    return {
      input: { ...input, width: input.size, height: input.size },
      decoded: { ...decoded, width: decoded.size, height: decoded.size },
      posterior: bars,
      cost: { x: 1, y: sum.y - (other ? 44 : 24), width: width - 2, height: sum.height + (other ? 64 : 44) },
      draws: { x: 1, y: draws.y, width: width - 2, height: draws.cell },
    };
  }

  return {
    height: (width) => arrange(width, units, count, other).height,

    paint(pen, values, width) {
      place = arrange(width, units, count, other);
      const { input, decoded, draws } = place;
      const then = untouched(values.digit, values.draw);
      const now = measure(values); // last, for its draws are in the decoder
      const { pixel } = model;
      const spots = paintChooser(pen, width, images, { side, channels, noun }, "digit", row);
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
      paintSum(pen, now, then);

      const changed = values.shift !== 0 || values.stretch !== 1;
      /** @param {"rate" | "distortion" | "elbo"} key @param {string} words */
      const note = (key, words) => (changed ? `was ${number(then[key])}` : `nats, ${words}`);
      const tiles = [
        { name: "Distortion", value: number(now.distortion), note: note("distortion", "mean of eight draws"), mark: "distortion" },
        { name: "Rate", value: number(now.rate), note: now.rate === Infinity ? "for a point" : note("rate", "exact"), mark: "rate" },
        { name: "ELBO", value: number(now.elbo), note: changed ? note("elbo", "") : "minus the sum" },
      ];
      const numbers = (/** @type {Cost} */ { rate, distortion, elbo }) => `rate ${number(rate)}, distortion ${number(distortion)}, ELBO ${number(elbo)} nats`;
      const change = changed ? `; before it was touched: ${numbers(then)}` : "";
      const summary = `An image, its posterior over ${units} latent units, and ${noun}s decoded from draws of it: ${numbers(now)}${change}.`;
      return { summary, tiles, handles: handlesOf(values), spots, regions: regionsOf(width) };
    },
  };
}
