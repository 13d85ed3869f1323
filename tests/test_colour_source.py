"""Small colour pictures: which of three sources is taken, what is in it, and that nothing is read before it is known."""

import hashlib
import pickle

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.datasets import CIFAR10

from vae_core import load_images
from vae_core.data import DataError
from vae_core.sources.colour import SIZE, STEPS, find_colour


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    monkeypatch.setenv("VAE_DATA", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_with_nothing_at_hand_two_photographs_are_cut_up(nowhere, capsys):
    images = load_images("colour")
    assert images.name == "patches" and "two photographs" in capsys.readouterr().err
    assert images.train.shape == (5244, 3, SIZE, SIZE) and images.test.shape == (230, 3, SIZE, SIZE)
    assert images.train_labels.unique().tolist() == images.test_labels.unique().tolist() == [0, 1]
    assert images.sha256 == load_images("patches").sha256
    assert "photographs" in images.title and not list(nowhere.iterdir())


def test_no_pixel_of_a_test_patch_is_one_to_learn_from(nowhere):
    """By cutting a photograph whose pixels tell where they are: columns to the left and right of four fifths."""
    from sklearn.datasets import load_sample_images

    images = load_images("patches")
    assert STEPS == (4, 8)
    for label, photo in enumerate(load_sample_images().images):
        quarters = photo[:426].reshape(213, 2, 320, 2, 3).mean((1, 3)).round().astype(np.uint8).transpose(2, 0, 1)
        learned = {x.numpy().tobytes() for x in images.train[images.train_labels == label]}
        tested = {x.numpy().tobytes() for x in images.test[images.test_labels == label]}
        left = {quarters[:, y : y + 32, x : x + 32].tobytes() for y in range(0, 182, 4) for x in range(0, 225, 4)}
        right = {quarters[:, y : y + 32, x : x + 32].tobytes() for y in range(0, 182, 8) for x in range(256, 289, 8)}
        assert learned == left and tested == right


def test_a_folder_of_jpegs_is_read_in_an_order_drawn_once(nowhere):
    for part, count in (("train", 6), ("test", 2)):
        for label in ("cat", "dog"):
            folder = nowhere / "data" / "cifar10-jpeg" / part / label
            folder.mkdir(parents=True)
            for number in range(count):
                Image.new("RGB", (32, 32), (10 * number + 100 * (label == "dog"), 0, 0)).save(folder / f"{number}.png")
    images = load_images("colour")
    assert find_colour() == ("cifar10-jpeg", nowhere / "data") and images.name == "cifar10-jpeg"
    assert (len(images.train), len(images.test)) == (12, 4)
    assert images.train_labels.tolist() != sorted(images.train_labels.tolist())
    assert ((images.train[:, 0, 0, 0] >= 100) == (images.train_labels == 1)).all(), "labels stay with their pictures"
    assert load_images("colour", nowhere / "data").sha256 == images.sha256


def batch(folder, name, pixels, labels, rows):
    data = pickle.dumps({"data": pixels, "labels": labels})
    (folder / name).write_bytes(data)
    rows.append([name, hashlib.md5(data).hexdigest()])


def test_torchvisions_cifar10_comes_first_and_a_damaged_one_is_not_read(nowhere, monkeypatch):
    """Five files of two pictures each and one to test, whose sums stand in for the published ones."""
    (nowhere / "data" / "cifar10-jpeg").mkdir(parents=True)
    folder = nowhere / "data" / "cifar-10-batches-py"
    folder.mkdir()
    generator = np.random.default_rng(0)
    pixels = generator.integers(0, 255, (12, 3072), np.uint8)
    train, test = [], []
    for i in range(5):
        batch(folder, f"data_batch_{i + 1}", pixels[2 * i : 2 * i + 2], [i, i + 1], train)
    batch(folder, "test_batch", pixels[10:], [7, 8], test)
    meta = pickle.dumps({"label_names": list("abcdefghij")})
    (folder / "batches.meta").write_bytes(meta)
    monkeypatch.setattr(CIFAR10, "train_list", train)
    monkeypatch.setattr(CIFAR10, "test_list", test)
    named = {"filename": "batches.meta", "key": "label_names", "md5": hashlib.md5(meta).hexdigest()}
    monkeypatch.setattr(CIFAR10, "meta", named)
    images = load_images("colour")
    assert images.name == "cifar10" and (len(images.train), len(images.test)) == (10, 2)
    found = {tuple(x.flatten().tolist()) for x in images.train}
    assert found == {tuple(x.tolist()) for x in pixels[:10]}, "three channels, one whole one after another"
    assert images.test_labels.tolist() in ([7, 8], [8, 7]) and images.train.dtype == torch.uint8

    def explode(*_, **__):
        raise AssertionError("it was unpickled")

    (folder / "data_batch_3").write_bytes(pickle.dumps({"data": pixels[:2], "labels": [0, 0]}))
    monkeypatch.setattr(pickle, "load", explode)
    with pytest.raises(DataError, match="cifar-10-batches-py is not CIFAR-10 .*remove it, or fetch it anew"):
        load_images("colour")
