"""What a chapter has (CONTRIBUTING.md, "Add a chapter"), and for each thing that it lacks a sentence to act on."""

import html
import itertools
import re
from collections import Counter
from functools import cache
from zlib import crc32

import nbformat
import yaml
from built import ROOT
from prose import CODE, DISPLAY, formulas, numbers, quantities, words

TEMPLATE = ROOT / "docs" / "chapter.ipynb"
LAB = 'class="vae-lab"'
ANSWER = re.compile(r"<details>\s*<summary>(.*?)</summary>(.*?)</details>", re.DOTALL)
QUESTION = re.compile(r"^\*\*\d+\. .*?\*\*", re.MULTILINE | re.DOTALL)
EXERCISE = re.compile(r"^`{3,}\{exercise\}.*?^:label: (\S+)", re.MULTILINE | re.DOTALL)
SOLUTION = r"^`{{3,}}\{{solution-start\}} {label}\n:class: dropdown\n(.*?)\{{solution-end\}}"
MINUTES = re.compile(r"cpu_minutes=[1-9]\d*\)")
FRAME = re.compile(r"^(?:`{3,}.*|:\w+:.*|</?details>|\$\$)$|</?summary>", re.MULTILINE)  # stands around words
TIME = re.compile(r"\*\*Time:\*\* ([1-9]\d*) minutes")
READING = {"words": 1 / 120, "lines of code": 1 / 20, "formulas": 1, "labs": 4, "questions": 1, "exercises": 8}
"""Minutes for each: of prose, of code in view, of TeX on a line of its own, and what somebody new to them needs for the rest."""
LATER = re.compile(r"\b(?:TODO|FIXME|TBD|XXX)\b|\blorem ipsum\b", re.IGNORECASE)


def lacks(notebook):
    """Everything that this chapter lacks, a sentence each; nothing where it keeps the rules."""
    rules = (opening, time, set_up, lab_first, figures, takeaways, quiz, exercises, reading, shown, unedited)
    return [sentence for rule in rules for sentence in rule(notebook)]


def shows(cell, kind):
    """Whether a cell has an output of a kind, as "image/"."""
    return any(name.startswith(kind) for output in cell.get("outputs", []) for name in output.get("data", {}))


def alt_text(cell):
    """What a cell says of its picture to somebody who does not see it; "" where it says nothing."""
    return cell.metadata.get("mystnb", {}).get("image", {}).get("alt", "")


def is_set_up(cell):
    return cell.cell_type == "code" and "google.colab" in cell.source


def is_lab(cell):
    outputs = cell.get("outputs", [])
    return any(LAB in "".join(output.get("data", {}).get("text/html", "")) for output in outputs)


def section(notebook, title):
    """The words of a section, code cells in fences among them; "" where there is none of this title."""
    text = "\n\n".join(
        cell.source if cell.cell_type == "markdown" else f"~~~~python\n{cell.source}\n~~~~" for cell in notebook.cells
    )
    found = re.search(rf"^## {title}$(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    return found[1] if found else ""


def opening(notebook):
    first = notebook.cells[0]
    text = first.source if first.cell_type == "markdown" else ""
    if not re.match(r"# \S", text):
        yield "The first cell has no title. Begin it with a line such as `# Between digits`."
    if not re.search(r"\*\*The question\.\*\*[^*]*\?", text):
        yield "It does not open with the question that it answers. Write `**The question.** …?` below the title."
    if "**What you need.**" not in text:
        yield "It does not say what its reader needs. Write `**What you need.** …` below the question."


def counts(notebook):
    """How much of each kind in READING a chapter has; code that is folded away has been read by nobody."""
    prose = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    tags = {cell.id: cell.metadata.get("tags", []) for cell in code}
    read = [cell.source for cell in code if "hide-input" not in tags[cell.id]]
    read += [output.get("text", "") for cell in code if "source" in tags[cell.id] for output in cell.outputs]
    return {
        "words": sum(map(words, prose)),
        "lines of code": sum(bool(line.strip()) for text in read for line in text.splitlines()),
        "formulas": sum(len(DISPLAY.findall(text)) for text in prose),
        "labs": sum(map(is_lab, notebook.cells)),
        "questions": len(QUESTION.findall(section(notebook, "Quiz"))),
        "exercises": len(EXERCISE.findall(section(notebook, "Exercises"))),
    }


def minutes(notebook):
    """How long a chapter takes somebody who touches every lab, answers the quiz and does the exercises."""
    return sum(READING[kind] * count for kind, count in counts(notebook).items())


def time(notebook):
    stated, takes = TIME.search(notebook.cells[0].source), minutes(notebook)
    write = (
        f"`**Time:** {5 * round(takes / 5) if takes >= 25 else round(takes)} minutes, with labs, quiz and exercises`"
    )
    if not stated:
        yield f"It does not say how long it takes. Write {write} below the question."
    elif abs(int(stated[1]) - takes) > takes / 10:
        why = ", ".join(f"{kind}: {count:,}" for kind, count in counts(notebook).items())
        yield f"It says that it takes {stated[1]} minutes. Write {write} ({why}; what each takes, CONTRIBUTING.md says in rule 1)."


def set_up(notebook):
    source = "the second cell of docs/chapter.ipynb, with its metadata, as the second cell here"
    first = next((i for i, cell in enumerate(notebook.cells, 1) if cell.cell_type == "code"), 0)
    found = [i for i, cell in enumerate(notebook.cells, 1) if is_set_up(cell)]
    if not found:
        yield f"It has no set-up cell, without which Colab cannot import vae_core. Copy {source}."
    elif len(found) > 1:
        yield f"It has {len(found)} set-up cells, {found}. Keep the first."
    elif found[0] != first:
        yield f"Its set-up cell (cell {found[0]}) stands below other code (cell {first}). Move it up to the second place."
    else:
        mine, theirs = notebook.cells[first - 1], template().cells[1]
        if not MINUTES.search(mine.source):
            yield (
                f"The set-up cell (cell {first}) does not say how long the chapter takes. End it with "
                "`welcome(cpu_minutes=3)`, the whole minutes that it takes on one core."
            )
        elif MINUTES.sub("", mine.source) != MINUTES.sub("", theirs.source) or looks(mine) != looks(theirs):
            yield f"The set-up cell (cell {first}) is not that of the other chapters. Copy {source}; change its minutes alone."


def looks(cell):
    """What a cell's metadata says of how the page shows it; editors add what else they like."""
    return cell.metadata.get("tags"), cell.metadata.get("mystnb")


def lab_first(notebook):
    labs = [i for i, cell in enumerate(notebook.cells) if is_lab(cell)]
    formulas = [i for i, cell in enumerate(notebook.cells) if cell.cell_type == "markdown" and "$$" in cell.source]
    if not labs:
        yield "No cell shows a lab. End one with a line such as `PosteriorLab()`, then `make chapters`."
    elif formulas and formulas[0] < labs[0]:
        yield f"The first formula (cell {formulas[0] + 1}) stands above the first lab. Let the reader touch it first."


def figures(notebook):
    for i, cell in enumerate(notebook.cells, 1):
        alt = alt_text(cell)
        line = cell.source.strip().splitlines()[-1] if cell.source.strip() else ""
        if alt and not shows(cell, "image/"):
            yield (
                f"Cell {i}, which ends in `{line}`, has alt text and shows no picture. A figure appears where it is the "
                "cell's last expression: move it to the last line (or say `display(figure)`), then `make chapters`."
            )
        if shows(cell, "image/") and len(alt) <= 20:
            yield (
                f"The picture of cell {i}, which ends in `{line}`, has no alt text. Say what it shows to somebody who "
                'does not see it, in the cell\'s metadata: {"mystnb": {"image": {"alt": "…"}}}.'
            )


def takeaways(notebook):
    if len(re.findall(r"^- \S", section(notebook, "Takeaways"), re.MULTILINE)) < 2:
        yield "It has no takeaways. Write a section `## Takeaways` with two points or more, each a line that begins with `- `."


def quiz(notebook):
    text = section(notebook, "Quiz")
    questions = [found.start() for found in QUESTION.finditer(text)]
    if len(questions) != 3:
        yield (
            f"Its quiz has {len(questions)} questions, not three. In a section `## Quiz` write each as `**1. …?**`, and "
            "below it each answer as `<details><summary>the answer</summary> why it is right or wrong</details>`."
        )
    for number, (start, end) in enumerate(itertools.pairwise([*questions, len(text)]), 1):
        answers = ANSWER.findall(text[start:end])
        right = [why for _, why in answers if why.strip().startswith("**Yes")]
        if len(right) != 1 or len(answers) < 2:
            yield (
                f"Question {number} of its quiz has {len(answers)} answers, of which {len(right)} begin with `**Yes.**`. "
                "Give it one that is right and at least one that is wrong."
            )
        for answer, why in answers:
            verdict = re.match(r"\*\*[^*]+\*\*", why.strip())
            if not verdict or len(why.strip()) < len(verdict[0]) + 20:
                yield (
                    f"Question {number} of its quiz: the answer {answer.strip()!r} says nothing to who believes it. Below "
                    "the <summary> write `**No.**`, what misled them and why (or `**Yes.**` and why)."
                )


def keys(notebook):
    """Of each question of the quiz: the place of its right answer, from 0, and how many answers it has."""
    text = section(notebook, "Quiz")
    starts = [found.start() for found in QUESTION.finditer(text)]
    for start, end in itertools.pairwise([*starts, len(text)]):
        right = [why.strip().startswith("**Yes") for _, why in ANSWER.findall(text[start:end])]
        if any(right):  # else `quiz` complains
            yield right.index(True), len(right)


def uneven(chapters):
    """Where the quizzes of {name: notebook} have their right answers too often or too seldom, and what to move.

    Of the first questions of all chapters each place is to hold its share, give or take half of it, or one; so of the second
    and of the third. Then no place is right more often than another, and no order of places comes again and again.
    """
    questions = [(name, i, *key) for name, notebook in chapters.items() for i, key in enumerate(keys(notebook), 1)]
    for number in sorted({number for _, number, _, _ in questions}):
        alike = [(name, at, of) for name, one, at, of in questions if one == number]
        held = Counter(at for _, at, _ in alike)
        share = {place: sum(1 / of for *_, of in alike if of > place) for place in range(max(of for *_, of in alike))}
        if all(abs(held[place] - fair) <= max(1, fair / 2) for place, fair in share.items()):
            continue
        where = "; ".join(f"place {i + 1} holds {held[i]}, and its share is {fair:.1f}" for i, fair in share.items())
        yield f"Right answers of the questions {number}: {where}"
        # no order that a reader could guess, and the same one each time
        for name, at, of in sorted(alike, key=lambda question: crc32(f"{question[0]} {number}".encode())):
            to = min(range(of), key=lambda place: held[place] - share[place])
            if held[at] - share[at] - held[to] + share[to] > 1:
                held[at], held[to] = held[at] - 1, held[to] + 1
                yield f"{name}, question {number}: move the right answer from place {at + 1} to place {to + 1}"


def exercises(notebook):
    text = section(notebook, "Exercises")
    labels = EXERCISE.findall(text)
    if len(labels) < 2:
        yield f"It has {len(labels)} exercises, and two are the least. Write each as ```{{exercise}} with a `:label:`."
    for label in labels:
        found = re.search(SOLUTION.format(label=re.escape(label)), text, re.MULTILINE | re.DOTALL)
        if not found:
            yield (
                f"The exercise {label!r} has no folded solution. Write one from ```{{solution-start}} {label} with "
                "`:class: dropdown` to ```{solution-end}."
            )
        elif not re.search(r"^~~~~python\n.*(?:^\s*assert |\bclaims?\()", found[1], re.MULTILINE | re.DOTALL):
            yield f"The solution of {label!r} has no claim(…), by which readers check their own. End its code with one."


def reading(notebook):
    if not re.search(r"\{cite(?::t)?\}`\w+", section(notebook, "Further reading")):
        yield (
            "It has no further reading with a citation. Write a section `## Further reading` with a line such as "
            "`- {cite:t}`kingma2014`: …`; the works are in references.bib."
        )


# --- numbers ---

TAG = re.compile(r"<[^>]+>")
GIVEN = {28.0, 784.0, 10_000.0, 60_000.0, 70_000.0}
"""What MNIST has: pixels on a side and in all; images to test on, to train on, and both."""


def page_numbers(notebook):
    """Every number that stands in an output, a table, what a figure says of itself, a formula or code of the page."""
    texts = []
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            tables = re.findall(r"^\|.*$", cell.source, re.MULTILINE)
            texts += (
                [re.sub(r"\\,|\{,\}", "", tex) for tex in formulas(cell.source)] + CODE.findall(cell.source) + tables
            )
            continue
        texts += [re.sub(r"(?<=\d)_(?=\d)", "", cell.source), alt_text(cell)]
        for output in cell.outputs:
            data = output.get("data", {})
            texts += [output.get("text", ""), data.get("text/plain", "")]
            texts += [] if is_lab(cell) else [html.unescape(TAG.sub(" ", data.get("text/html", "")))]
    found = {value for text in texts for _, value, _, _ in numbers(text)}
    return GIVEN | found | {100 * value for value in found if value <= 1}  # a share of 0.25 is 25%


def shown(notebook):
    """Numbers that the words alone vouch for; a quiz may make its own up."""
    known = page_numbers(notebook)
    asked = section(notebook, "Quiz")
    for i, cell in enumerate(notebook.cells, 1):
        if cell.cell_type != "markdown":
            continue
        for written, value, decimals, around in quantities(
            cell.source.replace(asked.strip(), "") if asked else cell.source
        ):
            if not any(abs(value - one) <= 0.501 * 10**-decimals for one in known):
                yield (
                    f"Cell {i} says {written} (“…{around}…”), and no output, table or figure of the page does. Show what was "
                    f"measured by a claim(…), or take it out; what is given or worked out stands as a formula, `${written}$`."
                )


# --- the template, left as it was ---

MAY_STAY = {
    "What you need",
    "The [first chapter](01_ae_vs_vae.ipynb)",
    "a code, an encoder, a decoder",
    "30 minutes, with lab, quiz and exercises",
    "Touch it first",
    "What it was",
    r"A code is a draw from a cloud with mean $\mu$ and standard deviation $\sigma$ {cite}`kingma2014`",
    r"z = \mu + \sigma\,\varepsilon, \qquad \varepsilon \sim \mathcal N(0, I)",
    "Open the answer that you believe",
    "Each says why it is right, or what misled you",
    "Try each before you open its solution",
    "The claims at the end of a solution are the check",
    "put them under your own code",
}
"""What docs/chapter.ipynb says and a chapter may say as well; all else in it says what to write."""


@cache
def template():
    return nbformat.read(TEMPLATE, as_version=4)


def pieces(cell):
    """The sentences of a cell's prose, three words or more and each on one line; none of code."""
    if cell.cell_type != "markdown":
        return []
    paragraphs = re.split(r"\n\s*\n", FRAME.sub("\n\n", cell.source))
    found = [piece for text in paragraphs for piece in re.split(r"(?<=[.?:])\**\s+", " ".join(text.split()))]
    found = [re.sub(r"^(?:[-#*\s]|\d+\.)+|[\s.:*]+$", "", piece) for piece in found]
    return [piece for piece in found if len(piece.split()) >= 3]


def unedited(notebook):
    """Words and code that are still those of docs/chapter.ipynb, and what somebody put off."""
    theirs = template().cells
    words = {piece for cell in theirs for piece in pieces(cell)} - MAY_STAY
    code = {cell.source for cell in theirs if cell.cell_type == "code" and cell.id not in ("set-up", "lab")}
    alts = {*map(alt_text, theirs)} - {""}
    labels = set(EXERCISE.findall(section(template(), "Exercises")))
    for i, cell in enumerate(notebook.cells, 1):
        left = [f"“{piece}”" for piece in pieces(cell) if piece in words]
        if left:
            rest = f" and {len(left) - 2} more" if len(left) > 2 else ""
            yield f"Cell {i} still has the words of docs/chapter.ipynb: {', '.join(left[:2])}{rest}. Put yours in their place."
        if cell.source in code:
            line = cell.source.splitlines()[-1]
            yield f"Cell {i}, which ends in `{line}`, is still that of docs/chapter.ipynb. Put your code in its place."
        if alt_text(cell) in alts:
            yield f"Cell {i} still has the alt text of docs/chapter.ipynb. Say in its metadata what your picture shows."
        if later := LATER.search(cell.source):
            yield f"Cell {i} says {later[0]}: do it, or take the word out."
    for label in sorted(labels & set(EXERCISE.findall(section(notebook, "Exercises")))):
        yield f"The label {label!r} of an exercise is that of docs/chapter.ipynb, and the book can have each once. Rename it."


# --- the list on the landing page ---


def listed(text):
    """The chapters that a page links to, as names in the table of contents, and the numbers they have there."""
    found = re.findall(r"^(\d+)\. \*\*\[[^\]]+\]\((chapters/\w+)\.ipynb\)\*\*", text, re.MULTILINE)
    return [name for _, name in found], [int(number) for number, _ in found]


def contents():
    """The chapters of _toc.yml, in order."""
    parts = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))["parts"]
    files = [entry["file"] for part in parts for entry in part["chapters"]]
    return [name for name in files if name.startswith("chapters/")]


def number_of(name):
    """The number in front of a chapter's name: 7 of chapters/07_losses, though there may be no 6 yet."""
    found = re.match(r"chapters/(\d+)_", name)
    return int(found[1]) if found else 0


def unlisted(intro, chapters):
    """What is wrong with the list of chapters in the landing page, given those of _toc.yml."""
    names, numbers = listed(section(intro, "Chapters"))
    here = "the list under `## Chapters` in intro.ipynb"
    for name in chapters:
        if name not in names:
            yield f"{name} is in _toc.yml and not in {here}: add `{number_of(name)}. **[…]({name}.ipynb)** …` to it."
    for name in names:
        if name not in chapters:
            yield f"{name} is in {here} and not in _toc.yml: add `- file: {name}` there."
    if not names or (
        sorted(names) == sorted(chapters) and (names != chapters or numbers != [number_of(name) for name in names])
    ):
        yield f"{here} is not in the order of _toc.yml, each with the number of its file."
