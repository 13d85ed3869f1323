// What was drawn by hand as MNIST has its digits: scaled to a box, centred by its weight, and here averaged 2 × 2.

export const SIDE = 14; // of the image
const WHOLE = 28, BOX = 20; // pixels of MNIST's images, and of the box in them that a digit fills
const PEN = 1.25; // half a line's width, there

/** How far a point is from a line. @param {number} x @param {number} y @param {number[]} from @param {number[]} to */
function away(x, y, [x0, y0], [x1, y1]) {
  const [dx, dy] = [x1 - x0, y1 - y0];
  const along = Math.max(0, Math.min(1, ((x - x0) * dx + (y - y0) * dy) / (dx * dx + dy * dy || 1)));
  return Math.hypot(x - x0 - along * dx, y - y0 - along * dy);
}

/**
 * Lines as an image of 14 × 14, from 0 to 1.
 * @param {number[][][]} strokes  each a list of places, in any unit
 */
export function thumbnail(strokes) {
  const places = strokes.flat();
  const [left, top] = [0, 1].map((axis) => Math.min(...places.map((place) => place[axis])));
  const [right, bottom] = [0, 1].map((axis) => Math.max(...places.map((place) => place[axis])));
  const size = Math.max(right - left, bottom - top, 1e-6);
  const small = (BOX - 2 * PEN) / size;
  const lines = strokes.map((stroke) => stroke.map(([x, y]) => [WHOLE / 2 + small * (x - (left + right) / 2), WHOLE / 2 + small * (y - (top + bottom) / 2)]));
  const [dx, dy] = shift(inked(lines));
  const moved = inked(lines.map((line) => line.map(([x, y]) => [x + dx, y + dy])));
  const image = new Float32Array(SIDE * SIDE);
  for (let row = 0; row < WHOLE; row++) {
    for (let column = 0; column < WHOLE; column++) image[(row >> 1) * SIDE + (column >> 1)] += moved[row * WHOLE + column] / 4;
  }
  return image;
}

/** How much of each pixel is under ink. @param {number[][][]} lines */
function inked(lines) {
  const image = new Float32Array(WHOLE * WHOLE);
  for (const line of lines) {
    line.forEach((to, i) => {
      const from = line[Math.max(0, i - 1)];
      const [x0, x1] = [Math.min(from[0], to[0]) - 3, Math.max(from[0], to[0]) + 3].map(within);
      const [y0, y1] = [Math.min(from[1], to[1]) - 3, Math.max(from[1], to[1]) + 3].map(within);
      for (let row = y0; row <= y1; row++) {
        for (let column = x0; column <= x1; column++) {
          const ink = Math.min(1, Math.max(0, PEN + 0.5 - away(column + 0.5, row + 0.5, from, to)));
          image[row * WHOLE + column] = Math.max(image[row * WHOLE + column], ink);
        }
      }
    });
  }
  return image;
}

const within = (/** @type {number} */ at) => Math.max(0, Math.min(WHOLE - 1, Math.floor(at)));

/** From the middle of the weight to the middle of the image. @param {Float32Array} image */
function shift(image) {
  let weight = 0, x = 0, y = 0;
  image.forEach((ink, i) => {
    weight += ink;
    x += ink * ((i % WHOLE) + 0.5);
    y += ink * (Math.floor(i / WHOLE) + 0.5);
  });
  return [WHOLE / 2 - x / weight, WHOLE / 2 - y / weight];
}
