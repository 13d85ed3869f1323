// ManifoldLab: the latent plane of an autoencoder beside that of a VAE, one point in both, and what each decoder makes of it.

import { Network } from "./nn.mjs";
import { likelihood } from "./vae.mjs";
import { number, ticks } from "./draw.mjs";

const GRID = 15; // decoded digits along each side of a plane
const GUTTER = 30; // room for an axis's numbers

/** Where planes, digits and words stand at this width: one model a column, on a phone one a row. */
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
    return { narrow, x, y, side, digit, words, bottom: narrow ? y + Math.max(side + 24, size + 74) : digit.y + size + 4 };
  });
}

/** The real code nearest to a point: its index and its distance, both in standard deviations of the codes. */
export function nearest(codes, x, y) {
  let index = 0, least = Infinity;
  for (let i = 0; i < codes.length; i += 2) {
    const squared = (codes[i] - x) ** 2 + (codes[i + 1] - y) ** 2;
    if (squared < least) [least, index] = [squared, i / 2];
  }
  return { index, distance: Math.sqrt(least) };
}

export function create(spec, read) {
  const reach = spec.controls[0].max; // the planes show as many standard deviations each way as the sliders
  const labels = read(spec.labels);
  const planes = spec.planes.map((plane) => ({
    ...plane,
    network: new Network(plane.layers, read, GRID),
    codes: read(plane.codes),
    pixel: likelihood(plane.likelihood).pixel,
  }));
  let places = arrange(640);

  const decode = ({ network, centre, scale }, points) => {
    points.forEach((point, i) => point.forEach((u, axis) => (network.input[2 * i + axis] = centre[axis] + scale[axis] * u)));
    return network.run(points.length);
  };

  function paintGround(pen, plane, { x, y, side }, backdrop) {
    const toX = (u) => x + (side * (u + reach)) / (2 * reach);
    const toY = (u) => y + (side * (reach - u)) / (2 * reach);
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
      pen.clip(x, y, side, side, () => {
        const radius = side > 250 ? 2.4 : 1.8;
        labels.forEach((label, i) => pen.disc(toX(plane.codes[2 * i]), toY(plane.codes[2 * i + 1]), radius, { fill: spec.colours[label % spec.colours.length] }));
        plane.names.forEach(([label, u, v]) => {
          pen.text(String(label), toX(u), toY(v), { size: side > 250 ? 17 : 14, weight: 700, align: "center", base: "middle", halo: true });
        });
      });
    }
    pen.box(x - 0.5, y - 0.5, side + 1, side + 1, { stroke: "muted" });
    [0, 1].forEach((axis) => {
      const [low, high] = [-reach, reach].map((u) => plane.centre[axis] + plane.scale[axis] * u);
      for (const tick of ticks(low, high, side > 250 ? 5 : 3)) {
        const u = (tick - plane.centre[axis]) / plane.scale[axis];
        if (axis) pen.text(number(tick, 0), x - 7, toY(u), { size: 12, colour: "muted", align: "right", base: "middle" });
        else pen.text(number(tick, 0), toX(u), y + side + 16, { size: 12, colour: "muted", align: "center" });
      }
    });
  }

  /** Beside the digit: is the point where images live? */
  function say(pen, { words: { x, y }, narrow }, distance, label) {
    const hole = distance > spec.hole;
    const [verdict, colour] = hole ? ["in a hole", "bad"] : ["on the map", "good"];
    const gap = `${distance.toFixed(2)} σ away`;
    const lines = narrow ? ["nearest real", `digit: a ${label},`, gap] : ["nearest real digit:", `a ${label}, ${gap}`];
    pen.text(verdict, x, y, { size: narrow ? 15 : 17, weight: 700, colour });
    lines.forEach((line, i) => pen.text(line, x, y + 20 + 18 * i - (narrow ? 2 : 0), { size: 13, colour: "muted" }));
    return { verdict, near: `the nearest real digit is a ${label}, ${gap}` };
  }

  return {
    height: (width) => Math.max(...arrange(width).map(({ bottom }) => bottom)),

    paint(pen, { z1, z2, backdrop }, width) {
      places = arrange(width);
      const untouched = z1 === spec.controls[0].value && z2 === spec.controls[1].value;
      const words = planes.map((plane, i) => {
        const place = places[i];
        const { x, y, side, digit } = place;
        pen.text(plane.title, x, y - 25, { size: 17, weight: 700 });
        pen.text(plane.subtitle, x, y - 8, { size: 13, colour: "muted" });
        pen.layer(`plane ${i}`, backdrop, x - GUTTER, y - 6, side + GUTTER + 12, side + 30, () => paintGround(pen, plane, place, backdrop));

        const { index, distance } = nearest(plane.codes, z1, z2);
        const at = [x + (side * (z1 + reach)) / (2 * reach), y + (side * (reach - z2)) / (2 * reach)];
        const radius = (distance * side) / (2 * reach);
        pen.clip(x, y, side, side, () => {
          pen.line([[x, at[1]], [x + side, at[1]]], { colour: "accent", dash: [2, 4] });
          pen.line([[at[0], y], [at[0], y + side]], { colour: "accent", dash: [2, 4] });
          pen.disc(...at, radius, { fill: "accent", alpha: 0.22, stroke: "accent", line: 1.5 });
        });
        pen.disc(...at, 8, { fill: "accent", stroke: "paper", line: 2.5 });
        if (untouched) pen.text("drag me", at[0], at[1] - 15, { size: 13, weight: 700, colour: "accent", align: "center", halo: true });
        pen.digit(decode(plane, [[z1, z2]]), digit.x, digit.y, digit.size, { side: spec.side, pixel: plane.pixel });
        return { title: plane.title, ...say(pen, place, distance, labels[index]) };
      });
      const both = words.map(({ title, verdict, near }) => `${title}: ${verdict}, ${near}`).join(". ");
      return { summary: `Two latent planes, and the digit each model decodes at z₁ = ${number(z1, 2)} σ, z₂ = ${number(z2, 2)} σ. ${both}.` };
    },

    grab(x, y) {
      const place = places.find((p) => x >= p.x && x <= p.x + p.side && y >= p.y && y <= p.y + p.side);
      if (!place) return null;
      return (px, py) => ({
        z1: (2 * reach * (px - place.x)) / place.side - reach,
        z2: reach - (2 * reach * (py - place.y)) / place.side,
      });
    },
  };
}
