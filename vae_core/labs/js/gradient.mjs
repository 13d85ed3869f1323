// GradientLab: draws that slide with mean and std while their noise stays fixed, and three ways to estimate from them how
// E[f(z)] changes; f is simple enough that the exact answer is known.

import { normals } from "./vae.mjs";
import { HEADING, number, remember, roundUp, scale, SMALL, ticks } from "./draw.mjs";

/**
 * @typedef {{f: (z: number) => number, slope: (z: number) => number, exact: ((m: number, s: number) => number)[], low: number, high: number}} Curve
 * @typedef {{batches: number, most: number, controls: [Slider, Slider, Slider, Choice, Choice, Press]}} GradientSpec  estimates,
 *   each from up to `most` draws of its own
 */

const WIGGLE = 8;
const NAMES = ["pathwise", "score function", "score function, baseline"];
const LOOKS = [
  { colour: "accent", solid: true },
  { colour: "orange", solid: false },
  { colour: "orange", solid: true },
];
const REACH = 5; // how far the axis of z goes to both sides
const BINS = 48;
const NONE = 1e-12; // a variance that is none

/** The density of N(0, 1). @param {number} u */
export const bell = (u) => Math.exp(-0.5 * u * u) / Math.sqrt(2 * Math.PI);

/**
 * In the order of FUNCTIONS in vae_core/gradients.py: f, its slope, the exact derivatives of E[f(z)] for z ~ N(m, s²) by m and by s,
 * and the heights to show it between.
 * @type {Curve[]}
 */
export const FUNCTIONS = [
  { f: (z) => z * z, slope: (z) => 2 * z, exact: [(m) => 2 * m, (_, s) => 2 * s], low: 0, high: 10 },
  { f: (z) => z * z + 10, slope: (z) => 2 * z, exact: [(m) => 2 * m, (_, s) => 2 * s], low: 0, high: 20 },
  {
    f: (z) => (z * z - 1) ** 2,
    slope: (z) => 4 * z * (z * z - 1),
    exact: [(m, s) => 4 * m ** 3 + 12 * m * s * s - 4 * m, (m, s) => 12 * m * m * s + 12 * s ** 3 - 4 * s],
    low: 0,
    high: 8,
  },
  {
    f: (z) => Math.sin(WIGGLE * z),
    slope: (z) => WIGGLE * Math.cos(WIGGLE * z),
    exact: [
      (m, s) => WIGGLE * Math.cos(WIGGLE * m) * Math.exp(-0.5 * (WIGGLE * s) ** 2),
      (m, s) => -WIGGLE * WIGGLE * s * Math.sin(WIGGLE * m) * Math.exp(-0.5 * (WIGGLE * s) ** 2),
    ],
    low: -1.5,
    high: 2.5,
  },
  {
    f: (z) => (z > 0 ? 1 : 0),
    slope: () => 0,
    exact: [(m, s) => bell(m / s) / s, (m, s) => (-m * bell(m / s)) / (s * s)],
    low: -0.3,
    high: 1.9,
  },
];

/**
 * Estimates of d E[f] / d mean (by = 0) or d std (by = 1), from the first `count` of each batch's `most` draws, for every count in
 * `counts` (rising): {count: [pathwise, score function, score function with baseline]}, each with one number a batch.
 * The baseline of a draw is the mean of f over the other draws of its batch, so all three use the same draws.
 * @param {Float64Array} epsilon @param {number} most @param {Pick<Curve, "f" | "slope">} curve
 * @param {number} by @param {number} mean @param {number} std @param {number[]} counts
 */
export function estimates(epsilon, most, { f, slope }, by, mean, std, counts) {
  const batches = epsilon.length / most;
  const found = Object.fromEntries(counts.map((count) => [count, NAMES.map(() => new Float64Array(batches))]));
  for (let b = 0; b < batches; b++) {
    let path = 0, cost = 0, score = 0, both = 0, next = 0;
    for (let n = 1; n <= counts[counts.length - 1]; n++) {
      const e = epsilon[b * most + n - 1];
      const z = mean + std * e;
      const value = f(z);
      const g = (by ? e * e - 1 : e) / std; // the score, d log q(z) / d mean or d std
      path += slope(z) * (by ? e : 1);
      cost += value;
      score += g;
      both += value * g;
      if (n === counts[next]) {
        const [first, second, third] = found[n];
        first[b] = path / n;
        second[b] = both / n;
        third[b] = (both - (cost * score) / n) / (n - 1);
        next++;
      }
    }
  }
  return found;
}

/** Mean and variance of some numbers, and the standard error of that variance. @param {ArrayLike<number> & Iterable<number>} values */
export function spread(values) {
  let mean = 0, second = 0, fourth = 0;
  for (const v of values) mean += v / values.length;
  for (const v of values) {
    const square = (v - mean) ** 2;
    second += square / values.length;
    fourth += square ** 2 / values.length;
  }
  const count = values.length;
  return { mean, variance: (second * count) / (count - 1), error: Math.sqrt(Math.max(0, fourth - second * second) / count) };
}

/** Where things stand at this width: the curve on top, below it the estimates and their variance, on a phone one by one. @param {number} width */
export function arrange(width) {
  const narrow = width < 560;
  const left = narrow ? 30 : 40;
  const rails = { epsilon: 52, z: narrow ? 98 : 104 };
  const curve = { x: left, y: rails.z + 22, width: width - left - 10, height: narrow ? 150 : 170 };
  const second = curve.y + curve.height + 104;
  const row = 52;
  const half = narrow ? width - 2 : Math.floor((width - 44) / 2);
  const strips = { x: 6, y: second, width: half - 12, row, height: 3 * row };
  const plot = narrow
    ? { x: 38, y: strips.y + strips.height + 94, width: width - 48, height: 160 }
    : { x: width - half + 34, y: second, width: half - 44, height: 3 * row };
  return { narrow, rails, curve, strips, plot, height: plot.y + plot.height + 44 };
}

const POWERS = "⁰¹²³⁴⁵⁶⁷⁸⁹";
/** 10 to this whole power, as words: 10⁻². @param {number} exponent */
export const power = (exponent) => `10${exponent < 0 ? "⁻" : ""}${[...String(Math.abs(exponent))].map((digit) => POWERS[Number(digit)]).join("")}`;

/** A number with as many decimals as leave about three digits. @param {number} value */
export function brief(value) {
  const size = Math.abs(Number(value.toPrecision(3)));
  if (size < 5e-4) return "0";
  return number(value, size >= 100 ? 0 : size >= 10 ? 1 : size >= 0.1 ? 2 : 3);
}

/** @type {Create<GradientSpec>} */
export function create(spec) {
  const { batches, most } = spec;
  const titles = spec.controls[3].options;
  const sizes = Array.from({ length: Math.floor(Math.log2(most)) }, (_, i) => 2 ** (i + 1));
  let place = arrange(640);

  const noiseOf = remember((/** @type {number} */ draw) => normals(draw + 1, batches * most));
  const total = (/** @type {number} */ samples) => (batches * samples).toLocaleString("en");
  const toX = (/** @type {number} */ z) => scale([-REACH, REACH], [place.curve.x, place.curve.x + place.curve.width])(z);

  /** @param {Pen} pen @param {Values} values */
  function paintRails(pen, { mean, std, samples, draw }) {
    const epsilon = noiseOf(draw);
    const { rails, curve } = place;
    pen.words([["z = mean + std · ", HEADING], ["ε", { ...HEADING, colour: "warm" }]], 1, 16);
    for (const { name, y, colour } of [{ name: "ε", y: rails.epsilon, colour: "warm" }, { name: "z", y: rails.z, colour: "accent" }]) {
      pen.line([[curve.x, y], [curve.x + curve.width, y]], { colour: "muted" });
      pen.text(name, curve.x - 12, y, { ...HEADING, colour, align: "right", base: "middle" });
    }
    pen.clip({ ...curve, y: rails.epsilon - 8, height: rails.z - rails.epsilon + 16 }, () => {
      for (let i = 0; i < samples; i++) pen.line([[toX(epsilon[i]), rails.epsilon], [toX(mean + std * epsilon[i]), rails.z]], { colour: "line" });
      for (let i = 0; i < samples; i++) {
        pen.disc(toX(epsilon[i]), rails.epsilon, 3.5, { fill: "orange", stroke: "paper" });
        pen.disc(toX(mean + std * epsilon[i]), rails.z, 3.5, { fill: "accent", stroke: "paper" });
      }
    });
  }

  /** @param {Pen} pen @param {Values} values */
  function paintCurve(pen, { f: chosen, mean, std, samples, draw }) {
    const { curve } = place;
    const { f, low, high } = FUNCTIONS[chosen];
    const bottom = curve.y + curve.height;
    const toY = scale([low, high], [bottom, curve.y]);
    const steps = Math.ceil(curve.width / 2);
    const at = Array.from({ length: steps + 1 }, (_, i) => -REACH + (2 * REACH * i) / steps);
    pen.axes(curve, { x: { to: toX, ticks: ticks(-4, 4, 4) }, y: { to: toY, ticks: ticks(low, high, 4), rule: () => ({}) } });
    pen.clip(curve, () => {
      const peak = 0.9 * curve.height * Math.min(1, 0.3 / std);
      pen.area(at.map((z) => [toX(z), bottom - peak * Math.exp(-0.5 * ((z - mean) / std) ** 2)]), bottom, { fill: "accent", alpha: 0.22 });
      pen.line(at.map((z) => [toX(z), toY(f(z))]), { colour: "ink", width: 1.5 });
      for (let i = 0; i < samples; i++) {
        const z = mean + std * noiseOf(draw)[i];
        pen.disc(toX(z), toY(f(z)), 3.5, { fill: "accent", stroke: "paper" });
      }
    });
    pen.words([["f(z)", { ...HEADING, size: 13 }], ["  and the density ", SMALL], ["q(z)", { ...SMALL, colour: "accent", weight: 700 }]], curve.x, bottom + 36);
    pen.frame(curve);
  }

  /**
   * One row an estimator: how its estimates are spread about the exact value, which is in the middle.
   * @param {Pen} pen @param {Values} values @param {number} exact @param {Float64Array[]} now @param {ReturnType<typeof spread>[]} facts
   */
  function paintStrips(pen, { by, samples }, exact, now, facts) {
    const { strips } = place;
    const { x, y, width, row, height } = strips;
    const middle = x + width / 2;
    const half = roundUp(Math.max(1e-3, 0.1 * Math.abs(exact), ...facts.map(({ mean, variance }) => Math.abs(mean - exact) + 3 * Math.sqrt(variance))));
    const toColumn = scale([-half, half], [x, x + width]);
    pen.text(`${batches} estimates of d E[f] / d ${by ? "std" : "mean"}`, 1, y - 32, HEADING);
    pen.text(`each from ${samples} draws of z, ${total(samples)} in all`, 1, y - 14, SMALL);
    const bins = new Uint16Array(BINS);
    now.forEach((values, kind) => {
      const base = y + (kind + 1) * row - 6;
      bins.fill(0);
      for (const v of values) {
        const bin = Math.floor(((v - exact + half) / (2 * half)) * BINS);
        if (bin >= 0 && bin < BINS) bins[bin]++;
      }
      const highest = Math.max(1, ...bins);
      const { colour, solid } = LOOKS[kind];
      bins.forEach((count, i) => {
        if (!count) return;
        const tall = Math.max(1.5, (count / highest) * (row - 22));
        const [from, wide] = [x + (i * width) / BINS + 0.5, width / BINS - 1];
        if (solid) pen.box(from, base - tall, wide, tall, { fill: colour, alpha: 0.75 });
        else pen.box(from + 0.5, base - tall + 0.5, wide - 1, tall - 1, { stroke: colour });
      });
      pen.line([[x, base], [x + width, base]], { colour: "line" });
    });
    pen.line([[middle, y], [middle, y + height]], { colour: "ink", width: 1.5, dash: [4, 3] });
    now.forEach((values, kind) => {
      const base = y + (kind + 1) * row - 6;
      pen.disc(toColumn(Math.min(half, Math.max(-half, values[0] - exact))), base, 4, { fill: "ink", stroke: "paper", line: 1.5 });
      pen.text(NAMES[kind], x, base - row + 19, { size: 12, weight: 600, colour: kind ? "warm" : "accent", halo: true });
    });
    const bottom = y + height;
    pen.axes(place.strips, { x: { to: toColumn, ticks: [-half, half], words: (at) => brief(exact + at), align: (at) => (at < 0 ? "left" : "right") } });
    pen.text(`exact ${brief(exact)}`, middle, bottom + 16, { ...SMALL, colour: "ink", align: "center" });
    pen.text("●: from the draws above", x, bottom + 32, SMALL);
  }

  /** Variance against the number of draws, both on logarithmic scales, with two standard errors to both sides. @param {Pen} pen @param {Values} values @param {ReturnType<typeof spread>[][]} all */
  function paintPlot(pen, { samples }, all) {
    const { x, y, width, height } = place.plot;
    const left = place.narrow ? 1 : x - 30;
    const logs = all.flat().flatMap(({ variance }) => (variance > NONE ? Math.log10(variance) : []));
    const low = Math.floor(Math.min(...logs) - 0.15), high = Math.ceil(Math.max(...logs) + 0.15);
    const across = scale([1, Math.log2(most)], [x + 12, x + width - 12]), up = scale([low, high], [y + height, y]);
    const toColumn = (/** @type {number} */ count) => across(Math.log2(count)), toRow = (/** @type {number} */ variance) => up(Math.log10(variance));
    pen.text("their variance", left, y - 32, HEADING);
    pen.text("bars: ± 2 standard errors", left, y - 14, SMALL);
    const every = Math.ceil((high - low) / 6);
    const exponents = Array.from({ length: Math.floor((high - low) / every) + 1 }, (_, i) => low + i * every);
    pen.axes(place.plot, { x: { to: toColumn, ticks: sizes }, y: { to: up, ticks: exponents, words: power, rule: () => ({}) } });
    pen.text("draws of z for each estimate", x + width / 2, y + height + 32, { ...SMALL, align: "center" });
    pen.line([[toColumn(samples), y], [toColumn(samples), y + height]], { colour: "ink", dash: [4, 3] });
    pen.clip(place.plot, () => {
      all.forEach((facts, kind) => {
        const { colour, solid } = LOOKS[kind];
        /** @type {number[][]} */
        const points = [];
        facts.forEach(({ variance, error }, i) => {
          if (variance <= NONE) return;
          const at = toColumn(sizes[i]);
          points.push([at, toRow(variance)]);
          pen.line([[at, toRow(variance + 2 * error)], [at, toRow(Math.max(variance - 2 * error, 10 ** (low - 1)))]], { colour, width: 2 });
        });
        if (points.length) pen.line(points, { colour, width: 1.5, dash: solid ? [] : [5, 4] });
        for (const [px, py] of points) pen.disc(px, py, 4, solid ? { fill: colour, stroke: "paper" } : { fill: "paper", stroke: colour, line: 2 });
      });
    });
    const none = all.findIndex((facts) => facts.every(({ variance }) => variance <= NONE));
    if (none >= 0) pen.text(`${NAMES[none]}: variance 0`, x + 8, y + height - 10, { size: 12, weight: 600, colour: "accent", halo: true });
    pen.frame(place.plot);
  }

  return {
    height: (width) => arrange(width).height,

    paint(pen, values, width) {
      const { f: chosen, by, mean, std, samples, draw } = values;
      place = arrange(width);
      const exact = FUNCTIONS[chosen].exact[by](mean, std);
      const counts = sizes.includes(samples) ? sizes : [...sizes, samples].sort((a, b) => a - b);
      const found = estimates(noiseOf(draw), most, FUNCTIONS[chosen], by, mean, std, counts);
      const now = found[samples];
      const facts = now.map(spread);
      const all = NAMES.map((_, kind) => sizes.map((count) => spread(found[count][kind])));
      paintRails(pen, values);
      paintCurve(pen, values);
      paintStrips(pen, values, exact, now, facts);
      paintPlot(pen, values, all);

      const wrong = facts.map(({ mean: middle, variance }) => Math.abs(middle - exact) > 6 * Math.sqrt(variance / batches) + 1e-9);
      const spreads = facts.map(({ variance }) => `spread ${brief(Math.sqrt(variance))}`);
      const tiles = [
        { name: "Exact", value: brief(exact), note: `d E[f] / d ${by ? "std" : "mean"}` },
        ...facts.map((fact, kind) => ({
          name: ["Pathwise", "Score function", "… with baseline"][kind],
          value: brief(fact.mean),
          note: wrong[kind] ? `${spreads[kind]}, and wrong` : spreads[kind],
          mark: kind ? "orange" : "accent",
        })),
      ];
      const told = facts.map((fact, kind) => `${NAMES[kind]} ${brief(fact.mean)}, ${spreads[kind]}${wrong[kind] ? ", off the exact value" : ""}`).join("; ");
      const summary =
        `${samples} draws of z from a normal with mean ${number(mean, 2)} and standard deviation ${number(std, 2)}, on the curve ${titles[chosen]}. ` +
        `Derivative of the expectation by the ${by ? "standard deviation" : "mean"}: exact ${brief(exact)}; ` +
        `${batches} estimates from ${samples} draws each, ${total(samples)} draws in all: ${told}.`;
      return { summary, tiles };
    },
  };
}
