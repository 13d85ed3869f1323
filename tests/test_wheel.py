"""The package in somebody else's project: its wheel in a fresh environment, in a folder with a name such as people give.

PyTorch and the other libraries are those of this environment, whose folder a .pth names: a full install is 5 GB. Files of
that kind in that folder are not read, so the wheel alone can bring `vae_core`.
"""

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import colab_standin
import pytest

PROJECT = """
import sys, torch, vae_core
from pathlib import Path
from vae_core import VAE, TrainConfig, fit, load_images, load_model, load_pretrained, save_model
from vae_core.labs import PosteriorLab

assert Path(vae_core.__file__).is_relative_to(sys.prefix), vae_core.__file__
images = load_images("digits").first(200, 100)
model = VAE(input_dim=images.input_dim, hidden_dims=(32,), latent_dim=3)
fit(model, images, TrainConfig(epochs=2, device="cpu"), out=Path("Läufe") / "erster Lauf", progress=False)
again = VAE(input_dim=images.input_dim, hidden_dims=(32,), latent_dim=3)
history = fit(again, images, TrainConfig(epochs=3, device="cpu"), out=Path("Läufe") / "erster Lauf", resume=True, progress=False)
assert len(history.rows) == 3 and history.rows[2]["train_rate"] > 0
save_model("mein Modell ä.safetensors", again)
loaded = load_model("mein Modell ä.safetensors")
x = images.test[:5].flatten(1) / 255
assert torch.equal(loaded.reconstruct(x), again.reconstruct(x))
assert loaded.sample(4).shape == (4, 784)
PosteriorLab(loaded, images).save("Seite für Zoë.html")
assert load_pretrained("vae-2").latent_dim == 2
"""


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    """The Python of a fresh environment that holds the wheel and nothing else of its own."""
    folder = tmp_path_factory.mktemp("wheel")
    wheel = colab_standin.build_wheel(folder)
    place = folder / "Umgebung ä"
    builder = venv.EnvBuilder(with_pip=False)
    builder.create(place)
    python = builder.ensure_directories(place).env_exe
    offline = ("--no-deps", "--no-index", "--quiet", "--disable-pip-version-check")
    colab_standin.command(sys.executable, "-m", "pip", "--python", python, "install", *offline, wheel)
    (libraries,) = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
    theirs = subprocess.check_output([python, "-X", "utf8", "-c", ask], encoding="utf-8").strip()
    Path(theirs, "shared.pth").write_text(libraries, encoding="utf-8")
    return python


@pytest.fixture
def there(python, tmp_path):
    """`there(words)` runs the environment's Python in a folder of somebody's own, which it returns."""
    project = tmp_path / "mein Projekt ä"
    project.mkdir()
    env = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VAE_DATA")}

    def run(*words):
        done = subprocess.run(
            [python, "-X", "utf8", *words], cwd=project, env=env, capture_output=True, encoding="utf-8"
        )
        assert done.returncode == 0, done.stderr
        return {path.name for path in project.iterdir()}

    return run


def test_the_wheel_trains_resumes_loads_and_samples_in_somebody_elses_project(there):
    assert there("-c", PROJECT) == {"Läufe", "mein Modell ä.safetensors", "Seite für Zoë.html"}


def test_the_shell_trains_and_measures_there(there):
    there(
        "-m", "vae_core", *["train", "--data", "digits", "--preset", "vae-2", "--epochs", "1", "--out", "Läufe/erster"]
    )
    assert there("-m", "vae_core", "evaluate", "Läufe/erster", "--data", "digits") == {"Läufe"}
