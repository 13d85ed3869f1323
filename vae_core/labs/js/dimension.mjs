// DimensionLab: one image through VAEs of different latent dimensions, side by side; what each draws, pays and leaves unused.

import { Network } from "./nn.mjs";
import { likelihood, normals, unitKl } from "./vae.mjs";
import { number } from "./draw.mjs";

export const DRAWS = 4; // one shown large, the others small below it
const GAP = 5; // between the small ones
const SMALL = { size: 12, colour: "muted" };
const ROUND = [2, 3, 4, 6, 8, 10, 15, 20, 30];

/** Where things stand at this width: the input on top, below it a column a model, three to a row on a phone. */
export function arrange(width, models) {
  const narrow = width < 560;
  const across = narrow ? Math.min(3, models) : models;
  const gap = narrow ? 11 : 14;
  const cell = Math.min(narrow ? 110 : 130, Math.floor((width - 2 - (across - 1) * gap) / across));
  const step = across > 1 ? (width - 2 - cell) / (across - 1) : 0;
  const input = { x: 1, y: 24, size: narrow ? 72 : 84 };
  const thumb = (cell - (DRAWS - 2) * GAP) / (DRAWS - 1);
  const tall = { digit: 26, thumbs: 26 + cell + 6, cost: 26 + cell + 6 + thumb + 12, barHeight: narrow ? 48 : 66 };
  tall.bars = tall.cost + 84;
  tall.all = tall.bars + tall.barHeight + 24;
  const top = input.y + input.size + (narrow ? 14 : 26);
  const columns = Array.from({ length: models }, (_, i) => ({ x: 1 + (i % across) * step, y: top + Math.floor(i / across) * (tall.all + 14), first: i % across === 0 }));
  return { narrow, input, cell, thumb, tall, columns, height: columns.at(-1).y + tall.all };
}

/** The smallest round number that is no less than `most`. */
const roundUp = (most) => ROUND.find((value) => value >= most) ?? most;

/**
 * The image in `row` through one model with z = mean + noise · std · ε: {rate, distortion, kl, outputs}, in nats.
 * The rate is exact; the distortion is the mean over the draws, whose raw outputs lie one after another in `outputs`.
 */
export function measure(model, row, x, noise, epsilon) {
  const { units, means, logVars, decoder, kl, logProb } = model;
  let rate = 0;
  for (let i = 0; i < units; i++) {
    const mean = means[row * units + i];
    const variance = Math.exp(logVars[row * units + i]) * noise * noise;
    rate += kl[i] = unitKl(mean, variance);
    for (let k = 0; k < DRAWS; k++) decoder.input[k * units + i] = mean + Math.sqrt(variance) * epsilon[k * units + i];
  }
  const outputs = decoder.run(DRAWS);
  let distortion = 0;
  for (let k = 0; k < DRAWS; k++) distortion -= logProb(x, outputs, k * x.length) / DRAWS;
  return { rate, distortion, kl, outputs };
}

/** One model as Python packed it, ready to `measure`; null while its numbers are on their way. */
export function unpack({ units, layers, likelihood: name, mean, log_var, order, active }, read) {
  const means = read(mean);
  if (!means) return null;
  return { units, order, active, means, logVars: read(log_var), decoder: new Network(layers, read, DRAWS), kl: new Float64Array(units), ...likelihood(name) };
}

export function create(spec, read) {
  const { side } = spec;
  const size = side * side;
  const count = spec.models.length;
  const models = spec.models.map((model) => unpack(model, read)).filter(Boolean); // the first of them, or all
  const images = Float32Array.from(read(spec.images), (v) => v / 255);
  const names = spec.controls[0].options;
  let place = arrange(640, count);
  let drawn = -1, shown = -1, most = 0, tallest = 0;

  /** Scales that stay where they are while the noise moves: set by the image's own posteriors, at the first draw of all. */
  function setScales(row, x) {
    const before = models.map((model) => {
      const { rate, distortion, kl } = measure(model, row, x, 1, normals(1, DRAWS * model.units));
      return [rate + distortion, Math.max(...kl)];
    });
    most = 1.15 * Math.max(...before.map(([cost]) => cost));
    tallest = roundUp(Math.max(...before.map(([, kl]) => kl)));
    shown = row;
  }

  /** All that stays while sliders move: words, headings, the frames of the bars. */
  function paintGround(pen) {
    const { input, narrow, cell, tall, columns } = place;
    const at = input.x + input.size + 18;
    const lines = [
      [["z = mean + noise · std · ε", { size: narrow ? 14 : 15, weight: 700 }]],
      [[narrow ? "large: one draw; small: 3 more" : "large: decoded from one draw of z; small: from three more", SMALL]],
      [["cost in nats: ", SMALL], ["distortion", { ...SMALL, weight: 700, colour: "accent" }], [" + ", SMALL], ["rate", { ...SMALL, weight: 700, colour: "warm" }]],
      [[narrow ? "bottom: KL of each unit; grey: unused" : "at the bottom: the KL of each unit, its share of the rate; grey: a unit that is not used", SMALL]],
    ];
    pen.text("input x", input.x, input.y - 9, { weight: 700, size: 14 });
    lines.forEach((parts, i) => pen.words(parts, at, input.y + ((i + 0.5) * input.size) / lines.length + 5));
    columns.forEach(({ x, y, first }, i) => {
      const { units, active } = spec.models[i];
      const small = cell < 80 ? 10 : cell < 105 ? 11.5 : 12.5;
      pen.text(`${units} ${narrow ? "dims" : "dimensions"}`, x, y + tall.digit - 9, { size: 14, weight: 700 });
      if (i >= models.length) return pen.text("on its way …", x, y + tall.digit + 18, { size: small, colour: "muted" });
      [["distortion", "accent", 400], ["rate", "warm", 400], ["−ELBO", "ink", 700]].forEach(([name, colour, weight], line) => {
        pen.text(name, x, y + tall.cost + 26 + 17 * line, { size: small, weight, colour });
      });
      const floor = y + tall.bars + tall.barHeight;
      for (const height of [floor - tall.barHeight, floor - tall.barHeight / 2]) pen.line([[x, height], [x + cell, height]], { dash: [2, 3] });
      if (first) pen.text(`${tallest} nats`, x + cell, floor - tall.barHeight - 4, { size: 11, colour: "muted", align: "right" });
      const used = active.filter(Boolean).length;
      pen.line([[x, floor + 0.5], [x + cell, floor + 0.5]], { colour: "muted" });
      pen.text(used === units ? `all ${units} active` : `${used} of ${units} active`, x, floor + 17, { size: small });
    });
  }

  function paintColumn(pen, model, { x, y }, { rate, distortion, kl, outputs }) {
    const { cell, thumb, tall } = place;
    const { units, order, active, pixel } = model;
    pen.digit(outputs, x, y + tall.digit, cell, { side, pixel });
    for (let k = 1; k < DRAWS; k++) {
      pen.digit(outputs, x + (k - 1) * (thumb + GAP), y + tall.thumbs, thumb, { side, at: k * size, pixel });
    }

    const top = y + tall.cost;
    const split = Math.min(cell, (distortion * cell) / most);
    pen.box(x, top, split, 9, { fill: "accent" });
    pen.box(x + split, top, Math.min(cell - split, (rate * cell) / most), 9, { fill: "orange" });
    [distortion, rate, distortion + rate].forEach((value, i) => {
      pen.text(number(value), x + cell, top + 26 + 17 * i, { size: cell < 80 ? 10 : cell < 105 ? 11.5 : 12.5, weight: i === 2 ? 700 : 400, align: "right" });
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
    height: (width) => arrange(width, count).height,

    paint(pen, { digit, noise, draw }, width) {
      place = arrange(width, count);
      const x = images.subarray(digit * size, (digit + 1) * size);
      if (draw !== drawn) {
        for (const model of models) model.epsilon = normals(draw + 1, DRAWS * model.units);
        drawn = draw;
      }
      if (digit !== shown) setScales(digit, x);
      pen.layer("ground", tallest, 0, 0, width, place.height, () => paintGround(pen));
      pen.digit(x, place.input.x, place.input.y, place.input.size, { side });
      const words = models.map((model, i) => {
        const result = measure(model, digit, x, noise, model.epsilon);
        paintColumn(pen, model, place.columns[i], result);
        const { rate, distortion } = result;
        return `${model.units} dimensions, ${model.active.filter(Boolean).length} active: distortion ${number(distortion)}, rate ${number(rate)}, sum ${number(rate + distortion)}`;
      });
      return { summary: `The image "${names[digit]}" decoded by ${models.length} VAEs, noise times ${number(noise, 2)}. In nats: ${words.join("; ")}.` };
    },
  };
}
