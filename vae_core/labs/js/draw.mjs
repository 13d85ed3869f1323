// A pen for one canvas: sharp on every screen, in the colours of the page it stands on.

const COLOURS = ["ink", "muted", "paper", "line", "accent", "warm", "orange", "good", "bad"];

/** About `count` round numbers from low to high. */
export function ticks(low, high, count = 5) {
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5].find((m) => m * power >= rough) ?? 10);
  const first = Math.ceil(low / step - 1e-9);
  const values = [];
  for (let i = first; i * step <= high + 1e-9 * step; i++) values.push(Number((i * step).toPrecision(12)));
  return values;
}

/** A number with a true minus sign. What is none is not shown as one: it ends the lab that computed it. */
export function number(value, digits = 1) {
  if (Number.isNaN(value)) throw new Error("a result is not a number");
  return Number.isFinite(value) ? value.toFixed(digits).replace("-", "−") : value > 0 ? "∞" : "−∞";
}

export class Pen {
  /** @param root  the lab's element, whose CSS variables --vae-… and font the pen takes on */
  constructor(canvas, root) {
    this.canvas = canvas;
    this.root = root;
    this.context = canvas.getContext("2d");
    this.layers = new Map();
    this.stamps = new Map();
    this.width = this.height = this.ratio = 0;
    this.colours = null;
  }

  /** Look up the page's colours again before the next frame. */
  forgetColours() {
    this.colours = null;
  }

  #takeColours() {
    const probe = document.createElement("span");
    this.root.append(probe);
    this.colours = {};
    for (const name of COLOURS) {
      probe.style.color = `var(--vae-${name})`;
      this.colours[name] = getComputedStyle(probe).color;
    }
    this.font = getComputedStyle(probe).fontFamily || "sans-serif";
    probe.remove();
    const paper = pixelOf(this.colours.paper);
    const ink = pixelOf(this.colours.ink);
    const bytes = Uint8ClampedArray.from({ length: 4 * 256 }, (_, i) => {
      const at = Math.floor(i / 4) / 255;
      return i % 4 === 3 ? 255 : paper[i % 4] * (1 - at) + ink[i % 4] * at;
    });
    this.shades = new Uint32Array(bytes.buffer); // a whole pixel each
    this.layers.clear();
  }

  /** Start a frame of this many CSS pixels, blank. */
  begin(width, height) {
    if (!this.colours) this.#takeColours();
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
  }

  /** Put down something costly that rarely changes: painted when its key, the size or the colours have changed. */
  layer(name, key, x, y, width, height, paint) {
    let layer = this.layers.get(name);
    if (layer?.key !== key) {
      const canvas = layer?.canvas ?? document.createElement("canvas");
      canvas.width = Math.round(width * this.ratio);
      canvas.height = Math.round(height * this.ratio);
      const main = this.context;
      this.context = canvas.getContext("2d");
      this.context.setTransform(this.ratio, 0, 0, this.ratio, -x * this.ratio, -y * this.ratio);
      paint();
      this.context = main;
      layer = { key, canvas };
      this.layers.set(name, layer);
    }
    this.context.drawImage(layer.canvas, x, y, width, height);
  }

  text(words, x, y, { size = 13, colour = "ink", align = "left", weight = 400, halo = false, base = "alphabetic" } = {}) {
    const c = this.context;
    c.font = `${weight} ${size}px ${this.font}`;
    c.textAlign = align;
    c.textBaseline = base;
    if (halo) {
      c.strokeStyle = this.colours.paper;
      c.lineWidth = 4;
      c.lineJoin = "round";
      c.strokeText(words, x, y);
    }
    c.fillStyle = this.colours[colour] ?? colour;
    c.fillText(words, x, y);
  }

  /** Words of different styles on one line: [[words, style], …]. */
  words(parts, x, y) {
    for (const [words, style] of parts) {
      this.text(words, x, y, style);
      x += this.context.measureText(words).width;
    }
  }

  line(points, { colour = "line", width = 1, dash = [] } = {}) {
    const c = this.context;
    c.beginPath();
    points.forEach(([x, y], i) => (i ? c.lineTo(x, y) : c.moveTo(x, y)));
    c.setLineDash(dash);
    c.lineWidth = width;
    c.strokeStyle = this.colours[colour] ?? colour;
    c.stroke();
    c.setLineDash([]);
  }

  box(x, y, width, height, { fill, stroke, line = 1, alpha = 1, radius = 0 } = {}) {
    const c = this.context;
    c.beginPath();
    if (radius) c.roundRect(x, y, width, height, radius);
    else c.rect(x, y, width, height);
    this.#finish(fill, stroke, line, alpha);
  }

  disc(x, y, radius, { fill, stroke, line = 1, alpha = 1 } = {}) {
    this.context.beginPath();
    this.context.arc(x, y, radius, 0, 2 * Math.PI);
    this.#finish(fill, stroke, line, alpha);
  }

  #finish(fill, stroke, line, alpha) {
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
      c.stroke();
    }
  }

  /** Run `paint` with everything outside the rectangle left alone. */
  clip(x, y, width, height, paint) {
    const c = this.context;
    c.save();
    c.beginPath();
    c.rect(x, y, width, height);
    c.clip();
    paint();
    c.restore();
  }

  /** A square picture of side², values from 0 (paper) to 1 (ink), from values[at] on; `pixel` maps raw outputs there. */
  digit(values, x, y, size, { side = 28, at = 0, pixel = (v) => v, frame = "line" } = {}) {
    const { canvas, context, image, shades } = this.#stamp(side);
    for (let i = 0; i < shades.length; i++) shades[i] = this.shades[(255 * pixel(values[at + i]) + 0.5) | 0];
    context.putImageData(image, 0, 0);
    // few pixels, shown large: as squares while they are large, smoothly where they must shrink
    this.context.imageSmoothingEnabled = size * this.ratio < 1.5 * side;
    this.context.drawImage(canvas, x, y, size, size);
    if (frame) this.box(x - 0.5, y - 0.5, size + 1, size + 1, { stroke: frame });
  }

  #stamp(side) {
    if (!this.stamps.has(side)) {
      const canvas = document.createElement("canvas");
      canvas.width = canvas.height = side;
      const context = canvas.getContext("2d", { willReadFrequently: true });
      const image = context.createImageData(side, side);
      this.stamps.set(side, { canvas, context, image, shades: new Uint32Array(image.data.buffer) });
    }
    return this.stamps.get(side);
  }
}

/** Any CSS colour as red, green, blue: painted and read back, since it may be written in many ways. */
function pixelOf(colour) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 1;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.fillStyle = colour;
  context.fillRect(0, 0, 1, 1);
  return context.getImageData(0, 0, 1, 1).data;
}
