// A lab's controls where there is no Jupyter: native ones, from the specification that makes the ipywidgets.

/** How many decimals a slider's value needs: as many as its step has, of ten (controls.py counts the same). */
export const decimals = (/** @type {number} */ step) => step.toFixed(10).split(".")[1].replace(/0+$/, "").length;

/** A value as its slider shows it: "−0.40 σ". @param {Pick<Slider, "step" | "unit">} slider @param {number} value */
export function show({ step, unit }, value) {
  return value.toFixed(decimals(step)).replace("-", "−") + (unit ? `\u2009${unit}` : "");
}

/** The value a slider can stand at that is nearest to this one. @param {Pick<Slider, "min" | "max" | "step">} slider @param {number} value */
export function snap({ min, max, step }, value) {
  const steps = Math.round((Math.min(max, Math.max(min, value)) - min) / step);
  return Number(Math.min(max, min + steps * step).toFixed(decimals(step)));
}

/** Sliders and menus as one element, tied to the model both ways; buttons stand elsewhere (tools.mjs). @param {Control[]} controls @param {Model} model */
export function buildControls(controls, model) {
  const panel = element("div", "vae-lab-controls");
  panel.append(...controls.flatMap((control) => {
    if (control.kind === "slider") return sliderFor(control, model);
    if (control.kind === "choice") return control.slid ? scaleFor(control, model) : menuFor(control, model, controls);
    return [];
  }));
  return panel;
}

/** @param {Slider} control @param {Model} model */
function sliderFor(control, model) {
  const { min, max, step } = control;
  return rangeFor(control, model, { min, max, step }, [min, max], (value) => show(control, value));
}

/** A slider that stands at one word after another. @param {Choice} control @param {Model} model */
function scaleFor(control, model) {
  const { options } = control;
  return rangeFor(control, model, { min: 0, max: options.length - 1, step: 1 }, [...options.keys()], (index) => options[index]);
}

/**
 * A slider's name, value and range, in a row.
 * @param {Slider | Choice} control @param {Model} model @param {{min: number, max: number, step: number}} limits
 * @param {number[]} widest  values among which the longest is, in words @param {(value: number) => string} said  a value in words
 */
function rangeFor({ name, label }, model, limits, widest, said) {
  const row = element("label", "vae-lab-slider");
  const value = element("span", "vae-lab-value");
  value.style.minWidth = `${Math.max(...widest.map((each) => said(each).length))}ch`; // else the slider would jump
  const input = element("input");
  Object.assign(input, { type: "range", ...limits });
  input.setAttribute("aria-label", label);
  value.setAttribute("aria-hidden", "true"); // the range announces its own value, unit and all
  row.dataset.control = name;
  row.append(element("span", "vae-lab-name", label), value, input);
  const follow = () => {
    input.value = String(model.get(name));
    value.textContent = said(model.get(name));
    input.setAttribute("aria-valuetext", value.textContent);
  };
  input.addEventListener("input", () => put(model, { [name]: Number(input.value) }));
  let before = 0; // what a finger that only scrolls the page has found gets it back
  input.addEventListener("pointerdown", () => (before = model.get(name)));
  input.addEventListener("pointercancel", () => put(model, { [name]: before }));
  model.on(`change:${name}`, follow);
  follow();
  return row;
}

/** What it sets to choose an option: the choice, and what begins anew with it. @param {Control[]} controls @param {string} name @param {number} index @returns {Values} */
export function chosen(controls, name, index) {
  const { resets = [] } = /** @type {Choice} */ (controls.find((control) => control.name === name));
  const begun = controls.filter((control) => resets.includes(control.name));
  return { [name]: index, ...Object.fromEntries(begun.map((control) => [control.name, /** @type {number} */ (control.value)])) };
}

/** @param {Choice} control @param {Model} model @param {Control[]} controls */
function menuFor({ name, label, options }, model, controls) {
  const long = Math.max(...options.map(({ length }) => length)) > 16 || label.length > 18; // for a phone to give it a line
  const row = element("label", long ? "vae-lab-choice vae-lab-long" : "vae-lab-choice");
  const select = element("select");
  select.setAttribute("aria-label", label);
  select.append(...options.map((option) => element("option", "", option)));
  const follow = () => (select.selectedIndex = model.get(name));
  select.addEventListener("change", () => put(model, chosen(controls, name, select.selectedIndex)));
  model.on(`change:${name}`, follow);
  follow();
  row.dataset.control = name;
  row.append(element("span", "vae-lab-name", label), select);
  return row;
}

/** @param {Press} control @param {Model} model */
export function buttonFor({ name, label, on }, model) {
  const button = element("button", `vae-lab-tool vae-lab-press${on ? " vae-lab-play vae-lab-first" : ""}`, label);
  button.dataset.control = name;
  button.type = "button";
  const follow = () => (button.textContent = on && model.get(name) % 2 ? on : label);
  if (on) model.on(`change:${name}`, follow);
  follow();
  button.addEventListener("click", () => put(model, { [name]: model.get(name) + 1 }));
  return button;
}

/** @param {Model} model @param {Values} values */
function put(model, values) {
  for (const [name, value] of Object.entries(values)) model.set(name, value);
  model.save_changes();
}

/** @template {keyof HTMLElementTagNameMap} Tag @param {Tag} tag */
export function element(tag, className = "", text = "") {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text) made.textContent = text;
  return made;
}
