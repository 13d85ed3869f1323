// What every lab needs of the page around it: a canvas that repaints when values change, dragging, steps to try, words for
// those who do not see it, and a picture to fall back on. A lab itself is the object that its `create(spec, read)` returns:
//   height(width)              how tall it is at this width, in CSS pixels
//   paint(pen, values, width)  draw one frame with what the top of draw.mjs lists, and say what was drawn:
//     summary                  in a sentence or two
//     tiles                    the numbers that matter: [{name, value, note, mark}], value a number (shown as 49.3) or words,
//                              mark the colour of what it is drawn in
//     handles                  what can be dragged: [{x, y, axis: "x" or "xy", move(x, y)}], `move` from where the handle is taken to new
//                              values, {name: value}; a `box` in which it can be taken too, a `track` on which a mouse may
//                              press for it to jump there, a `hint` until the first is used (`below` it if need be; beside a quiet one, or one that
//                              says how far there is `room`); `quiet` where the lab draws it
//     spots                    what can be pressed to choose an option of a Choice: [{box, choice, index}]
//     pads                     what can be drawn on: [{box, ink(x, y, begins), lift()}]
//     regions                  {name: box}, the parts of the picture that a step of the lab may point out
//     notes                    lines below the picture: [{name, words, mark, code}]
//     near                     such lines that stand beside the controls, after the sentence of the step in hand; instead of it where one is
//                              called "Stopped"
//     ahead                    true where the numbers stand above the picture
//     idle                     names of the controls that change nothing as the others stand
//     data                     {name: number}, what the root carries as data-name, for whoever would test it
//     waiting                  true while what was asked for is still being computed: `data-waiting` says so
//   begin(whole)               a step, an address or *Reset* (then `whole`) takes all values back to where they began
//   near(values)               the notes that are to stand beside the controls, at these values
//   room                       the notes below the picture that there may be: they lie unseen over one another, so that nothing jumps
//   close()                    the end
// A lab that moves by itself is given as a third argument what it may ask for (`Host` in types.d.ts): where a reader wants no
// motion it is painted twice a second, and it is heard every two seconds at most.
// Where `spec` says `enough`, that many bytes may come alone: `read` returns null for an array that lies beyond them, and when
// the rest has come the lab is created again.

import { checkArrays, fromBase64, joined, tensorReader } from "./tensors.mjs";
import { Pen, threeDigits } from "./draw.mjs";
import { buildControls, buttonFor, chosen, element, snap } from "./controls.mjs";
import { followDrags, followInk, followPresses } from "./drag.mjs";
import { buildTools } from "./tools.mjs";
import { buildPlayer } from "./play.mjs";
import { keyOf, readAddress, writeAddress } from "./address.mjs";
import { pointOut } from "./marks.mjs";


/** The live host: what anywidget calls for each view of the canvas. Returns the clean-up. @param {Create} create @param {{model: Model, el: HTMLElement}} view */
export function render(create, { model, el }) {
  const root = element("div", "vae-lab");
  root.dataset.ready = "false";
  root.innerHTML = model.get("fallback");
  el.append(root);
  return start(create, root, model, false);
}

/** The static host: starts each lab of this kind on the page that has not started yet. @param {Create} create @param {string} hash */
export function mountAll(create, hash) {
  /** @type {NodeListOf<HTMLElement>} */
  const roots = document.querySelectorAll(`.vae-lab[data-lab="${hash}"]:not([data-started])`);
  for (const root of roots) {
    root.dataset.started = "";
    try {
      const { spec, data } = JSON.parse(root.querySelector("script[type='application/json']")?.textContent ?? "");
      const begun = fromBase64(data);
      const model = staticModel({ ...homeOf(spec), spec, data: begun });
      root.addEventListener("vae-lab-rest", (event) => {
        model.set("data", joined(begun, fromBase64(/** @type {CustomEvent<string>} */ (event).detail)));
      });
      start(create, root, model, true);
    } catch (error) {
      fail(root, error);
    }
  }
}

const CALM = 500; // ms between two frames of what moves by itself, where a reader wants no motion
const HEARD = 2000; // ms between two reports of it

/** Where every control begins. @param {Spec} spec @returns {Values} */
const homeOf = ({ controls }) => Object.fromEntries(controls.map(({ name, value }) => [name, /** @type {number} */ (value)]));

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
 * @param {Create} create @param {HTMLElement} root @param {Model} model
 * @param {boolean} alone  on a page of its own: with controls of its own, and its state in the address
 */
function start(create, root, model, alone) {
  const stage = element("div", "vae-lab-stage");
  const canvas = element("canvas");
  const tiles = element("div", "vae-lab-tiles");
  const notes = element("div", "vae-lab-notes");
  const noted = element("div");
  const near = element("div", "vae-lab-lines vae-lab-near");
  const status = element("p", "vae-lab-status");
  const strip = element("div", "vae-lab-strip");
  canvas.setAttribute("role", "img");
  status.setAttribute("role", "status");
  stage.append(canvas, tiles, notes, status);

  const spec = model.get("spec");
  const { controls } = spec;
  const specOf = Object.fromEntries(controls.map((control) => [control.name, control]));
  const home = homeOf(spec);
  const key = keyOf(root);
  const stopping = new AbortController();
  const { signal } = stopping;
  const playing = /** @type {Slider | Press | undefined} */ (controls.find((control) => "play" in control && control.play));
  let frame = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let speaking;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let waiting;
  let said = ""; // what is to be heard next
  /** @type {Values | null} */
  let patch = null;
  let again = false; // a frame was asked for while one was painted
  let was = ""; // the values of the frame before
  /** @type {Handle[]} */
  let handles = [];
  /** @type {Spot[]} */
  let spots = [];
  /** @type {Pad[]} */
  let pads = [];
  /** @type {string[]} */
  let watched = [];
  let pointed = true; // what is watched has been brought into view
  let linked = false; // the picture is to come into view
  /** @type {Lab} */
  let lab;
  /** @type {Pen} */
  let pen;

  const schedule = () => {
    frame ||= requestAnimationFrame(tick);
  };
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  /** A frame for what moves by itself. */
  const redraw = () => {
    if (!calm.matches) {
      again = true;
      return schedule();
    }
    waiting ??= setTimeout(() => {
      waiting = undefined;
      schedule();
    }, root.dataset.ready === "true" && !("waiting" in root.dataset) ? CALM : 0);
  };
  const stop = () => {
    stopping.abort();
    cancelAnimationFrame(frame);
    clearTimeout(speaking);
    clearTimeout(waiting);
    lab?.close?.();
    for (const { name } of controls) model.off(`change:${name}`, schedule);
    model.off("change:data", remake);
    resizes.disconnect();
  };
  const end = (/** @type {unknown} */ error) => {
    stop();
    fail(root, error);
  };
  let wide = -1;
  const resizes = new ResizeObserver(() => { // a line of words more is no reason to paint again
    if (root.clientWidth === wide) return;
    wide = root.clientWidth;
    schedule();
  });
  /** On a screen of another ratio all sizes in CSS pixels stay, and nothing else tells of it. */
  function followRatio() {
    const change = () => {
      followRatio();
      schedule();
    };
    matchMedia(`(resolution: ${devicePixelRatio}dppx)`).addEventListener("change", change, { once: true, signal });
  }

  function tick() {
    again = false;
    try {
      // no colours and no width before that: the ResizeObserver calls again
      if (root.isConnected) paint();
    } catch (error) {
      end(error);
    }
    frame = 0;
    if ((patch || again) && !signal.aborted) schedule(); // what the lab itself asked for while it painted
  }

  function paint() {
    if (!stage.isConnected) show();
    applyPatch();
    const values = Object.fromEntries(controls.map(({ name }) => [name, settled(name, model.get(name))]));
    const width = Math.max(240, Math.floor(stage.clientWidth) || 640); // 640: hidden for now, in a closed fold
    pen.begin(width, lab.height(width));
    const shown = lab.paint(pen, values, width);
    const { summary } = shown;
    handles = shown.handles ?? [];
    spots = shown.spots ?? [];
    pads = shown.pads ?? [];
    const now = JSON.stringify(values);
    const untouched = Object.entries(values).every(([name, value]) => Object.is(value, settled(name, home[name]))); // then hints say what to drag
    for (const handle of handles) pen.handle(handle, untouched);
    canvas.dataset.hint = (untouched && handles.find(({ hint }) => hint)?.hint) || "";
    canvas.dataset.knobs = [...handles].sort((a, b) => Number(!!a.quiet) - Number(!!b.quiet)).map(({ x, y }) => `${Math.round(x)},${Math.round(y)}`).join(" "); // for whoever would test it
    if (pads.length) canvas.dataset.pads = pads.map(({ box }) => [box.x, box.y, box.width].map(Math.round).join()).join(" ");
    fillTiles(tiles, shown.tiles ?? []);
    if (shown.ahead && tiles.nextSibling !== canvas) stage.prepend(tiles);
    fillNotes(noted, shown.notes ?? []);
    fillNotes(near, shown.near ?? []);
    near.toggleAttribute("data-stopped", Boolean(shown.near?.some(({ name }) => name === "Stopped")));
    for (const control of /** @type {NodeListOf<HTMLInputElement>} */ (strip.querySelectorAll("[data-control] :is(select, input)"))) {
      control.disabled = shown.idle?.includes(/** @type {HTMLElement} */ (control.parentElement).dataset.control ?? "") ?? false;
    }
    for (const [name, value] of Object.entries(shown.data ?? {})) root.dataset[name] = String(value);
    if (watched.length || !pointed) pointOut(stage, canvas, pen, strip, watched, shown.regions ?? {}, !pointed);
    pointed = true;
    if (linked) {
      const kept = parseFloat(getComputedStyle(root).scrollMarginTop) || 0, whole = stage.offsetHeight + strip.offsetHeight + kept <= innerHeight;
      Object.assign(canvas.style, { scrollMarginBottom: `${strip.offsetHeight + 4}px` });
      if (whole || !shown.ahead) canvas.scrollIntoView({ block: "end", behavior: "instant" });
      else root.scrollIntoView({ block: "start", behavior: "instant" }); // the numbers and what stands first
      linked = false;
    }
    if (root.dataset.ready === "true" && (now !== was || summary !== canvas.getAttribute("aria-label"))) rest(summary, values, now !== was);
    was = now;
    canvas.setAttribute("aria-label", summary);
    if (shown.waiting) root.dataset.waiting = "";
    else {
      delete root.dataset.waiting;
      root.dataset.ready = "true";
    }
  }

  function show() {
    root.querySelector(".vae-lab-fallback")?.setAttribute("hidden", "");
    root.prepend(stage);
    notes.append(noted, ...(lab.room ?? []).map((lines) => {
      const spare = element("div");
      spare.setAttribute("aria-hidden", "true");
      spare.append(...linesOf(lines));
      return spare;
    }));
    const tools = buildTools({
      steps: spec.steps ?? [],
      home,
      near,
      lines: (values) => linesOf(lab.near?.(values) ?? []),
      take: begin,
      folded: alone && controls.some(isFolded) ? buildControls(controls.filter(isFolded), model) : null,
      watch(names) {
        watched = names;
        pointed = false;
        schedule();
      },
      presses: alone ? controls.flatMap((control) => (control.kind === "press" ? buttonFor(control, model) : [])) : [],
      player: playing ? buildPlayer(playing, model, take, root, signal) : null,
      link: alone ? () => address(Object.fromEntries(controls.map(({ name }) => [name, model.get(name)]))) : null,
    });
    strip.append(...(alone ? [buildControls(controls.filter((control) => !isFolded(control)), model)] : []), ...tools);
    stage.after(strip);
    if (spec.legend?.length) strip.after(legendOf(spec.legend));
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

  /** Only where the hand has come to rest: say what is seen, and put it into the address. What moves by itself is heard now and then. @param {string} summary @param {Values} values @param {boolean} moved  by hand */
  function rest(summary, values, moved) {
    said = summary;
    if (!moved && speaking) return;
    clearTimeout(speaking);
    const pause = playing?.kind === "press" && "playing" in root.dataset ? 1000 * playing.play : 0; // till the next, which begins this anew
    speaking = setTimeout(() => {
      speaking = undefined;
      status.textContent = said;
      if (alone && moved) history.replaceState(history.state, "", address(values));
    }, pause + (moved ? 700 : HEARD));
  }

  const address = (/** @type {Values} */ values) => {
    const kept = Object.fromEntries(Object.entries(values).filter(([name]) => /** @type {Press} */ (specOf[name]).kept !== false));
    return new URL(writeAddress(location.hash, key, kept, home), location.href).href;
  };

  /** What the address says of this lab, and the lab into view, for a browser looks for a heading of that name. */
  function follow() {
    const values = readAddress(location.hash, key, controls);
    if (!values) return;
    begin({ ...home, ...values });
    linked = true;
  }

  function make() {
    const read = tensorReader(model.get("data"), spec.bytes, spec.enough);
    checkArrays(spec, spec.bytes);
    lab?.close?.();
    return create(spec, /** @type {Read} */ (read), { redraw, take, root, live: !alone }); // what can be null is for those who said `enough`
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

  const take = (/** @type {Record<string, unknown>} */ values) => {
    patch = { ...patch, .../** @type {Values} */ (values) };
    schedule();
  };
  const begin = (/** @type {Values} */ values, whole = false) => {
    lab.begin?.(whole);
    take(values);
  };

  try {
    lab = make();
    pen = new Pen(canvas, root);
    const size = () => [pen.width, pen.height];
    followDrags(canvas, size, () => handles, take, signal);
    followInk(canvas, size, () => pads, signal);
    followPresses(canvas, size, () => spots, ({ choice, index }) => take(chosen(controls, choice, index)), signal);
  } catch (error) {
    fail(root, error);
    return stop;
  }

  for (const { name } of controls) model.on(`change:${name}`, schedule);
  model.on("change:data", remake);
  resizes.observe(root);
  followRatio();
  // .vae-lab has a transition of 1 ms on its colours: its end tells of every kind of change of theme
  root.addEventListener("transitionend", (event) => {
    if (event.target !== root) return;
    pen.forgetColours();
    schedule();
  }, { signal });
  if (alone) {
    addEventListener("hashchange", follow, { signal });
    follow();
  }
  schedule();
  return stop;
}

/** @param {HTMLElement} list @param {Tile[]} contents */
function fillTiles(list, contents) {
  while (list.children.length > contents.length) list.lastElementChild?.remove();
  contents.forEach(({ name, value, note = "", mark = "" }, i) => {
    if (!list.children[i]) {
      const tile = element("div");
      tile.append(...["name", "number", "note"].map((part) => element("div", `vae-lab-tile-${part}`)));
      list.append(tile);
    }
    const tile = /** @type {HTMLElement} */ (list.children[i]);
    [name, typeof value === "number" ? threeDigits(value) : value, note].forEach((text, part) => {
      if (tile.children[part].textContent !== text) tile.children[part].textContent = text;
    });
    tile.dataset.mark = mark;
  });
}

/** Lines below the picture. @param {HTMLElement} list @param {Note[]} lines */
function fillNotes(list, lines) {
  const now = JSON.stringify(lines);
  if (list.dataset.now === now) return;
  list.dataset.now = now;
  list.replaceChildren(...linesOf(lines));
}

/** @param {Note[]} lines */
function linesOf(lines) {
  return lines.map(({ name, words, mark = "", code }) => {
    const line = element("p");
    line.dataset.mark = mark;
    line.append(element("span", "vae-lab-note-name", name), element(code ? "code" : "span", "", words));
    return line;
  });
}

/** What a page keeps out of sight at first. @param {Control} control */
const isFolded = (control) => "folded" in control && control.folded === true;

/** What the colours mean. @param {[string, string][]} entries  a colour's name, and words */
function legendOf(entries) {
  const list = element("ul", "vae-lab-legend");
  list.append(...entries.map(([mark, words]) => {
    const entry = element("li", "", words);
    entry.dataset.mark = mark;
    return entry;
  }));
  return list;
}

/** Leave the reader the picture, and one sentence on what went wrong. @param {HTMLElement} root @param {unknown} error */
function fail(root, error) {
  console.error(error);
  const happened = root.dataset.ready === "true" ? "stopped" : "could not start";
  root.dataset.ready = "false";
  root.dataset.failed = "";
  for (const part of root.querySelectorAll(".vae-lab-stage, .vae-lab-strip, .vae-lab-legend, .vae-lab-caption")) part.remove();
  const fallback = root.querySelector(".vae-lab-fallback");
  fallback?.removeAttribute("hidden");
  const words = fallback?.querySelector("figcaption");
  if (words) words.textContent = `This lab ${happened} (${error instanceof Error ? error.message : error}); the picture shows how it begins.`;
}
