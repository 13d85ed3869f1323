"""axe-core on a page as it stands, by the script that axe-playwright-python carries."""

from importlib.resources import files

SCRIPT = (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
RUN = """async rules => {
  const only = rules ? { runOnly: rules } : {}
  const { violations, passes } = await axe.run(document, { resultTypes: ['violations'], ...only })
  return { passed: passes.length, violations: violations.flatMap(({ id, impact, nodes }) => nodes.map(node =>
    `${id} (${impact}) at ${node.target.join(' ')}: ${node.failureSummary.replaceAll('\\n', ' ')}`)) }
}"""
CONTRAST = ["color-contrast"]
"""The one rule that a change of theme can break."""


def violations(page, rules=None):
    """What axe-core finds by these rules (by all of them if None), and how many of its rules the page passes."""
    if not page.evaluate("!!window.axe"):
        page.evaluate(SCRIPT)
    result = page.evaluate(RUN, rules)
    return result["violations"], result["passed"]
