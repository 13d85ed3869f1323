// ManifoldLab: the latent plane of an autoencoder beside that of a VAE, one point in both, and what each decoder makes of it.

import { wordsFor } from "./images.mjs";
import { Network } from "./nn.mjs";
import { likelihood } from "./vae.mjs";
import { number, scale, ticks } from "./draw.mjs";

/**
 * @typedef {{title: string, subtitle: string, layers: Layer[], likelihood: LikelihoodName, centre: number[], scale: number[], codes: Ref,
 *   names: [string, number, number][]}} PackedPlane
 * @typedef {Named & {side: number, hole: number, colours: string[], labels: Ref, planes: PackedPlane[], controls: [Slider, Slider, Choice]}} ManifoldSpec
 */

const GRID = 15; // decoded images along each side of a plane
const GUTTER = 30; // room for an axis's numbers

/** Where planes, images and words stand at this width: one model a column, on a phone one a row. @param {number} width */
export function arrange(width) {
  const narrow = width < 520;
  const column = Math.floor(narrow ? width : (width - 24) / 2) - 1; // 1: the frame's own line
  const size = narrow ? 98 : column > 320 ? 168 : 140;
  const side = Math.floor(narrow ? column - GUTTER - size - 14 : column - GUTTER);
  return [0, 1].map((i) => {
    const x = GUTTER + (narrow ? 0 : i * (column + 25));
    const y = 46 + (narrow ? i * (side + 84) : 0);
    const digit = narrow ? { x: x + side + 14, y, size } : { x, y: y + side + 38, size };
    const words = narrow ? { x: digit.x, y: y + size + 22 } : { x: x + size + 16, y: digit.y + size / 2 - 12 };
    return { narrow, x, y, side, width: side, height: side, digit, words, bottom: narrow ? y + Math.max(side + 24, size + 74) : digit.y + size + 4 };
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
  const reach = spec.controls[0].max; // the planes show as many standard deviations each way as the sliders
  const labels = read(spec.labels);
  const { noun, digits, classes, one, are } = wordsFor(spec);
  const planes = spec.planes.map((plane) => ({
    ...plane,
    network: new Network(plane.layers, read, GRID),
    codes: read(plane.codes),
    pixel: likelihood(plane.likelihood).pixel,
  }));
  let places = arrange(640);

  /** Where a plane's points stand in the picture. @param {Box} box */
  const acrossOf = ({ x, width }) => scale([-reach, reach], [x, x + width]);
  const upOf = (/** @type {Box} */ { y, height }) => scale([-reach, reach], [y + height, y]);

  /** @param {typeof planes[0]} plane @param {number[][]} points */
  const decode = ({ network, centre, scale: spread }, points) => {
    points.forEach((point, i) => point.forEach((u, axis) => (network.input[2 * i + axis] = centre[axis] + spread[axis] * u)));
    return network.run(points.length);
  };

  /** @param {Pen} pen @param {typeof planes[0]} plane @param {typeof places[0]} place @param {number} backdrop */
  function paintGround(pen, plane, place, backdrop) {
    const { x, y, side } = place;
    const [toX, toY] = [acrossOf(place), upOf(place)];
    if (backdrop !== 0) {
      const cell = side / GRID;
      for (let row = 0; row < GRID; row++) {
        const v = reach - ((row + 0.5) * 2 * reach) / GRID;
        const outputs = decode(plane, Array.from({ length: GRID }, (_, i) => [((i + 0.5) * 2 * reach) / GRID - reach, v]));
        for (let i = 0; i < GRID; i++) {
          pen.digit(outputs, x + i * cell, y + row * cell, cell, { side: spec.side, at: i * spec.side ** 2, pixel: plane.pixel, frame: null });
        }
      }
    }
    if (backdrop === 2) pen.box(x, y, side, side, { fill: "paper", alpha: 0.5 });
    if (backdrop !== 1) {
      pen.clip(place, () => {
        const radius = side > 250 ? 2.4 : 1.8;
        labels.forEach((/** @type {number} */ label, /** @type {number} */ i) => pen.disc(toX(plane.codes[2 * i]), toY(plane.codes[2 * i + 1]), radius, { fill: spec.colours[label % spec.colours.length] }));
        plane.names.forEach(([label, u, v]) => {
          pen.text(String(label), toX(u), toY(v), { size: side > 250 ? 17 : 14, weight: 700, align: "center", base: "middle", halo: true });
        });
      });
    }
    pen.frame(place, "muted");
    const [across, up] = [[x, x + side], [y + side, y]].map((range, axis) => {
      const ends = [-reach, reach].map((u) => plane.centre[axis] + plane.scale[axis] * u);
      return { to: scale(ends, range), ticks: ticks(ends[0], ends[1], side > 250 ? 5 : 3) };
    });
    pen.axes(place, { x: across, y: up });
  }

  /** Beside the image: is the point where images live? @param {Pen} pen @param {typeof places[0]} place @param {number} distance @param {number} label */
  function say(pen, { words: { x, y }, narrow }, distance, label) {
    const hole = distance > spec.hole;
    const [verdict, colour] = hole ? ["in a hole", "gap"] : ["on the map", "ink"];
    const gap = `${distance.toFixed(2)} σ away`;
    let lines = [narrow ? "nearest real:" : `nearest real ${noun}:`, ...(classes ? [`${one(label)},`] : []), gap];
    if (digits && classes) lines = narrow ? ["nearest real", `digit: ${one(label)},`, gap] : ["nearest real digit:", `${one(label)}, ${gap}`];
    pen.text(verdict, x, y, { size: narrow ? 15 : 17, weight: 700, colour });
    lines.forEach((line, i) => pen.text(line, x, y + 20 + 18 * i - (narrow ? 2 : 0), { size: 13, colour: "muted" }));
    return { verdict, near: `the nearest real ${noun} ${classes ? `${are(label)}, ` : "is "}${gap}` };
  }

  return {
    height: (width) => Math.max(...arrange(width).map(({ bottom }) => bottom)),

    paint(pen, { z1, z2, backdrop }, width) {
      places = arrange(width);
      const words = planes.map((plane, i) => {
        const place = places[i];
        const { x, y, side, digit } = place;
        pen.text(plane.title, x, y - 25, { size: 17, weight: 700 });
        pen.text(plane.subtitle, x, y - 8, { size: 13, colour: "muted" });
        pen.layer(`plane ${i}`, backdrop, x - GUTTER, y - 6, side + GUTTER + 12, side + 30, () => paintGround(pen, plane, place, backdrop));

        const { index, distance } = nearest(plane.codes, z1, z2);
        const [px, py] = [acrossOf(place)(z1), upOf(place)(z2)];
        const radius = (distance * side) / (2 * reach);
        pen.clip(place, () => {
          pen.line([[x, py], [x + side, py]], { colour: "accent", dash: [2, 4] });
          pen.line([[px, y], [px, y + side]], { colour: "accent", dash: [2, 4] });
          pen.disc(px, py, radius, { fill: "accent", alpha: 0.22, stroke: "accent", line: 1.5 });
        });
        pen.digit(decode(plane, [[z1, z2]]), digit.x, digit.y, digit.size, { side: spec.side, pixel: plane.pixel });
        return { title: plane.title, ...say(pen, place, distance, labels[index]) };
      });
      const both = words.map(({ title, verdict, near }) => `${title}: ${verdict}, ${near}`).join(". ");
      return { summary: `Two latent planes, and the ${noun} each model decodes at z₁ = ${number(z1, 2)} σ, z₂ = ${number(z2, 2)} σ. ${both}.`, handles: places.map((place) => handleIn(place, z1, z2)) };
    },
  };

  /** @param {Box} place @param {number} z1 @param {number} z2 @returns {Handle} */
  function handleIn(place, z1, z2) {
    const [back, down] = [scale([place.x, place.x + place.width], [-reach, reach]), scale([place.y, place.y + place.height], [reach, -reach])];
    return { x: acrossOf(place)(z1), y: upOf(place)(z2), axis: "xy", track: place, hint: "drag me", move: (px, py) => ({ z1: back(px), z2: down(py) }) };
  }
}
