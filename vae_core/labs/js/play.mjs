// Play: a control that moves by itself, from when the reader says so until its end, or until anything else is touched.

import { label, tool } from "./tools.mjs";

/**
 * Where a slider stands this long after it began to play.
 * @param {Slider} slider @param {number} from @param {number} seconds
 */
export function playedTo({ min, max, play }, from, seconds) {
  return Math.min(max, from + (seconds / play) * (max - min));
}

/**
 * The button, and what stops it. It is not offered where a reader wants no motion.
 * @param {Slider | Press} control @param {Model} model @param {(values: Values) => void} take @param {HTMLElement} root @param {AbortSignal} signal
 */
export function buildPlayer(control, model, take, root, signal) {
  const button = tool(["", ""], () => (frame ? stop() : start()));
  button.classList.add("vae-lab-play");
  button.title = `Play: ${control.label}`;
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const seen = new IntersectionObserver(([{ isIntersecting }]) => isIntersecting || stop());
  let frame = 0;

  function show() {
    button.hidden = calm.matches;
    label(button, frame ? ["❚❚", " Pause"] : ["▶", " Play"]);
    root.toggleAttribute("data-playing", frame > 0);
  }
  function stop() {
    cancelAnimationFrame(frame);
    frame = 0;
    show();
  }
  function start() {
    const { name } = control;
    const now = model.get(name);
    const from = control.kind === "slider" && now >= control.max ? control.min : now;
    let seconds = 0;
    /** @type {number | undefined} */
    let before;
    const next = (/** @type {number} */ time) => {
      if (!("waiting" in root.dataset)) seconds += (time - (before ?? time)) / 1000; // what is asked for comes whole, however long that takes
      before = time;
      const value = control.kind === "slider" ? playedTo(control, from, seconds) : from + 1 + Math.floor(seconds / control.play);
      if (value !== model.get(name)) take({ [name]: value });
      if (control.kind === "slider" && value >= control.max) stop();
      else frame = requestAnimationFrame(next);
    };
    frame = requestAnimationFrame(next);
    show();
  }

  for (const kind of ["pointerdown", "keydown", "change"]) {
    root.addEventListener(kind, ({ target }) => frame && !button.contains(/** @type {Node} */ (target)) && stop(), { signal });
  }
  calm.addEventListener("change", stop, { signal });
  document.addEventListener("visibilitychange", () => document.hidden && stop(), { signal });
  signal.addEventListener("abort", () => {
    stop();
    seen.disconnect();
  });
  seen.observe(root);
  show();
  return { button, stop };
}
