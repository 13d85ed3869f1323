// TrainingLab: a training run, snapshot by snapshot: images drawn again, images invented, and where it stands on its curves.

import { wordsFor } from "./images.mjs";
import { HEADING, number, scale, SMALL, ticks } from "./draw.mjs";

/**
 * @typedef {{name: string, colour: string, dash?: number[], values: number[]}} Curve
 * @typedef {{train: number[][], test: number[][]}} Terms  [rate, distortion] by snapshot
 * @typedef {Named & {side: number, channels: number, at: number[], steps_per_epoch: number, terms: Terms, images: Ref, again: Ref, invented: Ref}} TrainingSpec
 */

const ROOM = 26; // above each group of images, for its heading
const RAIL = 36; // below the curves, and below the axis's numbers, where the handle runs

/**
 * Where three groups of images and the curves stand at this width: the curves come before what is invented, so that they share a
 * screen with what is drawn again. `counts` says how many each group has.
 * @param {number} width @param {number[]} counts
 */
export function arrange(width, counts) {
  const narrow = width < 520;
  const most = Math.max(...counts);
  const across = narrow ? Math.ceil(most / 2) : most;
  const gap = narrow ? 6 : 8;
  const cell = Math.min(narrow ? 64 : 76, Math.floor((width - 2 - (across - 1) * gap) / across));
  const plot = { x: 38, y: 0, width: width - 38 - 10, height: narrow ? 110 : 160 };
  let y = 18;
  const groups = counts.map((count, g) => {
    const top = y + 8, tall = Math.ceil(count / across) * (cell + gap) - gap;
    y = top + tall + ROOM;
    if (g === 1) {
      plot.y = y + (narrow ? 13 : 20);
      y = plot.y + plot.height + RAIL + 32 + ROOM;
    }
    /** @param {number} i @returns {[number, number]} */
    const place = (i) => [1 + (i % across) * (cell + gap), top + Math.floor(i / across) * (cell + gap)];
    return { heading: top - 8, place, box: { x: 1, y: top, width: Math.min(count, across) * (cell + gap) - gap, height: tall } };
  });
  return { narrow, cell, groups, plot, height: y - ROOM + 2 };
}

/** The curves to draw, the later over the earlier: train is dashed, for test to be seen beneath it. @param {Terms} terms @param {number} which @returns {Curve[]} */
export function curvesOf(terms, which) {
  const loss = (/** @type {number[][]} */ rows) => rows.map(([rate, distortion]) => rate + distortion);
  if (which === 0) {
    return [
      { name: "test", colour: "ink", values: loss(terms.test) },
      { name: "train", colour: "muted", dash: [5, 4], values: loss(terms.train) },
    ];
  }
  return [
    { name: "distortion", colour: "distortion", values: terms.test.map(([, distortion]) => distortion) },
    { name: "rate", colour: "rate", values: terms.test.map(([rate]) => rate) },
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

/**
 * Where the numbers of two points stand, from their heights: above each, or, if they would lie on each other, one above and one below
 * both; and below where there is a heading at `top`.
 * @param {number[]} heights @param {number} top
 */
export function beside([one, other], top) {
  const [upper, lower] = [Math.min(one, other), Math.max(one, other)];
  const high = (/** @type {number} */ y) => y < top + 12;
  if (lower - upper > 16) return [one, other].map((y) => (high(y) ? y + 20 : y - 8));
  const places = high(upper) ? [lower + 20, lower + 34] : [upper - 8, lower + 20];
  return one <= other ? places : places.reverse();
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
  const { side, channels, at: steps, steps_per_epoch: perEpoch, terms } = spec;
  const { noun } = wordsFor(spec);
  const size = channels * side * side;
  const images = read(spec.images);
  const drawn = [read(spec.again), read(spec.invented)];
  const counts = [images.length / size, ...drawn.map((pictures) => pictures.length / size / steps.length)];
  const last = steps[steps.length - 1];
  const firstEpoch = steps.findIndex((step) => step >= perEpoch);
  const endOfFirst = firstEpoch >= 0 && last > perEpoch ? along(perEpoch, last, perEpoch, false) : 0;
  const pixel = (/** @type {number} */ v) => v / 255;
  let place = arrange(640, counts);
  /** @type {number[]} */
  let places = [];

  const ends = () => [place.plot.x + 6, place.plot.x + place.plot.width - 6];
  const toX = (/** @type {number} */ t) => scale([0, 1], ends())(t);

  /** The sums share a panel; each term has its own, for the rate is small beside the distortion. @param {Curve[]} curves @param {number} which @param {boolean} fromFirstEpoch */
  function panelsOf(curves, which, fromFirstEpoch) {
    const { plot } = place;
    const panels = which === 0 ? [{ box: plot, curves }] : curves.map((curve, i) => ({ box: { ...plot, y: plot.y + i * 0.6 * plot.height, height: (i ? 0.4 : 0.5) * plot.height }, curves: [curve] }));
    return panels.map(({ box, curves }) => {
      const limits = range(curves.map(({ values }) => values), fromFirstEpoch ? firstEpoch : 0, fromFirstEpoch && which === 0);
      return { box, curves, limits, toY: scale(limits, [box.y + box.height, box.y]) };
    });
  }

  /** @param {Pen} pen @param {ReturnType<typeof panelsOf>} panels @param {boolean} fromFirstEpoch */
  function paintCurves(pen, panels, fromFirstEpoch) {
    const { x, y, width, height } = place.plot;
    const unit = fromFirstEpoch ? perEpoch : 1;
    const marks = fromFirstEpoch
      ? ticks(1, last / perEpoch, place.narrow ? 5 : 10).filter(Number.isInteger)
      : [0, 1, 10, 100, 1000, 10000, 100000].filter((step) => step <= last);
    const toMark = (/** @type {number} */ mark) => toX(along(mark * unit, last, perEpoch, fromFirstEpoch));
    pen.axes(place.plot, { x: { to: toMark, ticks: marks, words: String } });
    for (const at of marks.map(toMark)) pen.line([[at, y + height], [at, y + height + 4]], { colour: "muted" });
    if (!fromFirstEpoch && endOfFirst) pen.line([[toX(endOfFirst), y], [toX(endOfFirst), y + height]], { colour: "muted", dash: [3, 4] });
    pen.text(fromFirstEpoch ? "epochs" : "training steps, on a stretched scale", x + width / 2, y + height + RAIL + 25, { ...SMALL, align: "center" });
    const from = fromFirstEpoch ? firstEpoch : 0;
    for (const { box, curves, limits: [low, high], toY } of panels) {
      pen.axes(box, { y: { to: toY, ticks: ticks(low, high, panels.length > 1 ? 2 : 4), rule: () => ({}) } });
      for (const { colour, dash, values } of curves) {
        const points = values.map((value, i) => [toX(places[i]), toY(value)]).slice(from);
        pen.line(points, { colour, dash, width: 2 });
        if (!dash) for (const [px, py] of points) pen.disc(px, py, 2.4, { fill: colour });
      }
      pen.line([[x, box.y], [x, box.y + box.height], [x + width, box.y + box.height]], { colour: "muted" });
    }
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
        for (let i = 0; i < counts[0]; i++) pen.digit(images, ...groups[0].place(i), cell, { side, channels, at: i * size, pixel });
      });
      drawn.forEach((pictures, g) => {
        const count = counts[g + 1];
        pen.text(headings[g + 1], 1, groups[g + 1].heading, HEADING);
        for (let i = 0; i < count; i++) pen.digit(pictures, ...groups[g + 1].place(i), cell, { side, channels, at: (now * count + i) * size, pixel });
      });

      const fromFirstEpoch = span === 1;
      const curves = curvesOf(terms, which);
      const panels = panelsOf(curves, which, fromFirstEpoch);
      places = steps.map((s) => along(s, last, perEpoch, fromFirstEpoch));
      /** @type {[string, TextStyle][]} */
      const names = curves.map(({ name, colour, dash }) => [dash ? `${name} (dashed)` : name, { ...HEADING, colour }]);
      pen.words([[`nats${place.narrow ? "" : " per image"}: ${which === 0 ? "−ELBO, " : ""}`, HEADING], names[0], [" and ", HEADING], names[1]], 1, plot.y - 12);
      pen.layer("curves", `${which} ${span}`, 0, plot.y - 6, width, plot.height + RAIL + 38, () => paintCurves(pen, panels, fromFirstEpoch));
      if (places[now] < 0) pen.beyond(`step ${step}`, plot.x + 6, plot.y + 14, -1);
      else {
        const at = toX(places[now]);
        const foot = plot.y + plot.height; // from which the axis's numbers hang
        for (const [from, to] of [[plot.y, foot + 4], [foot + 20, foot + RAIL]]) pen.line([[at, from], [at, to]], { colour: "ink", width: 1.5 });
        if (!fromFirstEpoch && endOfFirst) pen.text("first epoch ends", toX(endOfFirst) - 8, plot.y + 12, { ...SMALL, align: "right", halo: 9 });
        const heights = curves.map(({ values }, i) => panels[i % panels.length].toY(values[now])), lines = beside(heights, plot.y);
        const left = at > plot.x + 0.8 * plot.width; // of the line, where there is room
        curves.forEach(({ colour, values }, i) => {
          pen.disc(at, heights[i], 6, { fill: colour, stroke: "paper", line: 2 });
          pen.text(number(values[now]), at + (left ? -10 : 10), lines[i], { size: 12, weight: 700, colour, halo: true, align: left ? "right" : "left" });
        });
      }

      const notes = which === 0 ? ["−ELBO, test images", "−ELBO, training images"] : ["of drawing again, test", "of the codes, test"];
      const tiles = [
        { name: "Steps", value: String(step), note: said },
        ...curves.map(({ name, colour, values }, i) => ({
          name: name[0].toUpperCase() + name.slice(1),
          value: number(values[now]),
          note: notes[i],
          mark: which === 0 ? "" : colour,
        })),
      ];
      const [[rate, distortion], [trainRate, trainDistortion]] = [terms.test[now], terms.train[now]];
      const summary =
        `${counts[0] === 10 ? "Ten" : counts[0]} test ${noun}s, the network's drawings of them, and ${noun}s it invents, after ${step} steps (${said}). ` +
        `On test images: rate ${number(rate)}, distortion ${number(distortion)}, minus ELBO ${number(rate + distortion)} nats; ` +
        `on training images minus ELBO ${number(trainRate + trainDistortion)} nats.`;
      /** @type {Handle} along the curves, to the snapshot nearest to the pointer */
      const handle = {
        x: Math.max(plot.x, toX(places[now])), y: plot.y + plot.height + RAIL, axis: "x", colour: "ink", hint: "drag me", room: width, track: plot,
        move: (px) => ({ snapshot: nearestSnapshot(places, scale(ends(), [0, 1])(px)) }),
      };
      const [input, again, invented] = groups.map(({ box }) => box);
      const both = { ...input, height: again.y + again.height - input.y }; // to compare, where a screen has room for it
      const curvesOnRail = { x: 1, y: plot.y - 26, width: width - 2, height: plot.height + RAIL + 56 };
      return { summary, tiles, handles: [handle], regions: { again: place.narrow ? again : both, invented, plot: curvesOnRail } };
    },
  };
}
