"""axe-core on a page as it stands, by the script that axe-playwright-python carries."""

from importlib.resources import files

SCRIPT = (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
# Most of what axe-core costs is the contrast of thousands of equal words. So it judges the contrast of the first element of each
# look alone: its colour, weight and size, and how it and all around it are painted and placed. A second run judges every one if
# axe-core could not tell of the first. Of code even the words that follow are plain text of their block, as wide as before.
# Formulas are not drawn, for axe-core cannot read their signs: they are `content` of a style sheet, and hidden from a screen
# reader, which is told the formula itself. What scrolls is looked at without the tint at its edges, behind which axe-core
# cannot tell a colour.
RUN = """async () => {
  const grounds = new Map()
  const ground = element => {
    if (!element) return ''
    if (!grounds.has(element)) {
      const { backgroundColor, backgroundImage, opacity, position, left, top, clip, clipPath } = getComputedStyle(element)
      const own = [backgroundColor, backgroundImage, opacity, position, left, top, clip, clipPath].join()
      grounds.set(element, ground(element.parentElement) + ' ' + own)
    }
    return grounds.get(element)
  }
  const look = element => {
    const { color, fontSize, fontWeight, textShadow } = getComputedStyle(element)
    return ground(element) + [color, fontSize, fontWeight, textShadow].join()
  }
  const inSight = element => element.checkVisibility({ visibilityProperty: true })
  const shown = []  // read first and changed at once: each look after a change would have the page laid out again
  const met = new Set()
  for (const block of document.querySelectorAll('pre')) {
    if (!inSight(block)) continue
    const words = []
    let text = ''
    for (const word of block.childNodes) {
      const before = met.size
      if (word.childElementCount || (word.localName && met.add(look(word)).size > before)) {
        words.push(text, word.cloneNode(true))
        text = ''
      } else text += word.textContent
    }
    shown.push([block, [...words, text]])
  }
  for (const drawing of document.querySelectorAll('mjx-math[aria-hidden=true]')) shown.push([drawing, []])
  const whole = shown.map(([element]) => [element, [...element.childNodes]])
  for (const [element, content] of shown) element.replaceChildren(...content)
  const plain = document.head.appendChild(document.createElement('style'))
  plain.textContent = '.bd-article [tabindex="0"] { background-image: none !important }'

  met.clear()
  grounds.clear()
  const like = []
  for (const element of document.body.querySelectorAll('*')) {
    const text = [...element.childNodes].map(node => node.nodeType === Node.TEXT_NODE ? node.data : '').join('')
    if (!text.trim() || !inSight(element)) continue
    if (/^\\P{L}$/u.test(text.trim())) like.push(element)  // a sign alone, of which axe-core can only say that it cannot tell
    if (element.closest('button, label, select, [aria-disabled], [inert]')) continue
    if (met.has(look(element))) like.push(element)
    else if (/[\\p{L}\\p{N}]{2}/u.test(text)) met.add(look(element))
  }
  try {
    for (const element of like) element.setAttribute('data-like', '')
    axe.configure({ rules: [{ id: 'color-contrast', selector: ':not([data-like])' }] })
    const { violations, passes, incomplete } = await axe.run(document, { resultTypes: ['violations', 'incomplete'] })
    for (const element of like) element.removeAttribute('data-like')
    if (incomplete.some(({ id }) => id === 'color-contrast')) {
      violations.push(...(await axe.run(document, { runOnly: ['color-contrast'] })).violations)
    }
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
