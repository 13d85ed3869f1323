"""Pictures of every awkward kind: read rightly, or refused by name while the rest are read."""

import os
import struct
import zlib

import numpy as np
import pytest
import torch
from PIL import Image

from vae_core import load_images
from vae_core.data import DataError
from vae_core.sources import pictures
from vae_core.sources.pictures import read_picture

RED, GREEN = (200, 30, 40), (10, 160, 90)


def picture(colour=RED, size=(20, 12), mode="RGB"):
    return Image.new("RGB", size, colour).convert(mode)


def flat(pixels, colour, near=3):
    assert pixels.shape == (8, 8, 3) and pixels.dtype == np.uint8
    assert np.abs(pixels.astype(int) - np.array(colour)).max() <= near


@pytest.mark.parametrize(
    ("name", "mode", "near"),
    [("a.png", "RGB", 0), ("a.png", "P", 45), ("a.jpg", "CMYK", 40), ("a.gif", "P", 45), ("a.webp", "RGB", 6)],
)
def test_modes_and_formats(tmp_path, name, mode, near):
    picture(mode=mode).save(tmp_path / name)
    flat(read_picture(tmp_path / name, 8), RED, near)


def test_sixteen_bits_become_eight_by_scaling(tmp_path):
    grey = np.full((12, 20), 32896, np.uint16)  # 128 · 257
    Image.fromarray(grey).save(tmp_path / "a.png")
    flat(read_picture(tmp_path / "a.png", 8), (128, 128, 128), 0)
    Image.fromarray(grey).save(tmp_path / "a.tiff")
    flat(read_picture(tmp_path / "a.tiff", 8), (128, 128, 128), 0)


def test_what_is_clear_lies_on_white(tmp_path):
    clear = Image.new("RGBA", (20, 12), (*RED, 0))
    clear.save(tmp_path / "a.png")
    flat(read_picture(tmp_path / "a.png", 8), (255, 255, 255), 0)
    half = Image.new("LA", (20, 12), (0, 128))
    half.save(tmp_path / "b.png")
    flat(read_picture(tmp_path / "b.png", 8), (127, 127, 127), 1)


def test_exif_turns_it_upright(tmp_path):
    sideways = Image.new("RGB", (16, 16), RED)
    sideways.paste(GREEN, (0, 0, 16, 8))  # green above
    exif = Image.Exif()
    exif[0x0112] = 6  # turn right by 90°: what was above is on the right
    sideways.save(tmp_path / "a.png", exif=exif)
    pixels = read_picture(tmp_path / "a.png", 8)
    assert pixels[:, 7].tolist() == [list(GREEN)] * 8
    assert pixels[:, 0].tolist() == [list(RED)] * 8


def test_the_first_frame_of_an_animation(tmp_path):
    picture(GREEN).save(tmp_path / "a.gif", save_all=True, append_images=[picture(RED)], duration=50)
    flat(read_picture(tmp_path / "a.gif", 8), GREEN, 26)


@pytest.mark.parametrize("size", [(4, 4), (4, 500), (6000, 4000)])
def test_small_thin_and_large(tmp_path, size):
    picture(size=size).save(tmp_path / "a.png", compress_level=1)
    flat(read_picture(tmp_path / "a.png", 8), RED, 0)


def test_a_name_that_does_not_fit_its_contents(tmp_path):
    picture().save(tmp_path / "a.png")
    (tmp_path / "a.png").rename(tmp_path / "a.jpg")
    flat(read_picture(tmp_path / "a.jpg", 8), RED, 0)


# --- folders ---


def step(size, low, high, mode="RGB"):
    """Half one colour, half another: what is left and what is right can be seen at any size."""
    half = Image.new("RGB", size, low)
    half.paste(high, (size[0] // 2, 0, *size))
    return half.convert(mode)


@pytest.mark.parametrize("size", [28, 64, 128])
def test_grey_pictures_have_one_channel_whatever_their_format(tmp_path, size, capsys):
    for number, mode in enumerate(("L", "RGB", "P", "LA", "RGBA", "1")):
        step((90, 60 + number), (0, 0, 0), (255, 255, 255), mode).save(tmp_path / f"{mode}.png")
    step((50, 50), (0, 0, 0), (255, 255, 255)).save(tmp_path / "a.jpg", quality=100)
    images = load_images("folder", tmp_path, size=size)
    assert images.train.shape == (6, 1, size, size) and images.test.shape == (1, 1, size, size)
    assert images.train[..., : size // 3].max() < 3 and images.train[..., -size // 3 :].min() > 252
    said = capsys.readouterr().err.splitlines()
    assert said == [f"{tmp_path}: 7 pictures read at {size}×{size}, all grey, one channel: 6 to learn from, 1 to test"]


@pytest.mark.parametrize("size", [28, 64, 128])
def test_pictures_in_colour_of_mixed_sizes_and_shapes(tmp_path, size, capsys):
    """Wide, high, small, with a palette, with alpha, lying on their side, and a grey one: all upright, in one shape."""
    root = tmp_path / "Fotos für Jürgen"
    root.mkdir()
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned right by 90°
    left_is_red = {"wide.png": (200, 90), "high.png": (40, 90), "small.png": (10, 10), "exact.png": (size, size)}
    for name, shape in left_is_red.items():
        step(shape, RED, GREEN).save(root / name)
    step((90, 90), RED, GREEN).quantize(4).save(root / "palette.gif")
    step((90, 90), RED, GREEN).rotate(90, expand=True).save(root / "turned.jpg", exif=exif, quality=100, subsampling=0)
    half_clear = step((90, 90), RED, GREEN, "RGBA")
    half_clear.paste((0, 0, 0, 0), (45, 0, 90, 90))
    half_clear.save(root / "clear.webp", lossless=True)
    Image.new("L", (33, 44), 77).save(root / "z grey.png")
    images = load_images("folder", root, size=size)
    assert images.name == "folder Fotos für Jürgen" and images.train.shape == (7, 3, size, size)
    left, right = images.train[..., : size // 3].float(), images.train[..., -size // 3 :].float()
    for number, name in enumerate(sorted([*left_is_red, "palette.gif", "turned.jpg", "clear.webp"])):
        second = (255, 255, 255) if name == "clear.webp" else GREEN
        for part, colour in ((left, RED), (right, second)):
            assert (part[number].mean((1, 2)) - torch.tensor(colour)).abs().max() < 4, name
    assert (images.test == 77).all()
    assert "8 pictures read" in (said := capsys.readouterr().err) and "in colour, three channels: 7 to learn" in said


def test_one_picture_in_colour_makes_the_folder_so(tmp_path):
    for number in range(5):
        picture((number, number, number)).save(tmp_path / f"{number}.png")
    assert load_images("folder", tmp_path, size=8).train.shape[1] == 1
    picture((9, 9, 10)).save(tmp_path / "colour.png")
    assert load_images("folder", tmp_path, size=8).train.shape[1] == 3


def test_copies_that_programs_hide_are_left_out_and_named(tmp_path, capsys):
    (tmp_path / ".ipynb_checkpoints").mkdir()
    for name in ("a.png", "b.png", "c.png", ".ipynb_checkpoints/a-checkpoint.png", "._a.png"):
        picture().save(tmp_path / name)
    images = load_images("folder", tmp_path, size=8)
    assert len(images.train) + len(images.test) == 3
    said = capsys.readouterr().err
    assert "2 of 5 pictures skipped" in said and "a-checkpoint.png: it is hidden" in said and "._a.png" in said


def test_a_pipe_with_a_pictures_name_is_not_waited_for(tmp_path, capsys):
    for number in range(4):
        picture().save(tmp_path / f"{number}.png")
    os.mkfifo(tmp_path / "pipe.png")
    images = load_images("folder", tmp_path, size=8)
    assert len(images.train) + len(images.test) == 4
    assert "pipe.png: it is not a file" in capsys.readouterr().err


def test_a_phones_pictures_are_not_passed_over_in_silence(tmp_path, capsys):
    for name in ("a.png", "b.png", "c.png"):
        picture().save(tmp_path / name)
    (tmp_path / "IMG_1.HEIC").write_bytes(b"\0\0\0\x18ftypheic")
    load_images("folder", tmp_path, size=8)
    said = capsys.readouterr().err
    assert "IMG_1.HEIC: not a readable picture" in said and "save it as JPEG or PNG" in said


def test_more_than_fits_into_memory_is_refused_before_it_is_read(tmp_path, monkeypatch):
    for number in range(4):
        picture().save(tmp_path / f"{number}.png")
    monkeypatch.setattr(pictures, "read_picture", lambda *_: pytest.fail("a picture was read"))
    with pytest.raises(
        DataError, match=r"\(4, 3, 1000000, 1000000\) pixels take 24,000.0 GB .* are free: choose a smaller"
    ):
        load_images("folder", tmp_path, size=1_000_000)


def bomb(path):
    """A few bytes that claim to be 60,000 by 60,000 pixels."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    body = zlib.compress(bytes(100_000), 9)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b""))


@pytest.fixture
def mixed(tmp_path):
    """Eleven good pictures and seven that cannot be read."""
    root = tmp_path / "mine"
    root.mkdir()
    for number in range(11):
        picture((number, number, number)).save(root / f"good{number:02}.png")
    (root / "text.png").write_text("a shopping list", encoding="utf-8")
    (root / "empty.jpg").write_bytes(b"")
    picture(size=(300, 300)).save(root / "cut.jpg")
    (root / "cut.jpg").write_bytes((root / "cut.jpg").read_bytes()[:700])
    bomb(root / "bomb.png")
    Image.fromarray(np.full((9, 9), 0.5, np.float32)).save(root / "deep.tiff")
    picture(size=(3, 3)).save(root / "speck.png")
    picture().save(tmp_path / "secret.png")
    (root / "link.png").symlink_to(tmp_path / "secret.png")
    (root / "notes.txt").write_text("no picture, and not called one", encoding="utf-8")
    return root


WHY = {
    "bomb.png": "decompression bomb",
    "cut.jpg": "truncated",
    "deep.tiff": "32-bit",
    "empty.jpg": "cannot identify",
    "link.png": "outside the folder",
    "speck.png": "3×3 pixels show nothing",
    "text.png": "cannot identify",
}


def test_bad_ones_are_skipped_and_named(mixed, capsys):
    images = load_images("folder", mixed, size=8)
    assert len(images.train) == 9 and len(images.test) == 2
    assert sorted(images.train[:, 0, 0, 0].tolist() + images.test[:, 0, 0, 0].tolist()) == list(range(11))
    said = capsys.readouterr().err
    assert "7 of 18 pictures skipped" in said and "notes.txt" not in said
    for name, why in WHY.items():
        line = next(line for line in said.splitlines() if line.strip().startswith(name))
        assert why in line


@pytest.mark.parametrize("name", WHY)
def test_or_end_the_load_when_asked(mixed, name):
    for other in set(WHY) - {name}:
        (mixed / other).unlink()
    with pytest.raises(DataError, match=f"{name}: .*{WHY[name]}.*mend or remove"):
        load_images("folder", mixed, size=8, strict=True)


def test_a_summary_names_ten(tmp_path, capsys):
    for number in range(14):
        (tmp_path / f"bad{number:02}.png").write_bytes(b"?")
    for name in ("a.png", "b.png", "c.png"):
        picture().save(tmp_path / name)
    load_images("folder", tmp_path, size=8)
    said = capsys.readouterr().err
    assert "bad09" in said and "bad10" not in said and "and 4 more" in said


def test_a_folder_of_something_else(tmp_path):
    (tmp_path / "thesis.docx").write_bytes(b"PK")
    with pytest.raises(DataError, match="0 pictures in it could be read"):
        load_images("folder", tmp_path)
    (tmp_path / "thesis.png").write_bytes(b"PK")
    with pytest.raises(DataError, match="0 pictures in it could be read"):
        load_images("folder", tmp_path)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_folder_of_two_pictures_is_too_few_and_of_three_enough(tmp_path, count):
    for number in range(count):
        picture().save(tmp_path / f"{number}.png")
    if count == 3:
        images = load_images("folder", tmp_path, size=8)
        assert (len(images.train), len(images.test)) == (2, 1)
    else:
        with pytest.raises(
            DataError, match=f"{tmp_path.name}: {count} pictures in it could be read, and 3 are needed.*some hundreds"
        ):
            load_images("folder", tmp_path, size=8)
