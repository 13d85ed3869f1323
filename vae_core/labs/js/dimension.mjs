// DimensionLab: one image through VAEs of different latent dimensions, side by side; what each draws, pays and leaves unused.

import { Network } from "./nn.mjs";
import { costOf, likelihood, normals } from "./vae.mjs";
import { HEADING, number, remember, roundUp, SMALL } from "./draw.mjs";

/**
 * @typedef {{units: number, order: number[], active: boolean[], layers: Layer[], likelihood: LikelihoodName, mean: Ref, log_var: Ref}} Packed
 * @typedef {{side: number, draws: number, images: Ref, models: Packed[], controls: [Choice, Slider, Press]}} DimensionSpec
 * @typedef {{units: number, order: number[], active: boolean[], means: Numbers, logVars: Numbers, decoder: Network} & Likelihood} Unpacked
 */

const GAP = 5; // between the small draws

/**
 * Where things stand at this width: the input on top, below it a column a model, three to a row on a phone.
 * One of the draws is large, the others are small below it.
 * @param {number} width @param {number} models @param {number} draws
 */
export function arrange(width, models, draws) {
  const narrow = width < 560;
  const across = narrow ? Math.min(3, models) : models;
  const gap = narrow ? 11 : 14;
  const cell = Math.min(narrow ? 110 : 130, Math.floor((width - 2 - (across - 1) * gap) / across));
  const step = across > 1 ? (width - 2 - cell) / (across - 1) : 0;
  const input = { x: 1, y: 24, size: narrow ? 72 : 84 };
  const thumb = (cell - (draws - 2) * GAP) / (draws - 1);
  const tall = { digit: 26, thumbs: 26 + cell + 6, cost: 26 + cell + 6 + thumb + 12, barHeight: narrow ? 48 : 66 };
  const bars = tall.cost + 84, all = bars + tall.barHeight + 24;
  const top = input.y + input.size + (narrow ? 14 : 26);
  const columns = Array.from({ length: models }, (_, i) => ({ x: 1 + (i % across) * step, y: top + Math.floor(i / across) * (all + 14), first: i % across === 0 }));
  return { narrow, input, cell, thumb, tall: { ...tall, bars, all }, columns, height: columns[models - 1].y + all };
}

/**
 * What the image in `row` costs by one model with z = mean + noise · std · ε.
 * @param {Unpacked} model @param {number} row @param {ArrayLike<number>} x @param {number} noise @param {ArrayLike<number>} epsilon
 */
export function measure(model, row, x, noise, epsilon) {
  const { units, means, logVars } = model;
  const mean = Float64Array.from({ length: units }, (_, i) => means[row * units + i]);
  const variance = Float64Array.from({ length: units }, (_, i) => Math.exp(logVars[row * units + i]) * noise * noise);
  return costOf(model, x, mean, variance, epsilon);
}

/**
 * One model as Python packed it, ready to `measure`; null while its numbers are on their way.
 * @param {Packed} packed @param {ReadSome} read @param {number} draws @returns {Unpacked | null}
 */
export function unpack({ units, layers, likelihood: name, mean, log_var, order, active }, read, draws) {
  const means = read(mean), logVars = read(log_var);
  if (!means || !logVars) return null;
  return { units, order, active, means, logVars, decoder: new Network(layers, /** @type {Read} */ (read), draws), ...likelihood(name) };
}

/** Words below a picture of this width. @param {number} cell */
const sizeOf = (cell) => (cell < 80 ? 10 : cell < 105 ? 11.5 : 12.5);

/** @type {Create<DimensionSpec, ReadSome>} */
export function create(spec, read) {
  const { side, draws } = spec;
  const size = side * side;
  const count = spec.models.length;
  const models = spec.models.flatMap((model) => unpack(model, read, draws) ?? []); // the first of them, or all
  const images = Float32Array.from(read(spec.images) ?? [], (v) => v / 255);
  const names = spec.controls[0].options;
  let place = arrange(640, count, draws);

  const imageOf = (/** @type {number} */ row) => images.subarray(row * size, (row + 1) * size);
  const noiseOf = remember((/** @type {number} */ draw) => models.map(({ units }) => normals(draw + 1, draws * units)));

  /** Scales that stay where they are while the noise moves: set by the image's own posteriors, at the first draw of all. */
  const scalesOf = remember((/** @type {number} */ row) => {
    const found = models.map((model) => measure(model, row, imageOf(row), 1, normals(1, draws * model.units)));
    const most = 1.15 * Math.max(...found.map(({ elbo }) => -elbo));
    return { most, tallest: roundUp(Math.max(2, ...found.flatMap(({ kl }) => [...kl])), [1, 1.5, 2, 3, 4, 6, 8]) };
  });

  /** All that stays while sliders move: words, headings, the frames of the bars. @param {Pen} pen @param {number} tallest */
  function paintGround(pen, tallest) {
    const { input, narrow, cell, tall, columns } = place;
    const at = input.x + input.size + 18;
    /** @type {[string, TextStyle][][]} */
    const lines = [
      [["z = mean + noise · std · ε", { size: narrow ? 14 : 15, weight: 700 }]],
      [[narrow ? "large: one draw; small: 3 more" : "large: decoded from one draw of z; small: from three more", SMALL]],
      [["cost in nats: ", SMALL], ["distortion", { ...SMALL, weight: 700, colour: "accent" }], [" + ", SMALL], ["rate", { ...SMALL, weight: 700, colour: "warm" }]],
      [[narrow ? "bottom: KL of each unit; grey: unused" : "at the bottom: the KL of each unit, its share of the rate; grey: a unit that is not used", SMALL]],
    ];
    pen.text("input x", input.x, input.y - 9, HEADING);
    lines.forEach((parts, i) => pen.words(parts, at, input.y + ((i + 0.5) * input.size) / lines.length + 5));
    columns.forEach(({ x, y, first }, i) => {
      const { units, active } = spec.models[i];
      const small = sizeOf(cell);
      pen.text(`${units} ${narrow ? "dims" : "dimensions"}`, x, y + tall.digit - 9, HEADING);
      if (i >= models.length) return pen.text("on its way …", x, y + tall.digit + 18, { size: small, colour: "muted" });
      [{ name: "distortion", colour: "accent" }, { name: "rate", colour: "warm" }, { name: "−ELBO", weight: 700 }].forEach(({ name, ...style }, line) => {
        pen.text(name, x, y + tall.cost + 26 + 17 * line, { size: small, ...style });
      });
      const floor = y + tall.bars + tall.barHeight;
      for (const height of [floor - tall.barHeight, floor - tall.barHeight / 2]) pen.line([[x, height], [x + cell, height]], { dash: [2, 3] });
      if (first) pen.text(`${tallest} nats`, x + cell, floor - tall.barHeight - 4, { size: 11, colour: "muted", align: "right" });
      const used = active.filter(Boolean).length;
      pen.line([[x, floor + 0.5], [x + cell, floor + 0.5]], { colour: "muted" });
      pen.text(used === units ? `all ${units} active` : `${used} of ${units} active`, x, floor + 17, { size: small });
    });
  }

  /**
   * @param {Pen} pen @param {Unpacked} model @param {{x: number, y: number}} corner
   * @param {ReturnType<typeof measure>} cost @param {ReturnType<typeof scalesOf>} scales
   */
  function paintColumn(pen, model, { x, y }, { rate, distortion, kl, outputs }, { most, tallest }) {
    const { cell, thumb, tall } = place;
    const { units, order, active, pixel } = model;
    pen.digit(outputs, x, y + tall.digit, cell, { side, pixel });
    for (let k = 1; k < draws; k++) {
      pen.digit(outputs, x + (k - 1) * (thumb + GAP), y + tall.thumbs, thumb, { side, at: k * size, pixel });
    }

    const top = y + tall.cost;
    const split = Math.min(cell, (distortion * cell) / most);
    pen.box(x, top, split, 9, { fill: "accent" });
    pen.box(x + split, top, Math.min(cell - split, (rate * cell) / most), 9, { fill: "orange" });
    [distortion, rate, distortion + rate].forEach((value, i) => {
      pen.text(number(value), x + cell, top + 26 + 17 * i, { size: sizeOf(cell), weight: i === 2 ? 700 : 400, align: "right" });
    });

    const floor = y + tall.bars + tall.barHeight;
    const pitch = Math.min(9, cell / units);
    const bar = Math.max(1, 0.8 * pitch);
    order.forEach((unit, i) => {
      const height = Math.min(1, kl[unit] / tallest) * tall.barHeight;
      if (height > 3 || active[unit]) pen.box(x + i * pitch, floor - height, bar, height, { fill: active[unit] ? "orange" : "muted" });
    });
    const used = active.filter(Boolean).length;
    if (used < units) pen.line([[x + used * pitch, floor - 1.5], [x + (units - 1) * pitch + bar, floor - 1.5]], { colour: "muted", width: 3, dash: [bar, pitch - bar] });
  }

  return {
    height: (width) => arrange(width, count, draws).height,

    paint(pen, { digit, noise, draw }, width) {
      place = arrange(width, count, draws);
      const x = imageOf(digit);
      const scales = scalesOf(digit);
      pen.layer("ground", scales.tallest, 0, 0, width, place.height, () => paintGround(pen, scales.tallest));
      pen.digit(x, place.input.x, place.input.y, place.input.size, { side });
      const words = models.map((model, i) => {
        const result = measure(model, digit, x, noise, noiseOf(draw)[i]);
        paintColumn(pen, model, place.columns[i], result, scales);
        const { rate, distortion } = result;
        return `${model.units} dimensions, ${model.active.filter(Boolean).length} active: distortion ${number(distortion)}, rate ${number(rate)}, sum ${number(rate + distortion)}`;
      });
      return { summary: `The image "${names[digit]}" decoded by ${models.length} VAE${models.length === 1 ? "" : "s"}, noise times ${number(noise, 2)}. In nats: ${words.join("; ")}.` };
    },
  };
}
