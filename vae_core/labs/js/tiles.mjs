// The matrix products that nearly all of training consists of. Tiles of four by four sums are made in WebAssembly, two numbers of 64
// bits at a time; where a browser has no such thing, in plain loops, at a tenth of the speed. Both add in the same order, so that
// what comes out is the same to the last bit.

const TILE = 4; // sums in a row of a tile, and rows

/**
 * c[i, j] = Σ a[i, k] b[j, k] for i < m, j < n, k < depth. In `a`, i takes steps of `down` and k of `along`; in `b`, j of `across`
 * and k of `beside`: so each of them may be turned. The last tiles overlap those before them.
 * @param {Float64Array} c @param {Float64Array} a @param {Float64Array} b @param {number} m @param {number} n @param {number} depth
 * @param {number} down @param {number} along @param {number} across @param {number} beside
 */
export function multiply(c, a, b, m, n, depth, down, along, across, beside) {
  if (!machine || m < TILE || n < TILE) return multiplyFew(c, a, b, m, n, depth, down, along, across, beside);
  const size = TILE * depth, rows = Math.ceil(m / TILE), columns = Math.ceil(n / TILE);
  const from = TILE * TILE, second = from + rows * size; // the tile itself comes first
  const heap = room(machine.memory, second + columns * size);
  pack(heap, from, a, m, depth, down, along);
  pack(heap, second, b, n, depth, across, beside);
  for (let row = 0; row < rows; row++) {
    const i = Math.min(TILE * row, m - TILE), p = from + row * size;
    for (let column = 0; column < columns; column++) {
      const j = Math.min(TILE * column, n - TILE);
      machine.tile(8 * p, 8 * (second + column * size), 0, 8 * (p + size));
      for (let r = 0, at = i * n + j; r < from; r += TILE, at += n) {
        c[at] = heap[r];
        c[at + 1] = heap[r + 1];
        c[at + 2] = heap[r + 2];
        c[at + 3] = heap[r + 3];
      }
    }
  }
}

/**
 * The same, one sum after another.
 * @param {Float64Array} c @param {Float64Array} a @param {Float64Array} b @param {number} m @param {number} n @param {number} depth
 * @param {number} down @param {number} along @param {number} across @param {number} beside
 */
export function multiplyFew(c, a, b, m, n, depth, down, along, across, beside) {
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      let sum = 0;
      for (let k = 0, p = i * down, q = j * across; k < depth; k++, p += along, q += beside) sum += a[p] * b[q];
      c[i * n + j] = sum;
    }
  }
}

/**
 * Rows four at a time, the four numbers of each k side by side, in the order in which a tile reads them.
 * @param {Float64Array} heap @param {number} at @param {Float64Array} values @param {number} rows @param {number} depth @param {number} down @param {number} along
 */
function pack(heap, at, values, rows, depth, down, along) {
  for (let row = 0; row < rows; row += TILE) {
    const i = down * Math.min(row, rows - TILE);
    for (let k = 0, p = i; k < depth; k++, p += along, at += TILE) {
      heap[at] = values[p];
      heap[at + 1] = values[p + down];
      heap[at + 2] = values[p + 2 * down];
      heap[at + 3] = values[p + 3 * down];
    }
  }
}

let view = new Float64Array(0);

/** The machine's memory as numbers, at least so many. @param {WebAssembly.Memory} memory @param {number} count */
function room(memory, count) {
  if (count > view.length) {
    const missing = 8 * count - memory.buffer.byteLength;
    if (missing > 0) memory.grow(Math.ceil(missing / 65536));
    view = new Float64Array(memory.buffer);
  }
  return view;
}

const machine = assemble();

/**
 * WebAssembly with one function, `tile(a, b, c, end)`, whose arguments are places in its memory: the sums of a's four numbers by
 * b's four, over all k, go to c.
 *   do { b₀, b₁ = the four of b, two in a register; for each of a's four: x = it, twice; sum₀ += x b₀; sum₁ += x b₁ } while (a < end)
 * @returns {{memory: WebAssembly.Memory, tile: (a: number, b: number, c: number, end: number) => void} | null}  null where it is refused
 */
function assemble() {
  /** Any size of number, seven bits a byte. @param {number} n @returns {number[]} */
  const leb = (n) => (n < 128 ? [n] : [(n & 127) | 128, ...leb(n >> 7)]);
  const section = (/** @type {number} */ id, /** @type {number[]} */ ...bytes) => [id, ...leb(bytes.length), ...bytes];
  const get = (/** @type {number} */ local) => [0x20, local], set = (/** @type {number} */ local) => [0x21, local];
  const simd = (/** @type {number} */ op, /** @type {number[]} */ ...rest) => [0xfd, ...leb(op), ...rest];
  const load = (/** @type {number} */ at) => simd(0, 3, at); // v128.load
  const twice = (/** @type {number} */ at) => simd(10, 3, at); // v128.load64_splat
  const store = (/** @type {number} */ at) => simd(11, 3, ...leb(at)); // v128.store
  const [times, plus] = [simd(0xf2), simd(0xf0)]; // f64x2.mul, f64x2.add
  const [a, b, c, end] = [0, 1, 2, 3], x = 14;
  const sum = (/** @type {number} */ row, /** @type {number} */ half) => 4 + 2 * row + half, of = (/** @type {number} */ half) => 12 + half;
  const [rows, halves] = [[0, 1, 2, 3], [0, 1]];
  const next = (/** @type {number} */ place) => [...get(place), 0x41, 32, 0x6a, ...set(place)]; // 32 bytes on: i32.const, i32.add
  const code = [
    1, 11, 0x7b, // eleven locals: eight sums, two halves of b, x
    0x03, 0x40, // loop
    ...halves.flatMap((half) => [...get(b), ...load(16 * half), ...set(of(half))]),
    ...rows.flatMap((row) => [
      ...get(a), ...twice(8 * row), ...set(x),
      ...halves.flatMap((half) => [...get(sum(row, half)), ...get(x), ...get(of(half)), ...times, ...plus, ...set(sum(row, half))]),
    ]),
    ...next(b), ...next(a), ...get(a), ...get(end), 0x49, 0x0d, 0, 0x0b, // i32.lt_u, br_if, end
    ...rows.flatMap((row) => halves.flatMap((half) => [...get(c), ...get(sum(row, half)), ...store(32 * row + 16 * half)])),
    0x0b,
  ];
  const text = (/** @type {string} */ name) => [name.length, ...Array.from(name, (letter) => letter.charCodeAt(0))];
  const bytes = [
    0, ...text("asm").slice(1), 1, 0, 0, 0,
    ...section(1, 1, 0x60, 4, 0x7f, 0x7f, 0x7f, 0x7f, 0), // a type: four i32, no result
    ...section(3, 1, 0), ...section(5, 1, 0, 16), // a function of it; a memory of sixteen pages
    ...section(7, 2, ...text("memory"), 2, 0, ...text("tile"), 0, 0),
    ...section(10, 1, ...leb(code.length), ...code),
  ];
  try {
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(Uint8Array.from(bytes)));
    return /** @type {any} */ (exports);
  } catch {
    return null; // an old browser, or a page whose rules forbid it
  }
}
