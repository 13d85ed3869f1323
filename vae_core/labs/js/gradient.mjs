// GradientLab: draws that slide with mean and std while their noise stays fixed, and three ways to estimate from them how
// E[f(z)] changes; f is simple enough that the exact answer is known. No axis moves with a slider or a handle: each f has its own.

import { normals } from "./random.mjs";
import { HEADING, number, remember, scale, SMALL, threeDigits, ticks } from "./draw.mjs";

/**
 * @typedef {{
 *   f: (z: number) => number, slope: (z: number) => number, exact: ((m: number, s: number) => number)[],
 *   heights: number[], reach: number, decades: number[],
 * }} Curve  the heights to show f between, how far from the exact slope estimates are shown, and the powers of ten to show their
 *   spread between: room for most of what can be set, and the rest is told at the edge
 * @typedef {{batches: number, most: number, controls: [Slider, Slider, Choice, Choice, Choice, Press]}} GradientSpec  estimates,
 *   each from up to `most` draws of its own
 */

const WIGGLE = 8;
const NAMES = ["pathwise", "score function", "score function, baseline"];
const DASHES = [[], [7, 4], [2, 3]];
const REACH = 5; // how far the axis of z goes to both sides
const BINS = 49; // odd: the exact slope lies in the middle of one
const FULL = 0.25; // the share of all estimates that makes a column as high as its row
const NONE = 1e-6; // next to nothing
const LABEL = { size: 12, weight: 700, halo: 9 }; // whose ground covers the lines behind it

/** The density of N(0, 1). @param {number} u */
export const bell = (u) => Math.exp(-0.5 * u * u) / Math.sqrt(2 * Math.PI);

/**
 * In the order of FUNCTIONS in vae_core/gradients.py: f, its slope, the exact derivatives of E[f(z)] for z ~ N(m, s²) by m and by s.
 * z² + 10 is shown on the scales of z²: what is the same looks the same.
 * @type {Curve[]}
 */
export const FUNCTIONS = [
  { f: (z) => z * z, slope: (z) => 2 * z, exact: [(m) => 2 * m, (_, s) => 2 * s], heights: [0, 10], reach: 8, decades: [-2, 2] },
  { f: (z) => z * z + 10, slope: (z) => 2 * z, exact: [(m) => 2 * m, (_, s) => 2 * s], heights: [10, 20], reach: 8, decades: [-2, 2] },
  {
    f: (z) => (z * z - 1) ** 2,
    slope: (z) => 4 * z * (z * z - 1),
    exact: [(m, s) => 4 * m ** 3 + 12 * m * s * s - 4 * m, (m, s) => 12 * m * m * s + 12 * s ** 3 - 4 * s],
    heights: [0, 8], reach: 20, decades: [-2, 3],
  },
  {
    f: (z) => Math.sin(WIGGLE * z),
    slope: (z) => WIGGLE * Math.cos(WIGGLE * z),
    exact: [
      (m, s) => WIGGLE * Math.cos(WIGGLE * m) * Math.exp(-0.5 * (WIGGLE * s) ** 2),
      (m, s) => -WIGGLE * WIGGLE * s * Math.sin(WIGGLE * m) * Math.exp(-0.5 * (WIGGLE * s) ** 2),
    ],
    heights: [-1.5, 2.5], reach: 5, decades: [-2, 1],
  },
  {
    f: (z) => (z > 0 ? 1 : 0),
    slope: () => 0,
    exact: [(m, s) => bell(m / s) / s, (m, s) => (-m * bell(m / s)) / (s * s)],
    heights: [-0.3, 1.9], reach: 1, decades: [-2, 1],
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

/** Mean and standard deviation of some numbers, and the standard error of that deviation. @param {ArrayLike<number> & Iterable<number>} values */
export function spread(values) {
  const count = values.length;
  let mean = 0, second = 0, fourth = 0;
  for (const v of values) mean += v / count;
  for (const v of values) {
    const square = (v - mean) ** 2;
    second += square / count;
    fourth += square ** 2 / count;
  }
  const std = Math.sqrt((second * count) / (count - 1));
  return { mean, std, error: std && Math.sqrt(Math.max(0, fourth - second * second) / count) / (2 * std) };
}

/** Where things stand at this width: noise, draws and curve on top, below it the estimates and their spread, on a phone one by one. @param {number} width */
export function arrange(width) {
  const narrow = width < 560;
  const left = narrow ? 30 : 40;
  const rails = narrow ? { epsilon: 38, z: 76 } : { epsilon: 48, z: 96 };
  const curve = { x: left, y: rails.z + 36, width: width - left - 10, height: narrow ? 128 : 180 };
  const second = curve.y + curve.height + 130;
  const row = narrow ? 52 : 60;
  const half = narrow ? width - 2 : Math.floor((width - 44) / 2);
  const strips = { x: 6, y: second, width: half - 12, row, height: 3 * row };
  const plot = narrow
    ? { x: 44, y: strips.y + strips.height + 80, width: width - 54, height: 160 }
    : { x: width - half + 40, y: second - 18, width: half - 50, height: 3 * row + 18 };
  return { narrow, rails, curve, strips, plot, height: plot.y + plot.height + 44 };
}

/** A number with three digits that count, but no more than three decimals, and 0 where it is next to none. @param {number} value */
export function brief(value) {
  if (Math.abs(value) < NONE) return "0";
  return Math.abs(value) < 0.1 ? number(value, 3).replace(/^−(?=0\.0+$)/, "") : threeDigits(value);
}

/** What a slope promised for this way, and how f went. @param {Pick<Curve, "f" | "slope">} curve @param {number} from @param {number} way */
export function promise({ f, slope }, from, way) {
  const rise = f(from + way) - f(from);
  return `${number(way, 2)} × slope ${brief(slope(from))} = ${number(way * slope(from), 2)}; ${rise < 0 ? "fell" : "rose"} ${number(Math.abs(rise), 2)}`;
}

/** What stands for an estimator, in its row and on its line. @param {Pen} pen @param {number} kind @param {number} x @param {number} y */
function sign(pen, kind, x, y) {
  if (kind === 2) pen.box(x - 3.5, y - 3.5, 7, 7, { fill: "paper", stroke: "ink", line: 2 });
  else pen.disc(x, y, 4, { fill: kind ? "paper" : "ink", stroke: "ink", line: 2 });
}

/** @type {Create<GradientSpec>} */
export function create(spec) {
  const { batches, most } = spec;
  const [{ value: origin }, { value: breadth }, { options: titles }, { options }, { options: parameters }] = spec.controls;
  const sizes = options.map(Number);
  let place = arrange(640);

  const noiseOf = remember((/** @type {number} */ draw) => normals(draw + 1, batches * most));
  const total = (/** @type {number} */ samples) => (batches * samples).toLocaleString("en");
  const toX = (/** @type {number} */ z) => scale([-REACH, REACH], [place.curve.x, place.curve.x + place.curve.width])(z);
  const toZ = (/** @type {number} */ x) => scale([place.curve.x, place.curve.x + place.curve.width], [-REACH, REACH])(x);
  /** How high the cloud stands at this many standard deviations from its mean: an area that stays. @param {number} std @param {number} away */
  const bellAt = (std, away) => (0.19 * place.curve.height * Math.exp(-0.5 * away * away)) / std;

  /** The noise, and what becomes of it: the first draw large. @param {Pen} pen @param {Values} values */
  function paintRails(pen, { mean, std, samples, draw }) {
    const epsilon = noiseOf(draw).subarray(0, sizes[samples]);
    const { rails, curve } = place;
    pen.words([["z", { ...HEADING, colour: "accent" }], [" = mean + std · ", HEADING], ["ε", { ...HEADING, colour: "muted" }], [",  ε drawn from N(0, 1)", SMALL]], 6, 16);
    for (const { name, y, colour } of [{ name: "ε", y: rails.epsilon, colour: "muted" }, { name: "z", y: rails.z, colour: "accent" }]) {
      pen.line([[curve.x, y], [curve.x + curve.width, y]], { width: 2 });
      pen.text(name, curve.x - 12, y, { ...HEADING, colour, align: "right", base: "middle" });
    }
    const z = epsilon.map((e) => mean + std * e);
    const last = z.length - 1;
    pen.clip({ ...curve, y: rails.epsilon - 10, height: rails.z - rails.epsilon + 20 }, () => {
      for (let i = last; i >= 0; i--) pen.line([[toX(epsilon[i]), rails.epsilon], [toX(z[i]), rails.z]], i ? { colour: "line" } : { colour: "ink", width: 1.5 });
      for (let i = last; i >= 0; i--) {
        pen.disc(toX(epsilon[i]), rails.epsilon, i ? 3.5 : 6, { fill: "muted", stroke: i ? "paper" : "ink", line: i ? 1 : 2 });
        pen.disc(toX(z[i]), rails.z, i ? 3.5 : 6, { fill: "accent", stroke: i ? "paper" : "ink", line: i ? 1 : 2 });
      }
    });
    for (const [farthest, side] of /** @type {[number, 1 | -1][]} */ ([[Math.min(...z), -1], [Math.max(...z), 1]])) {
      if (side * farthest > REACH) pen.beyond(number(farthest), toX(side * REACH), rails.z - 12, side, { colour: "accent" });
    }
  }

  /** f, the cloud below it, and the draws on f; the first large, with its tangent, and a ring where it was before mean and std were moved. @param {Pen} pen @param {Values} values */
  function paintCurve(pen, values) {
    const { f: chosen, mean, std, samples, draw } = values;
    const { curve } = place;
    const { f, slope, heights } = FUNCTIONS[chosen];
    const bottom = curve.y + curve.height;
    const toY = scale(heights, [bottom, curve.y]);
    const steps = Math.ceil(curve.width / 2);
    const at = Array.from({ length: steps + 1 }, (_, i) => -REACH + (2 * REACH * i) / steps);
    const dots = Array.from(noiseOf(draw).subarray(0, sizes[samples]), (e) => mean + std * e).map((z) => ({ z, x: toX(z), y: toY(f(z)) }));
    const [first, ...others] = dots;
    const direction = -slope(first.z) * (toY(1) - toY(0)) / (toX(1) - toX(0));
    const length = 42 / Math.hypot(1, direction);
    const before = origin + breadth * noiseOf(draw)[0], way = mean === origin && std === breadth ? 0 : first.z - before;
    pen.axes(curve, { x: { to: toX, ticks: ticks(-4, 4, 4) }, y: { to: toY, ticks: ticks(heights[0], heights[1], 4), rule: () => ({}) } });
    pen.clip(curve, () => {
      pen.area(at.map((z) => [toX(z), bottom - bellAt(std, (z - mean) / std)]), bottom, { fill: "accent", alpha: 0.22 });
      pen.line(at.map((z) => [toX(z), toY(f(z))]), { colour: "ink", width: 1.5 });
      for (const { x, y } of others) pen.disc(x, y, 3.5, { fill: "accent", stroke: "paper" });
      if (way) pen.disc(toX(before), toY(f(before)), 6.5, { stroke: "accent", line: 2 });
      pen.line([[first.x - length, first.y + length * direction], [first.x + length, first.y - length * direction]], { colour: "accent", width: 2.5 });
      pen.disc(first.x, first.y, 6.5, { fill: "accent", stroke: "ink", line: 2 });
    });
    for (const { z, x, y } of dots) {
      if (y < curve.y && Math.abs(z) < REACH) pen.text("↑", x, curve.y + 10, { size: 12, weight: 700, colour: "accent", align: "center", halo: true });
    }
    const words = [`height ${brief(f(first.z))}`, `slope ${brief(slope(first.z))}`];
    const long = Math.max(...words.map((line) => pen.measure(line, LABEL)));
    const room = { left: first.x - 14 - long > curve.x, right: first.x + 14 + long < curve.x + curve.width + 9 };
    const side = slope(first.z) < 0 ? (room.left ? -1 : 1) : room.right ? 1 : -1; // beside a valley's flank the words lie below f
    const [edge] = handlesOf(values);
    const below = Math.abs(first.x + side * (14 + long / 2) - edge.x) < long / 2 + 20 ? edge.y - 36 : bottom - 24; // the handle stays off the words
    const top = Math.max(curve.y + 16, Math.min(below, first.y + 6));
    words.forEach((line, i) => pen.text(line, first.x + 14 * side, top + 16 * i, { ...LABEL, colour: "accent", align: side > 0 ? "left" : "right" }));
    pen.words([["f(z)", { ...HEADING, size: 13 }], [",  ", SMALL], ["the cloud q", { size: 12, colour: "accent", weight: 700 }], ["  and its draws z", SMALL]], curve.x, bottom + 36);
    if (way) pen.words([[`from ○${place.narrow ? "" : ` (mean ${number(origin, 2)}, std ${number(breadth, 2)})`}: `, { size: 12, colour: "accent", weight: 700 }], [promise(FUNCTIONS[chosen], before, way), { size: 12 }]], 6, bottom + 56);
    pen.frame(curve);
    return { x: first.x - 9, y: first.y - 9, width: 18, height: 18 };
  }

  /**
   * One row an estimator: how its estimates lie about the exact slope, which is in the middle, with a bracket from one spread below
   * their average to one above, and both numbers. Gives back where the brackets are.
   * @param {Pen} pen @param {Values} values @param {number} exact @param {Float64Array[]} now @param {ReturnType<typeof spread>[]} facts
   */
  function paintStrips(pen, { f: chosen, by, samples }, exact, now, facts) {
    const { x, y, width, row, height } = place.strips;
    const { reach } = FUNCTIONS[chosen];
    const middle = x + width / 2, bottom = y + height;
    const toColumn = scale([-reach, reach], [x, x + width]);
    const inside = (/** @type {number} */ off) => Math.min(x + width, Math.max(x, toColumn(off)));
    pen.text(`${batches} estimates of the slope of E[f(z)]`, x, y - 48, HEADING);
    pen.words([[`with respect to ${parameters[by]}, K = ${sizes[samples]}`, SMALL], [`   exact: ${brief(exact)}`, { size: 12, weight: 700 }]], x, y - 30);
    pen.words([["●", { size: 12, colour: "accent" }], [" of the draws above;  bracket: average ± spread", SMALL]], x, y - 12);
    pen.line([[middle, y], [middle, bottom]], { colour: "ink", width: 1.5, dash: [4, 3] });
    /** @type {Record<string, Box>} */
    const brackets = {};
    const bins = new Uint16Array(BINS);
    now.forEach((values, kind) => {
      const base = y + (kind + 1) * row - 4, at = base - row + 26;
      const { mean, std } = facts[kind];
      const [lowest, highest] = [mean - std - exact, mean + std - exact];
      let less = 0, more = 0;
      bins.fill(0);
      for (const v of values) {
        const bin = Math.floor(((v - exact + reach) / (2 * reach)) * BINS);
        if (bin < 0) less++;
        else if (bin >= BINS) more++;
        else bins[bin]++;
      }
      bins.forEach((count, i) => {
        const tall = Math.min(row - 34, Math.max(1.5, (count / (FULL * batches)) * (row - 34)));
        if (count) pen.box(x + (i * width) / BINS + 0.5, base - tall, width / BINS - 1, tall, { fill: "muted", alpha: 0.6 });
      });
      pen.line([[x, base], [x + width, base]], { colour: "line" });
      if (less) pen.beyond(`${less} more`, x, base - 9, -1, { colour: "muted" });
      if (more) pen.beyond(`${more} more`, x + width, base - 9, 1, { colour: "muted" });
      pen.disc(inside(values[0] - exact), base, 4.5, { fill: "accent", stroke: "paper", line: 1.5 });

      const [from, to] = [inside(lowest), inside(highest)];
      brackets[NAMES[kind]] = { x: from, y: at - 5, width: to - from, height: 10 };
      pen.line([[from, at], [to, at]], { colour: "ink", width: 2 });
      if (lowest >= -reach) pen.line([[from, at - 5], [from, at + 5]], { colour: "ink", width: 2 });
      else pen.beyond("", x, at, -1);
      if (highest <= reach) pen.line([[to, at - 5], [to, at + 5]], { colour: "ink", width: 2 });
      else pen.beyond("", x + width, at, 1);
      if (less + more > batches / 2) pen.text("most lie beyond this axis", middle, base - 6, { ...LABEL, colour: "muted", align: "center" });
      pen.text(`${brief(mean)}, spread ${brief(std)}`, x + width, at - 9, { ...LABEL, align: "right" });
      pen.text(NAMES[kind], x + 15, at - 9, LABEL);
      sign(pen, kind, x + 5, at - 13);
    });
    const signed = (/** @type {number} */ off) => (off ? `${off > 0 ? "+" : ""}${number(off, Number.isInteger(off) ? 0 : 1)}` : "exact");
    const align = (/** @type {number} */ off) => (off === -reach ? "left" : off === reach ? "right" : "center");
    pen.axes(place.strips, { x: { to: toColumn, ticks: [-reach, -reach / 2, 0, reach / 2, reach], words: signed, align } });
    return brackets;
  }

  /** Spread against the number of draws, both on logarithmic scales, with two standard errors to both sides. @param {Pen} pen @param {Values} values @param {ReturnType<typeof spread>[][]} all */
  function paintPlot(pen, { f: chosen, samples }, all) {
    const { x, y, width, height } = place.plot;
    const left = place.narrow ? 6 : x - 36;
    const [low, high] = FUNCTIONS[chosen].decades;
    const across = scale([1, Math.log2(most)], [x + 12, x + width - 12]), up = scale([low, high], [y + height, y]);
    const toColumn = (/** @type {number} */ count) => across(Math.log2(count)), toRow = (/** @type {number} */ std) => up(Math.log10(Math.max(std, 1e-9)));
    const exponents = Array.from({ length: high - low + 1 }, (_, i) => low + i);
    pen.text("their spread, and K", left, y - 30, HEADING);
    pen.text("bars: two standard errors up and down", left, y - 12, SMALL);
    pen.axes(place.plot, { x: { to: toColumn, ticks: sizes }, y: { to: up, ticks: exponents, words: (exponent) => `${10 ** exponent}`, rule: () => ({}) } });
    pen.text("draws K of each estimate", x + width / 2, y + height + 32, { ...SMALL, align: "center" });
    pen.line([[toColumn(sizes[samples]), y], [toColumn(sizes[samples]), y + height]], { colour: "muted", dash: [4, 3] });
    pen.clip(place.plot, () => {
      all.forEach((facts, kind) => {
        const points = facts.map(({ std }, i) => [toColumn(sizes[i]), toRow(std)]);
        facts.forEach(({ std, error }, i) => pen.line([[points[i][0], toRow(std + 2 * error)], [points[i][0], toRow(std - 2 * error)]], { colour: "ink", width: 2 }));
        pen.line(points, { colour: "ink", width: 1.5, dash: DASHES[kind] });
        for (const [px, py] of points) sign(pen, kind, px, py);
      });
    });
    const below = all.flatMap((facts, kind) => (facts.every(({ std }) => std < 10 ** low) ? [`${NAMES[kind]}: ${facts.every(({ std }) => std < NONE) ? "0" : `below ${10 ** low}`} ↓`] : []));
    below.forEach((words, i) => pen.text(words, x + 8, y + height - 10 - 17 * i, { size: 12, weight: 700, halo: true }));
    pen.frame(place.plot);
  }

  /** The cloud's edge on its flank, and its mean below the draws. @param {Values} values @returns {Handle[]} */
  function handlesOf({ mean, std }) {
    const { rails, curve } = place;
    return [
      { x: toX(mean - std), y: curve.y + curve.height - bellAt(std, 1), axis: "x", hint: "drag", move: (x) => ({ std: mean - toZ(x) }) },
      { x: toX(mean), y: rails.z + 19, axis: "x", move: (x) => ({ mean: toZ(x) }) },
    ];
  }

  return {
    height: (width) => arrange(width).height,

    paint(pen, values, width) {
      const { f: chosen, by, mean, std, draw } = values;
      const samples = sizes[values.samples];
      place = arrange(width);
      const { rails, curve, strips, plot } = place;
      const exact = FUNCTIONS[chosen].exact[by](mean, std);
      const found = estimates(noiseOf(draw), most, FUNCTIONS[chosen], by, mean, std, sizes);
      const facts = found[samples].map(spread);
      paintRails(pen, values);
      const dot = paintCurve(pen, values);
      const brackets = paintStrips(pen, values, exact, found[samples], facts);
      paintPlot(pen, values, NAMES.map((_, kind) => sizes.map((count) => spread(found[count][kind]))));

      const notes = facts.map((fact) => {
        const off = fact.mean - exact;
        return `spread ${brief(fact.std)}${Math.abs(off) > (6 * fact.std) / Math.sqrt(batches) + 1e-9 ? `, off by ${brief(off)}` : ""}`;
      });
      const tiles = [
        { name: "Exact", value: brief(exact), note: `slope by ${parameters[by]}` },
        ...facts.map((fact, kind) => ({ name: ["Pathwise", "Score function", "… with baseline"][kind], value: brief(fact.mean), note: notes[kind] })),
      ];
      const summary =
        `${samples} draws of z from a normal with mean ${number(mean, 2)} and standard deviation ${number(std, 2)}, on the curve ${titles[chosen]}. ` +
        `Slope of the expectation with respect to ${by ? "the standard deviation" : "the mean"}: exact ${brief(exact)}; ` +
        `${batches} estimates from ${samples} draws each, ${total(samples)} draws in all: ` +
        `${facts.map((fact, kind) => `${NAMES[kind]} ${brief(fact.mean)}, ${notes[kind]}`).join("; ")}.`;
      const regions = {
        rails: { x: 1, y: 4, width: width - 2, height: rails.z + 26 },
        curve: { x: 1, y: curve.y - 6, width: width - 2, height: curve.height + 68 },
        heaps: { x: 1, y: strips.y - 60, width: strips.width + 10, height: strips.height + (place.narrow ? 80 : 96) }, // on a desk down to the words below the plot beside
        spread: { x: place.narrow ? 1 : plot.x - 38, y: plot.y - 44, width: plot.width + (place.narrow ? 50 : 42), height: plot.height + 78 },
        dot,
        ...brackets,
      };
      return { summary, tiles, handles: handlesOf(values), regions };
    },
  };
}
