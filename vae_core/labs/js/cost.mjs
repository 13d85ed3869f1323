// What an image costs, drawn: distortion and rate laid end to end, on an axis that stays.

const STUB = 6; // pixels of the rate where all of it lies beyond the end

/**
 * From 0 to `end` nats over the width of the box. What is longer is cut at its end, what is infinite has none. A distortion below 0
 * (of pixels that have a density) has no length.
 * @param {Pen} pen @param {{distortion: number, rate: number}} cost @param {Box} box @param {number} end @param {number} alpha
 * @returns {number} where it ends
 */
export function paintCost(pen, { distortion, rate }, { x, y, width, height }, end, alpha = 1) {
  const at = (/** @type {number} */ nats) => x + width * Math.min(1, nats / end);
  const length = Math.max(0, distortion);
  const until = at(length + rate);
  const split = length < end || !rate ? at(length) : x + width - STUB;
  const second = { x: split + 1, y, width: Math.max(0, until - split - 1), height };
  const style = { fill: "rate", alpha };
  pen.box(x, y, split - x, height, { fill: "distortion", alpha });
  if (rate === Infinity) pen.endless(second, "right", style);
  else if (second.width) pen.box(second.x, y, second.width, height, style);
  return until;
}
