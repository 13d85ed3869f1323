// ElboLab: a model with one latent number, where log p(x), the posterior and the ELBO of any Gaussian q are integrals over a
// line. They are taken by the trapezoidal rule, which for such functions is exact (vae_core/exact.py says the same in PyTorch).

import { unitKl } from "./vae.mjs";
import { HEADING, number, remember, roundUp, scale, SMALL, ticks } from "./draw.mjs";

/**
 * @typedef {{f: (z: number) => number, std: number}} Decoder
 * @typedef {{least: number[][], controls: [Slider, Slider, Slider, Choice]}} ElboSpec  mean, std, x and decoder
 */

const REACH = 10; // of the integrals, in standard deviations
const NODES = 1000;
const SHOWN = 4; // how far the axis of z goes to both sides
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

/** Where things stand at this width: the curves over z beside p(x), on a phone above it; then the bars. @param {number} width */
export function arrange(width) {
  const narrow = width < 560;
  const curves = { x: 1, y: narrow ? 58 : 64, width: narrow ? width - 2 : Math.floor(0.63 * width), height: narrow ? 170 : 214 };
  const left = narrow ? 1 : curves.x + curves.width + 28;
  const chart = { x: left, y: narrow ? curves.y + curves.height + 56 : curves.y, width: width - 1 - left, height: narrow ? 76 : curves.height };
  const label = 80;
  const row = 24;
  const bars = { x: label, y: chart.y + chart.height + 78, width: width - label - 10, row, height: 3 * row + 6 };
  return { narrow, curves, chart, bars, height: bars.y + bars.height + 26 };
}

/** @type {Create<ElboSpec>} */
export function create(spec) {
  const [, , { min: low, max: high, step }, { options }] = spec.controls;
  let place = arrange(640);
  let tops = [0, 0]; // of q, above its mean and beside it

  const across = () => [place.curves.x, place.curves.x + place.curves.width];
  const along = () => [place.chart.x + 10, place.chart.x + place.chart.width - 10];
  const toX = (/** @type {number} */ z) => scale([-SHOWN, SHOWN], across())(z);
  const toZ = (/** @type {number} */ px) => scale(across(), [-SHOWN, SHOWN])(px);
  const toColumn = (/** @type {number} */ x) => scale([low, high], along())(x);

  /** The least gap that any Gaussian reaches at x: looked up, for exact.py has searched. @param {Values} values */
  const leastGap = ({ decoder, x }) => spec.least[decoder][Math.round((x - low) / step)];

  /** p(x), by decoder. */
  const density = remember((/** @type {number} */ which) => {
    const at = Array.from({ length: ALONG + 1 }, (_, i) => low + ((high - low) * i) / ALONG);
    return at.map((x) => [x, Math.exp(logMarginal(DECODERS[which], x, COARSE))]);
  });

  /** @param {Pen} pen */
  function paintLegend(pen) {
    const { curves, narrow } = place;
    /** @type {[string, LineStyle, string][]} */
    const entries = [
      ["prior p(z)", { colour: "muted", width: 1.5, dash: [6, 4] }, "muted"],
      ["likelihood p(x | z)", { colour: "distortion", width: 2, dash: [2, 3] }, "distortion"],
      ["posterior p(z | x)", { colour: "ink", width: 2.5 }, "ink"],
      ["q(z | x)", { colour: "accent", width: 5 }, "accent"],
    ];
    let right = curves.x;
    entries.forEach(([words, style, colour], i) => {
      const x = narrow ? 1 + (i % 2) * (curves.width / 2) : right;
      const y = narrow ? 14 + 22 * Math.floor(i / 2) : 14;
      pen.line([[x, y - 4], [x + 20, y - 4]], style);
      pen.text(words, x + 26, y, { size: 13, weight: 600, colour });
      right = x + 26 + pen.context.measureText(words).width + 24;
    });
  }

  /** @param {Pen} pen @param {Values} values @param {number} evidence */
  function paintCurves(pen, { decoder: which, x, mean, std }, evidence) {
    const { curves } = place;
    const decoder = DECODERS[which];
    const bottom = curves.y + curves.height;
    const count = Math.ceil(curves.width / 2);
    const at = Array.from({ length: count + 1 }, (_, i) => -SHOWN + (2 * SHOWN * i) / count);
    const likelihood = at.map((z) => Math.exp(logNormal(x, decoder.f(z), decoder.std)));
    const posterior = at.map((z) => Math.exp(logJoint(decoder, x, z) - evidence));
    const q = (/** @type {number} */ z) => Math.exp(logNormal(z, mean, std));
    const peak = Math.max(...posterior, Math.min(q(mean), 2 * Math.max(...posterior)), 0.5);
    const up = (0.9 * curves.height) / peak;
    /** @param {number[]} heights @param {number} unit */
    const path = (heights, unit) => at.map((z, i) => [toX(z), bottom - heights[i] * unit]);

    paintLegend(pen);
    if (!place.narrow) pen.text("over z", curves.x, curves.y - 12, HEADING);
    pen.clip(curves, () => {
      const shape = path(at.map(q), up);
      pen.area(shape, bottom, { fill: "accent", alpha: 0.2 });
      pen.line(path(at.map((z) => Math.exp(logNormal(z, 0, 1))), up), { colour: "muted", width: 1.5, dash: [6, 4] });
      // not a density over z, so its height is its own: it is made to fill two thirds
      const tallest = Math.max(...likelihood);
      if (tallest > 0) pen.line(path(likelihood, (0.6 * curves.height) / tallest), { colour: "distortion", width: 2, dash: [2, 3] });
      pen.line(shape, { colour: "accent", width: 2.5 });
      pen.line(path(posterior, up), { colour: "ink", width: 2.5 });
    });
    tops = [mean, mean + std].map((z) => Math.max(curves.y + 10, bottom - up * q(z)));
    pen.axes(curves, {
      x: { to: toX, ticks: ticks(-SHOWN, SHOWN, 4), align: (tick) => (tick === -SHOWN ? "left" : tick === SHOWN ? "right" : "center") },
    });
    pen.text("z", toX(1), bottom + 16, { ...SMALL, colour: "ink", weight: 700, align: "center" });
    pen.frame(curves);
  }

  /** p(x): where the observed x stands under the model's own curve. @param {Pen} pen @param {Values} values @param {number} evidence */
  function paintChart(pen, { decoder: which, x }, evidence) {
    const { chart } = place;
    const bottom = chart.y + chart.height;
    const points = density(which);
    const up = (0.86 * chart.height) / Math.max(...points.map(([, p]) => p));
    pen.text(place.narrow ? "p(x), and the observed x" : "p(x)", chart.x, chart.y - 12, HEADING);
    if (!place.narrow) pen.text("the dot: the observed x", chart.x + chart.width, chart.y - 12, { ...SMALL, align: "right" });
    pen.line(points.map(([at, p]) => [toColumn(at), bottom - up * p]), { colour: "ink", width: 2 });
    const top = bottom - up * Math.exp(evidence);
    pen.line([[toColumn(x), bottom], [toColumn(x), top]], { colour: "ink", width: 1.5, dash: [3, 3] });
    pen.axes(chart, { x: { to: toColumn, ticks: ticks(low, high, 4) } });
    pen.text("x", toColumn(1), bottom + 16, { ...SMALL, colour: "ink", weight: 700, align: "center" });
    pen.frame(chart);
  }

  /** Nats from left to right, zero at the right end: what adds up to log p(x), and what the ELBO is made of. @param {Pen} pen @param {ReturnType<typeof measure>} found */
  function paintBars(pen, { evidence, elbo, rate, distortion }) {
    const { x, y, width, row, height } = place.bars;
    const most = roundUp(Math.max(2, 1.02 * Math.max(-elbo, -evidence)), [1], 2);
    const at = (/** @type {number} */ nats) => scale([-most, 0], [x, x + width])(Math.max(-most, nats));
    /** @param {number} i @param {number} from @param {number} to @param {FillStyle} style */
    const bar = (i, from, to, style) => pen.box(at(from), y + i * row, Math.max(1, at(to) - at(from)), row - 8, style);
    pen.words([
      ["log p(x)", HEADING], [" = ", HEADING], ["ELBO", { ...HEADING, colour: "accent" }], [" + ", HEADING],
      ["KL(q ‖ posterior)", { ...HEADING, colour: "warm" }],
    ], 1, y - 32);
    pen.words([["−ELBO", { ...SMALL, colour: "accent", weight: 700 }], [" = distortion + rate. All in nats.", SMALL]], 1, y - 14);
    pen.axes({ x, y: y - 4, width, height: height + 4 }, {
      x: {
        to: at,
        ticks: ticks(-most, 0, place.narrow ? 4 : 6),
        words: (tick) => number(tick, most < 4 ? 1 : 0),
        rule: () => ({}),
        align: (tick) => (tick === 0 ? "right" : "center"),
      },
    });
    ["log p(x)", "ELBO + KL", "−ELBO"].forEach((words, i) => {
      pen.text(words, x - 8, y + i * row + (row - 8) / 2, { size: 12, align: "right", base: "middle" });
    });
    bar(0, -most, evidence, { fill: "muted", alpha: 0.55 });
    bar(1, -most, elbo, { fill: "accent" });
    bar(1, elbo, evidence, { fill: "orange" });
    for (const { words, from, to, alpha } of [
      { words: "rate", from: elbo, to: elbo + rate, alpha: 0.16 },
      { words: "distortion", from: elbo + rate, to: elbo + rate + distortion, alpha: 0.36 },
    ]) {
      bar(2, from, to, { fill: "ink", alpha });
      bar(2, from, to, { stroke: "muted" });
      if (at(to) - at(from) > 8 * words.length) {
        pen.text(words, (at(from) + at(to)) / 2, y + 2 * row + (row - 8) / 2, { size: 12, align: "center", base: "middle" });
      } else if (words === "rate" && at(elbo) > x + 34) {
        pen.text(words, at(elbo) - 6, y + 2 * row + (row - 8) / 2, { size: 12, align: "right", base: "middle" });
      }
    }
    pen.line([[at(evidence), y - 4], [at(evidence), y + 2 * row - 4]], { colour: "ink", width: 2 });
    pen.line([[at(elbo), y + row - 2], [at(elbo), y + height]], { colour: "accent", width: 1.5, dash: [3, 3] });
  }

  /** q by its top or, beside it, by its width; x by its dot. @param {Values} values @param {number} evidence @returns {Handle[]} */
  function handlesOf({ mean, std, x, decoder }, evidence) {
    const { chart } = place;
    const top = chart.y + chart.height * (1 - (0.86 * Math.exp(evidence)) / Math.max(...density(decoder).map(([, p]) => p)));
    return [
      { x: toX(mean), y: tops[0], axis: "x", hint: "drag me", move: (at) => ({ mean: toZ(at) }) },
      { x: Math.min(toX(mean + std), place.curves.x + place.curves.width - 10), y: tops[1], axis: "x", move: (at) => ({ std: toZ(at) - mean }) },
      { x: toColumn(x), y: top, axis: "x", colour: "ink", move: (at) => ({ x: scale(along(), [low, high])(at) }) },
    ];
  }

  return {
    height: (width) => arrange(width).height,

    paint(pen, values, width) {
      place = arrange(width);
      const found = measure(DECODERS[values.decoder], values.x, values.mean, values.std);
      const { evidence, rate, distortion, elbo, gap } = found;
      const least = leastGap(values);
      paintCurves(pen, values, evidence);
      paintChart(pen, values, evidence);
      paintBars(pen, found);

      const closed = gap < 5e-4;
      const note = closed ? "zero: q is the posterior" : least < 5e-4 ? "the best Gaussian: 0" : `the best Gaussian: ${number(least, 3)}`;
      const tiles = [
        { name: "log p(x)", value: number(evidence, 3), note: "the same for every q" },
        { name: "ELBO", value: number(elbo, 3), note: `−(${number(distortion, 3)} + ${number(rate, 3)})`, mark: "accent" },
        { name: "KL, the gap", value: number(gap, 3), note, mark: "gap" },
      ];
      const summary =
        `Decoder ${options[values.decoder]}, observed x = ${number(values.x, 2)}, q a normal density with mean ${number(values.mean, 2)} and standard deviation ` +
        `${number(values.std, 2)}. log p(x) ${number(evidence, 3)} is the ELBO, ${number(elbo, 3)}, plus KL from q to the posterior, ${number(gap, 3)} nats; ` +
        `the least that a Gaussian reaches is ${number(least, 3)}. Distortion ${number(distortion, 3)}, rate ${number(rate, 3)}.`;
      return { summary, tiles, handles: handlesOf(values, evidence) };
    },
  };
}
