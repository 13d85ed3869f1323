// RateDistortionLab: one network trained at many weights β of the rate; what each draws again, invents and pays, and its place on the plane.

import { wordsFor } from "./images.mjs";
import { activationOf, Network } from "./nn.mjs";
import { likelihood } from "./vae.mjs";
import { normals } from "./random.mjs";
import { HEADING, number, remember, scale, SMALL, ticks } from "./draw.mjs";

/**
 * @typedef {{beta: number, layers: Layer[], likelihood: LikelihoodName, mean: Ref, log_var: Ref, order: number[], units: number[], active: boolean[], rate: number, distortion: number}} Packed
 * @typedef {Named & {side: number, channels: number, images: Ref, models: Packed[], floor: number, memory: number, most: [number, number], tallest: number, controls: [Choice, Slider, Choice, Slider, Press]}} PlaneSpec
 */

/**
 * Where things stand at this width: three rows of pictures with the units below them, and the plane beside these, on a phone below.
 * @param {number} width @param {number} count  of images
 */
export function arrange(width, count) {
  const narrow = width < 560;
  const gap = narrow ? 3 : 4;
  const across = narrow ? width - 2 : Math.min(0.5 * width, 54 * count);
  const size = Math.min(54, (across + gap) / count - gap);
  const head = narrow ? 17 : 20;
  const rows = [0, 1, 2].map((i) => ({ y: head + i * (size + head + 2), size, pitch: size + gap }));
  const left = count * (size + gap) - gap;
  const top = rows[2].y + size + head + (narrow ? 4 : 10);
  const bars = { x: 1, y: top, width: left, height: narrow ? 48 : 76 };
  const foot = bars.y + bars.height + 17;
  const plane = narrow
    ? { x: 34, y: foot + 26, width: width - 42, height: 168 }
    : { x: left + 56, y: 28, width: width - left - 64, height: foot - 28 - 36 };
  return { narrow, rows, left, bars, plane, height: plane.y + plane.height + 36 };
}

/** @type {Create<PlaneSpec, ReadSome>} */
export function create(spec, read) {
  const { side, channels, models, floor, memory, most, tallest } = spec;
  const size = channels * side * side;
  const images = Float32Array.from(read(spec.images) ?? [], (v) => v / 255);
  const count = images.length / size;
  const units = models[0].order.length;
  const { noun } = wordsFor(spec);
  const low = floor - 0.12 * (most[1] - floor); // where the plane's axis begins
  let place = arrange(640, count);

  /** The models whose numbers have come: all of them are read before any is shown, so that nothing damaged waits behind the slider. */
  const arrived = models.map(({ layers, likelihood: name, mean, log_var }) => {
    const [means, logVars] = [read(mean), read(log_var)];
    for (const { activation } of layers) activationOf(activation); // also of those whose numbers have not come
    return means && logVars && { means, logVars, decoder: new Network(layers, /** @type {Read} */ (read), 2 * count), ...likelihood(name) };
  });
  const noiseOf = remember((/** @type {number} */ draw) => normals(draw + 1, 2 * count * units));

  /**
   * The images drawn again from z = mean + noise · std · ε, one unit shifted, and as many draws from the prior: raw outputs, which the
   * next call overwrites, and the mean distortion of those drawn again.
   * @param {NonNullable<typeof arrived[number]>} model @param {number[]} order @param {ArrayLike<number>} epsilon
   * @param {number} noise @param {number} unit @param {number} shift
   */
  function decode({ means, logVars, decoder, logProb }, order, epsilon, noise, unit, shift) {
    order.forEach((own, rank) => {
      for (let k = 0; k < count; k++) {
        const at = k * units + own;
        decoder.input[at] = means[at] + noise * Math.exp(0.5 * logVars[at]) * epsilon[k * units + rank] + (rank === unit ? shift : 0);
        decoder.input[count * units + at] = epsilon[(count + k) * units + rank];
      }
    });
    const outputs = decoder.run(2 * count);
    let distortion = 0;
    for (let k = 0; k < count; k++) distortion -= logProb(images.subarray(k * size, (k + 1) * size), outputs.subarray(k * size, (k + 1) * size), 0) / count;
    return { outputs, distortion };
  }

  /** The plane's two scales. */
  const axes = ({ x, y, width, height } = place.plane) => ({
    across: scale([-0.03 * most[0], most[0]], [x, x + width]),
    up: scale([low, most[1]], [y + height, y]),
  });

  /** All of the plane that stays: its axes, what no model can pass, every model's dot. @param {Pen} pen */
  function paintGround(pen) {
    const { plane, narrow } = place;
    const { x, y, width, height } = plane;
    const { across, up } = axes();
    const bottom = y + height;
    pen.box(x, y, across(0) - x, height, { fill: "muted", alpha: 0.25 });
    const wall = [[0, memory], [memory - floor, floor], [most[0], floor]].map(([r, d]) => [across(r), up(d)]);
    pen.area(wall, bottom, { fill: "muted", alpha: 0.25 });
    pen.line(wall, { colour: "muted" });
    pen.text("no model can be here", x + width - 6, bottom - 6, { ...SMALL, align: "right" });
    pen.frame(plane, "muted");
    pen.axes(plane, {
      x: { to: across, ticks: ticks(0, most[0], narrow ? 4 : 5) },
      y: { to: up, ticks: ticks(low, most[1], narrow ? 4 : 5) },
    });
    pen.words([["↑ distortion", { size: 12, weight: 700, colour: "distortion" }], [narrow ? ", test set, nats" : ", over the test set, nats", SMALL]], x - (narrow ? 33 : 30), y - 9);
    pen.text("rate, nats →", x + width, bottom + 32, { size: 12, weight: 700, colour: "rate", align: "right" });
    const dots = models.map(({ rate, distortion }) => [across(rate), up(distortion)]);
    pen.line(dots, { colour: "line", width: 1.5 });
    for (const [left, top] of dots) pen.disc(left, top, 3.5, { fill: "muted", stroke: "paper" });
  }

  /** The line of equal loss through the model at hand, and its dot. @param {Pen} pen @param {Packed} model */
  function paintPlane(pen, { beta, rate, distortion }) {
    const { plane } = place;
    const { across, up } = axes();
    pen.layer("plane", "", plane.x - 36, plane.y - 26, plane.width + 44, plane.height + 62, () => paintGround(pen));
    const [first, last] = [distortion + beta * (rate + 0.03 * most[0]), distortion - beta * (most[0] - rate)];
    pen.clip(plane, () => pen.line([[plane.x, up(first)], [plane.x + plane.width, up(last)]], { colour: "accent", width: 2 }));
    const [x, y] = [across(rate), up(distortion)];
    pen.disc(x, y, 6, { fill: "accent", stroke: "paper", line: 2 });
    const right = x < plane.x + 0.62 * plane.width;
    pen.text(`β = ${beta}`, x + (right ? 11 : -11), y < plane.y + 26 ? y + 18 : y - 9, { size: 13, weight: 700, colour: "accent", halo: true, align: right ? "left" : "right" });
  }

  /** The dot of the model at hand, which can be dragged to that of another. @param {Packed} model @returns {Handle} */
  function handleOf({ rate, distortion }) {
    const { across, up } = axes();
    const away = (/** @type {Packed} */ other, /** @type {number} */ x, /** @type {number} */ y) => Math.hypot(across(other.rate) - x, up(other.distortion) - y);
    return {
      x: across(rate), y: up(distortion), axis: "x", quiet: true, hint: "drag", below: true, room: 0,
      move: (x, y) => ({ beta: models.reduce((nearest, model, i) => (away(model, x, y) < away(models[nearest], x, y) ? i : nearest), 0) }),
    };
  }

  /** What each unit pays, in one order; the chosen one has a frame, a strong one where it is shifted. @param {Pen} pen @param {Packed} model @param {number} chosen @param {boolean} shifted */
  function paintUnits(pen, { units: nats, active }, chosen, shifted) {
    const { x, y, width, height } = place.bars;
    const pitch = width / units, bar = Math.min(26, 0.72 * pitch);
    const used = active.filter(Boolean).length;
    const floor = y + height;
    pen.words([["what each unit pays", HEADING], [place.narrow ? `, nats: ${used} in use` : `: its KL, in nats; ${used} of ${units} in use`, SMALL]], 1, y - 8);
    pen.line([[x, floor + 0.5], [x + width, floor + 0.5]], { colour: "muted" });
    nats.forEach((kl, i) => {
      const middle = x + (i + 0.5) * pitch;
      const tall = Math.max(1.5, Math.min(1, kl / tallest) * (height - 14));
      if (i === chosen) pen.box(middle - bar / 2 - 3, y - 1, bar + 6, height + 17, shifted ? { stroke: "accent", line: 2, radius: 3 } : { stroke: "line", line: 1, radius: 3 });
      pen.box(middle - bar / 2, floor - tall, bar, tall, { fill: active[i] ? "rate" : "muted" });
      if (active[i]) pen.text(number(kl) + (kl > tallest ? "↑" : ""), middle, floor - tall - 3, { size: 11, align: "center" });
      pen.text(String(i + 1), middle, floor + 13, { ...SMALL, size: 11, align: "center" });
    });
    return nats.map((_, index) => ({ box: { x: x + index * pitch, y, width: pitch, height: height + 16 }, choice: "unit", index }));
  }

  /** A row of pictures under its words. @param {Pen} pen @param {number} row @param {string} words @param {string} more @param {ArrayLike<number>} values @param {number} from @param {(y: number) => number} [pixel] */
  function paintRow(pen, row, words, more, values, from, pixel) {
    const { y, size: cell, pitch } = place.rows[row];
    pen.words([[words, HEADING], [more, SMALL]], 1, y - 5);
    for (let k = 0; k < count; k++) pen.digit(values, 1 + k * pitch, y, cell, { side, channels, at: from + k * size, pixel });
  }

  return {
    height: (width) => arrange(width, count).height,

    paint(pen, { beta: at, noise, unit, shift, draw }, width) {
      place = arrange(width, count);
      const { rows, left, bars, plane } = place;
      const packed = models[at], model = arrived[at];
      paintRow(pen, 0, `test ${noun}s`, "", images, 0);
      const tiles = [];
      let live = "";
      if (model) {
        const epsilon = noiseOf(draw);
        const own = decode(model, packed.order, epsilon, 1, unit, 0).distortion;
        const { outputs, distortion } = decode(model, packed.order, epsilon, noise, unit, shift);
        const disturbed = noise !== 1 || shift !== 0;
        // on a phone the tiles are below the screen
        const more = place.narrow ? `, distortion ${number(distortion)}${disturbed ? `, undisturbed ${number(own)}` : ""}` : disturbed ? ", z disturbed" : ", a draw of z each";
        paintRow(pen, 1, "drawn again", more, outputs, 0, model.pixel);
        paintRow(pen, 2, "draws from the prior", "", outputs, count * size, model.pixel);
        live = ` The images drawn again have a distortion of ${number(distortion)}; undisturbed ${number(own)}.`;
        tiles.push({ name: "Distortion of these", value: number(distortion), note: `undisturbed ${number(own)}`, mark: "distortion" });
      } else for (const row of [1, 2]) pen.text("on its way …", 1, rows[row].y + 30, SMALL);
      const spots = paintUnits(pen, packed, unit, shift !== 0);
      paintPlane(pen, packed);
      const { beta, rate, distortion, active } = packed;
      const used = active.filter(Boolean).length;
      tiles.unshift(
        { name: "Distortion", value: number(distortion), note: "mean of the test set", mark: "distortion" },
        { name: "Rate", value: number(rate), note: "mean of the test set", mark: "rate" },
        { name: "Sum", value: number(distortion + rate), note: `−ELBO; with rate × β ${number(distortion + beta * rate)}` },
      );
      const row = (/** @type {number} */ i) => ({ x: 1, y: rows[i].y - 13, width: left, height: rows[i].size + 11 });
      return {
        summary: `β = ${beta}: rate ${number(rate)}, distortion ${number(distortion)}, sum ${number(rate + distortion)} nats over the test set, ${used} of ${units} units in use.${live}`,
        tiles, spots,
        handles: [handleOf(packed)],
        regions: {
          again: row(1), prior: row(2),
          units: { x: bars.x, y: bars.y - 16, width: bars.width, height: bars.height + 33 },
          plane: { x: plane.x - 30, y: plane.y - 21, width: plane.width + 34, height: plane.height + 57 },
        },
      };
    },
  };
}
