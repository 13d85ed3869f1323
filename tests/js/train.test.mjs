import assert from "node:assert/strict";
import { test } from "node:test";
import { multiply, multiplyFew } from "../../vae_core/labs/js/tiles.mjs";
import { normals, Random } from "../../vae_core/labs/js/random.mjs";
import { Run, Vae } from "../../vae_core/labs/js/train.mjs";
import { Session } from "../../vae_core/labs/js/session.mjs";
import { unpackFour } from "../../vae_core/labs/js/four.mjs";
import { createTrainer, floatsOf, toBase64 } from "../../vae_core/labs/js/trainer.mjs";

const SETTINGS = {
  latent: 2, hidden: 8, activation: "tanh", likelihood: "bernoulli", sigma: 0.2, batch: 16, seed: 5,
  beta: 1, lr: 0.003, sample: true, warmup: 0, free: 0, bug: "",
};
const PIXELS = 196;
const images = (count, seed) => {
  const random = new Random(seed);
  return Uint8Array.from({ length: count * PIXELS }, () => 255 * random.uniform());
};
const trained = (settings, steps) => {
  const run = new Run({ ...SETTINGS, ...settings }, images(64, 1));
  for (let i = 0; i < steps; i++) run.advance();
  return run;
};

test("tiles give what one sum after another gives, to the bit, at every remainder of four, turned or not", () => {
  const random = new Random(2);
  const numbers = (count) => random.normals(new Float64Array(count));
  for (let m = 1; m <= 9; m++) {
    for (let n = 1; n <= 9; n++) {
      const depth = 5, a = numbers(m * depth), b = numbers(n * depth);
      for (const [down, along] of [[depth, 1], [1, m]]) {
        for (const [across, beside] of [[depth, 1], [1, n]]) {
          const [blocks, plain] = [new Float64Array(m * n), new Float64Array(m * n)];
          multiply(blocks, a, b, m, n, depth, down, along, across, beside);
          multiplyFew(plain, a, b, m, n, depth, down, along, across, beside);
          assert.deepEqual(blocks, plain);
        }
      }
    }
  }
});

test("where WebAssembly is refused a run is the same, to the bit", async () => {
  const build = new Function("WebAssembly", `${await engineText()}\nreturn Run;`);
  const weights = [globalThis.WebAssembly, undefined].map((offered) => {
    const run = new (build(offered))({ ...SETTINGS, latent: 5, batch: 30 }, images(64, 1));
    for (let i = 0; i < 5; i++) run.advance();
    return run.model.weights;
  });
  assert.deepEqual(weights[0], weights[1]);
});

test("in a browser whose exp and tanh are another in the last bit, a run ends in the same place", async () => {
  const text = await engineText();
  const another = (f) => {
    let calls = 0;
    return (x) => f(x) * (1 + ((calls++ % 3) - 1) * Number.EPSILON);
  };
  const { exp, tanh, log, sin, cos } = Math;
  const theirs = Object.fromEntries(Object.entries({ exp, tanh, log, sin, cos }).map(([name, f]) => [name, another(f)]));
  const math = Object.assign(Object.create(Math), theirs);
  const [here, there] = [Math, math].map((given) => {
    const run = new (new Function("Math", `${text}\nreturn Run;`)(given))(SETTINGS, images(64, 1));
    for (let i = 0; i < 300; i++) run.advance();
    return run;
  });
  const apart = Math.max(...here.model.weights.map((weight, i) => Math.abs(weight - there.model.weights[i])));
  assert.ok(apart > 0 && apart < 1e-9, String(apart));
});

test("the noise is that of the other labs, and of Python", () => {
  const random = new Random(7), parts = new Float64Array(5);
  random.normals(parts.subarray(0, 3)); // an odd number: the half of a pair that is left comes next
  random.normals(parts.subarray(3));
  assert.deepEqual(parts, normals(7, 5));
});

test("every image comes once before any comes again", () => {
  const run = new Run(SETTINGS, images(64, 1));
  for (let epoch = 0; epoch < 3; epoch++) {
    const seen = new Set();
    for (let step = 0; step < 4; step++) {
      run.draw();
      run.order.subarray(run.next - 16, run.next).forEach((i) => seen.add(i));
    }
    assert.equal(seen.size, 64);
  }
});

test("a seed says everything, to the last bit; another says something else", () => {
  const [one, again, other] = [trained({}, 40), trained({}, 40), trained({ seed: 6 }, 40)];
  assert.deepEqual(one.model.weights, again.model.weights);
  assert.notDeepEqual(one.model.weights, other.model.weights);
  const watched = new Session(() => {}, 40, 0); // and to be looked at changes nothing
  watched.receive({ call: "begin", values: [SETTINGS, { train: images(64, 1), test: images(20, 2) }], id: 0 });
  for (let i = 0; i < 40; i++) watched.receive({ call: "step", values: [1], id: 0 });
  assert.deepEqual(watched.run.model.weights, one.model.weights);
});

test("a batch larger than all images is all of them", () => {
  const run = new Run({ ...SETTINGS, batch: 256 }, images(20, 1));
  for (let i = 0; i < 3; i++) run.advance();
  assert.deepEqual([run.batch, run.failed], [20, null]);
});

test("warm-up raises β step by step", () => {
  const asked = [];
  const run = new Run({ ...SETTINGS, warmup: 4, beta: 2 }, images(64, 1));
  const { learn } = run.model;
  run.model.learn = (...given) => {
    asked.push(given[3].beta);
    return learn.apply(run.model, given);
  };
  for (let i = 0; i < 6; i++) run.advance();
  assert.deepEqual(asked, [0.5, 1, 1.5, 2, 2, 2]);
});

test("a run that diverges stops, and says which number, when, and what to lower", () => {
  const wild = trained({ activation: "relu", lr: 30 }, 200);
  assert.ok(wild.failed && wild.failed.step === wild.step && wild.step > 1 && wild.step < 200);
  assert.deepEqual([wild.failed.lower, ["rate", "distortion"].includes(wild.failed.name)], ["lr", true]);
  const before = wild.model.weights.slice();
  wild.advance();
  assert.deepEqual(wild.model.weights, before);
  const broken = trained({}, 3);
  broken.model.weights.fill(NaN);
  broken.advance();
  assert.deepEqual(broken.failed, { name: "rate", step: 4, lower: "lr" });
  const signed = trained({ bug: "sign of the KL" }, 5000);
  assert.deepEqual([signed.failed?.name, signed.failed?.lower], ["rate", "bug"]);
});

test("ordinary runs stay far from that", () => {
  for (const settings of [{ beta: 100 }, { beta: 0, lr: 0.03 }, { likelihood: "gaussian", sigma: 0.5 }, { bug: "images in 0…255" }, { hidden: 0, latent: 16 }]) {
    assert.equal(trained(settings, 100).failed, null, JSON.stringify(settings));
  }
});

test("weights of another network are refused", () => {
  assert.throws(() => new Vae(SETTINGS, PIXELS, 4).load([1, 2, 3]), /3 weights for a network of \d+/);
});

/** A session, and what it posts. */
function watched(settings = {}, size = 20) {
  const states = [], answers = [];
  const session = new Session((message) => (message.state ? states.push(message.state) : answers.push(message)), 5, 0);
  const tell = (call, ...values) => session.receive({ call, values, id: 9 });
  tell("begin", { ...SETTINGS, ...settings }, { train: images(64, 1), test: images(size, 2) });
  return { session, states, answers, tell, last: () => states[states.length - 1] };
}

test("a state holds what the plane, the grid and the curves need", () => {
  for (const [latent, cells, units] of [[1, 13, 1], [2, 169, 2], [8, 169, 2]]) {
    const { last, tell, states } = watched({ latent });
    assert.equal(states.length, 1); // untrained, before anybody starts
    tell("step", 3);
    const state = last();
    assert.deepEqual([state.step, state.running, state.failed], [3, false, null]);
    assert.equal(state.grid.length, cells * PIXELS);
    assert.deepEqual([state.reconstructions.length, state.draws.length], [10 * PIXELS, 10 * PIXELS]);
    assert.deepEqual([state.mean.length, state.std.length, state.kl.length, state.units.length], [40, 40, latent, units]);
    assert.deepEqual(states.flatMap((one) => one.new).map(({ step }) => step), [0, 3]);
    assert.ok(Math.abs(state.kl.reduce((a, b) => a + b) - state.test.rate) < 1e-6);
  }
});

test("settings change while it trains; the reach of the grid is for whoever looks", () => {
  const { session, last, tell, states } = watched({ latent: 4 });
  tell("set", { beta: 3, bug: "ELBO at the mean" });
  assert.equal(session.run.settings.beta, 3);
  assert.notEqual(last().reported.distortion, last().test.distortion);
  const grid = last().grid;
  tell("look", 1);
  assert.notDeepEqual(last().grid, grid);
  tell("restart", { ...SETTINGS, latent: 1 });
  assert.deepEqual(last().units, [0]); // another is not there
  assert.equal(states.flatMap((one) => one.new).length, 2); // a look draws no point
});

test("it answers: codes of an image, weights, and it takes them back", () => {
  const { answers, tell, last } = watched();
  tell("step", 5);
  tell("encode", new Float32Array(PIXELS).fill(0.5));
  tell("weights");
  const [{ value: code }, { value: weights }] = answers;
  assert.equal(code.mean.length, 2);
  assert.ok(code.logVar.every(Number.isFinite));
  const before = last().test;
  tell("restart", SETTINGS);
  tell("load", floatsOf(toBase64(weights)), SETTINGS);
  assert.equal(last().step, 0);
  assert.ok(Math.abs(last().test.distortion - before.distortion) < 1e-4);
  assert.throws(() => tell("fly"), /no fly/);
});

const until = async (condition) => {
  for (let round = 0; !condition(); round++) {
    assert.ok(round < 20_000, `never: ${condition}`); // some two minutes: a test that waits for ever says nothing
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
};

test("every run is measured at the same early steps, however fast it goes", async () => {
  const { session, tell, states } = watched();
  tell("start");
  await until(() => session.run.step > 60);
  tell("pause");
  const seen = new Set(states.flatMap((one) => one.new.map(({ step }) => step)));
  for (const step of [0, 1, 2, 5, 10, 20, 50]) assert.ok(seen.has(step), `${step} is not among ${[...seen]}`);
});

test("it runs until it is paused, no faster than it is asked to", async () => {
  const { session, tell, last } = watched();
  tell("start", 20);
  await until(() => session.run.step >= 3);
  const took = performance.now() - session.since;
  assert.ok(session.run.step <= (20 * took) / 1000 + 2);
  tell("start", Infinity);
  await until(() => session.run.step >= 50);
  assert.ok(last().running);
  tell("pause");
  const stopped = session.run.step;
  assert.deepEqual([last().step, last().running], [stopped, false]);
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setTimeout(resolve));
  assert.equal(session.run.step, stopped);
});

test("a run that fails stops by itself and says so", async () => {
  const { tell, last } = watched({ activation: "relu", lr: 30 });
  tell("start");
  await until(() => last().failed);
  assert.equal(last().running, false);
  tell("start"); // and does not go on
  assert.equal(last().running, false);
});

// ---- the page's side ----

/** session.mjs and all that it imports, as bundle.py joins them. */
const engineText = async () => {
  const { readFileSync } = await import("node:fs");
  const texts = new Map();
  const collect = (name) => {
    const text = readFileSync(new URL(`../../vae_core/labs/js/${name}`, import.meta.url), "utf8");
    for (const [, other] of text.matchAll(/^import .* from "\.\/(.*)";$/gm)) collect(other);
    texts.set(name, text);
  };
  collect("session.mjs");
  return [...texts.values()].join("").replace(/^import .*\n/gm, "").replace(/^export /gm, "");
};

/** A worker of this process, as a page has it, or one that a page is refused. */
function fakeWorkers(refused) {
  const made = [];
  globalThis.Worker = class {
    constructor(url) {
      if (refused === "at once") throw new Error("SecurityError");
      made.push(this);
      this.inbox = [];
      if (refused === "later") setTimeout(() => this.onerror?.({}), 5);
      else {
        this.ready = fetch(url).then((answer) => answer.text()).then((text) => {
          const scope = { postMessage: (data) => setTimeout(() => this.onmessage?.({ data })) };
          new Function("self", text)(scope);
          this.scope = scope;
          this.inbox.splice(0).forEach((data) => scope.onmessage({ data }));
        });
      }
    }
    postMessage(data) {
      if (this.scope) this.scope.onmessage({ data: structuredClone(data) });
      else this.inbox.push(structuredClone(data));
    }
    terminate() {
      this.scope.onmessage({ data: { call: "pause", values: [], id: 0 } });
      this.gone = true;
    }
  };
  return made;
}

for (const refused of [null, "at once", "later"]) {
  test(`the same in a worker, and on the page where one is refused${refused ? ` ${refused}` : ""}`, async () => {
    const made = fakeWorkers(refused);
    const states = [];
    const trainer = createTrainer(await engineText(), SETTINGS, { train: images(64, 1), test: images(20, 2) }, (state) => states.push(state));
    trainer.step(5);
    await until(() => states.length && states[states.length - 1].step === 5);
    const weights = await trainer.weights();
    assert.deepEqual(weights.subarray(0, -1), Float32Array.from(trained({}, 5).model.weights).subarray(0, -1));
    assert.equal((await trainer.encode(new Float32Array(PIXELS))).mean.length, 2);
    trainer.start();
    await until(() => states[states.length - 1].step > 20);
    trainer.close();
    assert.equal(made.length, refused === "at once" ? 0 : 1);
    if (!refused) assert.ok(made[0].gone);
  });
}

test("two pixels come in a byte, the higher four bits first", () => {
  assert.deepEqual([...unpackFour([0x0f, 0xa0])], [0, 255, 170, 0]);
});
