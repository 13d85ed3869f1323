// InterpolationLab: a walk between two images, along a line or an arc of codes or by blending pixels; an autoencoder beside a VAE.

import { wordsFor } from "./images.mjs";
import { Network } from "./nn.mjs";
import { likelihood } from "./vae.mjs";
import { HEADING, number, remember, scale, SMALL, ticks } from "./draw.mjs";

/**
 * @typedef {{title: string, layers: Layer[], likelihood: LikelihoodName, codes: Ref}} PackedModel
 * @typedef {Named & {side: number, names: string[], images: Ref, library: Ref, labels: Ref, typical: number, models: PackedModel[]}} InterpolationSpec
 */

export const STEPS = 24; // the walk is measured at STEPS + 1 places; a strip shows some of them
const NEIGHBOURS = 10;
const PATHS = ["lerp", "slerp", "pixels"];
const MARKS = [
  { fill: "orange", word: "warm" },
  { fill: "accent", word: "accent" },
];

/** Where frames, strips and curves stand at this width. A strip's cells and the curves share one axis of t. @param {number} width */
export function arrange(width) {
  const narrow = width < 560;
  const cells = narrow ? 7 : 9;
  const gap = narrow ? 3 : 5;
  const cell = Math.floor((width - 2 - (cells + 1) * gap - 2 * (narrow ? 6 : 14)) / (cells + 2));
  const column = (width - (narrow ? 12 : 24)) / 2;
  const large = narrow ? Math.min(104, Math.floor(column - 62)) : Math.min(168, Math.floor(column - 116));
  const near = narrow ? 48 : 92;
  const frames = [0, 1].map((i) => {
    const x = 1 + i * (column + (narrow ? 12 : 24));
    return { x, y: 30, size: large, near: { x: x + large + (narrow ? 10 : 16), y: 30 + large - near, size: near } };
  });
  const first = Math.floor((width - cells * cell - (cells - 1) * gap) / 2);
  const top = 30 + large + 60;
  const strips = [0, 1].map((i) => ({ x: first, y: top + i * (cell + gap), cell, step: cell + gap, cells }));
  const middle = top + (cell + gap) / 2;
  const ends = [1, width - 1 - cell].map((x) => ({ x, y: middle, size: cell }));
  const axis = { x: first + cell / 2, width: (cells - 1) * (cell + gap) };
  const curves = { x: axis.x, width: axis.width, y: top + 2 * (cell + gap) + 44, height: narrow ? 96 : 104 };
  return { narrow, frames, strips, ends, curves, height: curves.y + curves.height + 40 };
}

/**
 * The place at `t` of a walk between codes, as vae_core.latent.lerp and slerp have it, into out[at …].
 * @param {string} path @param {ArrayLike<number>} start @param {ArrayLike<number>} end @param {number} t @param {Float64Array} out
 */
export function place(path, start, end, t, out, at = 0) {
  let [a, b] = [1 - t, t];
  if (path === "slerp") {
    let dot = 0, first = 0, second = 0;
    for (let i = 0; i < start.length; i++) {
      dot += start[i] * end[i];
      first += start[i] * start[i];
      second += end[i] * end[i];
    }
    [first, second] = [Math.sqrt(first), Math.sqrt(second)];
    const angle = Math.acos(Math.min(1, Math.max(-1, dot / (first * second)))); // NaN where a code is the origin
    if (Math.sin(angle) >= 1e-4) {
      const length = (1 - t) * first + t * second;
      a = (length * Math.sin((1 - t) * angle)) / (Math.sin(angle) * first);
      b = (length * Math.sin(t * angle)) / (Math.sin(angle) * second);
    }
  }
  for (let i = 0; i < start.length; i++) out[at + i] = a * start[i] + b * end[i];
}

/** An image at half its width: the mean of each two by two pixels, into out. @param {ArrayLike<number>} pixels @param {number} at @param {number} side @param {Float64Array} out */
export function halve(pixels, at, side, out) {
  const half = side >> 1;
  for (let row = 0; row < half; row++) {
    for (let column = 0; column < half; column++) {
      const i = at + 2 * row * side + 2 * column;
      out[row * half + column] = (pixels[i] + pixels[i + 1] + pixels[i + side] + pixels[i + side + 1]) / 4;
    }
  }
}

/**
 * The real images nearest to one: distance and index of the first, and how the nearest ten are labelled: {label, votes}.
 * @param {ArrayLike<number>} image @param {ArrayLike<number>} library @param {ArrayLike<number>} labels
 */
export function judge(image, library, labels) {
  const size = image.length;
  const best = Array(Math.min(NEIGHBOURS, labels.length)).fill(Infinity), rows = best.map(() => -1);
  for (let row = 0; row < labels.length; row++) {
    let squared = 0;
    const worst = best[best.length - 1];
    for (let i = 0, at = row * size; i < size && squared < worst; i++, at++) squared += (image[i] - library[at]) ** 2;
    if (squared >= worst) continue;
    let k = best.length - 1;
    for (; k > 0 && best[k - 1] > squared; k--) [best[k], rows[k]] = [best[k - 1], rows[k - 1]];
    [best[k], rows[k]] = [squared, row];
  }
  const counts = new Map();
  for (const row of rows) counts.set(labels[row], (counts.get(labels[row]) ?? 0) + 1);
  const [label, votes] = [...counts].reduce((most, next) => (next[1] > most[1] ? next : most)); // of a tie, the nearest
  return { distance: Math.sqrt(best[0]), row: rows[0], label, votes };
}

/** @type {Create<InterpolationSpec>} */
export function create(spec, read) {
  const { side, names } = spec;
  const size = side * side, half = (side >> 1) ** 2;
  const images = Float32Array.from(read(spec.images), (v) => v / 255);
  const library = Float32Array.from(read(spec.library), (v) => v / 255);
  const labels = read(spec.labels);
  const { noun, digits, classes, one, are } = wordsFor(spec);
  const small = new Float64Array(half);
  const models = spec.models.map((model) => {
    const network = new Network(model.layers, read, STEPS + 1);
    const short = model.title.replace(/ \(.*\)$/, ""); // without "(the book's)", for which a phone's canvas has no room: its tile says it
    const [codes, { pixel }] = [read(model.codes), likelihood(model.likelihood)];
    const code = (/** @type {number} */ row) => codes.subarray(row * network.inputs, (row + 1) * network.inputs);
    return { ...model, short, network, pixel, code, walk: new Float64Array((STEPS + 1) * size), now: new Float64Array(size), ends: new Float64Array(2 * size) };
  });
  let where = arrange(640);
  const titleOf = (/** @type {typeof models[0]} */ { title, short }) => (where.narrow ? short : title);

  /**
   * Pixels at the places `ts` of the walk, image after image into `into`.
   * @param {typeof models[0]} model @param {number} from @param {number} to @param {number} path @param {number[]} ts @param {Float64Array} into
   */
  function decode({ network, pixel, code, ends }, from, to, path, ts, into) {
    if (PATHS[path] === "pixels") {
      ts.forEach((t, k) => {
        for (let i = 0; i < size; i++) into[k * size + i] = (1 - t) * ends[i] + t * ends[size + i];
      });
      return;
    }
    ts.forEach((t, k) => place(PATHS[path], code(from), code(to), t, network.input, k * network.inputs));
    const outputs = network.run(ts.length);
    for (let i = 0, n = ts.length * size; i < n; i++) into[i] = pixel(outputs[i]);
  }

  /** @param {Float64Array} pixels @param {number} at */
  function measure(pixels, at) {
    halve(pixels, at, side, small);
    const found = judge(small, library, labels);
    return { ...found, distance: found.distance / spec.typical };
  }

  /** Decode and judge the whole walk: the curve of distances, by model. @type {(from: number, to: number, path: number) => number[][]} */
  const walk = remember((from, to, path) => models.map((model) => {
    const ts = Array.from({ length: STEPS + 1 }, (_, k) => k / STEPS);
    if (PATHS[path] === "pixels") decode(model, from, to, 0, [0, 1], model.ends);
    decode(model, from, to, path, ts, model.walk);
    return ts.map((_, k) => measure(model.walk, k * size).distance);
  }));

  /** @param {Pen} pen @param {number[][]} curves @param {number} t */
  function paintCurves(pen, curves, t) {
    const { x, y, width, height } = where.curves;
    const most = Math.max(1.5, ...curves.flat());
    const toX = scale([0, 1], [x, x + width]), toY = scale([0, most], [y + height, y]);
    pen.text(`distance to the nearest real ${noun}`, 1, y - 14, HEADING);
    pen.axes(where.curves, {
      x: { to: toX, ticks: [0, 0.25, 0.5, 0.75, 1], words: (tick) => `${tick || "t = 0"}` },
      y: { to: toY, ticks: ticks(0, most, 3), words: number, rule: (tick) => ({ dash: tick === 1 ? [5, 4] : [] }) },
    });
    curves.forEach((curve, i) => {
      pen.line(curve.map((distance, k) => [toX(k / STEPS), toY(distance)]), { colour: MARKS[i].fill, width: 2.5 });
    });
    pen.line([[toX(t), y], [toX(t), y + height]], { colour: "ink", width: 1.5 });
    return toX(t);
  }

  /** @param {Pen} pen @param {Values} values @param {number} at */
  function paintStrips(pen, values, at) {
    const [above, below] = where.strips;
    /** @type {[string, TextStyle][]} */
    const [first, second] = models.map((model, i) => [titleOf(model), { ...HEADING, colour: MARKS[i].word }]);
    pen.words([[`by ${PATHS[values.path]}: `, HEADING], first, [" above, ", HEADING], second, [" below", HEADING]], 1, above.y - 22);
    pen.line([[at, above.y - 6], [at, below.y + below.cell + 6]], { colour: "ink", width: 1.5 });
    models.forEach((model, i) => {
      const { x, y, cell, step, cells } = where.strips[i];
      for (let k = 0; k < cells; k++) {
        const from = (k * STEPS * size) / (cells - 1);
        pen.digit(model.walk, x + k * step, y, cell, { side, at: from, frame: MARKS[i].fill });
      }
    });
    [values.from, values.to].forEach((row, i) => {
      const { x, y, size: wide } = where.ends[i];
      pen.digit(images, x, y, wide, { side, at: row * size });
      pen.text(i ? "to" : "from", x + wide / 2, y - 7, { ...SMALL, align: "center" });
    });
  }

  return {
    height: (width) => arrange(width).height,

    paint(pen, values, width) {
      where = arrange(width);
      const { t, from, to, path } = values;
      const curves = walk(from, to, path);
      const found = models.map((model, i) => {
        const { x, y, size: large, near } = where.frames[i];
        decode(model, from, to, path, [t], model.now);
        const verdict = measure(model.now, 0);
        pen.text(titleOf(model), x, y - 11, { ...HEADING, colour: MARKS[i].word });
        pen.digit(model.now, x, y, large, { side });
        pen.digit(library, near.x, near.y, near.size, { side: side >> 1, at: verdict.row * half });
        const what = where.narrow ? "real" : `real ${noun}`, which = one(labels[verdict.row]);
        const lines = where.narrow && classes && !digits ? ["nearest:", which] : ["nearest", classes ? `${what}: ${which}` : what];
        lines.forEach((line, k) => pen.text(line, near.x, near.y - 8 - 16 * (lines.length - 1 - k), SMALL));
        return verdict;
      });
      const at = paintCurves(pen, curves, t);
      paintStrips(pen, values, at);

      /** @param {ReturnType<typeof measure>} found @param {string} before */
      const note = ({ label, votes }, before) => `from the nearest real ${noun}${classes ? `${before} of 10 nearest, ${votes} ${are(label, votes)}` : ""}`;
      const tiles = models.map(({ title }, i) => ({
        name: title,
        value: number(found[i].distance, 2),
        note: note(found[i], ";"),
        mark: MARKS[i].fill,
      }));
      const each = models.map(({ title }, i) => `${title}: ${number(found[i].distance, 2)} ${note(found[i], ",")}`);
      const summary = `A walk from ${names[from]} to ${names[to]} by ${PATHS[path]}, at t = ${number(t, 2)}. ${each.join(". ")}.`;
      const { x: left, width: wide, y: top, height } = where.curves;
      const [strip] = where.strips;
      /** @type {Handle} strips and curves are one axis of t, to drag along */
      const handle = {
        x: at, y: strip.y - 8, axis: "x", colour: "ink", hint: "drag me",
        track: { x: left - strip.cell / 2, y: strip.y - 16, width: wide + strip.cell, height: top + height + 36 - strip.y },
        move: (px) => ({ t: (px - left) / wide }),
      };
      return { summary, tiles, handles: [handle] };
    },
  };
}
