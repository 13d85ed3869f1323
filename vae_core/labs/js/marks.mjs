// What a step of a lab is about, outlined: parts of the picture, tiles and controls.

import { element } from "./controls.mjs";

const HEADER = 62; // pixels at the top of the screen that what is watched leaves free

/**
 * @param {HTMLElement} stage  with the picture and the tiles
 * @param {HTMLCanvasElement} canvas @param {{width: number, height: number}} size  of the picture, which may be shown smaller
 * @param {HTMLElement} strip  with the controls, at the foot of the screen
 * @param {string[]} names  of what to outline: regions, tiles, controls @param {Record<string, Box>} regions
 * @param {boolean} scroll  whether to bring it into view
 */
export function pointOut(stage, canvas, size, strip, names, regions, scroll) {
  for (const mark of stage.querySelectorAll(".vae-lab-mark")) mark.remove();
  const small = canvas.clientWidth / size.width || 1;
  const kept = parseFloat(getComputedStyle(document.documentElement).scrollPaddingTop) || 0; // by the page, for what stays at its top
  /** @type {HTMLElement[]} */
  const marks = names.filter((name) => name in regions).map((name) => {
    const { x, y, width, height } = regions[name];
    const mark = element("div", "vae-lab-mark");
    const [left, right] = edges(x, width, size.width, 6); // beyond the sides: letters begin at the very edge
    const [top, bottom] = edges(y, height, size.height, 0);
    Object.assign(mark.style, {
      left: `${left * small}px`, top: `${canvas.offsetTop + top * small}px`, width: `${(right - left) * small}px`, height: `${(bottom - top) * small}px`,
    });
    return mark;
  });
  stage.append(...marks);
  const tiles = /** @type {HTMLElement[]} */ ([...stage.querySelectorAll(".vae-lab-tiles > *")]).filter((tile) =>
    tile.toggleAttribute("data-watched", names.includes(tile.children[0].textContent ?? "")));
  for (const control of /** @type {NodeListOf<HTMLElement>} */ (strip.querySelectorAll("[data-control]"))) {
    control.toggleAttribute("data-watched", names.includes(control.dataset.control ?? ""));
  }
  if (!scroll || !(marks.length || tiles.length)) return;
  // on a desk all numbers beside the picture, if they fit: so the strip does not cut them
  const all = /** @type {HTMLElement[]} */ ([...stage.querySelectorAll(".vae-lab-tiles")]);
  const bounds = [...marks, ...all].map((part) => part.getBoundingClientRect());
  const tall = Math.max(...bounds.map(({ bottom }) => bottom)) - Math.min(...bounds.map(({ top }) => top));
  const numbers = innerWidth > 560 && tall + 12 <= innerHeight - HEADER - strip.offsetHeight ? all : tiles;
  for (const part of [...numbers, ...marks.reverse()]) {
    part.style.scrollMarginTop = `${Math.max(4, HEADER - kept)}px`;
    part.style.scrollMarginBottom = `${strip.offsetHeight + (numbers.includes(part) ? 8 : 4)}px`;
    part.scrollIntoView({ block: "nearest", behavior: "instant" });
  }
}

/** Four pixels around what goes from here for this length, but where that is at the end of the picture. @param {number} from @param {number} length @param {number} most @param {number} beyond */
const edges = (from, length, most, beyond) => [from > 4 ? from - 4 : -beyond, from + length + 4 < most ? from + length + 4 : most + beyond];
