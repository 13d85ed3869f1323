import assert from "node:assert/strict";
import { test } from "node:test";
import { arrangeChooser } from "../../vae_core/labs/js/chooser.mjs";
import { arrange, create, DRAWS } from "../../vae_core/labs/js/style.mjs";
import { scribe } from "./scribe.mjs";

test("everything inside, nothing on top of anything, at every width and for few or many classes", () => {
  for (const width of [240, 309, 343, 519, 520, 559, 560, 640, 686, 768]) {
    for (const classes of [1, 2, 3, 10, 12]) {
      const { narrow, input, decoded, plane, places, bottom, draws, height } = arrange(width, 2 * classes, classes);
      const say = `at ${width} with ${classes} classes`, many = classes > 10;
      const above = arrangeChooser(width, 2 * classes).bottom;
      assert.ok(Math.min(input.y, decoded.y, plane.y) > above + 20, `choices ${say}`);
      assert.ok(input.x >= 0 && input.x + input.size < decoded.x && decoded.x + decoded.size < width, `digits ${say}`);
      assert.ok(plane.x > 20 && plane.x + plane.width < width, `plane ${say}`);
      if (narrow) assert.ok(plane.y > decoded.y + decoded.size + 20 && (many ? places[0].y > plane.y + plane.height + 40 : places.every(({ x, y, height: tall }) => x > plane.x + plane.width + 8 && y >= plane.y && y + tall <= plane.y + plane.height)), `plane below, classes beside it ${say}`);
      else assert.ok(plane.x > input.x + input.size + 24 && plane.x + plane.width < decoded.x, `plane between ${say}`);
      assert.ok(narrow || places[0].y > plane.y + plane.height + 40, `classes ${say}`);
      places.forEach((place, i) => {
        assert.ok(place.x >= 0 && place.x + place.width <= width && place.width >= 24 && place.y + place.height <= bottom, `class ${i} ${say}`);
        assert.ok(i === 0 || place.x >= places[i - 1].x + place.width + 2 || place.y >= places[i - 1].y + place.height, `apart ${say}`);
      });
      assert.ok(draws.y > bottom + 24 && draws.y + draws.cell < height && (DRAWS - 1) * draws.step + draws.cell < width, `draws ${say}`);
    }
  }
});

/** What the lab paints of a decoder that gives z₁ + 10 · (the class is 1) for its one pixel. */
function painted(values = {}) {
  const arrays = { weight: [1, 0, 0, 10], scale: [1], bias: [0], mean: [0.5, -1], log_var: [0, 0], images: [255], labels: [0], codes: [0, 0], of: [1] };
  const ref = (at) => ({ at });
  const layer = { inputs: 4, outputs: 1, activation: "identity", weight: ref("weight"), scale: ref("scale"), bias: ref("bias") };
  const spec = { side: 1, channels: 1, count: 2, layers: [layer], likelihood: { name: "Gaussian", std: 1, squash: false }, mean: ref("mean"), log_var: ref("log_var"), images: ref("images"), labels: ref("labels"), codes: ref("codes"), classes_of: ref("of") };
  const lab = create(spec, ({ at }) => Float32Array.from(arrays[at]));
  const { pen, digits, calls } = scribe();
  const shown = lab.paint(pen, { digit: 0, label: 0, shift1: 0, shift2: 0, stretch: 1, draw: 0, ...values }, 640);
  return { ...shown, digits, calls };
}

test("one z, each class: the class is the only thing that differs; a point has one z for all draws", () => {
  const { digits, tiles } = painted({ stretch: 0, shift1: -0.25 });
  assert.deepEqual(digits.slice(-DRAWS), new Array(DRAWS).fill(0.25));
  assert.deepEqual(digits.slice(2, 5), [0.25, 0.25, 1]); // of its own class, large, and in the row; clamped to a pixel
  assert.equal(tiles[1].value, "∞");
  assert.equal(tiles[0].value, (0.5 * 0.75 ** 2 + 0.5 * Math.log(2 * Math.PI)).toFixed(1));
});

test("told another class, the same image costs more, and the rate is what it was", () => {
  const [own, other] = [painted(), painted({ label: 2 })];
  assert.equal(own.tiles[1].value, other.tiles[1].value);
  assert.equal(own.tiles[1].value, "0.6"); // ½ (0.5² + 1)
  assert.ok(Number(other.tiles[0].value) > Number(own.tiles[0].value) + 30);
  assert.match(other.summary, /drawn as a 1/);
});

test("a press on a class chooses it; the first option is the image's own", () => {
  const classes = painted().spots.filter(({ choice }) => choice === "label");
  assert.deepEqual(classes.map(({ index }) => index), [1, 2]);
});

test("the handle drags both shifts, from where the image's own style is", () => {
  const [handle] = painted({ shift1: 1 }).handles;
  const { shift1, shift2 } = handle.move(handle.x, handle.y);
  assert.deepEqual([shift1.toFixed(6), Math.abs(shift2).toFixed(6)], ["1.000000", "0.000000"]);
  const beyond = painted({ shift1: 3, shift2: -3 }).handles[0]; // at (3.5, −4): at the edge
  assert.ok(beyond.x <= beyond.track.x + beyond.track.width && beyond.y <= beyond.track.y + beyond.track.height);
});

test("a cloud beyond the plane leaves its ring inside the frame, and in it an arrow to where the cloud is", () => {
  for (const [shifts, way] of [[{ shift1: 2 }, " "], [{ shift1: 3.1 }, "→"], [{ shift2: -3 }, "↓"], [{ shift1: -4.1, shift2: 5 }, "↖"]]) {
    const { calls, handles: [{ track }] } = painted(shifts);
    const arrow = calls.find(([name, words]) => name === "text" && " ↙←↖↓↑↘→↗".includes(words));
    assert.equal(arrow[1], way);
    const [, x, y, radius] = calls.find(([name, x, y]) => name === "disc" && x === arrow[2] && y === arrow[3]);
    assert.ok(x - radius > track.x && x + radius < track.x + track.width && y - radius > track.y && y + radius < track.y + track.height);
  }
});
