// Dragging by mouse, pen or finger: from a handle, and relative to where it was taken; a finger's tap on a track is a press
// there. And pressing what stands for a choice.

const FINGER = 22; // pixels on the screen around a handle's middle: what a finger needs
const SIDEWAYS = 3; // pixels before what only goes sideways moves: a finger that scrolls begins with less
const TAP = 8; // pixels that a finger may slip and still have tapped

/**
 * What is to be taken hold of at this place: the nearest handle within reach, or in whose box it lies.
 * @param {Handle[]} handles @param {number} x @param {number} y @param {number} reach
 */
export function handleAt(handles, x, y, reach) {
  let least = Infinity;
  /** @type {Handle | null} */
  let nearest = null;
  for (const handle of handles) {
    const away = Math.hypot(x - handle.x, y - handle.y);
    if ((away <= reach || inside(handle.box, x, y)) && away < least) [nearest, least] = [handle, away];
  }
  return nearest;
}

/** @param {Box | undefined} box @param {number} x @param {number} y */
const inside = (box, x, y) => box !== undefined && x >= box.x && x <= box.x + box.width && y >= box.y && y <= box.y + box.height;

/** Where on the picture, and how far a finger reaches there. @param {HTMLCanvasElement} canvas @param {number[]} size @param {{clientX: number, clientY: number}} event */
function placeOn(canvas, [width, height], { clientX, clientY }) {
  const box = canvas.getBoundingClientRect();
  return { x: ((clientX - box.left) * width) / box.width, y: ((clientY - box.top) * height) / box.height, reach: (FINGER * width) / box.width };
}

/**
 * Choose what is pressed: where a mouse or a finger goes down and up again. A keyboard has the menu.
 * @param {HTMLCanvasElement} canvas @param {() => number[]} size @param {() => Spot[]} spots @param {(spot: Spot) => void} choose @param {AbortSignal} signal
 */
export function followPresses(canvas, size, spots, choose, signal) {
  let down = -1;
  /** @param {{clientX: number, clientY: number}} event */
  const under = (event) => {
    const { x, y } = placeOn(canvas, size(), event);
    return spots().findIndex(({ box }) => inside(box, x, y));
  };
  canvas.addEventListener("pointerdown", (event) => (down = under(event)), { signal });
  canvas.addEventListener("pointermove", (event) => under(event) >= 0 && (canvas.style.cursor = "pointer"), { signal });
  canvas.addEventListener("click", (event) => down >= 0 && down === under(event) && choose(spots()[down]), { signal });
}

/**
 * Draw by mouse, pen or finger on a pad, which is told each place of it, and when the pen is lifted. A line ends where it leaves the
 * pad; where it comes back another begins.
 * @param {HTMLCanvasElement} canvas @param {() => number[]} size @param {() => Pad[]} pads @param {AbortSignal} signal
 */
export function followInk(canvas, size, pads, signal) {
  let held = -1;
  /** @type {Pad | undefined} */
  let last; // on which the pen was just now
  const on = (/** @type {{clientX: number, clientY: number}} */ event) => {
    const { x, y } = placeOn(canvas, size(), event);
    return { x, y, pad: pads().find(({ box }) => inside(box, x, y)) };
  };
  canvas.addEventListener("pointerdown", (event) => {
    const { x, y, pad } = on(event);
    if (!pad || !event.isPrimary || event.button !== 0) return;
    held = event.pointerId;
    canvas.setPointerCapture(held);
    pad.ink(x, y, true);
    last = pad;
  }, { signal });
  canvas.addEventListener("pointermove", (event) => {
    const inked = event.pointerId === held ? (event.getCoalescedEvents?.() ?? []) : [];
    for (const each of inked.length ? inked : [event]) {
      const { x, y, pad } = on(each);
      if (each.pointerId === held) {
        pad?.ink(x, y, !last);
        last = pad;
      } else if (pad) canvas.style.cursor = "crosshair";
    }
  }, { signal });
  for (const end of /** @type {const} */ (["pointerup", "pointercancel", "lostpointercapture"])) {
    canvas.addEventListener(end, (event) => {
      if (event.pointerId !== held) return;
      held = -1;
      for (const { lift } of pads()) lift?.();
    }, { signal });
  }
  canvas.addEventListener("touchstart", (event) => event.touches.length === 1 && on(event.touches[0]).pad && event.preventDefault(), { signal, passive: false });
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {() => number[]} size  of the picture on the canvas, which may be shown smaller: [width, height]
 * @param {() => Handle[]} handles  where they are now
 * @param {(values: Values) => void} take  is given what a drag makes of the values
 * @param {AbortSignal} signal  ends it all when aborted
 */
export function followDrags(canvas, size, handles, take, signal) {
  /** @type {{handle: Handle, at: {x: number, y: number}, from: PointerEvent, moved: boolean} | null} */
  let grip = null;
  let held = 0; // the pointer that drags: no other has a say until it ends
  /** @type {PointerEvent | null} */
  let tapped = null;
  /** @param {{clientX: number, clientY: number}} event */
  const place = (event) => placeOn(canvas, size(), event);
  /** @param {{clientX: number, clientY: number}} event */
  const under = (event) => {
    const { x, y, reach } = place(event);
    return handleAt(handles(), x, y, reach);
  };
  /** What a mouse may press anywhere: the handle jumps there. @param {{clientX: number, clientY: number}} event */
  const track = (event) => {
    const { x, y } = place(event);
    return handles().find((handle) => inside(handle.track, x, y)) ?? null;
  };
  /** @template {keyof HTMLElementEventMap} Name @param {Name} name @param {(event: HTMLElementEventMap[Name]) => void} listener */
  const on = (name, listener) => canvas.addEventListener(name, listener, { signal, passive: false });

  /** @param {PointerEvent} event */
  const move = (event) => {
    if (!grip) return;
    const { handle, at, from } = grip, scale = size()[0] / canvas.getBoundingClientRect().width;
    const [dx, dy] = [scale * (event.pageX - from.pageX), scale * (event.pageY - from.pageY)]; // of the hand alone, should the picture move below it
    grip.moved ||= handle.axis !== "x" || Math.abs(dx) >= SIDEWAYS;
    if (grip.moved) take(handle.move(at.x + dx, at.y + dy));
  };
  on("pointerdown", (event) => {
    tapped = event.pointerType === "touch" && event.isPrimary ? event : null;
    if (grip || !event.isPrimary || event.button !== 0) return;
    const { x, y } = place(event);
    const handle = under(event), jump = handle || event.pointerType !== "mouse" ? null : track(event);
    if (handle) grip = { handle, at: handle, from: event, moved: false };
    else if (jump) grip = { handle: jump, at: { x, y }, from: event, moved: true };
    else return;
    held = event.pointerId;
    canvas.setPointerCapture(held);
    if (jump) move(event);
  });
  on("pointermove", (event) => {
    if (grip && event.pointerId === held && !canvas.hasPointerCapture(held)) grip = null; // lost before it was told
    if (grip && event.pointerId === held) move(event);
    else if (!grip && event.pointerType === "mouse") canvas.style.cursor = under(event) ? "grab" : track(event) ? "pointer" : "";
  });
  for (const end of /** @type {const} */ (["pointerup", "pointercancel", "lostpointercapture"])) {
    on(end, ({ pointerId }) => {
      if (pointerId === held) grip = null;
    });
  }
  on("pointerup", (event) => {
    const still = tapped?.pointerId === event.pointerId && Math.hypot(event.clientX - tapped.clientX, event.clientY - tapped.clientY) < TAP;
    const jump = still && !under(event) ? track(event) : null;
    const { x, y } = place(event);
    if (jump) take(jump.move(x, y));
  });
  on("pointercancel", () => (tapped = null)); // it scrolls
  // A finger that swipes up or down scrolls the page (touch-action in lab.css), but from a handle that moves both ways.
  on("touchstart", (event) => {
    if (event.touches.length === 1 && under(event.touches[0])?.axis === "xy") event.preventDefault();
  });
}
