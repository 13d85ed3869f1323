// Where a linear VAE of Gaussian pixels with a fixed σ ends at β = 1: at probabilistic PCA (Tipping & Bishop 1999).

/**
 * @typedef {import("./train.mjs").Settings} Settings
 * @typedef {{variances: number[], test: number[], all: number}} Components  the variances of the training images along their
 *   first principal components, the mean squares of the test images there, and of the test images altogether
 */

/**
 * Rate and distortion of test images, in nats, where the loss of the training images is least; null for settings of which nobody knows it.
 * @param {Settings} settings @param {Components} components @param {number} pixels  of an image
 */
export function optimum({ latent, hidden, activation, likelihood, sigma, beta, sample, free, bug }, { variances, test, all }, pixels = 196) {
  if ((hidden && activation !== "none") || likelihood !== "gaussian" || beta !== 1 || !sample || free || bug) return null;
  let rate = 0, squares = all; // squares: of what the decoder gets wrong
  for (let i = 0; i < Math.min(latent, variances.length); i++) {
    const kept = 1 - sigma ** 2 / variances[i]; // of what lies along this component
    if (!(kept > 0)) break; // a unit for it does not pay
    rate += 0.5 * ((kept * test[i]) / variances[i] - kept - Math.log(1 - kept));
    squares += ((1 - kept) ** 2 - 1) * test[i] + kept * sigma ** 2;
  }
  return { rate, distortion: 0.5 * (squares / sigma ** 2 + pixels * Math.log(2 * Math.PI * sigma ** 2)) };
}
