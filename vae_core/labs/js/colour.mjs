// ColourLab: one network of colour pictures, trained under several likelihoods; its units traversed, its clouds stretched, its pixels drawn.

import { wordsFor } from "./images.mjs";
import { Network } from "./nn.mjs";
import { costOf, likelihood } from "./vae.mjs";
import { normals, Random } from "./random.mjs";
import { arrangeChooser, paintChooser } from "./chooser.mjs";
import { HEADING, number, remember, scale, SMALL } from "./draw.mjs";

/**
 * @typedef {{layers: Layer[], likelihood: LikelihoodName, mean: Ref, log_var: Ref, order: number[], units: number[], width: number, levels: boolean}} Coloured
 * @typedef {Named & {side: number, channels: number, images: Ref, models: Coloured[], tallest: number, controls: [Choice, Choice, Choice, Slider, Slider, Press]}} ColourSpec
 */

export const DRAWS = 8;
export const REACH = 3; // of the traversal to both sides, in steps of one

/**
 * Where things stand at this width: images to choose from; the image, decoded, and with its pixels drawn; what the units pay, beside
 * them or below; the traversal; two rows of draws.
 * @param {number} width @param {number} count  of images to choose from
 */
export function arrange(width, count) {
  const narrow = width < 560;
  const gap = narrow ? 4 : 10;
  const top = arrangeChooser(width, count).bottom + 42;
  const large = narrow ? Math.floor((width - 2 - 2 * gap) / 3) : Math.min(128, Math.floor(width / 5.2));
  const tops = [0, 1, 2].map((i) => ({ x: 1 + i * (large + gap), y: top, size: large }));
  const beside = 3 * (large + gap) + 22;
  const bars = narrow ? { x: 1, y: top + large + 58, width: width - 8, height: 56 } : { x: beside, y: top + 4, width: width - beside - 8, height: large - 20 }; // room for the last unit's number and frame
  const said = top + large + 20;
  const below = narrow ? bars.y + bars.height + 20 : said + 4;
  const many = 2 * REACH + 1;
  const cell = Math.min(76, Math.floor((width - 2 - (DRAWS - 1) * gap) / DRAWS));
  const across = Math.min(cell + 8, Math.floor((width - 2 - (many - 1) * gap) / many));
  const walk = { y: below + 40, cell: across, step: (width - 2 - across) / (many - 1) };
  const knob = walk.y + across + 16;
  const cloud = { y: knob + 46, cell, step: (width - 2 - cell) / (DRAWS - 1) };
  const prior = { ...cloud, y: cloud.y + cell + 32 };
  return { narrow, tops, said, bars, walk, knob, cloud, prior, height: prior.y + cell + 4 };
}

/**
 * What the model says that pixels are: drawn from the likelihood around the decoded ones, in [0, 1].
 * @param {ArrayLike<number>} centres @param {number} width @param {boolean} levels @param {number} seed
 */
export function drawPixels(centres, width, levels, seed) {
  const random = new Random(seed);
  if (!levels) {
    const noise = random.normals(new Float64Array(centres.length));
    return Float64Array.from(centres, (centre, i) => Math.min(1, Math.max(0, centre + width * noise[i])));
  }
  return Float64Array.from(centres, (centre) => {
    const u = (random.uniform() + 2 ** -33); // never 0, nor 1
    return Math.min(255, Math.max(0, Math.round(255 * (centre + width * Math.log(u / (1 - u)))))) / 255;
  });
}

/** @type {Create<ColourSpec>} */
export function create(spec, read) {
  const { side, channels, models, tallest, controls: [pixels] } = spec;
  const size = channels * side * side;
  const images = Float32Array.from(read(spec.images), (v) => v / 255);
  const count = images.length / size;
  const units = models[0].order.length;
  const { noun } = wordsFor(spec);
  const arrived = models.map(({ layers, likelihood: name, mean, log_var }) => ({
    decoder: new Network(layers, read, DRAWS), means: read(mean), logVars: read(log_var), ...likelihood(name),
  }));
  const mean = new Float64Array(units), variance = new Float64Array(units);
  let place = arrange(640, count);

  const imageOf = (/** @type {number} */ image) => images.subarray(image * size, (image + 1) * size);
  const noiseOf = remember((/** @type {number} */ draw) => normals(draw + 1, 2 * DRAWS * units));

  /** The image's posterior, one unit moved, its cloud stretched, and what that costs. @param {Values} values */
  function measure({ pixel, image, unit, shift, stretch, draw }) {
    const { means, logVars } = arrived[pixel];
    for (let i = 0; i < units; i++) {
      mean[i] = means[image * units + i] + (i === models[pixel].order[unit] ? shift : 0);
      variance[i] = Math.exp(logVars[image * units + i]) * stretch ** 2;
    }
    return costOf(arrived[pixel], imageOf(image), mean, variance, noiseOf(draw).subarray(0, DRAWS * units));
  }

  /** The mean's drawing with one unit from −3 to 3 beside it, raw. */
  const walkOf = remember((/** @type {number} */ pixel, /** @type {number} */ image, /** @type {number} */ unit) => {
    const { decoder, means } = arrived[pixel], many = 2 * REACH + 1;
    for (let k = 0; k < many; k++) for (let i = 0; i < units; i++) decoder.input[k * units + i] = means[image * units + i] + (i === models[pixel].order[unit] ? k - REACH : 0);
    return decoder.run(many).slice(0, many * size);
  });

  const priorOf = remember((/** @type {number} */ pixel, /** @type {number} */ draw) => {
    arrived[pixel].decoder.input.set(noiseOf(draw).subarray(DRAWS * units));
    return arrived[pixel].decoder.run(DRAWS).slice(0, DRAWS * size);
  });

  /** What each unit pays on the average; the chosen one has a frame. @param {Pen} pen @param {Coloured} model @param {number} chosen @returns {Spot[]} */
  function paintUnits(pen, { units: nats }, chosen) {
    const { x, y, width, height } = place.bars;
    const pitch = width / units, bar = Math.max(2, 0.7 * pitch), floor = y + height;
    pen.words([["units", HEADING], [`: unit ${chosen + 1} pays ${number(nats[chosen])} nats`, SMALL]], x, y - 10);
    pen.line([[x, floor + 0.5], [x + width, floor + 0.5]], { colour: "muted" });
    nats.forEach((kl, i) => {
      const tall = Math.max(1.5, Math.min(1, kl / tallest) * (height - 4)), left = x + (i + 0.5) * pitch - bar / 2;
      if (i === chosen) pen.box(left - 2, y - 2, bar + 4, height + 4, { stroke: "accent", line: 2, radius: 2 });
      pen.box(left, floor - tall, bar, tall, { fill: kl > 0.1 ? "rate" : "muted" });
      if ((i + 1) % 8 === 0 || i === 0) pen.text(String(i + 1), x + (i + 0.5) * pitch, floor + 15, { ...SMALL, size: 11, align: "center" });
    });
    return nats.map((_, index) => ({ box: { x: x + index * pitch, y, width: pitch, height: height + 16 }, choice: "unit", index }));
  }

  /** Where the knob stands for a shift of the unit. @param {number} shift */
  const toX = (shift) => scale([-REACH, REACH], [1 + place.walk.cell / 2, 1 + place.walk.cell / 2 + 2 * REACH * place.walk.step])(shift);

  /** @param {Pen} pen @param {{y: number, cell: number, step: number}} row @param {[string, TextStyle][]} words @param {ArrayLike<number>} values @param {number} many @param {(y: number) => number} pixel */
  function paintRow(pen, { y, cell, step }, words, values, many, pixel) {
    pen.words(words, 1, y - 9);
    for (let k = 0; k < many; k++) pen.digit(values, 1 + k * step, y, cell, { side, channels, at: k * size, pixel });
  }

  return {
    height: (width) => arrange(width, count).height,

    paint(pen, values, width) {
      place = arrange(width, count);
      const { narrow, tops, said, bars, walk, knob, cloud, prior } = place;
      const { pixel: which, image, unit, shift, stretch, draw } = values;
      const packed = models[which], model = arrived[which];
      const fresh = priorOf(which, draw), walked = walkOf(which, image, unit);
      const cost = measure(values); // last, for its draws are in the decoder
      const x = imageOf(image);
      const decoded = Float64Array.from(cost.outputs.subarray(0, size), model.pixel);
      const thrown = drawPixels(decoded, packed.width, packed.levels, draw + 1);
      const spots = paintChooser(pen, width, images, { side, channels, noun }, "image", image);
      const named = narrow ? ["input x", "decoded", "pixels drawn"] : ["input x", "decoded from z", "with pixels drawn"];
      [x, decoded, thrown].forEach((picture, i) => {
        pen.text(named[i], tops[i].x, tops[i].y - 9, narrow ? { ...HEADING, size: 12 } : HEADING);
        pen.digit(picture, tops[i].x, tops[i].y, tops[i].size, { side, channels, frame: i ? "accent" : "line" });
      });
      spots.push(...paintUnits(pen, packed, unit));
      paintRow(pen, walk, [[`unit ${unit + 1}`, HEADING], [narrow ? ", from −3 to 3 beside the mean" : " moved from −3 to 3 beside the image's mean, all else as it is", SMALL]], walked, 2 * REACH + 1, model.pixel);
      pen.line([[toX(-REACH), knob], [toX(REACH), knob]], { colour: "muted" });
      paintRow(pen, cloud, [["eight draws of the image's cloud", HEADING], [stretch === 1 ? "" : `, × ${number(stretch, 2)}`, SMALL]], cost.outputs, DRAWS, model.pixel);
      pen.frame({ x: 1, y: cloud.y, width: cloud.cell, height: cloud.cell }, "accent");
      paintRow(pen, prior, [["eight draws from the prior", HEADING]], fresh, DRAWS, model.pixel);

      let squares = 0;
      for (let k = 0; k < DRAWS; k++) for (let i = 0; i < size; i++) squares += (model.pixel(cost.outputs[k * size + i]) - x[i]) ** 2 / (DRAWS * size);
      const error = 255 * Math.sqrt(squares);
      const bits = -cost.elbo / (size * Math.LN2) + (packed.levels ? 0 : 8);
      const spread = 255 * packed.width * (packed.levels ? Math.PI / Math.sqrt(3) : 1);
      const tiles = [
        { name: "Rate", value: number(cost.rate), note: cost.rate === Infinity ? "for a point" : "nats, exact", mark: "rate" },
        { name: "Error", value: number(error), note: "levels of 255, root mean square", mark: "distortion" },
        { name: "σ", value: number(spread), note: "levels of 255, of a pixel" },
        { name: "Bits", value: number(bits, 2), note: "of −ELBO, a pixel and channel" },
      ];
      const style = { size: narrow ? 12 : 13, weight: 700 };
      const between = /** @type {[string, TextStyle]} */ ([" · ", SMALL]);
      pen.words([
        [`error ${number(error)}`, { ...style, colour: "distortion" }], between, [`σ ${number(spread)}`, style], between,
        [`rate ${number(cost.rate)}${narrow ? "" : " nats"}`, { ...style, colour: "rate" }], between, [`${number(bits, 2)} bits`, style],
      ], 1, said);
      const moved = shift ? `, unit ${unit + 1} moved by ${number(shift, 2)}` : "";
      const box = (/** @type {{x: number, y: number, size: number}} */ { x: left, y, size: wide }) => ({ x: left, y, width: wide, height: wide });
      const row = (/** @type {{y: number, cell: number}} */ { y, cell }) => ({ x: 1, y, width: width - 2, height: cell });
      return {
        summary: `An image, decoded under ${pixels.options[which]}${moved}: error ${number(error)} levels, σ ${number(spread)}, rate ${number(cost.rate)} nats, ${number(bits, 2)} bits a pixel and channel. Below: unit ${unit + 1} traversed, eight draws of the cloud, eight of the prior.`,
        tiles, spots,
        handles: [{ x: toX(shift), y: knob, axis: "x", hint: narrow ? "drag" : "drag the unit", room: width - 2, move: (at) => ({ shift: scale([toX(-REACH), toX(REACH)], [-REACH, REACH])(at) }) }],
        regions: { input: box(tops[0]), decoded: box(tops[1]), thrown: box(tops[2]), numbers: { x: 1, y: said - 14, width: 3 * tops[0].size, height: 19 }, units: { x: bars.x, y: bars.y - 24, width: bars.width, height: bars.height + 40 }, walk: { ...row(walk), height: walk.cell + 28 }, cloud: row(cloud), prior: row(prior) },
      };
    },
  };
}
