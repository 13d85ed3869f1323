// Chance that a seed decides: the same in every browser, and in Python (vae_core/labs/noise.py).

/** Numbers that depend on the seed alone: mulberry32, and Box and Muller's pairs. */
export class Random {
  /** @param {number} seed */
  constructor(seed) {
    this.state = seed >>> 0;
    this.spare = NaN;
  }

  /** In [0, 1). */
  uniform() {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    t ^= t + Math.imul(t ^ (t >>> 7), 61 | t);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  /** Standard normal numbers into `values`. @param {Float64Array} values @param {number} count */
  normals(values, count = values.length) {
    for (let i = 0; i < count; i++) {
      if (!Number.isNaN(this.spare)) {
        values[i] = this.spare;
        this.spare = NaN;
        continue;
      }
      const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()));
      const angle = 2 * Math.PI * this.uniform();
      values[i] = radius * Math.cos(angle);
      this.spare = radius * Math.sin(angle);
    }
    return values;
  }

  /** The numbers in another order, each as likely. @param {Uint32Array} values */
  shuffle(values) {
    for (let i = values.length - 1; i > 0; i--) {
      const j = Math.floor(this.uniform() * (i + 1));
      [values[i], values[j]] = [values[j], values[i]];
    }
  }
}

/** `count` of a seed's normal numbers. @param {number} seed @param {number} count */
export const normals = (seed, count) => new Random(seed).normals(new Float64Array(count));
