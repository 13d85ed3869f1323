"""What the prose of a page says, apart from its markup: its words, its symbols, its numbers."""

import re

DISPLAY = re.compile(r"\$\$(.*?)\$\$", re.DOTALL)
INLINE = re.compile(r"(?<![\\$])\$([^$]+)\$")
FENCED = re.compile(r"^(`{3,}|~{3,}) ?\w+$.*?^\1$", re.MULTILINE | re.DOTALL)  # code; ```{exercise} frames prose
MARKUP = re.compile(
    r"^(?:`{3,}|:{3,}|~{3,}).*$|^:\w+:.*$|<[^>]+>|\{cite(?::\w+)?\}`[^`]*`|\]\([^)]*\)|^\(.*\)=$", re.MULTILINE
)
ROLE = re.compile(r"\{\w+\}`([^`<]*?)(?: <[^`]*>)?`")
CODE = re.compile(r"`[^`\n]+`")
SIGN = "□"
"""Stands for a formula or a piece of code in a line: a word, to who reads it."""
WORD = re.compile(rf"{SIGN}|[^\W_]+(?:['’.,-][^\W_]+)*")


def plain(source):
    """Markdown as one reads it aloud: no code, no formulas on lines of their own, no markup, no works cited."""
    text = MARKUP.sub(" ", DISPLAY.sub("\n\n", FENCED.sub("", source)))
    return CODE.sub(SIGN, INLINE.sub(SIGN, ROLE.sub(r"\1", text)))


def words(source):
    """How many words of Markdown there are to read."""
    return len(WORD.findall(plain(source)))


# --- symbols ---

COMMAND = re.compile(
    r"\\(?:text|operatorname|begin|end|mathrm|mathcal|mathbb|bigl?|bigr?|Big[lr]?|left|right|middle)\b\*?\s*(?:\{[^{}]*\}|[A-Z](?![A-Za-z]))?"
)
LETTERS = {"partial", "nabla", "infty", "top"}  # signs that are no letters
GREEK = re.compile(
    r"\\(?:var)?(?:alpha|beta|gamma|delta|epsilon|zeta|eta|theta|iota|kappa|lambda|mu|nu|xi|pi|rho|sigma|tau|upsilon|phi|chi|psi|omega)\b|\\ell\b",
    re.IGNORECASE,
)


def symbols(source):
    """The letters of a page's formulas, as TeX: {"x", "\\mu", …}; neither words nor the names of functions and fonts."""
    found = set()
    for tex in formulas(source):
        tex = COMMAND.sub(" ", tex)
        found |= set(GREEK.findall(tex)) | set(
            re.findall(r"(?<![\\A-Za-z])[A-Za-z](?![A-Za-z])", re.sub(r"\\[A-Za-z]+", " ", tex))
        )
    return found


def formulas(source):
    """The TeX of Markdown, on lines of its own and within them."""
    text = FENCED.sub("", source)
    return DISPLAY.findall(text) + INLINE.findall(DISPLAY.sub(" ", text))


# --- numbers ---

NUMBER = re.compile(r"(?<![\w.,])(\d{1,3}(?:,\d{3})+|\d+)(\.\d+)?(?:e([+-]?\d+))?(?![A-Za-z_])")
NAMED = re.compile(  # the number of a thing, a year, an item of a list: names, and no quantities
    r"\b(?:[Cc]hapter|[Ss]ection|[Tt]able|[Ff]igure|[Ee]quation|[Ee]xercise|[Ss]tep|[Qq]uestion|[Ss]eed|[Pp]age|[Ll]ine)s?"
    r" \d[\d.]*(?:(?:,| and| to|–) \d[\d.]*)*|\b(?:19|20)\d\d\b|^\s*(?:\*\*)?\d+\. |\b\w+-\d+|\b\d+-\w+"
    r"|\*\*Time:\*\* \d+",
    re.MULTILINE,
)
SENTENCE = re.compile(r"(?<=[.?!])\s+(?=[^\sa-z])")


def numbers(text):
    """The numbers of a text, as (how it is written, value, decimals, where)."""
    for found in NUMBER.finditer(text.replace("−", "-")):
        whole, part, power = found[1].replace(",", ""), found[2] or "", int(found[3] or 0)
        yield found[0], float(f"{whole}{part}e{power}"), len(part[1:]) - power, found.start()


def quantities(source):
    """The numbers of Markdown's sentences and where they stand, (how it is written, value, decimals, the words around).

    Not in it: numbers up to twelve, those that name something, in formulas, code and tables, and in a sentence that cites.
    """
    source = re.sub(r"^\|.*$", "", source, flags=re.MULTILINE)
    for sentence in SENTENCE.split(source):
        if "{cite" in sentence:
            source = source.replace(sentence, " ")
    text = NAMED.sub(" ", plain(source))
    for written, value, decimals, at in numbers(text):
        if decimals or value > 12:
            yield written, value, decimals, " ".join(text[max(0, at - 40) : at + 40].split())
