// BoundLab: one digit, and K draws from a q that proposes where to look: the importance-weighted bound at every K, beside log p(x) as
// annealed importance sampling has it. No axis moves. All draws have the same ε whatever is set, and come a slice a frame.

import { Network } from "./nn.mjs";
import { likelihood } from "./vae.mjs";
import { normals } from "./random.mjs";
import { HEADING, number, remember, scale, SMALL, ticks } from "./draw.mjs";

/**
 * @typedef {{
 *   units: number, side: number, most: number, truth: number, error: number, layers: Layer[], likelihood: LikelihoodName,
 *   mean: Ref, log_var: Ref, image: Ref, home: Ref, controls: [Slider, Slider, Choice, Press],
 * }} BoundSpec  of the digit: its posterior, and log p(x) with its standard error; `home`: the log weights of all `most` draws as
 *   the lab begins, so that nothing has to be waited for
 * @typedef {{weights: Float64Array, count: number}} Drawn  log weights, of which `count` are there
 */

const SLICE = 50; // draws a frame: some 12 million products
const KEPT = 8; // settings whose log weights are remembered
const ABOVE = 2, BELOW = 10; // nats on the axis, about log p(x)
const SHARES = 24; // draws that have a piece of their own in the bar
const BESIDE = { size: 12, weight: 700, halo: true };

/** log (1/K) Σ exp of the `count` numbers from `from` on. @param {ArrayLike<number>} values @param {number} from @param {number} count */
export function logMean(values, from, count) {
  let most = -Infinity, sum = 0;
  for (let i = from; i < from + count; i++) most = Math.max(most, values[i]);
  for (let i = from; i < from + count; i++) sum += Math.exp(values[i] - most);
  return most + Math.log(sum / count);
}

/**
 * The bound at K from as many sets of K draws as there are: its mean, and the standard deviation of one estimate (0 of a single one).
 * @param {Float64Array} weights  in logarithms @param {number} count  of them @param {number} k
 */
export function boundAt(weights, count, k) {
  const repeats = Math.floor(count / k);
  const all = Array.from({ length: repeats }, (_, i) => logMean(weights, i * k, k));
  const mean = all.reduce((sum, each) => sum + each, 0) / repeats;
  const spread = repeats > 1 ? Math.sqrt(all.reduce((sum, each) => sum + (each - mean) ** 2, 0) / (repeats - 1)) : 0;
  return { k, mean, spread, repeats };
}

/** Each of the first k draws' share of their weight, largest first, and how many equal weights would be worth as much. @param {Float64Array} weights @param {number} k */
export function sharesOf(weights, k) {
  const total = logMean(weights, 0, k) + Math.log(k);
  const shares = weights.slice(0, k).map((each) => Math.exp(each - total)).sort().reverse();
  return { shares, size: 1 / shares.reduce((sum, share) => sum + share * share, 0) };
}

/** Where things stand at this width: the digit and the heaviest draw beside the chart, on a phone below it; the shares. @param {number} width */
export function arrange(width) {
  const narrow = width < 560;
  const left = narrow ? 40 : 196;
  const chart = { x: left, y: narrow ? 46 : 52, width: width - left - (narrow ? 14 : 20), height: narrow ? 168 : 268 };
  const shares = { x: 1, y: chart.y + chart.height + 74, width: width - 2, height: narrow ? 22 : 26 };
  const size = narrow ? 84 : 112;
  const below = shares.y + shares.height + 40;
  const digit = { x: 1, y: narrow ? below : chart.y, size };
  const heaviest = { x: narrow ? width / 2 : 1, y: narrow ? below : chart.y + size + 44, size };
  return { narrow, chart, shares, digit, heaviest, height: (narrow ? below + size : shares.y + shares.height) + 6 };
}

/** @type {Create<BoundSpec>} */
export function create(spec, read, host) {
  const { units, side, most, truth, error } = spec;
  const [, , { options }, { value: first }] = spec.controls;
  const sizes = options.map((words) => Number(words.replace(",", "")));
  const decoder = new Network(spec.layers, read, SLICE);
  const { logProb, pixel } = likelihood(spec.likelihood);
  const means = read(spec.mean);
  const stds = Float64Array.from(read(spec.log_var), (v) => Math.exp(0.5 * v));
  const image = Float32Array.from(read(spec.image));
  const noiseOf = remember((/** @type {number} */ draw) => normals(draw + 1, most * units));
  const untouched = { weights: Float64Array.from(read(spec.home)), count: most };
  /** @type {Map<string, Drawn>} */
  const drawn = new Map();
  let place = arrange(640);

  /** Draw i of these settings, z = mean + shift · std + stretch · std · ε, into row `row` of the decoder. @param {Values} values @param {number} i @param {number} row */
  function propose({ shift, stretch, draw }, i, row) {
    const epsilon = noiseOf(draw);
    for (let u = 0; u < units; u++) decoder.input[row * units + u] = means[u] + stds[u] * (shift + stretch * epsilon[i * units + u]);
  }

  /** log p(x, z) − log q(z) of the next draws, a slice of them. @param {Values} values @param {Drawn} so */
  function go(values, so) {
    const count = Math.min(SLICE, most - so.count);
    for (let row = 0; row < count; row++) propose(values, so.count + row, row);
    const outputs = decoder.run(count), epsilon = noiseOf(values.draw);
    for (let row = 0; row < count; row++) {
      let sum = logProb(image, outputs, row * image.length);
      for (let u = 0; u < units; u++) {
        const e = epsilon[(so.count + row) * units + u], z = decoder.input[row * units + u];
        sum += 0.5 * (e * e - z * z) + Math.log(values.stretch * stds[u]); // the two densities, whose constants are the same
      }
      so.weights[so.count + row] = sum;
    }
    so.count += count;
  }

  /** The log weights of these settings, a slice more of them than at the last frame. @param {Values} values */
  function weightsOf(values) {
    const { shift, stretch, draw } = values;
    if (shift === 0 && stretch === 1 && draw === first) return untouched;
    const key = [shift, stretch, draw].join();
    const so = drawn.get(key) ?? { weights: new Float64Array(most), count: 0 };
    drawn.delete(key);
    drawn.set(key, so); // the latest last
    if (drawn.size > KEPT) drawn.delete(/** @type {string} */ (drawn.keys().next().value));
    if (so.count < most) go(values, so);
    return so;
  }

  const toX = (/** @type {number} */ k) => scale([0, Math.log(most)], [place.chart.x + 8, place.chart.x + place.chart.width - 8])(Math.log(k));
  const toY = (/** @type {number} */ nats) => scale([truth - BELOW, truth + ABOVE], [place.chart.y + place.chart.height, place.chart.y])(nats);
  const floor = () => place.chart.y + place.chart.height;

  /** @typedef {ReturnType<typeof boundAt>} Bound */
  /** @param {Pen} pen @param {Bound[]} now @param {Bound[]} then @param {number} k  the chosen one @param {boolean} waiting  draws are still to come: grey */
  function paintChart(pen, now, then, k, waiting) {
    const { chart, narrow } = place;
    const { x, y, width } = chart, colour = waiting ? "muted" : "accent";
    pen.text(narrow ? "bound on log p(x), nats" : "importance-weighted bound on log p(x), nats", narrow ? 1 : x - 34, 15, HEADING);
    pen.words([["● q as it is set", { size: 12, weight: 700, colour }], ["   – – the encoder's q", SMALL]], narrow ? 1 : x - 34, 34);
    pen.axes(chart, {
      x: { to: toX, ticks: narrow ? [1, 10, 100, 5000] : [1, 10, 100, 1000, 5000], words: (tick) => tick.toLocaleString("en"), rule: () => ({}), align: (tick) => (tick === 5000 ? "right" : "center") },
      y: { to: toY, ticks: ticks(truth - BELOW, truth + ABOVE, 7), rule: () => ({}) },
    });
    pen.text("K, draws of z", x + width / 2, floor() + 34, { ...SMALL, align: "center" });
    pen.box(x, toY(truth + 2 * error), width, toY(truth - 2 * error) - toY(truth + 2 * error), { fill: "ink", alpha: 0.22 });
    pen.line([[x, toY(truth)], [x + width, toY(truth)]], { colour: "ink", width: 1.5 });
    pen.line([[toX(k), y], [toX(k), floor()]], { colour: "muted", dash: [4, 3] });
    pen.clip(chart, () => {
      pen.line(then.map((bound) => [toX(bound.k), toY(bound.mean)]), { colour: "muted", width: 2, dash: [5, 4] });
      for (const bound of now) {
        if (bound.spread) pen.line([[toX(bound.k), toY(bound.mean - bound.spread)], [toX(bound.k), toY(bound.mean + bound.spread)]], { colour, width: 2 });
      }
      if (now.length > 1) pen.line(now.map((bound) => [toX(bound.k), toY(bound.mean)]), { colour, width: 2.5 });
      for (const bound of now) pen.disc(toX(bound.k), toY(bound.mean), bound.k === k ? 6.5 : 4, { fill: colour, stroke: bound.k === k ? "ink" : "paper", line: bound.k === k ? 2 : 1 });
    });
    const chosen = now.find((bound) => bound.k === k);
    const beyond = (/** @type {Bound | undefined} */ bound) => bound && bound.mean < truth - BELOW;
    const [first] = now;
    if (beyond(first) && first.k !== k) pen.text(`↓ ${number(first.mean)}`, toX(first.k) + 2, floor() - 36, { ...BESIDE, colour });
    if (chosen) {
      const right = toX(k) < x + 0.55 * width, side = right ? 1 : -1;
      const words = `${beyond(chosen) ? "↓ " : ""}${number(chosen.mean, 2)}${chosen.spread ? ` ± ${number(chosen.spread, 2)}` : ""}`;
      pen.text(words, toX(k) + 10 * side, beyond(chosen) ? floor() - 54 : toY(chosen.mean) + 26, { ...BESIDE, halo: 6, colour, align: right ? "left" : "right" });
    }
    const line = `log p(x) by AIS: ${number(truth, 2)} ± ${number(2 * error, 2)}`, top = toY(truth + 2 * error) - 7;
    pen.box(x + 4, top - 11, pen.measure(line, BESIDE) + 4, 14, { fill: "paper" });
    pen.text(line, x + 6, top, BESIDE);
    pen.frame(chart);
  }

  /** One bar, the weight of the first K draws, in pieces. @param {Pen} pen @param {ReturnType<typeof sharesOf> | null} found @param {number} k */
  function paintShares(pen, found, k) {
    const { x, y, width, height } = place.shares;
    const count = `${k.toLocaleString("en")} ${k > 1 ? "draws are" : "draw is"} worth ${found ? number(found.size, k > 1 && found.size < 10 ? 1 : 0) : "…"}`;
    pen.words([[count, HEADING], [place.narrow ? ";  their weight:" : ";  who has their weight, heaviest first:", SMALL]], x, y - 10);
    if (found) {
      let from = 0;
      found.shares.subarray(0, SHARES).forEach((share, i) => {
        pen.box(x + from * width, y, share * width, height, { fill: "accent", alpha: i ? 0.6 - 0.2 * (i % 2) : 1 });
        from += share;
      });
      if (k > SHARES) pen.box(x + from * width, y, (1 - from) * width, height, { fill: "muted", alpha: 0.2 });
      const words = `all others ${number(100 * (1 - from), 0)} %`;
      if (k > SHARES && (1 - from) * width > pen.measure(words, SMALL) + 12) pen.text(words, x + width - 6, y + height / 2, { ...SMALL, colour: "ink", base: "middle", align: "right" });
    }
    pen.frame(place.shares);
  }

  /** K, on the foot of its line: to the nearest that there is. @param {number} k @returns {Handle} */
  function handleOf(k) {
    const { chart } = place;
    const nearest = (/** @type {number} */ x) => sizes.reduce((best, size, i) => (Math.abs(toX(size) - x) < Math.abs(toX(sizes[best]) - x) ? i : best), 0);
    return { x: toX(k), y: floor() - 14, axis: "x", hint: "drag K", track: { ...chart, y: floor() - 28, height: 28 }, move: (x) => ({ k: nearest(x) }) };
  }

  /** The digit, and what the heaviest of the first K draws decodes to. @param {Pen} pen @param {Values} values @param {Drawn} so @param {number} k */
  function paintDigits(pen, values, so, k) {
    const { digit, heaviest } = place;
    pen.text("x, a test digit", digit.x, digit.y - 10, HEADING);
    pen.digit(image, digit.x, digit.y, digit.size, { side });
    let best = 0;
    for (let i = 1; i < Math.min(k, so.count); i++) if (so.weights[i] > so.weights[best]) best = i;
    propose(values, best, 0);
    pen.text("heaviest draw", heaviest.x, heaviest.y - 10, HEADING);
    pen.digit(decoder.run(1), heaviest.x, heaviest.y, heaviest.size, { side, pixel });
  }

  return {
    height: (width) => arrange(width).height,

    paint(pen, values, width) {
      place = arrange(width);
      const k = sizes[values.k];
      const so = weightsOf(values);
      const waiting = so.count < most;
      const now = sizes.filter((size) => size <= so.count).map((size) => boundAt(so.weights, so.count, size));
      const then = sizes.map((size) => boundAt(untouched.weights, most, size));
      const chosen = now.find((bound) => bound.k === k);
      const found = k <= so.count ? sharesOf(so.weights, k) : null;
      paintChart(pen, now, then, k, waiting);
      paintShares(pen, found, k);
      paintDigits(pen, values, so, k);
      if (waiting) host?.take({}); // the next frame, at once also where no motion is wanted: this is an answer on its way

      const count = k.toLocaleString("en");
      const many = !chosen ? "" : chosen.repeats > 1 ? `spread ${number(chosen.spread, 2)} over ${chosen.repeats.toLocaleString("en")} repeats` : "one estimate";
      const tiles = [
        { name: `Bound at K = ${count}`, value: chosen ? number(chosen.mean, 2) : "…", note: chosen ? many : `${so.count} of ${count} draws`, mark: waiting ? "" : "accent" },
        { name: "Below log p(x)", value: chosen ? number(truth - chosen.mean, 2) : "…", note: `which is ${number(truth, 2)} ± ${number(2 * error, 2)}` },
        { name: "Largest weight", value: found ? `${number(100 * found.shares[0], 0)} %` : "…", note: "of the first K draws' weight" },
        { name: "Effective size", value: found ? number(found.size, k > 1 && found.size < 10 ? 1 : 0) : "…", note: `of ${count} draw${k > 1 ? "s" : ""}` },
      ];
      const summary = chosen && found
        ? `The importance-weighted bound on log p(x) of a digit at K = ${count}: ${number(chosen.mean, 2)} nats, ${many}; log p(x) by annealed importance sampling is ` +
          `${number(truth, 2)}, give or take ${number(2 * error, 2)}. The heaviest draw has ${number(100 * found.shares[0], 0)} % of the weight, and ${count} draws are worth ${number(found.size, 1)} of equal weight. ` +
          `q: the encoder's, its mean shifted by ${number(values.shift, 2)} of its standard deviation, that multiplied by ${number(values.stretch, 2)}.`
        : "The draws are being computed.";
      const { chart, shares, digit, heaviest } = place;
      const around = (/** @type {typeof digit} */ { x, y, size }) => ({ x, y: y - 24, width: size, height: size + 24 });
      const edge = place.narrow ? 1 : chart.x - 36;
      const regions = {
        chart: { x: edge, y: 1, width: width - edge - 1, height: floor() + 40 },
        shares: { ...shares, y: shares.y - 26, height: shares.height + 28 },
        digit: around(digit),
        heaviest: around(heaviest),
      };
      return { summary, tiles, handles: [handleOf(k)], regions, waiting };
    },
  };
}
