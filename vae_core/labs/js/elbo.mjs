// ElboLab: a model with one latent number, where log p(x), the posterior and the ELBO of any Gaussian q are integrals over a
// line. They are taken by the trapezoidal rule, which for such functions is exact (vae_core/exact.py says the same in PyTorch).

import { unitKl } from "./vae.mjs";
import { HEADING, number, remember, scale, SMALL, ticks } from "./draw.mjs";

/**
 * @typedef {{f: (z: number) => number, std: number}} Decoder
 * @typedef {{least: number[][], draws: number, controls: [Slider, Slider, Slider, Choice]}} ElboSpec  mean, std, x and decoder;
 *   `draws`: of how many draws from q the lab tells where they fall, or 0
 */

const REACH = 10; // of the integrals, in standard deviations
const NODES = 1000;
const SHOWN = 4; // how far the axis of z goes to both sides
const MOST = 10; // how far the axis of nats goes, whatever is set: a bar that moves has moved
const STUB = 6; // pixels of a bar that lies beyond it
const COARSE = 400; // nodes for the curve p(x), which is only looked at
const ALONG = 90; // points of it

/** In the order of EXACT_MODELS in exact.py: the decoder f, and the noise of x about f(z). @type {Decoder[]} */
export const DECODERS = [
  { f: (z) => 0.8 * z, std: 0.6 },
  { f: (z) => 2 * Math.tanh(z), std: 0.5 },
  { f: (z) => z * z, std: 0.5 },
];

/** log N(z; mean, std²) @param {number} z @param {number} mean @param {number} std */
export const logNormal = (z, mean, std) => -0.5 * (Math.log(2 * Math.PI) + ((z - mean) / std) ** 2) - Math.log(std);

/** @param {Decoder} decoder @param {number} x @param {number} z */
const logJoint = ({ f, std }, x, z) => logNormal(x, f(z), std) + logNormal(z, 0, 1);

/** log p(x), from this many nodes. @param {Decoder} decoder @param {number} x */
export function logMarginal(decoder, x, nodes = NODES) {
  const step = (2 * REACH) / nodes;
  let most = -Infinity, sum = 0;
  for (let i = 0; i <= nodes; i++) most = Math.max(most, logJoint(decoder, x, i * step - REACH));
  for (let i = 0; i <= nodes; i++) sum += Math.exp(logJoint(decoder, x, i * step - REACH) - most);
  return most + Math.log(sum * step);
}

/**
 * What there is to know about q = N(mean, std²) as a stand-in for the posterior at x, all in nats.
 * @param {Decoder} decoder @param {number} x @param {number} mean @param {number} std
 */
export function measure(decoder, x, mean, std) {
  const evidence = logMarginal(decoder, x);
  const step = (2 * REACH) / NODES;
  let distortion = 0, gap = 0;
  for (let i = 0; i <= NODES; i++) {
    const epsilon = i * step - REACH;
    const weight = step * Math.exp(logNormal(epsilon, 0, 1));
    const z = mean + std * epsilon;
    distortion -= weight * logNormal(x, decoder.f(z), decoder.std);
    gap += weight * (logNormal(z, mean, std) - logJoint(decoder, x, z) + evidence);
  }
  const rate = unitKl(mean, std * std);
  return { evidence, rate, distortion, elbo: -(rate + distortion), gap: Math.max(0, gap) };
}

/** The share of draws of N(0, 1) that fall below `end`. @param {number} end */
export function below(end) {
  const step = (Math.max(-REACH, Math.min(REACH, end)) + REACH) / NODES;
  let sum = 0;
  for (let i = 0; i <= NODES; i++) sum += (i % NODES ? 1 : 0.5) * Math.exp(logNormal(i * step - REACH, 0, 1));
  return sum * step;
}

/** @type {LineStyle[]} */
const [PRIOR, LIKELIHOOD, POSTERIOR] = [{ colour: "muted", width: 1.5, dash: [6, 4] }, { colour: "ink", width: 2, dash: [2, 3] }, { colour: "ink", width: 2.5 }];
/** @type {TextStyle} */
const AXIS = { ...SMALL, colour: "ink", weight: 700, align: "right" };
/** @type {TextStyle} */
const OUTSIDE = { size: 12, weight: 700, colour: "accent", base: "middle", halo: true };

/** @type {TextStyle} */
const BESIDE = { size: 12, base: "middle" };
const BACK = "from 0 down to the ELBO"; // what the third bar is

/** Where things stand at this width: the curves over z, p(x) beside them, and the bars below; on a phone p(x) comes last. @param {number} width */
export function arrange(width) {
  const narrow = width < 560;
  const curves = { x: 1, y: narrow ? 50 : 64, width: narrow ? width - 2 : Math.floor(0.63 * width), height: narrow ? 106 : 214 };
  const row = narrow ? 20 : 24;
  const bars = { x: 80, y: curves.y + curves.height + (narrow ? 68 : 78), width: width - 90, row, height: 3 * row };
  const foot = bars.y + bars.height + 18;
  const left = curves.x + curves.width + 28;
  const chart = narrow ? { x: 1, y: foot + 38, width: width - 2, height: 76 } : { x: left, y: curves.y, width: width - 1 - left, height: curves.height };
  return { narrow, curves, chart, bars, height: (narrow ? chart.y + chart.height + 18 : foot) + 8 };
}

/** @type {Create<ElboSpec>} */
export function create(spec) {
  const [, , { min: low, max: high, step }, { options }] = spec.controls;
  let place = arrange(640);

  const across = () => [place.curves.x, place.curves.x + place.curves.width];
  const along = () => [place.chart.x + 20, place.chart.x + place.chart.width - 20]; // room for the arrows of the handle
  const toX = (/** @type {number} */ z) => scale([-SHOWN, SHOWN], across())(z);
  const toZ = (/** @type {number} */ px) => scale(across(), [-SHOWN, SHOWN])(px);
  const toColumn = (/** @type {number} */ x) => scale([low, high], along())(x);
  const floor = (/** @type {Box} */ { y, height }) => y + height;

  /** The least gap that the sliders reach at x: looked up, for elbo.py has searched. @param {Values} values */
  const leastGap = ({ decoder, x }) => spec.least[decoder][Math.round((x - low) / step)];

  /** p(x), by decoder. */
  const density = remember((/** @type {number} */ which) => {
    const at = Array.from({ length: ALONG + 1 }, (_, i) => low + ((high - low) * i) / ALONG);
    return at.map((x) => [x, Math.exp(logMarginal(DECODERS[which], x, COARSE))]);
  });

  /** Pixels for a p(x) of 1: so many that the highest fits. @param {number} which */
  const upOfX = (which) => (0.86 * place.chart.height) / Math.max(...density(which).map(([, p]) => p));

  /** The highest that prior or posterior gets, at whatever x: what the height of the curves is made for, by decoder. */
  const peak = remember((/** @type {number} */ which) => {
    let most = 0;
    for (let x = low; x <= high; x += step) {
      const evidence = logMarginal(DECODERS[which], x, COARSE);
      for (let z = -SHOWN; z <= SHOWN; z += 0.02) most = Math.max(most, logNormal(z, 0, 1), logJoint(DECODERS[which], x, z) - evidence);
    }
    return Math.exp(most);
  });

  /** @param {Pen} pen */
  function paintLegend(pen) {
    const { curves, narrow } = place;
    /** @type {[string, LineStyle, string][]} */
    const entries = [
      ["prior p(z)", PRIOR, "muted"],
      ["likelihood p(x | z)", LIKELIHOOD, "ink"],
      ["posterior p(z | x)", POSTERIOR, "ink"],
      ["q(z | x)", { colour: "accent", width: 5 }, "accent"],
    ];
    let right = curves.x;
    entries.forEach(([words, style, colour], i) => {
      const x = narrow ? 1 + (i % 2) * (curves.width / 2) : right;
      const y = narrow ? 14 + 18 * Math.floor(i / 2) : 14;
      pen.line([[x, y - 4], [x + 20, y - 4]], style);
      pen.text(words, x + 26, y, { size: 13, weight: 600, colour });
      right = x + 26 + pen.measure(words, { size: 13, weight: 600 }) + 24;
    });
  }

  /**
   * The curves over z; returns the two handles of q: above its mean, and beside it.
   * @param {Pen} pen @param {Values} values @param {number} evidence @returns {Handle[]}
   */
  function paintCurves(pen, { decoder: which, x, mean, std }, evidence) {
    const { curves } = place;
    const decoder = DECODERS[which];
    const bottom = floor(curves), right = curves.x + curves.width;
    const count = Math.ceil(curves.width / 2);
    const at = Array.from({ length: count + 1 }, (_, i) => -SHOWN + (2 * SHOWN * i) / count);
    const likelihood = at.map((z) => Math.exp(logNormal(x, decoder.f(z), decoder.std)));
    const q = (/** @type {number} */ z) => Math.exp(logNormal(z, mean, std));
    const up = (0.9 * curves.height) / peak(which);
    /** @param {number[]} heights @param {number} unit */
    const path = (heights, unit) => at.map((z, i) => [toX(z), bottom - heights[i] * unit]);

    paintLegend(pen);
    if (!place.narrow) pen.text("over z", curves.x, curves.y - 12, HEADING);
    pen.clip(curves, () => {
      const shape = path(at.map(q), up);
      pen.area(shape, bottom, { fill: "accent", alpha: 0.2 });
      pen.line(path(at.map((z) => Math.exp(logNormal(z, 0, 1))), up), PRIOR);
      // not a density over z, so its height is its own: it is made to fill two thirds
      const tallest = Math.max(...likelihood);
      if (tallest > 0) pen.line(path(likelihood, (0.6 * curves.height) / tallest), LIKELIHOOD);
      pen.line(shape, { colour: "accent", width: 2.5 });
      pen.line(path(at.map((z) => Math.exp(logJoint(decoder, x, z) - evidence)), up), POSTERIOR);
    });
    pen.axes(curves, { x: { to: toX, ticks: ticks(-SHOWN, SHOWN - 1, 8), align: (tick) => (tick === -SHOWN ? "left" : "center") } });
    pen.text("z", right, bottom + 16, AXIS);
    pen.frame(curves);

    const top = Math.max(curves.y + 30, bottom - up * q(mean)), side = Math.min(toX(mean + std), right - 12);
    if (bottom - up * q(mean) < curves.y) pen.text(`↑ ${number(q(mean))}`, toX(mean) + (mean > 0 ? -24 : 24), top, { ...OUTSIDE, align: mean > 0 ? "right" : "left" });
    // where q is narrow, far enough below the other to be taken hold of
    const lower = Math.max(bottom - up * q(mean + std), top + Math.sqrt(Math.max(0, 34 ** 2 - (side - toX(mean)) ** 2)));
    if (toX(mean + std) > right) pen.beyond(`mean + std: ${number(mean + std, 2)}`, right, curves.y + (spec.draws ? 32 : 14), 1, OUTSIDE);
    if (spec.draws) {
      const left = Math.round(spec.draws * below(-mean / std));
      pen.text(`${left} of ${spec.draws} draws ←`, toX(0) - 6, curves.y + 14, { ...OUTSIDE, align: "right" });
      pen.text(`→ ${spec.draws - left}`, toX(0) + 6, curves.y + 14, { ...OUTSIDE, align: "left" });
    }
    return [
      { x: toX(mean), y: top, axis: "x", hint: "drag me", move: (to) => ({ mean: toZ(to) }) },
      { x: side, y: Math.min(lower, bottom - 10), axis: "x", move: (to) => ({ std: std + toZ(to) - toZ(side) }) },
    ];
  }

  /** p(x), and on it the observed x, which is a handle. @param {Pen} pen @param {Values} values @param {number} evidence @returns {Handle} */
  function paintChart(pen, { decoder: which, x }, evidence) {
    const { chart } = place;
    const bottom = floor(chart), up = upOfX(which), top = bottom - up * Math.exp(evidence);
    pen.text(place.narrow ? "p(x), and the observed x" : "p(x)", chart.x, chart.y - 12, HEADING);
    if (!place.narrow) pen.text("the dot: the observed x", chart.x + chart.width, chart.y - 12, { ...SMALL, align: "right" });
    pen.line(density(which).map(([at, p]) => [toColumn(at), bottom - up * p]), { colour: "ink", width: 2 });
    pen.line([[toColumn(x), bottom], [toColumn(x), top]], { colour: "ink", width: 1.5, dash: [3, 3] });
    pen.axes(chart, { x: { to: toColumn, ticks: ticks(low, high - 1, 6) } });
    pen.text("x", chart.x + chart.width, bottom + 16, AXIS);
    pen.frame(chart);
    return { x: toColumn(x), y: top, axis: "x", colour: "ink", move: (to) => ({ x: scale(along(), [low, high])(to) }) };
  }

  /** Nats from left to right, zero at the right end: what adds up to log p(x), and what the ELBO is made of. @param {Pen} pen @param {ReturnType<typeof measure>} found @param {number} least */
  function paintBars(pen, { evidence, elbo, rate, distortion, gap }, least) {
    const { x, y, width, row, height } = place.bars;
    const at = (/** @type {number} */ nats) => scale([-MOST, 0], [x, x + width])(Math.max(-MOST, nats));
    const middle = (/** @type {number} */ i) => y + i * row + (row - 8) / 2;
    /** One that lies wholly beyond the axis leaves a stub before it. @param {number} i @param {number} from @param {number} to @param {FillStyle} style */
    const bar = (i, from, to, style) => {
      if (to > -MOST) pen.box(at(from), y + i * row, Math.max(1, at(to) - at(from)), row - 8, style);
      else pen.box(x - STUB, y + i * row, STUB, row - 8, style);
    };
    const red = { ...HEADING, colour: "gap" };
    pen.words([["log p(x) = ELBO + ", HEADING], ["KL(q ‖ posterior)", red]], 1, y - 31);
    pen.words([[`${number(evidence, 3)} = ${number(elbo, 3)} + `, HEADING], [number(gap, 3), red], [` nats${gap < 5e-4 ? ": q = posterior" : `, least ${number(least, least < 5e-4 ? 0 : 3)}`}`, SMALL]], 1, y - 13);
    pen.axes({ x, y: y - 4, width, height: height + 4 }, {
      x: { to: at, ticks: ticks(-MOST, 0), rule: () => ({}), align: (tick) => (tick === 0 ? "right" : "center") },
    });
    ["log p(x)", "ELBO + KL"].forEach((words, i) => pen.text(words, x - 8, middle(i), { size: 12, align: "right", base: "middle" }));
    ["distortion", "+ rate"].forEach((words, i) => pen.text(words, x - 8, middle(2) - 5 + 13 * i, { size: 12, align: "right", base: "middle" }));
    bar(0, -MOST, evidence, { fill: "ink", alpha: 0.6 });
    bar(1, -MOST, elbo, { stroke: "ink", line: 1.5 });
    if (evidence > -MOST) bar(1, elbo, evidence, { fill: "gap" });
    else pen.box(x - STUB / 2, y + row, STUB / 2, row - 8, { fill: "gap" }); // and half of one
    for (const { words, from, to } of [
      { words: "rate", from: elbo, to: elbo + rate },
      { words: "distortion", from: elbo + rate, to: elbo + rate + distortion },
    ]) {
      bar(2, from, to, { fill: words, alpha: 0.4 });
      bar(2, from, to, { stroke: words });
      const label = `${words} ${number(to - from)}`;
      if (at(to) - at(from) > pen.measure(label, BESIDE) + (elbo < -MOST ? 60 : 8)) pen.text(label, (at(from) + at(to)) / 2, middle(2), { ...BESIDE, align: "center" });
    }
    if (at(elbo) - x > pen.measure(BACK, BESIDE) + 10) pen.text(BACK, at(elbo) - 6, middle(2), { ...BESIDE, align: "right" });
    [evidence, elbo, -elbo].forEach((nats, i) => {
      if (-Math.abs(nats) >= -MOST) return;
      pen.box(x, y + i * row - 1, pen.measure(`‹ ${number(nats)}`, { size: 12, weight: 700 }) + 8, row - 6, { fill: "paper" }); // a break in the bar
      pen.beyond(number(nats), x, middle(i), -1);
    });
    if (evidence > -MOST) pen.line([[at(evidence), y - 4], [at(evidence), y + 2 * row - 4]], { colour: "ink", width: 2 });
    if (elbo > -MOST) pen.line([[at(elbo), y + row - 2], [at(elbo), y + height]], { colour: "ink", width: 1.5, dash: [3, 3] });
  }

  return {
    height: (width) => arrange(width).height,

    paint(pen, values, width) {
      place = arrange(width);
      const found = measure(DECODERS[values.decoder], values.x, values.mean, values.std);
      const { evidence, rate, distortion, elbo, gap } = found;
      const least = leastGap(values);
      const handles = [...paintCurves(pen, values, evidence), paintChart(pen, values, evidence)];
      paintBars(pen, found, least);

      const summary =
        `Decoder ${options[values.decoder]}, observed x = ${number(values.x, 2)}, q a normal density with mean ${number(values.mean, 2)} and standard deviation ` +
        `${number(values.std, 2)}. log p(x) ${number(evidence, 3)} is the ELBO, ${number(elbo, 3)}, plus KL from q to the posterior, ${number(gap, 3)} nats; ` +
        `the least that the sliders reach is ${number(least, 3)}. Distortion ${number(distortion, 3)}, rate ${number(rate, 3)}.` +
        (spec.draws ? ` Of ${spec.draws} draws from q ${Math.round(spec.draws * below(-values.mean / values.std))} fall left of z = 0 on average.` : "");
      const { curves, chart, bars, narrow } = place;
      const top = narrow ? 0 : curves.y; // on a phone with the names of the curves
      const regions = {
        curves: { ...curves, y: top, height: curves.y - top + curves.height + 20 },
        chart: { ...chart, height: chart.height + 20 },
        bars: { x: 1, y: bars.y - 46, width: width - 2, height: bars.height + 66 },
      };
      return { summary, handles, regions };
    },
  };
}
