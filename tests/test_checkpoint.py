"""Files: whole, hashed, and never half written."""

import errno
import json
import os
import stat
import struct
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from vae_core import checkpoint
from vae_core.checkpoint import CheckpointError, load, save


@pytest.fixture
def tensors():
    generator = torch.Generator().manual_seed(0)
    return {
        "weight": torch.randn(7, 5, generator=generator),
        "half": torch.randn(3, generator=generator).half(),
        "brain": torch.randn(3, generator=generator).bfloat16(),
        "count": torch.tensor(12),
        "empty": torch.zeros(0, 4),
        "mask": torch.tensor([True, False]),
        "turned": torch.randn(4, 6, generator=generator).T,
    }


def test_round_trip(tensors, tmp_path):
    save(tmp_path / "a.safetensors", tensors, {"epoch": 3, "note": "naïve"})
    back, record = load(tmp_path / "a.safetensors")
    assert record == {"epoch": 3, "note": "naïve"}
    assert set(back) == set(tensors)
    for name, value in tensors.items():
        assert back[name].dtype == value.dtype
        assert torch.equal(back[name], value)


def test_tensors_that_share_memory_come_back_each_for_itself(tmp_path):
    """As the state of a model does whose encoder and decoder have a layer in common."""
    whole = torch.arange(6.0)
    tensors = {"whole": whole, "again": whole, "part": whole[2:5], "turned": whole.view(2, 3).T, "other": torch.ones(2)}
    save(tmp_path / "a.safetensors", tensors, {})
    back, _ = load(tmp_path / "a.safetensors")
    assert set(back) == set(tensors) and all(torch.equal(back[name], value) for name, value in tensors.items())


def test_every_flipped_bit_is_noticed(tensors, tmp_path):
    path = tmp_path / "a.safetensors"
    save(path, tensors, {"epoch": 3})
    good = path.read_bytes()
    generator = torch.Generator().manual_seed(0)
    accepted = 0
    for position in torch.randint(8 * len(good), (300,), generator=generator).tolist():
        bad = bytearray(good)
        bad[position // 8] ^= 1 << position % 8
        path.write_bytes(bad)
        try:
            load(path)
            accepted += 1
        except CheckpointError as error:
            assert str(path) in str(error)
    assert accepted == 0


@pytest.mark.parametrize("length", [0, 7, 8, 100, 500])
def test_truncation_is_noticed(tensors, tmp_path, length):
    path = tmp_path / "a.safetensors"
    save(path, tensors, {})
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(CheckpointError, match="not a checkpoint of this book"):
        load(path)


def test_a_header_that_claims_more_than_there_is(tmp_path):
    path = tmp_path / "a.safetensors"
    header = json.dumps({"w": {"dtype": "F32", "shape": [10**12], "data_offsets": [0, 4 * 10**12]}}).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header)
    with pytest.raises(CheckpointError):
        load(path)
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "nowhere.safetensors")


def test_a_full_disk_leaves_the_old_file(tensors, tmp_path, monkeypatch):
    path = tmp_path / "a.safetensors"
    save(path, tensors, {"epoch": 1})

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        save(path, tensors, {"epoch": 2})
    monkeypatch.undo()
    assert load(path)[1] == {"epoch": 1}
    assert [file.name for file in tmp_path.iterdir()] == ["a.safetensors"]


def test_stale_temporaries_are_swept_and_permissions_kept(tensors, tmp_path):
    path = tmp_path / "a.safetensors"
    save(path, tensors, {})
    path.chmod(0o640)
    (tmp_path / ".a.safetensors.zzz.tmp").write_bytes(b"left by a killed run")
    save(path, tensors, {})
    assert [file.name for file in tmp_path.iterdir()] == ["a.safetensors"]
    assert path.stat().st_mode & 0o777 == 0o640


def test_no_folder_no_file(tensors, tmp_path):
    with pytest.raises(FileNotFoundError):
        checkpoint.save(tmp_path / "no" / "a.safetensors", tensors, {})


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
def test_a_new_file_is_as_open_as_the_umask_allows(tensors, tmp_path, mask):
    before = os.umask(mask)
    try:
        save(tmp_path / "a.safetensors", tensors, {})
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a.safetensors").stat().st_mode) == 0o666 & ~mask


def test_no_one_may_read_the_temporary_file_who_may_not_read_the_file(tensors, tmp_path, monkeypatch):
    path = tmp_path / "a.safetensors"
    save(path, tensors, {})
    path.chmod(0o600)
    seen = []
    fsync = os.fsync

    def look(handle):
        seen.extend(stat.S_IMODE(file.stat().st_mode) for file in tmp_path.glob(".*.tmp"))
        fsync(handle)

    monkeypatch.setattr(os, "fsync", look)
    save(path, tensors, {})
    assert seen == [0o600]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_file_then_its_name_are_on_disk(tensors, tmp_path, monkeypatch):
    """fsync of the whole temporary file, the rename, fsync of the folder: in this order."""
    path, steps = tmp_path / "a.safetensors", []
    fsync, replace = os.fsync, type(path).replace

    def synced(handle):
        kind = "folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else "file"
        steps.append((kind, os.fstat(handle).st_size if kind == "file" else None))
        fsync(handle)

    def renamed(self, target):
        steps.append(("rename", None))
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(type(path), "replace", renamed)
    save(path, tensors, {})
    assert steps == [("file", path.stat().st_size), ("rename", None), ("folder", None)]


def test_a_link_stays_a_link(tensors, tmp_path):
    (tmp_path / "disk").mkdir()
    link = tmp_path / "a.safetensors"
    link.symlink_to(tmp_path / "disk" / "real.safetensors")
    save(link, tensors, {"epoch": 1})
    assert link.is_symlink()
    assert load(tmp_path / "disk" / "real.safetensors")[1] == {"epoch": 1}


def test_only_its_own_temporaries_are_swept(tensors, tmp_path):
    others = [".b.safetensors.0123.tmp", ".a.safetensors.bak.0123.tmp", "a.safetensors.tmp", ".a.safetensors.tmp"]
    for name in others:
        (tmp_path / name).touch()
    save(tmp_path / "a.safetensors", tensors, {})
    assert {file.name for file in tmp_path.iterdir()} == {"a.safetensors", *others}
    (tmp_path / ".[a]*.0123.tmp").touch()
    save(tmp_path / "[a]*", tensors, {})
    assert not (tmp_path / ".[a]*.0123.tmp").exists()


def test_two_writers_of_one_file_do_not_sweep_each_other(tensors, tmp_path):
    path = tmp_path / "a.safetensors"
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda epoch: save(path, tensors, {"epoch": epoch}), range(60)))
    assert load(path)[1]["epoch"] in range(60)
    assert [file.name for file in tmp_path.iterdir()] == ["a.safetensors"]


def test_a_folder_and_a_pipe_are_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(CheckpointError, match=r"is not a file: name the \.safetensors file"):
            load(path)


def test_what_could_not_be_read_back_is_not_written(tensors, tmp_path, monkeypatch):
    path = tmp_path / "a.safetensors"
    save(path, tensors, {"epoch": 1})
    with pytest.raises(ValueError, match=r"was not written: it would have .* bytes in its header"):
        save(path, tensors, {"epoch": 2, "note": "x" * checkpoint.MAX_HEADER})
    with pytest.raises(ValueError, match=r"would have .* brackets in its header"):
        save(path, tensors, {"epoch": 2, "list": [[]] * checkpoint.MAX_BRACKETS})
    monkeypatch.setattr(checkpoint, "MAX_BYTES", path.stat().st_size - 1)
    with pytest.raises(ValueError, match=r"would have .* bytes, and"):
        save(path, tensors, {"epoch": 2})
    with pytest.raises(CheckpointError, match="the largest that is read has"):
        load(path)
    monkeypatch.undo()
    assert load(path)[1] == {"epoch": 1}
    assert [file.name for file in tmp_path.iterdir()] == ["a.safetensors"]


def test_ten_thousand_epochs_of_history_fit(tensors, tmp_path):
    row = {"epoch": 1, "seconds": 0.123456789, "train_rate": 12.3456789012, "train_distortion": 123.456789012}
    row |= {"test_rate": 12.3456789012, "test_distortion": 123.456789012, "images_per_second": 123456.789}
    save(tmp_path / "a.safetensors", tensors, {"history": [row] * 10_000})
    assert load(tmp_path / "a.safetensors")[1]["history"] == [row] * 10_000


@pytest.mark.parametrize("name", ["naïve", 'a"b', "a\\b", "tab\t", "nul\0", "\x7f", "\u2028", "😀", "", "__metadata"])
def test_any_name_comes_back(name, tmp_path):
    save(tmp_path / "a.safetensors", {name: torch.ones(2), "z": torch.ones(3)}, {name: name})
    tensors, record = load(tmp_path / "a.safetensors")
    assert set(tensors) == {name, "z"}
    assert record == {name: name}


def test_nothing_saved_comes_back_as_nothing(tmp_path):
    save(tmp_path / "a.safetensors", {}, {})
    assert load(tmp_path / "a.safetensors") == ({}, {})


def test_a_plain_safetensors_file_is_not_one_of_ours(tensors, tmp_path):
    from safetensors.torch import save_file

    save_file({name: value.contiguous() for name, value in tensors.items()}, tmp_path / "a.safetensors")
    with pytest.raises(CheckpointError, match="it has no record of this book"):
        load(tmp_path / "a.safetensors")


WINDOWS = """
import os, sys
from pathlib import Path
sys.modules["fcntl"] = None  # there is none on Windows, where a folder cannot be opened either
real = os.open
def refuse_folders(path, *arguments, **options):
    if Path(path).is_dir():
        raise PermissionError(13, "Permission denied", str(path))
    return real(path, *arguments, **options)
os.open = refuse_folders
import torch, vae_core
from vae_core import checkpoint
path = Path(sys.argv[1])
for epoch in (1, 2):
    checkpoint.save(path, {"w": torch.ones(3)}, {"epoch": epoch})
tensors, record = checkpoint.load(path)
print(tensors["w"].tolist(), record, [file.name for file in path.parent.iterdir()])
"""


def test_where_folders_cannot_be_opened_or_locked(tmp_path):
    """As on Windows: the package imports there, saves and loads."""
    shell = [sys.executable, "-c", WINDOWS, str(tmp_path / "a.safetensors")]
    ended = subprocess.run(shell, capture_output=True, text=True)
    assert ended.stdout.strip() == "[1.0, 1.0, 1.0] {'epoch': 2} ['a.safetensors']", ended.stderr
