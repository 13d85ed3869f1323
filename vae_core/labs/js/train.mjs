// A variational autoencoder that trains in a browser: no page and no library, the same in a worker, a page and Node.
// Networks, losses and Adam are those of vae_core (models.py, likelihoods.py, losses.py, adam.py), a bug included where one is
// switched on. Numbers have 64 bits, so that nothing hides behind rounding.

import { Random } from "./random.mjs";
import { multiply } from "./tiles.mjs";

/**
 * @typedef {"tanh" | "relu" | "none"} Activation
 * @typedef {"bernoulli" | "gaussian" | "learned"} Kind  Gaussian with σ fixed, or with one σ that is learned
 * @typedef {{latent: number, hidden: number, activation: Activation, likelihood: Kind, sigma: number, batch: number, seed: number}} Shape
 *   what a run begins with
 * @typedef {{beta: number, lr: number, sample: boolean, warmup: number, free: number, bug: string}} Knobs  what may change while it
 *   trains: `warmup` in steps, `free` in nats per unit, `bug` the name of one or ""
 * @typedef {Shape & Knobs} Settings
 * @typedef {{rate: number, distortion: number}} Terms  nats per image
 * @typedef {{name: string, step: number, lower: "lr" | "bug"}} Failure  which number left its range, at which step, which
 *   setting to lower: "lr", or "bug" where one is on
 */

const [LOWEST, HIGHEST] = [-30, 20]; // where a log variance is believed: LOG_VAR_RANGE of losses.py

/** One layer, y = activation(W x + b), for up to `rows` inputs at a time; its weights lie in the model's. */
class Dense {
  /**
   * @param {number} inputs @param {number} outputs @param {Activation} activation @param {number} rows
   * @param {Float64Array} weights @param {Float64Array} gradient @param {number} at  where its own begin in both
   */
  constructor(inputs, outputs, activation, rows, weights, gradient, at) {
    const bias = at + outputs * inputs;
    this.inputs = inputs;
    this.outputs = outputs;
    this.activation = activation;
    this.end = bias + outputs;
    this.weight = weights.subarray(at, bias);
    this.bias = weights.subarray(bias, this.end);
    this.weightGradient = gradient.subarray(at, bias);
    this.biasGradient = gradient.subarray(bias, this.end);
    this.output = new Float64Array(rows * outputs);
    this.outputGradient = new Float64Array(rows * outputs);
  }

  /** As `nn.Linear` begins. @param {Random} random */
  begin(random) {
    const bound = 1 / Math.sqrt(this.inputs);
    for (const part of [this.weight, this.bias]) {
      for (let i = 0; i < part.length; i++) part[i] = bound * (2 * random.uniform() - 1);
    }
  }

  /** @param {Float64Array} x @param {number} count */
  forward(x, count) {
    const { inputs, outputs, activation, bias, output } = this;
    multiply(output, x, this.weight, count, outputs, inputs, inputs, 1, inputs, 1);
    for (let i = 0; i < count * outputs; i += outputs) {
      for (let j = 0; j < outputs; j++) {
        const y = output[i + j] + bias[j];
        output[i + j] = activation === "tanh" ? Math.tanh(y) : activation === "relu" && y < 0 ? 0 : y;
      }
    }
    return output;
  }

  /**
   * From the gradient of its outputs to those of its weights, and into `dx` of its inputs where somebody wants them.
   * @param {Float64Array} x @param {number} count @param {Float64Array | null} dx
   */
  backward(x, count, dx) {
    const { inputs, outputs, activation, output, outputGradient: dy, biasGradient } = this;
    biasGradient.fill(0);
    for (let i = 0; i < count * outputs; i += outputs) {
      for (let j = 0; j < outputs; j++) {
        const y = output[i + j];
        if (activation === "tanh") dy[i + j] *= 1 - y * y;
        else if (activation === "relu" && y <= 0) dy[i + j] = 0;
        biasGradient[j] += dy[i + j];
      }
    }
    multiply(this.weightGradient, dy, x, outputs, inputs, count, 1, outputs, 1, inputs);
    if (dx) multiply(dx, dy, this.weight, count, inputs, outputs, outputs, 1, 1, inputs);
  }
}

/** Encoder, decoder and likelihood, with the gradient of the loss. Every buffer is made once. */
export class Vae {
  /** @param {Shape} shape @param {number} pixels  of an image @param {number} rows  images at a time, at most */
  constructor({ latent, hidden, activation, likelihood, sigma }, pixels, rows) {
    const sizes = hidden ? [[pixels, hidden, 2 * latent], [latent, hidden, pixels]] : [[pixels, 2 * latent], [latent, pixels]];
    const count = sizes.flatMap((each) => each.slice(1).map((outputs, i) => (each[i] + 1) * outputs)).reduce((a, b) => a + b);
    this.latent = latent;
    this.pixels = pixels;
    this.rows = rows;
    this.likelihood = likelihood;
    /** In the order of PyTorch's state_dict, and last log σ. */
    this.weights = new Float64Array(count + 1);
    this.gradient = new Float64Array(count + 1);
    let at = 0;
    const stack = (/** @type {number[]} */ each) => each.slice(1).map((outputs, i) => {
      const last = i === each.length - 2;
      const layer = new Dense(each[i], outputs, last ? "none" : activation, rows, this.weights, this.gradient, at);
      at = layer.end;
      return layer;
    });
    this.encoder = stack(sizes[0]);
    this.decoder = stack(sizes[1]);
    this.weights[count] = Math.log(likelihood === "bernoulli" ? 1 : sigma);
    this.z = new Float64Array(rows * latent);
    this.zGradient = new Float64Array(rows * latent);
    this.kl = new Float64Array(latent); // of each unit, averaged over the images
  }

  get sigma() {
    return Math.exp(this.weights[this.weights.length - 1]);
  }

  /** @param {Random} random */
  begin(random) {
    for (const layer of [...this.encoder, ...this.decoder]) layer.begin(random);
  }

  /** What `weights` of session.mjs gave: the order of PyTorch's state_dict, σ last. @param {ArrayLike<number>} weights */
  load(weights) {
    const { length } = this.weights;
    if (weights.length !== length) throw new Error(`${weights.length} weights for a network of ${length}`);
    this.weights.set(weights);
    this.weights[length - 1] = Math.log(weights[length - 1]);
  }

  /** Rows of means and then log variances, in a buffer that the next images overwrite. @param {Float64Array} x @param {number} count */
  encode(x, count) {
    return this.encoder.reduce((values, layer) => layer.forward(values, count), x);
  }

  /** The decoder's raw outputs for the first rows of `z`. @param {number} count @param {Float64Array} z */
  decode(count, z = this.z) {
    return this.decoder.reduce((values, layer) => layer.forward(values, count), z);
  }

  /** How bright a pixel is drawn, 0 to 1. @param {number} output */
  pixel(output) {
    return this.likelihood === "bernoulli" ? 1 / (1 + Math.exp(-output)) : Math.min(Math.max(output, 0), 1);
  }

  /**
   * Rate and distortion of a batch as the code with this bug prints them; `encode` has been called. z is drawn with `epsilon`.
   * @param {Float64Array} x @param {Float64Array} epsilon @param {number} count @param {{sample: boolean, bug: string}} knobs
   * @param {boolean} learning  whether the gradient of the distortion is wanted, in the decoder's `outputGradient` and for log σ
   * @returns {Terms}
   */
  terms(x, epsilon, count, { sample, bug }, learning = false) {
    const { latent, z, kl } = this;
    const codes = this.encoder[this.encoder.length - 1].output;
    kl.fill(0);
    for (let i = 0; i < count; i++) {
      for (let j = 0; j < latent; j++) {
        const mean = codes[2 * i * latent + j], raw = codes[(2 * i + 1) * latent + j];
        const logVar = clamped(raw);
        kl[j] += (0.5 * (mean * mean + Math.exp(logVar) - 1 - logVar)) / count;
        z[i * latent + j] = mean + (sample ? spread(raw, bug) * epsilon[i * latent + j] : 0);
      }
    }
    const rate = kl.reduce((sum, nats) => sum + nats, 0);
    const weight = rateWeight(bug, latent);
    return { rate: weight * rate, distortion: this.distortion(x, this.decode(count), count, bug, learning) };
  }

  /**
   * −log p(x | z), averaged over images.
   * @param {Float64Array} x @param {Float64Array} outputs @param {number} count @param {string} bug @param {boolean} learning
   */
  distortion(x, outputs, count, bug, learning) {
    const { pixels, likelihood, gradient } = this;
    const into = this.decoder[this.decoder.length - 1].outputGradient;
    const precision = 1 / this.sigma ** 2, twice = bug === "sigmoid twice";
    const share = 1 / (count * (bug === "reconstruction averaged over pixels" ? pixels : 1));
    let total = 0, squares = 0;
    for (let row = 0; row < count; row++) {
      let odds = 1; // log(1 + a) + log(1 + b) + … is the log of one product: one logarithm for an image
      for (let i = row * pixels, end = i + pixels; i < end; i++) {
        const target = x[i];
        let output = outputs[i], slope = 1;
        if (twice) {
          output = 1 / (1 + Math.exp(-output));
          slope = output * (1 - output);
        }
        let error;
        if (likelihood === "bernoulli") {
          const e = Math.exp(-Math.abs(output));
          odds *= 1 + e;
          total += Math.max(output, 0) - target * output;
          error = (output < 0 ? e : 1) / (1 + e) - target;
        } else {
          error = output - target;
          squares += error * error;
          error *= precision;
        }
        if (learning) into[i] = share * slope * error;
      }
      total += Math.log(odds);
    }
    if (likelihood !== "bernoulli") {
      total += 0.5 * precision * squares + 0.5 * count * pixels * Math.log((2 * Math.PI) / precision);
    }
    if (learning) gradient[gradient.length - 1] = likelihood === "learned" ? share * (count * pixels - precision * squares) : 0;
    return share * total;
  }

  /**
   * The gradient of distortion + β · rate for a batch, in `gradient`; returns what the code prints.
   * @param {Float64Array} x  pixels, row after row @param {Float64Array} epsilon @param {number} count @param {Omit<Knobs, "lr" | "warmup">} knobs
   */
  learn(x, epsilon, count, { beta, sample, free, bug }) {
    const { latent, kl, encoder, decoder, z, zGradient } = this;
    const codes = this.encode(x, count);
    const terms = this.terms(x, epsilon, count, { sample, bug }, true);
    backward(decoder, z, count, zGradient);
    const into = encoder[encoder.length - 1].outputGradient;
    for (let j = 0; j < latent; j++) {
      // free bits: where the batch's rate is below them, it pulls no more
      const pull = kl[j] < free ? 0 : (beta * rateWeight(bug, latent)) / count;
      for (let i = 0; i < count; i++) {
        const at = 2 * i * latent + j, above = at + latent;
        const raw = codes[above], believed = raw >= LOWEST && raw <= HIGHEST;
        const dz = zGradient[i * latent + j];
        into[at] = dz + pull * codes[at];
        into[above] = believed ? pull * 0.5 * (Math.exp(raw) - 1) : 0;
        if (sample) into[above] += dz * epsilon[i * latent + j] * spreadSlope(raw, bug);
      }
    }
    backward(encoder, x, count, null);
    return terms;
  }
}

/** @param {Dense[]} layers @param {Float64Array} x @param {number} count @param {Float64Array | null} dx */
function backward(layers, x, count, dx) {
  for (let i = layers.length - 1; i >= 0; i--) {
    const before = layers[i - 1];
    layers[i].backward(before ? before.output : x, count, before ? before.outputGradient : dx);
  }
}

const clamped = (/** @type {number} */ logVar) => Math.min(Math.max(logVar, LOWEST), HIGHEST);

/** By what ε is multiplied. @param {number} logVar @param {string} bug */
function spread(logVar, bug) {
  if (bug === "log variance taken for σ") return logVar;
  return Math.exp((bug === "no ½" ? 1 : 0.5) * clamped(logVar));
}

/** Its derivative. @param {number} logVar @param {string} bug */
function spreadSlope(logVar, bug) {
  if (bug === "log variance taken for σ") return 1;
  if (logVar < LOWEST || logVar > HIGHEST) return 0;
  return bug === "no ½" ? Math.exp(logVar) : 0.5 * Math.exp(0.5 * logVar);
}

/** What the sum of the units' KL is multiplied by. @param {string} bug @param {number} latent */
const rateWeight = (bug, latent) => (bug === "sign of the KL" ? -1 : bug === "KL averaged over units" ? 1 / latent : 1);

/** Adam, as `torch.optim.Adam` with its own defaults (Kingma & Ba 2015). */
export class Adam {
  /** @param {number} count */
  constructor(count) {
    this.steps = 0;
    this.first = new Float64Array(count);
    this.second = new Float64Array(count);
  }

  /** @param {Float64Array} weights @param {Float64Array} gradient @param {number} lr */
  step(weights, gradient, lr) {
    const { first, second } = this;
    this.steps++;
    const rate = lr / (1 - 0.9 ** this.steps), scale = 1 / Math.sqrt(1 - 0.999 ** this.steps);
    for (let i = 0; i < weights.length; i++) {
      const g = gradient[i];
      first[i] += 0.1 * (g - first[i]);
      second[i] += 0.001 * (g * g - second[i]);
      weights[i] -= (rate * first[i]) / (scale * Math.sqrt(second[i]) + 1e-8);
    }
  }
}

/** A training run: the model, its optimizer, and batches and noise from one generator, so that a seed says everything. */
export class Run {
  /** @param {Settings} settings @param {Uint8Array} images  one after another @param {number} pixels  of each */
  constructor(settings, images, pixels = 196) {
    this.settings = { ...settings };
    this.images = images;
    this.batch = Math.min(settings.batch, images.length / pixels);
    this.random = new Random(settings.seed);
    this.model = new Vae(settings, pixels, Math.max(this.batch, 64));
    this.model.begin(this.random);
    this.adam = new Adam(this.model.weights.length);
    this.order = Uint32Array.from({ length: images.length / pixels }, (_, i) => i);
    this.next = this.order.length; // none is left: the first step shuffles
    this.x = new Float64Array(this.batch * pixels);
    this.epsilon = new Float64Array(this.batch * settings.latent);
    this.step = 0;
    this.limit = NaN; // what the loss must stay below, known after the first step
    /** @type {Failure | null} */
    this.failed = null;
    /** What the code prints of its last batch. @type {Terms} */
    this.terms = { rate: NaN, distortion: NaN };
  }

  /** What an 8-bit pixel is multiplied by before the network sees it. */
  get scale() {
    return this.settings.bug === "images in 0…255" ? 1 : 1 / 255;
  }

  /** One step of training, where the run has not failed. */
  advance() {
    if (this.failed) return;
    this.draw();
    this.learn();
  }

  /** The next batch and its noise. */
  draw() {
    const { order, images, x, model: { pixels }, batch, scale } = this;
    if (this.next + batch > order.length) {
      this.random.shuffle(order);
      this.next = 0;
    }
    for (let row = 0; row < batch; row++) {
      const from = order[this.next + row] * pixels;
      for (let i = 0; i < pixels; i++) x[row * pixels + i] = scale * images[from + i];
    }
    this.next += batch;
    this.random.normals(this.epsilon);
  }

  /** A step on the batch that was drawn. */
  learn() {
    const { model, adam, settings } = this;
    const { warmup, bug } = settings;
    this.step++;
    const beta = settings.beta * (warmup ? Math.min(1, this.step / warmup) : 1);
    this.terms = model.learn(this.x, this.epsilon, this.batch, { ...settings, beta });
    this.failed = this.judge(beta);
    if (!this.failed) adam.step(model.weights, model.gradient, (bug === "learning rate too high" ? 100 : 1) * settings.lr);
  }

  /**
   * As vae_core stops a run: at a number that is not finite, or a loss of more than ten times the first, or ten nats a pixel if
   * that is more; the rate counts with β, but with 1 at most.
   * @param {number} beta @returns {Failure | null}
   */
  judge(beta) {
    const { rate, distortion } = this.terms;
    const parts = { distortion: Math.max(distortion, 0), rate: Math.min(beta, 1) * Math.abs(rate) };
    const loss = parts.distortion + parts.rate;
    if (this.step === 1) this.limit = 10 * Math.max(loss, this.model.pixels);
    /** @param {string} name @returns {Failure} */
    const fail = (name) => ({ name, step: this.step, lower: this.settings.bug ? "bug" : "lr" });
    if (!Number.isFinite(rate)) return fail("rate");
    if (!Number.isFinite(distortion)) return fail("distortion");
    if (!(loss <= this.limit)) return fail(parts.rate > parts.distortion ? "rate" : "distortion");
    return null;
  }
}
