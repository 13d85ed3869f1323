// The row of buttons below a lab's picture: what to try, step by step; play; back to the beginning; a link to what is seen.

import { element } from "./controls.mjs";

/**
 * @typedef {{
 *   steps: Step[], home: Values,
 *   take: (values: Values) => void,
 *   watch: (names: string[]) => void,
 *   presses: HTMLElement[],
 *   folded: HTMLElement | null,
 *   player: {button: HTMLElement, stop: () => void} | null,
 *   link: (() => string) | null,
 * }} Bench  the values to begin with; what sets values, points out parts of the picture;
 *   the lab's own buttons; settings that are out of sight at first; what plays; what to send
 */

const MANY = 6; // steps: more have a line of their own

/** @param {Bench} bench */
export function buildTools({ steps, home, take, watch, presses, folded, player, link }) {
  const row = element("div", "vae-lab-tools"), tries = element("div", "vae-lab-tries");
  const many = steps.length > MANY;
  const said = element("p", "vae-lab-said");
  said.setAttribute("aria-live", "polite");
  const idle = steps.length ? `Try 1 to ${steps.length}: what to do, and what to watch.` : "";
  said.textContent = idle;
  // as high as the longest sentence, so that no step moves the controls; on a phone once a step was taken
  const room = element("div", "vae-lab-room");
  room.append(said, ...steps.map(({ words }) => {
    const unseen = element("p");
    unseen.append(...emphasised(words));
    unseen.setAttribute("aria-hidden", "true");
    return unseen;
  }));

  /** Set up a step, anew if it is the one in hand, or none. @param {number} i */
  function choose(i) {
    player?.stop();
    numbers.forEach((button, k) => button.setAttribute("aria-pressed", String(k === i)));
    said.replaceChildren(...emphasised(steps[i]?.words ?? idle));
    if (i >= 0) room.dataset.used = "";
    if (i >= 0) take({ ...home, ...steps[i].state });
    watch(i < 0 ? [] : steps[i].watch);
  }
  function reset() {
    choose(-1);
    take(home);
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

  const numbers = steps.map(({ words }, i) => {
    const button = tool(["", String(i + 1)], () => choose(i));
    button.setAttribute("aria-label", `${i + 1}: ${words.replaceAll("*", "")}`);
    button.setAttribute("aria-pressed", "false");
    return button;
  });
  if (many) tries.append(element("span", "vae-lab-name", "Try"), ...numbers);
  else if (steps.length) row.append(element("span", "vae-lab-name", "Try"), ...numbers);
  const space = element("span", "vae-lab-space");
  row.append(...(many ? [...presses, space] : [space, ...presses]));
  if (folded) row.append(folding(folded));
  if (player) row.append(player.button);
  row.append(tool(["↺", " Reset"], reset));
  if (link) {
    const copy = tool(["", "Link"], () => send(copy, link()));
    copy.addEventListener("blur", () => tell(copy, false));
    tell(copy, false);
    row.append(copy);
  }
  if (many) row.append(tries);
  return [...(folded ? [folded] : []), room, row]; // the buttons at the foot of the screen, where they stay while the sentence above them grows
}

/** A button that shows what is out of sight, and hides it again. @param {HTMLElement} panel */
function folding(panel) {
  panel.hidden = true;
  const button = tool(["⚙", " Settings"], () => {
    panel.hidden = !panel.hidden;
    button.setAttribute("aria-expanded", String(!panel.hidden));
  });
  button.classList.add("vae-lab-fold");
  button.setAttribute("aria-expanded", "false");
  return button;
}

/** What the button for a link says: whether it has been copied. @param {HTMLElement} button @param {boolean} done */
function tell(button, done) {
  button.toggleAttribute("data-done", done);
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
