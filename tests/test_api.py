"""The page of the package: what `vae_core` hands on stands there, and what a docstring says is what a reader reads."""

import dataclasses
import importlib
import inspect
import pkgutil
import re
from typing import get_args, get_type_hints

import api
import pytest
from built import ROOT
from sphinx.errors import ExtensionError

import vae_core
from vae_core import TrainConfig, fit, labs, likelihoods, models, presets, training
from vae_core.labs import LABS, Lab
from vae_core.sources import mnist

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


def unnamed(page, labs):
    """Labs, by name, that no line of the page names below their module."""
    blocks = re.findall(r"^```\{api\} vae_core\.labs$(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    named = re.findall(r"^(\w+)", "\n".join(blocks), re.MULTILINE)
    return [
        f"api.md does not name {lab}: add a line `{lab}` to its block ```{{api}} vae_core.labs"
        for lab in labs
        if lab not in named
    ]


def unexported(found, exported, listed):
    """Labs that the folder holds and `vae_core/labs/__init__.py` does not hand on whole."""
    for lab, module in found.items():
        wanted = {
            f"`from {module} import {lab}`": exported,
            f'"{lab}" in `__all__`': exported,
            f"`{lab}` in `LABS`": listed,
        }
        missing = [what for what, names in wanted.items() if lab not in names]
        if missing:
            yield f"vae_core/labs/__init__.py does not hand on {lab}: it needs {', '.join(missing)}"


def test_a_lab_is_handed_on_and_on_the_page():
    for module in pkgutil.iter_modules(labs.__path__, "vae_core.labs."):
        importlib.import_module(module.name)
    found = {lab.__name__: lab.__module__ for lab in Lab.__subclasses__() if lab.__module__.startswith("vae_core.")}
    assert not [*unexported(found, labs.__all__, [lab.__name__ for lab in labs.LABS])]
    assert not unnamed(PAGE, [name for name in labs.__all__ if name != "LABS"])


def test_a_new_lab_is_told_where_to_be_named():
    (sentence,) = unnamed(PAGE, ["PosteriorLab", "StretchLab"])
    assert "add a line `StretchLab` to its block ```{api} vae_core.labs" in sentence
    assert unnamed(PAGE.replace("PosteriorLab\n", ""), ["PosteriorLab"])
    new = {"StretchLab": "vae_core.labs.stretch"}
    (sentence,) = unexported(new, ["LABS", "Lab"], ["ElboLab"])
    assert sentence.endswith(
        'it needs `from vae_core.labs.stretch import StretchLab`, "StretchLab" in `__all__`, `StretchLab` in `LABS`'
    )
    (sentence,) = unexported(new, ["StretchLab"], ["ElboLab"])
    assert sentence.endswith("it needs `StretchLab` in `LABS`")


@pytest.mark.parametrize("name", ["likelihoods.LIKELIHOODS", "models.ACTIVATIONS", "presets.PRESETS"])
def test_names_that_are_strings_are_listed(name):
    module, _, variable = name.partition(".")
    module = importlib.import_module(f"vae_core.{module}")
    text = api.fold(module, variable, [])
    assert re.findall(r"^- `'([^']+)'`: ", text, re.MULTILINE) == list(getattr(module, variable))
    assert re.search(rf"^{variable}$", PAGE, re.MULTILINE)
    assert re.match(rf'<details id="vae_core\.{name}">\n<summary><code>{variable}</code> The [^<]+', text)


def test_each_of_them_says_what_it_is():
    assert "- `'relu'`: `ReLU`\n" in api.fold(models, "ACTIVATIONS", [])
    assert "- `'gaussian'`: `Gaussian(std=1.0, squash=False)`\n" in api.fold(likelihoods, "LIKELIHOODS", [])
    assert "- `'vae-2'`: This book: a VAE with 2 latent dimensions\n" in api.fold(presets, "PRESETS", [])


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
    with pytest.raises(ExtensionError, match=r"api\.md names vae_core\.sources\.mnist\.MAKERS, which has no docstring"):
        api.fold(mnist, "MAKERS", [])
