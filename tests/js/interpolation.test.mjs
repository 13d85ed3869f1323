import assert from "node:assert/strict";
import { test } from "node:test";
import { arrange, create, halve, judge, place, STEPS } from "../../vae_core/labs/js/interpolation.mjs";
import { Network } from "../../vae_core/labs/js/nn.mjs";
import { scribe } from "./scribe.mjs";

const near = (a, b, within = 1e-12) => assert.ok(Math.abs(a - b) <= within, `${a} is not ${b}`);
const at = (path, start, end, t) => {
  const out = new Float64Array(start.length);
  place(path, start, end, t, out);
  return [...out];
};

test("everything inside, nothing on top of anything, at every width", () => {
  for (const width of [240, 309, 343, 559, 560, 640, 686, 768]) {
    const { frames, strips, votes, ends, curves, pick, height } = arrange(width);
    const say = `at ${width}`;
    frames.forEach(({ x, y, size, near: beside }, i) => {
      const edge = i ? width : frames[1].x;
      assert.ok(x + size < beside.x && beside.x + beside.size < edge && size > 40, `frames ${say}`);
      assert.ok(y + size + 40 < strips[0].y, `frame on strip ${say}`);
    });
    const [above, below] = strips;
    const right = above.x + (above.cells - 1) * above.step + above.cell;
    strips.forEach((strip, i) => {
      assert.ok(strip.y + strip.cell < votes[i].y && votes[i].y + votes[i].height < (i ? curves.y - 40 : below.y), `strips ${say}`);
      near(votes[i].x, curves.x);
      near(votes[i].width, curves.width);
    });
    assert.ok(ends[0].x + ends[0].size < above.x && right < ends[1].x && ends[1].x + ends[1].size < width, `ends ${say}`);
    near(curves.x, above.x + above.cell / 2);
    near(curves.x + curves.width, right - above.cell / 2);
    assert.ok(curves.x > 30 && curves.y + curves.height + 17 < pick[0].y - 20, `curves ${say}`);
    pick.forEach(({ x, y, width: wide, height: tall, thumb, columns }, i) => {
      assert.ok(x > 0 && x + wide <= width && y + tall < (i ? height : pick[1].y - 16) && thumb >= 23 && 20 * thumb ** 2 <= wide * tall + 1e-6 && columns >= 10, `pictures ${say}`);
    });
  }
});

test("lerp and slerp begin and end at the codes", () => {
  for (const path of ["lerp", "slerp"]) {
    [[0, [3, 0.5]], [1, [-1, 4]]].forEach(([t, code]) => at(path, [3, 0.5], [-1, 4], t).forEach((v, i) => near(v, code[i])));
  }
});

test("lerp is the weighted mean, written where it is told", () => {
  const out = new Float64Array(5);
  place("lerp", [0, 8], [4, 0], 0.25, out, 2);
  assert.deepEqual([...out], [0, 0, 1, 6, 0]);
});

test("slerp between axes: an even turn, an even change of length", () => {
  const [x, y] = at("slerp", [1, 0], [0, 3], 1 / 3);
  near(Math.atan2(y, x), Math.PI / 6);
  near(Math.hypot(x, y), 1 + 2 / 3);
});

test("slerp as PyTorch's: vae_core.latent.slerp in float64", () => {
  // slerp(tensor([1.5, -0.25, 0.75]), tensor([-0.5, 2.0, 1.0]), 5)[1]
  const theirs = [1.4065786669586962, 0.40703704020848963, 1.121637258284743];
  at("slerp", [1.5, -0.25, 0.75], [-0.5, 2, 1], 0.25).forEach((v, i) => near(v, theirs[i], 1e-12));
});

test("slerp of codes with no arc of their own is the straight line", () => {
  for (const [start, end] of [[[1, 2], [2, 4]], [[1, 2], [-1, -2]], [[0, 0], [3, 1]]]) {
    assert.deepEqual(at("slerp", start, end, 0.3), at("lerp", start, end, 0.3));
  }
});

test("an image at half its width, from where it begins", () => {
  const out = new Float64Array(4);
  halve([9, 9, 1, 3, 0, 0, 5, 7, 0, 8, 2, 2, 4, 4, 2, 2, 4, 4], 2, 4, out);
  assert.deepEqual([...out], [4, 2, 2, 4]);
  const colours = new Float64Array(3);
  halve([9, 1, 1, 2, 4, 5, 5, 5, 5, 0, 0, 0, 8], 1, 2, colours, 3);
  assert.deepEqual([...colours], [2, 5, 2]);
});

test("the nearest of a library, and the vote of the nearest ten", () => {
  const library = Float32Array.from([...Array(12).keys()].flatMap((i) => [i, 0]));
  const labels = [7, 7, 7, 7, 3, 3, 3, 3, 3, 3, 9, 9];
  const found = judge([5.2, 1], library, labels);
  assert.equal(found.row, 5);
  near(found.distance, Math.hypot(0.2, 1), 1e-9);
  assert.deepEqual([found.label, found.votes], [3, 6]); // rows 1 to 10: three 7s, six 3s, a 9
});

test("of a tie the nearest wins, and a small library votes as a whole", () => {
  const { label, votes } = judge([0.1], [1, 0, 2, 3], [4, 9, 9, 4]);
  assert.deepEqual([label, votes], [9, 2]);
});

test("a blend decodes its two ends, a walk every place, and what is known already nothing but its own place", () => {
  const layers = [{ inputs: 1, outputs: 4, activation: "identity", weight: [1, 2, -1, 0], scale: null, bias: null }];
  const model = { title: "One", mark: "accent", layers, likelihood: "bernoulli", codes: Float32Array.from([-2, 3]) };
  const spec = { side: 2, channels: 1, names: ["a", "b"], images: [255, 0, 0, 9, 0, 9, 255, 0], library: [0, 100, 255], labels: [0, 1, 1], typical: 0.5, models: [model, model] };
  const lab = create(spec, (values) => values);
  const run = Network.prototype.run;
  const decoded = (values) => {
    let count = 0;
    Network.prototype.run = function (rows) {
      count += rows;
      return run.call(this, rows);
    };
    lab.paint(scribe().pen, { from: 0, to: 1, t: 0.5, path: 0, ...values }, 640);
    Network.prototype.run = run;
    return count / spec.models.length;
  };
  assert.equal(decoded({ path: 2 }), STEPS + 1 + 2 + 1); // the line beside it, to compare with
  assert.equal(decoded({ path: 2, t: 0.7 }), 1);
  assert.equal(decoded({ path: 1 }), STEPS + 1 + 1 + 1);
  assert.equal(decoded({ path: 1, t: 0.7 }), 2);
});

/** A lab of one number a pixel, whose drawing at t lies at t: real images of class 3 near the beginning, of class 5 near the end, and none between. */
function line() {
  const layers = [{ inputs: 1, outputs: 4, activation: "identity", weight: [1, 1, 1, 1], scale: null, bias: null }];
  const model = { title: "One", mark: "orange", layers, likelihood: "gaussian", codes: Float32Array.from([0, 1]) };
  const library = [...Array(6).fill(0), ...Array(6).fill(255)], labels = [...Array(6).fill(3), ...Array(6).fill(5)];
  const spec = { side: 2, channels: 1, names: ["a", "b"], images: [0, 0, 0, 0, 255, 255, 255, 255], library, labels, typical: 0.25, models: [model, { ...model, codes: Float32Array.from([1, 0]) }] };
  return create(spec, (values) => values);
}

test("beside an arc or a blend stands how far the line is from a real image at this place", () => {
  const said = (values) => {
    const { pen, calls } = scribe();
    const { tiles } = line().paint(pen, { from: 0, to: 1, t: 0.3, ...values }, 640);
    return { tiles: tiles.map(({ value }) => value), byLerp: calls.filter(([name, words]) => name === "text" && words.startsWith("lerp: ")).map(([, words]) => words.slice(6)) };
  };
  const straight = said({ path: 0 });
  assert.deepEqual(straight.byLerp, []);
  for (const path of [1, 2]) assert.deepEqual(said({ path }).byLerp, straight.tiles);
});

test("the votes along the way: a number for each run of places, as high as the nearest agree", () => {
  const { pen, calls } = scribe();
  line().paint(pen, { from: 0, to: 1, t: 0.5, path: 0 }, 640);
  const { votes: [first, second] } = arrange(640, 2);
  for (const [box, said] of [[first, ["3", "5"]], [second, ["5", "3"]]]) {
    const inside = (y) => y >= box.y && y <= box.y + box.height;
    assert.deepEqual(calls.filter(([name, , , y]) => name === "text" && inside(y)).map(([, text]) => text), said);
    const bars = calls.filter(([name, , y, , , style]) => name === "box" && inside(y) && style.alpha === 0.3);
    assert.equal(bars.length, STEPS + 1);
    for (const [, , y, , tall] of bars) {
      near(tall, box.height * 0.6, 1e-9); // 6 of 10
      near(y + tall, box.y + box.height, 1e-9);
    }
  }
});

test("a distance beyond the axis is told, and the axis stays", () => {
  const { pen, calls, words } = scribe();
  line().paint(pen, { from: 0, to: 1, t: 0.5, path: 0 }, 640);
  assert.deepEqual(words.filter((text) => text.endsWith("↑")), ["2.0 ↑", "2.0 ↑"]); // halfway 0.5 from both, 0.25 is 1
  const ruled = (shown) => JSON.stringify(shown.filter(([name]) => name === "axis"));
  const other = scribe();
  line().paint(other.pen, { from: 0, to: 0, t: 0.5, path: 0 }, 640);
  assert.equal(ruled(other.calls), ruled(calls));
  assert.ok(!other.words.some((text) => text.endsWith("↑")));
});

test("the length of a code: of a line shorter halfway, of an arc as the ends', of a blend none", () => {
  const layers = [{ inputs: 2, outputs: 4, activation: "identity", weight: Array(8).fill(0), scale: null, bias: null }];
  const model = { title: "Two", mark: "orange", layers, likelihood: "gaussian", codes: Float32Array.from([3, 0, 0, 3]) };
  const spec = { side: 2, channels: 1, names: ["a", "b"], images: Array(8).fill(0), library: [0], labels: [1], typical: 1, models: [model, model] };
  const lab = create(spec, (values) => values);
  const said = [0, 1, 2].map((path) => {
    const { pen, words } = scribe();
    lab.paint(pen, { from: 0, to: 1, t: 0.5, path }, 640);
    return words.find((text) => / code$|length ×/.test(text));
  });
  assert.deepEqual(said, ["code’s length × 0.71", "code’s length × 1.00", "no code"]);
});

test("a picture is picked where it is pressed", () => {
  const { pen } = scribe();
  for (const width of [300, 700]) {
    const { handles } = line().paint(pen, { from: 0, to: 1, t: 0.5, path: 0 }, width);
    handles.slice(1).forEach(({ track, move, quiet }, i) => {
      const name = i ? "to" : "from";
      assert.ok(quiet);
      assert.deepEqual([move(track.x + 2, track.y + 5), move(track.x + track.width - 2, track.y + 5), move(9999, 9999)], [{ [name]: 0 }, { [name]: 1 }, { [name]: 1 }]);
    });
  }
});
