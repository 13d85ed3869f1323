// ManifoldLab: the latent plane of an autoencoder beside that of a VAE, one place in both, and what each decoder makes of it.

import { wordsFor } from "./images.mjs";
import { Network } from "./nn.mjs";
import { likelihood } from "./vae.mjs";
import { number, scale, SMALL, ticks } from "./draw.mjs";

/**
 * @typedef {{title: string, mark: string, subtitle: string, layers: Layer[], likelihood: LikelihoodName, centre: number[], scale: number[],
 *   in_holes: number, codes: Ref, names: [number, number, number][]}} PackedPlane
 * @typedef {Named & {side: number, channels: number, hole: number, colours: string[], way: number[][], labels: Ref, shown: number[],
 *   planes: PackedPlane[], controls: [Slider, Slider, Choice]}} ManifoldSpec
 */

const GRID = 13; // decoded images along each side of a plane; on a phone
const FEW = 9;
const GUTTER = 30; // room for an axis's numbers

/** Where planes, images and words stand at this width: one model a column, the image above its plane. @param {number} width @param {boolean} key  of the classes, above all */
export function arrange(width, key = true) {
  const narrow = width < 520;
  const gutter = narrow ? 1 : GUTTER;
  const column = Math.floor((width - (narrow ? 6 : 24)) / 2);
  const side = Math.min(224, column - gutter - 12); // 12: for the marker at the edge; 224: so that on the first page marker and drawings fit above the controls
  const size = narrow ? Math.min(84, column - 84) : 84;
  return [0, 1].map((i) => {
    const x = gutter + i * (width - column);
    const digit = { x, y: key ? 46 : 26, size };
    const y = digit.y + size + 26;
    return { narrow, x, y, side, width: side, height: side, digit, words: { x: x + size + (narrow ? 7 : 16), y: digit.y + (narrow ? 12 : 18) }, bottom: y + side + 20 };
  });
}

/**
 * The real code nearest to a point: its index and its distance, in standard deviations of the codes.
 * @param {ArrayLike<number>} codes @param {number} x @param {number} y
 */
export function nearest(codes, x, y) {
  let index = 0, least = Infinity;
  for (let i = 0; i < codes.length; i += 2) {
    const squared = (codes[i] - x) ** 2 + (codes[i + 1] - y) ** 2;
    if (squared < least) [least, index] = [squared, i / 2];
  }
  return { index, distance: Math.sqrt(least) };
}

/** @type {Create<ManifoldSpec>} */
export function create(spec, read) {
  const { side: pixels, channels, way, shown, colours } = spec;
  const reach = spec.controls[0].max; // the planes show as many standard deviations each way as the sliders
  const labels = read(spec.labels);
  const { noun, digits, classes, one, are } = wordsFor(spec);
  const planes = spec.planes.map((plane) => ({
    ...plane,
    network: new Network(plane.layers, read, GRID),
    codes: read(plane.codes),
    pixel: likelihood(plane.likelihood).pixel,
  }));
  const keyed = shown.length > 0 && shown.length <= colours.length;
  let places = arrange(640);

  /** Where a plane's points stand in the picture. @param {Box} box */
  const acrossOf = ({ x, width }) => scale([-reach, reach], [x, x + width]);
  const upOf = (/** @type {Box} */ { y, height }) => scale([-reach, reach], [y + height, y]);

  /** @param {typeof planes[0]} plane @param {number[][]} points */
  const decode = ({ network, centre, scale: spread }, points) => {
    points.forEach((point, i) => point.forEach((u, axis) => (network.input[2 * i + axis] = centre[axis] + spread[axis] * u)));
    return network.run(points.length);
  };

  /** The dot of a class: of its colour, and a ring for the second half of them, since two are grey. @param {Pen} pen @param {number} label @param {number} x @param {number} y @param {number} radius @param {number} alpha */
  function dot(pen, label, x, y, radius, alpha = 1) {
    const colour = colours[label % colours.length];
    if (label % colours.length < colours.length / 2) pen.disc(x, y, radius, { fill: colour, alpha });
    else if (alpha === 1) pen.disc(x, y, radius, { fill: "paper", stroke: colour, line: 1.4 });
    else pen.disc(x, y, radius - 0.5, { fill: colour, alpha });
  }

  /** What each class's dots look like. @param {Pen} pen @param {number} width @param {number | undefined} chosen */
  function paintKey(pen, width, chosen) {
    const step = Math.min(56, (width - 6) / shown.length);
    shown.forEach((label, i) => {
      dot(pen, label, 9 + i * step, 9, 4.5);
      pen.text(String(label), 17 + i * step, 14, { size: 14, weight: label === chosen ? 700 : 400, colour: chosen === undefined || label === chosen ? "ink" : "muted" });
    });
  }

  /** All that the decoder draws, and over it red where no code is near. @param {Pen} pen @param {typeof planes[0]} plane @param {typeof places[0]} place @param {boolean} veiled */
  function paintGrid(pen, plane, { x, y, side, narrow }, veiled) {
    const count = narrow ? FEW : GRID, cell = side / count;
    const middles = Array.from({ length: count }, (_, i) => ((2 * i + 1) / count - 1) * reach);
    middles.forEach((v, row) => {
      const outputs = decode(plane, middles.map((u) => [u, -v]));
      middles.forEach((u, i) => {
        const [left, top] = [x + i * cell, y + row * cell];
        pen.digit(outputs, left, top, cell, { side: pixels, channels, at: i * channels * pixels ** 2, pixel: plane.pixel, frame: null });
        if (veiled) pen.box(left, top, cell, cell, { fill: "paper", alpha: 0.5 });
        if (nearest(plane.codes, u, -v).distance > spec.hole) pen.box(left + 0.5, top + 0.5, cell - 1, cell - 1, { fill: "gap", alpha: 0.32 });
      });
    });
  }

  /** @param {Pen} pen @param {typeof planes[0]} plane @param {typeof places[0]} place @param {number} backdrop @param {number | undefined} chosen */
  function paintGround(pen, plane, place, backdrop, chosen) {
    const { x, y, side, narrow } = place;
    const [toX, toY] = [acrossOf(place), upOf(place)];
    if (backdrop !== 0) paintGrid(pen, plane, place, backdrop === 2);
    if (backdrop !== 1) {
      pen.clip(place, () => {
        const order = [...labels.keys()].sort((i, j) => Number(labels[i] === chosen) - Number(labels[j] === chosen)); // on top
        for (const i of order) dot(pen, labels[i], toX(plane.codes[2 * i]), toY(plane.codes[2 * i + 1]), narrow ? 1.7 : 2.4, chosen === undefined || labels[i] === chosen ? 1 : 0.15);
        for (const [label, u, v] of plane.names) {
          if (chosen === undefined ? !(narrow && keyed) : label === chosen) pen.text(String(label), toX(u), toY(v), { size: narrow ? 14 : 17, weight: 700, align: "center", base: "middle", halo: true });
        }
      });
    }
    pen.frame(place, "muted");
    const [across, up] = [[x, x + side], [y + side, y]].map((range, axis) => {
      const ends = [-reach, reach].map((u) => plane.centre[axis] + plane.scale[axis] * u);
      return { to: scale(ends, range), ticks: ticks(ends[0], ends[1], narrow ? 3 : 5) };
    });
    pen.axes(place, narrow ? { x: across } : { x: across, y: up });
  }

  /** Beside the image: how far is it from where images live? @param {Pen} pen @param {typeof places[0]} place @param {typeof planes[0]} plane @param {number[]} point */
  function say(pen, { words: { x, y }, narrow }, { codes, centre, scale: spread }, [z1, z2]) {
    const { index, distance } = nearest(codes, z1, z2);
    const hole = distance > spec.hole, label = labels[index];
    const verdict = hole ? "far from any code" : "near real codes";
    const away = `${distance.toFixed(2)} σ away`;
    const strong = narrow ? [verdict.slice(0, hole ? 8 : 9), verdict.slice(hole ? 9 : 10)] : [verdict];
    let lines = [narrow ? "nearest:" : `nearest real ${noun}:`, ...(classes ? [one(label)] : []), away];
    if (digits && classes) lines = narrow ? [`nearest: ${one(label)}`, away] : ["nearest real digit:", `${one(label)}, ${away}`];
    const z = [z1, z2].map((u, axis) => number(centre[axis] + spread[axis] * u));
    if (!narrow) lines.push(`z = (${z.join(", ")})`);
    strong.forEach((line, i) => pen.text(line, x, y + 16 * i, { size: narrow ? 13 : 17, weight: 700, colour: hole ? "gap" : "ink" }));
    lines.forEach((line, i) => pen.text(line, x, y + (narrow ? 16 * (2 + i) : 22 + 19 * i), { ...SMALL, size: narrow ? 12 : 13 }));
    return { distance, hole, words: `${verdict}, the nearest real ${noun} ${classes ? `${are(label)}, ` : "is "}${away}` };
  }

  return {
    height: (width) => Math.max(...arrange(width, keyed).map(({ bottom }) => bottom)),

    paint(pen, { z1, z2, backdrop, highlight, path }, width) {
      places = arrange(width, keyed);
      const chosen = highlight ? shown[highlight - 1] : undefined;
      if (keyed) paintKey(pen, width, chosen);
      const said = planes.map((plane, i) => {
        const { title, mark, subtitle, in_holes } = plane;
        const place = places[i];
        const { x, y, side, digit, narrow } = place;
        pen.text(title, x, digit.y - 7, { size: 17, weight: 700, colour: mark === "orange" ? "warm" : mark });
        const share = `${number(100 * in_holes, 0)} % of ${narrow ? "draws in" : "normal draws fall into"} holes`;
        pen.text(backdrop ? share : narrow ? subtitle.replace("each dot: the", "dot:") : subtitle, x, y - 8, { size: 13, ...(backdrop ? { colour: "gap", weight: 700 } : { colour: "muted" }), ...(narrow ? { size: 12 } : {}) });
        pen.layer(`plane ${i}`, `${backdrop} ${chosen}`, x - GUTTER, y - 6, side + GUTTER + 12, side + 30, () => paintGround(pen, plane, place, backdrop, chosen));

        const { distance, hole, words } = say(pen, place, plane, [z1, z2]);
        const [px, py] = [acrossOf(place)(z1), upOf(place)(z2)];
        const colour = hole ? "gap" : mark;
        const ends = (path ? way : []).map(([u, v]) => [acrossOf(place)(u), upOf(place)(v)]);
        if (ends.length) pen.line(ends, { colour: "ink", width: 1.5, dash: [3, 3] });
        ends.forEach(([u, v], k) => pen.text("AB"[k], u - 27, v, { size: 15, weight: 700, align: "center", base: "middle", halo: true }));
        pen.clip(place, () => {
          pen.line([[x, py], [x + side, py]], { colour: mark, dash: [2, 4] });
          pen.line([[px, y], [px, y + side]], { colour: mark, dash: [2, 4] });
          pen.disc(px, py, (distance * side) / (2 * reach), { fill: colour, alpha: 0.25, stroke: colour, line: 1.5 });
        });
        pen.digit(decode(plane, [[z1, z2]]), digit.x, digit.y, digit.size, { side: pixels, channels, pixel: plane.pixel, frame: mark });
        return { title, words, share };
      });
      const both = said.map(({ title, words, share }) => `${title}: ${words}${backdrop ? `; ${share}` : ""}`).join(". ");
      const [first] = places;
      const regions = {
        maps: { x: 0, y: first.y - 20, width, height: first.side + 40 },
        drawings: { x: 0, y: first.digit.y, width, height: first.digit.size },
      };
      return {
        summary: `Two latent planes, and the ${noun} each model decodes at z₁ = ${number(z1, 2)} σ, z₂ = ${number(z2, 2)} σ. ${both}.`,
        handles: places.map((place, i) => handleIn(place, i, z1, z2)),
        regions,
      };
    },
  };

  /** @param {Box} place @param {number} i @param {number} z1 @param {number} z2 @returns {Handle} */
  function handleIn(place, i, z1, z2) {
    const [back, down] = [scale([place.x, place.x + place.width], [-reach, reach]), scale([place.y, place.y + place.height], [reach, -reach])];
    return { x: acrossOf(place)(z1), y: upOf(place)(z2), axis: "xy", track: place, hint: i ? "" : "drag me", below: true, colour: planes[i].mark, move: (px, py) => ({ z1: back(px), z2: down(py) }) };
  }
}
