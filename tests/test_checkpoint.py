"""Files: whole, hashed, and never half written."""

import errno
import json
import os
import struct

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
    with pytest.raises(CheckpointError, match="not a checkpoint"):
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
