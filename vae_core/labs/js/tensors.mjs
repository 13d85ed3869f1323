// Arrays out of the one block of bytes that Python sends with a lab.

/** Bytes in any of the shapes a host hands them over, copied so that typed views on them are aligned. @param {unknown} data */
export function ownBytes(data) {
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice();
  if (data instanceof ArrayBuffer) return new Uint8Array(data.slice(0));
  throw new Error(`weights: expected bytes, got ${data === null ? "null" : typeof data}`);
}

/** @param {string} text */
export function fromBase64(text) {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

/** The bytes of one block and then of another, as one. @param {Uint8Array} first @param {Uint8Array} second */
export function joined(first, second) {
  const bytes = new Uint8Array(first.length + second.length);
  bytes.set(first);
  bytes.set(second, first.length);
  return bytes;
}

/** One IEEE half-precision number from its 16 bits. @param {number} bits */
export function halfToNumber(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/**
 * Integers from −32 to 31 out of three bytes for every four, highest bits first: each is one letter of the base64.
 * @param {Uint8Array} bytes @param {number} at @param {number} count
 */
export function unpackSix(bytes, at, count) {
  const values = new Int8Array(count);
  for (let i = 0; i < count; i++) {
    const bit = 6 * i;
    const from = at + (bit >> 3);
    values[i] = ((((bytes[from] << 8) | (bytes[from + 1] ?? 0)) >> (10 - (bit & 7))) & 63) - 32;
  }
  return values;
}

/** @type {Record<string, Uint8ArrayConstructor | Int8ArrayConstructor | Uint16ArrayConstructor | Float32ArrayConstructor>} */
const VIEWS = { uint8: Uint8Array, int8: Int8Array, float16: Uint16Array, float32: Float32Array };
const MAX_PADDING = 11; // Python begins each array at a multiple of 12 (pack.py)

/** Every Ref in what came with the block, however deep. @param {unknown} value @returns {Ref[]} */
export function refsIn(value) {
  if (value === null || typeof value !== "object") return [];
  return "dtype" in value ? [/** @type {Ref} */ (value)] : Object.values(value).flatMap(refsIn);
}

/**
 * Throws unless each array that the spec names is as long as Python packed it, and together they fill the block: an array of
 * another shape is found here, whatever a lab would make of it.
 * @param {unknown} spec @param {number} length
 */
export function checkArrays(spec, length) {
  let filled = 0;
  for (const ref of refsIn(spec).sort((a, b) => a.at - b.at)) {
    const taken = bytesTaken(ref);
    if (taken !== ref.bytes) throw new Error(`weights: an array of shape ${ref.shape} in ${ref.bytes} bytes`);
    if (ref.at - filled > MAX_PADDING) throw new Error(`weights: bytes ${filled} to ${ref.at} are of no array`);
    filled = Math.max(filled, ref.at + taken);
  }
  if (filled !== length) throw new Error(`weights: arrays of ${filled} bytes in a block of ${length}`);
}

/** How many bytes an array takes. @param {Ref} ref */
function bytesTaken({ dtype, shape, at }) {
  const whole = (/** @type {number} */ n) => Number.isSafeInteger(n) && n >= 0;
  if (!Array.isArray(shape) || ![at, ...shape].every(whole)) throw new Error("weights: an array has no shape or place");
  const count = shape.reduce((a, b) => a * b, 1);
  if (dtype === "int6") return Math.ceil((6 * count) / 8);
  if (!Object.hasOwn(VIEWS, dtype)) throw new Error(`weights: unknown number format ${dtype}`);
  return count * VIEWS[dtype].BYTES_PER_ELEMENT;
}

/**
 * A function from a Ref to its numbers: bytes as they are, int6 as Int8Array, float16 as Float32Array; null for what is still
 * on its way. Throws when the block is not as long as Python said, or a float in it is not a finite number.
 * @param {unknown} data @param {number} length
 * @param enough  how long the block may also be, before the rest of it has come
 * @returns {ReadSome}
 */
export function tensorReader(data, length, enough = length) {
  const bytes = ownBytes(data);
  if (![length, enough].includes(bytes.length)) throw new Error(`weights: expected ${length} bytes, got ${bytes.length}`);
  return (ref) => {
    if (ref === null || typeof ref !== "object") throw new Error("weights: an array is missing");
    const { dtype, shape, at } = ref;
    if (at + bytesTaken(ref) > length) throw new Error("weights: an array lies outside its block");
    if (at + bytesTaken(ref) > bytes.length) return null;
    const count = shape.reduce((a, b) => a * b, 1);
    if (dtype === "int6") return unpackSix(bytes, at, count);
    const raw = new VIEWS[dtype](bytes.buffer, at, count);
    const values = dtype === "float16" ? Float32Array.from(raw, halfToNumber) : raw;
    if (dtype.startsWith("float") && !values.every(Number.isFinite)) throw new Error("weights: not a number among them");
    return values;
  };
}
