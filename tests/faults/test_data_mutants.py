"""Damaged image files: not one is accepted, whatever was done to it."""

import gzip
import hashlib
import random
import time

import numpy as np
import pytest

from vae_core.sources import mnist
from vae_core.sources.download import DataError

COUNT = 660
IMAGES, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
TEST_IMAGES, TEST_LABELS = "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"


def idx(array):
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes()


def flip_a_bit(rng, files, name):
    data = bytearray(files[name])
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return {name: bytes(data)}


def change_a_pixel(rng, files, _):
    data = bytearray(files[IMAGES])
    at = rng.randrange(16, len(data))
    data[at] = (data[at] + rng.randrange(1, 256)) % 256
    return {IMAGES: bytes(data)}


def change_a_label(rng, files, _):
    data = bytearray(files[LABELS])
    data[rng.randrange(8, len(data))] = rng.choice([10, 77, 255])
    return {LABELS: bytes(data)}


def swap_two_labels(rng, files, _):
    labels = files[LABELS][8:]
    a = rng.randrange(len(labels))
    b = next(b for b in range(len(labels)) if labels[b] != labels[a])
    data = bytearray(files[LABELS])
    data[8 + a], data[8 + b] = data[8 + b], data[8 + a]
    return {LABELS: bytes(data)}


def cut(rng, files, name):
    return {name: files[name][: rng.randrange(len(files[name]))]}


def append(rng, files, name):
    return {name: files[name] + rng.randbytes(rng.randrange(1, 100))}


def zero_a_block(rng, files, _):
    data = files[IMAGES]
    at = 16 + 4096 * rng.randrange((len(data) - 16) // 4096)
    return {IMAGES: data[:at] + bytes(4096) + data[at + 4096 :]}


def serve_fewer_images(rng, files, _):
    count = rng.randrange(1, 500)  # with a header that says so
    return {IMAGES: files[IMAGES][:4] + count.to_bytes(4, "big") + files[IMAGES][8 : 16 + 784 * count]}


def serve_fewer_labels(rng, files, _):
    count = rng.choice([450, 499, rng.randrange(1, 499)])
    return {LABELS: files[LABELS][:4] + count.to_bytes(4, "big") + files[LABELS][8 : 8 + count]}


def spoil_the_header(rng, files, name):
    data = bytearray(files[name])
    at = rng.randrange(8)
    data[at] = (data[at] + rng.randrange(1, 256)) % 256
    return {name: bytes(data)}


def swap_files(rng, files, _):
    a, b = rng.sample(list(files), 2)
    return {a: files[b], b: files[a]}


WAYS = [flip_a_bit, change_a_pixel, change_a_label, swap_two_labels, cut, append]
WAYS += [zero_a_block, serve_fewer_images, serve_fewer_labels, spoil_the_header, swap_files]


@pytest.fixture(scope="module")
def files():
    """A small quartet in MNIST's format: 500 images to learn from, 100 to test."""
    draw = np.random.default_rng(0).integers
    return {
        IMAGES: idx(draw(1, 256, (500, 28, 28)).astype(np.uint8)),
        LABELS: idx(draw(0, 10, 500).astype(np.uint8)),
        TEST_IMAGES: idx(draw(1, 256, (100, 28, 28)).astype(np.uint8)),
        TEST_LABELS: idx(draw(0, 10, 100).astype(np.uint8)),
    }


@pytest.fixture(params=["MNIST", "FashionMNIST"])
def quartet(request, files, tmp_path, monkeypatch):
    """The quartet taken for MNIST or for Fashion-MNIST, no other place to look at, and no network."""

    def no_network(*_, **__):
        raise DataError("no network")

    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    monkeypatch.setattr(mnist, "MNIST_FILES" if request.param == "MNIST" else "FASHION_FILES", hashes)
    monkeypatch.setattr(mnist, "fetch", no_network)
    monkeypatch.delenv("VAE_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    raw = tmp_path / request.param / "raw"
    raw.mkdir(parents=True)
    return raw


def load(raw, files, packed):
    """Lay these files out, gzipped or not, and read them: seconds, and what was said against them."""
    for path in raw.iterdir():
        path.unlink()
    for name, data in files.items():
        (raw / (f"{name}.gz" if packed else name)).write_bytes(gzip.compress(data, 1) if packed else data)
    return read(raw)


def read(raw):
    begun = time.perf_counter()
    try:
        mnist.read_mnist(raw.parents[1], raw.parent.name)
    except DataError as error:
        return time.perf_counter() - begun, str(error)
    return time.perf_counter() - begun, ""


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzipped"])
def test_mutants_are_refused(files, quartet, way, packed, tally, capsys):
    rng = random.Random(f"{way.__name__} {packed}")
    assert load(quartet, files, packed)[1] == ""
    for _ in range(COUNT // len(WAYS) // 4):
        name = rng.choice(list(files))
        changed = way(rng, files, name)
        assert any(changed[n] != files[n] for n in changed)
        seconds, said = load(quartet, {**files, **changed}, packed)
        tally("data mutants", accepted=not said, seconds=seconds)
        assert any(n in said for n in changed) and "damaged" in said, said
    assert capsys.readouterr().err


def test_gzip_files_damaged_as_they_lie(files, quartet, tally):
    """Flips and cuts in the packed bytes, the two checksums of gzip included."""
    rng = random.Random(0)
    packed = gzip.compress(files[IMAGES], 1)
    for number in range(30):
        assert load(quartet, files, packed=True)[1] == ""
        data = bytearray(packed)
        if number % 3:
            data[rng.randrange(10, len(data))] ^= 1 << rng.randrange(8)
        else:
            del data[rng.randrange(len(data)) :]
        (quartet / f"{IMAGES}.gz").write_bytes(data)
        seconds, said = read(quartet)
        tally("data mutants", accepted=not said, seconds=seconds)
        assert IMAGES in said


def test_the_real_files_of_mnist(images, tally):
    """The published hashes themselves, on the test images where MNIST is at hand and on their lookalike elsewhere."""
    rng = random.Random(0)
    data = idx(images.test[:, 0].numpy())
    real = images.name == "mnist"
    for number in range(20):
        mutant = bytearray(data)
        if number or not real:
            mutant[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        begun = time.perf_counter()
        try:
            accepted = mnist.verified(TEST_IMAGES, bytes(mutant), packed=False) == bytes(mutant)
        except DataError:
            accepted = False
        if number or not real:
            tally("data mutants", accepted=accepted, seconds=time.perf_counter() - begun)
        assert accepted == (real and number == 0)
