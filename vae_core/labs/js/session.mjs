// A run as it is watched: it trains in short slices, measures itself, and says what there is to see. `Session` does not know
// whether it stands in a worker or in the page: trainer.mjs, which does, sends it calls and is sent states and answers.

import { normals } from "./random.mjs";
import { Run } from "./train.mjs";

const SPAN = 3; // the grid shows −3 … 3 in both directions
const ACROSS = 13; // its cells
const SHOWN = 10; // images drawn again, and as many invented
const MEASURED = 512; // images that training and test are measured on
const APART = 50; // milliseconds between two states, at least
const CLEARLY = 1.2; // times the rate of a unit on the plane, for another to take its place
const SHARE = 6; // at most one part in so many of the time goes into looking
const milestone = (/** @type {number} */ step) => /^[125]0*$/.test(`${step}`); // seen in every run, so that equal runs are drawn alike

/**
 * @typedef {import("./train.mjs").Settings} Settings
 * @typedef {import("./train.mjs").Terms} Terms
 * @typedef {{train: Uint8Array, test: Uint8Array}} Data  8-bit pixels, image after image; the first ten of `test` are drawn again
 * @typedef {{step: number, trainRate: number, trainDistortion: number, testRate: number, testDistortion: number}} Point
 * @typedef {object} State  what there is to see. Terms are in nats per image, z sampled, and right whatever the bug
 * @property {number} step
 * @property {boolean} running
 * @property {import("./train.mjs").Failure | null} failed
 * @property {Terms} train
 * @property {Terms} test
 * @property {Terms} reported  what the code prints of the test images, its bug included
 * @property {Float32Array} kl  of each unit, on the test images
 * @property {number[]} units  those that the plane shows: two in number order, or the only one
 * @property {Float32Array} mean  of each test image, on these two (0 for a unit that is not there)
 * @property {Float32Array} std
 * @property {Uint8Array} grid  13 × 13 pictures, from the top left; a row of 13 where there is one unit
 * @property {Uint8Array} reconstructions  the first ten test images through the network, at the mean
 * @property {Uint8Array} draws  ten pictures drawn from the prior
 * @property {number} sigma
 * @property {Point[]} new  points of the curves since the last state
 * @typedef {{call: string, values: any[], id: number}} Call
 * @typedef {(message: {state: State} | {id: number, value: unknown}, moved: ArrayBufferLike[]) => void} Post
 */

export class Session {
  /** @param {Post} post @param {number} slice  milliseconds of training at a time @param {number} rest  and between two slices */
  constructor(post, slice, rest) {
    this.post = post;
    this.slice = slice;
    this.rest = rest;
    this.running = false;
    this.speed = Infinity; // steps a second, at most
    this.since = 0; // when it began to count them
    this.taken = 0;
    this.looked = 0; // when, and how long it took
    this.cost = 0;
    this.span = SPAN;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
  }

  /** @param {Call} message */
  receive({ call, values, id }) {
    const [first, second] = values;
    let answer = null;
    if (call === "begin") {
      this.data = /** @type {Data} */ (second);
      this.restart(first);
    } else if (call === "restart") this.restart(first);
    else if (call === "load") this.restart(second, first);
    else if (call === "start") this.start(first);
    else if (call === "pause") this.pause();
    else if (call === "step") this.stepBy(first);
    else if (call === "set") this.set(first);
    else if (call === "look") this.look(first);
    else if (call === "encode") answer = this.encode(first);
    else if (call === "weights") answer = this.weights();
    else throw new Error(`a session has no ${call}`);
    if (answer) this.post({ id, value: answer }, []);
  }

  /** From the beginning, or from these weights. @param {Settings} settings @param {Float32Array} [weights] */
  restart(settings, weights) {
    const { train, test } = /** @type {Data} */ (this.data);
    this.pause(false);
    this.run = new Run(settings, train);
    if (weights) this.run.model.load(weights);
    const { latent } = settings;
    this.noise = normals(0, MEASURED * latent); // the same at each look, so that curves are smooth
    this.prior = normals(1, SHOWN * latent);
    this.codes = new Float64Array((test.length / this.run.model.pixels) * 2 * latent);
    /** @type {Point[]} */
    this.points = [];
    /** @type {number[]} */
    this.pair = [0, 1];
    this.show(true);
  }

  /** @param {number} speed  steps a second, at most */
  start(speed = Infinity) {
    this.speed = speed;
    this.since = performance.now();
    this.taken = 0;
    if (this.running || this.run?.failed) return;
    this.running = true;
    this.tick();
  }

  pause(show = true) {
    clearTimeout(this.timer);
    if (!this.running) return;
    this.running = false;
    if (show) this.show(true);
  }

  stepBy(count = 1) {
    for (let i = 0; i < count; i++) this.run?.advance();
    this.show(true);
  }

  /** @param {Partial<Settings>} changes */
  set(changes) {
    if (!this.run) return;
    Object.assign(this.run.settings, changes);
    if (!this.running && ("bug" in changes || "sample" in changes)) this.show(false); // nothing else is seen at once
  }

  /** @param {number} span  how far the grid reaches */
  look(span) {
    this.span = span;
    if (!this.running) this.show(false);
  }

  /** One slice of training. */
  tick() {
    const run = /** @type {Run} */ (this.run);
    const begun = performance.now();
    let now = begun;
    if (now - this.since > 1000) this.start(this.speed); // what was missed while others had the processor is not made up for
    const due = () => this.since + (1000 * this.taken) / this.speed;
    while (now - begun < this.slice && now >= due() && !run.failed) {
      run.advance();
      this.taken++;
      if (milestone(run.step) && !run.failed) this.show(true);
      now = performance.now();
    }
    if (run.failed) return this.pause();
    if (now - this.looked > Math.max(APART, SHARE * this.cost)) this.show(true);
    this.timer = setTimeout(() => this.tick(), Math.max(this.rest, due() - performance.now()));
  }

  /** Send what there is to see, with a point for the curves. @param {boolean} point */
  show(point) {
    const begun = performance.now();
    const state = this.state(point);
    const { kl, mean, std, grid, reconstructions, draws } = state;
    this.post({ state }, [kl, mean, std, grid, reconstructions, draws].map(({ buffer }) => buffer));
    this.looked = performance.now();
    this.cost = this.looked - begun;
  }

  /** @param {boolean} point @returns {State} */
  state(point) {
    const run = /** @type {Run} */ (this.run), { model, step } = run, { latent } = model;
    const data = /** @type {Data} */ (this.data), codes = /** @type {Float64Array} */ (this.codes);
    const train = this.measure(data.train, MEASURED).honest;
    const { honest: test, reported, kl } = this.measure(data.test, MEASURED, codes);
    const points = /** @type {Point[]} */ (this.points);
    if (point && step !== points[points.length - 1]?.step) {
      points.push({ step, trainRate: train.rate, trainDistortion: train.distortion, testRate: test.rate, testDistortion: test.distortion });
    }
    const fresh = points.splice(0);
    this.pair = pairOf(kl, this.pair ?? [0, 1]);
    const units = this.pair.filter((unit) => unit < latent);
    const count = codes.length / (2 * latent);
    const mean = new Float32Array(2 * count), std = new Float32Array(2 * count);
    for (let i = 0; i < count; i++) {
      units.forEach((unit, axis) => {
        mean[2 * i + axis] = codes[2 * i * latent + unit];
        std[2 * i + axis] = Math.exp(0.5 * codes[(2 * i + 1) * latent + unit]);
      });
    }
    return {
      step, running: this.running, failed: run.failed, train, test, reported, kl, units, mean, std,
      grid: this.draw(this.places(units)),
      reconstructions: this.draw(this.firstMeans()),
      draws: this.draw(/** @type {Float64Array} */ (this.prior)),
      sigma: model.sigma,
      new: fresh,
    };
  }

  /**
   * The terms of the first `count` images, as they are and as the code prints them, and the rate of each unit.
   * @param {Uint8Array} images @param {number} count @param {Float64Array} [codes]  where the posteriors go
   */
  measure(images, count, codes) {
    const { model, settings, scale } = /** @type {Run} */ (this.run);
    const { latent, pixels, rows } = model, noise = /** @type {Float64Array} */ (this.noise);
    const most = Math.min(count, images.length / pixels);
    const honest = { rate: 0, distortion: 0 }, reported = { rate: 0, distortion: 0 }, kl = new Float32Array(latent);
    const x = new Float64Array(rows * pixels);
    const told = settings.bug !== "ELBO at the mean" ? settings : { ...settings, sample: false };
    const same = told.sample && !settings.bug;
    for (let from = 0; from < most; from += rows) {
      const some = Math.min(rows, most - from), share = some / most;
      for (let i = 0; i < some * pixels; i++) x[i] = scale * images[from * pixels + i];
      const epsilon = noise.subarray(from * latent, (from + some) * latent);
      const read = model.encode(x, some);
      codes?.set(read.subarray(0, 2 * some * latent), 2 * from * latent);
      if (!same) add(reported, model.terms(x, epsilon, some, told), share);
      if (scale === 1) for (let i = 0; i < some * pixels; i++) x[i] /= 255; // what the network was fed stays; what it is held to is right
      add(honest, model.terms(x, epsilon, some, { sample: true, bug: "" }), share);
      for (let j = 0; j < latent; j++) kl[j] += share * model.kl[j];
    }
    return { honest, reported: same ? { ...honest } : reported, kl };
  }

  /** The codes of the grid's cells. @param {number[]} units */
  places(units) {
    const { latent } = /** @type {Run} */ (this.run).model;
    const at = (/** @type {number} */ i) => this.span * ((2 * i) / (ACROSS - 1) - 1);
    const down = units.length > 1 ? ACROSS : 1;
    const z = new Float64Array(down * ACROSS * latent);
    for (let i = 0; i < down * ACROSS; i++) {
      z[i * latent + units[0]] = at(i % ACROSS);
      if (down > 1) z[i * latent + units[1]] = -at(Math.floor(i / ACROSS));
    }
    return z;
  }

  /** The means of the images that are drawn again. */
  firstMeans() {
    const { latent } = /** @type {Run} */ (this.run).model, codes = /** @type {Float64Array} */ (this.codes);
    const count = Math.min(SHOWN, codes.length / (2 * latent));
    return Float64Array.from({ length: count * latent }, (_, i) => codes[2 * Math.floor(i / latent) * latent + (i % latent)]);
  }

  /** Codes as pictures of 8 bits a pixel. @param {Float64Array} z */
  draw(z) {
    const { model } = /** @type {Run} */ (this.run), { latent, pixels, rows } = model;
    const count = z.length / latent, pictures = new Uint8Array(count * pixels);
    for (let from = 0; from < count; from += rows) {
      const some = Math.min(rows, count - from);
      const outputs = model.decode(some, z.subarray(from * latent, (from + some) * latent));
      for (let i = 0; i < some * pixels; i++) pictures[from * pixels + i] = Math.round(255 * model.pixel(outputs[i]));
    }
    return pictures;
  }

  /** The posterior of an image that somebody drew. @param {Float32Array} image  196 pixels in [0, 1] */
  encode(image) {
    const { model, scale } = /** @type {Run} */ (this.run), { latent } = model;
    const codes = model.encode(Float64Array.from(image, (pixel) => 255 * scale * pixel), 1);
    return { mean: Float32Array.from(codes.subarray(0, latent)), logVar: Float32Array.from(codes.subarray(latent, 2 * latent)) };
  }

  /** In the order of PyTorch's state_dict, and σ last. */
  weights() {
    const { model } = /** @type {Run} */ (this.run);
    const weights = Float32Array.from(model.weights);
    weights[weights.length - 1] = model.sigma;
    return weights;
  }
}

/** The two units to show, in number order: those shown before, until another's rate is clearly higher. @param {ArrayLike<number>} kl @param {number[]} before */
export function pairOf(kl, before) {
  let pair = before;
  for (let unit = 0; unit < kl.length; unit++) {
    const least = kl[pair[0]] < kl[pair[1]] ? pair[0] : pair[1];
    if (!pair.includes(unit) && kl[unit] > CLEARLY * kl[least] + 0.01) pair = pair.map((shown) => (shown === least ? unit : shown));
  }
  return [...pair].sort((a, b) => a - b);
}

/** @param {Terms} sum @param {Terms} terms @param {number} share */
function add(sum, terms, share) {
  sum.rate += share * terms.rate;
  sum.distortion += share * terms.distortion;
}

/** In a worker: calls come from the page, states and answers go to it. @param {any} scope */
export function serve(scope) {
  const session = new Session((message, moved) => scope.postMessage(message, moved), 40, 0);
  scope.onmessage = (/** @type {MessageEvent<Call>} */ { data }) => session.receive(data);
}
