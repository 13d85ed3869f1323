"""requirements.lock: everything requirements.txt asks for, each package by hash, from wherever the reader's pip looks."""

import re
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]


def logical_lines(name):
    text = (ROOT / name).read_text(encoding="utf-8").replace("\\\n", " ")
    lines = (re.sub(r"(^|\s)#.*", "", line).strip() for line in text.splitlines())
    return [line for line in lines if line]


def test_each_package_is_locked_by_hash():
    lines = logical_lines("requirements.lock")
    assert len(lines) > 100
    for line in lines:
        pin, *hashes = line.split("--hash=")
        assert re.fullmatch(r"[a-z0-9][a-z0-9._-]*==[^ ;]+( ;.*)?", pin.strip()), line[:80]
        assert hashes and all(re.fullmatch(r"sha256:[0-9a-f]{64}\s*", value) for value in hashes)
    assert "://" not in (ROOT / "requirements.lock").read_text(encoding="utf-8")


def test_the_lock_answers_the_requirements():
    locked = {}
    for line in logical_lines("requirements.lock"):
        pin = Requirement(line.split("--hash=")[0].strip())
        locked.setdefault(canonicalize_name(pin.name), []).append(next(iter(pin.specifier)).version)
    for line in logical_lines("requirements.txt"):
        wanted = Requirement(line)
        versions = locked[canonicalize_name(wanted.name)]
        assert all(wanted.specifier.contains(version) for version in versions), (line, versions)
