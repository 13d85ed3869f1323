/** A pen that notes what it is asked to draw: every call in `calls`, and of some what they put down. */
export function scribe() {
  /** @type {unknown[][]} */
  const calls = [];
  /** @type {number[]} */
  const digits = [];
  /** @type {string[]} */
  const words = [];
  /** @type {Record<string, unknown>} */
  const noted = {
    context: { measureText: (/** @type {string} */ text) => ({ width: 7 * text.length }) },
    /** @type {Pen["digit"]} */
    digit(values, x, y, size, { at = 0, pixel = Number } = {}) {
      calls.push(["digit", x, y, size]);
      digits.push(pixel(values[at]));
    },
    /** @type {Pen["text"]} */
    text(text, ...rest) {
      calls.push(["text", text, ...rest]);
      words.push(text);
    },
    measure: (/** @type {string} */ text) => 7 * text.length,
    layer: (/** @type {Parameters<Pen["layer"]>} */ ...given) => given[6](),
    clip: (/** @type {Parameters<Pen["clip"]>} */ ...given) => given[1](),
  };
  for (const name of ["words", "line", "box", "disc", "ellipses", "area", "frame", "handle", "beyond", "endless"]) noted[name] = (/** @type {unknown[]} */ ...rest) => calls.push([name, ...rest]);
  /** @type {Pen["axes"]} */
  noted.axes = (box, axes) => Object.values(axes).forEach(({ ticks, to }) => calls.push(["axis", box, ...[...ticks].map(to)]));
  return { pen: /** @type {Pen} */ (/** @type {unknown} */ (noted)), calls, digits, words };
}
