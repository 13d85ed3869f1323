// TrainingLab: a training run, snapshot by snapshot: images drawn again, images invented, and where it stands on its curves.

import { wordsFor } from "./images.mjs";
import { HEADING, number, scale, SMALL, ticks } from "./draw.mjs";

/**
 * @typedef {{train: number[][], test: number[][]}} Terms  [rate, distortion] by snapshot
 * @typedef {Named & {side: number, at: number[], steps_per_epoch: number, terms: Terms, images: Ref, again: Ref, invented: Ref}} TrainingSpec
 */

const ROOM = 26; // above each group of images, for its heading

/** Where three groups of images and the curves stand at this width; `counts` says how many each group has. @param {number} width @param {number[]} counts */
export function arrange(width, counts) {
  const narrow = width < 520;
  const most = Math.max(...counts);
  const across = narrow ? Math.ceil(most / 2) : most;
  const gap = narrow ? 6 : 8;
  const cell = Math.min(narrow ? 64 : 76, Math.floor((width - 2 - (across - 1) * gap) / across));
  let y = 18;
  const groups = counts.map((count) => {
    const top = y + 8;
    y = top + Math.ceil(count / across) * (cell + gap) - gap + ROOM;
    /** @param {number} i @returns {[number, number]} */
    const place = (i) => [1 + (i % across) * (cell + gap), top + Math.floor(i / across) * (cell + gap)];
    return { heading: top - 8, place };
  });
  const plot = { x: 38, y: y + 22, width: width - 38 - 10, height: narrow ? 150 : 170 };
  return { narrow, cell, groups, plot, height: plot.y + plot.height + 42 };
}

/** The curves to draw. @param {Terms} terms @param {number} which */
export function curvesOf(terms, which) {
  const loss = (/** @type {number[][]} */ rows) => rows.map(([rate, distortion]) => rate + distortion);
  if (which === 0) {
    return [
      { name: "train", colour: "orange", values: loss(terms.train) },
      { name: "test", colour: "accent", values: loss(terms.test) },
    ];
  }
  return [
    { name: "distortion", colour: "accent", values: terms.test.map(([, distortion]) => distortion) },
    { name: "rate", colour: "orange", values: terms.test.map(([rate]) => rate) },
  ];
}

/**
 * A step's place along the axis, from 0 to 1: stretched where steps are few, or even from the first epoch on.
 * @param {number} step @param {number} last @param {number} perEpoch @param {boolean} fromFirstEpoch
 */
export function along(step, last, perEpoch, fromFirstEpoch) {
  if (fromFirstEpoch) return (step - perEpoch) / (last - perEpoch);
  return Math.log1p(step) / Math.log1p(last);
}

/** The snapshot whose place is nearest to this one. @param {number[]} places @param {number} at */
export function nearestSnapshot(places, at) {
  let best = 0;
  places.forEach((place, i) => {
    if (Math.abs(place - at) < Math.abs(places[best] - at)) best = i;
  });
  return best;
}

/** The ends of the y axis: from 0, or close around −ELBOs that are close together. @param {number[][]} values @param {number} from @param {boolean} close */
export function range(values, from, close) {
  const seen = values.flatMap((list) => list.slice(from));
  const [low, high] = [Math.min(...seen), Math.max(...seen)];
  const margin = 0.08 * (high - low) || 1;
  return [close ? low - margin : 0, high + margin];
}

/** How far the training is, in words. @param {number} step @param {number} perEpoch */
export function progress(step, perEpoch) {
  if (step === 0) return "untrained";
  if (step < perEpoch) return `of ${perEpoch} in the first epoch`;
  const epochs = Number((step / perEpoch).toFixed(1));
  return epochs === 1 ? "one epoch" : `${epochs} epochs`;
}

/** @type {Create<TrainingSpec>} */
export function create(spec, read) {
  const { side, at: steps, steps_per_epoch: perEpoch, terms } = spec;
  const { noun } = wordsFor(spec);
  const size = side * side;
  const images = read(spec.images);
  const drawn = [read(spec.again), read(spec.invented)];
  const counts = [images.length / size, ...drawn.map((pictures) => pictures.length / size / steps.length)];
  const last = steps[steps.length - 1];
  const firstEpoch = steps.findIndex((step) => step >= perEpoch);
  const pixel = (/** @type {number} */ v) => v / 255;
  let place = arrange(640, counts);
  /** @type {number[]} */
  let places = [];

  const ends = () => [place.plot.x + 6, place.plot.x + place.plot.width - 6];
  const toX = (/** @type {number} */ t) => scale([0, 1], ends())(t);

  /** @param {Pen} pen @param {ReturnType<typeof curvesOf>} curves @param {(value: number) => number} toY @param {number[]} limits @param {boolean} fromFirstEpoch */
  function paintCurves(pen, curves, toY, [low, high], fromFirstEpoch) {
    const { x, y, width, height } = place.plot;
    const unit = fromFirstEpoch ? perEpoch : 1;
    const marks = fromFirstEpoch
      ? ticks(1, last / perEpoch, place.narrow ? 5 : 10).filter(Number.isInteger)
      : [0, 1, 10, 100, 1000, 10000, 100000].filter((step) => step <= last);
    const toMark = (/** @type {number} */ mark) => toX(along(mark * unit, last, perEpoch, fromFirstEpoch));
    pen.axes(place.plot, { x: { to: toMark, ticks: marks, words: String }, y: { to: toY, ticks: ticks(low, high, 4), rule: () => ({}) } });
    for (const at of marks.map(toMark)) pen.line([[at, y + height], [at, y + height + 4]], { colour: "muted" });
    if (!fromFirstEpoch && firstEpoch >= 0 && last > perEpoch) {
      const at = toX(along(perEpoch, last, perEpoch, false));
      pen.line([[at, y], [at, y + height]], { colour: "muted", dash: [3, 4] });
      pen.text("first epoch ends", at - 5, y + 12, { ...SMALL, align: "right" });
    }
    pen.text(fromFirstEpoch ? "epochs" : "training steps, on a stretched scale", x + width / 2, y + height + 35, { ...SMALL, align: "center" });
    const from = fromFirstEpoch ? firstEpoch : 0;
    for (const { colour, values } of curves) {
      const points = values.map((value, i) => [toX(places[i]), toY(value)]).slice(from);
      pen.line(points, { colour, width: 2 });
      for (const [px, py] of points) pen.disc(px, py, 2.4, { fill: colour });
    }
    pen.line([[x, y], [x, y + height], [x + width, y + height]], { colour: "muted" });
  }

  return {
    height: (width) => arrange(width, counts).height,

    paint(pen, { snapshot: now, curves: which, span = 0 }, width) {
      place = arrange(width, counts);
      const { cell, groups, plot } = place;
      const step = steps[now];
      const said = progress(step, perEpoch);
      const headings = ["test images", step ? `drawn again after ${step} ${step === 1 ? "step" : "steps"}` : "drawn again, untrained", "invented, from ten random z"];
      pen.layer("images", "", 0, 0, width, groups[1].heading - 16, () => {
        pen.text(headings[0], 1, groups[0].heading, HEADING);
        for (let i = 0; i < counts[0]; i++) pen.digit(images, ...groups[0].place(i), cell, { side, at: i * size, pixel });
      });
      drawn.forEach((pictures, g) => {
        const count = counts[g + 1];
        pen.text(headings[g + 1], 1, groups[g + 1].heading, HEADING);
        for (let i = 0; i < count; i++) pen.digit(pictures, ...groups[g + 1].place(i), cell, { side, at: (now * count + i) * size, pixel });
      });

      const fromFirstEpoch = span === 1;
      const curves = curvesOf(terms, which);
      const limits = range(curves.map(({ values }) => values), fromFirstEpoch ? firstEpoch : 0, fromFirstEpoch && which === 0);
      const toY = scale(limits, [plot.y + plot.height, plot.y]);
      places = steps.map((s) => along(s, last, perEpoch, fromFirstEpoch));
      /** @type {[string, TextStyle][]} */
      const [one, other] = curves.map(({ name, colour }) => [name, { ...HEADING, colour: colour === "orange" ? "warm" : colour }]);
      /** @type {[string, TextStyle][]} */
      const words = [[`nats per image: ${which === 0 ? "−ELBO, " : ""}`, HEADING], one, [" and ", HEADING], other];
      pen.words(words, 1, plot.y - 12);
      pen.layer("curves", `${which} ${span}`, 0, plot.y - 6, width, plot.height + 48, () => paintCurves(pen, curves, toY, limits, fromFirstEpoch));
      if (places[now] < 0) pen.text("‹ before this", toX(0), plot.y + 14, { size: 13, weight: 700, colour: "accent", halo: true });
      else {
        const at = toX(places[now]);
        pen.line([[at, plot.y], [at, plot.y + plot.height]], { colour: "ink", width: 1.5 });
        for (const { colour, values } of curves) pen.disc(at, toY(values[now]), 6, { fill: colour, stroke: "paper", line: 2 });
      }

      const notes = which === 0 ? ["−ELBO, training images", "−ELBO, test images"] : ["of drawing again, test", "of the codes, test"];
      const tiles = [
        { name: "Steps", value: String(step), note: said },
        ...curves.map(({ name, colour, values }, i) => ({
          name: name[0].toUpperCase() + name.slice(1),
          value: number(values[now]),
          note: notes[i],
          mark: colour,
        })),
      ];
      const [[rate, distortion], [trainRate, trainDistortion]] = [terms.test[now], terms.train[now]];
      const summary =
        `${counts[0] === 10 ? "Ten" : counts[0]} test ${noun}s, the network's drawings of them, and ${noun}s it invents, after ${step} steps (${said}). ` +
        `On test images: rate ${number(rate)}, distortion ${number(distortion)}, minus ELBO ${number(rate + distortion)} nats; ` +
        `on training images minus ELBO ${number(trainRate + trainDistortion)} nats.`;
      /** @type {Handle} along the curves, to the snapshot nearest to the pointer */
      const handle = {
        x: Math.max(plot.x, toX(places[now])), y: plot.y + plot.height, axis: "x", colour: "ink", hint: "drag me", track: plot,
        move: (px) => ({ snapshot: nearestSnapshot(places, scale(ends(), [0, 1])(px)) }),
      };
      return { summary, tiles, handles: [handle] };
    },
  };
}
