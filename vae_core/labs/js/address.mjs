// A lab's state in the page's address: #ManifoldLab~z1=0.4~z2=-1&PosteriorLab.2~digit=3. Only what is not as it began stands there.

import { snap } from "./controls.mjs";

/**
 * The state that an address holds for a lab: null where it has none, or one that cannot be.
 * @param {string} hash @param {string} key @param {Control[]} controls @returns {Values | null}
 */
export function readAddress(hash, key, controls) {
  const entry = hash.slice(1).split("&").find((part) => part.split("~")[0] === key);
  if (entry === undefined) return null;
  /** @type {Values} */
  const values = {};
  for (const part of entry.split("~").slice(1)) {
    const [name, text] = part.split("=");
    const control = controls.find((one) => one.name === name);
    const value = text ? Number(text) : NaN;
    if (!control || !standsAt(control, value)) return null;
    values[name] = control.kind === "slider" ? snap(control, value) : value;
  }
  return values;
}

/** Whether a control can have this value. @param {Control} control @param {number} value */
function standsAt(control, value) {
  if (control.kind === "slider") return value >= control.min && value <= control.max;
  const most = control.kind === "choice" ? control.options.length - 1 : control.kind === "press" ? 1e6 : -1;
  return Number.isInteger(value) && value >= 0 && value <= most;
}

/**
 * The address with a lab's state in it in place of an earlier one; what does not speak of labs is left out.
 * @param {string} hash @param {string} key @param {Values} values @param {Values} home  where the controls began
 */
export function writeAddress(hash, key, values, home) {
  const others = hash.slice(1).split("&").filter((part) => part.includes("~") && part.split("~")[0] !== key);
  const changed = Object.keys(home).filter((name) => typeof values[name] === "number" && values[name] !== home[name]);
  const own = [key, ...changed.map((name) => `${name}=${values[name]}`)].join("~");
  return "#" + (changed.length ? [...others, own] : others).join("&");
}

/** What this lab is called in the address: its kind, and which of that kind on the page. @param {HTMLElement} root */
export function keyOf(root) {
  const { kind } = root.dataset;
  const place = [...document.querySelectorAll(`.vae-lab[data-kind="${kind}"]`)].indexOf(root);
  return place > 0 ? `${kind}.${place + 1}` : `${kind}`;
}
