// A whole lab without a browser: on standard input its joined module, what travels to it, and values; on standard output what it
// paints of each, as JSON. `pictures` hold the pixels of every digit drawn, in drawing order.
import { readFileSync } from "node:fs";
import { scribe } from "./scribe.mjs";

const { module, spec, data, states, width } = JSON.parse(readFileSync(0, "utf8"));
const source = `${module}\nexport { create, tensorReader, fromBase64 };`;
const { create, tensorReader, fromBase64 } = await import(`data:text/javascript;base64,${Buffer.from(source).toString("base64")}`);
const lab = create(spec, tensorReader(fromBase64(data), spec.bytes));

/** One frame, or as many as it takes until what was asked for has come: the last. What waits for a worker waits here for ever, and
 * paints the same again. @param {Values} values @param {string} [before] @returns {object} */
function frameOf(values, before) {
  const { pen, calls, words } = scribe();
  /** @type {object[]} */
  const pictures = [];
  const noted = pen.digit;
  pen.digit = (given, x, y, size, style = {}) => {
    const { side = 28, at = 0, pixel = (v) => v, channels = 1 } = /** @type {any} */ (style);
    const pixels = Array.from({ length: channels * side * side }, (_, i) => Number(pixel(given[at + i]).toFixed(5)));
    pictures.push({ x, y, size, pixels });
    noted.call(pen, given, x, y, size, style);
  };
  const height = lab.height(width);
  const { summary, tiles = [], handles = [], regions = {}, notes = [], data = {}, waiting } = lab.paint(pen, values, width);
  const said = JSON.stringify([summary, tiles]);
  if (waiting && said !== before) return frameOf(values, said);
  return { summary, tiles, regions, notes, data, height, words, pictures, calls: calls.filter(([name]) => name !== "digit"), handles: handles.map((/** @type {Handle} */ { move, ...rest }) => ({ ...rest, to: move(rest.x + 10, rest.y) })) };
}
const frames = states.map((/** @type {Values} */ values) => frameOf(values));
process.stdout.write(JSON.stringify(frames, (_, value) => (value === Infinity ? "∞" : value === -Infinity ? "−∞" : value)));
