"""axe-core on a page as it stands, by the script that axe-playwright-python carries."""

from importlib.resources import files

SCRIPT = (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
# Most of what axe-core costs are the thousands of words of code, which share a few looks, and the signs of formulas, which it
# cannot read: they are `content` of a style sheet, and hidden from a screen reader, which is told the formula itself. So while
# axe-core looks, a word of code whose colour, weight, size and ground were met in a word above it is plain text of its block,
# as wide as before, and formulas are not drawn. What scrolls is looked at without the tint at its edges, behind which axe-core
# cannot tell a colour.
RUN = """async () => {
  const look = (element, ...names) => names.map(name => getComputedStyle(element)[name]).join()
  const ground = element => {
    const colours = []
    for (let at = element; at; at = at.parentElement) colours.push(look(at, 'backgroundColor', 'backgroundImage', 'opacity'))
    return colours.join(' ')
  }
  const met = new Set(), whole = []
  const show = (element, content) => {
    whole.push([element, [...element.childNodes]])
    element.replaceChildren(...content)
  }
  for (const block of document.querySelectorAll('pre')) {
    if (!block.checkVisibility({ visibilityProperty: true })) continue
    const below = ground(block)
    const isNew = word => {
      const before = met.size
      return met.add(below + look(word, 'color', 'backgroundColor', 'fontSize', 'fontWeight', 'opacity')).size > before
    }
    const words = [...block.childNodes].map(word => word.childElementCount || (word.localName && isNew(word)) ? word.cloneNode(true) : word.textContent)
    show(block, words)
    block.normalize()
  }
  const plain = document.head.appendChild(document.createElement('style'))
  plain.textContent = '.bd-article [tabindex="0"] { background-image: none !important }'
  for (const drawing of document.querySelectorAll('mjx-math[aria-hidden=true]')) show(drawing, [])
  try {
    const { violations, passes } = await axe.run(document, { resultTypes: ['violations'] })
    return {
      passed: passes.length,
      violations: violations.flatMap(({ id, impact, nodes }) => nodes.map(node =>
        `${id} (${impact}) at ${node.target.join(' ')}: ${node.failureSummary.replaceAll('\\n', ' ')}`)),
    }
  } finally {
    plain.remove()
    for (const [element, content] of whole) element.replaceChildren(...content)
  }
}"""


def violations(page):
    """What axe-core finds, and how many of its rules the page passes."""
    if not page.evaluate("!!window.axe"):
        page.evaluate(SCRIPT)
    result = page.evaluate(RUN)
    return result["violations"], result["passed"]
