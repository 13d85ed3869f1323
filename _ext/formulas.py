"""Formulas, set while the book is built: a page carries what MathJax would have made of its TeX, and no MathJax.

Node.js comes with Playwright's package, MathJax with `sphinx-mathjax-offline`. In the reader's browser the same formulas
cost 250 kB of script and fonts and, on a phone, seconds of work, at the end of which the text moves. The MathML for screen
readers stays; readers without scripts see formulas too.
"""

import html
import json
import re
import subprocess
import sys
from pathlib import Path

from fonts import as_url, cut, folder_of
from sphinx.errors import ExtensionError

ELEMENT = re.compile(
    r"(?P<before>[(\[“]*)"
    r'(?P<element><(?P<tag>span|div) class="(?:amsmath )?math notranslate nohighlight"[^>]*>.*?</(?P=tag)>)'
    r"(?P<after>[.,:;?!)\]’”…]*)",
    re.DOTALL,
)
TEX = re.compile(r"\\\((?P<inline>.*)\\\)|\\\[(?P<display>.*)\\\]|(?P<environment>\\begin\{.*\})", re.DOTALL)
RULE = re.compile(r"^([^{}]*?)\s*\{([^{}]*)\}", re.MULTILINE)
CONTENT = re.compile(r'content: ?"((?:[^"\\]|\\.)*)"')
ESCAPE = re.compile(r"\\([0-9A-Fa-f]+) ?")
FACE = re.compile(r'font-family: ([\w-]+);\s*src: url\("fonts/([\w-]+\.woff)"\)')
# so large that an x, 0.442 of TeX's letters' size, is as high as an x of the text around
SIZE = 'mjx-container[jax="CHTML"] { font-size: calc(1ex / 0.442); }\n'


def set_formulas(pages, macros):
    """The pages, {path: text}, with each formula as HTML and MathML; and MathJax's style sheet, whole.

    Raises:
        ExtensionError: TeX that MathJax cannot set.
    """
    wanted = sorted({tex_of(found["element"]) for text in pages.values() for found in ELEMENT.finditer(text)})
    mathjax = folder_of("sphinx-mathjax-offline") / "static" / "mathjax"
    node = folder_of("playwright") / "driver" / ("node.exe" if sys.platform == "win32" else "node")
    task = json.dumps({"mathjax": mathjax.as_posix(), "macros": macros, "formulas": wanted})
    script = Path(__file__).with_suffix(".cjs")
    done = subprocess.run([node, script], input=task, capture_output=True, encoding="utf-8")
    if done.returncode:
        raise ExtensionError(f"a formula cannot be set: {done.stderr.strip()}")
    result = json.loads(done.stdout)
    html_of = dict(zip(wanted, result["set"], strict=True))

    def put(found):
        before, element, after = found["before"], found["element"], found["after"]
        formula = before + TEX.sub(lambda _: html_of[tex_of(element)], element) + after
        # a browser may begin a line behind a formula even with the full stop that ends its sentence
        return f'<span class="together">{formula}</span>' if found["tag"] == "span" and before + after else formula

    return {path: ELEMENT.sub(put, text) for path, text in pages.items()}, SIZE + result["css"]


def tex_of(element):
    """The TeX of an element, and whether it stands on a line of its own."""
    if not (found := TEX.search(element)):
        raise ExtensionError(f"a formula cannot be found in {element!r}")
    return html.unescape(found[found.lastgroup or 0]), found.lastgroup != "inline"


def with_fonts(css):
    """The style sheet with its fonts inside, each cut to the characters that its rules write."""
    folder = folder_of("sphinx-mathjax-offline") / "static" / "mathjax" / "output" / "chtml" / "fonts" / "woff-v2"
    named, codes = set(), {}
    for selector, body in RULE.findall(css):
        if selector.startswith("@font-face"):
            continue
        named.update(re.findall(r"MJX[\w-]+", body))
        if written := CONTENT.search(body):
            text = ESCAPE.sub(lambda code: chr(int(code[1], 16)), written[1])
            font = re.search(r"\.(TEX-\w+)", selector)  # a part of a tall bracket says none: any may have it
            for family in [f"MJX{font[1]}"] if font else ["MJXTEX", "MJXTEX-S1", "MJXTEX-S4", "MJXTEX-A"]:
                codes.setdefault(family, set()).update(map(ord, text))

    def embed(rule):
        if not (face := FACE.search(rule[2])):
            return rule[0]
        family, file = face.groups()
        if family not in named:
            return ""
        font = cut(folder / file, codes[family]) if family in codes else (folder / file).read_bytes()
        return f"@font-face{{font-family:{family};src:{as_url(font)}}}" if font else ""

    return RULE.sub(embed, css)
