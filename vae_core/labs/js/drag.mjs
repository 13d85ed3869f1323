// Dragging on a canvas, by mouse, pen or finger.

/**
 * @param {HTMLCanvasElement} canvas
 * @param {() => number[]} size  of the picture on the canvas, which may be shown smaller: [width, height]
 * @param {(x: number, y: number) => Grip | null} grab  what, at a place in the picture, turns the places that follow into new values
 * @param {(values: Values) => void} take  is given those values
 * @param {AbortSignal} signal  ends it all when aborted
 */
export function followDrags(canvas, size, grab, take, signal) {
  /** @type {Grip | null} */
  let move = null;
  let held = 0; // the pointer that drags: no other has a say until it ends
  /** @param {{clientX: number, clientY: number}} event @returns {[number, number]} */
  const place = ({ clientX, clientY }) => {
    const box = canvas.getBoundingClientRect();
    const [width, height] = size();
    return [((clientX - box.left) * width) / box.width, ((clientY - box.top) * height) / box.height];
  };
  /** @template {keyof HTMLElementEventMap} Name @param {Name} name @param {(event: HTMLElementEventMap[Name]) => void} listener */
  const on = (name, listener) => canvas.addEventListener(name, listener, { signal, passive: false });

  on("pointerdown", (event) => {
    if (move || !event.isPrimary || event.button !== 0) return;
    move = grab(...place(event));
    if (!move) return;
    held = event.pointerId;
    canvas.setPointerCapture(held);
    take(move(...place(event)));
  });
  on("pointermove", (event) => {
    if (move && event.pointerId === held) take(move(...place(event)));
    else if (!move && event.pointerType === "mouse") canvas.style.cursor = grab(...place(event)) ? "grab" : "";
  });
  for (const end of /** @type {const} */ (["pointerup", "pointercancel", "lostpointercapture"])) {
    on(end, ({ pointerId }) => {
      if (pointerId === held) move = null;
    });
  }
  // a finger on something to drag drags it; anywhere else it scrolls the page
  on("touchstart", (event) => {
    if (event.touches.length === 1 && grab(...place(event.touches[0]))) event.preventDefault();
  });
}
