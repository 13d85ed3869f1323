// What every lab needs of the page around it: a canvas that repaints when values change, dragging, words for those who do
// not see it, and a picture to fall back on. A lab itself is the object that its `create(spec, read)` returns:
//   height(width)              how tall it is at this width, in CSS pixels
//   paint(pen, values, width)  draw one frame; returns {summary, tiles: [{name, value, note, mood, mark}]}: mood is
//                              "good" or "bad", mark the colour of what it is drawn in
//   grab(x, y)                 optional: null, or a function from each further pointer position to new values, {name: value};
//                              it sees every position, the model only the last values of a frame
// Where `spec` says `enough`, that many bytes may come alone: `read` returns null for an array that lies beyond them, and when
// the rest has come the lab is created again.

import { checkArrays, fromBase64, joined, tensorReader } from "./tensors.mjs";
import { Pen } from "./draw.mjs";
import { buildControls, element, snap } from "./controls.mjs";
import { followDrags } from "./drag.mjs";

/** The live host: what anywidget calls for each view of the canvas. Returns the clean-up. */
export function render(create, { model, el }) {
  const root = element("div", "vae-lab");
  root.dataset.ready = "false";
  root.innerHTML = model.get("fallback");
  el.append(root);
  return start(create, root, model, []);
}

/** The static host: starts each lab of this kind on the page that has not started yet. */
export function mountAll(create, hash) {
  for (const root of document.querySelectorAll(`.vae-lab[data-lab="${hash}"]:not([data-started])`)) {
    root.dataset.started = "";
    try {
      const { spec, values, data } = JSON.parse(root.querySelector("script[type='application/json']").textContent);
      const model = staticModel({ ...values, spec, data: fromBase64(data) });
      root.addEventListener("vae-lab-rest", ({ detail }) => model.set("data", joined(model.get("data"), fromBase64(detail))));
      start(create, root, model, spec.controls);
    } catch (error) {
      fail(root, error);
    }
  }
}

/** The few methods of a Jupyter model that a lab uses, over a plain object. */
export function staticModel(values) {
  const listeners = new Map();
  return {
    get: (name) => values[name],
    set(name, value) {
      if (Object.is(values[name], value)) return;
      values[name] = value;
      for (const listener of [...(listeners.get(`change:${name}`) ?? [])]) listener();
    },
    save_changes() {},
    on: (event, listener) => listeners.set(event, [...(listeners.get(event) ?? []), listener]),
    off: (event, listener) => listeners.set(event, (listeners.get(event) ?? []).filter((other) => other !== listener)),
  };
}

/** Bring a lab to life in `root`, beside a picture that stays until the first good frame. Returns what stops it. */
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
  let frame = 0, speaking = 0, patch = null, lab, pen;

  const schedule = () => (frame ||= requestAnimationFrame(tick));
  const stop = () => {
    stopping.abort();
    cancelAnimationFrame(frame);
    clearTimeout(speaking);
    for (const { name } of spec.controls) model.off(`change:${name}`, schedule);
    model.off("change:data", remake);
    resizes.disconnect();
  };
  const end = (error) => {
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

  /** A slider's value at its step, which labs may rely on: Jupyter's says 0.9999999999999999. */
  const settled = (name, value) => (specOf[name].kind === "slider" ? snap(specOf[name], value) : value);

  /** What was dragged since the last frame: here and not at each pointer event, so at most once a frame. */
  function applyPatch() {
    if (!patch) return;
    for (const [name, value] of Object.entries(patch)) {
      model.set(name, settled(name, value));
    }
    patch = null;
    model.save_changes();
  }

  function speak(summary) {
    clearTimeout(speaking); // only where the hand has come to rest
    speaking = setTimeout(() => (status.textContent = summary), 700);
  }

  function make() {
    const read = tensorReader(model.get("data"), spec.bytes, spec.enough);
    checkArrays(spec, spec.bytes);
    lab = create(spec, read);
  }

  /** The lab again, from more of its numbers. */
  function remake() {
    try {
      make();
      pen.forgetColours(); // and what was painted from fewer
      schedule();
    } catch (error) {
      end(error);
    }
  }

  try {
    make();
    pen = new Pen(canvas, root);
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
  const take = (values) => {
    patch = values;
    schedule();
  };
  if (lab.grab) followDrags(canvas, () => [pen.width, pen.height], (x, y) => lab.grab(x, y), take, signal);
  schedule();
  return stop;
}

function fillTiles(list, contents) {
  while (list.children.length > contents.length) list.lastChild.remove();
  contents.forEach(({ name, value, note = "", mood = "", mark = "" }, i) => {
    if (!list.children[i]) {
      const tile = element("div");
      tile.append(...["name", "number", "note"].map((part) => element("div", `vae-lab-tile-${part}`)));
      list.append(tile);
    }
    const tile = list.children[i];
    [name, value, note].forEach((text, part) => {
      if (tile.children[part].textContent !== text) tile.children[part].textContent = text;
    });
    Object.assign(tile.dataset, { mood, mark });
  });
}

/** Leave the reader the picture, and one sentence on what went wrong. */
function fail(root, error) {
  console.error(error);
  const happened = root.dataset.ready === "true" ? "stopped" : "could not start";
  root.dataset.ready = "false";
  root.dataset.failed = "";
  for (const part of root.querySelectorAll(".vae-lab-controls, .vae-lab-caption")) part.remove();
  const fallback = root.querySelector(".vae-lab-fallback");
  fallback?.removeAttribute("hidden");
  const words = fallback?.querySelector("figcaption");
  if (words) words.textContent = `This lab ${happened} (${error.message}); the picture shows how it begins.`;
}
