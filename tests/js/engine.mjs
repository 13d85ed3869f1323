// The playground's engine without a page: on standard input what to do, on standard output what came of it, as JSON; arrays of
// numbers travel as base64 of their bytes.
import { readFileSync } from "node:fs";
import { Run } from "../../vae_core/labs/js/train.mjs";
import { Session } from "../../vae_core/labs/js/session.mjs";
import { settingsOf } from "../../vae_core/labs/js/playground.mjs";

/** @param {ArrayBufferView} array */
const packed = (array) => Buffer.from(array.buffer, array.byteOffset, array.byteLength).toString("base64");
const bytes = (/** @type {string} */ text) => new Uint8Array(Buffer.from(text, "base64"));
const floats = (/** @type {string} */ text) => new Float32Array(bytes(text).buffer);

const { task, ...given } = JSON.parse(readFileSync(0, "utf8"));

const tasks = {
  /** The gradient of the first batch, for each of many settings. */
  gradients: ({ images, pixels, cases }) => cases.map((settings) => {
    const run = new Run(settings, bytes(images), pixels);
    const { scale = 1 } = settings; // of the weights that it begins with
    run.model.weights.forEach((w, i, all) => (all[i] = i < all.length - 1 ? scale * w : w));
    const weights = packed(run.model.weights.slice());
    run.draw();
    const order = [...run.order.subarray(0, settings.batch)];
    const terms = run.model.learn(run.x, run.epsilon, settings.batch, settings);
    return { weights, order, epsilon: packed(run.epsilon), terms, gradient: packed(run.model.gradient) };
  }),

  /** A run of some steps: the batches and noise that it drew, and where each of its stages, which change settings, ends. */
  run: ({ images, pixels, settings, stages, record }) => {
    const run = new Run(settings, bytes(images), pixels);
    const first = packed(run.model.weights.slice()), batches = [], ends = [];
    for (const { steps, ...changes } of stages) {
      Object.assign(run.settings, changes);
      for (let i = 0; i < steps && !run.failed; i++) {
        run.advance();
        const from = run.next - settings.batch;
        if (record) batches.push({ order: [...run.order.subarray(from, run.next)], epsilon: packed(run.epsilon) });
      }
      ends.push(packed(run.model.weights.slice())); // copied: it goes on
    }
    return { first, batches, ends, weights: packed(run.model.weights), terms: run.terms, step: run.step, failed: run.failed };
  },

  /** What a session says after these calls: its last state, and the weights. */
  session: ({ train, test, settings, weights, steps }) => {
    let last;
    const session = new Session((message) => (last = message), 40, 0);
    const tell = (call, ...values) => session.receive({ call, values, id: 1 });
    tell("begin", settings, { train: bytes(train), test: bytes(test) });
    if (weights) tell("load", floats(weights), settings);
    if (steps) tell("step", steps);
    const { state } = last;
    tell("weights");
    const { test: terms, train: training, reported, kl, units, failed, sigma } = state;
    return { test: terms, train: training, reported, kl: [...kl], units, failed, sigma, mean: [...state.mean], std: [...state.std], weights: packed(last.value) };
  },

  /** The lab's run where its controls stand at these values, one after another: what is seen after so many steps at each. */
  lab: ({ train, test, controls, stages }) => {
    let state;
    const session = new Session((message) => (state = message.state ?? state), 40, 0);
    const tell = (call, ...values) => session.receive({ call, values, id: 1 });
    let before = null;
    return stages.map(({ steps, again, values }) => {
      const settings = settingsOf(values, controls);
      if (!before) tell("begin", settings, { train: bytes(train), test: bytes(test) });
      else if (again) tell("restart", settings);
      else tell("set", settings);
      before = settings;
      tell("step", steps);
      const arrays = Object.fromEntries(["kl", "mean", "std", "grid", "draws", "reconstructions"].map((name) => [name, [...state[name]]]));
      return { ...state, ...arrays, weights: packed(session.weights()) };
    });
  },
};
process.stdout.write(JSON.stringify(tasks[task](given)));
