// GradientLab: draws that slide with mean and std while their noise stays fixed, and three ways to estimate from them how
// E[f(z)] changes; f is simple enough that the exact answer is known.

import { normals } from "./vae.mjs";
import { number, ticks } from "./draw.mjs";

export const BATCHES = 200; // estimates, each from draws of its own
export const MOST = 64; // draws of an estimate
const SIZES = [2, 4, 8, 16, 32, 64];
const WIGGLE = 8;
const NAMES = ["pathwise", "score function", "score function, baseline"];
const LOOKS = [
  { colour: "accent", solid: true },
  { colour: "orange", solid: false },
  { colour: "orange", solid: true },
];
const REACH = 5; // how far the axis of z goes to both sides
const BINS = 48;
const HEADING = { weight: 700, size: 14 };
const SMALL = { size: 12, colour: "muted" };

/** The density of N(0, 1). */
export const bell = (u) => Math.exp(-0.5 * u * u) / Math.sqrt(2 * Math.PI);

/**
 * In the order of FUNCTIONS in vae_core/gradients.py: f, its slope, the exact derivatives of E[f(z)] for z ~ N(m, s²) by m and by s,
 * and the heights to show it between.
 */
export const FUNCTIONS = [
  { f: (z) => z * z, slope: (z) => 2 * z, exact: [(m) => 2 * m, (m, s) => 2 * s], low: 0, high: 10 },
  { f: (z) => z * z + 10, slope: (z) => 2 * z, exact: [(m) => 2 * m, (m, s) => 2 * s], low: 0, high: 20 },
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
 * Estimates of d E[f] / d mean (by = 0) or d std (by = 1), from the first `count` of each batch's draws, for every count in
 * `counts` (rising): {count: [pathwise, score function, score function with baseline]}, each with one number a batch.
 * The baseline of a draw is the mean of f over the other draws of its batch, so all three use the same draws.
 */
export function estimates(epsilon, { f, slope }, by, mean, std, counts) {
  const found = Object.fromEntries(counts.map((count) => [count, NAMES.map(() => new Float64Array(BATCHES))]));
  for (let b = 0; b < BATCHES; b++) {
    let path = 0, cost = 0, score = 0, both = 0, next = 0;
    for (let n = 1; n <= counts.at(-1); n++) {
      const e = epsilon[b * MOST + n - 1];
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

/** Mean and variance of some numbers, and the standard error of that variance. */
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

/** The smallest of 1, 2, 5, 10, 20, 50 … (and 0.5, 0.2 …) that is not below this. */
export function roundUp(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return power * ([1, 2, 5].find((m) => m * power >= value * (1 - 1e-9)) ?? 10);
}

/** Where things stand at this width: the curve on top, below it the estimates and their variance, on a phone one by one. */
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
/** 10 to this whole power, as words: 10⁻². */
export const power = (exponent) => `10${exponent < 0 ? "⁻" : ""}${[...String(Math.abs(exponent))].map((digit) => POWERS[digit]).join("")}`;

/** A number with as many decimals as leave about three digits. */
export function brief(value) {
  const size = Math.abs(Number(value.toPrecision(3)));
  if (size < 5e-4) return "0";
  return number(value, size >= 100 ? 0 : size >= 10 ? 1 : size >= 0.1 ? 2 : 3);
}

const total = (samples) => (BATCHES * samples).toLocaleString("en");

export function create(spec) {
  const titles = spec.controls.find(({ name }) => name === "f").options;
  let place = arrange(640);
  let epsilon, drawn = -1;

  const toX = (z) => place.curve.x + ((z + REACH) / (2 * REACH)) * place.curve.width;

  function paintRails(pen, { mean, std, samples }) {
    const { rails, curve } = place;
    pen.words([["z = mean + std · ", HEADING], ["ε", { ...HEADING, colour: "warm" }]], 1, 16);
    for (const [name, y, colour] of [["ε", rails.epsilon, "warm"], ["z", rails.z, "accent"]]) {
      pen.line([[curve.x, y], [curve.x + curve.width, y]], { colour: "muted" });
      pen.text(name, curve.x - 12, y, { ...HEADING, colour, align: "right", base: "middle" });
    }
    pen.clip(curve.x, rails.epsilon - 8, curve.width, rails.z - rails.epsilon + 16, () => {
      for (let i = 0; i < samples; i++) pen.line([[toX(epsilon[i]), rails.epsilon], [toX(mean + std * epsilon[i]), rails.z]], { colour: "line" });
      for (let i = 0; i < samples; i++) {
        pen.disc(toX(epsilon[i]), rails.epsilon, 3.5, { fill: "orange", stroke: "paper" });
        pen.disc(toX(mean + std * epsilon[i]), rails.z, 3.5, { fill: "accent", stroke: "paper" });
      }
    });
  }

  function paintCurve(pen, { f: chosen, mean, std, samples }) {
    const { curve } = place;
    const { f, low, high } = FUNCTIONS[chosen];
    const bottom = curve.y + curve.height;
    const toY = (value) => bottom - ((value - low) / (high - low)) * curve.height;
    const steps = Math.ceil(curve.width / 2);
    const at = (i) => -REACH + (2 * REACH * i) / steps;
    for (const tick of ticks(low, high, 4)) {
      pen.line([[curve.x, toY(tick)], [curve.x + curve.width, toY(tick)]], { colour: "line" });
      pen.text(number(tick, 0), curve.x - 7, toY(tick), { ...SMALL, align: "right", base: "middle" });
    }
    for (let tick = -4; tick <= 4; tick += 2) pen.text(number(tick, 0), toX(tick), bottom + 17, { ...SMALL, align: "center" });
    pen.clip(curve.x, curve.y, curve.width, curve.height, () => {
      const peak = 0.9 * curve.height * Math.min(1, 0.3 / std);
      const c = pen.context;
      c.beginPath();
      c.moveTo(toX(-REACH), bottom);
      for (let i = 0; i <= steps; i++) c.lineTo(toX(at(i)), bottom - peak * Math.exp(-0.5 * ((at(i) - mean) / std) ** 2));
      c.lineTo(toX(REACH), bottom);
      c.globalAlpha = 0.22;
      c.fillStyle = pen.colours.accent;
      c.fill();
      c.globalAlpha = 1;
      pen.line(Array.from({ length: steps + 1 }, (_, i) => [toX(at(i)), toY(f(at(i)))]), { colour: "ink", width: 1.5 });
      for (let i = 0; i < samples; i++) {
        const z = mean + std * epsilon[i];
        pen.disc(toX(z), toY(f(z)), 3.5, { fill: "accent", stroke: "paper" });
      }
    });
    pen.words([["f(z)", { ...HEADING, size: 13 }], ["  and the density ", SMALL], ["q(z)", { ...SMALL, colour: "accent", weight: 700 }]], curve.x, bottom + 36);
    pen.box(curve.x - 0.5, curve.y - 0.5, curve.width + 1, curve.height + 1, { stroke: "line" });
  }

  /** One row an estimator: how its 200 estimates are spread about the exact value, which is in the middle. */
  function paintStrips(pen, { by, samples }, exact, now, facts) {
    const { strips } = place;
    const { x, y, width, row, height } = strips;
    const middle = x + width / 2;
    const half = roundUp(Math.max(1e-3, 0.1 * Math.abs(exact), ...facts.map(({ mean, variance }) => Math.abs(mean - exact) + 3 * Math.sqrt(variance))));
    const scale = width / (2 * half);
    pen.text(`${BATCHES} estimates of d E[f] / d ${by ? "std" : "mean"}`, 1, y - 32, HEADING);
    pen.text(`each from ${samples} draws of z, ${total(samples)} in all`, 1, y - 14, SMALL);
    const bins = new Uint16Array(BINS);
    now.forEach((values, kind) => {
      const base = y + (kind + 1) * row - 6;
      bins.fill(0);
      for (const v of values) {
        const bin = Math.floor(((v - exact + half) / (2 * half)) * BINS);
        if (bin >= 0 && bin < BINS) bins[bin]++;
      }
      let most = 1;
      for (const count of bins) most = Math.max(most, count);
      const { colour, solid } = LOOKS[kind];
      bins.forEach((count, i) => {
        if (!count) return;
        const tall = Math.max(1.5, (count / most) * (row - 22));
        const [from, wide] = [x + (i * width) / BINS + 0.5, width / BINS - 1];
        if (solid) pen.box(from, base - tall, wide, tall, { fill: colour, alpha: 0.75 });
        else pen.box(from + 0.5, base - tall + 0.5, wide - 1, tall - 1, { stroke: colour });
      });
      pen.line([[x, base], [x + width, base]], { colour: "line" });
    });
    pen.line([[middle, y], [middle, y + height]], { colour: "ink", width: 1.5, dash: [4, 3] });
    now.forEach((values, kind) => {
      const base = y + (kind + 1) * row - 6;
      pen.disc(x + width / 2 + Math.min(half, Math.max(-half, values[0] - exact)) * scale, base, 4, { fill: "ink", stroke: "paper", line: 1.5 });
      pen.text(NAMES[kind], x, base - row + 19, { size: 12, weight: 600, colour: kind ? "warm" : "accent", halo: true });
    });
    const bottom = y + height;
    for (const [at, align] of [[-half, "left"], [half, "right"]]) pen.text(brief(exact + at), middle + at * scale, bottom + 14, { ...SMALL, align });
    pen.text(`exact ${brief(exact)}`, middle, bottom + 14, { ...SMALL, colour: "ink", align: "center" });
    pen.text("●: from the draws above", x, bottom + 32, SMALL);
  }

  /** Variance against the number of draws, both on logarithmic scales, with two standard errors to both sides. */
  function paintPlot(pen, { samples }, all) {
    const { x, y, width, height } = place.plot;
    const left = place.narrow ? 1 : x - 30;
    const shown = [];
    all.forEach((sizes, kind) => sizes.forEach(({ variance }) => variance > 1e-12 && shown.push(Math.log10(variance), kind)));
    const logs = shown.filter((_, i) => i % 2 === 0);
    const low = Math.floor(Math.min(...logs) - 0.15), high = Math.ceil(Math.max(...logs) + 0.15);
    const toColumn = (count) => x + 12 + ((Math.log2(count) - 1) / 5) * (width - 24);
    const toRow = (variance) => y + height - ((Math.log10(variance) - low) / (high - low)) * height;
    pen.text("their variance", left, y - 32, HEADING);
    pen.text("bars: ± 2 standard errors", left, y - 14, SMALL);
    const every = Math.ceil((high - low) / 6);
    for (let exponent = low; exponent <= high; exponent += every) {
      const at = toRow(10 ** exponent);
      pen.line([[x, at], [x + width, at]], { colour: "line" });
      pen.text(power(exponent), x - 6, at, { ...SMALL, align: "right", base: "middle" });
    }
    for (const count of SIZES) pen.text(String(count), toColumn(count), y + height + 14, { ...SMALL, align: "center" });
    pen.text("draws of z for each estimate", x + width / 2, y + height + 32, { ...SMALL, align: "center" });
    pen.line([[toColumn(samples), y], [toColumn(samples), y + height]], { colour: "ink", dash: [4, 3] });
    pen.clip(x, y, width, height, () => {
      all.forEach((sizes, kind) => {
        const { colour, solid } = LOOKS[kind];
        const points = [];
        sizes.forEach(({ variance, error }, i) => {
          if (variance <= 1e-12) return;
          const at = toColumn(SIZES[i]);
          points.push([at, toRow(variance)]);
          pen.line([[at, toRow(variance + 2 * error)], [at, toRow(Math.max(variance - 2 * error, 10 ** (low - 1)))]], { colour, width: 2 });
        });
        if (points.length) pen.line(points, { colour, width: 1.5, dash: solid ? [] : [5, 4] });
        for (const [px, py] of points) pen.disc(px, py, 4, solid ? { fill: colour, stroke: "paper" } : { fill: "paper", stroke: colour, line: 2 });
      });
    });
    const none = all.findIndex((sizes) => sizes.every(({ variance }) => variance <= 1e-12));
    if (none >= 0) pen.text(`${NAMES[none]}: variance 0`, x + 8, y + height - 10, { size: 12, weight: 600, colour: "accent", halo: true });
    pen.box(x - 0.5, y - 0.5, width + 1, height + 1, { stroke: "line" });
  }

  return {
    height: (width) => arrange(width).height,

    paint(pen, values, width) {
      const { f: chosen, by, mean, std, samples, draw } = values;
      place = arrange(width);
      if (draw !== drawn) [epsilon, drawn] = [normals(draw + 1, BATCHES * MOST), draw];
      const exact = FUNCTIONS[chosen].exact[by](mean, std);
      const counts = SIZES.includes(samples) ? SIZES : [...SIZES, samples].sort((a, b) => a - b);
      const found = estimates(epsilon, FUNCTIONS[chosen], by, mean, std, counts);
      const now = found[samples];
      const facts = now.map(spread);
      const all = NAMES.map((_, kind) => SIZES.map((count) => spread(found[count][kind])));
      paintRails(pen, values);
      paintCurve(pen, values);
      paintStrips(pen, values, exact, now, facts);
      paintPlot(pen, values, all);

      const wrong = facts.map(({ mean: middle, variance }) => Math.abs(middle - exact) > 6 * Math.sqrt(variance / BATCHES) + 1e-9);
      const spreads = facts.map(({ variance }) => `spread ${brief(Math.sqrt(variance))}`);
      const tiles = [
        { name: "Exact", value: brief(exact), note: `d E[f] / d ${by ? "std" : "mean"}` },
        ...facts.map((fact, kind) => ({
          name: ["Pathwise", "Score function", "… with baseline"][kind],
          value: brief(fact.mean),
          note: wrong[kind] ? `${spreads[kind]}, and wrong` : spreads[kind],
          mood: wrong[kind] ? "bad" : "",
          mark: kind ? "orange" : "accent",
        })),
      ];
      const told = facts.map((fact, kind) => `${NAMES[kind]} ${brief(fact.mean)}, ${spreads[kind]}${wrong[kind] ? ", off the exact value" : ""}`).join("; ");
      const summary =
        `${samples} draws of z from a normal with mean ${number(mean, 2)} and standard deviation ${number(std, 2)}, on the curve ${titles[chosen]}. ` +
        `Derivative of the expectation by the ${by ? "standard deviation" : "mean"}: exact ${brief(exact)}; ` +
        `${BATCHES} estimates from ${samples} draws each, ${total(samples)} draws in all: ${told}.`;
      return { summary, tiles };
    },
  };
}
