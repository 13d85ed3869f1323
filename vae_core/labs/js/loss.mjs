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
const ROWS = ["test digits", "redrawn", "from the prior"];
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
  const axis = { x: 12, y: code.y + code.height + (narrow ? 54 : 52), width: width - 24, height: 0 };
  const left = narrow ? 1 : 112;
  const pitch = (width - left + 3) / SHOWN;
  const cell = Math.min(52, Math.floor(pitch - 3));
  const top = axis.y + (narrow ? 54 : 70);
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

  /** The values, one of the found losses having set the others; and it is your own again where another was changed. @param {Values} values @returns {Values} */
  function settle(values) {
    const preset = presets[values.found];
    const before = last;
    last = values;
    if (!preset || Object.entries(preset).every(([name, value]) => values[name] === value)) return values;
    if (!before || before.found !== values.found) {
      host?.take(preset);
      return (last = { ...values, ...preset });
    }
    host?.take({ found: 0 });
    return (last = { ...values, found: 0 });
  }

  return {
    height: (width) => arrange(width).height,

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
      const above = axis.y - (narrow ? 40 : 36);
      pen.text(narrow ? "β" : "β, the price of a nat of rate", 1, above, HEADING);
      if (squared) pen.text(`β = 1 for σ = ${told(std)}`, width - 1, above, { size: 13, align: "right" });
      pen.line([[axis.x, axis.y], [axis.x + axis.width, axis.y]], { colour: "muted", width: 1.5 });
      for (let power = DECADES[0]; power <= DECADES[1]; power++) {
        const x = to(power);
        pen.line([[x, axis.y - 4], [x, axis.y]], { colour: "muted" });
        if (power && (!narrow || Math.abs(power) > 2 && power % 2)) pen.text(raised(power), x, axis.y + 28, { ...SMALL, align: "center" });
      }
      pen.line([[to(0), axis.y - 22], [to(0), axis.y + 12]], { colour: "ink", width: 2 });
      pen.text("1, the ELBO", to(0), axis.y + 28, { size: 12, weight: 700, align: "center", halo: true });
      members.forEach((each, i) => pen.line([[toX(each.beta), axis.y + 3], [toX(each.beta), axis.y + (i === which ? 14 : 9)]], { colour: "accent", width: i === which ? 3 : 1.5 }));
      const inside = Math.min(axis.x + axis.width, Math.max(axis.x, toX(beta)));
      const off = Math.abs(toX(beta) - inside) > 0.5 ? (toX(beta) > inside ? 1 : -1) : 0;
      if (off) pen.beyond(told(beta), inside - 14 * off, axis.y - 16, /** @type {1 | -1} */ (off), { colour: "ink" });

      const heading = outside ? `beyond what was trained: drawn at β = ${told(member.beta)}` : `a model trained at β = ${told(member.beta)} draws`;
      pen.text(heading, 1, place.top - (narrow ? 6 : 12), narrow ? { ...HEADING, size: 12 } : HEADING);
      ROWS.forEach((name, row) => {
        const { y, label } = place.rows[row];
        pen.text(name, label.x, label.y, { ...SMALL, colour: "ink" });
        for (let k = 0; k < SHOWN; k++) {
          const source = row === 0 ? digits : pictures;
          pen.digit(source, place.left + k * place.pitch, y, cell, { side: SIDE, at: (k + (row === 2 ? SHOWN : 0)) * SIDE ** 2, pixel });
        }
      });

      const found = wanted[values.found];
      const notes = found
        ? [{ name: "Where", words: found[0] }, { name: "Does", words: found[1] }, { name: "Got", words: found[2] }]
        : [{ name: "Where", words: "In your own code. Say in the controls what it does; what it is for does not matter." }];
      const noise = squared ? ` It would be the ELBO of pixels with σ = ${told(std)}.` : "";
      const summary = `${names[values.found]}: ${lines.slice(1).join("; ")}. Its β is ${told(beta)}.${noise} ` +
        `${outside ? "Beyond what was trained; the" : "The"} model trained at β = ${told(member.beta)} has rate ${member.rate}, distortion ${member.distortion}, ` +
        `and uses ${member.active} of ${member.units} units.`;
      const foot = place.rows[2].y + cell;
      return {
        summary,
        tiles: [
          { name: "β", value: told(beta), note: Math.abs(Math.log(beta)) < HAIR ? "the ELBO" : beta > 1 ? "rate is dear" : "rate is cheap" },
          { name: "Rate", value: number(member.rate), note: "nats", mark: "rate" },
          { name: "Distortion", value: number(member.distortion), note: "nats", mark: "distortion" },
          { name: "In use", value: String(member.active), note: `of ${member.units} units` },
        ],
        handles: [{
          x: inside, y: axis.y, axis: "x", hint: "drag β",
          box: { x: axis.x - 8, y: axis.y - 22, width: axis.width + 16, height: 44 },
          move: (x) => ({ weight: nearest(weights, (weight * 10 ** back(x)) / beta), found: 0 }),
        }],
        regions: {
          code: { ...place.code, height: axis.y - (narrow ? 62 : 58) - place.code.y },
          axis: { x: 1, y: axis.y - (narrow ? 54 : 50), width: width - 2, height: narrow ? 88 : 82 },
          pictures: { x: 1, y: place.top - 22, width: width - 2, height: foot - place.top + 24 },
        },
        notes,
        data: { beta, trained: member.beta },
      };
    },
  };
}
