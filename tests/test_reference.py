"""The pages of reference say what the chapters do: where a word comes up first, and what a letter means."""

import re

import nbformat
import pytest
from built import ROOT
from chapter_rules import contents
from prose import plain, symbols

CHAPTERS = [(ROOT / f"{name}.ipynb") for name in contents()]
EVERYDAY = {"baseline", "code", "density", "evidence", "gap", "prior", "rate", "unit"}
"""Words of the glossary that a chapter may also use as everybody does, before they are terms: their links alone count."""


@pytest.fixture(scope="module")
def chapters():
    """The Markdown of each chapter's cells, by its number."""
    return {number_of(path.stem): markdown(path) for path in CHAPTERS}


def number_of(name):
    return int(name.partition("_")[0])


def markdown(path):
    return [cell.source if cell.cell_type == "markdown" else "" for cell in nbformat.read(path, as_version=4).cells]


# --- the glossary ---

ENTRY = re.compile(r"^(\S.*)\n((?:  .*\n|\n)+)", re.MULTILINE)
LINK = re.compile(r"\[Chapter (\d+)\]\(chapters/(\w+)\.ipynb\)\.\s*\Z")
TERM = re.compile(r"\{term\}`(?:[^`<]*<)?([^`>]+)>?`")


def entries(text):
    """{word: what the glossary says of it}."""
    return dict(ENTRY.findall(text.partition(":sorted:\n")[2].rpartition("```")[0]))


def first_use(word, chapters):
    """(chapter, cell) of the first that links to a word, or has it in its prose where it is no everyday word; or None."""
    spoken = re.compile(rf"\b{re.escape(word)}s?\b", re.IGNORECASE)
    for number, cells in chapters.items():
        for i, source in enumerate(cells, 1):
            linked = {" ".join(name.split()).lower() for name in TERM.findall(source)}
            if word.lower() in linked or (word not in EVERYDAY and spoken.search(" ".join(plain(source).split()))):
                return number, i
    return None


def misdated(text, chapters):
    """A sentence for each entry that does not end in a link to the chapter that has its word first."""
    for word, said in entries(text).items():
        found, link = first_use(word, chapters), LINK.search(said)
        if not found:
            yield f"{word!r}: no chapter has it. Link to it, {{term}}`{word}`, or take it out of the glossary."
        elif not link or (int(link[1]), number_of(link[2])) != (found[0], found[0]):
            where = f"chapter {found[0]} has it first, in cell {found[1]}"
            yield f"{word!r}: {where}. Let its entry end in a link to that chapter: `[Chapter {found[0]}](chapters/….ipynb).`"


def test_the_glossary_names_the_chapter_that_has_a_word_first(chapters):
    wrong = [*misdated((ROOT / "glossary.md").read_text(encoding="utf-8"), chapters)]
    assert not wrong, "\n".join(wrong)


def entry(word, chapter):
    return f"```{{glossary}}\n:sorted:\n\n{word}\n  Words. [Chapter {chapter}](chapters/0{chapter}_x.ipynb).\n```\n"


BOOK = {
    1: ["# One", "A log variance. Two units to the left.", "```py\nslerp\n```"],
    2: ["The {term}`unit`. A {term}`bell curve <normal density>`."],
    4: ["{term}`log variance`, slerp"],
}


@pytest.mark.parametrize(
    ("word", "chapter", "message"),
    [
        ("log variance", 1, None),
        ("log variance", 4, r"'log variance': chapter 1 has it first, in cell 2.*\[Chapter 1\]"),
        ("unit", 2, None),
        ("unit", 1, r"'unit': chapter 2 has it first, in cell 1"),
        ("normal density", 2, None),
        ("slerp", 4, None),
        ("slerp", 1, r"'slerp': chapter 4"),
        ("ELBO", 1, r"'ELBO': no chapter has it\. Link to it, \{term\}`ELBO`, or take it out"),
    ],
)
def test_a_word_that_is_dated_wrong_is_told(word, chapter, message):
    wrong = [*misdated(entry(word, chapter), BOOK)]
    assert len(wrong) == (message is not None)
    assert not message or re.search(message, wrong[0]), wrong


# --- the notation ---

ROW = re.compile(r"^\| (.*?\$.*?) \|(.*)\|$", re.MULTILINE)
LENT = "Letters of one chapter"
SHAPE = re.compile(r"\(((?:[A-Z]|\d+|\.\.\.)(?:, (?:[A-Z]|\d+|\.\.\.))*,?)\)")


def everywhere(text):
    """The symbols that mean the same on every page, each as it stands in its row."""
    return [row[0] for row in ROW.findall(text.partition(f"## {LENT}")[0])]


def lent(text):
    """(symbol, chapter) for each letter that a chapter has for itself."""
    rows = ROW.findall(text.partition(f"## {LENT}")[2])
    return [
        (symbol, int(number))
        for cell, rest in rows
        for number in rest.split("|")[0].split(",")
        for symbol in symbols(cell)
    ]


def unclear(text, chapters):
    """A sentence for each symbol that notation.md does not explain, or explains twice."""
    common, own = everywhere(text), lent(text)
    known = set().union(*map(symbols, common)) | symbols(text.partition("## Sizes")[2].partition(f"## {LENT}")[0])
    for symbol in sorted({one for one in common if common.count(one) > 1}):
        yield f"{symbol} has two rows in notation.md. One symbol, one meaning: keep one, and rename the other."
    for symbol, number in sorted({one for one in own if own.count(one) > 1}):
        yield f"${symbol}$ has two meanings in chapter {number}: rename one."
    for symbol, number in sorted(set(own)):
        if symbol in known:
            yield f"${symbol}$ means the same on every page, and notation.md lends it to chapter {number}: take another letter."
        elif not any(symbol in symbols(source) for source in chapters.get(number, [])):
            yield f"${symbol}$ is lent to chapter {number}, which does not use it: take it out of notation.md."
    for number, cells in chapters.items():
        for symbol in sorted(set().union(*map(symbols, cells)) - known - {one for one, to in own if to == number}):
            where = next(i for i, source in enumerate(cells, 1) if symbol in symbols(source))
            yield (
                f"Chapter {number} uses ${symbol}$, in cell {where} first, and notation.md does not say what it means. Use "
                f"the symbol that is there for it, or add a row to “{LENT}”."
            )


def test_every_symbol_of_the_chapters_is_in_the_notation_once(chapters):
    wrong = [*unclear((ROOT / "notation.md").read_text(encoding="utf-8"), chapters)]
    assert not wrong, "\n".join(wrong)


NOTATION = f"| $x$ | an image |\n| $z \\sim p(z)$ | a draw |\n\n## {LENT}\n\n| $a$, $b$ | 1, 2 | ends |\n| $\\lambda$ | 2 | a variance |\n"
PAGES = {1: ["", "$z_a$ and $z_b$"], 2: [r"$$\boxed{\text{ELBO} \le \operatorname{min} a + b \lambda + x}$$"]}


@pytest.mark.parametrize(
    ("rows", "page", "message"),
    [
        ("", "", None),
        ("", "$u = 1$", r"Chapter 2 uses \$u\$, in cell 2 first, and notation\.md does not say"),
        ("", r"$\hat x_{\max} = \mathrm{KL}(p \,\Vert\, p)$", None),
        ("| $u$ | 1 | here |\n", "", r"\$u\$ is lent to chapter 1, which does not use it"),
        ("| $x$ | 1 | no image |\n", "", r"\$x\$ means the same on every page"),
        ("| $b$ | 2 | something else |\n", "", r"\$b\$ has two meanings in chapter 2"),
    ],
)
def test_a_symbol_that_is_not_clear_is_told(rows, page, message):
    wrong = [*unclear(NOTATION + rows, {**PAGES, 2: [*PAGES[2], page]})]
    assert len(wrong) == (message is not None), wrong
    assert not message or re.search(message, wrong[0]), wrong


def test_two_rows_for_one_symbol_are_told():
    (wrong,) = unclear("| $x$ | a code |\n" + NOTATION, PAGES)
    assert wrong.startswith("$x$ has two rows in notation.md")


def test_shapes_in_the_chapters_code_are_written_in_the_letters_of_the_notation():
    text = (ROOT / "notation.md").read_text(encoding="utf-8")
    known = symbols(text.partition("## Sizes")[2].partition("\n\n## ")[0]) | {"I"}  # N(0, I) is no shape
    wrong = {
        f"{path.stem}: ({shape})"
        for path in CHAPTERS
        for cell in nbformat.read(path, as_version=4).cells
        for shape in SHAPE.findall(cell.source if cell.cell_type == "code" else "")
        if not set(re.findall("[A-Z]", shape)) <= known
    }
    assert not wrong
