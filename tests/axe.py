"""axe-core on a page as it stands, by the script that axe-playwright-python carries."""

from importlib.resources import files

SCRIPT = (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
# Contrast is most of what axe-core costs, and code most of that. Thousands of its words share a few colours, so a block whose
# every colour, weight, size and ground was met in a block above it is left out, of this one rule.
RUN = """async rules => {
  const look = (element, ...names) => names.map(name => getComputedStyle(element)[name]).join()
  const ground = element => {
    const colours = []
    for (let at = element; at; at = at.parentElement) colours.push(look(at, 'backgroundColor', 'backgroundImage', 'opacity'))
    return colours.join(' ')
  }
  const met = new Set(), repeats = []
  for (const block of document.querySelectorAll('pre')) {
    if (!block.checkVisibility({ visibilityProperty: true })) continue
    const below = ground(block)
    const looks = [block, ...block.querySelectorAll('*')].map(word =>
      below + look(word, 'color', 'backgroundColor', 'fontSize', 'fontWeight', 'opacity'))
    if (looks.every(one => met.has(one))) repeats.push(block)
    else for (const one of looks) met.add(one)
  }
  const found = []
  const run = async (context, options) => {
    const { violations, passes } = await axe.run(context, { resultTypes: ['violations'], ...options })
    found.push(...violations.flatMap(({ id, impact, nodes }) => nodes.map(node =>
      `${id} (${impact}) at ${node.target.join(' ')}: ${node.failureSummary.replaceAll('\\n', ' ')}`)))
    return passes.length
  }
  let passed = await run({ include: [document], exclude: repeats }, { runOnly: ['color-contrast'] })
  if (rules === 'all') {
    passed += await run(document, { rules: { 'color-contrast': { enabled: false } } })
  }
  return { passed, violations: found }
}"""


def violations(page, rules="all"):
    """What axe-core finds by "all" of its rules, or by "contrast" alone, which a theme can break; how many the page passes."""
    if not page.evaluate("!!window.axe"):
        page.evaluate(SCRIPT)
    result = page.evaluate(RUN, rules)
    return result["violations"], result["passed"]
