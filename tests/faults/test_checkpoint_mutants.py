"""Damaged, forged and hostile checkpoints: every one is refused, by name, in a second, and none runs code."""

import itertools
import json
import os
import pickle
import pickletools
import random
import struct
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from vae_core import VAE, load_model, save_model
from vae_core.checkpoint import FORMAT, CheckpointError, load, save

SAVER = Path(__file__).parent / "saver.py"
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}
DTYPES = {"F32": 4, "I32": 4, "U32": 4, "F16": 2, "BF16": 2, "I16": 2, "U8": 1, "I8": 1, "BOOL": 1, "F64": 8, "I64": 8}


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """A checkpoint as a run writes one, 50 kB: weights, an optimizer's moments, a generator's state, a history."""
    torch.manual_seed(0)
    model = VAE(100, (20, 10), 4)
    tensors = {f"model.{name}": value for name, value in model.state_dict().items()}
    tensors |= {f"optimizer.0.{slot}": torch.randn(20, 100) for slot in ("exp_avg", "exp_avg_sq")}
    tensors |= {"optimizer.0.step": torch.tensor(7.0), "generator": torch.Generator().get_state()}
    rows = [{"epoch": epoch, "test_elbo": -100.0 - epoch} for epoch in range(5)]
    path = tmp_path_factory.mktemp("good") / "checkpoint.safetensors"
    save(path, tensors, {"config": model.config, "history": rows})
    assert len(load(path)[0]) == len(tensors)
    return path.read_bytes()


# --- a file taken apart and put together again ---


def parts(data):
    length = int.from_bytes(data[:8], "little")
    return json.loads(data[8 : 8 + length]), data[8 + length :]


def whole(header, body):
    """A file whose lengths are right, laid out as safetensors lays it out, whatever the header says."""
    text = header if isinstance(header, bytes) else json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + body


def tensor_names(header):
    return [name for name in header if name != "__metadata__"]


def bytes_of(header, body, name):
    start, end = header[name]["data_offsets"]
    return body[start:end]


def relaid(header, body, changed):
    """The file with some tensors' (dtype, shape, bytes) exchanged and every offset made right again."""
    new, pieces, at = {"__metadata__": header["__metadata__"]}, [], 0
    for name in tensor_names(header):
        entry = header[name]
        dtype, shape, piece = changed.get(name, (entry["dtype"], entry["shape"], bytes_of(header, body, name)))
        new[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + len(piece)]}
        pieces.append(piece)
        at += len(piece)
    return whole(new, b"".join(pieces))


# --- the kinds of damage: each a function of the good bytes and a random.Random ---


def flipped_bit(good, rng):
    bad = bytearray(good)
    bad[rng.randrange(len(good))] ^= 1 << rng.randrange(8)
    return bytes(bad)


def flipped_bit_in_the_header(good, rng):
    bad = bytearray(good)
    bad[rng.randrange(8 + int.from_bytes(good[:8], "little"))] ^= 1 << rng.randrange(8)
    return bytes(bad)


def zeroed_block(good, rng):
    at, size = rng.randrange(len(good)), rng.choice([1, 16, 512, 4096])
    return good[:at] + bytes(len(good[at : at + size])) + good[at + size :]


def garbled_block(good, rng):
    at, size = rng.randrange(len(good)), rng.choice([1, 16, 512, 4096])
    return good[:at] + rng.randbytes(len(good[at : at + size])) + good[at + size :]


def cut_short(good, rng):
    return good[: rng.choice([rng.randrange(16), rng.randrange(len(good)), len(good) - rng.randint(1, 16)])]


def added_to(good, rng):
    more = rng.choice([bytes(rng.randint(1, 64)), rng.randbytes(rng.randint(1, 64)), good, b"\n", b" "])
    return good + more


def bytes_lost_or_gained(good, rng):
    at, size = rng.randrange(len(good)), rng.randint(1, 16)
    return good[:at] + (good[at + size :] if rng.random() < 0.5 else rng.randbytes(size) + good[at:])


def swapped_regions(good, rng):
    size = rng.choice([1, 4, 64, 1024])
    one, other = sorted(rng.sample(range(0, len(good) - size, size), 2))
    bad = bytearray(good)
    bad[one : one + size], bad[other : other + size] = good[other : other + size], good[one : one + size]
    return bytes(bad)


def swapped_tensors(good, rng):
    header, body = parts(good)
    one, other = rng.sample(tensor_names(header), 2)
    if rng.random() < 0.5:  # the names exchange their places, shapes and all
        header[one], header[other] = header[other], header[one]
        return whole(header, body)
    take = {name: (header[name]["dtype"], header[name]["shape"]) for name in (one, other)}
    return relaid(header, body, {a: (*take[b], bytes_of(header, body, b)) for a, b in ((one, other), (other, one))})


def renamed_tensor(good, rng):
    header, body = parts(good)
    old = rng.choice(tensor_names(header))
    new = rng.choice([old + "x", old[:-1], old.upper(), "", old + "\0", "é" + old])
    return whole({new if name == old else name: entry for name, entry in header.items()}, body)


def lost_or_gained_tensor(good, rng):
    header, body = parts(good)
    name = rng.choice(tensor_names(header))
    if rng.random() < 0.5:
        del header[name]
        return relaid(header, body, {})
    header["another"] = header[name]
    return relaid(header, body, {})


def wrong_shape(good, rng):
    header, body = parts(good)
    name = rng.choice([name for name in tensor_names(header) if len(header[name]["shape"]) == 2])
    (rows, columns), piece, dtype = header[name]["shape"], bytes_of(header, body, name), header[name]["dtype"]
    shape = rng.choice([[columns, rows], [rows * columns], [1, rows, columns], [rows, columns, 1], [rows, columns + 1]])
    if np.prod(shape) * DTYPES[dtype] > len(piece):
        piece += rng.randbytes(int(np.prod(shape)) * DTYPES[dtype] - len(piece))
    if rng.random() < 0.3:  # a row less, bytes and all
        shape, piece = [rows - 1, columns], piece[: (rows - 1) * columns * DTYPES[dtype]]
    return relaid(header, body, {name: (dtype, shape, piece)})


def impossible_shape(good, rng):
    header, body = parts(good)
    name = rng.choice(tensor_names(header))
    bad = rng.choice([[2**62, 2], [2**64], [-1, -1], [10**30], [1.5], ["2"], [None], [0, 2**63], {}, None, [2**40] * 9])
    header[name] = {**header[name], "shape": bad}
    if rng.random() < 0.5:
        header[name]["data_offsets"] = rng.choice([[0, 2**62], [0, 2**64], [5, 1], [-8, 0], [0], [], None, [0, 1, 2]])
    return whole(header, body)


def wrong_dtype(good, rng):
    header, body = parts(good)
    name = rng.choice(tensor_names(header))
    piece, old = bytes_of(header, body, name), header[name]["dtype"]
    new = rng.choice([dtype for dtype, size in DTYPES.items() if dtype != old and len(piece) % size == 0])
    return relaid(header, body, {name: (new, [len(piece) // DTYPES[new]], piece)})


def unknown_dtype(good, rng):
    header, body = parts(good)
    name = rng.choice(tensor_names(header))
    header[name]["dtype"] = rng.choice(["F33", "f32", "", "float32", None, 32, ["F32"], "F8_E4M3", "F4"])
    return whole(header, body)


def said_twice(good, rng):
    """A name that stands in the header twice: one reader takes the first, another the last."""
    header, body = parts(good)
    name = rng.choice(tensor_names(header))
    entry = {**header[name], "shape": rng.choice([header[name]["shape"], [1], []])}
    text = json.dumps(header, separators=(",", ":"))
    more = json.dumps({name: entry}, separators=(",", ":"))[1:-1]
    text = text[:-1] + "," + more + "}" if rng.random() < 0.5 else "{" + more + "," + text[1:]
    return whole(text.encode(), body)


def another_writing(good, rng):
    """A header that means the same, written otherwise: nothing is accepted that was not written here."""
    header, body = parts(good)
    name = rng.choice(tensor_names(header))
    items = list(header.items())
    rng.shuffle(items)
    text = json.dumps(header, separators=(",", ":"))
    return rng.choice(
        [
            whole(dict(items), body),
            whole(dict(reversed(header.items())), body),
            whole(text.replace(":", ": ", rng.randint(1, 20)).encode(), body),
            whole((" " + text).encode(), body),
            whole(text.encode() + b" " * 8, body),
            whole(text.encode() + b"\n", body),
            whole(text.replace(name, f"\\u{ord(name[0]):04x}{name[1:]}").encode(), body),
            whole({**header, name: {**header[name], "note": 1}}, body),
            whole({**header, name: dict(reversed(header[name].items()))}, body),
            whole({**header, "__metadata__": {**header["__metadata__"], "more": "1"}}, body),
        ]
    )


def changed_record(good, rng):
    header, body = parts(good)
    seal = json.loads(header["__metadata__"][FORMAT])
    change = rng.randrange(8)
    if change == 0:
        seal["record"] = seal["record"].replace("100", "101", 1)
    elif change == 1:
        seal["record"] += " "
    elif change == 2:
        seal["sha256"] = f"{rng.getrandbits(256):064x}"
    elif change == 3:
        seal["sha256"] = seal["sha256"].upper()
    elif change == 4:
        seal["more"] = 1
    elif change == 5:
        seal["record"] = json.loads(seal["record"])
    elif change == 6:
        del seal[rng.choice(["record", "sha256"])]
    else:
        seal["sha256"] = rng.choice([None, "", 0, seal["sha256"][:-1]])
    text = json.dumps(seal, sort_keys=True, indent=rng.choice([None, 1]) if change == 4 else None)
    metadata = rng.choice([{FORMAT: text}, {FORMAT: text}, {FORMAT: seal}, {"vae_core-2": text}, text, None, []])
    return whole({**header, "__metadata__": metadata}, body)


def header_length_that_lies(good, rng):
    true = int.from_bytes(good[:8], "little")
    lie = rng.choice([0, 1, 2**60, 2**63, 2**64 - 1, true + 8, true - 8, len(good), len(good) - 8, rng.getrandbits(63)])
    return struct.pack("<Q", lie) + good[8:]


def malformed_header(good, rng):
    _, body = parts(good)
    text = rng.choice(
        [
            *(b"", b"null", b"[]", b"{}", b"1", b'"', b"{", b'{"a":', b"\xff\xfe{}", b"[" * 100_000, b'{"a":' * 50_000),
            *(b"NaN", b"1" * 10_000, b'{"__metadata__":{}}', b'{"__metadata__":null}', b'{"a":{}}', b'{"\\ud800":{}}'),
            *("{}".encode("utf-16"), b'{"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}', rng.randbytes(100)),
        ]
    )
    length = rng.choice([len(text), len(text), len(text) + 8, 2**60])
    return struct.pack("<Q", length) + text + body


def holes_and_overlaps(good, rng):
    header, body = parts(good)
    name = rng.choice(tensor_names(header))
    start, end = header[name]["data_offsets"]
    by = rng.choice([-4, 4, 8, 400])
    header[name]["data_offsets"] = rng.choice(
        [[start + by, end + by], [start, end + by], [start + by, end], [end, start]]
    )
    return whole(header, body + bytes(max(by, 0) if rng.random() < 0.5 else 0))


KINDS = {
    flipped_bit: 400,
    flipped_bit_in_the_header: 200,
    zeroed_block: 150,
    garbled_block: 150,
    cut_short: 150,
    added_to: 60,
    bytes_lost_or_gained: 100,
    swapped_regions: 120,
    swapped_tensors: 80,
    renamed_tensor: 40,
    lost_or_gained_tensor: 40,
    wrong_shape: 80,
    impossible_shape: 80,
    wrong_dtype: 60,
    unknown_dtype: 40,
    said_twice: 40,
    another_writing: 80,
    changed_record: 80,
    header_length_that_lies: 40,
    malformed_header: 60,
    holes_and_overlaps: 50,
}


def try_to_load(path):
    """The refusal's words and the seconds it took; no words if the file was accepted."""
    start = time.perf_counter()
    try:
        load(path)
        return "", time.perf_counter() - start
    except CheckpointError as error:
        return str(error), time.perf_counter() - start


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_mutants_are_refused(kind, good, tmp_path, tally):
    rng = random.Random(kind.__name__)
    path = tmp_path / "mutant.safetensors"
    for _ in range(KINDS[kind]):
        bad = next(bad for bad in (kind(good, rng) for _ in itertools.count()) if bad != good)
        path.write_bytes(bad)
        said, seconds = try_to_load(path)
        tally("checkpoint mutants", accepted=not said, seconds=seconds)
        assert said.startswith(f"{path} is damaged or not a checkpoint of this book (")
        assert said.endswith("): fetch or train it again; weights of another tool go through model.load_state_dict")


def test_there_are_as_many_as_promised(good):
    assert sum(KINDS.values()) >= 1600
    header, body = parts(good)
    assert relaid(header, body, {}) == good  # so a relaid mutant is wrong in what was changed alone


# --- whole and sealed, but of another model ---


def resealed(path, tensors, record, rng):
    """What a file of `save_model` holds, changed and sealed again: only the model can notice."""
    tensors, config = dict(tensors), dict(record["config"])
    name = rng.choice(list(tensors))
    value = tensors[name]
    change = rng.randrange(7)
    if change == 0:
        tensors[name] = value[..., :-1].clone()
    elif change == 1:
        tensors[name] = value[None]
    elif change == 2:
        tensors[name] = value.to(rng.choice([torch.int8, torch.int64, torch.bool]))
    elif change == 3:
        del tensors[name]
    elif change == 4:
        tensors["decoder.more"] = value.clone()
    elif change == 5:
        sizes = {"input_dim": 101, "latent_dim": 5, "hidden_dims": [20, 11]}
        huge = {"input_dim": 2**40, "latent_dim": 2**31, "hidden_dims": [10**9, 10**9]}
        odd = {"input_dim": -1, "hidden_dims": "many", "activation": "gelu", "likelihood": None, "model": "os.system"}
        config |= [rng.choice(list(some.items()))] if (some := rng.choice([sizes, huge, odd])) else []
    else:
        config = rng.choice([None, [], 3, {}, {**config, "more": 1}])
    save(path, tensors, {"config": config})


def test_sealed_files_of_another_model_are_refused(tmp_path, tally):
    rng = random.Random(0)
    path = tmp_path / "model.safetensors"
    save_model(path, VAE(100, (20, 10), 4))
    tensors, record = load(path)
    for _ in range(100):
        resealed(path, tensors, record, rng)
        start = time.perf_counter()
        with pytest.raises(CheckpointError) as caught:
            load_model(path)
        tally("sealed files of another model", accepted=False, seconds=time.perf_counter() - start)
        assert str(caught.value).startswith(str(path))


# --- files that claim to be huge, or are ---

HUGE = """
import json, struct, sys, time
from pathlib import Path
import torch
from vae_core.checkpoint import CheckpointError, load, save

def peak():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM")) / 1024

def timed(path):
    start = time.process_time()
    try:
        load(path)
        said = ""
    except CheckpointError as error:
        said = str(error)
    return said, time.process_time() - start

folder = Path(sys.argv[1])
save(folder / "good", {"a": torch.zeros(2**20)}, {})
timed(folder / "good")  # the first load also imports
good = timed(folder / "good")[1]
before = peak()
for path in sorted(folder.glob("*.safetensors")):
    said, seconds = timed(path)
    print(json.dumps({"path": str(path), "said": said, "seconds": seconds, "good": good, "MB": peak() - before}))
"""


def test_what_claims_to_be_huge_costs_neither_time_nor_memory(good, tmp_path, tally):
    header, body = parts(good)
    entry = {"dtype": "F32", "shape": [10**12], "data_offsets": [0, 4 * 10**12]}
    metadata = {"__metadata__": header["__metadata__"]}
    files = {
        "header of 2^60 bytes": struct.pack("<Q", 2**60) + good[8:],
        "header longer than the file": struct.pack("<Q", 10**8) + good[8:],
        "tensor of 4 TB": whole({**metadata, "w": entry}, body),
        "shape that overflows": whole(
            {**metadata, "w": {**entry, "shape": [2**62, 2**62], "data_offsets": [0, 0]}}, b""
        ),
        "header of 4 MB of lists": whole(b"[" + b"[]," * ((2**22 - 16) // 3) + b"1]", b""),
        "header of 4 MB of digits": whole(b"1" * (2**22 - 8), b""),
        "header of 4 MB of entries": whole(
            b'{"__metadata__":{},' + b",".join(b'"%d":{"dtype":"F32"}' % n for n in range(170_000)) + b"}", b""
        ),
    }
    for name, data in files.items():
        (tmp_path / f"{name}.safetensors").write_bytes(data)
    ten = 10 * 2**30
    claim = {"dtype": "U8", "shape": [ten], "data_offsets": [0, ten]}
    for name, start in {
        "10 GB of nothing": b"",
        "10 GB after a checkpoint": good,
        "10 GB, and a header that says so": whole({**metadata, "w": claim}, b""),
    }.items():
        with (tmp_path / f"{name}.safetensors").open("wb") as file:
            file.write(start)
            file.truncate(len(start) + ten)
    command = [sys.executable, "-c", HUGE, str(tmp_path)]
    ended = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=True)
    lines = [json.loads(line) for line in ended.stdout.splitlines()]
    assert len(lines) == 10
    for line in lines:
        tally("checkpoints that claim to be huge", accepted=not line["said"], seconds=line["seconds"])
        assert line["said"].startswith(line["path"]) and "fetch or train it again" in line["said"]
        assert line["seconds"] < 100 * line["good"], "as much work as some hundred times 4 MB that are read"
        assert line["MB"] < 200


# --- pickles ---


class Trap:
    """Leaves a marker where it is unpickled."""

    def __init__(self, function, *arguments):
        self.how = (function, arguments)

    def __reduce__(self):
        return self.how


def payloads(marker):
    """Name -> bytes that create `marker` in a reader that trusts them."""
    shell = f"touch '{marker}'"
    traps = {
        "os.system": Trap(os.system, shell),
        "exec": Trap(exec, f"open({str(marker)!r}, 'w').close()"),
        "eval": Trap(eval, f"open({str(marker)!r}, 'w').close()"),
        "subprocess": Trap(subprocess.check_call, ["touch", str(marker)]),
        "a path's own method": Trap(Path.touch, marker),
        "in a state dict": {"encoder.layers.0.weight": torch.zeros(2), "trap": Trap(os.system, shell)},
    }
    found = {name: pickle.dumps(trap, 2) for name, trap in traps.items()}
    found["protocol 0, all text"] = pickle.dumps(Trap(os.system, shell), 0)
    found["protocol 5, framed"] = pickle.dumps([Trap(os.system, shell)] * 3, 5)
    return found


@pytest.fixture
def ten_payloads(tmp_path):
    marker = tmp_path / "this code ran"
    trap = Trap(Path.touch, marker)
    for name, legacy in (("zip", False), ("legacy", True)):
        torch.save({"trap": trap}, tmp_path / name, _use_new_zipfile_serialization=not legacy)
    found = payloads(marker)
    found["torch.save, zipped"] = (tmp_path / "zip").read_bytes()
    found["torch.save, as it was before"] = (tmp_path / "legacy").read_bytes()
    assert len(found) == 10
    return marker, found


def test_pickles_never_run(ten_payloads, good, tmp_path, tally):
    marker, found = ten_payloads
    header = int.from_bytes(good[:8], "little")
    for name, data in found.items():
        disguises = {
            "checkpoint.safetensors": data,
            "model.pt": data,
            "weights.pkl": data,
            "behind-a-length.safetensors": struct.pack("<Q", len(data)) + data,
            "behind-a-header.safetensors": good[: 8 + header] + data,
        }
        for disguise, contents in disguises.items():
            path = tmp_path / disguise
            path.write_bytes(contents)
            start = time.perf_counter()
            for read in (load, load_model):
                with pytest.raises(CheckpointError) as caught:
                    read(path)
                assert str(path) in str(caught.value)
            seconds = time.perf_counter() - start
            tally("pickle payloads", accepted=marker.exists(), seconds=seconds)
            assert not marker.exists(), f"{name} ran as {disguise}"


def test_the_payloads_are_live(ten_payloads, tmp_path):
    """Each would have run in a reader that trusts it: the test above could have failed."""
    marker, found = ten_payloads
    for name, data in found.items():
        (tmp_path / "live").write_bytes(data)
        if zipfile.is_zipfile(tmp_path / "live") or "torch" in name:
            torch.load(tmp_path / "live", weights_only=False)
        else:
            assert any(op.name == "REDUCE" for op, _, _ in pickletools.genops(data))
            pickle.loads(data)
        assert marker.exists(), name
        marker.unlink()


# --- saves that end badly ---


def test_interrupted_saves_leave_the_previous_or_the_new_file(tmp_path, tally):
    command = [sys.executable, str(SAVER), str(tmp_path), "0"]
    ended = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr  # a file that did not load would end it
    lines = [json.loads(line) for line in ended.stdout.splitlines()]
    for line in lines:
        killed = line["what"].startswith("kill")
        assert line["ended"] == ("killed" if killed else "disk full"), line
        assert line["left"] in (line["done"], line["begun"]), line
        if not killed:
            assert line["left"] == line["done"] and line["temporaries"] == 0, line
        assert line["next"] == line["left"] + 1 and line["after"] == 0, line
        tally("interrupted saves", accepted=False, seconds=line["seconds"])
    assert len(lines) == 50
    assert sum(line["temporaries"] for line in lines) >= 6  # some were killed half way, or this shows nothing
    assert any(line["left"] == line["begun"] for line in lines)
