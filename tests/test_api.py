"""The page of the package: what `vae_core` hands on stands there, and what a docstring says is what a reader reads."""

import dataclasses
import importlib
import inspect
import re
from typing import get_args, get_type_hints

import api
import pytest
from built import ROOT
from sphinx.errors import ExtensionError

import vae_core
from vae_core import TrainConfig, fit, training
from vae_core.labs import LABS

PAGE = (ROOT / "api.md").read_text(encoding="utf-8")


def documented(first="", rest=""):
    def thing(x: int, *, deep: bool = False) -> str:
        return str(x) if deep else ""

    thing.__doc__ = first and f"{first}\n\n    {rest}\n    "
    return thing


def test_all_that_the_package_hands_on_is_on_its_page():
    named = set(re.findall(r"^(\w+)(?:: [\w ]+)?$", PAGE, re.MULTILINE))
    missing = set(vae_core.__all__) - named
    assert not missing, f"name it in api.md, below its module: {sorted(missing)}"


def names():
    """Each name of the page with the thing itself."""
    for module, body in re.findall(r"^```{api} (\S+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL):
        for line in body.splitlines():
            name = line.partition(":")[0]
            yield name, api.find(importlib.import_module(module), name)


def test_what_a_lab_is_given_is_on_its_page():
    there = [thing for _, thing in names()]
    for lab in filter(lambda thing: thing in LABS, there):
        given = {part for hint in get_type_hints(lab.__init__).values() for part in [hint, *get_args(hint)]}
        missing = [
            part for part in given if getattr(part, "__module__", "").startswith("vae_core.labs") and part not in there
        ]
        assert not missing, f"{lab.__name__} takes {missing}: name it in api.md"


def test_no_docstring_of_the_page_points_to_where_it_is_not():
    assert [name for name, thing in names() if "this module" in (inspect.getdoc(thing) or "")] == []


def test_a_name_is_a_fold_with_its_signature_its_errors_and_its_settings():
    text = api.fold(training, "fit", [])
    first = (fit.__doc__ or "").split(".")[0].replace("`model`", "<code>model</code>")
    assert text.startswith(f'<details id="vae_core.training.fit">\n<summary><code>fit</code> {first}')
    assert "\n    model: LatentModel,\n    images: ImageSet,\n" in text and ") -> History\n" in text
    assert re.search(r"\*\*Raises\*\*\n\n- \w+: \w+", text)
    text = api.fold(training, "TrainConfig", [])
    for field in dataclasses.fields(TrainConfig):
        assert f"- `{field.name} = {field.default!r}`: {field.metadata['help']}" in text.replace("\\", "")


def test_a_method_may_have_a_line_of_its_own():
    text = api.fold(training, "History.to_csv", [])
    assert text.startswith('<details id="vae_core.training.History.to_csv">') and "Write the rows as CSV" in text
    assert api.imports(training, ["fit", "Diverged"]).split("\n")[1:3] == [
        "from vae_core import fit",
        "from vae_core.training import Diverged",
    ]


def test_no_sign_of_a_docstring_means_anything_but_code():
    assert api.markdown("a * b * c, $x, `a * $b` and <b> |z|") == r"a \* b \* c, \$x, `a * $b` and \<b> \|z\|"
    words = "Args:\n        x: what goes\n            in.\n        deep: how far.\n\n    More."
    assert api.sections("Args:\n    x: what goes\n        in.\n    deep: how far.\n\nMore.") == (
        "**Args**\n\n- x: what goes in.\n- deep: how far.\n\nMore."
    )
    assert api.halves(documented("First *words*.", words), "thing")[0] == "First *words*."


def test_a_long_signature_has_a_line_for_each_parameter():
    assert api.signature(documented(), "thing") == "thing(x: int, *, deep: bool = False) -> str"
    assert api.signature(documented(), "thing", short=True) == "thing(x, *, deep=False)"
    lines = api.signature(documented(), "thing" * 20).splitlines()
    assert lines[1:] == ["    x: int,", "    *,", "    deep: bool = False,", ") -> str"]
    lines = api.signature(vae_core.ConvVAE, "ConvVAE").splitlines()
    assert "    widths: tuple[int, ...] = (8, 16, 32, 64)," in lines and lines[-1] == ")"
    assert api.signature(training.Diverged, "Diverged") == "Diverged"


def test_what_the_page_names_and_nobody_made_is_told():
    with pytest.raises(ExtensionError, match=r"api\.md names vae_core\.training\.fitt, which is not there"):
        api.fold(training, "fitt", [])
    with pytest.raises(ExtensionError, match=r"api\.md names thing, which has no docstring"):
        api.halves(documented(), "thing")
