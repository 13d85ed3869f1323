/** A pen that notes what it is asked to draw: every call in `calls`, and of some what they put down. */
export function scribe() {
  const calls = [], digits = [], words = [];
  const pen = {
    colours: {},
    context: { measureText: (text) => ({ width: 7 * text.length }), beginPath() {}, moveTo() {}, lineTo() {}, fill() {} },
    digit: (values, x, y, size, { at = 0, pixel = (v) => v } = {}) => {
      calls.push(["digit", x, y, size]);
      digits.push(pixel(values[at]));
    },
    text: (text, ...rest) => {
      calls.push(["text", text, ...rest]);
      words.push(text);
    },
    layer: (name, key, x, y, width, height, paint) => paint(),
    clip: (x, y, width, height, paint) => paint(),
  };
  for (const name of ["words", "line", "box", "disc", "area"]) pen[name] = (...rest) => calls.push([name, ...rest]);
  return { pen, calls, digits, words };
}
