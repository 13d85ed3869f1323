// The page's side of a training run. The engine (session.mjs and what it imports: one text) works in a worker made from that text,
// which a page opened from a folder may do too; where a browser refuses, in slices of four milliseconds on the page. Nothing starts
// by itself: the first state, untrained, comes at once; `start` or `step` make others.
//   Python: spec["engine"] = bundle("session.mjs")
//   trainer = createTrainer(spec.engine, settings, { train, test }, onState)   what a State holds, session.mjs says
// Bugs and their lines of PyTorch are BUGS in playground.py; the engine knows them by these names.

/**
 * @typedef {import("./train.mjs").Settings} Settings
 * @typedef {import("./train.mjs").Knobs} Knobs
 * @typedef {import("./session.mjs").State} State
 * @typedef {import("./session.mjs").Data} Data
 * @typedef {import("./session.mjs").Call} Call
 */

/** Weights as JSON can hold them. @param {Float32Array} weights */
export function toBase64(weights) {
  const bytes = new Uint8Array(weights.buffer, weights.byteOffset, weights.byteLength);
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}

/** The weights again. @param {string} text */
export const floatsOf = (text) => new Float32Array(Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer);

/** @param {string} engine  its text @param {Settings} settings @param {Data} data @param {(state: State) => void} onState */
export function createTrainer(engine, settings, data, onState) {
  /** @type {Map<number, (value: any) => void>} */
  const waiting = new Map();
  /** @type {Call[] | null} */
  let unheard = []; // what the worker may never have got: until it first answers
  let calls = 0;

  const hear = (/** @type {any} */ message) => {
    unheard = null;
    if (message.state) return onState(message.state);
    waiting.get(message.id)?.(message.value);
    waiting.delete(message.id);
  };
  let { send, close } = inWorker(engine, hear, () => {
    const again = unheard;
    if (!again) return; // it worked before: the browser's console says what happened
    ({ send, close } = onPage(engine, hear));
    again.forEach(send);
  });

  const ask = (/** @type {string} */ call, /** @type {any[]} */ ...values) => {
    const message = { call, values, id: calls++ };
    unheard?.push(message);
    send(message);
    return message.id;
  };
  const answer = (/** @type {number} */ id) => new Promise((resolve) => waiting.set(id, resolve));

  ask("begin", settings, { train: data.train, test: data.test });
  return {
    /** Train until `pause`. @param {number} [speed]  steps a second, at most */
    start: (speed = Infinity) => void ask("start", speed),
    pause: () => void ask("pause"),
    step: (count = 1) => void ask("step", count),
    /** Begin again, and stand still. @param {Settings} settings */
    restart: (settings) => void ask("restart", settings),
    /** What may change while it trains. @param {Partial<Knobs>} changes */
    set: (changes) => void ask("set", changes),
    /** @param {number} span  how far the grid reaches */
    look: (span) => void ask("look", span),
    /** @param {Float32Array} pixels  196 in [0, 1] @returns {Promise<{mean: Float32Array, logVar: Float32Array}>} */
    encode: (pixels) => answer(ask("encode", pixels)),
    /** In the order of PyTorch's state_dict, σ last. @returns {Promise<Float32Array>} */
    weights: () => answer(ask("weights")),
    /** Begin again from weights as `weights` gives them. @param {Float32Array} weights @param {Settings} settings */
    load: (weights, settings) => void ask("load", weights, settings),
    /** Nothing is heard of it any more. */
    close: () => close(),
  };
}

/** @param {string} engine @param {(message: any) => void} hear @param {() => void} refused */
function inWorker(engine, hear, refused) {
  const text = `${engine}\nserve(self);`;
  try {
    const url = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
    const worker = new Worker(url);
    worker.onmessage = ({ data }) => hear(data);
    worker.onerror = refused;
    return {
      send: (/** @type {Call} */ message) => worker.postMessage(message),
      close() {
        worker.terminate();
        URL.revokeObjectURL(url);
      },
    };
  } catch {
    return onPage(engine, hear);
  }
}

/** @param {string} engine @param {(message: any) => void} hear */
function onPage(engine, hear) {
  const Session = new Function(`${engine}\nreturn Session;`)();
  const session = new Session((/** @type {any} */ message) => hear(message), 4, 12);
  return {
    send: (/** @type {Call} */ message) => void setTimeout(() => session.receive(message)), // later, as from a worker
    close() {
      session.post = () => {};
      session.pause(false);
    },
  };
}
