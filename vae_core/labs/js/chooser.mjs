// Images to choose from by their looks: small ones in rows, each an option of a Choice, whose menu has them in words.

import { HEADING } from "./draw.mjs";

const TOP = 22; // of the first row, below its words

/** Where `count` of them stand at this width. @param {number} width @param {number} count */
export function arrangeChooser(width, count) {
  const across = width < 560 ? 10 : 20;
  const pitch = Math.min(38, (width + 2) / across);
  const places = Array.from({ length: count }, (_, i) => ({ x: 1 + (i % across) * pitch, y: TOP + Math.floor(i / across) * pitch, width: pitch - 4, height: pitch - 4 }));
  return { places, bottom: TOP + Math.ceil(count / across) * pitch - 4 };
}

/**
 * Draw them, and say what can be pressed.
 * @param {Pen} pen @param {number} width @param {ArrayLike<number>} images  one after another, each pixel from 0 to 1
 * @param {{side: number, channels: number, noun: string}} what @param {string} choice @param {number} chosen @returns {Spot[]}
 */
export function paintChooser(pen, width, images, { side, channels, noun }, choice, chosen) {
  const size = channels * side ** 2;
  const { places, bottom } = arrangeChooser(width, images.length / size);
  const marked = places[chosen];
  pen.text(`choose ${noun === "digit" ? "a digit" : "an image"}`, 1, 14, HEADING);
  pen.layer("chooser", width, 0, TOP - 2, width, bottom - TOP + 4, () => {
    places.forEach(({ x, y, width: small }, i) => pen.digit(images, x, y, small, { side, channels, at: i * size }));
  });
  pen.box(marked.x - 1, marked.y - 1, marked.width + 2, marked.height + 2, { stroke: "accent", line: 3 });
  return places.map((box, index) => ({ box, choice, index }));
}
