import assert from "node:assert/strict";
import { test } from "node:test";
import { colourScale, Pen, threeDigits } from "../../vae_core/labs/js/draw.mjs";

/** A pen whose canvases take every call and show nothing; `made` counts those made after the first. */
function blindPen() {
  const made = [];
  const context = () => new Proxy({}, { get: () => () => {}, set: () => true });
  const canvas = () => ({ style: {}, width: 0, height: 0, getContext: context });
  globalThis.document = { createElement: () => (made.push(canvas()), made.at(-1)) };
  const pen = new Pen(canvas(), null);
  pen.stale = false;
  pen.begin(300, 200);
  return { pen, made };
}

/** A pen whose canvases know colours by name; `put` tells the pixels that were put down last. */
function paintingPen(rgb) {
  let last;
  const context = () => new Proxy({}, {
    get: (target, name) => ({
      getImageData: () => ({ data: rgb[target.fillStyle] }),
      createImageData: (width, height) => ({ data: new Uint8ClampedArray(4 * width * height) }),
      putImageData: (image) => (last = image.data),
    })[name] ?? (() => {}),
  });
  const canvas = () => { const one = context(); return { style: {}, width: 0, height: 0, getContext: () => one }; };
  globalThis.document = { createElement: canvas };
  const pen = new Pen(canvas(), null);
  pen.stale = false;
  return { pen, put: () => Array.from({ length: last.length / 4 }, (_, i) => [...last.slice(4 * i, 4 * i + 3)]) };
}

test("a layer is painted once, and again when its key or the size changes, on one canvas a name", () => {
  const { pen, made } = blindPen();
  let painted = 0;
  const ground = (key) => pen.layer("ground", key, 0, 0, 300, 100, () => painted++);
  ground("2 nats");
  ground("2 nats");
  assert.equal(painted, 1);
  for (let nats = 3; nats < 30; nats++) ground(`${nats} nats`);
  ground("2 nats");
  assert.equal(painted, 29);
  pen.layer("axis", "", 0, 0, 10, 10, () => painted++);
  assert.equal(made.length, 2);
  assert.equal(pen.layers.size, 2);
  pen.begin(310, 200);
  ground("2 nats");
  assert.equal(painted, 31);
});

test("a number in a tile has three digits that count, and whole numbers are whole", () => {
  const shown = [49.261054691356414, 1234.5, 1.2345, -0.012345, 99.96, 1e-9, 0, -0, 12, -3, 123456, Infinity, -Infinity].map(threeDigits);
  assert.deepEqual(shown, ["49.3", "1235", "1.23", "−0.0123", "100.0", "0.000000", "0", "0", "12", "−3", "123456", "∞", "−∞"]);
  assert.throws(() => threeDigits(NaN), /not a number/);
});

test("a scale of colours passes through each of them", () => {
  const bytes = (scale) => [0, 64, 128, 255].map((i) => [...new Uint8Array(scale.buffer, 4 * i, 4)]);
  const [paper, ink, warm] = [[255, 255, 255], [0, 0, 0], [255, 0, 51]];
  assert.deepEqual(bytes(colourScale([paper, ink])), [[255, 255, 255, 255], [191, 191, 191, 255], [127, 127, 127, 255], [0, 0, 0, 255]]);
  assert.deepEqual(bytes(colourScale([ink, paper, warm])), [[0, 0, 0, 255], [128, 128, 128, 255], [255, 254, 254, 255], [255, 0, 51, 255]]);
});

test("a picture is painted from paper to ink, or in the colours that its lab asks for", () => {
  const rgb = { white: [255, 255, 255], black: [0, 0, 0], red: [255, 0, 0] };
  const { pen, put } = paintingPen(rgb);
  pen.colours = { paper: "white", ink: "black", warm: "red" };
  pen.digit([0, 1, 0.5, 0], 0, 0, 20, { side: 2 });
  assert.deepEqual(put(), [[255, 255, 255], [0, 0, 0], [127, 127, 127], [255, 255, 255]]);
  pen.digit([0, 1, 0.5, 0], 0, 0, 20, { side: 2, colours: ["black", "paper", "warm"] });
  assert.deepEqual(put(), [[0, 0, 0], [255, 0, 0], [255, 254, 254], [0, 0, 0]]);
  assert.equal(Object.keys(pen.scales).length, 2, "each scale is made once");
  pen.digit([0, 0, 0, 0], 0, 0, 20, { side: 2 });
  assert.equal(Object.keys(pen.scales).length, 2);
});

test("a picture of three channels, one after another, has the colours that it has, whatever the page's are", () => {
  const { pen, put } = paintingPen({});
  const planes = [9, 0, 1, 0.5, 0, /* green */ 0, 1, 0.5, 0, /* blue */ 0, 0, 0.5, 1]; // the first is of another picture
  pen.digit(planes, 0, 0, 20, { side: 2, at: 1, channels: 3 });
  assert.deepEqual(put(), [[0, 0, 0], [255, 255, 0], [128, 128, 128], [0, 0, 255]]);
  pen.digit(planes.map((v) => v - 1), 0, 0, 20, { side: 2, at: 1, channels: 3, pixel: (v) => v + 1 });
  assert.deepEqual(put(), [[0, 0, 0], [255, 255, 0], [128, 128, 128], [0, 0, 255]]);
});

test("a bar without end fills its room in ever smaller pieces, to the right or up", () => {
  const { pen } = blindPen();
  const boxes = [];
  pen.box = (...box) => boxes.push(box.slice(0, 4));
  pen.endless({ x: 10, y: 20, width: 100, height: 8 }, "right", {});
  const ends = boxes.map(([x, , width]) => [x, x + width]);
  assert.ok(ends[0][0] === 10 && ends.at(-1)[1] <= 110 + 1e-9 && boxes.every(([, y, , height]) => y === 20 && height === 8));
  for (let i = 1; i < boxes.length; i++) assert.ok(ends[i][0] > ends[i - 1][1] + 2 && boxes[i][2] < boxes[i - 1][2]);
  boxes.length = 0;
  pen.endless({ x: 10, y: 20, width: 8, height: 100 }, "up", {});
  assert.ok(boxes.every(([x, y, width, height]) => x === 10 && width === 8 && y >= 20 - 1e-9 && y + height <= 120 + 1e-9));
  assert.ok(boxes[0][1] + boxes[0][3] === 120 && boxes.every(([, y], i) => i === 0 || y < boxes[i - 1][1]));
});

test("a quiet handle is drawn by its lab, but for the hint, which stands beside it until it was used", () => {
  const { pen } = blindPen();
  const said = [], discs = [], boxes = [];
  pen.measure = (words) => 7 * words.length;
  pen.text = (words, x) => said.push([words, x]);
  pen.disc = (...disc) => discs.push(disc);
  pen.box = (x, _y, width, _height, { fill }) => boxes.push([x, x + width, fill]);
  const handle = { x: 50, y: 60, axis: "x", move: () => ({}), hint: "drag", quiet: true };
  pen.handle(handle, true);
  pen.handle({ ...handle, x: 280 }, true);
  pen.handle({ ...handle, room: 100 }, true);
  pen.handle(handle, false);
  pen.handle({ ...handle, hint: "" }, true);
  assert.deepEqual([said, discs], [[["drag", 78], ["drag", 224], ["drag", -6]], []]);
  assert.deepEqual(boxes, said.map(([words, x]) => [x - 3, x + 7 * words.length + 3, "paper"])); // nothing runs through it
  pen.handle({ ...handle, quiet: false }, false);
  assert.equal(discs.length, 1);
});
