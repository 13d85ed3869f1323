// A pen for one canvas: sharp on every screen, in the colours of the page it stands on. And what is needed to place things.
//   words       text, words (of several styles on one line)
//   lines       line, area (below a line), box, frame (around a box), disc, ellipses, axes (numbers and rules beside a box)
//   signs       handle (what can be dragged), beyond (an arrow and a number at the edge, for what does not fit), endless (a bar
//               that goes on for ever)
//   pictures    digit: a square of numbers, from paper to ink or through any `colours` (a scale of two, or of three for ±);
//               with `channels` 3 red, then green, then blue, as they are
//   and         layer (paint what is costly only when its key changes), clip (leave alone what is outside a box)
// Places are CSS pixels from the top left; the styles and their defaults are in types.d.ts. A colour is one of these names:

const COLOURS = ["ink", "muted", "paper", "line", "accent", "warm", "orange", "distortion", "rate", "gap"];
const INKED = ["paper", "ink"];

/** The styles that most words in a lab have. */
export const HEADING = { weight: 700, size: 14 };
export const SMALL = { size: 12, colour: "muted" };
const HINT = { size: 13, weight: 700 };

/**
 * The straight line that takes the first two numbers to the other two.
 * @param {number[]} domain @param {number[]} range
 */
export const scale = ([low, high], [from, to]) => (/** @type {number} */ value) => from + ((value - low) / (high - low)) * (to - from);

/**
 * The smallest of `steps`, times a power of `base`, that is not below this.
 * @param {number} value
 */
export function roundUp(value, steps = [1, 2, 5], base = 10) {
  const power = base ** Math.floor(Math.log(value) / Math.log(base) + 1e-9);
  return power * (steps.find((step) => step * power >= value * (1 - 1e-9)) ?? base);
}

/**
 * `make`, which runs again only where it is given something else than the last time.
 * @template {unknown[]} Given @template Made @param {(...given: Given) => Made} make @returns {(...given: Given) => Made}
 */
export function remember(make) {
  /** @type {{given: Given, made: Made} | undefined} */
  let last;
  return (...given) => {
    if (!last?.given.every((value, i) => Object.is(value, given[i]))) last = { given, made: make(...given) };
    return last.made;
  };
}

/**
 * About `count` round numbers from low to high.
 * @param {number} low @param {number} high
 */
export function ticks(low, high, count = 5) {
  const step = roundUp((high - low) / count);
  const first = Math.ceil(low / step - 1e-9);
  const values = [];
  for (let i = first; i * step <= high + 1e-9 * step; i++) values.push(Number((i * step).toPrecision(12)));
  return values;
}

/**
 * A number with a true minus sign. What is none is not shown as one: it ends the lab that computed it.
 * @param {number} value
 */
export function number(value, digits = 1) {
  if (Number.isNaN(value)) throw new Error("a result is not a number");
  return Number.isFinite(value) ? value.toFixed(digits).replace("-", "−") : value > 0 ? "∞" : "−∞";
}

/**
 * A number with three digits that count, or all of those before its point: 49.3, 0.0123, 1235. How a tile shows one.
 * @param {number} value
 */
export function threeDigits(value) {
  const size = Math.floor(Math.log10(Math.abs(value)));
  return number(value, Number.isInteger(value) ? 0 : Math.min(6, Math.max(0, 2 - size)));
}

/**
 * 256 colours, a whole pixel each, from the first of these (red, green, blue) by way of the others to the last.
 * @param {ArrayLike<number>[]} colours
 */
export function colourScale(colours) {
  const bytes = Uint8ClampedArray.from({ length: 4 * 256 }, (_, i) => {
    const at = (Math.floor(i / 4) / 255) * (colours.length - 1);
    const k = Math.min(Math.floor(at), colours.length - 2);
    return i % 4 === 3 ? 255 : colours[k][i % 4] * (k + 1 - at) + colours[k + 1][i % 4] * (at - k);
  });
  return new Uint32Array(bytes.buffer);
}

export class Pen {
  /** @param {HTMLCanvasElement} canvas @param {HTMLElement} root  the lab's, whose CSS variables --vae-… and font the pen takes on */
  constructor(canvas, root) {
    this.canvas = canvas;
    this.root = root;
    this.context = contextOf(canvas);
    /** @type {Map<string, {key: unknown, canvas: HTMLCanvasElement}>} */
    this.layers = new Map();
    /** @type {Map<number, {canvas: HTMLCanvasElement, context: CanvasRenderingContext2D, image: ImageData, shades: Uint32Array}>} */
    this.stamps = new Map();
    this.width = this.height = this.ratio = 0;
    /** @type {Record<string, string>} */
    this.colours = {};
    /** @type {Record<string, Uint32Array>} */
    this.scales = {};
    this.font = "";
    this.stale = true;
  }

  /** Look up the page's colours again before the next frame. */
  forgetColours() {
    this.stale = true;
  }

  #takeColours() {
    const probe = document.createElement("span");
    this.root.append(probe);
    for (const name of COLOURS) {
      probe.style.color = `var(--vae-${name})`;
      this.colours[name] = getComputedStyle(probe).color;
    }
    this.font = getComputedStyle(probe).fontFamily || "sans-serif";
    probe.remove();
    this.scales = {};
    this.layers.clear();
    this.stale = false;
  }

  /** Start a frame of this many CSS pixels, blank. @param {number} width @param {number} height */
  begin(width, height) {
    if (this.stale) this.#takeColours();
    const ratio = Math.min(globalThis.devicePixelRatio || 1, 3);
    if (width !== this.width || height !== this.height || ratio !== this.ratio) {
      Object.assign(this, { width, height, ratio });
      this.canvas.width = Math.round(width * ratio);
      this.canvas.height = Math.round(height * ratio);
      this.canvas.style.width = `${width}px`; // and the height in proportion, also where there is less room (lab.css)
      this.layers.clear();
    }
    this.context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.context.clearRect(0, 0, width, height);
    this.context.lineJoin = "round"; // as words with a halo leave it
  }

  /**
   * Put down something costly that rarely changes: painted when its key, the size or the colours have changed.
   * @param {string} name @param {unknown} key
   * @param {number} x @param {number} y @param {number} width @param {number} height @param {() => void} paint
   */
  layer(name, key, x, y, width, height, paint) {
    const last = this.layers.get(name);
    const canvas = last?.canvas ?? document.createElement("canvas");
    if (last?.key !== key) {
      canvas.width = Math.round(width * this.ratio);
      canvas.height = Math.round(height * this.ratio);
      const main = this.context;
      this.context = contextOf(canvas);
      this.context.setTransform(this.ratio, 0, 0, this.ratio, -x * this.ratio, -y * this.ratio);
      paint();
      this.context = main;
      this.layers.set(name, { key, canvas });
    }
    this.context.drawImage(canvas, x, y, width, height);
  }

  /** @param {string} words @param {number} x @param {number} y @param {TextStyle} style */
  text(words, x, y, { size = 13, colour = "ink", align = "left", weight = 400, halo = false, base = "alphabetic" } = {}) {
    const c = this.context;
    c.font = `${weight} ${size}px ${this.font}`;
    c.textAlign = align;
    c.textBaseline = base;
    if (halo) {
      c.strokeStyle = this.colours.paper;
      c.lineWidth = halo === true ? 4 : halo;
      c.lineJoin = "round";
      c.strokeText(words, x, y);
    }
    c.fillStyle = this.colours[colour] ?? colour;
    c.fillText(words, x, y);
  }

  /** Words of different styles on one line. @param {[string, TextStyle][]} parts @param {number} x @param {number} y */
  words(parts, x, y) {
    for (const [words, style] of parts) {
      this.text(words, x, y, style);
      x += this.context.measureText(words).width;
    }
  }

  /** @param {number[][]} points @param {LineStyle} style */
  line(points, { colour = "line", width = 1, dash = [] } = {}) {
    const c = this.context;
    this.#trace(points);
    c.setLineDash(dash);
    c.lineWidth = width;
    c.strokeStyle = this.colours[colour] ?? colour;
    c.stroke();
    c.setLineDash([]);
  }

  /** What lies between a line and the level `bottom`. @param {number[][]} points @param {number} bottom @param {FillStyle} style */
  area(points, bottom, { fill, alpha = 1 }) {
    this.#trace([[points[0][0], bottom], ...points, [points[points.length - 1][0], bottom]]);
    this.#finish({ fill, alpha });
  }

  /** @param {number} x @param {number} y @param {number} width @param {number} height @param {FillStyle} style */
  box(x, y, width, height, { radius = 0, ...style }) {
    const c = this.context;
    c.beginPath();
    if (radius) c.roundRect(x, y, width, height, radius);
    else c.rect(x, y, width, height);
    this.#finish(style);
  }

  /** A line around a box, just outside. @param {Box} box */
  frame({ x, y, width, height }, colour = "line") {
    this.box(x - 0.5, y - 0.5, width + 1, height + 1, { stroke: colour });
  }

  /**
   * Numbers below a box and to its left, and lines across it where an axis has a `rule`.
   * @param {Box} box @param {{x?: Axis, y?: Axis}} axes
   */
  axes({ x, y, width, height }, { x: across, y: up }) {
    for (const tick of across?.ticks ?? []) {
      const { to, words = whole, rule, align = () => "center" } = /** @type {Axis} */ (across);
      if (rule) this.line([[to(tick), y], [to(tick), y + height]], rule(tick));
      this.text(words(tick), to(tick), y + height + 16, { ...SMALL, align: align(tick) });
    }
    for (const tick of up?.ticks ?? []) {
      const { to, words = whole, rule } = /** @type {Axis} */ (up);
      if (rule) this.line([[x, to(tick)], [x + width, to(tick)]], rule(tick));
      this.text(words(tick), x - 7, to(tick), { ...SMALL, align: "right", base: "middle" });
    }
  }

  /** @param {number} x @param {number} y @param {number} radius @param {FillStyle} style */
  disc(x, y, radius, style) {
    this.context.beginPath();
    this.context.arc(x, y, radius, 0, 2 * Math.PI);
    this.#finish(style);
  }

  /** Ellipses of one style, and as one: where two overlap they are no darker. @param {number[][]} all  [x, y, half a width, half a height] @param {FillStyle} style */
  ellipses(all, style) {
    this.context.beginPath();
    for (const [x, y, across, up] of all) {
      this.context.moveTo(x + across, y);
      this.context.ellipse(x, y, across, up, 0, 0, 2 * Math.PI);
    }
    this.#finish(style);
  }

  /** A handle to drag: a knob, arrows for where it goes, and its hint while none has been used. Of a quiet one the hint alone. @param {Handle} handle @param {boolean} untouched */
  handle({ x, y, axis, hint, quiet, below, room, colour = "accent" }, untouched) {
    if (quiet) return hint && untouched && this.#beside(hint, x, below ? y + 16 : y, room ?? this.width, colour);
    for (const [dx, dy] of axis === "x" ? [[1, 0], [-1, 0]] : [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
      this.#trace([[x + 18 * dx, y + 18 * dy], [x + 13 * dx + 4 * dy, y + 13 * dy + 4 * dx], [x + 13 * dx - 4 * dy, y + 13 * dy - 4 * dx]]);
      this.context.closePath();
      this.#finish({ fill: colour, stroke: "paper", line: 1 });
    }
    this.disc(x, y, 9, { fill: colour, stroke: "paper", line: 2.5 });
    if (!hint || !untouched) return;
    if (room) return this.#beside(hint, x, y, room, colour);
    const half = this.measure(hint, HINT) / 2 + 2;
    this.#hint(hint, Math.min(this.width - half, Math.max(half, x)) - half + 2, below || y < 40 ? y + 28 : y - 27, colour);
  }

  /** A hint to the right of a quiet handle, or to its left where there is no room. @param {string} hint @param {number} x @param {number} y @param {number} room  where that ends @param {string} colour */
  #beside(hint, x, y, room, colour) {
    const wide = this.measure(hint, HINT);
    this.#hint(hint, x + 28 + wide < room ? x + 28 : x - 28 - wide, y, colour);
  }

  /** A hint from x on, at this height, on paper: whatever lies below it does not run through its words. @param {string} hint @param {number} x @param {number} y @param {string} colour */
  #hint(hint, x, y, colour) {
    this.box(x - 3, y - 8, this.measure(hint, HINT) + 6, 16, { fill: "paper", radius: 4 });
    this.text(hint, x, y, { ...HINT, colour, base: "middle" });
  }

  /** A bar that has no end: to the right, or up, it goes on in ever smaller pieces. @param {Box} box @param {"right" | "up"} way @param {FillStyle} style */
  endless({ x, y, width, height }, way, style) {
    let from = 0;
    for (const [piece, gap] of [[0.6, 0.05], [0.14, 0.05], [0.08, 0.05], [0.03, 0]]) { // shares of the room there is
      if (way === "up") this.box(x, y + height * (1 - from - piece), width, height * piece, style);
      else this.box(x + width * from, y, width * piece, height, style);
      from += piece + gap;
    }
  }

  /**
   * At the edge of a picture, for what lies beyond it: an arrow that points there, and how far it is.
   * @param {string} words @param {number} x @param {number} y @param {1 | -1} side  1: to the right @param {TextStyle} style
   */
  beyond(words, x, y, side, style = {}) {
    this.text(side > 0 ? `${words} ›` : `‹ ${words}`, x - 3 * side, y, { size: 12, weight: 700, base: "middle", halo: true, align: side > 0 ? "right" : "left", ...style });
  }

  /** How wide words are. @param {string} words @param {TextStyle} style */
  measure(words, { size = 13, weight = 400 } = {}) {
    this.context.font = `${weight} ${size}px ${this.font}`;
    return this.context.measureText(words).width;
  }

  /** @param {number[][]} points */
  #trace(points) {
    this.context.beginPath();
    points.forEach(([x, y], i) => (i ? this.context.lineTo(x, y) : this.context.moveTo(x, y)));
  }

  /** @param {FillStyle} style */
  #finish({ fill, stroke, line = 1, alpha = 1, dash = [] }) {
    const c = this.context;
    if (fill) {
      c.globalAlpha = alpha;
      c.fillStyle = this.colours[fill] ?? fill;
      c.fill();
      c.globalAlpha = 1;
    }
    if (stroke) {
      c.lineWidth = line;
      c.strokeStyle = this.colours[stroke] ?? stroke;
      c.setLineDash(dash);
      c.stroke();
      c.setLineDash([]);
    }
  }

  /** Run `paint` with everything outside the box left alone. @param {Box} box @param {() => void} paint */
  clip({ x, y, width, height }, paint) {
    const c = this.context;
    c.save();
    c.beginPath();
    c.rect(x, y, width, height);
    c.clip();
    paint();
    c.restore();
  }

  /**
   * A square picture of side², values from 0 to 1 in a scale of `colours`, from values[at] on; `pixel` maps raw outputs there.
   * Of three `channels`, one whole picture after another, it has its own colours.
   * @param {ArrayLike<number>} values @param {number} x @param {number} y @param {number} size @param {DigitStyle} style
   */
  digit(values, x, y, size, { side = 28, at = 0, pixel = (v) => v, frame = "line", colours = INKED, channels = 1, smooth = false } = {}) {
    const { canvas, context, image, shades } = this.#stamp(side);
    if (channels === 3) {
      for (let i = 0; i < image.data.length; i++) image.data[i] = i % 4 === 3 ? 255 : 255 * pixel(values[at + (i % 4) * side ** 2 + (i >> 2)]);
    } else {
      const scale = (this.scales[colours.join()] ??= colourScale(colours.map((name) => pixelOf(this.colours[name] ?? name))));
      for (let i = 0; i < shades.length; i++) shades[i] = scale[(255 * pixel(values[at + i]) + 0.5) | 0];
    }
    context.putImageData(image, 0, 0);
    // few pixels, shown large: as squares while they are large, smoothly where they must shrink or are too few
    this.context.imageSmoothingEnabled = smooth || size * this.ratio < 1.5 * side;
    this.context.drawImage(canvas, x, y, size, size);
    if (frame) this.frame({ x, y, width: size, height: size }, frame);
  }

  /** @param {number} side */
  #stamp(side) {
    let stamp = this.stamps.get(side);
    if (!stamp) {
      const canvas = document.createElement("canvas");
      canvas.width = canvas.height = side;
      const context = contextOf(canvas, { willReadFrequently: true });
      const image = context.createImageData(side, side);
      stamp = { canvas, context, image, shades: new Uint32Array(image.data.buffer) };
      this.stamps.set(side, stamp);
    }
    return stamp;
  }
}

/** @param {number} tick */
const whole = (tick) => number(tick, 0);

/** @param {HTMLCanvasElement} canvas @param {CanvasRenderingContext2DSettings} [settings] */
function contextOf(canvas, settings) {
  const context = canvas.getContext("2d", settings);
  if (!context) throw new Error("this browser gives no canvas to draw on");
  return context;
}

/** Any CSS colour as red, green, blue: painted and read back, since it may be written in many ways. @param {string} colour */
function pixelOf(colour) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 1;
  const context = contextOf(canvas, { willReadFrequently: true });
  context.fillStyle = colour;
  context.fillRect(0, 0, 1, 1);
  return context.getImageData(0, 0, 1, 1).data;
}
