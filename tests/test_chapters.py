"""Every chapter keeps the rules, and each rule, broken, says what is missing and what to do."""

import copy
import re

import nbformat
import pytest
from built import ROOT
from chapter_rules import (
    TEMPLATE,
    contents,
    is_lab,
    is_set_up,
    keys,
    lacks,
    listed,
    minutes,
    shown,
    shows,
    time,
    unedited,
    uneven,
    unlisted,
)
from prose import words

CHAPTERS = sorted((ROOT / "chapters").glob("*.ipynb"))


def read(path):
    return nbformat.read(path, as_version=4)


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_a_chapter_keeps_the_rules(path):
    missing = lacks(read(path))
    assert not missing, "\n".join([f"{path.relative_to(ROOT)}:", *missing])


def test_right_answers_stand_in_every_place():
    wrong = [*uneven({path.stem: read(path) for path in CHAPTERS})]
    assert not wrong, "\n".join(wrong)


def test_the_landing_page_lists_the_chapters_of_the_table_of_contents():
    assert contents() == [path.relative_to(ROOT).with_suffix("").as_posix() for path in CHAPTERS], (
        "_toc.yml names the files in chapters/, in order: a line `- file: chapters/NN_topic` for each"
    )
    assert not [*unlisted(read(ROOT / "intro.ipynb"), contents())]


# --- each rule, broken ---


@pytest.fixture(scope="module")
def sound():
    return read(CHAPTERS[0])


def put(notebook, pattern, new, count=1):
    """Replace what matches in the prose; nothing that would go unnoticed."""
    made = 0
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and made < count:
            cell.source, here = re.subn(pattern, new, cell.source, count=count - made, flags=re.DOTALL | re.MULTILINE)
            made += here
    assert made == count, pattern


def without(notebook, is_unwanted):
    notebook.cells = [cell for cell in notebook.cells if not is_unwanted(cell)]


def hide_a_figure(notebook):
    """What happens where a line is put below `show_rows(…)`: the picture goes, the alt text stays."""
    cell = next(cell for cell in notebook.cells if shows(cell, "image/"))
    cell.source += "\nprint('done')"
    cell.outputs = [nbformat.v4.new_output("stream", text="done\n")]


def forget_alt_text(notebook):
    next(cell for cell in notebook.cells if shows(cell, "image/")).metadata.pop("mystnb")


def lab_last(notebook):
    labs = [cell for cell in notebook.cells if is_lab(cell)]
    without(notebook, is_lab)
    notebook.cells += labs


def no_sign(notebook):
    notebook.cells[0].source = notebook.cells[0].source.replace("?", ".")


def no_citation(notebook):
    for cell in notebook.cells:
        cell.source = cell.source.replace("{cite", "{term")


def no_claim(notebook):
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.source = re.sub(r"\bclaims?\(|^(\s*)assert ", r"\1print(", cell.source, flags=re.MULTILINE)


def set_up(notebook):
    return next(cell for cell in notebook.cells if is_set_up(cell))


def two_set_ups(notebook):
    notebook.cells.insert(4, copy.deepcopy(set_up(notebook)))


def set_up_last(notebook):
    notebook.cells.append(notebook.cells.pop(1))


def another_set_up(notebook):
    set_up(notebook).source += "\n    print('hello')"


def no_minutes(notebook):
    set_up(notebook).source = re.sub(r"cpu_minutes=\d+", "", set_up(notebook).source)


def open_set_up(notebook):
    set_up(notebook).metadata.pop("tags")


def alt_text_of_the_template(notebook):
    (figure,) = (
        cell for cell in read(TEMPLATE).cells if "mystnb" in cell.metadata and "image" in cell.metadata["mystnb"]
    )
    next(cell for cell in notebook.cells if shows(cell, "image/")).metadata = figure.metadata


def code_of_the_template(notebook):
    notebook.cells[3:3] = [cell for cell in read(TEMPLATE).cells if cell.id == "measure"]


def label_of_the_template(notebook):
    for cell in notebook.cells:
        cell.source = re.sub(r"(:label: |\{solution-start\} )\S+", r"\1topic-first", cell.source)


FEEDBACK = r"(</summary>\s*)\*\*No\.\*\*.*?(\s*</details>)"
BREAKAGES = {
    "no title": (lambda n: put(n, r"\A# ", ""), r"no title.*`# Between digits`"),
    "no question": (lambda n: put(n, r"\*\*The question\.\*\*", ""), r"does not open with the question"),
    "a question that asks nothing": (no_sign, r"does not open with the question"),
    "nothing on what is needed": (lambda n: put(n, r"\*\*What you need\.\*\*", ""), r"what its reader needs"),
    "no time": (lambda n: put(n, r"\d+ minutes", "a while"), r"how long it takes.*`\*\*Time:\*\* \d+ minutes, with"),
    "a time that is not true": (
        lambda n: put(n, r"\d+ minutes", "7 minutes"),
        r"it takes 7 minutes\. Write `\*\*Time:\*\* \d+ minutes.*words: \d,\d+, lines of code: \d+",
    ),
    "a number that nothing shows": (
        lambda n: put(n, r"^## Takeaways$", "The gap is 771.3 nats.\n\n## Takeaways"),
        r"Cell \d+ says 771\.3 \(“…The gap is 771\.3 nats.*claim\(…\).*`\$771\.3\$`",
    ),
    "no set-up cell": (
        lambda n: without(n, is_set_up),
        r"no set-up cell.*Copy the second cell of docs/chapter\.ipynb, with its metadata",
    ),
    "two set-up cells": (two_set_ups, r"2 set-up cells, \[2, 5\]"),
    "a set-up cell below other code": (set_up_last, r"set-up cell \(cell \d+\) stands below other code \(cell 3\)"),
    "another set-up cell": (
        another_set_up,
        r"cell \(cell 2\) is not that of the other chapters\. Copy the second cell of",
    ),
    "an open set-up cell": (open_set_up, r"cell \(cell 2\) is not that of the other chapters"),
    "no minutes in the set-up cell": (no_minutes, r"cell \(cell 2\) does not say how long.*`welcome\(cpu_minutes=3\)`"),
    "no lab": (lambda n: without(n, is_lab), r"No cell shows a lab.*make chapters"),
    "a formula above the lab": (lab_last, r"first formula \(cell \d+\) stands above the first lab"),
    "a figure that went": (hide_a_figure, r"Cell \d+, which ends in `print\('done'\)`, has alt text.*last expression"),
    "no alt text": (forget_alt_text, r"picture of cell \d+, which ends in `.+`, has no alt text"),
    "the template's alt text": (
        alt_text_of_the_template,
        r"Cell \d+ still has the alt text of docs/chapter.*Say in its",
    ),
    "the template's title": (
        lambda n: put(n, r"\A# .*?$", "# The title of your chapter"),
        r"Cell 1 still has the words of docs/chapter\.ipynb: “The title of your chapter”\. Put yours",
    ),
    "half of the template's question": (
        lambda n: put(
            n,
            r"^\*\*The question\.\*\*.*?\?",
            "**The question.** One question that a reader could ask\naloud, and that this chapter answers: why?",
        ),
        r"Cell 1 still has .*: “One question that a reader could ask aloud, and that this chapter answers”",
    ),
    "an answer of the template's": (
        lambda n: put(n, FEEDBACK, r"\1**No.** Say which slip gives just this number.\2"),
        r"Cell \d+ still has .*: “Say which slip gives just this number”",
    ),
    "the template's code": (code_of_the_template, r"Cell 4, which ends in `claim\(.*`, is still that of docs/chapter"),
    "the template's label": (
        label_of_the_template,
        r"label 'topic-first' of an exercise is that of docs/chapter.*Rename",
    ),
    "something put off": (lambda n: put(n, r"\Z", " (todo: say why)"), r"Cell 1 says todo: do it, or"),
    "no takeaways": (lambda n: put(n, "^## Takeaways$", "## The end"), r"no takeaways.*`## Takeaways`"),
    "no quiz": (lambda n: put(n, "^## Quiz$", "## Riddles"), r"quiz has 0 questions, not three"),
    "two questions": (lambda n: put(n, r"^\*\*3\. .*", ""), r"quiz has 2 questions, not three"),
    "no right answer": (lambda n: put(n, r"\*\*Yes\.\*\*", "**No.**"), r"of which 0 begin with `\*\*Yes"),
    "no feedback on a wrong answer": (lambda n: put(n, FEEDBACK, r"\1\2"), r"Question \d .* says nothing to who"),
    "feedback that is a bare no": (lambda n: put(n, FEEDBACK, r"\1**No.**\2"), r"Question \d .* says nothing to who"),
    "no exercise": (lambda n: put(n, "^## Exercises$", "## Homework"), r"has 0 exercises, and two"),
    "no solution": (lambda n: put(n, r"\{solution-start\} \S+", "{note}"), r"has no folded solution"),
    "an open solution": (lambda n: put(n, r"^:class: dropdown\n", ""), r"has no folded solution"),
    "no claim": (no_claim, r"has no claim\(…\)"),
    "no further reading": (lambda n: put(n, "^## Further reading$", "## Bye"), r"no further reading with a citation"),
    "no citation": (no_citation, r"no further reading with a citation"),
}


@pytest.mark.parametrize("name", BREAKAGES)
def test_a_rule_that_is_broken_says_what_is_missing_and_what_to_do(name, sound):
    damage, message = BREAKAGES[name]
    notebook = copy.deepcopy(sound)
    damage(notebook)
    missing = lacks(notebook)
    assert missing and any(re.search(message, sentence) for sentence in missing), missing


def test_each_cell_of_the_template_that_is_left_is_told_and_nothing_else():
    """A fresh copy has words in every cell of prose, and code to put in the place of; the set-up and the lab may stay."""
    template, told = read(TEMPLATE), [*unedited(read(TEMPLATE))]
    cells = [int(found[1]) for sentence in told if (found := re.match(r"Cell (\d+)", sentence))]
    left = [i for i, cell in enumerate(template.cells, 1) if cell.id not in ("set-up", "lab")]
    assert sorted(set(cells)) == left
    assert len(told) == len(left) + 3, "of the figure the code and the alt text; and two labels"


# --- minutes ---


def chapter(*cells):
    """A notebook of these cells, markdown where the text begins with a sign of it."""
    new = {True: nbformat.v4.new_markdown_cell, False: nbformat.v4.new_code_cell}
    return nbformat.v4.new_notebook(cells=[new[text.startswith(("#", "*", "w", "$", "|"))](text) for text in cells])


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("Two words.", 2),
        ("A formula, $x^2 + y$, and `a.b` are words.", 7),
        ("What is on a line of its own, $$\nx = 2\n$$\nis none.", 10),
        ("[a link](../some/where.md) and {term}`the posterior <posterior>`, not {cite:t}`kingma2014`.", 6),
        ("```{exercise}\n:label: a-b\n\nAn exercise is prose.\n```\n\n```py\ncode is not\n```", 4),
        ("<details>\n<summary>An answer.</summary>\n\n**No.** Not it.\n\n</details>", 5),
    ],
)
def test_words_are_what_is_read(text, count):
    assert words(text) == count


def test_minutes_are_the_sum_of_what_there_is_to_do():
    assert minutes(chapter("w " * 1200)) == 10
    code = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("x = 1\n\n" * 40)])
    assert minutes(code) == 2
    code.cells[0].metadata["tags"] = ["hide-input"]
    assert minutes(code) == 0
    assert minutes(chapter("$$\nx\n$$")) == 1
    assert minutes(chapter("## Quiz\n\n**1. ?**\n")) == pytest.approx(1 + 2 / 120)


@pytest.mark.parametrize(
    ("stated", "is_fine"), [(26, False), (27, True), (30, True), (33, True), (34, False)], ids="{} minutes".format
)
def test_a_time_may_be_off_by_a_tenth(stated, is_fine):
    """3,598 words with the two before the number and `minutes`: half an hour."""
    found = [*time(chapter(f"**Time:** {stated} minutes {'w ' * 3597}"))]
    assert (not found) == is_fine
    assert all("`**Time:** 30 minutes, with labs, quiz and exercises`" in sentence for sentence in found)


# --- right answers ---


def quiz_of(*places, answers=3):
    """A chapter whose quiz has its right answers in these places, from 1."""
    text = "## Quiz\n\n"
    for number, place in enumerate(places, 1):
        text += f"**{number}. So?**\n\n"
        for at in range(1, answers + 1):
            text += f"<details>\n<summary>{at}</summary>\n\n**{'Yes' if at == place else 'No'}.**\n\n</details>\n"
    return chapter(text)


@pytest.mark.parametrize(
    ("book", "is_fine"),
    [
        (["123", "231"], True),
        (["112", "233", "323"], True),
        (["132", "132", "132"], False),  # each place as often as another, and one order for all chapters
        (["222", "312", "321", "223"], False),
        (["1", "1"], False),
    ],
)
def test_places_hold_their_share_give_or_take_a_half(book, is_fine):
    assert is_fine == (not [*uneven({str(i): quiz_of(*map(int, places)) for i, places in enumerate(book)})])


def test_what_to_move_makes_the_places_even():
    book = {name: [2, 3, 2] for name in "abcdefgh"}

    def told():
        return [*uneven({name: quiz_of(*places) for name, places in book.items()})]

    sentences = told()
    wanted = "place 1 holds 0, and its share is 2.7; place 2 holds 8, and its share is 2.7"
    assert sentences[0].startswith(f"Right answers of the questions 1: {wanted}")
    assert sentences == told(), "the same each time"
    moves = [re.fullmatch(r"(\w), question (\d): move .* from place (\d) to place (\d)", one) for one in sentences]
    for name, question, here, there in (found.groups() for found in moves if found):
        assert book[name][int(question) - 1] == int(here)
        book[name][int(question) - 1] = int(there)
    assert not told()
    for places in zip(*book.values(), strict=True):
        assert sorted(map(places.count, (1, 2, 3))) == [2, 3, 3]
    assert len({tuple(places) for places in book.values()}) > 4


def test_a_question_with_more_answers_has_more_places():
    assert [*keys(quiz_of(4, 1, answers=4))] == [(3, 4), (0, 4)]
    told = [*uneven({name: quiz_of(1, answers=2) for name in "abcd"})]
    assert told[0].endswith("1: place 1 holds 4, and its share is 2.0; place 2 holds 0, and its share is 2.0")
    assert len(told) == 3


# --- numbers ---

SHOWN = chapter("w $z = 41.5$ and `0.25`", "x = 7_654  # 0.125", "| table |\n|---|\n| 33.44 |\n")
SHOWN.cells[1].outputs = [
    nbformat.v4.new_output("stream", text="found: 98.1, −461.7\n"),
    nbformat.v4.new_output("execute_result", {"text/html": "<td data-value='19.99'>17.46 nats</td>"}),
]


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("On MNIST it is 98.1 nats, or 98, and 17.5, of 7,654.", []),
        ("It is 98.2 nats.", ["98.2"]),
        ("The input was −461.7; some 13% of them, or 12.5%, or 25%.", []),
        ("Up to twelve, 12, but not 13.5 or 14.", ["13.5", "14"]),
        ("In 2014, section 5.2 and tables 17 and 18, chapter 14, a 32-bit number, `123`, $456$ and vae-50.", []),
        ("A paper says 22 of 50 {cite}`burda2016`. We find 23.", ["23"]),
        ("What no reader sees is no proof: 19.99 nats.", ["19.99"]),
        ("MNIST has 60,000 images of 784 pixels.", []),
        ("| a table | 55 |\n", []),
        ("1. One.\n13. A list.\n", []),
    ],
)
def test_a_number_that_no_output_table_figure_formula_or_code_has_is_told(text, missing):
    notebook = copy.deepcopy(SHOWN)
    notebook.cells.append(nbformat.v4.new_markdown_cell(text))
    assert [sentence.split()[3] for sentence in shown(notebook)] == missing


def test_a_quiz_may_make_numbers_up():
    assert not [*shown(chapter("## Quiz\n\n**1. Paper P reports 98.7 nats. So?**\n\n## Exercises\n\nNone."))]


# --- the list on the landing page ---

INTRO = "## Chapters\n\n1. **[A](chapters/01_a.ipynb)** One.\n2. **[B](chapters/02_b.ipynb)** Two.\n"
LISTS = [
    (INTRO, ["chapters/01_a", "chapters/02_b"], []),
    (INTRO, ["chapters/01_a", "chapters/02_b", "chapters/03_c"], [r"03_c is in _toc.yml and not in .* add `3\. "]),
    (INTRO, ["chapters/01_a"], [r"02_b is in the list .* and not in _toc\.yml: add `- file: chapters/02_b`"]),
    (INTRO, ["chapters/02_b", "chapters/01_a"], ["not in the order of _toc.yml"]),
    (INTRO.replace("2.", "3."), ["chapters/01_a", "chapters/02_b"], ["each with the number of its file"]),
    (INTRO.replace("2. ", "4. ").replace("02_b", "04_b"), ["chapters/01_a", "chapters/04_b"], []),
    (INTRO, ["chapters/01_a", "chapters/02_b", "chapters/05_e"], [r"05_e is in _toc.yml and not in .* add `5\. "]),
    ("no list", ["chapters/01_a"], ["01_a is in _toc.yml", "not in the order"]),
]


@pytest.mark.parametrize(("text", "chapters", "messages"), LISTS)
def test_a_list_of_chapters_that_differs_is_told_where(text, chapters, messages):
    intro = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(text)])
    wrong = [*unlisted(intro, chapters)]
    assert len(wrong) == len(messages)
    for sentence, message in zip(wrong, messages, strict=True):
        assert re.search(message, sentence), sentence


def test_the_line_that_contributing_shows_is_one_for_that_list():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert listed(text) == (["chapters/13_my_topic"], [13])
