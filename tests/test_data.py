"""Images: found, verified, split, and turned into pixels."""

import gzip
import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from vae_core import ImageSet, load_images
from vae_core.data import DamagedFile, DataError, add_noise, to_pixels
from vae_core.sources import mnist


def test_the_data_at_hand(images):
    shape = {"mnist": (60000, 10000), "digits": (1500, 297)}[images.name]
    assert (len(images.train), len(images.test)) == shape
    assert images.train.dtype == torch.uint8
    assert images.train.shape[1:] == (1, 28, 28)
    assert images.train_labels.bincount().min() > 0.08 * len(images.train)
    assert images.input_dim == 784


def test_digits_fill_the_frame_as_mnist_does(digits):
    border = torch.cat([digits.train[..., :4, :].flatten(), digits.train[..., -4:, :].flatten()])
    assert border.max() == 0
    assert digits.train.max() == 255


def write_idx(folder, name, array):
    header = bytes([0, 0, 8, array.ndim]) + b"".join(size.to_bytes(4, "big") for size in array.shape)
    (folder / name).write_bytes(header + array.tobytes())


@pytest.fixture
def no_network(monkeypatch):
    def refuse(*_, **__):
        raise DataError("no network")

    monkeypatch.setattr(mnist, "fetch", refuse)
    monkeypatch.delenv("VAE_DATA", raising=False)


@pytest.mark.usefixtures("no_network")
def test_a_wrong_mnist_is_refused_even_with_a_fallback(tmp_path):
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for part, count in (("train", 60), ("t10k", 10)):
        write_idx(raw, f"{part}-images-idx3-ubyte", np.zeros((count, 28, 28), np.uint8))
        write_idx(raw, f"{part}-labels-idx1-ubyte", np.zeros(count, np.uint8))
    for fallback in (None, "digits"):
        with pytest.raises(DamagedFile, match="train-images-idx3-ubyte.damaged is not MNIST's"):
            load_images("mnist", tmp_path, fallback=fallback)


@pytest.mark.usefixtures("no_network")
def test_gzipped_files_are_read_and_cut_ones_refused(tmp_path, images):
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for part, pixels, labels in (
        ("train", images.train, images.train_labels),
        ("t10k", images.test, images.test_labels),
    ):
        write_idx(raw, f"{part}-images-idx3-ubyte", pixels[:, 0].numpy())
        write_idx(raw, f"{part}-labels-idx1-ubyte", labels.to(torch.uint8).numpy())
    for path in list(raw.iterdir()):
        (raw / f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes(), 1))
        path.unlink()
    if images.name == "mnist":
        assert load_images("mnist", tmp_path).sha256 == images.sha256
    else:  # the digits in MNIST's clothes: read through gzip, then refused
        with pytest.raises(DamagedFile, match="train-images-idx3-ubyte.gz.damaged"):
            load_images("mnist", tmp_path)
        return
    cut = raw / "train-images-idx3-ubyte.gz"
    cut.write_bytes(cut.read_bytes()[:1000])
    with pytest.raises(DamagedFile, match="train-images-idx3-ubyte.gz.damaged"):
        load_images("mnist", tmp_path)


@pytest.mark.usefixtures("no_network")
def test_nothing_found_names_every_place_and_leaves_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("VAE_DATA", str(tmp_path / "elsewhere"))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=r"here/MNIST.*elsewhere/MNIST.*data/MNIST.*no network.*fallback"):
        load_images("mnist", tmp_path / "here")
    assert list(tmp_path.iterdir()) == []
    assert load_images("mnist", fallback="digits").name == "digits"
    assert "1,797" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "cifar"}, "'cifar'.*'mnist', 'fashion-mnist'"),
        ({"name": "mnist", "fallback": "letters"}, "'letters'.*'digits'"),
        ({"name": "folder"}, "needs root="),
        ({"name": "folder", "root": "/no/such/folder"}, "/no/such/folder is not a folder"),
        ({"name": "folder", "root": "/", "size": "32"}, "size is '32': it must be a whole number, 1 or more"),
        ({"name": "folder", "root": "/", "size": None}, "size is None"),
    ],
)
def test_bad_requests_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        load_images(**arguments)


@pytest.fixture
def pictures(tmp_path):
    generator = np.random.default_rng(0)
    for label in ("cat", "dog"):
        (tmp_path / label).mkdir()
        for number in range(10):
            pixels = generator.integers(0, 255, (20 + number, 30, 3), np.uint8)
            Image.fromarray(pixels).save(tmp_path / label / f"{number}.png")
    return tmp_path


def test_a_folder_of_pictures(pictures):
    images = load_images("folder", pictures, size=16)
    assert images.train.shape == (18, 3, 16, 16)
    assert images.test.shape == (2, 3, 16, 16)
    assert images.train_labels.tolist() == [0] * 9 + [1] * 9
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(pictures / "grey.png")
    assert load_images("folder", pictures, size=16).train.shape[1] == 3


def test_train_and_test_folders_are_the_split(pictures):
    for part in ("train", "test"):
        (pictures / part).mkdir()
    shutil.move(pictures / "cat", pictures / "train" / "cat")
    shutil.move(pictures / "dog", pictures / "test" / "dog")
    images = load_images("folder", pictures, size=8)
    assert (len(images.train), len(images.test)) == (10, 10)
    assert images.test_labels.unique().tolist() == [1]


@pytest.mark.parametrize(("learned", "held_out"), [("Train", "Test"), ("training", "val"), ("train", "Validation")])
def test_a_split_may_be_named_otherwise(pictures, learned, held_out):
    shutil.move(pictures / "cat", pictures / learned / "cat")
    shutil.move(pictures / "dog", pictures / held_out / "dog")
    images = load_images("folder", pictures, size=8)
    assert (len(images.train), len(images.test)) == (10, 10)
    assert images.test_labels.unique().tolist() == [1]


def test_what_lies_beside_train_and_test_joins_neither(pictures, capsys):
    for part, label in (("train", "cat"), ("test", "dog")):
        (pictures / part).mkdir()
        shutil.move(pictures / label, pictures / part / label)
    shutil.copytree(pictures / "test", pictures / "val")
    shutil.copy(pictures / "val" / "dog" / "0.png", pictures / "cover.png")
    images = load_images("folder", pictures, size=8)
    assert (len(images.train), len(images.test)) == (10, 10)
    said = capsys.readouterr().err
    assert "11 pictures lie in neither train/ nor test/" in said and "cover.png" in said and "val" in said


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(DataError, match="0 pictures"):
        load_images("folder", tmp_path)


def test_an_empty_or_mislabelled_set_is_refused(digits):
    empty = digits.train[:0]
    with pytest.raises(DataError, match="empty"):
        ImageSet("mine", digits.train, empty, digits.train_labels, digits.test_labels[:0])
    with pytest.raises(DataError, match="1500 images but 3 labels"):
        ImageSet("mine", digits.train, digits.test, digits.train_labels[:3], digits.test_labels)
    with pytest.raises(DataError, match="float32"):
        ImageSet("mine", digits.train.float(), digits.test, digits.train_labels, digits.test_labels)


def test_train_and_test_of_different_shape_are_refused(digits):
    for other in (digits.test.expand(-1, 3, -1, -1), digits.test[..., :20]):
        with pytest.raises(DataError, match=r"\(1, 28, 28\) in train, .* in test"):
            ImageSet("mine", digits.train, other, digits.train_labels, digits.test_labels)


def test_a_permuted_view_has_the_hash_of_its_copy(digits):
    rows_last = digits.train.expand(-1, 3, -1, -1).permute(0, 1, 3, 2)
    views = ImageSet("mine", rows_last, rows_last[:5], digits.train_labels, digits.train_labels[:5])
    whole = ImageSet("mine", rows_last.clone(), rows_last[:5].clone(), digits.train_labels, digits.train_labels[:5])
    assert views.sha256 == whole.sha256 != digits.sha256


def test_first_and_padded(digits):
    small = digits.first(10, 5).padded(32)
    assert small.train.shape == (10, 1, 32, 32)
    assert small.test.shape == (5, 1, 32, 32)
    assert torch.equal(small.train[..., 2:-2, 2:-2], digits.train[:10])
    assert small.sha256 != digits.sha256
    with pytest.raises(DataError, match="28×28"):
        digits.padded(20)


def test_pixels():
    images = torch.tensor([0, 51, 127, 128, 255], dtype=torch.uint8).reshape(1, 1, 1, 5)
    torch.testing.assert_close(to_pixels(images), torch.tensor([[0, 0.2, 127 / 255, 128 / 255, 1]]))
    assert to_pixels(images, "threshold").tolist() == [[0, 0, 0, 1, 1]]
    generator = torch.Generator().manual_seed(0)
    drawn = torch.stack([to_pixels(images, "dynamic", generator=generator) for _ in range(4000)])
    assert set(drawn.unique().tolist()) == {0, 1}
    torch.testing.assert_close(drawn.mean(0), to_pixels(images), atol=0.03, rtol=0)
    with pytest.raises(ValueError, match="'binary'.*'dynamic'"):
        to_pixels(images, "binary")


def test_noise_stays_in_range_and_has_its_width():
    generator = torch.Generator().manual_seed(0)
    noisy = add_noise(torch.full((100, 100), 0.5), 0.1, generator=generator)
    assert abs(noisy.std().item() - 0.1) < 0.005
    extreme = add_noise(torch.ones(10, 10), 5.0, generator=generator)
    assert extreme.min() >= 0
    assert extreme.max() <= 1


def test_pixels_are_made_of_bytes_alone_and_what_was_passed_stays():
    """Floats were divided by 255 where they stood, in the caller's own array."""
    floats, whole = torch.rand(3, 1, 4, 4), torch.randint(256, (3, 1, 4, 4), dtype=torch.uint8)
    before = floats.clone(), whole.clone()
    with pytest.raises(ValueError, match=r"images are torch.float32, not uint8: ImageSet.of\(images\)"):
        to_pixels(floats)
    assert to_pixels(whole).max() <= 1
    assert floats.equal(before[0]) and whole.equal(before[1])


def test_a_set_is_shown_in_a_line(digits):
    assert repr(digits) == "ImageSet('digits': 1,500 training and 297 test images, 1×28×28)"
