"""One self-contained ES module out of a lab's small source modules, joined when it is needed.

Nothing is compiled and nothing is stored: each module follows those that it imports, its text as it is
on disk but for the import statements, the word `export`, and what is for those who read the sources: the comments that
begin with `/**`, for `deno check`, and each line that is a comment. So what a browser runs is what `node --test` tested.
"""

import re
from functools import cache
from pathlib import Path

JS = Path(__file__).parent / "js"
IMPORT = re.compile(r'^import \{([^}]*)\} from "\./([\w-]+\.mjs)";\n', re.MULTILINE)
EXPORT = re.compile(r"^export (?=(?:async )?function|class|const|let)", re.MULTILINE)
DECLARED = re.compile(r"^(?:async )?(?:function\*?|class|const|let|var) (\w+)", re.MULTILINE)
DOCUMENTED = re.compile(r"^ */\*\*(?:(?!\*/).)*\*/\n|/\*\* @type [^*]*\*/ ", re.MULTILINE | re.DOTALL)
REMARK = re.compile(r"^ *//.*\n", re.MULTILINE)
LEFT_OVER = re.compile(r"^(?:import|export)\b.*", re.MULTILINE)


class BundleError(ValueError):
    """Modules that cannot be joined by putting one after another, with the line that stands in the way."""


@cache
def bundle(*entries: str, folder: Path = JS) -> str:
    """These modules and all that they import as one text, with no import and no export in it.

    Raises:
        BundleError: a form of import or export other than `import { a, b } from "./file.mjs"` and `export`
            before a declaration, a name that its module does not export, or a name that two modules declare.
    """
    texts: dict[str, str] = {}
    for entry in entries:
        _collect(entry, folder, texts, [])
    owner: dict[str, str] = {}
    for name, text in texts.items():
        for declared in DECLARED.findall(text):
            if declared in owner:
                raise BundleError(f"{declared} is declared in {owner[declared]} and in {name}: rename one of them")
            owner[declared] = name
    return "\n".join(f"// ---- {name} ----\n{text}" for name, text in texts.items())


def _collect(name: str, folder: Path, texts: dict[str, str], above: list[str]) -> None:
    """Put into `texts` the modules that `name` imports, and then `name` itself, stripped."""
    if name in above:
        raise BundleError(f"modules import each other in a circle: {' -> '.join([*above, name])}")
    if name in texts:
        return
    source = (folder / name).read_text(encoding="utf-8")
    for names, other in IMPORT.findall(source):
        _collect(other, folder, texts, [*above, name])
        exported = set(DECLARED.findall("\n".join(_exports(folder / other))))
        for wanted in filter(None, map(str.strip, names.split(","))):
            if wanted not in exported:
                raise BundleError(f"{name} imports {wanted}, which {other} does not export")
    text = EXPORT.sub("", REMARK.sub("", DOCUMENTED.sub("", IMPORT.sub("", source))))
    if found := LEFT_OVER.search(text):
        raise BundleError(f"{name}: {found.group()!r} cannot be joined: import {{ names }}, export declarations")
    texts[name] = text


def _exports(path: Path) -> list[str]:
    """The lines of a module that export something, without the word."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [line.removeprefix("export ") for line in lines if line.startswith("export ")]
