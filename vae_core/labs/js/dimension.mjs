// DimensionLab: one image through VAEs of different latent dimensions, one below the other; what each draws, pays and leaves unused.

import { wordsFor } from "./images.mjs";
import { Network } from "./nn.mjs";
import { costOf, likelihood } from "./vae.mjs";
import { normals } from "./random.mjs";
import { arrangeChooser, paintChooser } from "./chooser.mjs";
import { paintCost } from "./cost.mjs";
import { number, remember, scale, SMALL, ticks } from "./draw.mjs";

/**
 * @typedef {{name: string, short: string, size: string, units: number, order: number[], active: boolean[], layers: Layer[], likelihood: LikelihoodName, mean: Ref, log_var: Ref}} Packed
 * @typedef {Named & {side: number, channels: number, draws: number, most: number, tallest: number, images: Ref, models: Packed[], controls: [Slider, Choice, Choice, Press]}} DimensionSpec
 * @typedef {{units: number, active: boolean[], means: Numbers, logVars: Numbers, decoder: Network} & Likelihood} Unpacked
 */

/**
 * Where things stand at this width: images to choose from, the chosen one, and a row for each model: what it draws, what that costs and
 * its units, side by side, on a phone the last two and the smaller drawings one above the other.
 * @param {number} width @param {number} models @param {number} count  of images to choose from @param {number} draws
 */
export function arrange(width, models, count, draws) {
  const narrow = width < 560;
  const cell = narrow ? 40 : width < 680 ? 48 : 54;
  const pitch = cell + (narrow ? 5 : 6); // six rows stand between the page's header and the controls
  const top = arrangeChooser(width, count).bottom + 12;
  const left = narrow ? 1 : 112;
  const right = narrow ? cell + 10 : left + draws * (cell + 4) + 16;
  const across = width - right - 1;
  const share = narrow ? across : Math.round(across * 0.53) - 18;
  const rows = Array.from({ length: models }, (_, i) => {
    const y = top + (i + 1) * pitch + (narrow ? 12 : 0);
    const small = narrow ? 22 : cell;
    const thumb = (/** @type {number} */ k) => (narrow ? { x: width - 1 - (draws - k) * (small + 3) + 3, y: y + 19 } : { x: left + k * (cell + 4), y });
    return {
      y, height: cell,
      label: narrow ? { x: right, y: y + 9 } : { x: 1, y: y + 16 },
      pictures: Array.from({ length: draws }, (_, k) => (k ? { ...thumb(k), size: small } : { x: left, y, size: cell })),
      cost: { x: right, y: y + 12, width: share, height: narrow ? 5 : 12 },
      numbers: narrow ? { x: width - 1, y: y + 9 } : { x: right, y: y + 42 },
      bars: narrow
        ? { x: right, y: y + 22, width: across - (draws - 1) * (small + 3) - 40, height: 18 }
        : { x: right + share + 20, y: y + 7, width: across - share - 20, height: cell - 7 },
      over: narrow ? { x: right + across - (draws - 1) * (small + 3) - 5, y: y + 33 } : { x: right + across, y: y + 4 },
    };
  });
  const bottom = rows[models - 1].y + cell;
  return { narrow, cell, right, input: { x: left, y: top, size: cell }, rows, bottom, height: bottom + 24 };
}

/**
 * What the image in `row` costs by one model with z = mean + noise · std · ε, where the noise is on all units, or on the active (1) or the
 * others (2) alone.
 * @param {Unpacked} model @param {number} row @param {ArrayLike<number>} x @param {number} noise @param {number} on @param {ArrayLike<number>} epsilon
 */
export function measure(model, row, x, noise, on, epsilon) {
  const { units, active, means, logVars } = model;
  const mean = Float64Array.from({ length: units }, (_, i) => means[row * units + i]);
  const variance = Float64Array.from({ length: units }, (_, i) => Math.exp(logVars[row * units + i]) * (on === 0 || active[i] === (on === 1) ? noise * noise : 1));
  return costOf(model, x, mean, variance, epsilon);
}

/**
 * One model as Python packed it, ready to `measure`; null while its numbers are on their way.
 * @param {Packed} packed @param {ReadSome} read @param {number} draws @returns {Unpacked | null}
 */
export function unpack({ units, layers, likelihood: name, mean, log_var, active }, read, draws) {
  const means = read(mean), logVars = read(log_var);
  if (!means || !logVars) return null;
  return { units, active, means, logVars, decoder: new Network(layers, /** @type {Read} */ (read), draws), ...likelihood(name) };
}

/** @type {Create<DimensionSpec, ReadSome>} */
export function create(spec, read) {
  const { side, channels, draws, most, tallest } = spec;
  const size = channels * side * side;
  const models = spec.models.flatMap((model) => unpack(model, read, draws) ?? []); // the first of them, or all
  const images = Float32Array.from(read(spec.images) ?? [], (v) => v / 255);
  const count = images.length / size;
  const { noun } = wordsFor(spec);
  const [, { options: names }, { options: parts }] = spec.controls;
  let place = arrange(640, spec.models.length, count, draws);

  const noiseOf = remember((/** @type {number} */ draw) => models.map(({ units }) => normals(draw + 1, draws * units)));
  const usedOf = (/** @type {Packed} */ { active }) => active.filter(Boolean).length;
  const costAxis = ({ x, width } = place.rows[0].cost) => scale([0, most], [x, x + width]);

  /** All that stays while sliders move: words beside what they explain, axes, labels. @param {Pen} pen */
  function paintGround(pen) {
    const { input, narrow, right, rows, bottom } = place;
    const { cost, bars } = rows[0];
    const line = (/** @type {number} */ i) => input.y + 12 + i * (narrow ? 13 : 16);
    const said = narrow ? ["← image x; below, draws of z, decoded:"] : ["← the image x; below,", "draws of z, decoded:"];
    [...said, "z = mean + noise · std · ε"].forEach((words, i, { length }) => {
      pen.text(words, narrow ? right : input.x + input.size + 8, line(i), i < length - 1 ? SMALL : { size: 12 });
    });
    /** @type {[string, TextStyle][]} */
    const terms = [["distortion", { size: 12, weight: 700, colour: "distortion" }], [" + ", SMALL], ["rate", { size: 12, weight: 700, colour: "rate" }]];
    pen.words(narrow ? [...terms, [" = −ELBO, in nats", SMALL]] : terms, cost.x, line(2));
    if (narrow) pen.text("bars: KL of each unit; grey: not used", right, line(3), SMALL);
    else {
      pen.text("the cost, −ELBO, in nats:", cost.x, line(1), SMALL);
      ["KL of each unit;", "grey: not used"].forEach((words, i) => pen.text(words, bars.x, line(1 + i), SMALL));
    }
    pen.text(`${tallest} nats`, bars.x + 0.55 * bars.width, bars.y + 11, { ...SMALL, size: 11, align: "center" });
    const rule = narrow ? undefined : () => ({});
    pen.axes({ x: cost.x, y: rows[0].y, width: cost.width, height: bottom - rows[0].y }, { x: { to: costAxis(), ticks: ticks(0, most, 3), rule, align: (tick) => (tick === most ? "right" : tick ? "center" : "left") } });
    rows.forEach(({ y, height, label, bars, cost: track }, i) => {
      const model = spec.models[i], { units } = model;
      const used = usedOf(model) === units ? "all active" : `${usedOf(model)} active`;
      pen.clip({ x: label.x, y, width: narrow ? 140 : input.x - 8, height }, () => {
        if (narrow) pen.words([[model.short, { size: 11, weight: 700 }], [track.width < 240 ? "" : ` · ${used}`, { ...SMALL, size: 11 }]], label.x, label.y);
        else [model.name, model.size, used].filter(Boolean).forEach((words, k) => pen.text(words, label.x, label.y + 17 * k, k ? SMALL : { weight: 700, size: 12 }));
      });
      if (i >= models.length) return pen.text("on its way …", track.x, y + 30, SMALL);
      pen.box(track.x, track.y, track.width, track.height, { fill: "muted", alpha: 0.12 });
      const floor = bars.y + bars.height;
      pen.line([[bars.x, bars.y], [bars.x + bars.width, bars.y]], { dash: [2, 3] });
      pen.line([[bars.x, floor + 0.5], [bars.x + bars.width, floor + 0.5]], { colour: "muted" });
    });
  }

  /** @param {Pen} pen @param {number} i @param {ReturnType<typeof measure>} cost */
  function paintRow(pen, i, cost) {
    const { narrow, rows } = place;
    const row = rows[i];
    row.pictures.forEach(({ x, y, size: cell }, k) => pen.digit(cost.outputs, x, y, cell, { side, channels, at: k * size, pixel: models[i].pixel }));

    paintCost(pen, cost, row.cost, most);
    const small = { size: narrow ? 11 : 12, weight: 700, halo: true };
    const plain = { ...SMALL, size: small.size };
    /** @type {[string, TextStyle][]} */
    const sum = [[number(cost.distortion), { ...small, colour: "distortion" }], [" + ", plain], [number(cost.rate), { ...small, colour: "rate" }], [" = ", plain], [number(-cost.elbo) + (-cost.elbo > most ? " ›" : ""), small]];
    const length = narrow ? sum.reduce((before, [words, style]) => before + pen.measure(words, style), 0) : 0;
    pen.words(sum, row.numbers.x - length, row.numbers.y);
    paintUnits(pen, spec.models[i], row, cost.kl);
  }

  /** What each unit pays, the active ones first, and beside them, of what is higher than the picture, how high. @param {Pen} pen @param {Packed} model @param {typeof place.rows[0]} row @param {ArrayLike<number>} kl */
  function paintUnits(pen, { units, order, active }, { bars: { x, y, width, height }, over }, kl) {
    const pitch = Math.min(9, width / units);
    const bar = Math.max(1, 0.8 * pitch);
    order.forEach((unit, i) => {
      const fill = active[unit] ? "rate" : "muted";
      const tall = Math.max(1.5, Math.min(1, kl[unit] / tallest) * height); // a bar of nothing still shows
      const box = { x: x + i * pitch, y: y + height - tall, width: bar, height: tall };
      if (kl[unit] === Infinity) pen.endless(box, "up", { fill });
      else pen.box(box.x, box.y, bar, tall, { fill });
    });
    const highest = Math.max(...Array.from(kl));
    if (highest > tallest) pen.text(`${number(highest)} ↑`, over.x, over.y, { size: place.narrow ? 11 : 12, weight: 700, align: "right" });
  }

  /** @returns {Record<string, Box>} */
  function regionsOf() {
    const { narrow, input, rows, bottom, right } = place;
    const { y, cost, bars } = rows[0];
    const grey = rows.filter((_, i) => usedOf(spec.models[i]) < spec.models[i].units);
    const top = narrow ? y : input.y + 14; // on a desk with the heading of the bars
    const column = (/** @type {number} */ x, /** @type {number} */ width) => ({ x, y, width, height: bottom - y });
    return {
      drawings: column(input.x, narrow ? input.size : right - 20 - input.x),
      costs: { ...column(right, cost.width), ...(!narrow && { height: bottom + 20 - y }) },
      units: { x: narrow ? right : bars.x, y: top, width: narrow ? cost.width : bars.width, height: bottom - top },
      ...(grey.length && { grey: { x: 1, y: grey[0].y + 2, width: Math.max(bars.x + bars.width, cost.x + cost.width) - 1, height: grey[grey.length - 1].y + input.size - grey[0].y - 2 } }),
    };
  }

  return {
    height: (width) => arrange(width, spec.models.length, count, draws).height,

    paint(pen, { digit, noise, on, draw }, width) {
      place = arrange(width, spec.models.length, count, draws);
      const x = images.subarray(digit * size, (digit + 1) * size);
      const spots = paintChooser(pen, width, images, { side, channels, noun }, "digit", digit);
      const { input, bottom } = place;
      pen.layer("ground", "", 0, input.y, width, bottom + 24 - input.y, () => paintGround(pen));
      pen.digit(x, input.x, input.y, input.size, { side, channels });
      const words = models.map((model, i) => {
        const cost = measure(model, digit, x, noise, on, noiseOf(draw)[i]);
        paintRow(pen, i, cost);
        const { name } = spec.models[i];
        return `${name}, ${usedOf(spec.models[i])} active: distortion ${number(cost.distortion)}, rate ${number(cost.rate)}, sum ${number(-cost.elbo)}`;
      });
      const units = on ? `${parts[on]} units` : "all units";
      return {
        summary: `The image "${names[digit]}" decoded by ${models.length} VAE${models.length === 1 ? "" : "s"}, noise times ${number(noise, 2)} on ${units}. In nats: ${words.join("; ")}.`,
        spots, regions: regionsOf(),
      };
    },
  };
}
