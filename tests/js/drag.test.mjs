import assert from "node:assert/strict";
import { test } from "node:test";
import { followDrags, followPresses } from "../../vae_core/labs/js/drag.mjs";

/** A canvas of 300 × 200 shown at 150 × 100, with these handles; where drags took them is in `taken`. */
function stage(...handles) {
  const taken = [], held = new Set(), stopping = new AbortController();
  const canvas = Object.assign(new EventTarget(), {
    style: {}, top: 20,
    getBoundingClientRect: () => ({ left: 10, top: canvas.top, width: 150, height: 100 }),
    setPointerCapture: (id) => held.add(id),
    hasPointerCapture: (id) => held.has(id),
  });
  const all = (handles.length ? handles : [{ x: 100, y: 50 }]).map((handle) => ({ axis: "xy", move: (x, y) => ({ to: [x, y] }), ...handle }));
  followDrags(canvas, () => [300, 200], () => all, (values) => taken.push(values.to), stopping.signal);
  const send = (type, pointerId, x = 60, y = 45, more = {}) => {
    const event = Object.assign(new Event(type, { cancelable: true }), { pointerId, pointerType: "touch", isPrimary: true, button: 0, clientX: x, clientY: y, pageX: x, pageY: y, ...more });
    canvas.dispatchEvent(event);
    return event;
  };
  return { canvas, taken, held, send, stop: () => stopping.abort() };
}

test("a drag is told in the picture's pixels, however small it is shown", () => {
  const { taken, held, send } = stage();
  send("pointerdown", 4, 60, 45);
  send("pointermove", 4, 85, 70);
  send("pointerup", 4);
  send("pointermove", 4, 100, 70);
  assert.deepEqual(taken, [[150, 100]]);
  assert.deepEqual([...held], [4]);
});

test("taken beside its middle, a handle does not jump", () => {
  const { taken, send } = stage();
  send("pointerdown", 4, 65, 50);
  assert.deepEqual(taken, []);
  send("pointermove", 4, 66, 50);
  assert.deepEqual(taken, [[102, 50]]);
});

test("a picture that moves below the hand moves no handle", () => {
  const { canvas, taken, send } = stage();
  send("pointerdown", 4, 60, 45);
  canvas.top = 37;
  send("pointermove", 4, 66, 45);
  assert.deepEqual(taken, [[112, 50]]);
});

test("a finger reaches 22 pixels of the screen, and the nearest handle is taken; a box is within reach all over", () => {
  const { taken, send } = stage({ x: 100, y: 50 }, { x: 120, y: 50, move: () => ({ to: "second" }) }, { x: 290, y: 190, box: { x: 200, y: 180, width: 90, height: 20 }, move: () => ({ to: "third" }) });
  for (const [x, y] of [[60, 66], [68, 45], [112, 115], [60, 90]]) {
    send("pointerdown", 4, x, y);
    send("pointermove", 4, x, y);
    send("pointerup", 4);
  }
  assert.deepEqual(taken, [[100, 50], "second", "third"]);
});

test("what goes only sideways is not moved by a finger that scrolls, and then goes from where it was taken", () => {
  const { taken, send } = stage({ x: 100, y: 50, axis: "x" });
  send("pointerdown", 4, 60, 45);
  send("pointermove", 4, 61, 80);
  assert.deepEqual(taken, []);
  send("pointermove", 4, 62, 80);
  send("pointermove", 4, 60, 80);
  assert.deepEqual(taken, [[104, 120], [100, 120]]);
});

test("what is pressed is chosen where a pointer goes down and up on the same", () => {
  const { canvas, send } = stage({ x: 290, y: 190 });
  const spots = [0, 1].map((index) => ({ box: { x: 100 * index, y: 0, width: 90, height: 90 }, choice: "digit", index }));
  const chosen = [], stopping = new AbortController();
  followPresses(canvas, () => [300, 200], () => spots, ({ index }) => chosen.push(index), stopping.signal);
  for (const [from, to] of [[20, 30], [20, 70], [70, 70], [58, 58], [70, 58]]) { // a press, a drag, a press, between the two
    send("pointerdown", 4, from, 30);
    send("click", 4, to, 30);
  }
  assert.deepEqual(chosen, [0, 1]);
  stopping.abort();
  send("pointerdown", 4, 20, 30);
  send("click", 4, 20, 30);
  assert.deepEqual(chosen, [0, 1]);
});

test("a mouse may press a handle's track, and a finger tap there, but not swipe", () => {
  const track = { x: 0, y: 0, width: 300, height: 200 };
  const { taken, send } = stage({ x: 100, y: 50, track });
  send("pointerdown", 4, 140, 100);
  assert.deepEqual(taken, []);
  send("pointerdown", 1, 140, 100, { pointerType: "mouse" });
  send("pointermove", 1, 141, 100, { pointerType: "mouse" });
  assert.deepEqual(taken, [[260, 160], [262, 160]]);
  send("pointerup", 1, 141, 100, { pointerType: "mouse" });
  const tap = (/** @type {string} */ end, /** @type {number} */ x) => {
    send("pointerdown", 5, 140, 100);
    send(end, 5, x, 100);
    send("pointerup", 5, x, 100);
  };
  tap("pointerup", 150);
  tap("pointercancel", 141);
  assert.equal(taken.length, 2);
  tap("pointermove", 141);
  assert.deepEqual(taken[2], [262, 160]);
});

test("a finger on a handle that moves both ways does not scroll the page; on one that moves to the side it may", () => {
  const { send } = stage({ x: 100, y: 50 }, { x: 260, y: 150, axis: "x" });
  const on = (x, y) => send("touchstart", 4, x, y, { touches: [{ clientX: x, clientY: y }] }).defaultPrevented;
  assert.deepEqual([on(60, 45), on(140, 95), on(10, 110)], [true, false, false]);
});

test("other pointers neither move, nor end, nor take over a drag", () => {
  const { taken, send } = stage();
  send("pointerdown", 4, 60, 45);
  send("pointermove", 1, 90, 45, { pointerType: "mouse" });
  send("pointerdown", 5, 90, 45, { isPrimary: false });
  send("pointerdown", 1, 90, 45, { pointerType: "mouse" });
  for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) send(end, 5);
  send("pointermove", 4, 61, 45);
  assert.deepEqual(taken, [[102, 50]]);
});

for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) {
  test(`${end} ends a drag, and the next may begin`, () => {
    const { taken, send } = stage();
    send("pointerdown", 4, 60, 45);
    send(end, 4);
    send("pointermove", 4, 90, 45);
    assert.equal(taken.length, 0);
    send("pointerdown", 7, 60, 45);
    send("pointermove", 7, 60, 45);
    assert.deepEqual(taken, [[100, 50]]);
  });
}

test("a capture that is gone without a word ends a drag", () => {
  const { taken, held, send } = stage();
  send("pointerdown", 4, 60, 45);
  held.clear();
  send("pointermove", 4, 90, 45);
  held.add(4);
  send("pointermove", 4, 90, 45);
  assert.equal(taken.length, 0);
});

test("stopped, it follows nothing", () => {
  const { taken, send, stop } = stage();
  stop();
  send("pointerdown", 4, 60, 45);
  send("pointermove", 4, 80, 45);
  assert.equal(taken.length, 0);
});
