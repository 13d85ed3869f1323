"""The labs' Python side: what they ship, what can be read back, and how they fail."""

import gc
import gzip
import json
import re
import shutil
import subprocess
import weakref
from pathlib import Path

import ipywidgets
import numpy as np
import pytest
import torch
from drive import frames, state_of
from ipywidgets.widgets.widget import _instances
from PIL import Image, ImageDraw
from torch.utils.data import TensorDataset

from vae_core import VAE, Autoencoder, ConvVAE, ImageSet, TrainConfig
from vae_core.colours import DISTORTION, GAP, RATE
from vae_core.labs import (
    LABS,
    DimensionLab,
    ElboLab,
    InterpolationLab,
    ManifoldLab,
    PosteriorLab,
    TrainingLab,
    base,
    picture,
)
from vae_core.labs.base import CSS, Lab, as_list
from vae_core.labs.bundle import JS, BundleError, bundle
from vae_core.labs.controls import Choice, Press, Slider, Step
from vae_core.labs.noise import normals
from vae_core.labs.pack import Block, pack_network, read, unpack_network
from vae_core.labs.training import Album, record
from vae_core.likelihoods import LIKELIHOODS, Gaussian, describe
from vae_core.losses import gaussian_kl
from vae_core.models import dense

MOST_BYTES = {"DimensionLab": 900_000}  # compressed; 600 kB for every other lab


@pytest.fixture(scope="module", params=LABS, ids=lambda lab: lab.__name__)
def lab(request) -> Lab:
    return request.param()


@pytest.fixture(scope="module")
def posterior(images) -> PosteriorLab:
    torch.manual_seed(0)
    return PosteriorLab(VAE(hidden_dims=(16,), latent_dim=3), images)


# --- weights on their way ---


@pytest.mark.parametrize("activation", ["relu", "tanh", "softplus", "leaky-relu"])
@pytest.mark.parametrize("bias", [True, False])
def test_weights_come_back_as_the_browser_has_them(activation, bias):
    torch.manual_seed(0)
    layers, block = dense((3, 20, 7), activation, bias), Block()
    packed = json.loads(json.dumps(pack_network(layers, block)))
    back = unpack_network(packed, bytes(block.data))
    for ours, theirs in zip(layers.parameters(), back.parameters(), strict=True):
        step = ours.abs().amax(-1, keepdim=True) / 127 if ours.ndim == 2 else torch.zeros(())
        assert torch.all((ours - theirs).abs() <= step / 2 + 1e-7)
    again = Block()
    pack_network(back, again)
    assert read(again.data, packed[0]["weight"]).tolist() == read(block.data, packed[0]["weight"]).tolist()
    z = torch.randn(5, 3)
    torch.testing.assert_close(back(z), layers(z), atol=0.02, rtol=0)


def test_eight_bits_cost_next_to_nothing(images):
    from vae_core import load_pretrained
    from vae_core.data import to_pixels

    model, block = load_pretrained("vae-10"), Block()
    small = unpack_network(pack_network(model.decoder.layers, block), bytes(block.data))
    x = to_pixels(images.test[:100])
    with torch.no_grad():
        z = model.encode(x)[0]
        loss = (model.likelihood.log_prob(x, model.decode(z)) - model.likelihood.log_prob(x, small(z))).mean()
    assert abs(loss) < 0.5  # nats an image, of about 75


def test_what_cannot_be_packed_is_refused():
    block = Block()
    with pytest.raises(ValueError, match="not finite"):
        block.add([1.0, float("nan")], "float32")
    with pytest.raises(ValueError, match="do not fit into float16"):
        block.add([1e6], "float16")
    with pytest.raises(ValueError, match="do not fit into uint8"):
        block.add([256], "uint8")
    with pytest.raises(ValueError, match="dense layers and transposed convolutions to the browser, not Conv2d"):
        pack_network(ConvVAE().encoder, block)
    with pytest.raises(ValueError, match="has none"):
        pack_network(torch.nn.Sequential(), block)


# --- what ships is what the sources say ---


@pytest.mark.parametrize("lab_class", LABS, ids=lambda lab: lab.__name__)
def test_the_bundle_is_the_sources(lab_class):
    """Every line of every module, in order, but for imports, `export` and comments; each after what it imports."""
    text = bundle("host.mjs", lab_class.module)
    names = re.findall(r"^// ---- (.+) ----$", text, re.MULTILINE)
    parts = re.split(r"^// ---- .+ ----\n", text, flags=re.MULTILINE)[1:]
    assert len(set(names)) == len(names) and {"host.mjs", lab_class.module} <= set(names)
    assert "/**" not in text and "@param" not in text
    for i, (name, part) in enumerate(zip(names, parts, strict=True)):
        source = (JS / name).read_text()
        lines = [line.strip() for line in source.splitlines()]
        kept = [line.removeprefix("export ") for line in lines if not line.startswith(("import ", "//"))]
        assert part.split() == re.sub(r"/\*\*.*?\*/ ?", "", "\n".join(kept), flags=re.DOTALL).split()
        assert set(re.findall(r'from "\./(.+?)"', source)) <= set(names[:i])


def write(folder: Path, **modules: str) -> Path:
    for name, text in modules.items():
        (folder / f"{name}.mjs").write_text(text)
    return folder


def test_a_bundle_runs_as_its_modules_do(tmp_path):
    one = 'import { two } from "./b.mjs";\nimport { three } from "./c.mjs";\nexport const sum = two + three;\n'
    other = 'import { three } from "./c.mjs";\nexport function five() { return three + 2; }\nexport const two = 2;\n'
    folder = write(tmp_path, a=one, b=other, c="export const three = 3;\n")
    (tmp_path / "whole.mjs").write_text(bundle("a.mjs", folder=folder) + "\nconsole.log(sum, five());\n")
    assert subprocess.check_output([node(), tmp_path / "whole.mjs"], text=True).split() == ["5", "5"]


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        (
            'import { b } from "./b.mjs";\nconst same = 1;\n',
            "const same = 2;\nexport const b = 1;\n",
            "same is declared in b.mjs and in a.mjs",
        ),
        ('import { c } from "./b.mjs";\n', "export const b = 1;\n", "a.mjs imports c, which b.mjs does not export"),
        ('import * as all from "./b.mjs";\n', "", "cannot be joined"),
        ('import { b as c } from "./b.mjs";\n', "export const b = 1;\n", "imports b as c"),
        ("export default 1;\n", "", "cannot be joined"),
        (
            'import { b } from "./b.mjs";\nexport const a = 1;\n',
            'import { a } from "./a.mjs";\nexport const b = 1;\n',
            "circle",
        ),
    ],
)
def test_modules_that_cannot_be_joined_are_refused(tmp_path, a, b, message):
    with pytest.raises(BundleError, match=message):
        bundle("a.mjs", folder=write(tmp_path, a=a, b=b))


def node() -> str:
    path = shutil.which("node")
    if path is None:
        pytest.fail("no Node.js on this machine: apt-get install nodejs", pytrace=False)
    return path


def test_python_draws_the_noise_that_the_browser_draws():
    script = "import { normals } from './random.mjs'; console.log(JSON.stringify([1, 77, -3].map((s) => [...normals(s, 9)])))"
    theirs = json.loads(subprocess.check_output([node(), "--input-type=module", "-e", script], cwd=JS))
    np.testing.assert_allclose([normals(seed, 9) for seed in (1, 77, -3)], theirs, atol=1e-14)


@pytest.mark.parametrize(
    "likelihood", [*LIKELIHOODS.values(), Gaussian(std=0.1), Gaussian(std=0.2, squash=True)], ids=str
)
def test_the_browser_counts_nats_and_draws_pixels_as_the_likelihood_does(likelihood):
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(20, generator=generator, dtype=torch.float64)
    outputs = 3 * torch.randn(20, generator=generator, dtype=torch.float64)
    script = (
        "import { likelihood } from './vae.mjs'; const [what, x, outputs] = %s; const { logProb, pixel } = likelihood(what);"
        "console.log(JSON.stringify([logProb(x, outputs, 0), outputs.map(pixel)]))"
    )
    given = json.dumps([describe(likelihood), x.tolist(), outputs.tolist()])
    nats, pixels = json.loads(
        subprocess.check_output([node(), "--input-type=module", "-e", script % given], cwd=JS, text=True)
    )
    assert nats == pytest.approx(likelihood.log_prob(x, outputs).item(), rel=1e-12)
    np.testing.assert_allclose(pixels, likelihood.mean(outputs), atol=1e-14)


def test_a_value_has_as_many_decimals_in_jupyter_as_in_a_page():
    steps = [1, 0.5, 0.25, 0.05, 0.1, 1e-3, 2.5e-3, 1e-7, 1e-10, 1e-11, 100]
    script = "import { decimals } from './controls.mjs'; console.log(JSON.stringify([%s].map(decimals)))"
    listed = ",".join(map(str, steps))
    theirs = json.loads(subprocess.check_output([node(), "--input-type=module", "-e", script % listed], cwd=JS))
    sliders = [Slider("x", "x", 0, 1000, step, 0.0) for step in steps]
    assert [slider.widget().trait_values()["readout_format"] for slider in sliders] == [
        f".{count}f" for count in theirs
    ]


# --- the published form ---


def payload(html: str) -> dict:
    found = re.search(r'application/json">(.*?)</script>', html, re.DOTALL)
    assert found
    return json.loads(found[1])


def test_html_is_the_same_every_time_and_light(lab):
    html = lab.html()
    assert type(lab)().html() == html
    assert len(gzip.compress(html.encode())) <= MOST_BYTES.get(type(lab).__name__, 600_000)


def test_a_caption_is_plain_text(lab):
    """In a step stars set off a control's name; below the picture they would be seen."""
    assert "*" not in lab.canvas.spec["caption"]


def test_html_stands_alone(lab):
    html = lab.html()
    without_data = re.sub(r"base64,[\w+/=]+", "", html)
    assert not re.search(r"""(?:src|href)=["']?(?:https?:|//)|@import|url\(|\sid=""", without_data)
    assert html.count("</script>") == 2
    alt = re.search(r'<img [^>]*alt="([^"]+)"', html)
    assert alt and len(alt[1]) > 40


def test_a_page_is_told_where_the_controls_stand(posterior):
    posterior.controls["shift"].value = 1.5
    values = {control["name"]: control["value"] for control in payload(posterior.html())["spec"]["controls"]}
    posterior.controls["shift"].value = 0.0
    assert values == {"digit": posterior.controls["digit"].index, "unit": 0, "shift": 1.5, "stretch": 1.0, "draw": 0}


def test_no_words_of_a_lab_are_taken_for_html():
    """A script element ends at </script>, and after <!--<script at a second one: so no "<" may stand in the data."""

    class Worded(Lab):
        module = "posterior.mjs"

    words = "</script><b> <!--<script> <!---->"
    lab = Worded([], {"title": words}, b"", (Image.new("L", (4, 4)), "x"))
    inside = re.search(r'application/json">(.*?)</script>', lab.html(), re.DOTALL)
    assert inside and "<" not in inside[1]
    assert json.loads(inside[1])["spec"]["title"] == words


def drawn_words(make, monkeypatch) -> list[str]:
    """All that is written into still pictures while `make` makes labs."""
    written, text = [], ImageDraw.ImageDraw.text
    monkeypatch.setattr(ImageDraw.ImageDraw, "text", lambda pen, at, words, **how: written.append(words) or text(pen, at, words, **how))  # fmt: skip
    make()
    return written


@pytest.mark.parametrize("lab_class", LABS, ids=lambda lab: lab.__name__)
def test_a_still_shows_no_box_for_a_sign_that_its_font_lacks(lab_class, monkeypatch):
    signs = set("".join(drawn_words(lab_class, monkeypatch)))
    box, *looks = ([*picture.font(15).getmask(sign)] for sign in ("\uffff", *signs))  # pyright: ignore
    assert signs and box not in looks


PAIRS = [
    ((Autoencoder, VAE), ["Autoencoder", "VAE"]),
    ((VAE, Autoencoder), ["VAE", "Autoencoder"]),
    ((VAE, VAE), ["VAE 1", "VAE 2"]),
]


@pytest.mark.parametrize(("kinds", "titles"), PAIRS)
@pytest.mark.parametrize("lab_class", [InterpolationLab, ManifoldLab])
def test_models_are_called_what_they_are(lab_class, kinds, titles, digits, monkeypatch):
    """On the canvas, in the still picture and in its words, whatever pair is given."""
    torch.manual_seed(0)
    models = [kind(hidden_dims=(16,), latent_dim=2) for kind in kinds]
    made = []
    drawn = drawn_words(lambda: made.append(lab_class(*models, digits)), monkeypatch)
    spec, alt = made[0].canvas.spec, re.findall(r'alt="(.*?)"', made[0].canvas.fallback)[0]
    parts = spec["models" if lab_class is InterpolationLab else "planes"]
    assert [part["title"] for part in parts] == list(filter(None, drawn)) == titles
    assert f"{titles[0]} and {titles[1]}" in alt
    if lab_class is ManifoldLab:
        clouds = ["cloud" in part["subtitle"] for part in parts]
        assert clouds == [kind is VAE for kind in kinds]


def test_the_manifolds_picture_says_how_far_the_codes_are_from_its_point(digits):
    """Two models that are one and the same have no hole where the other has none."""
    torch.manual_seed(0)
    model = VAE(hidden_dims=(16,), latent_dim=2)
    lab = ManifoldLab(model, model, digits)
    point = torch.tensor([[lab.values["z1"], lab.values["z2"]]])
    far = torch.cdist(point, lab.planes[0].codes).min().item()
    assert lab.canvas.fallback.count(f"{far:.2f} σ") == 2


# --- the live form ---


def test_every_front_end_finds_its_form(lab):
    shown = lab._repr_mimebundle_()
    assert shown["application/vnd.jupyter.widget-view+json"]["model_id"] == lab.model_id
    assert shown["text/html"] == lab.html()
    assert shown["text/plain"] == repr(lab) and "0x" not in repr(lab)


def test_ipywidgets_7_shows_the_same(lab, monkeypatch):
    """There display goes through `_ipython_display_`: a stand-in records what it publishes."""
    shown, told = [], []
    monkeypatch.setattr("IPython.display.display", lambda data, raw: shown.append(data))
    monkeypatch.setattr(lab, "_handle_displayed", lambda: told.append(True), raising=False)
    base.display_in_ipywidgets_7(lab)
    assert shown == [lab._repr_mimebundle_()] and told == [True]
    assert hasattr(Lab, "_ipython_display_") == hasattr(ipywidgets.Widget, "_ipython_display_")


def test_controls_are_ordinary_ipywidgets_linked_in_the_browser(lab):
    kinds = {
        "slider": ipywidgets.FloatSlider,
        "choice": (ipywidgets.Dropdown, ipywidgets.SelectionSlider),
        "press": ipywidgets.Button,
    }
    for control in lab.canvas.spec["controls"]:
        if control["kind"] == "state":
            continue
        assert isinstance(lab.controls[control["name"]], kinds[control["kind"]])
        assert lab.canvas.has_trait(control["name"])
    linked = {link.target[1]: link.source for link in lab.links}
    for name, (widget, trait) in linked.items():
        assert widget is lab.controls[name] and trait == ("index" if isinstance(widget, kinds["choice"]) else "value")
    buttons = {name for name, widget in lab.controls.items() if isinstance(widget, ipywidgets.Button)}
    assert linked.keys() | buttons == lab.controls.keys()


def test_values_follow_the_controls_and_can_be_observed(posterior):
    heard = []
    posterior.observe(lambda change: heard.append(change.new["shift"]), "values")
    posterior.controls["shift"].value = -0.5
    posterior.controls["unit"].index = 2
    posterior.controls["draw"].click()
    assert heard == [-0.5, -0.5, -0.5]
    assert posterior.values == {
        **posterior.values,
        "shift": -0.5,
        "unit": posterior.controls["unit"].options[2],
        "draw": 1,
    }
    posterior.controls["shift"].value, posterior.controls["unit"].index = 0.0, 0
    posterior.unobserve_all("values")


def test_posterior_lab_gives_torch_ready_arrays(posterior):
    lab, controls = posterior, posterior.controls
    mean, log_var = lab.mean, lab.log_var
    for array in (mean, log_var, lab.z):
        assert array.dtype == np.float32 and array.shape == (3,)
    controls["unit"].index, controls["shift"].value, controls["stretch"].value = 2, 1.0, 4.0
    np.testing.assert_allclose(lab.mean - mean, [0, 1, 0], atol=1e-6)
    np.testing.assert_allclose(lab.log_var - log_var, [0, np.log(4), 0], atol=1e-6)
    epsilon = (lab.z - lab.mean) / np.exp(0.5 * lab.log_var)
    np.testing.assert_allclose(epsilon, normals(lab.values["draw"] + 1, 3), atol=1e-5)
    assert lab.answer().shape == (784,)
    assert torch.isfinite(gaussian_kl(torch.from_numpy(lab.mean), torch.from_numpy(lab.log_var)))
    controls["stretch"].value = 0.0
    assert lab.log_var[1] == -np.inf and np.isfinite(lab.z).all()
    controls["unit"].index, controls["shift"].value, controls["stretch"].value = 0, 0.0, 1.0


def test_manifold_lab_reads_back_in_each_models_units(images):
    lab = ManifoldLab(images=images)
    lab.controls["z1"].value, lab.controls["z2"].value = 1.0, -2.0
    for z, plane, pixels in zip(lab.z, lab.planes, lab.answer(), strict=True):
        np.testing.assert_allclose(z, plane.centre + plane.scale * torch.tensor([1.0, -2.0]), rtol=1e-6)
        assert pixels.shape == (784,) and 0 <= pixels.min() and pixels.max() <= 1


def test_manifold_lab_begins_where_the_autoencoder_has_a_hole_and_the_vae_has_none(images):
    lab = ManifoldLab(images=images)
    start = torch.tensor([[lab.values["z1"], lab.values["z2"]]])
    ae, vae = (torch.cdist(start, plane.codes).min().item() for plane in lab.planes)
    assert vae < lab.canvas.spec["hole"] < ae


def test_the_way_is_given_to_the_books_own_models_where_it_holds(images, digits):
    own = ManifoldLab(images=images)
    assert (len(own.canvas.spec["way"]) == 2) >= (images.name == "mnist")
    assert any("A to B" in step.words for step in own.steps) == bool(own.canvas.spec["way"])
    torch.manual_seed(0)
    theirs = ManifoldLab(Autoencoder(hidden_dims=(8,), latent_dim=2), VAE(hidden_dims=(8,), latent_dim=2), digits)
    assert theirs.steps == () and theirs.canvas.spec["way"] == []


@pytest.mark.parametrize("channels", [1, 3])
def test_manifold_lab_takes_convolutional_models_in_grey_and_in_colour(channels, tmp_path):
    torch.manual_seed(0)
    images = ImageSet.of(torch.rand(60, channels, 8, 8), labels=torch.arange(60) % 3)
    made = ManifoldLab(
        Autoencoder(channels * 64, (8,), 2), ConvVAE(channels=channels, size=8, widths=(4,), latent_dim=2), images
    )
    made.save(tmp_path / "map.html")
    made.controls["z1"].value = 0.5
    codes, grid = frames(made, state_of(made), state_of(made, backdrop="both", highlight="class 2"))
    for drawn, answer in zip(codes["pictures"], made.answer(), strict=True):
        np.testing.assert_allclose(drawn["pixels"], answer, atol=0.02)
    assert len(grid["pictures"]) == 2 + 2 * 13**2
    assert "2" in grid["words"] and "digit" not in codes["summary"]


def test_two_models_have_the_colours_of_their_kinds(digits):
    torch.manual_seed(0)
    ae, vae = (kind(hidden_dims=(8,), latent_dim=2) for kind in (Autoencoder, VAE))
    for lab_class, key in ((ManifoldLab, "planes"), (InterpolationLab, "models")):
        for pair, marks in (
            ((ae, vae), ["orange", "accent"]),
            ((vae, ae), ["accent", "orange"]),
            ((vae, vae), ["orange", "accent"]),
        ):
            spec = lab_class(*pair, digits).canvas.spec
            assert [part["mark"] for part in spec[key]] == marks
            assert len(spec["legend"]) == (0 if pair[0] is pair[1] else 2)


def test_manifold_lab_draws_in_six_bits_what_its_models_draw(images):
    """Anywhere on the planes, a hundredth of a grey at most on the average image."""
    lab = ManifoldLab(images=images)
    points = 6 * torch.rand(500, 2, generator=torch.Generator().manual_seed(1)) - 3
    for plane, spec in zip(lab.planes, lab.canvas.spec["planes"], strict=True):
        with torch.no_grad():
            drawn = unpack_network(spec["layers"], lab.canvas.data)(plane.to_z(points)).sigmoid()
        assert (drawn - plane.decode(points)).abs().mean() < 0.01


def test_decoders_are_rounded_as_their_own_likelihood_counts_errors(digits):
    """To a Gaussian's mean every pixel is worth the same, however far from zero: one scale for all rows."""
    torch.manual_seed(0)
    ae, vae = (kind(hidden_dims=(16,), latent_dim=2, likelihood="gaussian") for kind in (Autoencoder, VAE))
    ae.get_parameter("decoder.layers.2.bias").data[:392] = 8.0
    interpolation, manifold = InterpolationLab(ae, vae, digits), ManifoldLab(ae, vae, digits)
    for lab, key in ((interpolation, "models"), (manifold, "planes")):
        scale = read(lab.canvas.data, lab.canvas.spec[key][0]["layers"][-1]["scale"])
        assert len(scale) == 784 and (scale == scale[0]).all()


# --- at its end ---


def living() -> int:
    """How many widgets the kernel holds."""
    return len(_instances)


@pytest.mark.parametrize("lab_class", LABS, ids=lambda lab: lab.__name__)
def test_a_closed_lab_leaves_nothing_behind(lab_class):
    """As many widgets as before it was made, nobody told of anything any more, and the memory free once it is let go."""
    before = living()
    lab, heard = lab_class(), []
    assert living() > before + 10
    lab.observe(heard.append, "values")
    sliders = ipywidgets.FloatSlider | ipywidgets.SelectionSlider
    slider = next(widget for widget in lab.controls.values() if isinstance(widget, sliders))
    canvas = weakref.ref(lab.canvas)
    lab.close()
    assert living() == before
    assert lab.canvas.comm is None and all(part.comm is None for part in [*lab.controls.values(), *lab.links])
    slider.value = slider.options[0] if isinstance(slider, ipywidgets.SelectionSlider) else slider.min
    assert heard == []
    del lab, slider
    gc.collect()
    assert canvas() is None


def test_closing_twice_is_closing_once():
    lab = ElboLab()
    lab.close()
    lab.close()


# --- bad arguments ---


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ManifoldLab(ae=Autoencoder(latent_dim=3)), "latent_dim = 2, not 3"),
        (lambda: PosteriorLab(Autoencoder(latent_dim=3)), "needs a VAE, not Autoencoder"),
        (lambda: Slider("a", "a", 1, 0, 0.1, 0.5), "cannot move"),
        (lambda: Slider("a", "a", 0, 1, 0.1, 2), "a = 2 lies outside"),
        (lambda: Choice("a", "a", ("x",), 1), "no option 1"),
        (lambda: base.Canvas([Press("a", "a"), Press("a", "b")]), "'a' is taken"),
        (lambda: base.Canvas([Choice("a", "a", ("x",), resets=("b",))]), "a choice resets 'b', and the controls are a"),
        (lambda: PosteriorLab(steps="mine"), "steps is 'mine', and there are clouds and losses"),
        (lambda: ElboLab(steps="mine"), "steps is 'mine', and there are fitting and proposing"),
        (lambda: base.Canvas([Press("layout", "a")]), "'layout' is taken"),
    ],
)
def test_bad_arguments_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def a_vae() -> VAE:
    return VAE(hidden_dims=(8,), latent_dim=2)


@pytest.mark.parametrize(
    ("kind", "given", "message"),
    [
        (PosteriorLab, lambda x: (a_vae(), x.test.numpy()), "images is of ndarray, and an ImageSet is needed"),
        (PosteriorLab, lambda x: (a_vae(), TensorDataset(x.test)), r"images is of TensorDataset.*ImageSet\.of"),
        (InterpolationLab, lambda x: (None, None, x.test), "images is of Tensor"),
        (ManifoldLab, lambda x: (None, None, x.test), "images is of Tensor"),
        (DimensionLab, lambda x: ([a_vae()], x.test), "images is of Tensor"),
        (Album, lambda x: (a_vae(), x.test, TrainConfig()), "images is of Tensor"),
        (record, lambda x: (a_vae(), x.test, TrainConfig()), "images is of Tensor"),
        (PosteriorLab, lambda x: (VAE, x), r"model is <class '.*VAE'>, which is no LatentModel: VAE\(\) is one"),
        (PosteriorLab, lambda x: ("vae-10", x), "model is 'vae-10', which is no LatentModel"),
        (InterpolationLab, lambda x: (VAE, None, x), "model is <class"),
        (ManifoldLab, lambda x: (None, VAE, x), "model is <class"),
        (DimensionLab, lambda x: ([VAE], x), "model is <class"),
        (DimensionLab, lambda x: (VAE, x), "model is <class"),
        (Album, lambda x: (VAE, x, TrainConfig()), "model is <class"),
        (TrainingLab, lambda x: (a_vae(),), r"album is of VAE: record\(model, images, config\)"),
    ],
)
def test_what_is_no_model_and_no_image_set_is_refused(kind, given, message, images):
    with pytest.raises(ValueError, match=message):
        kind(*given(images))


def test_one_model_may_be_given_alone(images):
    model = a_vae()
    assert DimensionLab(model, images).models == [model]


def test_pictures_that_are_not_square_are_refused(images):
    wide = ImageSet("wide", *(torch.zeros(4, 1, 2, 4, dtype=torch.uint8),) * 2, *(torch.arange(4),) * 2)
    with pytest.raises(ValueError, match=r"square images, not 2 × 4"):
        PosteriorLab(VAE(input_dim=8, latent_dim=2), wide)
    with pytest.raises(ValueError, match=r"square images, not 2 × 4"):
        ManifoldLab(images=wide)


# --- saved for somebody else ---


def test_a_saved_lab_is_one_whole_page(posterior, tmp_path):
    """The lab's own HTML, word for word, in a page that says how it is written; what stood there before is replaced."""
    path = tmp_path / "page.html"
    path.write_text("an older page", encoding="utf-8")
    posterior.save(path, "a <title> & more")
    page = path.read_bytes().decode("utf-8")
    assert posterior.html() in page and "an older page" not in page
    assert page.index('<meta charset="utf-8">') < 100 and 'name="viewport"' in page
    assert page.count("a &lt;title&gt; &amp; more") == 2 and "a <title>" not in page
    posterior.save(str(path))
    assert "<h1>Posterior Lab</h1>" in path.read_text(encoding="utf-8")


def test_a_lab_that_cannot_be_saved_leaves_what_was_there(posterior, tmp_path, monkeypatch):
    path = tmp_path / "page.html"
    path.write_text("an older page", encoding="utf-8")

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("vae_core.files.os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        posterior.save(path)
    assert [(found.name, found.read_text()) for found in tmp_path.iterdir()] == [("page.html", "an older page")]


def test_a_page_is_told_from_other_files_by_its_name(posterior, tmp_path):
    for name in ("page", "page.txt", "page.ipynb"):
        with pytest.raises(ValueError, match=r"call it page\.html"):
            posterior.save(tmp_path / name)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        posterior.save(tmp_path / "nowhere" / "page.html")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("labels", "named"),
    [
        (None, ("Image", "image 1", "image 2")),
        ([i % 3 for i in range(200)], ("Image", "class 0", "class 0, another")),
    ],
)
def test_images_that_are_no_digits_are_not_called_so(labels, named):
    """Without labels there are no classes to choose from, but the first images."""
    images = ImageSet.of(torch.rand(200, 12, 12), labels=labels)
    model = VAE(144, (8,), 3)
    lab = PosteriorLab(model, images)
    menu = lab.controls["digit"]
    assert (menu.description, *menu.options[:2]) == named
    assert "Images from the test set" in lab.canvas.spec["caption"]
    walk = InterpolationLab(vae=model, ae=Autoencoder(144, (8,), 2), images=images)
    assert walk.canvas.spec["names"][0] == named[1]


def labs_of(images: ImageSet) -> list[Lab]:
    """Every lab that shows images, of small models that fit these."""
    torch.manual_seed(0)
    vae, ae = VAE(images.input_dim, (8,), 2), Autoencoder(images.input_dim, (8,), 2)
    album = record(vae, images, TrainConfig(epochs=1, device="cpu"))
    given = (PosteriorLab(vae, images), DimensionLab([vae], images), TrainingLab(album))
    return [*given, ManifoldLab(ae, vae, images), InterpolationLab(ae, vae, images)]


@pytest.mark.parametrize("classes", [1, 3])
def test_no_lab_has_words_of_digits_for_other_images(classes):
    """On the controls, in caption, still picture and numbers that travel; and where all labels are one, none of classes."""
    for lab in labs_of(ImageSet.of(torch.rand(200, 12, 12), labels=torch.arange(200) % classes)):
        spec = lab.canvas.spec
        labels = [[control.get("label", ""), *control.get("options", [])] for control in spec["controls"]]
        shown = json.dumps([labels, spec["caption"], lab.canvas.fallback])
        assert "digit" not in shown.lower()
        assert ("class " in shown or "by class" in shown) <= (classes > 1)
        if type(lab) is not DimensionLab:  # its script has no words for images
            assert spec["noun"] == "image" and spec.get("classes", True) == (classes > 1)
        assert all((len(plane["names"]) > 0) == (classes > 1) for plane in spec.get("planes", []))


def test_of_digits_a_script_is_told_nothing(digits):
    """It takes images for digits of itself: what the book's pages hold is no longer for it."""
    for lab in labs_of(digits.first(200, 200)):
        assert not {"noun", "classes"} & lab.canvas.spec.keys()


def test_a_step_is_refused_where_the_controls_cannot_stand():
    controls = [Slider("z1", "z₁", -3, 3, 0.05, 0.0), Choice("show", "Show", ("dots", "grid"))]
    told = Step("Choose *Show*.", {"show": "grid", "z1": -1.0}, ("plane",)).as_json(controls)
    assert told == {"words": "Choose *Show*.", "state": {"show": 1, "z1": -1.0}, "watch": ["plane"]}
    for state, message in (
        ({"z2": 0.0}, "sets 'z2', and the controls are z1, show"),
        ({"show": "all"}, "show cannot be 'all': it is one of dots, grid"),
        ({"z1": 4.0}, "z1 = 4.0 lies outside its slider, -3 to 3"),
    ):
        with pytest.raises(ValueError, match=re.escape(message)):
            Step("Go.", state).as_json(controls)


def test_steps_are_read_on_paper_and_where_no_script_runs(posterior):
    lab = ElboLab()
    steps = re.search(r'<ol class="vae-lab-steps">(.*?)</ol>', lab.html())
    assert steps and steps[1].count("<li>") == len(lab.steps) >= 3
    assert (
        posterior.steps == () and "<ol" not in posterior.html()
    )  # a reader's own model: they were written for another
    assert (
        as_list([Step("Is 1 < 2? Move *z₁*.")])
        == '<ol class="vae-lab-steps"><li>Is 1 &lt; 2? Move <b>z₁</b>.</li></ol>'
    )


def test_a_quantity_has_one_colour_in_labs_and_figures():
    """What lab.css mixes for a browser, on white paper and with the ink that it names."""
    css = CSS.read_text(encoding="utf-8")
    (ink,) = re.findall(r"--vae-ink:.*?(#\w{6})", css)
    for name, figure in (("distortion", DISTORTION), ("rate", RATE), ("gap", GAP)):
        ((colour, share),) = re.findall(
            rf"--vae-{name}: color-mix\(in srgb, (#\w{{6}}) (\d+)%, var\(--vae-ink\)\)", css
        )
        parts = zip(*(bytes.fromhex(each[1:]) for each in (colour, ink)), strict=True)
        mixed = bytes(round((int(share) * a + (100 - int(share)) * b) / 100) for a, b in parts)
        assert figure == f"#{mixed.hex()}", name
