// StyleLab: the style of one image as a cloud on a plane, moved and stretched by hand, and drawn as any class, or as all at once.

import { wordsFor } from "./images.mjs";
import { Network } from "./nn.mjs";
import { likelihood, unitKl } from "./vae.mjs";
import { normals } from "./random.mjs";
import { arrangeChooser, paintChooser } from "./chooser.mjs";
import { HEADING, number, remember, scale, ticks } from "./draw.mjs";

/**
 * @typedef {Named & {side: number, channels: number, count: number, layers: Layer[], likelihood: LikelihoodName, mean: Ref, log_var: Ref,
 *   images: Ref, labels: Ref, codes: Ref, classes_of: Ref}} StyleSpec  `count` classes; of each image its `labels`, of each code `classes_of`
 */

export const DRAWS = 8;
const REACH = 3.5; // of the plane, to either side, in units of the latent space, in which the prior is N(0, 1)
const FEW = 10; // classes in a row
const RING = 13; // pixels, around the cloud, which may be a point: what is dragged
const ARROWS = "↙←↖↓ ↑↘→↗"; // to a cloud that lies beyond the plane
/** On which side of the plane a place lies: −1, 0 (on it), 1. @param {number} z */
const sideOf = (z) => Math.sign(z) * Number(Math.abs(z) > REACH);

/**
 * Where things stand at this width, from the top: images to choose from; image, plane and decoded picture in a row; a picture of each
 * class; the draws. On a phone the plane is below the two, and the classes are beside it, to be seen together, unless they are many.
 * @param {number} width @param {number} count  of images to choose from @param {number} classes
 */
export function arrange(width, count, classes) {
  const narrow = width < 560;
  const [small, large] = narrow ? [84, 104] : [112, 168];
  const beside = narrow && classes <= FEW;
  const little = narrow ? 5 : 12, gap = beside ? 4 : narrow ? 8 : 12;
  const side = beside ? Math.min(210, Math.floor((width - 41) / 1.4)) : narrow ? Math.min(210, width - 60) : 220;
  const top = arrangeChooser(width, count).bottom + (narrow ? 30 : 34);
  const edge = narrow ? (width - small - large) / 4 : 1;
  const input = { x: edge, y: top + (narrow ? (large - small) / 2 : (side - small) / 2), size: small };
  const decoded = { x: width - edge - large, y: top + (narrow ? 0 : (side - large) / 2), size: large };
  const middle = narrow ? (width - side) / 2 : (input.x + small + decoded.x - side) / 2;
  const tiny = Math.floor((side - (FEW / 2 - 1) * gap) / (FEW / 2)); // a class beside the plane, in two columns
  const left = beside ? (width + 26 - side - 14 - 2 * tiny - gap) / 2 : middle;
  const plane = { x: left, y: narrow ? top + large + 48 : top, width: side, height: side };
  const across = beside ? 2 : Math.min(classes, narrow ? FEW / 2 : FEW);
  const cell = beside ? tiny : Math.min(64, Math.floor((width - 2 - (across - 1) * gap) / across));
  const step = beside ? cell + gap : across > 1 ? (width - 2 - cell) / (across - 1) : 0;
  const first = beside ? { x: left + side + 14, y: plane.y } : { x: 1, y: plane.y + side + 56 };
  const places = Array.from({ length: classes }, (_, i) => ({ x: first.x + (i % across) * step, y: first.y + Math.floor(i / across) * (cell + gap), width: cell, height: cell }));
  const bottom = Math.max(plane.y + side + 18, places[classes - 1].y + cell);
  const drawn = Math.min(64, Math.floor((width - 2 - (DRAWS - 1) * little) / DRAWS));
  const draws = { y: bottom + 40, cell: drawn, step: (width - 2 - drawn) / (DRAWS - 1) };
  return { narrow, beside, input, decoded, plane, places, bottom, draws, height: draws.y + drawn + 4 };
}

/** @type {Create<StyleSpec>} */
export function create(spec, read) {
  const { side, channels, count } = spec;
  const { noun, one } = wordsFor(spec);
  const size = channels * side * side;
  const decoder = new Network(spec.layers, read, Math.max(DRAWS, count));
  const { logProb, pixel } = likelihood(spec.likelihood);
  const [means, logVars, labels] = [read(spec.mean), read(spec.log_var), read(spec.labels)];
  const [codes, classesOf] = [read(spec.codes), read(spec.classes_of)];
  const images = Float32Array.from(read(spec.images), (v) => v / 255);
  const noiseOf = remember((/** @type {number} */ draw) => normals(draw + 1, 2 * DRAWS));
  let place = arrange(640, labels.length, count);

  const toX = (/** @type {number} */ z) => scale([-REACH, REACH], [place.plane.x, place.plane.x + place.plane.width])(z);
  const toY = (/** @type {number} */ z) => scale([-REACH, REACH], [place.plane.y + place.plane.height, place.plane.y])(z);

  /** The cloud as it stands: its mean, its variance, and draws of it, (DRAWS, 2). @param {Values} values */
  function cloudOf({ digit, shift1, shift2, stretch, draw }) {
    const epsilon = noiseOf(draw);
    const mean = [means[2 * digit] + shift1, means[2 * digit + 1] + shift2];
    const variance = [0, 1].map((i) => Math.exp(logVars[2 * digit + i]) * stretch);
    return { mean, variance, z: Float64Array.from(epsilon, (e, i) => mean[i % 2] + Math.sqrt(variance[i % 2]) * e) };
  }

  /** What is decoded of codes, each as its class: raw outputs, which the next call overwrites. @param {ArrayLike<number>[]} z @param {number[]} as */
  function decode(z, as) {
    decoder.input.fill(0);
    z.forEach((code, row) => {
      const at = row * (2 + count);
      decoder.input[at] = code[0];
      decoder.input[at + 1] = code[1];
      decoder.input[at + 2 + as[row]] = 1;
    });
    return decoder.run(z.length);
  }

  /** @param {Pen} pen @param {number} label */
  function paintGround(pen, label) {
    const { x, y, width, height } = place.plane;
    pen.clip(place.plane, () => {
      for (const reach of [2, 1]) pen.disc(toX(0), toY(0), toX(reach) - toX(0), { fill: "muted", alpha: 0.09, stroke: "muted" });
      for (const mine of [false, true]) {
        for (let i = 0; i < classesOf.length; i++) {
          if ((classesOf[i] === label) === mine) pen.disc(toX(codes[2 * i]), toY(codes[2 * i + 1]), mine ? 2.2 : 1.6, { fill: mine ? "ink" : "muted", alpha: mine ? 1 : 0.4 });
        }
      }
    });
    pen.frame(place.plane, "muted");
    pen.axes({ x, y, width, height }, { x: { to: toX, ticks: ticks(-REACH, REACH, 6) }, y: { to: toY, ticks: ticks(-REACH, REACH, 6) } });
  }

  /** @param {Pen} pen @param {ReturnType<typeof cloudOf>} cloud @param {number} label */
  function paintPlane(pen, { mean, variance, z }, label) {
    const { x, y, width, height } = place.plane;
    pen.text("style, q(z | x, y)", x, y - 10, HEADING);
    pen.layer("ground", label, x - 26, y - 4, width + 32, height + 26, () => paintGround(pen, label));
    pen.clip(place.plane, () => {
      const [across, tall] = variance.map((v) => Math.max(2, (Math.sqrt(v) * width) / (2 * REACH)));
      const way = ARROWS[4 + 3 * sideOf(mean[0]) + sideOf(mean[1])], [right, up] = [toX(mean[0]), toY(mean[1])];
      const at = [Math.min(x + width - RING - 2, Math.max(x + RING + 2, right)), Math.min(y + height - RING - 2, Math.max(y + RING + 2, up))];
      pen.disc(at[0], at[1], RING, { fill: "paper", alpha: 0.8, stroke: "accent", line: 2 });
      pen.text(way, at[0], at[1], { size: 16, weight: 700, colour: "accent", align: "center", base: "middle" });
      pen.ellipses([[right, up, across, tall]], { fill: "accent", alpha: 0.45, stroke: "accent", line: 1.5 });
      for (let k = DRAWS - 1; k >= 0; k--) pen.disc(toX(z[2 * k]), toY(z[2 * k + 1]), k ? 2 : 3, { fill: "accent", stroke: "paper" });
    });
  }

  /** The cloud's middle, at the plane's edge where it lies beyond. @param {ReturnType<typeof cloudOf>} cloud @param {number} digit @returns {Handle} */
  function handleOf({ mean }, digit) {
    const { x, y, width, height } = place.plane;
    const inside = (/** @type {number} */ at, /** @type {number} */ from, /** @type {number} */ length) => Math.min(from + length, Math.max(from, at));
    const [back, down] = [scale([x, x + width], [-REACH, REACH]), scale([y, y + height], [REACH, -REACH])];
    return {
      x: inside(toX(mean[0]), x, width), y: inside(toY(mean[1]), y, height), axis: "xy", track: place.plane, hint: "drag me", quiet: true, room: x + width,
      move: (px, py) => ({ shift1: back(px) - means[2 * digit], shift2: down(py) - means[2 * digit + 1] }),
    };
  }

  return {
    height: (width) => arrange(width, labels.length, count).height,

    paint(pen, values, width) {
      place = arrange(width, labels.length, count);
      const { narrow, beside, input, decoded, draws, places } = place;
      const { digit } = values;
      const own = labels[digit];
      const label = values.label ? values.label - 1 : own;
      const cloud = cloudOf(values);
      const image = images.subarray(digit * size, (digit + 1) * size);
      const spots = paintChooser(pen, width, images, { side, channels, noun }, "digit", digit);
      pen.text(narrow ? "x" : `x, ${one(own)}`, input.x, input.y - 10, HEADING);
      pen.digit(image, input.x, input.y, input.size, { side, channels });
      paintPlane(pen, cloud, label);

      const all = Array.from({ length: count }, (_, i) => i);
      const outputs = decode(all.map(() => cloud.z), all);
      pen.text(values.label ? `z as ${one(label)}` : "z as its class", decoded.x, decoded.y - 10, HEADING);
      pen.digit(outputs, decoded.x, decoded.y, decoded.size, { side, channels, at: label * size, pixel, frame: "accent" });
      pen.text(beside ? "as each" : narrow ? "the same z as each class" : "the same z as each class: press one", places[0].x, places[0].y - 10, HEADING);
      places.forEach(({ x, y, width: cell }, i) => {
        pen.digit(outputs, x, y, cell, { side, channels, at: i * size, pixel });
        if (i === label) pen.box(x - 1, y - 1, cell + 2, cell + 2, { stroke: "accent", line: 3 });
      });
      const eight = Array.from({ length: DRAWS }, (_, k) => cloud.z.subarray(2 * k, 2 * k + 2));
      const drawn = decode(eight, eight.map(() => label));
      pen.text(`eight draws of z, as ${one(label)}`, 1, draws.y - 10, HEADING);
      let distortion = 0;
      for (let k = 0; k < DRAWS; k++) {
        pen.digit(drawn, 1 + k * draws.step, draws.y, draws.cell, { side, channels, at: k * size, pixel, frame: k ? "line" : "accent" });
        distortion -= logProb(image, drawn, k * size) / DRAWS;
      }

      const rate = unitKl(cloud.mean[0], cloud.variance[0]) + unitKl(cloud.mean[1], cloud.variance[1]);
      const tiles = [
        { name: "Distortion", value: number(distortion), note: label === own ? "of x, as its own class" : `of x, as ${one(label)}`, mark: "distortion" },
        { name: "Rate", value: number(rate), note: rate === Infinity ? "for a point" : "nats, for the style", mark: "rate" },
        { name: "ELBO", value: number(-distortion - rate), note: "a bound on log p(x | y)" },
      ];
      const around = (/** @type {{x: number, y: number, size: number}} */ box) => ({ x: box.x, y: box.y - 24, width: box.size, height: box.size + 24 });
      const { plane } = place;
      const regions = {
        input: around(input),
        decoded: around(decoded),
        plane: { x: plane.x - 26, y: plane.y - 24, width: plane.width + 32, height: plane.height + 44 },
        classes: { x: places[0].x, y: places[0].y - 26, width: beside ? 2 * places[0].width + 4 : width - 2, height: places[places.length - 1].y + places[0].height - places[0].y + 28 },
        draws: { x: 1, y: draws.y - 26, width: width - 2, height: draws.cell + 28 },
      };
      const summary = `${one(own)}, its style at z₁ = ${number(cloud.mean[0], 2)}, z₂ = ${number(cloud.mean[1], 2)}, drawn as ${one(label)}, and the same style drawn as each of ${count} classes: ` +
        `rate ${number(rate)}, distortion ${number(distortion)}, ELBO ${number(-distortion - rate)} nats.`;
      return { summary: summary[0].toUpperCase() + summary.slice(1), tiles, handles: [handleOf(cloud, digit)], spots: [...spots, ...places.map((box, i) => ({ box, choice: "label", index: i + 1 }))], regions };
    },
  };
}
