// Arrays out of the one block of bytes that Python sends with a lab.

/** @typedef {{dtype: string, shape: number[], at: number}} Ref  where an array lies in the block, and its shape */

/** Bytes in any of the shapes a host hands them over, copied so that typed views on them are aligned. */
export function ownBytes(data) {
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength));
  if (data instanceof ArrayBuffer) return new Uint8Array(data.slice(0));
  throw new Error(`weights: expected bytes, got ${data === null ? "null" : typeof data}`);
}

export function fromBase64(text) {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

/** One IEEE half-precision number from its 16 bits. */
export function halfToNumber(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** Integers from −32 to 31 out of three bytes for every four, highest bits first: each is one letter of the base64. */
export function unpackSix(bytes, at, count) {
  const values = new Int8Array(count);
  for (let i = 0; i < count; i++) {
    const bit = 6 * i;
    const from = at + (bit >> 3);
    values[i] = ((((bytes[from] << 8) | (bytes[from + 1] ?? 0)) >> (10 - (bit & 7))) & 63) - 32;
  }
  return values;
}

const VIEWS = { uint8: Uint8Array, int8: Int8Array, float16: Uint16Array, float32: Float32Array };

/**
 * A function from a Ref to its numbers: bytes as they are, int6 as Int8Array, float16 as Float32Array.
 * Throws when the block is not as long as Python said, or a float in it is not a finite number.
 */
export function tensorReader(data, length) {
  const bytes = ownBytes(data);
  if (bytes.length !== length) throw new Error(`weights: expected ${length} bytes, got ${bytes.length}`);
  return ({ dtype, shape, at }) => {
    const count = shape.reduce((a, b) => a * b, 1);
    if (dtype === "int6") {
      if (at + Math.ceil((6 * count) / 8) > length) throw new Error("weights: an array lies outside its block");
      return unpackSix(bytes, at, count);
    }
    const View = VIEWS[dtype];
    if (!View) throw new Error(`weights: unknown number format ${dtype}`);
    if (at + count * View.BYTES_PER_ELEMENT > length) throw new Error("weights: an array lies outside its block");
    const raw = new View(bytes.buffer, at, count);
    const values = dtype === "float16" ? Float32Array.from(raw, halfToNumber) : raw;
    if (dtype.startsWith("float") && !values.every(Number.isFinite)) throw new Error("weights: not a number among them");
    return values;
  };
}
