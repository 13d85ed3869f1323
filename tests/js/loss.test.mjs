import assert from "node:assert/strict";
import { test } from "node:test";
import { arrange, betaOf, broken, create, nearest, told } from "../../vae_core/labs/js/loss.mjs";
import { scribe } from "./scribe.mjs";

const BOOK = { squared: false, over: 0, kl: 0, weight: 1, pixels: 784, units: 20, batch: 128 };

test("sums are the ELBO, and so is the loss that divides both by all pixels", () => {
  assert.equal(betaOf(BOOK), 1);
  assert.equal(betaOf({ ...BOOK, over: 3, kl: 5 }), 1);
  assert.equal(betaOf({ ...BOOK, over: 3, kl: 1 }), 784);
  assert.equal(betaOf({ ...BOOK, squared: true }), 0.5);
  assert.equal(betaOf({ ...BOOK, kl: 3 }), 1 / (20 * 128));
});

test("the nearest β is that of the smallest ratio", () => {
  assert.equal(nearest([0.01, 0.1, 1, 10], 0.33), 2);
  assert.equal(nearest([0.01, 0.1, 1, 10], 0.3), 1);
  assert.equal(nearest([0.01, 0.1, 1, 10], 1e5), 3);
});

test("a β is told in few signs", () => {
  assert.deepEqual([1, 1.536, 39.2, 784, 150528, 0.01, 0.0009765625, 1e-5].map(told), ["1", "1.54", "39.2", "784", "150,528", "0.01", "9.8 × 10⁻⁴", "1 × 10⁻⁵"]);
});

test("a line too long is broken and says the same", () => {
  const line = 'error = F.binary_cross_entropy(x_hat, x, reduction="sum") / len(x)';
  for (const most of [40, 52, 60]) {
    const pieces = broken(line, most);
    assert.ok(pieces.length > 1 && pieces.every((piece) => piece.length <= most), pieces.join("\n"));
    assert.equal(pieces.join("").replaceAll(" ", ""), line.replaceAll(" ", ""));
  }
  assert.deepEqual(broken(line, 80), [line]);
});

test("nothing overlaps, on a desk and on a phone", () => {
  for (const width of [240, 319, 559, 560, 766]) {
    const { code, axis, top, rows, cell, left, pitch, height } = arrange(width);
    assert.ok(code.y + code.height < axis.y - 40 && axis.y + 28 < top - 5);
    assert.ok(rows[0].y >= top && rows[0].y + cell < rows[1].y && rows[2].y + cell < height && pitch > cell);
    assert.ok(left + 9 * pitch + cell <= width);
  }
});

/** A lab of two losses that were found, and what it asks of its host. */
function bench() {
  /** @type {Record<string, unknown>[]} */
  const asked = [];
  const member = { beta: 1, rate: 2, distortion: 3, active: 4, units: 5, drawn: 1 };
  const spec = {
    controls: [{ options: ["your own", "one", "two"] }, ...Array(4).fill({ options: [] }), { options: ["1", "2"] }],
    found: { one: ["a", "b", "c"], two: ["d", "e", "f"] },
    settings: { one: { weight: 0, kl: 0 }, two: { weight: 1, kl: 1 } },
    code: { error: [["e"], ["e"]], kl: "k", loss: ["l", "m"] },
    pixels: [784], counts: [[2], [1]], weights: [1, 2], models: [[member], [member]], images: 0,
  };
  const read = () => new Uint8Array(20 * 392);
  const host = { take: (/** @type {Record<string, unknown>} */ values) => asked.push(values), redraw() {} };
  const lab = create(/** @type {any} */ (spec), /** @type {any} */ (read), host);
  const zero = { error: 0, over: 0, kl: 0, weight: 0, size: 0, units: 0, batch: 0 };
  return { paint: (/** @type {Values} */ values) => lab.paint(scribe().pen, { ...zero, ...values }, 766), asked };
}

test("a found loss sets the others; another that is changed makes it your own", () => {
  const { paint, asked } = bench();
  paint({ found: 1 });
  assert.deepEqual(asked, [], "as it begins nothing is asked");
  const { summary } = paint({ found: 2 });
  assert.deepEqual(asked.splice(0), [{ weight: 1, kl: 1 }]);
  assert.match(summary, /^two: .*2 \* m/, "and what is painted is that loss already");
  paint({ found: 2, weight: 1, kl: 1 });
  assert.deepEqual(asked, []);
  assert.match(paint({ found: 2, weight: 0, kl: 1 }).summary, /^your own/);
  assert.deepEqual(asked.splice(0), [{ found: 0 }]);
  paint({ found: 0, weight: 0, kl: 1 });
  assert.match(paint({ found: 0, weight: 1, kl: 1 }).summary, /^two/);
  assert.deepEqual(asked.splice(0), [{ found: 2 }], "what is as one of them again is called so again");
  paint({ found: 2, weight: 1, kl: 1 });
  paint({ found: 0, weight: 1, kl: 1 });
  assert.deepEqual(asked, [], "but who chooses “your own” has it");
});

test("an address may name a found loss alone", () => {
  const { paint, asked } = bench();
  paint({ found: 2 });
  assert.deepEqual(asked, [{ weight: 1, kl: 1 }]);
});
