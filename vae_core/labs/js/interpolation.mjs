// InterpolationLab: a walk between two images, along a line or an arc of codes or by blending pixels; an autoencoder beside a VAE.

import { wordsFor } from "./images.mjs";
import { Network } from "./nn.mjs";
import { likelihood } from "./vae.mjs";
import { HEADING, number, remember, scale, SMALL } from "./draw.mjs";

/**
 * @typedef {{title: string, mark: string, layers: Layer[], likelihood: LikelihoodName, codes: Ref}} PackedModel
 * @typedef {Named & {side: number, channels: number, names: string[], images: Ref, library: Ref, labels: Ref, typical: number, models: PackedModel[]}} InterpolationSpec
 */

export const STEPS = 24; // the walk is measured at STEPS + 1 places; a strip shows some of them
const NEIGHBOURS = 10;
const PATHS = ["lerp", "slerp", "pixels"];
const MEANING = ["a straight line from the one code to the other", "an arc about the origin, at the codes’ length", "no codes: the two drawings at the ends, mixed"];
const MOST = 1.6; // the end of the axis of distances: what lies beyond says how far

/** Where everything stands at this width. Strips, votes and curves share one axis of t. @param {number} width @param {number} count  of pictures to choose from */
export function arrange(width, count = 20) {
  const narrow = width < 560;
  const cells = narrow ? 7 : 11;
  const gap = narrow ? 3 : 5;
  const cell = Math.floor((width - 2 - (cells + 1) * gap - 2 * (narrow ? 6 : 14)) / (cells + 2));
  const column = (width - (narrow ? 12 : 24)) / 2;
  const [large, near] = narrow ? [Math.min(64, Math.floor(column - 62)), 44] : [96, 60];
  const frames = [0, 1].map((i) => {
    const x = 1 + i * (column + (narrow ? 12 : 24));
    return { x, y: 26, size: large, near: { x: x + large + (narrow ? 9 : 16), y: 26 + large - near, size: near } };
  });
  const first = Math.floor((width - cells * cell - (cells - 1) * gap) / 2);
  const axis = { x: first + cell / 2, width: (cells - 1) * (cell + gap) };
  const top = 26 + large + (narrow ? 78 : 88);
  const vote = narrow ? 14 : 17;
  const pitch = cell + vote + (narrow ? 7 : 10);
  const strips = [0, 1].map((i) => ({ x: first, y: top + i * pitch, cell, step: cell + gap, cells }));
  const votes = strips.map(({ y }) => ({ ...axis, y: y + cell + 3, height: vote }));
  const ends = [1, width - 1 - cell].map((x) => ({ x, y: top + (pitch - 6) / 2, size: cell }));
  const curves = { ...axis, y: top + 2 * pitch + (narrow ? 72 : 74), height: narrow ? 80 : 96 };
  const columns = narrow ? 10 : 20, thumb = (width - 2) / columns;
  const lines = Math.ceil(count / columns);
  const pick = [0, 1].map((i) => ({ x: 1, y: curves.y + curves.height + 56 + i * (lines * thumb + 24), width: thumb * Math.min(columns, count), height: lines * thumb, thumb, columns }));
  return { narrow, frames, strips, votes, ends, curves, pick, height: pick[1].y + pick[1].height + 4 };
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

/** An image at half its width, channel by channel: the mean of each two by two pixels, into out. @param {ArrayLike<number>} pixels @param {number} at @param {number} side @param {Float64Array} out */
export function halve(pixels, at, side, out, channels = 1) {
  const half = side >> 1;
  for (let row = 0, k = 0; row < half * channels; row++) {
    const i = at + Math.floor(row / half) * side * side + 2 * (row % half) * side;
    for (let column = 0; column < 2 * half; column += 2, k++) {
      out[k] = (pixels[i + column] + pixels[i + column + 1] + pixels[i + column + side] + pixels[i + column + side + 1]) / 4;
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
  const { side, channels, names } = spec;
  const size = channels * side * side, half = channels * (side >> 1) ** 2;
  const images = Float32Array.from(read(spec.images), (v) => v / 255);
  const library = Float32Array.from(read(spec.library), (v) => v / 255);
  const labels = read(spec.labels);
  const { noun, classes, are } = wordsFor(spec);
  const small = new Float64Array(half), aside = new Float64Array(size);
  const models = spec.models.map((model) => {
    const network = new Network(model.layers, read, STEPS + 1);
    const short = model.title.replace(/ \(.*\)$/, ""); // without "(the book's)", for which a phone's canvas has no room: its tile says it
    const [codes, { pixel }] = [read(model.codes), likelihood(model.likelihood)];
    const code = (/** @type {number} */ row) => codes.subarray(row * network.inputs, (row + 1) * network.inputs);
    const [word, here] = [model.mark === "orange" ? "warm" : model.mark, new Float64Array(network.inputs)];
    return { ...model, word, short, network, pixel, code, here, walk: new Float64Array((STEPS + 1) * size), now: new Float64Array(size), ends: new Float64Array(2 * size) };
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
    halve(pixels, at, side, small, channels);
    const found = judge(small, library, labels);
    return { ...found, distance: found.distance / spec.typical };
  }

  const TS = Array.from({ length: STEPS + 1 }, (_, k) => k / STEPS);
  /** Decode and judge the whole walk: what is found at each place, by model. @param {number} from @param {number} to @param {number} path */
  const judged = (from, to, path) => models.map((model) => {
    if (PATHS[path] === "pixels") decode(model, from, to, 0, [0, 1], model.ends);
    decode(model, from, to, path, TS, model.walk);
    return TS.map((_, k) => measure(model.walk, k * size));
  });
  const straight = remember((/** @type {number} */ from, /** @type {number} */ to) => judged(from, to, 0)); // to compare with
  const walk = remember(judged);

  /** How long the code at `t` is, for one that is as long as those at both ends in turn. @param {typeof models[0]} model @param {Values} values */
  function lengthOf({ code, here }, { from, to, path, t }) {
    const norm = (/** @type {ArrayLike<number>} */ z) => Math.hypot(...Array.from(z));
    place(PATHS[path], code(from), code(to), t, here);
    const ends = (1 - t) * norm(code(from)) + t * norm(code(to));
    return ends > 0 ? norm(here) / ends : 1; // both at the origin
  }

  /** @param {Pen} pen @param {ReturnType<typeof judged>} walks @param {ReturnType<typeof judged> | null} before @param {number} t */
  function paintCurves(pen, walks, before, t) {
    const { x, y, width, height } = where.curves;
    const toX = scale([0, 1], [x, x + width]), toY = scale([0, MOST], [y + height, y]);
    pen.text(`distance to the nearest real ${noun}`, 1, y - 8, HEADING);
    if (before) pen.text("dashed: by lerp", x + width, y + 13, { ...SMALL, align: "right" });
    pen.axes(where.curves, {
      x: { to: toX, ticks: [0, 0.25, 0.5, 0.75, 1], words: (tick) => `${tick || "t = 0"}` },
      y: { to: toY, ticks: [0, 0.5, 1, 1.5], words: (tick) => (tick % 1 ? "" : number(tick, 0)), rule: (tick) => ({ dash: tick === 1 ? [5, 4] : [] }) },
    });
    models.forEach(({ mark, word }, i) => {
      const trace = (/** @type {{distance: number}[]} */ places, /** @type {LineStyle} */ style) => pen.line(places.map(({ distance }, k) => [toX(k / STEPS), toY(distance)]), { colour: mark, ...style });
      pen.clip(where.curves, () => {
        if (before) trace(before[i], { width: 1.5, dash: [3, 3] });
        trace(walks[i], { width: 2.5 });
      });
      const high = walks[i].reduce((most, { distance }, k) => (distance > walks[i][most].distance ? k : most), 0);
      const most = walks[i][high].distance;
      if (most > MOST) pen.text(`${number(most)} ↑`, toX(high / STEPS), y + 12 + 14 * i, { size: 12, weight: 700, colour: word, align: "center", halo: true });
    });
    pen.line([[toX(t), y], [toX(t), y + height]], { colour: "ink", width: 1.5 });
  }

  /** What the nearest say along the way: as high as they agree, with a number for each run of places. @param {Pen} pen @param {ReturnType<typeof measure>[]} places @param {typeof models[0]} model @param {Box} box */
  function paintVotes(pen, places, { mark }, { x, y, width, height }) {
    const cell = width / STEPS;
    pen.line([[x - cell / 2, y + height + 0.5], [x + width + cell / 2, y + height + 0.5]], {});
    let begun = 0;
    places.forEach(({ label, votes }, k) => {
      const tall = (height * votes) / NEIGHBOURS;
      pen.box(x + (k - 0.5) * cell, y + height - tall, cell, tall, { fill: mark, alpha: 0.3 });
      if (k < STEPS && places[k + 1].label === label) return;
      const [left, right] = [x + (begun - 0.5) * cell, x + (k + 0.5) * cell];
      const size = where.narrow ? 11 : 13;
      if (k < STEPS) pen.line([[right, y], [right, y + height]], { colour: "paper", width: 2 });
      if (right - left > 1.2 * size) pen.text(String(label), (left + right) / 2, y + height / 2 + 1, { size, weight: 700, align: "center", base: "middle" }); // where two characters fit
      begun = k + 1;
    });
  }

  /** @param {Pen} pen @param {Values} values @param {ReturnType<typeof judged>} walks */
  function paintStrips(pen, values, walks) {
    const [above] = where.strips, heading = { ...HEADING, size: where.narrow ? 13 : 14 };
    /** @type {[string, TextStyle][]} */
    const [first, second] = models.map((model) => [titleOf(model), { ...heading, colour: model.word }]);
    pen.words([[`by ${PATHS[values.path]}: `, heading], first, [" above, ", heading], second, [" below", heading]], 1, above.y - (where.narrow ? 10 : 28));
    if (!where.narrow) pen.text(MEANING[values.path], 1, above.y - 11, SMALL);
    models.forEach((model, i) => {
      const { x, y, cell, step, cells } = where.strips[i];
      for (let k = 0; k < cells; k++) {
        const t = k / (cells - 1), nearest = Math.round(t * STEPS);
        pen.digit(model.walk, x + k * step, y, cell, { side, channels, at: nearest * size, frame: model.mark });
      }
      if (classes) paintVotes(pen, walks[i], model, where.votes[i]);
    });
    [values.from, values.to].forEach((row, i) => {
      const { x, y, size: wide } = where.ends[i];
      pen.digit(images, x, y, wide, { side, channels, at: row * size });
      pen.text(i ? "to" : "from", x + wide / 2, y - 5, { ...SMALL, align: "center" });
    });
  }

  /** The images to choose from, in two rows: for the beginning and for the end. @param {Pen} pen @param {Values} values @returns {Handle[]} */
  function paintPictures(pen, values) {
    return where.pick.map((box, i) => {
      const { x, y, thumb, columns } = box;
      const name = i ? "to" : "from";
      pen.text(i ? "and to" : "pick a picture to walk from", x, y - 7, SMALL);
      pen.layer(`pick ${i}`, "", x - 1, y - 1, box.width + 2, box.height + 2, () => {
        names.forEach((_, k) => pen.digit(images, x + (k % columns) * thumb + 2, y + Math.floor(k / columns) * thumb + 2, thumb - 4, { side, channels, at: k * size }));
      });
      const k = values[name];
      pen.box(x + (k % columns) * thumb + 0.5, y + Math.floor(k / columns) * thumb + 0.5, thumb - 1, thumb - 1, { stroke: "accent", line: 3, radius: 4 });
      const at = (/** @type {number} */ px, /** @type {number} */ py) => {
        const [column, row] = [px - x, py - y].map((v, axis) => Math.min((axis ? Math.ceil(names.length / columns) : columns) - 1, Math.max(0, Math.floor(v / thumb))));
        return Math.min(names.length - 1, row * columns + column);
      };
      return { x: -100, y: -100, axis: "x", quiet: true, track: box, move: (px, py) => ({ [name]: at(px, py) }) }; // to press, not to take hold of
    });
  }

  return {
    height: (width) => arrange(width, names.length).height,

    paint(pen, values, width) {
      where = arrange(width, names.length);
      const { t, from, to, path } = values;
      const before = path ? straight(from, to) : null;
      const walks = walk(from, to, path);
      const found = models.map((model, i) => {
        const { x, y, size: large, near } = where.frames[i];
        decode(model, from, to, path, [t], model.now);
        const verdict = measure(model.now, 0);
        const tight = { ...SMALL, ...(where.narrow ? { size: 11 } : {}) };
        pen.text(titleOf(model), x, y - 9, { ...HEADING, colour: model.word });
        pen.digit(model.now, x, y, large, { side, channels, frame: model.mark });
        pen.digit(library, near.x, near.y, near.size, { side: side >> 1, channels, at: verdict.row * half, smooth: true });
        ["nearest", `real ${noun}`].forEach((line, k) => pen.text(line, near.x, near.y - 18 + 14 * k, tight));
        const length = PATHS[path] === "pixels" ? "no code" : `code’s length × ${number(lengthOf(model, values), 2)}`;
        const vote = classes ? `${verdict.votes} ${are(verdict.label, verdict.votes)}` : "";
        const away = number(verdict.distance, 2), bold = { weight: 700, colour: model.word };
        if (path) decode(model, from, to, 0, [t], aside);
        const byLerp = path ? `lerp: ${number(measure(aside, 0).distance, 2)}` : "";
        if (where.narrow) pen.words([["distance ", tight], [away, { ...bold, size: 12 }], [byLerp && `  ${byLerp}`, tight]], x, y + large + 15);
        else {
          pen.text(away, near.x + near.size + 14, near.y + 36, { ...bold, size: 22 });
          pen.text("distance", near.x + near.size + 14, near.y + 54, tight);
          pen.text(byLerp, near.x + near.size + 14, near.y + 12, tight);
        }
        if (vote) pen.text(`nearest ${NEIGHBOURS}: ${vote}`, x, y + large + (where.narrow ? 29 : 17), tight);
        pen.text(length, x, y + large + (where.narrow ? 43 : 33), tight);
        return { ...verdict, length, vote };
      });
      paintStrips(pen, values, walks);
      paintCurves(pen, walks, before, t);
      const handles = paintPictures(pen, values);

      const note = `from the nearest real ${noun}`; // the same everywhere: the lab keeps its height
      const tiles = models.map(({ title, mark }, i) => ({ name: title, value: number(found[i].distance, 2), note, mark }));
      const each = models.map(({ title }, i) => [`${title}: ${number(found[i].distance, 2)} ${note}`, found[i].vote && `of the ${NEIGHBOURS} nearest, ${found[i].vote}`, found[i].length].filter(Boolean).join("; "));
      const { x: left, width: wide, y: top, height } = where.curves;
      const { narrow, strips: [strip], votes: [, band] } = where;
      const at = left + wide * t, grip = band.y + band.height + (narrow ? 34 : 37);
      for (const { y, cell } of where.strips) { // not through a drawing, nor through the bands' numbers
        for (const [from, to] of [[y - 6, y], [y + cell, y + cell + 3]]) pen.line([[at, from], [at, to]], { colour: "ink", width: 1.5 });
      }
      /** @type {Handle} strips, votes and curves are one axis of t, to drag along */
      const handle = {
        x: at, y: grip, axis: "x", colour: "ink", hint: "drag me",
        track: { x: left - strip.cell / 2, y: strip.y - 6, width: wide + strip.cell, height: top + height + 20 - strip.y },
        move: (px) => ({ t: (px - left) / wide }),
      };
      const regions = {
        drawings: { x: 0, y: 4, width, height: where.frames[0].size + (narrow ? 68 : 58) },
        walk: { x: 0, y: strip.y - (narrow ? 22 : 44), width, height: grip + 12 - strip.y + (narrow ? 22 : 44) },
        curves: { x: 0, y: top - 24, width, height: height + 44 },
        pictures: { x: 0, y: where.pick[0].y - 22, width, height: where.height - where.pick[0].y + 22 },
      };
      const summary = `A walk from ${names[from]} to ${names[to]} by ${PATHS[path]}, at t = ${number(t, 2)}. ${each.join(". ")}.`;
      return { summary, tiles, handles: [handle, ...handles], regions };
    },
  };
}
