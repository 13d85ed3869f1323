// PlaygroundLab: a VAE that trains here, in the page. What it knows is seen as it changes: the codes of test digits as clouds, what
// is decoded at every place, digits drawn again and drawn from the prior, and its rate and distortion, step by step and against
// each other, beside those of the runs before it.

import { unpackFour } from "./four.mjs";
import { createTrainer, floatsOf, toBase64 } from "./trainer.mjs";
import { optimum } from "./optimum.mjs";
import { HEADING, number, roundUp, scale, SMALL, ticks } from "./draw.mjs";
import { SIDE, thumbnail } from "./ink.mjs";

/**
 * @typedef {import("./trainer.mjs").Settings} Settings
 * @typedef {import("./session.mjs").State} State
 * @typedef {{engine: string, colours: string[], train: Ref, test: Ref, test_labels: Ref, components: import("./optimum.mjs").Components,
 *   bugs: Record<string, string[]>}} PlaygroundSpec  a bug's
 *   lines, wrong and right, and a short name
 * @typedef {{trained: Settings, terms: number[][]}} Path  what it was trained with, and [rate, distortion] of test digits
 */

const ACROSS = 13; // decoded images along each side of the grid
const SHOWN = 10; // test digits in a row
const PITCH = SIDE + 1; // of these, in pixels of theirs
const REACHES = [3.5, 8, 16, 32, 64, 128, 256, 512, 1024];
const KEPT = 4; // earlier runs
const MOST = 400; // points of a curve: when there are more, every second goes
const ACTIVE = 0.05; // nats: a unit with less carries nothing
const ACTIVATIONS = /** @type {const} */ (["tanh", "relu", "none"]);
const LIKELIHOODS = /** @type {const} */ (["bernoulli", "gaussian", "learned"]);
const KNOBS = /** @type {const} */ (["beta", "lr", "sample", "warmup", "free", "bug"]);
const SHAPE = /** @type {const} */ (["latent", "hidden", "activation", "likelihood", "sigma", "batch", "seed"]);

/**
 * Where everything stands at this width: on a desk two squares, and beside them three small plots; on a phone the squares, what is
 * drawn and the units, digits, and two plots.
 * @param {number} width
 */
export function arrange(width) {
  const narrow = width < 560;
  const gap = narrow ? 10 : 18;
  const column = narrow ? Math.floor((width - gap) / 2) : Math.min(212, Math.floor((width - 2 * gap) / 3));
  const top = 22;
  const plane = { x: 1, y: top, width: column - 2, height: column - 2 };
  const grid = { ...plane, x: column + gap + 1 };
  const below = top + column + 20;
  const across = narrow ? width : 2 * column + gap;
  const label = narrow ? 58 : 64;
  const cell = Math.floor((across - label - (narrow ? 0 : 26)) / (narrow ? SHOWN : SHOWN + 3.2));
  const rows = { x: label, y: narrow ? below + 142 : below + 12, width: SHOWN * cell, height: 3 * cell };
  const pad = narrow ? { x: 1, y: below + 22, width: 104, height: 104 } : { x: across - rows.height - 1, y: rows.y, width: rows.height, height: rows.height };
  const curves = rows.y + rows.height + 34; // on a phone
  const height = narrow ? curves + 88 + 20 : rows.y + rows.height + 6;
  const right = 2 * (column + gap), gutter = 30;
  /** @param {number} y @param {number} tall @returns {Box} */
  const panel = (y, tall) => ({ x: right + gutter, y, width: width - right - gutter - 2, height: tall });
  const room = height - 3 * 26 - 2 * 32 - 18;
  const [first, second] = [Math.round(0.36 * room), Math.round(0.4 * room)];
  const plots = narrow
    ? [{ x: 28, y: curves, width: column - 30, height: 88 }, { x: column + gap + 30, y: curves, width: column - 32, height: 88 },
      { x: 150, y: pad.y, width: width - 152, height: pad.height - 16 }]
    : [panel(26, first), panel(26 + first + 58, second), panel(26 + first + second + 116, room - first - second)];
  return { narrow, plane, grid, cell, rows, pad, plots, height };
}

/** What the controls stand for. @param {Values} values @param {Control[]} controls @returns {Settings} */
export function settingsOf(values, controls) {
  const word = (/** @type {string} */ name) => /** @type {Choice} */ (controls.find((control) => control.name === name)).options[values[name]];
  const shown = (/** @type {string} */ name) => Number.parseFloat(word(name)); // the number in it
  return {
    latent: shown("latent"), hidden: shown("hidden"), activation: ACTIVATIONS[values.activation], likelihood: LIKELIHOODS[values.likelihood],
    sigma: shown("sigma"), batch: shown("batch"), seed: values.seed,
    beta: shown("beta"), lr: shown("lr"), sample: values.noise === 0, warmup: shown("warmup"), free: shown("free"), bug: values.bug ? word("bug") : "",
  };
}

/** What tells these runs from each other, for each in a few words: "β 4". @param {Settings[]} runs  what they were trained with @param {Record<string, string[]>} bugs */
export function namesOf(runs, bugs) {
  /** @type {((settings: Settings) => string)[]} */
  const words = [
    ({ bug }) => bugs[bug]?.[2] ?? "no bug", ({ beta }) => `β ${beta}`, ({ sample }) => (sample ? "noise" : "no noise"),
    ({ latent }) => `${latent} unit${latent === 1 ? "" : "s"}`, ({ hidden }) => (hidden ? `${hidden} hidden` : "linear"), ({ activation, hidden }) => (hidden ? activation : "linear"),
    ({ likelihood, sigma }) => ({ bernoulli: "Bernoulli", gaussian: `σ ${sigma}`, learned: "σ learned" })[likelihood], ({ warmup }) => (warmup ? `warm-up ${warmup}` : "no warm-up"),
    ({ free }) => `${free} nats free`, ({ lr }) => `rate ${lr}`, ({ batch }) => `batch ${batch}`, ({ seed }) => `seed ${seed}`,
  ];
  const telling = words.filter((word) => new Set(runs.map(word)).size > 1);
  return runs.map((run) => [...new Set(telling.map((word) => word(run)))].slice(0, 2).join(", ") || "the same");
}

/** The settings that are folded away and not as they were at first, in words. @param {Settings} settings @param {Settings} home @param {number} speed  steps a second, at most @param {number} step  to which it has come */
export function wordsOf(settings, home, speed, step) {
  const { beta, likelihood, sigma, batch, warmup, free, seed } = settings;
  const pixels = { bernoulli: "Bernoulli pixels", gaussian: `Gaussian pixels with σ ${sigma}`, learned: `Gaussian pixels with a learned σ from ${sigma} on` };
  return [
    likelihood !== home.likelihood ? pixels[likelihood] : sigma !== home.sigma ? `σ ${sigma} (Gaussian pixels would have it)` : "",
    batch !== home.batch ? `batches of ${batch}` : "", warmup !== home.warmup ? `β reached after ${warmup} steps${step < warmup ? `, now ${number((beta * step) / warmup, 2)}` : ""}` : "",
    free !== home.free ? `${free} nats of every unit free` : "", seed !== home.seed ? `seed ${seed}` : "",
    speed < Infinity ? `at most ${speed} steps a second` : "",
  ].filter(Boolean);
}

/** How far the plane must reach for nearly all of these, and no farther than it must. @param {ArrayLike<number>} codes @param {number} now  how far it reaches */
export function reachFor(codes, now) {
  const sizes = Float64Array.from(codes, (code) => (Number.isFinite(code) ? Math.abs(code) : 0)).sort();
  const far = sizes[Math.floor(0.995 * (sizes.length - 1))] ?? 0;
  if (far <= now && far > 0.4 * now) return now; // no jumping to and fro
  return REACHES.find((reach) => far <= reach) ?? REACHES[REACHES.length - 1];
}

/** Round ends for an axis that shows these, but for the wildest of them. @param {number[]} values @param {boolean} zero  whether it begins at 0 where none is below @param {number} least  it spans @param {number[]} must  be seen */
export function ends(values, zero, least = 1e-3, must = /** @type {number[]} */ ([])) {
  const sorted = values.filter((value) => Math.abs(value) < 1e9).sort((a, b) => a - b); // nor those of a run that has diverged
  if (!sorted.length) return [0, Math.max(1, least)];
  const low = sorted[0], high = Math.max(sorted[Math.floor(0.96 * (sorted.length - 1))], ...must.filter((value) => Math.abs(value) < 1e9));
  const from = zero && low >= 0 ? 0 : low;
  const step = roundUp(Math.max(high - from, least) / 4);
  return [Math.floor(from / step) * step, Math.ceil(Math.max(high, from + least) / step - 1e-9) * step];
}

/** From which point on a curve is drawn for its own sake: what comes before is the fall from an untrained network. @param {number[][]} curve */
export function begun(curve) {
  const last = curve[curve.length - 1]?.[0] ?? 0;
  return Math.max(0, Math.min(curve.length - 2, curve.findIndex(([step]) => step >= 0.05 * last)));
}

/** Whether a run has left its first fall behind. @param {number[][]} curve */
export function fallen(curve) {
  const sums = curve.map(([, , , rate, distortion]) => rate + distortion), least = Math.min(...sums);
  return curve.length > 8 && sums[begun(curve)] - least <= 0.15 * (sums[0] - least);
}

/** Heights moved so far apart, between two ends, each near where it was. @param {number[]} heights @param {number} least @param {number} top @param {number} bottom */
export function spaced(heights, least, top, bottom) {
  const order = [...heights.keys()].sort((a, b) => heights[a] - heights[b]), moved = [...heights];
  order.forEach((at, k) => (moved[at] = Math.max(moved[at], k ? moved[order[k - 1]] + least : top)));
  order.reverse().forEach((at, k) => (moved[at] = Math.min(moved[at], k ? moved[order[k - 1]] - least : bottom)));
  return moved;
}

/** Every second of them where there are too many, the last always. @template T @param {T[]} points */
export function thinned(points) {
  return points.length <= MOST ? points : points.filter((_, i) => (points.length - 1 - i) % 2 === 0);
}

/** @type {Host} */
const NOBODY = { redraw() {}, take() {} };

/** @type {Create<PlaygroundSpec>} */
export function create(spec, read, host = NOBODY) {
  const { colours, controls, bugs } = spec;
  const labels = read(spec.test_labels), train = unpackFour(read(spec.train)), test = unpackFour(read(spec.test));
  const home = settingsOf(Object.fromEntries(controls.map(({ name, value }) => [name, /** @type {number} */ (value)])), controls);
  const ofClass = Array.from({ length: 10 }, (_, label) => [...labels.keys()].filter((i) => labels[i] === label));
  const mosaic = new Uint8Array((ACROSS * SIDE) ** 2); // one picture of many: each that is put on a canvas costs
  const strip = new Uint8Array((SHOWN * PITCH) ** 2);

  /** @type {State | null} */
  let state = null;
  let owed = 1; // beginnings that were asked for and of which nothing has come yet
  let settings = home;
  let reach = REACHES[0];
  let stamp = 0; // of what is seen
  let running = false;
  let away = false; // out of sight: it waits, and goes on in sight
  /** @type {Record<string, number> | null} */
  let presses = null;
  let speed = Infinity;
  /** @type {number[][]} [step, train rate, train distortion, test rate, test distortion] */
  let curve = [];
  /** @type {Path[]} */
  let past = [];
  let trained = home; // what the run so far was trained with: what is chosen after it does not change that
  /** @type {number[][]} */
  let numbered = []; // where the classes' numbers stand
  /** @type {Record<string, number[]>} */
  let spans = {}; // of axes, which do not shrink while a run goes on
  /** @type {number[]} */
  let turns = []; // steps at which β was moved
  /** @type {number[][][]} */
  let strokes = []; // in the pad, from 0 to 1
  /** @type {{mean: Float32Array, logVar: Float32Array} | null} */
  let cloud = null; // of what was drawn
  let encoding = false;
  let anew = false; // to be begun again
  let sent = ""; // the weights that Python has, or gave

  const trainer = createTrainer(spec.engine, home, { train, test }, (next) => {
    if (owed && next.step === 0 && next.new.length) owed--;
    if (owed) return; // of a run before
    state = next;
    if (next.new.length) trained = { ...settings, bug: settings.bug || (next.step ? trained.bug : "") };
    for (const point of next.new) curve.push([point.step, point.trainRate, point.trainDistortion, point.testRate, point.testDistortion]);
    curve = thinned(curve);
    const far = reachFor(next.mean, reach);
    if (far !== reach) {
      reach = far;
      look();
    }
    stamp++;
    encode();
    if (host.live && next.step > 0 && !next.running) tell();
    host.redraw();
  });

  /** The network as it stands, for Python: `lab.model()`. */
  async function tell() {
    const { latent, hidden, activation, likelihood, sigma } = settings;
    const weights = toBase64(await trainer.weights());
    if (owed || weights === sent) return;
    sent = weights;
    host.take({ network: { latent, hidden, activation, likelihood, sigma, weights } });
  }

  /** The middles of the grid's cells, for the whole of it to reach as far as the plane. */
  const look = () => trainer.look((reach * (ACROSS - 1)) / ACROSS);

  /** What was drawn, encoded by the network as it stands. */
  async function encode() {
    if (encoding || !strokes.length) return;
    encoding = true;
    cloud = await trainer.encode(thumbnail(strokes));
    encoding = false;
    if (!strokes.length) cloud = null;
    stamp++;
    host.redraw();
  }

  /** The run so far joins those before it, unless it diverged: no other would be seen beside it. */
  function shelve() {
    if (curve.length > 2 && !state?.failed) past = [...past, { trained, terms: curve.map(([, , , rate, distortion]) => [rate, distortion]) }].slice(-KEPT);
    curve = [];
    turns = [];
    spans = {};
  }
  /** @param {Settings} next */
  function restart(next) {
    shelve();
    if ((next.likelihood === "bernoulli") !== (settings.likelihood === "bernoulli")) past = []; // other nats
    settings = next;
    owed++;
    reach = REACHES[0];
    look();
    trainer.restart(next);
    running = false;
  }

  /** What was moved or pressed since the last frame reaches the trainer. @param {Values} values */
  function follow(values) {
    const next = settingsOf(values, controls);
    const before = presses ?? values; // an address or a first frame presses nothing
    presses = values;
    const again = values.again > before.again;
    const on = values.run % 2 === 1, wanted = on && !away, begins = on && values.run > before.run, steps = values.advance - before.advance;
    const pace = [Infinity, 100, 20, 4][values.speed];
    const failed = Boolean(state?.failed) && !owed;
    const stopped = failed && (begins || steps > 0); // to go on from there leads nowhere
    if (again && !on) host.take({ run: values.run + 1 });
    if (again || anew || stopped || SHAPE.some((name) => next[name] !== settings[name])) restart(next);
    anew = false;
    const network = /** @type {(Partial<Settings> & {weights: string}) | null} */ (/** @type {unknown} */ (values.network));
    if (network && network.weights !== sent) { // from Python: `lab.load(model)`
      const { weights, ...shape } = network;
      restart({ ...settings, ...shape });
      sent = weights;
      owed++;
      trainer.load(floatsOf(weights), settings);
    }
    const changes = Object.fromEntries(KNOBS.filter((name) => next[name] !== settings[name]).map((name) => [name, next[name]]));
    if (Object.keys(changes).length) {
      if ("beta" in changes && curve.length) turns.push(curve.length - 1);
      trainer.set(changes);
      settings = next;
    }
    if (steps > 0) {
      if (on) host.take({ run: values.run + 1 });
      trainer.step(steps);
    } else if (wanted !== running || (wanted && pace !== speed)) {
      if (wanted) trainer.start(pace);
      else trainer.pause();
      running = wanted;
    }
    speed = pace;
    if (failed && on && !begins && !again) host.take({ run: values.run + 1 });
  }

  // at once, for a hidden page is not painted
  let inSight = true;
  function hidden() {
    away = document.hidden || !inSight;
    if (away && running) {
      trainer.pause();
      running = false;
    }
    host.redraw();
  }
  const seen = host.root && new IntersectionObserver((changes) => {
    inSight = changes[changes.length - 1].isIntersecting;
    hidden();
  });
  if (host.root) seen?.observe(host.root);
  if (host.root) document.addEventListener("visibilitychange", hidden);

  /** @param {Pen} pen @param {Box} box */
  function paintPlane(pen, box) {
    const [toX, toY] = [scale([-reach, reach], [box.x, box.x + box.width]), scale([-reach, reach], [box.y + box.height, box.y])];
    const one = toX(1) - toX(0), middle = { x: toX(0), y: toY(0) };
    const single = settings.latent === 1;
    pen.clip(box, () => {
      if (single) for (const sd of [-2, -1, 0, 1, 2]) pen.line([[toX(sd), box.y], [toX(sd), box.y + box.height]], { colour: "line", dash: sd ? [3, 4] : [] });
      if (!state) return single || rings(pen, middle, one);
      const { mean, std } = state;
      const lane = box.height / 10;
      /** @param {number} i @returns {number[]} */
      const ellipse = (i) => {
        const [x, across] = [toX(mean[2 * i]), Math.max(1, Math.min(std[2 * i], 99) * one)];
        if (single) return [x, box.y + (labels[i] + 0.5) * lane, across, 0.32 * lane];
        return [x, toY(mean[2 * i + 1]), across, Math.max(1, Math.min(std[2 * i + 1], 99) * one)];
      };
      ofClass.forEach((members, label) => pen.ellipses(members.map(ellipse), { fill: colours[label], alpha: single ? 0.2 : 0.28 }));
      ofClass.forEach((members, label) => pen.ellipses(members.map((i) => [...ellipse(i).slice(0, 2), 1.3, 1.3]), { fill: colours[label] }));
      if (!single) rings(pen, middle, one);
      const there = [...ofClass.keys()].filter((label) => ofClass[label].length);
      const middles = there.map((label) => (single ? [box.x + 9, box.y + (label + 0.5) * lane] : [0, 1].map((axis) => {
        const members = ofClass[label], middle = members.reduce((sum, i) => sum + mean[2 * i + axis], 0) / members.length;
        return axis ? toY(middle) : toX(middle);
      })));
      const spread = [0, 1].map((axis) => Math.max(...middles.map((at) => at[axis])) - Math.min(...middles.map((at) => at[axis])));
      numbered = Math.max(...spread) > 12 ? apart(middles, 15) : [];
      numbered.forEach(([x, y], k) => {
        pen.text(String(there[k]), x, y, { size: single ? 12 : 14, weight: 700, align: "center", base: "middle", halo: true });
      });
    });
  }

  /** The prior's, above the clouds; where all are too small to be told apart, one that says so. @param {Pen} pen @param {{x: number, y: number}} middle @param {number} one  standard deviation */
  function rings(pen, { x, y }, one) {
    if (one > 5) for (const sd of [1, 2, 3]) pen.disc(x, y, sd * one, { stroke: sd === 1 ? "ink" : "muted", line: 1, dash: sd === 1 ? [] : [3, 4] });
    else pen.disc(x, y, Math.max(4, 3 * one), { stroke: "ink", line: 1.5 });
  }

  /** Where the drawn digit lies. @param {Pen} pen @param {Box} box */
  function paintCloud(pen, box) {
    if (!cloud || !state || !strokes.length) return;
    const { x, y, width, height } = box;
    const [i, j] = settings.latent === 1 ? [0, 0] : state.units;
    const to = scale([-reach, reach], [x, x + width]), one = to(1) - to(0);
    const [across, up] = [i, j].map((unit) => Math.max(3, Math.min(99, Math.exp(0.5 * /** @type {typeof cloud & {}} */ (cloud).logVar[unit])) * one));
    const [px, py] = [to(cloud.mean[i]), settings.latent === 1 ? y + height / 2 : scale([-reach, reach], [y + height, y])(cloud.mean[j])];
    pen.clip(box, () => {
      pen.ellipses([[px, py, across, settings.latent === 1 ? height : up]], { fill: "ink", alpha: 0.2, stroke: "ink", line: 2 });
      pen.disc(px, py, 4, { fill: "ink", stroke: "paper", line: 2 });
    });
    const clear = (/** @type {number[]} */ [u, v]) => Math.min(...numbered.map(([left, top]) => Math.max(Math.abs(left - u) / 2, Math.abs(top - v))));
    const [u, v] = [[px, py - up - 10], [px, py + up + 10], [px + across + 24, py], [px - across - 24, py]]
      .map(([u, v]) => [Math.min(x + width - 22, Math.max(x + 22, u)), Math.max(y + 10, Math.min(y + height - 10, v))])
      .sort((a, b) => Number(clear(b) > 13) - Number(clear(a) > 13))[0]; // off the classes' numbers, if it can be
    pen.text("yours", u, v, { size: 12, weight: 700, align: "center", base: "middle", halo: true });
  }

  /** @param {Pen} pen @param {Box} box */
  function paintGrid(pen, box) {
    if (!state) return;
    if (settings.latent > 1) {
      for (let k = 0; k < ACROSS * ACROSS; k++) {
        const [top, left] = [Math.floor(k / ACROSS) * SIDE, (k % ACROSS) * SIDE];
        for (let row = 0; row < SIDE; row++) mosaic.set(state.grid.subarray((k * SIDE + row) * SIDE, (k * SIDE + row + 1) * SIDE), (top + row) * ACROSS * SIDE + left);
      }
      return pen.digit(mosaic, box.x, box.y, box.width, { side: ACROSS * SIDE, pixel: shade, frame: null, smooth: true });
    }
    const size = Math.floor((box.width - 12) / 5), tall = size + 18;
    const from = box.y + (box.height - 3 * tall) / 2;
    for (let k = 0; k < ACROSS; k++) {
      const [left, top] = [box.x + (k % 5) * (size + 3), from + Math.floor(k / 5) * tall];
      pen.digit(state.grid, left, top, size, { side: SIDE, at: k * SIDE * SIDE, pixel: shade, frame: null });
      pen.text(number(reach * ((2 * (k + 0.5)) / ACROSS - 1)), left + size / 2, top + size + 13, { ...SMALL, size: 11, align: "center" });
    }
  }

  /** Test digits, drawn again, and draws from the prior. @param {Pen} pen @param {ReturnType<typeof arrange>} place */
  function paintRows(pen, { rows, cell, narrow }) {
    ["test", "decoded", "invented"].forEach((name, row) => {
      pen.text(name, 1, rows.y + (row + 0.5) * cell, { size: narrow ? 11 : 12, weight: 600, base: "middle" });
      const pictures = [test, state?.reconstructions, state?.draws][row];
      for (let k = 0; pictures && k < SHOWN; k++) {
        for (let line = 0; line < SIDE; line++) {
          const from = (k * SIDE + line) * SIDE;
          strip.set(pictures.subarray(from, from + SIDE), (row * PITCH + line) * SHOWN * PITCH + k * PITCH);
        }
      }
    });
    pen.clip(rows, () => pen.digit(strip, rows.x, rows.y, SHOWN * cell, { side: SHOWN * PITCH, pixel: shade, frame: null }));
  }

  /** Rate, distortion and their sum over the steps. @param {Pen} pen @param {Box} box */
  function paintCurves(pen, box) {
    const last = Math.max(100, roundUp(curve[curve.length - 1]?.[0] ?? 1));
    const [low, high] = ends(curve.slice(begun(curve)).flatMap(([, a, b, c, d]) => [a, b, c, d, a + b, c + d]), true);
    const [toX, toY] = [scale([0, last], [box.x, box.x + box.width]), scale([low, high], [box.y + box.height, box.y])];
    pen.axes(box, {
      x: { to: toX, ticks: [0, last / 2, last], words: (tick) => (tick === last ? `${plain(tick)} steps` : plain(tick)), align: (tick) => (tick ? (tick === last ? "right" : "center") : "left") },
      y: { to: toY, ticks: ticks(low, high, 3), words: plain, rule: () => ({ colour: "line" }) },
    });
    pen.clip({ x: box.x, y: box.y - 1, width: box.width + 2, height: box.height + 2 }, () => {
      /** @param {string} colour @param {(point: number[]) => number} of @param {LineStyle} style */
      const line = (colour, of, style = {}) => curve.length > 1 && pen.line(curve.map((point) => [toX(point[0]), toY(of(point))]), { colour, width: 2, ...style });
      line("distortion", ([, , , , d]) => d);
      line("rate", ([, , , r]) => r);
      line("muted", ([, r, d]) => r + d, { width: 1.5, dash: [3, 3] });
      line("ink", ([, , , r, d]) => r + d);
    });
  }

  /** An axis that does not shrink within a run, from when it `holds`. @param {string} name @param {number[]} ends @param {boolean} holds @returns {number[]} */
  function grown(name, [low, high], holds = true) {
    const [least, most] = (holds && spans[name]) || [low, high];
    return (spans[name] = [Math.min(low, least), Math.max(high, most)]);
  }

  /** This run and those before it in the plane of rate and distortion. @param {Pen} pen @param {Box} box */
  function paintPaths(pen, box) {
    const now = curve.map(([, , , rate, distortion]) => [rate, distortion]);
    const last = [...past.map(({ terms }) => terms), now].flatMap((terms) => terms.slice(-1)); // of a run before only its end must be seen
    const settled = [...now.slice(begun(curve)), ...last];
    const across = grown("across", ends(settled.map(([rate]) => rate), true, 1, last.map(([rate]) => 1.04 * rate)), fallen(curve));
    const up = grown("up", ends(settled.map(([, distortion]) => distortion), false, 2, last.map(([, distortion]) => distortion)), fallen(curve));
    const [toX, toY] = [scale(across, [box.x, box.x + box.width]), scale(up, [box.y + box.height, box.y])];
    pen.axes(box, { x: { to: toX, ticks: ticks(across[0], across[1], 3), words: plain, align: (tick) => (tick > across[1] - 1e-9 ? "right" : "center") }, y: { to: toY, ticks: ticks(up[0], up[1], 3), words: plain } });
    pen.clip(box, () => {
      const step = roundUp((up[1] - up[0] + across[1] - across[0]) / 9);
      for (let k = 0; k < 12; k++) {
        const sum = up[0] + across[0] + k * step;
        pen.line([[toX(across[0]), toY(sum - across[0])], [toX(across[1]), toY(sum - across[1])]], { colour: "line" }); // equal −ELBO
      }
    });
    pen.line([[box.x, box.y], [box.x, box.y + box.height], [box.x + box.width, box.y + box.height]], { colour: "muted" });
    /** @param {number[][]} terms */
    const trace = (terms) => terms.map(([rate, distortion]) => [toX(rate), toY(distortion)]);
    pen.clip({ x: box.x - 4, y: box.y - 4, width: box.width + 8, height: box.height + 8 }, () => {
      const names = namesOf([...past.map(({ trained }) => trained), trained], bugs);
      const labelled = past.map(({ terms }, k) => {
        const points = trace(terms), [x, y] = points[points.length - 1];
        pen.line(points, { colour: "muted", width: 1 });
        pen.disc(x, y, 3, { fill: "paper", stroke: "muted", line: 1.5 });
        return { x, y, name: names[k] };
      });
      const heights = spaced(labelled.map(({ y }) => y), 13, box.y + 6, box.y + box.height - 7);
      const points = trace(now);
      if (points.length > 1) pen.line(points, { colour: "accent", width: 2 });
      for (const turn of turns) if (points[turn]) pen.disc(points[turn][0], points[turn][1], 2.5, { fill: "paper", stroke: "accent", line: 1.5 });
      for (const [x, y] of points.slice(-1)) pen.disc(x, y, 4.5, { fill: "accent", stroke: "paper", line: 1.5 });
      labelled.forEach(({ x, name }, k) => { // last, for a name under a dot says nothing
        const right = x > box.x + 0.5 * box.width;
        pen.text(name, x + (right ? -9 : 9), heights[k], { ...SMALL, size: 11, halo: true, base: "middle", align: right ? "right" : "left" });
      });
    });
  }

  /** @param {Pen} pen @param {Box} box */
  function paintUnits(pen, box) {
    const kl = state ? [...state.kl] : [];
    const { free } = settings;
    const need = roundUp(Math.max(1, free, ...kl.filter((nats) => nats < 1e9))), [, held] = spans.units ?? [0, 0];
    const most = need > held || need < 0.5 * held ? need : held; // no jumping to and fro
    spans.units = [0, most];
    const toY = scale([0, most], [box.y + box.height, box.y]);
    const pitch = box.width / Math.max(kl.length, 2), wide = Math.min(26, 0.72 * pitch);
    pen.axes(box, { y: { to: toY, ticks: [0, most], words: plain, rule: () => ({ colour: "line" }) } });
    kl.forEach((nats, unit) => {
      const x = box.x + (unit + 0.5) * pitch, active = nats >= ACTIVE;
      if (active) pen.box(x - wide / 2, toY(nats), wide, box.y + box.height - toY(nats), { fill: "rate" });
      else pen.box(x - wide / 2, box.y + box.height - 3, wide, 3, { stroke: "muted" });
      const top = Math.min(toY(nats), box.y + box.height - 3), inside = top < box.y + 14;
      const long = number(nats, nats < 1 ? 2 : nats < 100 ? 1 : 0), close = pitch < 26;
      if (pitch >= 18 && nats < 1e4) pen.text(close ? long.replace(/^0(?=\.)/, "") : long, x, inside ? top + 12 : top - 4, { size: close ? 10 : 11, align: "center", colour: inside ? "paper" : "muted", halo: !inside });
      if (kl.length <= 8 || unit % 3 === 0) pen.text(String(unit + 1), x, box.y + box.height + 14, { size: 11, align: "center", weight: active ? 700 : 400, colour: active ? "ink" : "muted" });
    });
    if (free) pen.line([[box.x, toY(free)], [box.x + box.width, toY(free)]], { colour: "ink", width: 1.5, dash: [4, 3] });
    return kl.filter((nats) => nats >= ACTIVE).length;
  }

  /** @param {Pen} pen @param {Box} box */
  function paintPad(pen, box) {
    const { x, y, width } = box;
    pen.box(x, y, width, width, { stroke: "muted", dash: [4, 4], radius: 6 });
    if (!strokes.length) {
      pen.text("draw", x + width / 2, y + width / 2 - 3, { ...SMALL, align: "center" });
      pen.text("a digit", x + width / 2, y + width / 2 + 13, { ...SMALL, align: "center" });
    }
    for (const stroke of strokes) {
      const points = stroke.map(([u, v]) => [x + u * width, y + v * width]);
      if (points.length > 1) pen.line(points, { colour: "ink", width: width / 14 });
      for (const [u, v] of points) pen.disc(u, v, width / 28, { fill: "ink" });
    }
    if (!strokes.length) return;
    pen.box(x + width - 21, y + 1, 20, 22, { fill: "paper", radius: 6 }); // no stroke runs into it
    pen.text("×", x + width - 10, y + 12, { size: 18, weight: 700, colour: "muted", align: "center", base: "middle" });
  }

  /** @param {Box} box @returns {Pad} */
  const padOf = (box) => ({
    box,
    ink(x, y, begins) {
      const [u, v] = [(x - box.x) / box.width, (y - box.y) / box.height];
      if (begins && strokes.length && u > 0.8 && v < 0.22) {
        strokes = [];
        cloud = null;
      } else if (begins) strokes.push([[u, v]]);
      else if (strokes.length) strokes[strokes.length - 1].push([u, v]);
      stamp++;
      host.take({});
      encode();
    },
  });

  /** What changes with each state is kept for the next frame where there may be one that shows the same. @param {Pen} pen @param {string} name @param {unknown} key @param {Box} box @param {() => void} paint */
  const keep = (pen, name, key, { x, y, width, height }, paint) => (running ? paint() : pen.layer(name, key, x, y, width, height, paint));

  return {
    height: (width) => arrange(width).height,
    near: (values) => linesOf(bugs[settingsOf(values, controls).bug]),
    begin(whole) {
      anew = curve.length > 1 || running; // with the settings that come now
      past = [];
      if (anew) curve = []; // a run of another question is no comparison
      if (!whole) return;
      strokes = [];
      cloud = null;
    },
    close() {
      trainer.close();
      seen?.disconnect();
      if (host.root) document.removeEventListener("visibilitychange", hidden);
    },

    paint(pen, values, width) {
      follow(values);
      const place = arrange(width);
      const { plane, grid, plots, rows, pad, narrow } = place;
      const [i, j] = state?.units ?? [0, 1];
      const many = settings.latent > 2, single = settings.latent === 1;
      const small = { ...HEADING, size: narrow ? 12 : 13 };

      const which = many ? (narrow ? `, units ${i + 1}, ${j + 1}` : `: units ${i + 1} and ${j + 1}`) : narrow ? "" : " of test digits";
      pen.text(settings.sample ? `codes${which}` : many ? `no noise${which}` : "codes, no noise", plane.x, 14, small);
      keep(pen, "plane", stamp, plane, () => paintPlane(pen, plane));
      paintCloud(pen, plane);
      pen.frame(plane, "muted");
      pen.text(single ? "decoded along z" : "decoded there", grid.x, 14, small);
      keep(pen, "grid", stamp, grid, () => paintGrid(pen, grid));
      if (!single) pen.frame(grid, "muted");
      for (const box of single ? [plane] : [plane, grid]) {
        pen.axes(box, { x: { to: scale([-reach, reach], [box.x, box.x + box.width]), ticks: ticks(-reach, reach, 4), words: plain, align: (tick) => (Math.abs(tick) === reach ? (tick > 0 ? "right" : "left") : "center") } });
      }
      keep(pen, "rows", stamp, { x: 0, y: rows.y - 2, width: rows.x + rows.width, height: rows.height + 4 }, () => paintRows(pen, place));
      paintPad(pen, pad);

      const [curves, paths, units] = plots;
      /** @param {Box} box */
      const heading = ({ x }) => x - (narrow ? 27 : 29);
      pen.words([["nats: ", small], ["−ELBO", small], [" distortion", { ...small, colour: "distortion" }], [" rate", { ...small, colour: "rate" }]].slice(narrow ? 1 : 0).map(([words, style]) => /** @type {[string, TextStyle]} */ ([words, style])), heading(curves), curves.y - 12);
      keep(pen, "curves", stamp, { x: heading(curves) - 2, y: curves.y - 8, width: curves.width + 34, height: curves.height + 30 }, () => paintCurves(pen, curves));
      pen.words([["distortion", { ...small, colour: "distortion" }], [narrow ? " by " : " against ", small], ["rate", { ...small, colour: "rate" }]], heading(paths), paths.y - 12);
      keep(pen, "paths", `${stamp} ${past.length} ${turns.length}`, { x: heading(paths) - 2, y: paths.y - 8, width: paths.width + 38, height: paths.height + 30 }, () => paintPaths(pen, paths));
      const active = paintUnits(pen, units);
      pen.words([["rate", { ...small, colour: "rate" }], [`${narrow ? "" : " by unit"}: ${settings.free ? `${active} active; dashed: free` : `${active} active (≥ ${ACTIVE})`}`, settings.free ? { ...small, size: 11 } : small]], heading(units), units.y - 12);

      return { ...said(active), pads: [padOf(pad)], waiting: owed > 0, regions: regionsOf(place) };
    },
  };

  /** @param {ReturnType<typeof arrange>} place */
  function regionsOf({ plane, grid, rows, pad, plots: [curves, paths, units] }) {
    const around = (/** @type {Box} */ { x, y, width, height }) => {
      const top = Math.max(0, y - 28);
      return { x: x - 28, y: top, width: width + 28, height: y + height + 16 - top };
    };
    return {
      map: { ...plane, y: 2, height: plane.height + 38 },
      grid: { ...grid, y: 2, height: grid.height + 38 },
      maps: { x: plane.x, y: 2, width: grid.x + grid.width - plane.x, height: grid.height + 38 },
      rows: { x: 0, y: rows.y, width: rows.x + rows.width, height: rows.height },
      pad,
      curves: around(curves),
      paths: around(paths),
      units: around(units),
    };
  }

  /** @param {string[] | undefined} bug  its lines @returns {Note[]} */
  function linesOf(bug) {
    return bug ? [{ name: "wrong", words: bug[0], mark: "gap", code: true }, { name: "right", words: bug[1], mark: "distortion", code: true }] : [];
  }

  /** The state in numbers and words. @param {number} active */
  function said(active) {
    const { latent, hidden, activation, beta, likelihood } = settings;
    const network = `196–${hidden ? `${hidden}–` : ""}${latent}–${hidden ? `${hidden}–` : ""}196${hidden ? ` ${activation === "none" ? "linear" : activation}` : ""}`;
    const bug = bugs[settings.bug];
    const labelOf = (/** @type {string} */ wanted) => /** @type {Choice} */ (controls.find(({ name }) => name === wanted))?.label.toLowerCase() ?? wanted;
    const near = linesOf(bug), units = `${active} of ${latent} unit${latent === 1 ? "" : "s"} active`;
    /** @type {Note[]} */
    const notes = [];
    const apartFrom = wordsOf(settings, home, speed, state?.step ?? 0);
    if (host.live) { // there their sliders stand apart from the picture
      if (settings.beta !== home.beta) apartFrom.push(`β ${settings.beta}`);
      if (settings.lr !== home.lr) apartFrom.push(`learning rate ${settings.lr}`);
    }
    if (!state) { // the numbers have their places, so that nothing moves when they come
      const tiles = [{ name: "Step", value: "0", note: network }, { name: "−ELBO, test", value: "…", note: "training …" }, { name: "Distortion", value: "…", note: "nats an image", mark: "distortion" }, { name: "Rate", value: "…", note: units, mark: "rate" }];
      return { summary: "A variational autoencoder, about to be set up.", tiles, ahead: true, notes, near };
    }
    const { step, test: { rate, distortion }, train, failed, reported, sigma } = state;
    const loss = rate + distortion;
    if (apartFrom.length) notes.push({ name: "also set", words: apartFrom.join(", ") });
    if (failed) {
      const { lower } = failed, remedy = lower === "bug" ? "Set Bug to none" : `Lower the ${labelOf(lower)}`;
      const then = settings[lower] === trained[lower] ? `${remedy}: Start then begins` : "Start begins";
      near.unshift({ name: "Stopped", words: `at step ${failed.step} the ${failed.name} was no longer a sensible number. ${then} from new weights.`, mark: "gap" });
    }
    const prints = bug && Number.isFinite(reported.rate + reported.distortion) ? `this code prints ${safe(reported.rate + reported.distortion)}` : "";
    const best = optimum(settings, spec.components);
    const tiles = [
      { name: "Step", value: step.toLocaleString("en"), note: network },
      { name: "−ELBO, test", value: safe(loss), note: prints || (best ? `optimum ${safe(best.rate + best.distortion)}` : settings.sample ? `training ${safe(train.rate + train.distortion)}` : "measured with noise") },
      { name: "Distortion", value: safe(distortion), note: `nats an image${likelihood === "learned" ? `, σ ${number(sigma, 2)}` : ""}`, mark: "distortion" },
      { name: "Rate", value: safe(rate), note: units, mark: "rate" },
    ];
    const summary = `Step ${step}, ${failed ? "stopped" : running || state.running ? "training" : "at rest"}. Rate ${safe(rate)}, distortion ${safe(distortion)}, minus ELBO on test digits ${safe(loss)} nats; ` +
      `${units}, β = ${beta}, learning rate ${settings.lr}${settings.sample ? "" : ", without noise"}${bug ? `, with a bug: ${settings.bug}` : ""}.` +
      (cloud && strokes.length ? ` Your digit lies at ${(latent === 1 ? [0] : state.units).map((unit) => safe(/** @type {typeof cloud & {}} */ (cloud).mean[unit])).join(", ")}.` : "") +
      (past.length ? ` The run before ended at a rate of ${safe(past[past.length - 1].terms.slice(-1)[0][0])} and a distortion of ${safe(past[past.length - 1].terms.slice(-1)[0][1])}.` : "");
    const idle = [likelihood === "bernoulli" ? "sigma" : "", hidden ? "" : "activation"].filter(Boolean);
    return { summary, tiles, ahead: true, notes, near, idle, data: { step, rate, distortion, testElbo: -loss } };
  }
}

/** Places moved off each other until they are so far apart, or nearly. @param {number[][]} places @param {number} least */
export function apart(places, least) {
  let moved = places;
  for (let round = 0; round < 40; round++) {
    moved = moved.map(([x, y], i) => moved.reduce((at, [u, v], j) => {
      const away = Math.hypot(x - u, y - v) || 1e-3;
      if (i === j || !(away < least)) return at;
      const push = (least - away) / away / 4;
      return [at[0] + push * (x - u || (i < j ? -1e-3 : 1e-3)), at[1] + push * (y - v)];
    }, [x, y]));
  }
  return moved;
}

const shade = (/** @type {number} */ v) => v / 255;
/** A tick's number, short. @param {number} tick @returns {string} */
const plain = (tick) => (Math.abs(tick) >= 1000 ? `${plain(tick / 1000)}k` : String(Number(tick.toPrecision(6))).replace("-", "−"));
/** Also of what is no number. @param {number} value */
const safe = (value) => (Number.isFinite(value) ? (Math.abs(value) >= 1e5 ? value.toExponential(1) : number(value, Math.abs(value) < 1 ? 2 : Math.abs(value) < 1000 ? 1 : 0)) : "—");
