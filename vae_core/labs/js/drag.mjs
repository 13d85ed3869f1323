// Dragging on a canvas, by mouse, pen or finger.

/**
 * @param grab    from a place in CSS pixels: null, or what turns the places that follow into new values
 * @param take    is given those values
 * @param signal  ends it all when aborted
 */
export function followDrags(canvas, grab, take, signal) {
  let move = null;
  const place = ({ clientX, clientY }) => {
    const box = canvas.getBoundingClientRect();
    return [clientX - box.left, clientY - box.top];
  };
  const on = (event, listener) => canvas.addEventListener(event, listener, { signal, passive: false });

  on("pointerdown", (event) => {
    move = event.isPrimary && event.button === 0 ? grab(...place(event)) : null;
    if (!move) return;
    canvas.setPointerCapture(event.pointerId);
    take(move(...place(event)));
  });
  on("pointermove", (event) => {
    if (move) take(move(...place(event)));
    else if (event.pointerType === "mouse") canvas.style.cursor = grab(...place(event)) ? "grab" : "";
  });
  for (const event of ["pointerup", "pointercancel"]) on(event, () => (move = null));
  // a finger on something to drag drags it; anywhere else it scrolls the page
  on("touchstart", (event) => {
    if (event.touches.length === 1 && grab(...place(event.touches[0]))) event.preventDefault();
  });
}
