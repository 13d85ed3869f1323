// The row of buttons below a lab's picture: what to try, step by step; play; back to the beginning; a link to what is seen.

import { element } from "./controls.mjs";

/**
 * @typedef {{
 *   steps: Step[], home: Values,
 *   take: (values: Values, whole?: boolean) => void,
 *   watch: (names: string[]) => void,
 *   near: HTMLElement, lines: (values: Values) => HTMLElement[],
 *   presses: HTMLElement[],
 *   folded: HTMLElement | null,
 *   player: {button: HTMLElement, stop: () => void} | null,
 *   link: (() => string) | null,
 * }} Bench  the values to begin with; what sets values, points out parts of the picture; what the lab
 *   says after a step's sentence, and what it will say at these values;
 *   the lab's own buttons; settings that are out of sight at first; what plays; what to send
 */

const MANY = 6; // steps: more have a line of their own

/** @param {Bench} bench */
export function buildTools({ steps, home, take, watch, near, lines, presses, folded, player, link }) {
  const row = element("div", "vae-lab-tools"), tries = element("div", "vae-lab-tries");
  const many = steps.length > MANY;
  const said = element("p", "vae-lab-said");
  said.setAttribute("aria-live", "polite");
  const idle = steps.length ? `Try 1 to ${steps.length}: what to do, and what to watch.` : "";
  said.textContent = idle;
  said.dataset.idle = "";
  near.setAttribute("aria-live", "polite");
  // as high as the longest sentence, so that no step moves the controls; on a phone once a step was taken
  const room = element("div", "vae-lab-room");
  const seen = element("div");
  seen.append(said, near);
  room.append(seen, ...steps.map(({ words, state }) => {
    const unseen = element("div"), after = element("div", "vae-lab-lines"), sentence = element("p");
    sentence.append(...emphasised(words));
    after.append(...lines({ ...home, ...state }));
    unseen.append(sentence, after);
    unseen.setAttribute("aria-hidden", "true");
    return unseen;
  }));

  /** Set up a step, anew if it is the one in hand, or none. @param {number} i */
  function choose(i) {
    player?.stop();
    numbers.forEach((button, k) => button.setAttribute("aria-pressed", String(k === i)));
    said.replaceChildren(...emphasised(steps[i]?.words ?? idle));
    said.toggleAttribute("data-idle", i < 0);
    settings?.fold(false); // it would cover what the step is about
    if (i >= 0) room.dataset.used = "";
    if (i >= 0) take({ ...home, ...steps[i].state });
    watch(i < 0 ? [] : steps[i].watch);
  }
  function reset() {
    choose(-1);
    take(home, true);
  }
  /** @param {HTMLElement} button @param {string} address */
  async function send(button, address) {
    try {
      await navigator.clipboard.writeText(address);
      tell(button, true);
    } catch { // no permission: there to be copied by hand
      const field = Object.assign(element("input"), { value: address, readOnly: true });
      field.setAttribute("aria-label", "The link to this state");
      said.replaceChildren(field);
      field.select();
    }
  }

  const settings = folded && folding(folded);
  const numbers = steps.map(({ words }, i) => {
    const button = tool(["", String(i + 1)], () => choose(i));
    button.title = words.replaceAll("*", "");
    button.setAttribute("aria-label", `${i + 1}: ${button.title}`);
    button.setAttribute("aria-pressed", "false");
    return button;
  });
  if (many) tries.append(element("span", "vae-lab-name", "Try"), ...numbers);
  else if (steps.length) row.append(element("span", "vae-lab-name", "Try"), ...numbers);
  const space = element("span", "vae-lab-space");
  row.append(...(many ? [...presses, space] : [space, ...presses]));
  if (settings) row.append(settings.button);
  if (player) row.append(player.button);
  row.append(tool(["↺", " Reset"], reset));
  if (link) {
    const copy = tool(["", ""], () => send(copy, link()));
    copy.addEventListener("blur", () => tell(copy, false));
    tell(copy, false);
    row.append(copy);
  }
  if (many) row.append(tries);
  return [...(folded ? [folded] : []), room, row]; // the buttons at the foot of the screen, where they stay while the sentence above them grows
}

/** A button that shows what is out of sight and hides it again, and what does the same. @param {HTMLElement} panel */
function folding(panel) {
  const fold = (/** @type {boolean} */ open) => {
    panel.hidden = !open;
    button.setAttribute("aria-expanded", String(open));
  };
  const button = tool(["⚙", " Settings"], () => fold(Boolean(panel.hidden)));
  button.classList.add("vae-lab-fold");
  panel.classList.add("vae-lab-folded");
  fold(false);
  return { button, fold };
}

/** What the button for a link says: whether it has been copied. @param {HTMLElement} button @param {boolean} done */
function tell(button, done) {
  button.style.minWidth = done ? `${button.offsetWidth}px` : ""; // the buttons beside it stay
  button.toggleAttribute("data-done", done);
  label(button, ["", done ? "Copied" : "Link"]);
  button.setAttribute("aria-label", done ? "Copied: a link to this state" : "Copy a link to this state");
}

/** A button with a sign, and a word that a phone leaves to be read aloud. @param {[string, string]} words @param {() => void} act */
export function tool(words, act) {
  const button = element("button", "vae-lab-tool");
  button.type = "button";
  label(button, words);
  button.addEventListener("click", act);
  return button;
}

/** @param {HTMLElement} button @param {[string, string]} words */
export function label(button, [sign, word]) {
  const signed = element("span", "", sign);
  signed.setAttribute("aria-hidden", "true");
  button.replaceChildren(...(sign ? [signed] : []), element("span", sign ? "vae-lab-word" : "", word));
}

/** Words with what stands between stars set off, as steps have the names of controls. @param {string} words */
function emphasised(words) {
  return words.split("*").map((part, i) => (i % 2 ? element("b", "", part) : part));
}
