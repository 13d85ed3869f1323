"""The package's page, made from its docstrings: in api.md each module names what it offers, and this says the rest.

    ```{api} vae_core.training
    fit
    TrainConfig
    History: to_csv
    ```

(or `ImageSet.of`, for a method that deserves a line of its own.)

Each name becomes a fold: closed, the name and the first paragraph of its docstring; open, its signature, the rest of the
docstring, the settings of a dataclass and the methods that are named after it. A dictionary (`PRESETS`) has its docstring below
it, and its fold lists what is in it. Docstrings are plain text with `code` in it and sections such as `Raises:`.
"""

import ast
import dataclasses
import html
import importlib
import inspect
import itertools
import operator
import re
import sys
import textwrap
from pathlib import Path

from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective

ROOT = Path(__file__).parents[1]
SECTION = re.compile(r"^(Args|Raises|Returns|Yields):\n((?: +\S.*\n?|\n)+)", re.MULTILINE)
ENTRY = re.compile(r"^(\S[^:]*):\s+(.*(?:\n +.*)*)", re.MULTILINE)
WIDE = 88  # letters of a signature on one line


class Api(SphinxDirective):
    required_arguments = 1
    has_content = True

    def run(self):
        module = importlib.import_module(self.arguments[0])
        self.env.note_dependency(str(module.__file__))
        lines = [line.partition(":") for line in self.content if line.strip()]
        folds = [fold(module, name.strip(), methods.split()) for name, _, methods in lines]
        names = [name.strip() for name, *_ in lines if "." not in name]
        return self.parse_text_to_nodes("\n\n".join([imports(module, names), *folds]))


def imports(module, names):
    """The lines that bring these names in: from the package itself where it hands them on."""
    package = importlib.import_module("vae_core")
    short = [name for name in names if name in package.__all__]
    lines = {"vae_core": short, module.__name__: [name for name in names if name not in short]}
    text = "\n".join(
        textwrap.fill(f"from {source} import ({', '.join(found)})", WIDE, subsequent_indent="    ")
        if len(", ".join(found)) > WIDE - 30
        else f"from {source} import {', '.join(found)}"
        for source, found in lines.items()
        if found
    )
    return f"```python\n{text}\n```"


def fold(module, name, methods):
    """One name of a module as Markdown, with some of its methods."""
    thing = find(module, name)
    if isinstance(thing, dict):
        first, rest = split(noted(module, name), f"{module.__name__}.{name}")
        parts = [sections(rest), entries(thing)]
    else:
        first, rest = halves(thing, f"{module.__name__}.{name}")
        parts = [f"```python\n{signature(thing, name)}\n```", sections(rest), settings(thing)]
    for method in methods:
        one = find(thing, method)
        parts.append(f"`.{signature(one, method, short=True)}`\n: {markdown(halves(one, f'{name}.{method}')[0])}")
    head = re.sub(r"`([^`]*)`", r"<code>\1</code>", html.escape(" ".join(first.split()), quote=False))
    body = "\n\n".join(filter(None, parts))
    anchor = f"{module.__name__}.{name}"
    return f'<details id="{anchor}">\n<summary><code>{name}</code> {head}</summary>\n\n{body}\n\n</details>'


def find(owner, name):
    try:
        return operator.attrgetter(name)(owner)
    except AttributeError as error:
        raise ExtensionError(f"api.md names {owner.__name__}.{name}, which is not there") from error


def halves(thing, name):
    """The first paragraph of a docstring, and the rest."""
    return split(inspect.getdoc(thing), name)


def split(words, name):
    if not words:
        raise ExtensionError(f"api.md names {name}, which has no docstring")
    first, _, rest = words.partition("\n\n")
    return first, rest


def noted(module, name):
    """The string below a variable of a module, which Python itself does not keep; "" where there is none."""
    body = ast.parse(inspect.getsource(module)).body
    for line, below in itertools.pairwise(body):
        targets = [line.target] if isinstance(line, ast.AnnAssign) else getattr(line, "targets", [])
        if [name] == [ast.unparse(target) for target in targets] and isinstance(below, ast.Expr):
            return inspect.cleandoc(ast.literal_eval(below.value))
    return ""


def entries(names):
    """What a dictionary holds, a line each: a class by its name, a preset by its source, all else as Python writes it."""

    def words(thing):
        code = thing.__name__ if isinstance(thing, type) else repr(thing)
        return markdown(thing.source) if hasattr(thing, "source") else f"`{code}`"

    return "\n".join(f"- `{name!r}`: {words(thing)}" for name, thing in names.items())


def markdown(text):
    """A docstring's words as they stand: outside of `code`, no sign of theirs means anything."""
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(part if part.startswith("`") else re.sub(r"([*$<|~])", r"\\\1", part) for part in parts)


def sections(text):
    """The rest of a docstring as Markdown: what it raises and takes as lists."""

    def listed(found):
        title, body = found.groups()
        entries = [f"{name}: {' '.join(words.split())}" for name, words in ENTRY.findall(textwrap.dedent(body))]
        return f"**{title}**\n\n" + "".join(f"- {entry}\n" for entry in entries or [" ".join(body.split())]) + "\n"

    return SECTION.sub(listed, markdown(text))


def settings(thing):
    """The fields of a dataclass that say what they are for, a line each."""
    fields = dataclasses.fields(thing) if dataclasses.is_dataclass(thing) else ()
    told = [one for one in fields if "help" in one.metadata]
    return "\n".join(f"- `{one.name} = {one.default!r}`: {markdown(one.metadata['help'])}" for one in told)


def signature(thing, name, short=False):
    """How a thing is called: in short without types; else with them, one parameter a line where one is not enough."""
    told_by_name = isinstance(thing, type) and (
        issubclass(thing, BaseException) or getattr(thing, "_is_protocol", False)
    )
    if told_by_name or not callable(thing):  # an error, what likelihoods have in common, a property
        return name
    whole = inspect.signature(thing)
    given = [one for one in whole.parameters.values() if one.name != "self"]
    if short:
        given = [one.replace(annotation=one.empty) for one in given]
    if short or isinstance(thing, type):
        whole = whole.replace(return_annotation=whole.empty)
    line = name + without_modules(whole.replace(parameters=given))
    if short or len(line) <= WIDE:
        return line
    named = [without_modules(one) for one in given]
    marks = [one.kind for one in given]
    if inspect.Parameter.KEYWORD_ONLY in marks and inspect.Parameter.VAR_POSITIONAL not in marks:
        named.insert(marks.index(inspect.Parameter.KEYWORD_ONLY), "*")
    return f"{name}(\n" + "".join(f"    {one},\n" for one in named) + line[line.rindex(")") :]


def without_modules(thing):
    """A signature, or a part of one, with `Path` in place of `pathlib.Path`."""
    return re.sub(r"\b(?:[a-zA-Z_]\w*\.)+(?=[A-Za-z_])", "", str(thing))


def setup(app):
    sys.path.insert(0, str(ROOT))  # this copy's package, whatever is installed
    app.add_directive("api", Api)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
