// The few formulas of a variational autoencoder, in nats (vae_core/losses.py and likelihoods.py say where they come from).

import { sigmoid } from "./nn.mjs";

/**
 * @typedef {(x: ArrayLike<number>, outputs: ArrayLike<number>, at: number) => number} LogProb
 * @typedef {{logProb: LogProb, pixel: (output: number) => number}} Likelihood
 */

/**
 * KL(N(mean, variance) ‖ N(0, 1)) of one unit. A variance of zero is infinitely far from the prior.
 * @param {number} mean @param {number} variance
 */
export const unitKl = (mean, variance) => (variance > 0 ? 0.5 * (mean * mean + variance - 1 - Math.log(variance)) : Infinity);

/**
 * log p(x | z) of Bernoulli pixels, from the decoder's raw outputs in `outputs[at … at + x.length]`, summed over pixels.
 * @type {LogProb}
 */
function bernoulliLogProb(x, outputs, at) {
  let sum = 0;
  for (let i = 0; i < x.length; i++) {
    const logit = outputs[at + i];
    sum += x[i] * logit - Math.max(logit, 0) - Math.log1p(Math.exp(-Math.abs(logit)));
  }
  return sum;
}

/** The same of Gaussian pixels, whose mean is the output, or its sigmoid. @param {number} std @param {(y: number) => number} squash @returns {LogProb} */
const gaussianLogProb = (std, squash) => (x, outputs, at) => {
  let squares = 0;
  for (let i = 0; i < x.length; i++) squares += (x[i] - squash(outputs[at + i])) ** 2;
  return -squares / (2 * std ** 2) - 0.5 * x.length * Math.log(2 * Math.PI * std ** 2);
};

/** log(1 / (1 + e^−y)), also where that is nearly nothing. @param {number} y */
const logSigmoid = (y) => Math.min(y, 0) - Math.log1p(Math.exp(-Math.abs(y)));

/** The probability of 8-bit levels under logistics around the sigmoids of the outputs; the first and the last have the tails. @param {number} scale @returns {LogProb} */
const logisticLogProb = (scale) => (x, outputs, at) => {
  const width = 1 / (255 * scale), inside = Math.log(-Math.expm1(-width));
  let sum = 0;
  for (let i = 0; i < x.length; i++) {
    const level = Math.round(255 * x[i]);
    const above = (level + 0.5 - 255 * sigmoid(outputs[at + i])) * width; // the bin's upper edge, in scales
    sum += (level < 255 ? logSigmoid(above) : 0) + (level > 0 ? logSigmoid(width - above) : 0) + (level % 255 ? inside : 0);
  }
  return sum;
};

/** The Gaussians that have a short name. @type {Record<string, {name: string, std: number, squash: boolean}>} */
const GAUSSIANS = {
  gaussian: { name: "Gaussian", std: 1, squash: false },
  "squared-error": { name: "Gaussian", std: Math.SQRT1_2, squash: true },
};

/** What a decoder's outputs mean, by what Python's `describe` says of the likelihood. @param {LikelihoodName} described @returns {Likelihood} */
export function likelihood(described) {
  if (described === "bernoulli") return { logProb: bernoulliLogProb, pixel: sigmoid };
  if (typeof described === "object" && "scale" in described) {
    if (described.name !== "DiscretizedLogistic" || !(described.scale > 0)) throw new Error(`weights: unknown likelihood ${described.name}`);
    return { logProb: logisticLogProb(described.scale), pixel: sigmoid };
  }
  const { name, std, squash } = typeof described === "object" ? described : (GAUSSIANS[described] ?? { name: described, std: 0, squash: false });
  if (name !== "Gaussian" || !(std > 0)) throw new Error(`weights: unknown likelihood ${name}`);
  return { logProb: gaussianLogProb(std, squash ? sigmoid : (y) => y), pixel: squash ? sigmoid : (y) => Math.min(1, Math.max(0, y)) };
}

/**
 * What an image costs under the posterior N(mean, variance), in nats, from the draws z = mean + std · ε, of which `epsilon` holds
 * one after another. Each unit's KL and their sum, the rate, are exact; the distortion is the mean over the draws, whose raw
 * outputs lie one after another in a buffer that the next call overwrites.
 * @param {{decoder: Network, logProb: LogProb}} model
 * @param {ArrayLike<number>} x @param {ArrayLike<number>} mean @param {ArrayLike<number>} variance @param {ArrayLike<number>} epsilon
 */
export function costOf({ decoder, logProb }, x, mean, variance, epsilon) {
  const units = mean.length, draws = epsilon.length / units;
  const kl = Float64Array.from(mean, (middle, i) => unitKl(middle, variance[i]));
  for (let i = 0; i < epsilon.length; i++) decoder.input[i] = mean[i % units] + Math.sqrt(variance[i % units]) * epsilon[i];
  const outputs = decoder.run(draws);
  const rate = kl.reduce((sum, nats) => sum + nats, 0);
  let distortion = 0;
  for (let k = 0; k < draws; k++) distortion -= logProb(x, outputs, k * x.length) / draws;
  return { rate, distortion, elbo: -(rate + distortion), kl, outputs };
}
