"""Pictures of every awkward kind: read rightly, or refused by name while the rest are read."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from vae_core import load_images
from vae_core.data import DataError
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


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (6000, 4000)])
def test_tiny_thin_and_large(tmp_path, size):
    picture(size=size).save(tmp_path / "a.png", compress_level=1)
    flat(read_picture(tmp_path / "a.png", 8), RED, 0)


def test_a_name_that_does_not_fit_its_contents(tmp_path):
    picture().save(tmp_path / "a.png")
    (tmp_path / "a.png").rename(tmp_path / "a.jpg")
    flat(read_picture(tmp_path / "a.jpg", 8), RED, 0)


def bomb(path):
    """A few bytes that claim to be 60,000 by 60,000 pixels."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    body = zlib.compress(bytes(100_000), 9)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b""))


@pytest.fixture
def mixed(tmp_path):
    """Eleven good pictures and six that cannot be read."""
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
    "text.png": "cannot identify",
}


def test_bad_ones_are_skipped_and_named(mixed, capsys):
    images = load_images("folder", mixed, size=8)
    assert len(images.train) == 9 and len(images.test) == 2
    assert sorted(images.train[:, 0, 0, 0].tolist() + images.test[:, 0, 0, 0].tolist()) == list(range(11))
    said = capsys.readouterr().err
    assert "6 of 17 pictures skipped" in said and "notes.txt" not in said
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
    for name in ("a.png", "b.png"):
        picture().save(tmp_path / name)
    load_images("folder", tmp_path, size=8)
    said = capsys.readouterr().err
    assert "bad09" in said and "bad10" not in said and "and 4 more" in said


def test_a_folder_of_something_else(tmp_path):
    (tmp_path / "thesis.docx").write_bytes(b"PK")
    with pytest.raises(DataError, match="holds 0 pictures"):
        load_images("folder", tmp_path)
    (tmp_path / "thesis.png").write_bytes(b"PK")
    with pytest.raises(DataError, match="holds 0 pictures"):
        load_images("folder", tmp_path)
