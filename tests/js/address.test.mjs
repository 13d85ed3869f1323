import assert from "node:assert/strict";
import { test } from "node:test";
import { readAddress, writeAddress } from "../../vae_core/labs/js/address.mjs";
import { playedTo } from "../../vae_core/labs/js/play.mjs";

const controls = [
  { kind: "slider", name: "z1", min: -3, max: 3, step: 0.02 },
  { kind: "choice", name: "show", options: ["dots", "grid", "both"] },
  { kind: "press", name: "draw" },
  { kind: "state", name: "sketch" },
];
const home = { z1: 0.4, show: 0, draw: 0, sketch: null };

test("what is not as it began is written, and read again", () => {
  const hash = writeAddress("", "ManifoldLab", { z1: -1.24, show: 2, draw: 0, sketch: null }, home);
  assert.equal(hash, "#ManifoldLab~z1=-1.24~show=2");
  assert.deepEqual(readAddress(hash, "ManifoldLab", controls), { z1: -1.24, show: 2 });
});

test("labs share an address; each has its own part, also two of one kind", () => {
  let hash = writeAddress("#a-heading", "PosteriorLab", { z1: 1 }, { z1: 0 });
  hash = writeAddress(hash, "PosteriorLab.2", { z1: 2 }, { z1: 0 });
  assert.equal(hash, "#PosteriorLab~z1=1&PosteriorLab.2~z1=2");
  hash = writeAddress(hash, "PosteriorLab", { z1: 3 }, { z1: 0 });
  assert.equal(readAddress(hash, "PosteriorLab", controls).z1, 3);
  assert.equal(readAddress(hash, "PosteriorLab.2", controls).z1, 2);
  assert.equal(writeAddress(writeAddress(hash, "PosteriorLab", { z1: 0 }, { z1: 0 }), "PosteriorLab.2", { z1: 0 }, { z1: 0 }), "#");
});

test("a value is brought to its slider's step", () => {
  assert.deepEqual(readAddress("#L~z1=0.333333", "L", controls), { z1: 0.34 });
});

for (const bad of ["z1=4", "z1=NaN", "z1=", "z1", "z1=1e999", "z1=0x", "show=3", "show=0.5", "show=-1", "draw=-1", "draw=1e9", "sketch=1", "z9=1", "", "__proto__=1"]) {
  test(`an address that cannot be is ignored as a whole: ${bad || "nothing"}`, () => {
    assert.equal(readAddress(`#L~show=1~${bad}`, "L", controls), null);
  });
}

test("an address of headings or of other labs says nothing", () => {
  for (const hash of ["", "#", "#the-question", "#Other~z1=1", "#Lab"]) assert.equal(readAddress(hash, "L", controls), null);
});

test("a slider plays from where it stands to its end in the seconds it was given", () => {
  const slider = { min: 0, max: 10, play: 5 };
  assert.deepEqual([0, 1, 2.5, 5, 60].map((seconds) => playedTo(slider, 0, seconds)), [0, 2, 5, 10, 10]);
  assert.equal(playedTo(slider, 4, 1), 6);
});
