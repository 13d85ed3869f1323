// LossLab: three lines of PyTorch, the β that they hide, and what a trained model of about that β makes of test digits and of the
// prior. The lines themselves, and the numbers and pictures of the models, come from Python (accounting.py, loss.py).

import { HEADING, number, scale, SMALL } from "./draw.mjs";
import { unpackFour } from "./four.mjs";

/**
 * @typedef {{beta: number, rate: number, distortion: number, active: number, units: number, drawn: Ref}} Member  of the family
 * @typedef {{
 *   pixels: number[], counts: [number[], number[]], weights: number[], found: Record<string, [string, string, string]>,
 *   code: {error: string[][], kl: string, loss: string[]}, settings: Record<string, Values>, images: Ref, models: Member[][], controls: Choice[],
 * }} LossSpec
 */

const SIDE = 28;
const SHOWN = 10; // digits in a row
const DECADES = [-5, 5]; // of the axis of β
const SQUARED = 1; // the second of the errors
const OWN = [{ name: "Where", words: "In your own code. Say in the controls what it does; what it is for does not matter." }];
const ROWS = ["test digits", "redrawn", "from the prior"];
const HANDLE = { size: 13, weight: 700 }; // as of a handle's hint
const FLAWLESS = SIDE ** 2 / 2 * Math.log(2 * Math.PI); // nats: a squared error's distortion where every drawing is perfect
const HAIR = 1e-9; // what two β of the same loss may differ by, in their logarithm

/**
 * The β for which distortion + β · rate has the minimum of this loss: each term is its sum over everything, divided by something.
 * @param {{squared: boolean, over: number, kl: number, weight: number, pixels: number, units: number, batch: number}} loss
 *   `over` and `kl` count through OVER and KL of accounting.py
 */
export function betaOf({ squared, over, kl, weight, pixels, units, batch }) {
  const error = [1, batch, pixels, batch * pixels][over];
  const rate = [1, batch, units, batch * units, pixels, batch * pixels][kl];
  return (weight * error) / rate / (squared ? 2 : 1);
}

/** Where a loss was found, what it does and who got what. @param {[string, string, string]} found */
const notesOf = (found) => ["Where", "Does", "Got"].map((name, i) => ({ name, words: found[i] }));

/** Where in `betas` the one is that is nearest to `beta` in its logarithm. @param {number[]} betas @param {number} beta */
export function nearest(betas, beta) {
  const far = betas.map((each) => Math.abs(Math.log(each / beta)));
  return far.indexOf(Math.min(...far));
}

/** A β in words: three digits that count, and powers of ten for what is very small. @param {number} beta */
export function told(beta) {
  if (beta >= 1000) return Math.round(beta).toLocaleString("en-US");
  if (beta >= 0.01) return String(Number(beta.toPrecision(3)));
  const power = Math.floor(Math.log10(beta) + HAIR);
  return `${Number((beta / 10 ** power).toPrecision(2))} × ${raised(power)}`;
}

/** 10⁻⁵ @param {number} power */
const raised = (power) => `10${String(power).replace(/./g, (sign) => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(sign)])}`;

/** A line in pieces of at most so many letters, broken after a bracket or before a sign, with the rest set in. @param {string} line @param {number} most */
export function broken(line, most) {
  const pieces = [];
  let rest = line;
  while (rest.length > most) {
    const open = rest.lastIndexOf("(", most - 1) + 1, sign = rest.lastIndexOf(" / ", most) + 1 || rest.lastIndexOf(" * ", most) + 1;
    const at = Math.max(sign, 0) || open;
    if (at < 12) break;
    pieces.push(rest.slice(0, at).trimEnd());
    rest = `    ${rest.slice(at)}`;
  }
  return [...pieces, rest];
}

/** Where things stand at this width: the code, the axis below it, and three rows of digits. @param {number} width */
export function arrange(width) {
  const narrow = width < 560;
  const line = narrow ? 15 : 18;
  const code = { x: 1, y: 1, width: width - 2, height: (narrow ? 5 : 4) * line + 8 };
  const axis = { x: 12, y: code.y + code.height + (narrow ? 54 : 56), width: width - 24, height: 0 };
  const left = narrow ? 1 : 112;
  const pitch = (width - left + 3) / SHOWN;
  const cell = Math.min(52, Math.floor(pitch - 3));
  const top = axis.y + (narrow ? 66 : 72);
  const step = cell + (narrow ? 17 : 5);
  const rows = ROWS.map((_, i) => ({ y: top + i * step + (narrow ? 14 : 0), label: narrow ? { x: 1, y: top + i * step + 11 } : { x: 1, y: top + i * step + cell / 2 + 4 } }));
  return { narrow, line, code, axis, left, pitch: Math.min(pitch, cell + 5), cell, top, rows, height: rows[2].y + cell + 4 };
}

/** @type {Create<LossSpec>} */
export function create(spec, read, host) {
  const { controls, code, weights } = spec;
  const digits = unpackFour(read(spec.images));
  const drawn = spec.models.map((members) => members.map((member) => unpackFour(read(member.drawn))));
  const names = controls[0].options;
  const wanted = names.map((name) => spec.found[name] ?? null);
  const presets = names.map((name) => spec.settings[name] ?? null);
  const pixel = (/** @type {number} */ byte) => byte / 255;
  /** @type {Values | null} */
  let last = null;

  const same = (/** @type {Values | null} */ preset, /** @type {Values} */ values) => preset !== null && Object.entries(preset).every(([name, value]) => values[name] === value);

  /** The values, one of the found losses having set the others; where another was changed, it is called what it is now. @param {Values} values @returns {Values} */
  function settle(values) {
    const preset = presets[values.found];
    const before = last;
    last = values;
    if (same(preset, values)) return values;
    if (preset && before?.found !== values.found) {
      host?.take(preset);
      return (last = { ...values, ...preset });
    }
    const changed = before && Object.entries(values).some(([name, value]) => name !== "found" && before[name] !== value);
    if (!changed && !preset) return values; // your own, and chosen by that name
    const found = Math.max(0, presets.findIndex((each) => same(each, values)));
    if (found !== values.found) host?.take({ found });
    return (last = { ...values, found });
  }

  return {
    height: (width) => arrange(width).height,
    room: Object.values(spec.found).map(notesOf),

    paint(pen, given, width) {
      const values = settle(given);
      const place = arrange(width);
      const { narrow, axis, cell } = place;
      const squared = values.error === SQUARED;
      const weight = weights[values.weight], pixels = spec.pixels[values.size];
      const [units, batch] = [spec.counts[0][values.units], spec.counts[1][values.batch]];
      const loss = { squared, over: values.over, kl: values.kl, weight, pixels, units, batch };
      const beta = betaOf(loss);
      const members = spec.models[values.error];
      const betas = members.map((member) => member.beta);
      const which = nearest(betas, beta);
      const member = members[which], pictures = drawn[values.error][which];
      const outside = beta > 1.5 * betas[betas.length - 1] || beta < betas[0] / 1.5;
      const std = Math.sqrt(beta);
      const untouched = controls.every(({ name, value }) => values[name] === value); // then the handle's hint has the number

      const times = weight === 1 ? "" : `${spec.controls[5].options[values.weight]} * `;
      const lines = [
        `# x is (${batch}, ${pixels}), mean and log_var are (${batch}, ${units})`,
        code.error[values.error][values.over], code.kl, `loss = error + ${times}${code.loss[values.kl]}`,
      ];
      const most = narrow ? Math.floor((width - 6) / 6.1) : 200;
      const font = pen.font;
      pen.font = "ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace";
      lines.flatMap((each) => broken(each, most)).forEach((words, i) => {
        pen.text(words, place.code.x + 2, place.code.y + (i + 0.8) * place.line, { size: narrow ? 10 : 13, colour: words.startsWith("#") ? "muted" : "ink" });
      });
      pen.font = font;

      const to = scale(DECADES, [axis.x, axis.x + axis.width]);
      const back = scale([axis.x, axis.x + axis.width], DECADES);
      const toX = (/** @type {number} */ value) => to(Math.log10(value));
      const above = axis.y - 40;
      pen.text(narrow ? "β" : "β, the price of a nat of rate", 1, above, HEADING);
      if (squared) pen.text(`β = 1 for σₓ = ${told(std)}`, width - 1, above, { size: 13, align: "right" });
      pen.line([[axis.x, axis.y], [axis.x + axis.width, axis.y]], { colour: "muted", width: 1.5 });
      for (let power = DECADES[0]; power <= DECADES[1]; power++) {
        const x = to(power);
        pen.line([[x, axis.y - 4], [x, axis.y]], { colour: "muted" });
        if (power && (!narrow || Math.abs(power) > 2 && power % 2)) pen.text(raised(power), x, axis.y + 28, { ...SMALL, align: "center" });
      }
      const [least, largest] = [weights[0], weights[weights.length - 1]].map((each) => Math.min(axis.x + axis.width, Math.max(axis.x, toX(beta / weight * each))));
      pen.box(least, axis.y - 3, largest - least, 6, { fill: "accent", alpha: 0.3, radius: 3 });
      pen.line([[to(0), axis.y - 18], [to(0), axis.y + 12]], { colour: "ink", width: 2 });
      pen.text("1, the ELBO", to(0), axis.y + 28, { size: 12, weight: 700, align: "center", halo: true });
      members.forEach((each, i) => pen.line([[toX(each.beta), axis.y + 3], [toX(each.beta), axis.y + (i === which ? 14 : 9)]], { colour: "accent", width: i === which ? 3 : 1.5 }));
      const inside = Math.min(axis.x + axis.width, Math.max(axis.x, toX(beta)));
      const off = Math.abs(toX(beta) - inside) > 0.5 ? (toX(beta) > inside ? 1 : -1) : 0;
      const name = `β = ${told(beta)}`;
      const half = pen.measure(name, HANDLE) / 2 + 2;
      if (off) pen.beyond(name, inside, axis.y - 22, /** @type {1 | -1} */ (off), { colour: "accent", size: 13 });
      else if (!untouched) pen.text(name, Math.min(width - half, Math.max(half, inside)), axis.y - 22, { ...HANDLE, colour: "accent", align: "center", halo: true });

      const heading = `a small MNIST network ${outside ? "" : "trained "}at β = ${told(member.beta)}${outside ? ": none beyond" : ""}`;
      pen.text(heading, 1, place.top - (narrow ? 6 : 12), narrow ? { ...HEADING, size: outside ? 11 : 12 } : HEADING);
      ROWS.forEach((name, row) => {
        const { y, label } = place.rows[row];
        pen.text(name, label.x, label.y, { ...SMALL, colour: "ink" });
        for (let k = 0; k < SHOWN; k++) {
          const source = row === 0 ? digits : pictures;
          pen.digit(source, place.left + k * place.pitch, y, cell, { side: SIDE, at: (k + (row === 2 ? SHOWN : 0)) * SIDE ** 2, pixel });
        }
      });

      const found = wanted[values.found];
      const notes = found ? notesOf(found) : OWN;
      const noise = squared ? ` It would be the ELBO of pixels with σₓ = ${told(std)}.` : "";
      const constant = squared ? `, of which ${number(FLAWLESS)} whatever is drawn` : "";
      const summary = `${names[values.found]}: ${lines.slice(1).join("; ")}. Its β is ${told(beta)}.${noise} ` +
        `${outside ? "Beyond what was trained; the" : "The"} model trained at β = ${told(member.beta)} has rate ${member.rate}, distortion ${member.distortion}${constant}, ` +
        `and uses ${member.active} of ${member.units} units.`;
      const there = `at β = ${told(member.beta)}`.replaceAll(" ", "\u00a0"); // breaks before it
      const line = { x: 1, y: axis.y - 54, width: width - 2, height: narrow ? 88 : 86 };
      const shown = place.top - (narrow ? 20 : 26);
      const foot = place.rows[2].y + cell;
      return {
        summary,
        tiles: [
          { name: "β", value: told(beta), note: Math.abs(Math.log(beta)) < HAIR ? "the ELBO" : beta > 1 ? "rate is dear" : "rate is cheap" },
          { name: "Rate", value: number(member.rate), note: `nats, ${there}`, mark: "rate" },
          squared
            ? { name: "Distortion", value: number(member.distortion - FLAWLESS), note: `+ ${number(FLAWLESS)}, ${there}`, mark: "distortion" }
            : { name: "Distortion", value: number(member.distortion), note: `nats, ${there}`, mark: "distortion" },
          { name: "In use", value: String(member.active), note: `of ${member.units}, ${there}` },
        ],
        handles: [{
          x: inside, y: axis.y, axis: "x", hint: off ? "drag" : `drag ${name}`,
          box: { x: axis.x - 8, y: axis.y - 22, width: axis.width + 16, height: 44 },
          move: (x) => ({ weight: nearest(weights, (weight * 10 ** back(x)) / beta), found: 0 }),
        }],
        regions: {
          code: { ...place.code, height: axis.y - 62 - place.code.y },
          axis: line,
          reading: narrow ? line : { ...line, y: place.code.y, height: line.y + line.height - place.code.y }, // a phone has no room for the code
          pictures: { x: 1, y: shown, width: width - 2, height: foot - shown + 2 },
        },
        notes,
        data: { beta, trained: member.beta },
      };
    },
  };
}
