// What was drawn by hand as MNIST has its digits: scaled to a box and centred by its weight. As small images, of lines that have one
// width however large they were drawn (`thumbnail`); and as MNIST itself was made, of the ink as it lies there (`placed`).

export const SIDE = 14; // of the small image
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

/** How much of each pixel of a square is under ink. @param {number[][][]} lines @param {number} side  of the square @param {number} pen  half a line's width */
export function inked(lines, side = WHOLE, pen = PEN) {
  const image = new Float32Array(side * side);
  const within = (/** @type {number} */ at) => Math.max(0, Math.min(side - 1, Math.floor(at)));
  for (const line of lines) {
    line.forEach((to, i) => {
      const from = line[Math.max(0, i - 1)];
      const [[x0, x1], [y0, y1]] = [0, 1].map((axis) => [Math.min(from[axis], to[axis]) - pen - 1, Math.max(from[axis], to[axis]) + pen + 1].map(within));
      for (let row = y0; row <= y1; row++) {
        for (let column = x0; column <= x1; column++) {
          const ink = Math.min(1, Math.max(0, pen + 0.5 - away(column + 0.5, row + 0.5, from, to)));
          image[row * side + column] = Math.max(image[row * side + column], ink);
        }
      }
    });
  }
  return image;
}

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

const TRACE = 1e-3; // of ink: a row with less has none
const TIE = 1e-6; // of a pixel: what is drawn evenly about a middle falls on one side, whatever the rounding

/**
 * Ink on a square as an image of side²: each pixel the mean of what it covers. `fitted` is how MNIST was made: the ink's longer side
 * is made 20 of 28 pixels, and the ink moved by whole pixels until its centre of mass lies in the pixel right of and below the
 * middle, as that of each of MNIST's images does. Else the square is the image. Then it is moved `right` and `down`, and made larger by `size`.
 * @param {ArrayLike<number>} ink @param {number} side @param {{fitted?: boolean, right?: number, down?: number, size?: number}} how
 */
export function placed(ink, side, { fitted = true, right = 0, down = 0, size = 1 } = {}) {
  const count = Math.sqrt(ink.length);
  const sums = [new Float64Array(count), new Float64Array(count)]; // of columns, and of rows
  for (let i = 0; i < ink.length; i++) {
    sums[0][i % count] += ink[i];
    sums[1][Math.floor(i / count)] += ink[i];
  }
  const there = (/** @type {number} */ sum) => sum > TRACE;
  const firsts = sums.map((sum) => sum.findIndex(there));
  const longest = Math.max(...sums.map((sum, axis) => sum.findLastIndex(there) + 1 - firsts[axis]));
  const fits = fitted && firsts[0] >= 0;
  const scale = (size * side * (fits ? BOX / WHOLE : 1)) / (fits ? longest : count);
  const [across, up] = sums.map((sum, axis) => {
    const first = firsts[axis], middle = sum.reduce((all, value, i) => all + value * (i + 0.5), 0) / sum.reduce((all, value) => all + value, 0);
    const start = fits ? Math.floor(side / 2) - Math.floor(scale * (middle - first) + TIE) - scale * first : 0.5 * (1 - size) * side;
    return shares(side, count, scale, start + (axis ? down : right));
  });
  const rows = product(up, ink, side, count, count); // side × count
  const image = new Float64Array(side * side);
  for (let row = 0; row < side; row++) image.set(product(across, rows.subarray(row * count, (row + 1) * count), side, count, 1), row * side);
  return image;
}

/** What of each of `count` pixels, scaled and begun at `start`, goes into each of `side`. @param {number} side @param {number} count @param {number} scale @param {number} start */
function shares(side, count, scale, start) {
  return Float64Array.from({ length: side * count }, (_, i) => {
    const to = Math.floor(i / count), from = i % count;
    const [low, high] = [to, to + 1].map((edge) => (edge - start) / scale);
    return scale * Math.max(0, Math.min(high, from + 1) - Math.max(low, from));
  });
}

/** (rows × inner) times (inner × columns). @param {Float64Array} a @param {ArrayLike<number>} b @param {number} rows @param {number} inner @param {number} columns */
function product(a, b, rows, inner, columns) {
  const made = new Float64Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    for (let k = 0; k < inner; k++) {
      const share = a[row * inner + k];
      if (share) for (let column = 0; column < columns; column++) made[row * columns + column] += share * b[k * columns + column];
    }
  }
  return made;
}
