import assert from "node:assert/strict";
import { test } from "node:test";
import { followDrags } from "../../vae_core/labs/js/drag.mjs";

/** A canvas of 300 × 200 shown at 150 × 100, everything on it to be dragged; what the drags took is in `taken`. */
function stage() {
  const taken = [], held = new Set(), stopping = new AbortController();
  const canvas = Object.assign(new EventTarget(), {
    style: {},
    getBoundingClientRect: () => ({ left: 10, top: 20, width: 150, height: 100 }),
    setPointerCapture: (id) => held.add(id),
  });
  followDrags(canvas, () => [300, 200], (x, y) => (px, py) => ({ from: [x, y], to: [px, py] }), (values) => taken.push(values.to), stopping.signal);
  const send = (type, pointerId, x = 10, y = 20, more = {}) =>
    canvas.dispatchEvent(Object.assign(new Event(type), { pointerId, pointerType: "touch", isPrimary: true, button: 0, clientX: x, clientY: y, ...more }));
  return { canvas, taken, held, send, stop: () => stopping.abort() };
}

test("a drag is told in the picture's pixels, however small it is shown", () => {
  const { taken, held, send } = stage();
  send("pointerdown", 4, 60, 45);
  send("pointermove", 4, 85, 70);
  send("pointerup", 4);
  send("pointermove", 4, 100, 70);
  assert.deepEqual(taken, [[100, 50], [150, 100]]);
  assert.deepEqual([...held], [4]);
});

test("other pointers neither move, nor end, nor take over a drag", () => {
  const { taken, send } = stage();
  send("pointerdown", 4, 60, 45);
  send("pointermove", 1, 90, 45, { pointerType: "mouse" });
  send("pointerdown", 5, 90, 45, { isPrimary: false });
  send("pointerdown", 1, 90, 45, { pointerType: "mouse" });
  for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) send(end, 5);
  send("pointermove", 4, 61, 45);
  assert.deepEqual(taken, [[100, 50], [102, 50]]);
});

for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) {
  test(`${end} ends a drag, and the next may begin`, () => {
    const { taken, send } = stage();
    send("pointerdown", 4, 60, 45);
    send(end, 4);
    send("pointermove", 4, 90, 45);
    assert.equal(taken.length, 1);
    send("pointerdown", 7, 10, 20);
    assert.deepEqual(taken.at(-1), [0, 0]);
  });
}

test("stopped, it follows nothing", () => {
  const { taken, send, stop } = stage();
  stop();
  send("pointerdown", 4, 60, 45);
  assert.equal(taken.length, 0);
});
