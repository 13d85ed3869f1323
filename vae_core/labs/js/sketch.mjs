// DrawLab: a picture drawn by hand, made like one of MNIST's and encoded; its cloud, what is decoded from it, and what that costs
// beside what test images cost. Moved off its place, it shows what the model was never shown.

import { wordsFor } from "./images.mjs";
import { Network } from "./nn.mjs";
import { costOf, likelihood } from "./vae.mjs";
import { normals } from "./random.mjs";
import { inked, placed } from "./ink.mjs";
import { HEADING, number, remember, scale, SMALL, ticks } from "./draw.mjs";

/**
 * @typedef {number[][][]} Strokes  each the places where a pen went, from 0 to 1
 * @typedef {{values: Ref, low: number, high: number}} Range  of test images, in rising order, and the ends of their axis
 * @typedef {Named & {side: number, units: number, ready: Strokes[], encoder: {layers: Layer[]}, layers: Layer[], likelihood: LikelihoodName,
 *   rate: Range, distortion: Range, codes: Ref, library: Ref, labels: Ref}} DrawSpec
 */

const FINE = 140; // rows of the raster that is drawn on
const PEN_THERE = 6; // half a line's width there
const SHOWN = 8; // draws, and nearest real images
const REACH = 4; // of the bars' axis, in units of the latent space, in which the prior is N(0, 1)
const BINS = 50;

/**
 * Where things stand at this width: the field, what the encoder gets, its cloud and what is given back; draws and the nearest real images;
 * the two costs among those of test images. On a phone the field beside two small pictures, then the costs.
 * @param {number} width @param {number} units @param {boolean} labelled  whether real images have names below
 */
export function arrange(width, units, labelled = true) {
  const narrow = width < 560;
  const pitch = Math.max(13, Math.min(17, Math.floor(170 / units)));
  const tall = units * pitch;
  const [large, small] = narrow ? [Math.min(204, width - 108), 86] : width < 720 ? [150, 104] : [170, 120];
  const top = 24;
  const field = { x: 1, y: top, width: large, height: large };
  const right = (/** @type {number} */ y) => ({ x: width - small - 1, y, width: small, height: small });
  const gets = narrow ? right(top) : { x: large + 31, y: top + (large - small) / 2, width: small, height: small };
  const back = right(top + (large - small) / (narrow ? 1 : 2));
  const gap = narrow ? 20 : 34, half = (width - 2 - gap) / 2;
  const cell = Math.floor(((narrow ? width : half) + 4) / SHOWN) - 4;
  /** @param {number} x @param {number} y @param {number} wide */
  const row = (x, y, wide) => ({ x, y, step: (wide - cell) / (SHOWN - 1), cell });
  const below = Math.max(top + large, narrow ? 0 : top + tall + 20) + (narrow ? 30 : 42);
  const named = labelled ? 16 : 0;
  const hill = (/** @type {number} */ x, /** @type {number} */ y) => ({ x, y, width: half, height: narrow ? 38 : 46 });
  if (narrow) {
    const draws = row(1, below + 38 + 52, width - 2), nearest = row(1, draws.y + cell + 32, width - 2);
    const bars = { x: 24, y: nearest.y + cell + named + 52, width: width - 24 - 52, height: tall };
    return { narrow, pitch, field, gets, back, bars, draws, nearest, hills: [hill(1, below), hill(1 + half + gap, below)], height: bars.y + tall + 22 };
  }
  const bars = { x: gets.x + small + 46, y: top, width: back.x - gets.x - small - 46 - 62, height: tall };
  const draws = row(1, below, half), nearest = row(1 + half + gap, below, half), hills = below + cell + named + 34;
  return { narrow, pitch, field, gets, back, bars, draws, nearest, hills: [hill(1, hills), hill(1 + half + gap, hills)], height: hills + 46 + 22 };
}

/** Which `count` of the codes are nearest to this one, the nearest first. @param {ArrayLike<number>} code @param {ArrayLike<number>} codes  one after another */
export function nearestTo(code, codes, count = SHOWN) {
  const far = Float64Array.from({ length: codes.length / code.length }, (_, k) => {
    let squares = 0;
    for (let i = 0; i < code.length; i++) squares += (codes[k * code.length + i] - code[i]) ** 2;
    return squares;
  });
  return [...far.keys()].sort((a, b) => far[a] - far[b]).slice(0, count);
}

/** What no decoder could cost less than, in nats: an image of Bernoulli pixels is as dear as its greys. @param {ArrayLike<number>} x */
export function floorOf(x) {
  let nats = 0;
  for (let i = 0; i < x.length; i++) for (const p of [x[i], 1 - x[i]]) nats -= p > 0 ? p * Math.log(p) : 0;
  return nats;
}

/** The note below the picture. @param {number} nats @returns {Note[]} */
const floor = (nats) => [{ name: "Floor", words: `${number(nats)} nats: what grey pixels cost, whatever draws them.` }];

/** Where a cost lies among those of test images, in words. @param {number} value @param {ArrayLike<number>} values  in rising order @param {string} noun */
export function among(value, values, noun) {
  let below = 0;
  while (below < values.length && values[below] < value) below++;
  if (below === 0) return `below every test ${noun}`;
  const percent = Math.floor((100 * below) / values.length);
  return below === values.length ? `above every test ${noun}` : `above ${percent || "<\u00a01"}\u00a0% of test ${noun}s`;
}

/** @type {Create<DrawSpec>} */
export function create(spec, read, host = { redraw() {}, take() {} }) {
  const { side, units, ready, controls } = spec;
  const { noun, classes, one, are } = wordsFor(spec);
  const size = side * side, half = Math.floor(side / 2);
  const encoder = new Network(spec.encoder.layers, read);
  const model = { decoder: new Network(spec.layers, read, SHOWN), ...likelihood(spec.likelihood) };
  const costs = /** @type {const} */ (["distortion", "rate"]).map((name) => ({ name, ...spec[name], values: read(spec[name].values) }));
  const codes = read(spec.codes), labels = read(spec.labels), library = Float32Array.from(read(spec.library), (v) => v / 255);
  const names = /** @type {Choice} */ (controls.find(({ name }) => name === "ready")).options;
  let place = arrange(640, units, classes);

  /** @type {number[][] | null} */
  let stroke = null; // that is being drawn
  /** @type {Strokes} */
  let mine = []; // one's own lines, also while something else is shown
  /** @type {Values[]} */
  const past = []; // what *Undo* brings back
  /** @type {Values | null} */
  let at = null; // of the frame before

  const NOTHING = /** @type {Strokes} */ ([]);
  /** One's own lines, which only a choice of "yours" shows. @param {Values} values @returns {Strokes} */
  const ownOf = ({ ready, strokes }) => (ready === 0 && /** @type {any} */ (strokes)) || NOTHING;
  const kept = ({ ready, strokes } = /** @type {Values} */ (at)) => ({ ready, strokes });

  /** Show this from the next frame on. @param {Record<string, any>} what */
  function show(what) {
    host.take(what);
    at = { .../** @type {Values} */ (at), ...what }; // another line may follow before that frame
  }

  /** Another drawing in the place of this one, which *Undo* brings back; a new one lies where it was drawn. @param {Strokes} strokes @param {boolean} anew */
  function put(strokes, anew) {
    past.push(kept());
    show({ ready: 0, strokes, ...(anew && { right: 0, down: 0, size: 1 }) });
  }

  /** What was pressed and chosen since the frame before. @param {Values} values */
  function follow(values) {
    const before = at ?? values; // an address or a first frame presses nothing
    at = values;
    if (values.strokes) mine = /** @type {any} */ (values.strokes);
    else if (values.ready === 0 && mine.length) show({ strokes: mine }); // a step, or *Reset*, has not taken it away
    if (values.ready !== before.ready) past.push(kept(before));
    if (values.clear > before.clear && (values.ready || ownOf(values).length)) put([], true);
    const back = values.undo > before.undo && past.pop();
    if (back) show(back);
  }

  const inkOf = remember((/** @type {Strokes} */ strokes, /** @type {number[][] | null} */ last, /** @type {number} */ _points) =>
    inked([...strokes, ...(last ? [last] : [])].map((line) => line.map(([x, y]) => [FINE * x, FINE * y])), FINE, PEN_THERE));
  const noiseOf = remember((/** @type {number} */ draw) => normals(draw + 1, SHOWN * units));

  /** All there is to know of a drawing that is placed so. @param {ArrayLike<number>} ink @param {Values} how @param {number} draw */
  function measure(ink, { placed: choice, right, down, size: larger }, draw) {
    const x = placed(ink, side, { fitted: choice === 0, right, down, size: larger });
    encoder.input.set(x);
    const found = encoder.run();
    const mean = Float64Array.from(found.subarray(0, units)), variance = Float64Array.from(found.subarray(units, 2 * units), Math.exp);
    model.decoder.input.set(mean);
    const back = Float64Array.from(model.decoder.run().subarray(0, size));
    return { x, mean, variance, back, ...costOf(model, x, mean, variance, noiseOf(draw)) };
  }
  const unmoved = remember((/** @type {ArrayLike<number>} */ ink, /** @type {number} */ choice, /** @type {number} */ draw) => {
    const { rate, distortion } = measure(ink, { placed: choice, right: 0, down: 0, size: 1 }, draw);
    return { rate, distortion };
  });

  /** The lines as they are drawn. @param {Pen} pen @param {Strokes} strokes */
  function paintField(pen, strokes) {
    const { field } = place, { x, y, width } = field, nib = (PEN_THERE / FINE) * width;
    pen.text("draw here", x, y - 8, { ...HEADING, colour: "accent" });
    pen.clip(field, () => {
      for (const line of strokes) {
        const points = line.map(([u, v]) => [x + u * width, y + v * width]);
        if (points.length > 1) pen.line(points, { colour: "ink", width: 2 * nib });
        for (const [u, v] of points) pen.disc(u, v, nib, { fill: "ink" });
      }
    });
    if (!strokes.length) pen.text("with a finger or a mouse", x + width / 2, y + width / 2, { ...SMALL, align: "center" });
    pen.box(x, y, width, width, { stroke: "accent", line: 1.5, radius: 6 });
  }

  /** @param {Pen} pen @param {ReturnType<typeof measure>} now */
  function paintCloud(pen, { mean, variance, kl }) {
    const { bars, narrow, pitch } = place, { x, y, width, height } = bars;
    const to = scale([-REACH, REACH], [x, x + width]);
    const bar = Math.min(9, pitch - 5);
    pen.text("the cloud, q(z | x)", narrow ? 1 : x, y - (narrow ? 27 : 8), HEADING);
    if (narrow) pen.text("bar: mean ± std · shade: prior", 1, y - 8, SMALL);
    pen.text("KL, nats", x + width + 50, y - 8, { ...SMALL, align: "right" });
    for (const [reach, alpha] of [[2, 0.09], [1, 0.12]]) pen.box(to(-reach), y, to(reach) - to(-reach), height, { fill: "muted", alpha });
    pen.axes(bars, { x: { to, ticks: ticks(-REACH, REACH, 4), rule: () => ({}) } });
    for (let i = 0; i < units; i++) {
      const middle = y + (i + 0.5) * pitch, [from, until] = [-1, 1].map((sign) => to(mean[i] + sign * Math.sqrt(variance[i])));
      pen.text(String(i + 1), x - 8, middle, { ...SMALL, align: "right", base: "middle" });
      pen.text(number(kl[i]), x + width + 50, middle, { ...SMALL, colour: "ink", align: "right", base: "middle" });
      pen.clip(bars, () => pen.box(Math.min(from, to(mean[i]) - 1), middle - bar / 2, Math.max(2, until - from), bar, { fill: "accent", alpha: 0.75, radius: 2 }));
      if (Math.abs(mean[i]) > REACH) pen.beyond(number(mean[i]), mean[i] > 0 ? x + width : x, middle, mean[i] > 0 ? 1 : -1);
    }
  }

  /** @param {Pen} pen @param {typeof costs[0]} cost @param {Box} box @param {number} now @param {number | null} then */
  function paintHill(pen, { name, values, low, high }, box, now, then) {
    const { x, y, width, height } = box, to = scale([low, high], [x, x + width]);
    const counts = new Float64Array(BINS);
    for (let k = 0; k < values.length; k++) counts[Math.max(0, Math.min(BINS - 1, Math.floor((BINS * (values[k] - low)) / (high - low))))]++;
    const most = Math.max(...counts), floor = y + height;
    pen.text(place.narrow ? name : `${name} among test ${noun}s`, x, y - 9, { ...HEADING, colour: name });
    pen.area([...counts].map((count, k) => [x + ((k + 0.5) * width) / BINS, floor - (count / most) * (height - 6)]), floor, { fill: "ink", alpha: 0.3 });
    pen.axes(box, { x: { to, ticks: ticks(low, high, place.narrow ? 2 : 4), align: (tick) => (tick === low ? "left" : tick === high ? "right" : "center") } });
    pen.line([[x, floor], [x + width, floor]], { colour: "muted" });
    for (const [value, colour, wide] of /** @type {[number | null, string, number][]} */ ([[then, "muted", 2], [now, name, 3]])) {
      if (value === null) continue;
      if (value > high) {
        if (colour === name) pen.beyond(number(value), x + width, y + height / 2, 1, { colour: name });
      } else pen.line([[to(Math.max(low, value)), y - 3], [to(Math.max(low, value)), floor]], { colour, width: wide, dash: colour === name ? [] : [3, 3] });
    }
  }

  /** The picture that the encoder gets, to be dragged off its place. @param {Values} values @returns {Handle} */
  function handleOf({ right, down }) {
    const { x, y, width } = place.gets, pixel = width / side;
    const home = { x: x + width / 2 - 50, y: y + width + (place.narrow ? 6 : 12) }; // for its hint to stand below the picture
    return {
      x: home.x + right * pixel, y: home.y + down * pixel, axis: "xy", quiet: true, hint: "drag it", room: x + width, box: place.gets,
      move: (px, py) => ({ right: (px - home.x) / pixel, down: (py - home.y) / pixel }),
    };
  }

  /** @returns {Pad} */
  function padOf() {
    const { x, y, width } = place.field;
    return {
      box: place.field,
      ink(px, py, begins) {
        const to = [(px - x) / width, (py - y) / width].map((share) => Math.round(1000 * share) / 1000);
        if (begins && stroke) this.lift?.(); // it had left the field
        stroke = [...((!begins && stroke) || []), to];
        host.take({}); // a frame
      },
      lift() {
        if (!stroke) return;
        const own = ownOf(/** @type {Values} */ (at)), last = stroke;
        stroke = null;
        put([...own, last], !own.length);
      },
    };
  }

  /** @returns {Record<string, Box>} */
  function regionsOf() {
    const { field, gets, back, bars, draws, nearest, hills: [first, last] } = place;
    const wide = (/** @type {typeof draws} */ { x, y, step, cell }) => ({ x, y, width: (SHOWN - 1) * step + cell, height: cell });
    return { field, gets, back, cloud: bars, draws: wide(draws), nearest: { ...wide(nearest), height: nearest.cell + (classes ? 18 : 0) }, hills: { x: 1, y: first.y - 22, width: last.x + last.width - 1, height: first.height + 42 } };
  }

  return {
    height: (width) => arrange(width, units, classes).height,
    room: spec.likelihood === "bernoulli" ? [floor(888.8)] : [], // no drawing needs more
    begin() {
      stroke = null;
    },

    paint(pen, values, width) {
      place = arrange(width, units, classes);
      follow(values);
      const own = stroke ? (values.ready ? NOTHING : ownOf(values)) : values.ready ? ready[values.ready - 1] : ownOf(values);
      const strokes = stroke ? [...own, stroke] : own;
      const ink = inkOf(own, stroke, stroke?.length ?? 0);
      const then = unmoved(ink, values.placed, values.draw), now = measure(ink, values, values.draw); // last: its draws are in the decoder
      const moved = strokes.length > 0 && (values.right !== 0 || values.down !== 0 || values.size !== 1);
      const { field, gets, back, draws, nearest, hills, narrow } = place, { pixel } = model;

      paintField(pen, strokes);
      pen.text(narrow ? "input x" : "encoder gets", gets.x, gets.y - 8, narrow ? { size: 12, weight: 700 } : HEADING);
      pen.digit(now.x, gets.x, gets.y, gets.width, { side });
      if (!narrow) pen.text("→", (field.x + field.width + gets.x) / 2, field.y + field.height / 2 + 7, { size: 22, colour: "muted", align: "center" });
      paintCloud(pen, now);
      pen.text("given back", back.x, back.y - 8, narrow ? { size: 12, weight: 700 } : HEADING);
      pen.digit(now.back, back.x, back.y, back.width, { side, pixel, frame: "accent" });
      pen.text("eight draws from the cloud, decoded", draws.x, draws.y - 8, HEADING);
      for (let k = 0; k < SHOWN; k++) pen.digit(now.outputs, draws.x + k * draws.step, draws.y, draws.cell, { side, at: k * size, pixel, frame: "accent" });
      const near = nearestTo(now.mean, codes);
      pen.text(`nearest real ${noun}s, by code`, nearest.x, nearest.y - 8, HEADING);
      near.forEach((which, k) => {
        const left = nearest.x + k * nearest.step;
        pen.digit(library, left, nearest.y, nearest.cell, { side: half, at: which * half * half, smooth: true });
        if (classes) pen.text(String(labels[which]), left + nearest.cell / 2, nearest.y + nearest.cell + 14, { ...SMALL, align: "center" });
      });
      costs.forEach((cost, i) => paintHill(pen, cost, hills[i], now[cost.name], moved ? then[cost.name] : null));

      const votes = near.map((which) => near.filter((other) => labels[other] === labels[which]).length);
      const agreed = Math.max(...votes), label = labels[near[votes.indexOf(agreed)]], most = 2 * agreed > near.length;
      const tiles = costs.map(({ name, values }) => ({
        name: name === "rate" ? "Rate" : "Distortion", value: number(now[name]), mark: name,
        note: `${among(now[name], values, noun)}${moved && !narrow ? `; was ${number(then[name])}` : ""}`,
      }));
      /** @type {Tile[]} */
      const voted = classes ? [{ name: "Nearest", value: most ? String(label) : "mixed", note: most ? `${agreed} of the ${near.length} nearest codes` : `at most ${agreed} of ${near.length} alike` }] : [];
      const what = strokes.length ? (values.ready && !stroke ? `A ready drawing, ${names[values.ready]}` : `Your drawing, of ${strokes.length} line${strokes.length > 1 ? "s" : ""}`) : "Nothing is drawn: an empty page";
      const where = moved ? `, moved ${number(values.right, 0)} pixels to the right and ${number(values.down, 0)} down, its size times ${number(values.size, 2)}` : "";
      const summary = `${what}${where}. ${tiles.map(({ name, value, mark }, i) => `${i ? mark : name} ${value} nats, ${among(now[mark], costs[i].values, noun)}`).join("; ")}.` +
        (classes ? ` Of the ${near.length} training ${noun}s with the nearest codes ${most ? `${agreed} ${are(label, agreed)}` : "most are of no one class"}, the nearest is ${one(labels[near[0]])}.` : "");
      const greys = spec.likelihood === "bernoulli" ? floor(floorOf(now.x)) : [];
      return { summary, tiles: [...tiles, ...voted], ahead: true, handles: [handleOf(values)], pads: [padOf()], regions: regionsOf(), notes: greys, data: { rate: now.rate, distortion: now.distortion } };
    },
  };
}
