// Dragging on a canvas, by mouse, pen or finger.

/**
 * @param size    of the picture on the canvas, which may be shown smaller: [width, height]
 * @param grab    from a place in the picture: null, or what turns the places that follow into new values
 * @param take    is given those values
 * @param signal  ends it all when aborted
 */
export function followDrags(canvas, size, grab, take, signal) {
  let move = null, held = 0; // what is dragged, and by which pointer: no other has a say until it ends
  const place = ({ clientX, clientY }) => {
    const box = canvas.getBoundingClientRect();
    const [width, height] = size();
    return [((clientX - box.left) * width) / box.width, ((clientY - box.top) * height) / box.height];
  };
  const on = (event, listener) => canvas.addEventListener(event, listener, { signal, passive: false });

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
  for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) {
    on(end, ({ pointerId }) => pointerId === held && (move = null));
  }
  // a finger on something to drag drags it; anywhere else it scrolls the page
  on("touchstart", (event) => {
    if (event.touches.length === 1 && grab(...place(event.touches[0]))) event.preventDefault();
  });
}
