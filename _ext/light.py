"""A page that is quick on a slow phone: what its reader needs first comes first, and what nobody needs not at all.

Once Sphinx has written the pages, formulas are set (`formulas.py`), thirteen style sheets become one without the rules that
no page uses (`styles.py`, `icons.py`), sixteen scripts one at the page's end, and each lab's weights a file of their own: the
text is there before any of them, then the first lab, and the rest as `_static/later.js` has it. Scripts are plain ones,
never modules or `fetch`, so that all of it works from a folder.
"""

import hashlib
import json
import re
import shutil
from pathlib import Path

import imagesize
from formulas import set_formulas, with_fonts
from icons import sheet_of_icons
from sphinx.ext.mathjax import html_visit_displaymath, html_visit_math
from styles import cut

OURS = Path(__file__).parents[1] / "_static"
COMPOSED = {"bs-tooltip-auto"}  # a class whose name Bootstrap's script puts together
LAB = re.compile(
    r'(<div class="vae-lab" data-lab="(\w+)"[^>]*)(>.*?)<script type="application/json">(.*?)</script>'
    r'<script type="module">(.*?)</script></div>',
    re.DOTALL,
)
# a lab's numbers and code, as they stood in the page; and the numbers that it can begin without
LAB_FILE = """\
(() => {{
"use strict";
const contents = {contents};
for (const root of document.querySelectorAll('.vae-lab[data-lab="{mark}"]:not([data-started])')) {{
  root.append(Object.assign(document.createElement("script"), {{ type: "application/json", textContent: contents }}));
}}
{code}}})();
"""
REST_FILE = """\
for (const root of document.querySelectorAll('.vae-lab[data-lab="{mark}"]')) {{
  root.dispatchEvent(new CustomEvent("vae-lab-rest", {{ detail: "{rest}" }}));
}}
"""
PICTURE = re.compile(r'<img((?:\s+[\w-]+(?:="[^"]*")?)*)\s*/?>')
SHEET = re.compile(r'\s*<link\b(?=[^>]*\brel="stylesheet")[^>]*\bhref="(?:\.\./)*(_static/[^"?]+)[^>]*>')
IMPORT = re.compile(r'@import "([^"]+)";')
SCRIPT = re.compile(r"\s*<script\b([^>]*)>(.*?)</script>", re.DOTALL)
SOURCE = re.compile(r'\bsrc="(?:\.\./)*(_static/[^"?]+)')


def finish(app, error):
    if error is not None or app.builder.format != "html":
        return
    out = Path(app.outdir)
    texts = {path: path.read_text("utf-8") for path in sorted(out.rglob("*.html"))}
    pages = {path: text for path, text in texts.items() if SHEET.search(text) and "_static/page.css" not in text}
    pages, formulas = set_formulas(pages, app.config.mathjax3_config["tex"]["macros"])
    shutil.rmtree(out / "_static" / "labs", ignore_errors=True)  # those of an earlier build
    for path, text in pages.items():
        pages[path] = size_pictures(take_out_labs(text, out, up(out, path)), path.parent)

    sheets = list(dict.fromkeys(name for text in pages.values() for name in SHEET.findall(text)))
    scripts = shared_scripts(pages.values())
    page_js = publish(out, "page.js", "".join(f"{whole_script(out, name)}\n;\n" for name in scripts))
    words = words_in([*pages.values(), *(path.read_text("utf-8") for path in (out / "_static").glob("*.js"))])
    whole = "".join(whole_sheet(out / name) for name in sheets) + sheet_of_icons(words)
    page_css = publish(out, "page.css", cut(whole, words))
    formulas_css = publish(out, "formulas.css", with_fonts(cut(formulas, words)))

    for path, text in pages.items():
        links = [page_css, formulas_css] if "<mjx-container" in text else [page_css]
        text = put_script(put_sheets(text, links, up(out, path)), scripts, page_js, up(out, path))
        path.write_text(text, encoding="utf-8")
    # the book's address shows its first page, and not one that only points there
    shutil.copyfile(out / f"{app.config.root_doc}.html", out / "index.html")
    for name in filter(is_file, [*sheets, *scripts]):
        (out / name).unlink()
    for folder in ("scripts", "styles", "vendor"):  # source maps, and fonts that nothing points at any more
        shutil.rmtree(out / "_static" / folder)


def up(out, path):
    """The way from a page to the book's root: "" or "../"."""
    return "../" * (len(path.relative_to(out).parts) - 1)


def words_in(texts):
    """Every name that a class or an id could have."""
    return {word for text in texts for word in re.findall(r"[\w-]+", text)} | COMPOSED


def publish(out, name, text):
    """Write a file that pages share; its address changes with its contents, so that no reader has an old one."""
    (out / "_static" / name).write_text(text, encoding="utf-8")
    return f"_static/{name}?v={hashlib.sha256(text.encode()).hexdigest()[:8]}"


# --- labs and pictures ---


def take_out_labs(text, out, root):
    """Each lab's numbers and code go into a file; the first lab's is fetched with the page, the others' in their turn."""
    marks = []

    def move(lab):
        head, mark, picture, contents, code = lab.groups()
        data, spec = (json.loads(contents)[part] for part in ("data", "spec"))
        enough = spec.get("enough", 0) // 3 * 4 or len(data)  # bytes, as letters of base64
        contents = json.dumps(contents.replace(data, data[:enough], 1))
        files = {f"_static/labs/{mark}.js": LAB_FILE.format(contents=contents, mark=mark, code=code)}
        if enough < len(data):
            files[f"_static/labs/{mark}-rest.js"] = REST_FILE.format(rest=data[enough:], mark=mark)
        for name, content in files.items():
            (out / name).parent.mkdir(exist_ok=True)
            (out / name).write_text(content, encoding="utf-8")

        sources = [root + name for name in files]
        marks.append(mark)
        script = f'<script async src="{sources.pop(0)}"></script>' if len(marks) == 1 else ""
        later = f' data-later="{" ".join(sources)}"' if sources else ""
        return f"{head}{later}{picture}</div>{script}"

    return LAB.sub(move, text)


def size_pictures(text, folder):
    """Each picture keeps its place until it comes; those that are out of sight come when the first lab is there."""

    def size(picture):
        told = dict(re.findall(r'([\w-]+)="([^"]*)"', picture[1]))
        if "_images/" not in told.get("src", "") or told.keys() & {"width", "height", "loading"}:
            return picture[0]
        width, height = imagesize.get(folder / told["src"])
        known = f' width="{width}" height="{height}"' if width > 0 else ""
        return f'<img{picture[1]}{known} loading="lazy"/>'

    return PICTURE.sub(size, text)


# --- what every page loads ---


def whole_sheet(path):
    """A style sheet and what it imports."""
    return IMPORT.sub(lambda other: whole_sheet(path.parent / other[1]), path.read_text("utf-8")) + "\n"


def put_sheets(text, sheets, root):
    """The page with these style sheets in place of its own."""
    links = "".join(f'\n  <link rel="stylesheet" href="{root}{name}"/>' for name in sheets)
    before, *_, after = SHEET.split(text, maxsplit=1)
    return before + links + SHEET.sub("", after)


def scripts_of(text):
    """What the theme and the extensions load or do, in order: all that follows the style sheets, and the theme's own last."""
    start, end = [sheet.end() for sheet in SHEET.finditer(text)][-1], text.index("</head>")
    found = SCRIPT.finditer(text, start)
    return [script for script in found if script.start() < end or "_static/scripts/" in script[1]]


def name_of(script):
    """The file of a script; of an inline one, its text."""
    source = SOURCE.search(script[1])
    return source[1] if source else script[2]


def is_file(name):
    return name.startswith("_static/")


def whole_script(out, name):
    return (out / name).read_text("utf-8") if is_file(name) else name


def shared_scripts(texts):
    """The names of the scripts that every page has; the book's own first, so that they wait for nobody's mistakes."""
    first, *others = [[name_of(script) for script in scripts_of(text)] for text in texts]
    shared = [name for name in first if all(name in names for names in others)]
    return sorted(shared, key=lambda name: not (is_file(name) and (OURS / Path(name).name).exists()))


def put_script(text, shared, script, root):
    """The one script at the page's end, and after it those that are this page's alone."""
    own = ""
    for found in reversed(scripts_of(text)):
        own = ("" if name_of(found) in shared else found[0].strip() + "\n") + own
        text = text[: found.start()] + text[found.end() :]
    return text.replace("</body>", f'<script src="{root}{script}"></script>\n{own}</body>')


def every_page(app, env):
    """Write all pages each time: what they share is made from all of them."""
    return env.found_docs


def setup(app):
    app.setup_extension("sphinx.ext.mathjax")
    app.add_html_math_renderer("set", (html_visit_math, None), (html_visit_displaymath, None))
    app.connect("env-updated", every_page)
    app.connect("build-finished", finish, priority=900)  # once the theme has coloured the code
    return {"parallel_read_safe": True, "parallel_write_safe": True}
