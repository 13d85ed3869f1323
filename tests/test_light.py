"""What the build makes of a page for a slow phone: formulas, style sheets, labs' files, pictures."""

import base64
import json
import re
import subprocess
from pathlib import Path

import pytest
import torch
from formulas import set_formulas, with_fonts
from light import put_script, put_sheets, shared_scripts, size_pictures, take_out_labs
from PIL import Image
from sphinx.errors import ExtensionError
from styles import cut
from test_labs import node

from vae_core import VAE
from vae_core.labs import DimensionLab, PosteriorLab

# --- formulas ---

MATH = '<{0} class="{1}math notranslate nohighlight"{2}>{3}</{0}>'


@pytest.mark.parametrize(
    ("element", "display"),
    [
        (MATH.format("span", "", "", r"\(\E[x] &lt; 1\)"), False),
        (MATH.format("div", "", "", "\n\\[\\begin{split}a &amp;= b \\\\\n&amp;= c\\end{split}\\]"), True),
        (MATH.format("div", "", ' id="equation-e"', '<span class="eqno">(2)</span>\\[\\E[x]\\]'), True),
        (MATH.format("div", "amsmath ", "", "\\begin{align}\na &amp;= b\n\\end{align}"), True),
    ],
)
def test_a_formula_becomes_html_and_mathml_in_its_place(element, display):
    pages, css = set_formulas({"a": f"<p>{element} and</p>"}, {"E": r"\mathbb{E}"})
    (text,) = pages.values()
    head, tail = re.split(r"\\[([]|\\begin", element)[0], element[-6:]
    assert text.startswith(f"<p>{head.rstrip()}") and text.endswith(f"{tail} and</p>")
    assert text.count("<mjx-container") == text.count("<mjx-assistive-mml") == text.count("<math ") == 1
    assert ('display="true"' in text) == display and "\\" not in text
    assert "mjx-c1D53C" in css  # 𝔼: every sign that a formula may need has a rule


@pytest.mark.parametrize(
    ("around", "expected"),
    [
        ("where {}.", "where [x.]"),
        ("({} or {}), and", "[(x] or [x),] and"),
        ("is it “{}”?", "is it [“x”?]"),
        ("{} and {}-like", "x and x-like"),
    ],
)
def test_a_formula_in_a_line_is_kept_together_with_the_signs_around_it(around, expected):
    formula = MATH.format("span", "", "", r"\(x\)")
    pages, _ = set_formulas({"a": around.replace("{}", formula)}, {})
    text = re.sub(r"<mjx-container.*?</mjx-container>", "x", pages["a"])
    text = text.replace(MATH.format("span", "", "", "x"), "x")
    assert re.sub(r'<span class="together">(.*?)</span>', r"[\1]", text) == expected


@pytest.mark.parametrize(
    ("tex", "why"), [(r"\foo", r"Undefined control sequence \\foo"), ("x^{", "missing close brace: x")]
)
def test_a_formula_that_cannot_be_set_fails_the_build(tex, why):
    with pytest.raises(ExtensionError, match=why):
        set_formulas({"a": MATH.format("span", "", "", rf"\({tex}\)")}, {})


def test_text_that_is_no_formula_where_one_should_be_is_refused():
    with pytest.raises(ExtensionError, match="cannot be found in"):
        set_formulas({"a": MATH.format("span", "", "", "x")}, {})


def test_fonts_that_no_rule_names_stay_at_home():
    _, css = set_formulas({}, {})
    used = {"mjx-c78", "mjx-c1D465", "TEX-I", "MJX-TEX"}
    small = with_fonts(cut(css, used))
    faces = dict(re.findall(r"@font-face\{font-family:([\w-]+);src:url\(data:font/woff;base64,([^)]+)\)", small))
    assert {"MJXZERO", "MJXTEX", "MJXTEX-I"} <= faces.keys() and "MJXTEX-FR" not in faces
    assert "mjx-c1D465.TEX-I" in small and "mjx-c1D466" not in small and "fonts/" not in small
    assert sum(len(base64.b64decode(data)) for data in faces.values()) < 25_000


# --- style sheets ---


@pytest.mark.parametrize(
    ("css", "left"),
    [
        (".a{x:1}.b{x:2}", ".a{x:1}"),
        (".a, .b{x:1}", ".a{x:1}"),
        (".a .b{x:1}#b{x:2}#a{x:3}", "#a{x:3}"),
        (".a:not(.b){x:1} p:is(.b, .a){x:2}", ".a:not(.b){x:1} p:is(.b, .a){x:2}"),
        ('p[class^="b"]{x:1} html{y:2}', 'p[class^="b"]{x:1} html{y:2}'),
        ("@media print{.b{x:1}}@media screen{.b{x:1}.a{x:2}}", "@media screen{.a{x:2}}"),
        ("@supports (x:1){.a{x:1}}", "@supports (x:1){.a{x:1}}"),
        ("@keyframes b{from{x:1}to{x:2}}", "@keyframes b{from{x:1}to{x:2}}"),
        ('@charset "utf-8";/* why */.a{/* b */x:url("data:a,b")}', '.a{x:url("data:a,b")}'),
        (".sm\\:a{x:1}.a.b{x:1}", ""),
    ],
)
def test_rules_that_no_page_can_use_are_left_out(css, left):
    assert cut(css, {"a"}).split() == left.split() or cut(css, {"a"}).replace("\n", "") == left.replace("} ", "}")


def test_a_style_sheet_that_cannot_be_read_is_refused():
    with pytest.raises(ValueError, match="line 2: "):
        cut(".a{x:1}\n}", {"a"})


# --- labs ---


@pytest.fixture(scope="module")
def labs(digits):
    torch.manual_seed(0)
    models = [VAE(hidden_dims=(8,), latent_dim=size) for size in (1, 2, 3, 4)]
    return PosteriorLab(models[1], digits).html(), DimensionLab(models, digits).html()


def contents(text):
    """What a lab's file puts into its lab, as the browser will read it."""
    (literal,) = re.findall(r"^const contents = (\".*\");$", text, re.MULTILINE)
    return json.loads(json.loads(literal))


def test_the_first_lab_comes_with_the_page_and_the_others_later(labs, tmp_path):
    (tmp_path / "_static").mkdir()
    posterior, dimension = labs
    page = take_out_labs(f"<p>{posterior}<p>{dimension}<p>{posterior}", tmp_path, "../")
    assert "application/json" not in page and 'type="module"' not in page
    files = {path.name: path.read_text(encoding="utf-8") for path in (tmp_path / "_static" / "labs").iterdir()}
    first, second, third = re.findall(r'<div class="vae-lab" data-lab="(\w+)"', page)
    assert first == third and set(files) == {f"{first}.js", f"{second}.js", f"{second}-rest.js"}
    assert page.count("<script") == 1 and f'</div><script async src="../_static/labs/{first}.js"></script><p>' in page
    rest = f"../_static/labs/{second}.js ../_static/labs/{second}-rest.js"
    assert re.findall(r'data-later="([^"]+)"', page) == [rest, f"../_static/labs/{first}.js"]
    assert page.count("<figure") == page.count("--vae-phone: ") == 3

    (whole,) = re.findall(r'application/json">(.*?)</script>', posterior)
    assert contents(files[f"{first}.js"]) == json.loads(whole)
    (whole,) = (json.loads(text) for text in re.findall(r'application/json">(.*?)</script>', dimension))
    begun = contents(files[f"{second}.js"])
    (end,) = re.findall(r'detail: "([\w+/=]+)"', files[f"{second}-rest.js"])
    assert begun["spec"] == whole["spec"] and begun["data"] + end == whole["data"]
    assert len(base64.b64decode(begun["data"])) == whole["spec"]["enough"]
    assert len(base64.b64decode(end)) == whole["spec"]["bytes"] - whole["spec"]["enough"]


def test_a_labs_file_is_a_script_that_a_folder_may_hold(labs, tmp_path):
    """No module, no name left behind: as a plain script, twice on one page."""
    (tmp_path / "_static").mkdir()
    take_out_labs(labs[0], tmp_path, "")
    (file,) = (tmp_path / "_static" / "labs").iterdir()
    run = (
        f"const run = () => require('vm').runInThisContext({json.dumps(file.read_text(encoding='utf-8'))});"
        "const before = Object.keys(globalThis).length; globalThis.document = { querySelectorAll: () => [] };"
        "run(); run(); process.stdout.write(String(Object.keys(globalThis).length - before));"
    )
    assert subprocess.check_output([node(), "-e", run], text=True) == "1"


# --- pictures, and what every page loads ---


def test_a_picture_keeps_its_place(tmp_path):
    (tmp_path / "_images").mkdir()
    Image.new("L", (30, 20)).save(tmp_path / "_images" / "a.png")
    text = '<img src="_images/a.png" alt="a > b" /> <img alt="" src="_images/a.png" width="3"/> <img src="_static/logo.svg"/>'
    sized = '<img src="_images/a.png" alt="a > b" width="30" height="20" loading="lazy"/>'
    assert size_pictures(text, tmp_path) == text.replace('<img src="_images/a.png" alt="a > b" />', sized)


PAGE = """<head>
  <script>early</script>
  <link href="../_static/styles/a.css" rel="stylesheet">
  <link rel="stylesheet" type="text/css" href="../_static/b.css?v=1" />
  <script src="../_static/c.js?v=2"></script>
  <script>let all = 1;</script>
  <script>page = {name!r}</script>
</head><body><script>document.write("here")</script>
<script src="../_static/scripts/d.js"></script>
</body>"""


def test_one_style_sheet_and_one_script():
    pages = [PAGE.format(name=name) for name in ("one", "two")]
    shared = shared_scripts(pages)
    assert shared == ["_static/c.js", "let all = 1;", "_static/scripts/d.js"]
    text = put_script(put_sheets(pages[0], ["_static/page.css"], "../"), shared, "_static/page.js", "../")
    head, body = text.split("</head>")
    assert (
        head.count("<script") == head.count("<link") == 1
        and '<link rel="stylesheet" href="../_static/page.css"/>' in head
    )
    assert body.split("\n")[0] == '<body><script>document.write("here")</script>'
    assert "<script src=\"../_static/page.js\"></script>\n<script>page = 'one'</script>\n</body>" in body


def test_the_books_own_scripts_come_first():
    link = '<link rel="stylesheet" href="_static/a.css"/>'
    own = next((Path(__file__).parents[1] / "_static").glob("*.js")).name
    page = f'{link}<script src="_static/theirs.js"></script><script src="_static/{own}"></script></head>'
    assert shared_scripts([page, page]) == [f"_static/{own}", "_static/theirs.js"]
