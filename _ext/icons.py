"""Icons with no other host: of the theme's Font Awesome (0.8 MB compressed) the handful of glyphs that the pages show."""

import re

from fonts import as_url, cut, folder_of

RULES = """\
:root {
  --fa-font-solid: normal 900 1em/1 "Font Awesome 6 Free";
  --fa-font-brands: normal 400 1em/1 "Font Awesome 6 Brands";
}
.fa-solid, .fas, .fa-brands, .fab { display: inline-block; font: var(--fa-font-solid); text-rendering: auto; }
.fa-brands, .fab { font: var(--fa-font-brands); }
.fa-lg { font-size: 1.25em; line-height: .05em; vertical-align: -.075em; }
"""


def sheet_of_icons(words):
    """A style sheet with the icons among these words, and those that the theme's own style sheets write."""
    theme = folder_of("pydata_sphinx_theme") / "theme" / "pydata_sphinx_theme" / "static"
    vendor = next((theme / "vendor" / "fontawesome").iterdir())  # one folder, named after its version
    rules = re.findall(
        r'((?:\.fa-[\w-]+:before,?)+)\{content:"\\(\w+)"\}',
        (vendor / "css" / "all.min.css").read_text(encoding="utf-8"),
    )
    code_of = {name: code for names, code in rules for name in re.findall(r"fa-[\w-]+", names)}
    names = sorted(words & code_of.keys())
    styles = "".join(path.read_text(encoding="utf-8") for path in (theme / "styles").glob("*.css"))
    codes = {int(code_of[name], 16) for name in names} | {ord(char) for char in styles if "\ue000" <= char <= "\uf8ff"}

    faces = ""
    for family, weight, file in (("Free", 900, "fa-solid-900.ttf"), ("Brands", 400, "fa-brands-400.ttf")):
        if font := cut(vendor / "webfonts" / file, codes):
            faces += f'@font-face {{ font-family: "Font Awesome 6 {family}"; font-weight: {weight}; '
            faces += f"src: {as_url(font)}; }}\n"
    return faces + RULES + "".join(f'.{name}::before {{ content: "\\{code_of[name]}"; }}\n' for name in names)
