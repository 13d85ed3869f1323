import assert from "node:assert/strict";
import { test } from "node:test";
import * as manifold from "../../vae_core/labs/js/manifold.mjs";
import { arrangeChooser } from "../../vae_core/labs/js/chooser.mjs";
import * as colour from "../../vae_core/labs/js/colour.mjs";
import * as posterior from "../../vae_core/labs/js/posterior.mjs";

const WIDTHS = [240, 309, 343, 519, 520, 559, 560, 640, 686, 768];

test("ManifoldLab: everything inside, nothing on top of anything, at every width", () => {
  for (const width of WIDTHS) {
    const [left, right] = manifold.arrange(width);
    for (const { x, y, side, digit, bottom } of [left, right]) {
      assert.ok(x > 0 && side > 60 && x + side < width && digit.x + digit.size < width, `sides at ${width}`);
      assert.ok(digit.x >= x + side || digit.y + digit.size <= y - 20, `digit on plane at ${width}`);
      assert.ok(y + side <= bottom, `plane below the canvas at ${width}`);
    }
    assert.ok(right.x >= left.x + left.side || right.y >= left.bottom - 1, `planes overlap at ${width}`);
  }
});

test("PosteriorLab: everything inside, nothing on top of anything, at every width and for many units", () => {
  for (const width of WIDTHS) {
    for (const units of [1, 2, 10, 20, 50]) {
      const { narrow, input, decoded, bars, draws, sum, height } = posterior.arrange(width, units, 20);
      const { places, bottom } = arrangeChooser(width, 20);
      const say = `at ${width} with ${units} units`;
      places.forEach(({ x, y, width: wide }, i) => {
        assert.ok(x >= 0 && x + wide <= width && y + wide <= bottom && wide >= (width < 300 ? 18 : 24), `choices ${say}`);
        assert.ok(i === 0 || x >= places[i - 1].x + wide || y >= places[i - 1].y + wide, `choices apart ${say}`);
      });
      assert.ok(bottom + 20 < Math.min(input.y, decoded.y, bars.y), `choices ${say}`);
      assert.ok(input.x >= 0 && input.x + input.size < decoded.x && decoded.x + decoded.size < width, `digits ${say}`);
      assert.ok(bars.width > 100 && bars.x + bars.width + 40 <= (narrow ? width : decoded.x), `bars ${say}`);
      assert.ok(Math.max(bars.y + bars.height + 20, decoded.y + decoded.size) < sum.y - 24 && sum.x + sum.width + 50 < width, `sum ${say}`);
      assert.ok((posterior.DRAWS - 1) * draws.step + draws.cell < width && sum.y + sum.height + 30 < draws.y && draws.y + draws.cell < height, `draws ${say}`);
      const lower = posterior.arrange(width, units, 20, true).sum.y; // for a line more above it
      assert.ok(Math.max(bars.y + bars.height + 20, decoded.y + decoded.size) < lower - 42, `another loss ${say}`);
    }
  }
});

test("ColourLab: everything inside, nothing on top of anything, at every width and for as many images as there may be", () => {
  for (const width of WIDTHS) {
    for (const count of [1, 10, 20]) {
      const { narrow, tops, said, bars, walk, knob, cloud, prior, height } = colour.arrange(width, count);
      const { bottom } = arrangeChooser(width, count), say = `at ${width} with ${count} images`;
      tops.forEach(({ x, size }, i) => assert.ok(x >= 0 && x + size <= width && (i === 0 || x >= tops[i - 1].x + tops[i - 1].size + 3), `pictures ${say}`));
      const foot = tops[0].y + tops[0].size;
      assert.ok(bottom + 22 < tops[0].y && foot + 14 < said, `rows ${say}`);
      assert.ok(bars.width > 150 && bars.x + bars.width <= width && (narrow ? bars.y - 24 > said : bars.x > tops[2].x + tops[2].size && bars.y + bars.height + 15 < walk.y - 20), `units ${say}`);
      assert.ok(Math.max(said, narrow ? bars.y + bars.height + 16 : 0) + 14 < walk.y - 8, `traversal ${say}`);
      for (const [row, many] of [[walk, 2 * colour.REACH + 1], [cloud, colour.DRAWS], [prior, colour.DRAWS]]) {
        assert.ok(row.step > row.cell && row.cell > 20 && 1 + (many - 1) * row.step + row.cell <= width, `row of ${many} ${say}`);
      }
      assert.ok(walk.y + walk.cell + 9 < knob && knob + 9 < cloud.y - 22 && cloud.y + cloud.cell + 22 < prior.y && prior.y + prior.cell < height, `rows below ${say}`);
    }
  }
});

test("the nearest code", () => {
  const { index, distance } = manifold.nearest(Float32Array.from([0, 0, 3, 4, -1, 0]), 3, 3);
  assert.equal(index, 1);
  assert.equal(distance, 1);
});
