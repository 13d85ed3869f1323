// What every lab needs of the page around it: a canvas that repaints when values change, dragging, words for those who do
// not see it, and a picture to fall back on. A lab itself is the object that its `create(spec, read)` returns:
//   height(width)              how tall it is at this width, in CSS pixels
//   paint(pen, values, width)  draw one frame with what the top of draw.mjs lists; returns {summary, tiles: [{name, value, note,
//                              mood, mark}]}: value a number (shown as 49.3) or words, mood "good" or "bad", mark the colour
//                              of what it is drawn in
//   grab(x, y)                 optional: null, or a function from each further pointer position to new values, {name: value};
//                              it sees every position, the model only the last values of a frame
// Where `spec` says `enough`, that many bytes may come alone: `read` returns null for an array that lies beyond them, and when
// the rest has come the lab is created again.

import { checkArrays, fromBase64, joined, tensorReader } from "./tensors.mjs";
import { Pen, threeDigits } from "./draw.mjs";
import { buildControls, element, snap } from "./controls.mjs";
import { followDrags } from "./drag.mjs";

/** The live host: what anywidget calls for each view of the canvas. Returns the clean-up. @param {Create} create @param {{model: Model, el: HTMLElement}} view */
export function render(create, { model, el }) {
  const root = element("div", "vae-lab");
  root.dataset.ready = "false";
  root.innerHTML = model.get("fallback");
  el.append(root);
  return start(create, root, model, []);
}

/** The static host: starts each lab of this kind on the page that has not started yet. @param {Create} create @param {string} hash */
export function mountAll(create, hash) {
  /** @type {NodeListOf<HTMLElement>} */
  const roots = document.querySelectorAll(`.vae-lab[data-lab="${hash}"]:not([data-started])`);
  for (const root of roots) {
    root.dataset.started = "";
    try {
      const { spec, values, data } = JSON.parse(root.querySelector("script[type='application/json']")?.textContent ?? "");
      const begun = fromBase64(data);
      const model = staticModel({ ...values, spec, data: begun });
      root.addEventListener("vae-lab-rest", (event) => {
        model.set("data", joined(begun, fromBase64(/** @type {CustomEvent<string>} */ (event).detail)));
      });
      start(create, root, model, spec.controls);
    } catch (error) {
      fail(root, error);
    }
  }
}

/** The few methods of a Jupyter model that a lab uses, over a plain object. @param {Record<string, unknown>} values @returns {Model} */
export function staticModel(values) {
  /** @type {Record<string, Set<() => void>>} */
  const listeners = {};
  return {
    get: (/** @type {string} */ name) => /** @type {any} */ (values[name]), // each name has a type of its own
    set(name, value) {
      if (Object.is(values[name], value)) return;
      values[name] = value;
      for (const listener of [...(listeners[`change:${name}`] ?? [])]) listener();
    },
    save_changes() {},
    on: (event, listener) => (listeners[event] ??= new Set()).add(listener),
    off: (event, listener) => listeners[event]?.delete(listener),
  };
}

/**
 * Bring a lab to life in `root`, beside a picture that stays until the first good frame. Returns what stops it.
 * @param {Create} create @param {HTMLElement} root @param {Model} model @param {Control[]} controls
 */
function start(create, root, model, controls) {
  const stage = element("div", "vae-lab-stage");
  const canvas = element("canvas");
  const tiles = element("div", "vae-lab-tiles");
  const status = element("p", "vae-lab-status");
  canvas.setAttribute("role", "img");
  status.setAttribute("role", "status");
  stage.append(canvas, tiles, status);

  const spec = model.get("spec");
  const specOf = Object.fromEntries(spec.controls.map((control) => [control.name, control]));
  const stopping = new AbortController();
  const { signal } = stopping;
  let frame = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let speaking;
  /** @type {Values | null} */
  let patch = null;
  /** @type {Lab} */
  let lab;
  /** @type {Pen} */
  let pen;

  const schedule = () => {
    frame ||= requestAnimationFrame(tick);
  };
  const stop = () => {
    stopping.abort();
    cancelAnimationFrame(frame);
    clearTimeout(speaking);
    for (const { name } of spec.controls) model.off(`change:${name}`, schedule);
    model.off("change:data", remake);
    resizes.disconnect();
  };
  const end = (/** @type {unknown} */ error) => {
    stop();
    stage.remove();
    fail(root, error);
  };
  const resizes = new ResizeObserver(schedule);
  /** On a screen of another ratio all sizes in CSS pixels stay, and nothing else tells of it. */
  function followRatio() {
    const change = () => {
      followRatio();
      schedule();
    };
    matchMedia(`(resolution: ${devicePixelRatio}dppx)`).addEventListener("change", change, { once: true, signal });
  }

  function tick() {
    try {
      // no colours and no width before that: the ResizeObserver calls again
      if (root.isConnected) paint();
    } catch (error) {
      end(error);
    }
    frame = 0;
  }

  function paint() {
    if (!stage.isConnected) show();
    applyPatch();
    const values = Object.fromEntries(spec.controls.map(({ name }) => [name, settled(name, model.get(name))]));
    const width = Math.max(240, Math.floor(stage.clientWidth) || 640); // 640: hidden for now, in a closed fold
    pen.begin(width, lab.height(width));
    const { summary, tiles: contents = [] } = lab.paint(pen, values, width);
    fillTiles(tiles, contents);
    if (root.dataset.ready === "true" && summary !== canvas.getAttribute("aria-label")) speak(summary);
    canvas.setAttribute("aria-label", summary);
    root.dataset.ready = "true";
  }

  function show() {
    root.querySelector(".vae-lab-fallback")?.setAttribute("hidden", "");
    root.prepend(stage);
    if (controls.length) stage.after(buildControls(controls, model));
    if (spec.caption) root.append(element("p", "vae-lab-caption", spec.caption));
  }

  /** A slider's value at its step, which labs may rely on: Jupyter's says 0.9999999999999999. @param {string} name @param {number} value */
  function settled(name, value) {
    const control = specOf[name];
    return control.kind === "slider" ? snap(control, value) : value;
  }

  /** What was dragged since the last frame: here and not at each pointer event, so at most once a frame. */
  function applyPatch() {
    if (!patch) return;
    for (const [name, value] of Object.entries(patch)) {
      model.set(name, settled(name, value));
    }
    patch = null;
    model.save_changes();
  }

  /** @param {string} summary */
  function speak(summary) {
    clearTimeout(speaking); // only where the hand has come to rest
    speaking = setTimeout(() => (status.textContent = summary), 700);
  }

  function make() {
    const read = tensorReader(model.get("data"), spec.bytes, spec.enough);
    checkArrays(spec, spec.bytes);
    return create(spec, /** @type {Read} */ (read)); // what can be null is for those who said `enough`
  }

  /** The lab again, from more of its numbers. */
  function remake() {
    try {
      lab = make();
      pen.forgetColours(); // and what was painted from fewer
      schedule();
    } catch (error) {
      end(error);
    }
  }

  const take = (/** @type {Values} */ values) => {
    patch = values;
    schedule();
  };

  try {
    lab = make();
    pen = new Pen(canvas, root);
    if (lab.grab) followDrags(canvas, () => [pen.width, pen.height], (x, y) => lab.grab?.(x, y) ?? null, take, signal);
  } catch (error) {
    fail(root, error);
    return stop;
  }

  for (const { name } of spec.controls) model.on(`change:${name}`, schedule);
  model.on("change:data", remake);
  resizes.observe(root);
  followRatio();
  // .vae-lab has a transition of 1 ms on its colours: its end tells of every kind of change of theme
  root.addEventListener("transitionend", (event) => {
    if (event.target !== root) return;
    pen.forgetColours();
    schedule();
  }, { signal });
  schedule();
  return stop;
}

/** @param {HTMLElement} list @param {Tile[]} contents */
function fillTiles(list, contents) {
  while (list.children.length > contents.length) list.lastElementChild?.remove();
  contents.forEach(({ name, value, note = "", mood = "", mark = "" }, i) => {
    if (!list.children[i]) {
      const tile = element("div");
      tile.append(...["name", "number", "note"].map((part) => element("div", `vae-lab-tile-${part}`)));
      list.append(tile);
    }
    const tile = /** @type {HTMLElement} */ (list.children[i]);
    [name, typeof value === "number" ? threeDigits(value) : value, note].forEach((text, part) => {
      if (tile.children[part].textContent !== text) tile.children[part].textContent = text;
    });
    Object.assign(tile.dataset, { mood, mark });
  });
}

/** Leave the reader the picture, and one sentence on what went wrong. @param {HTMLElement} root @param {unknown} error */
function fail(root, error) {
  console.error(error);
  const happened = root.dataset.ready === "true" ? "stopped" : "could not start";
  root.dataset.ready = "false";
  root.dataset.failed = "";
  for (const part of root.querySelectorAll(".vae-lab-controls, .vae-lab-caption")) part.remove();
  const fallback = root.querySelector(".vae-lab-fallback");
  fallback?.removeAttribute("hidden");
  const words = fallback?.querySelector("figcaption");
  if (words) words.textContent = `This lab ${happened} (${error instanceof Error ? error.message : error}); the picture shows how it begins.`;
}
