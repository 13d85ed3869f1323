// What a lab calls its images: digits, unless the spec says otherwise (`called` in images.py).

/** @param {Named} spec */
export function wordsFor({ noun = "digit", classes = true }) {
  const digits = noun === "digit";
  const a = (/** @type {number} */ label) => `${label === 8 ? "an" : "a"} ${label}`;
  return {
    noun,
    digits,
    classes,
    /** One of a class: "a 4", "an 8", "class 4". @param {number} label */
    one: (label) => (digits ? a(label) : `class ${label}`),
    /** What so many are: "is a 4", "are 4s", "are of class 4". @param {number} label @param {number} count */
    are(label, count = 1) {
      if (!digits) return `${count === 1 ? "is" : "are"} of class ${label}`;
      return count === 1 ? `is ${a(label)}` : `are ${label}s`;
    },
  };
}
