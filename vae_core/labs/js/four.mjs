// Pictures in sixteen steps of grey, as `pack_four` of pack.py packs them.

/** Two pixels of four bits in each byte, the higher first, as pixels of eight. @param {ArrayLike<number>} packed */
export function unpackFour(packed) {
  const pixels = new Uint8Array(2 * packed.length);
  for (let i = 0; i < packed.length; i++) {
    pixels[2 * i] = 17 * (packed[i] >> 4);
    pixels[2 * i + 1] = 17 * (packed[i] & 15);
  }
  return pixels;
}
