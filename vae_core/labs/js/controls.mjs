// A lab's controls where there is no Jupyter: native ones, from the specification that makes the ipywidgets.

/** @typedef {{kind: "slider", name: string, label: string, min: number, max: number, step: number, value: number, unit: string}} Slider */
/** @typedef {{kind: "choice", name: string, label: string, options: string[], value: number}} Choice  value is an index */
/** @typedef {{kind: "press", name: string, label: string, value: number}} Press  value counts the presses */
/** @typedef {{kind: "state", name: string, value: any}} State  what only the canvas sets: no control */

/** How many decimals a slider's value needs: as many as its step has, of ten (controls.py counts the same). */
export const decimals = (step) => step.toFixed(10).split(".")[1].replace(/0+$/, "").length;

/** A value as its slider shows it: "−0.40 σ". */
export function show({ step, unit }, value) {
  return value.toFixed(decimals(step)).replace("-", "−") + (unit ? `\u2009${unit}` : "");
}

/** The value a slider can stand at that is nearest to this one. */
export function snap({ min, max, step }, value) {
  const steps = Math.round((Math.min(max, Math.max(min, value)) - min) / step);
  return Number(Math.min(max, min + steps * step).toFixed(decimals(step)));
}

/** The controls as one element, tied to the model both ways. */
export function buildControls(controls, model) {
  const panel = element("div", "vae-lab-controls");
  panel.append(...controls.filter(({ kind }) => kind !== "state").map((control) => BUILDERS[control.kind](control, model)));
  return panel;
}

const BUILDERS = {
  slider(control, model) {
    const { name, label, min, max, step } = control;
    const row = element("label", "vae-lab-slider");
    const value = element("span", "vae-lab-value");
    const input = element("input");
    Object.assign(input, { type: "range", min, max, step });
    input.setAttribute("aria-label", label);
    value.setAttribute("aria-hidden", "true"); // the range announces its own value, unit and all
    const follow = () => {
      input.value = model.get(name);
      value.textContent = show(control, model.get(name));
      input.setAttribute("aria-valuetext", value.textContent);
    };
    input.addEventListener("input", () => put(model, name, Number(input.value)));
    model.on(`change:${name}`, follow);
    follow();
    row.append(element("span", "vae-lab-name", label), value, input);
    return row;
  },
  choice({ name, label, options }, model) {
    const row = element("label", "vae-lab-choice");
    const select = element("select");
    select.setAttribute("aria-label", label);
    select.append(...options.map((option) => element("option", "", option)));
    const follow = () => (select.selectedIndex = model.get(name));
    select.addEventListener("change", () => put(model, name, select.selectedIndex));
    model.on(`change:${name}`, follow);
    follow();
    row.append(element("span", "vae-lab-name", label), select);
    return row;
  },
  press({ name, label }, model) {
    const button = element("button", "vae-lab-press", label);
    button.type = "button";
    button.addEventListener("click", () => put(model, name, model.get(name) + 1));
    return button;
  },
};

function put(model, name, value) {
  model.set(name, value);
  model.save_changes();
}

export function element(tag, className = "", text = "") {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text) made.textContent = text;
  return made;
}
