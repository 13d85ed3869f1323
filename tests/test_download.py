"""Downloads against a server on this machine that misbehaves in every way the web does."""

import gzip
import hashlib
import http.server
import math
import re
import socket
import ssl
import subprocess
import threading
from pathlib import Path

import numpy as np
import pooch
import pytest

from vae_core import load_images
from vae_core.sources import mnist
from vae_core.sources.download import DataError, fetch, gunzip

GOOD = np.random.default_rng(0).integers(0, 255, 300_000, np.uint8).tobytes()


class Server(http.server.ThreadingHTTPServer):
    """Threads that end with the test; `plain` is where /down redirects to."""

    daemon_threads = True

    def handle_error(self, request, client_address):
        """A client that hangs up is what these tests are about."""

    plain = ""
    sent = 0  # megabytes of /flood

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Misbehaving)
        self.over = threading.Event()


class Misbehaving(http.server.BaseHTTPRequestHandler):
    """Each path is a way to go wrong; /good is the file."""

    server: Server  # pyright: ignore[reportIncompatibleVariableOverride]

    def log_message(self, format, *args):
        """Keep the test's output free of access logs."""

    def do_GET(self):
        getattr(self, self.path.strip("/").split("/")[0])()

    def send(self, body, status=200, length=None, **headers):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def good(self):
        self.send(GOOD)

    def forbidden(self):
        self.send(b"no", 403)

    def unavailable(self):
        self.send(b"later", 503)

    def page(self):
        self.send(b"<html>Log in to the airport's network</html>")

    def reset(self):
        self.send(GOOD[:1000], length=len(GOOD))
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.connection.close()

    def short(self):
        self.send(GOOD[:1000], length=len(GOOD))

    def long(self):
        self.send(GOOD + bytes(200_000))

    def liar(self):
        self.send(GOOD, length=len(GOOD) - 7)

    def nonsense(self):
        self.send(GOOD, length="many")

    def stall(self):
        self.send(GOOD[:1000], length=len(GOOD))
        self.wfile.flush()
        self.server.over.wait()

    def silence(self):
        self.server.over.wait()

    def trickle(self):
        self.send(b"", length=len(GOOD))
        for i in range(len(GOOD)):
            if self.server.over.wait(0.1):
                return
            try:
                self.wfile.write(GOOD[i : i + 1])
            except OSError:
                return

    def drip(self):
        """The whole file, but three seconds of a few bytes first: a server of ten bytes a second, cut short for a test."""
        self.send(b"", length=len(GOOD))
        for i in range(30):
            self.wfile.write(GOOD[i : i + 1])
            self.server.over.wait(0.1)
        self.wfile.write(GOOD[30:])

    def flood(self):
        """As much as the client takes, 64 MB at most, and no word about the length."""
        self.send_response(200)
        self.end_headers()
        for self.server.sent in range(1, 65):
            self.wfile.write(bytes(1_000_000))

    def loop(self):
        self.send(b"", 302, Location="/loop")

    def down(self):
        self.send(b"", 302, Location=self.server.plain + "/good")


def start(context=None):
    server = Server()
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def stop(server):
    server.over.set()
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def plain_server():
    server = start()
    yield server
    stop(server)


@pytest.fixture(scope="module")
def plain(plain_server):
    return f"http://127.0.0.1:{plain_server.server_port}"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate for 127.0.0.1 that nobody has signed."""
    folder = tmp_path_factory.mktemp("certificate")
    key, cert = folder / "key.pem", folder / "cert.pem"
    names = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    subprocess.run([*command, "-keyout", key, "-out", cert, *names], check=True, capture_output=True)
    return cert, key


@pytest.fixture(scope="module")
def secure(certificate, plain):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    server = start(context)
    server.plain = plain
    yield f"https://127.0.0.1:{server.server_port}"
    stop(server)


@pytest.fixture
def no_other_place(tmp_path, monkeypatch):
    """Only `tmp_path` may be looked at: a test with hashes of its own takes the real MNIST for damaged."""
    monkeypatch.delenv("VAE_DATA", raising=False)
    monkeypatch.chdir(tmp_path)


def right(data):
    if hashlib.sha256(data).digest() != hashlib.sha256(GOOD).digest():
        raise DataError("its SHA-256 differs")
    return data


FAULTS = {
    "forbidden": "403",
    "unavailable": "503",
    "page": "SHA-256 differs",
    "reset": "reset|1,000 of 300,000|IncompleteRead",
    "short": "1,000 of 300,000|IncompleteRead",
    "long": "more than the 400,000 bytes",
    "liar": "SHA-256 differs",
    "nonsense": "many",
    "stall": "timed out",
    "silence": "timed out",
    "trickle": "bytes a second: too slow",
    "loop": "redirect",
}


@pytest.mark.parametrize(("fault", "why"), FAULTS.items(), ids=FAULTS)
def test_the_next_mirror_serves(plain, fault, why):
    urls = [f"{plain}/{fault}", f"{plain}/good"]
    assert patiently(urls, lambda got: got == GOOD) == GOOD
    said = str(patiently(urls[:1], lambda got: re.search(why, str(got))))
    assert re.search(why, said) and urls[0] in said


def patiently(urls, wanted):
    """What comes of these mirrors, the file or the refusal's words, with ever more patience where a busy machine needs it."""
    got = None
    for patience in (1.0, 4.0, 16.0, 64.0):
        try:
            got = fetch(urls, right, limit=400_000, patience=patience)
        except DataError as error:
            got = str(error)
        if wanted(got):
            break
    return got


def test_a_mirror_that_nobody_keeps(plain):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    urls = [f"http://127.0.0.1:{port}/good", f"{plain}/good"]
    assert fetch(urls, right, limit=400_000) == GOOD
    with pytest.raises(DataError, match="refused"):
        fetch(urls[:1], right, limit=400_000)
    with pytest.raises(DataError, match="no mirror"):
        fetch([], right, limit=1)


def test_certificates_are_checked(secure, certificate, monkeypatch):
    with pytest.raises(DataError, match="CERTIFICATE_VERIFY_FAILED"):
        fetch([f"{secure}/good"], right, limit=400_000)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    assert fetch([f"{secure}/good"], right, limit=400_000) == GOOD


def test_encryption_is_not_given_up(secure, certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    with pytest.raises(DataError, match="redirects to http:.*not encrypted"):
        fetch([f"{secure}/down"], right, limit=400_000)


# --- why not pooch: where one of these fails, pooch has learnt it, and download.py may go ---


def by_pooch(url, folder):
    """The file as pooch brings it, with what it offers of its own: the known hash, and half a minute of silence at most."""
    known = f"sha256:{hashlib.sha256(GOOD).hexdigest()}"
    return Path(pooch.retrieve(url, known, "file", folder)).read_bytes()


def test_pooch_stays_with_a_mirror_that_trickles(plain, tmp_path):
    """Its time runs from byte to byte and so never runs out: a file of MNIST's would take weeks, and the next mirror wait."""
    said = patiently([f"{plain}/drip"], lambda got: "too slow" in str(got))
    assert "bytes a second: too slow" in str(said)
    assert by_pooch(f"{plain}/drip", tmp_path) == GOOD


def test_pooch_takes_whatever_is_sent_before_it_looks(plain, plain_server, tmp_path):
    """Sixty-four megabytes where 300,000 bytes are known to be right; `fetch` hangs up at its limit."""
    with pytest.raises(ValueError, match="does not match the known hash"):
        by_pooch(f"{plain}/flood", tmp_path)
    assert plain_server.sent == 64
    with pytest.raises(DataError, match="more than the 400,000 bytes"):
        fetch([f"{plain}/flood"], right, limit=400_000)


def test_pooch_follows_a_redirect_out_of_encryption(secure, certificate, tmp_path, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate[0]))
    assert by_pooch(f"{secure}/down", tmp_path) == GOOD


def test_pooch_asks_one_mirror_and_leaves_a_folder(plain, tmp_path):
    """What it does hold to, beside hashes and certificates: nothing stands under the file's name."""
    with pytest.raises(ValueError, match="does not match the known hash"):
        by_pooch(f"{plain}/page", tmp_path / "MNIST" / "raw")
    assert [path.name for path in tmp_path.rglob("*")] == ["MNIST", "raw"]


def test_gunzip_stops_in_time():
    assert gunzip(gzip.compress(GOOD), 300_000) == GOOD
    bomb = gzip.compress(bytes(50_000_000))
    for bad in (bomb, gzip.compress(GOOD)[:-9], gzip.compress(GOOD) + b"x", b"", b"<html>"):
        with pytest.raises(DataError, match="gzip"):
            gunzip(bad, 300_000)


@pytest.mark.usefixtures("no_other_place")
def test_mnist_by_way_of_its_mirrors(plain, tmp_path, monkeypatch, capsys):
    """The first mirror fails, the second serves, the files are kept; only encrypted mirrors are asked."""
    import torchvision.datasets

    tiny = {name: bytes([0, 0, 8, 1, 0, 0, 0, 3, number, 1, 2]) for number, name in enumerate(mnist.MNIST_FILES)}
    monkeypatch.setattr(mnist, "MNIST_FILES", {n: hashlib.sha256(data).hexdigest() for n, data in tiny.items()})
    monkeypatch.setattr(torchvision.datasets.MNIST, "mirrors", ["http://a/", "https://b/"])
    asked = []

    def served(urls, check, *, limit):
        asked.extend(urls)
        return check(gzip.compress(tiny[urls[0].rsplit("/", 1)[-1].removesuffix(".gz")]))

    monkeypatch.setattr(mnist, "fetch", served)
    first = mnist.read_mnist(tmp_path)
    assert [part.tolist() for part in first] == [[number, 1, 2] for number in range(4)]
    assert asked == [f"https://b/{name}.gz" for name in tiny]
    raw = tmp_path / "MNIST" / "raw"
    assert sorted(path.name for path in raw.iterdir()) == sorted(tiny)

    damaged = raw / "t10k-labels-idx1-ubyte"
    damaged.write_bytes(tiny[damaged.name][:-1] + b"\7")
    again = mnist.read_mnist(tmp_path)
    assert all(a.equal(b) for a, b in zip(first, again, strict=True))
    assert len(asked) == 5 and damaged.read_bytes() == tiny[damaged.name]
    assert "t10k-labels-idx1-ubyte.damaged" in capsys.readouterr().err

    damaged.write_bytes(b"damaged once more")
    mnist.read_mnist(tmp_path)
    assert (raw / f"{damaged.name}.damaged").read_bytes() != (raw / f"{damaged.name}.damaged2").read_bytes()


@pytest.mark.usefixtures("no_other_place")
def test_a_good_packed_file_beside_a_damaged_one_is_used(tmp_path, monkeypatch, capsys):
    """torchvision leaves both; no mirror is asked."""
    tiny = bytes([0, 0, 8, 1, 0, 0, 0, 3, 0, 1, 2])
    monkeypatch.setattr(mnist, "MNIST_FILES", dict.fromkeys(mnist.MNIST_FILES, hashlib.sha256(tiny).hexdigest()))
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name in mnist.MNIST_FILES:
        (raw / name).write_bytes(tiny[:-1] + b"\7")
        (raw / f"{name}.gz").write_bytes(gzip.compress(tiny))
    assert [part.tolist() for part in mnist.read_mnist(tmp_path)] == [[0, 1, 2]] * 4
    assert capsys.readouterr().err.count("is damaged") == 4
    assert sorted(path.name for path in raw.iterdir()) == sorted(
        f"{name}{end}" for name in mnist.MNIST_FILES for end in (".damaged", ".gz")
    )


@pytest.mark.usefixtures("no_other_place")
def test_fashion_mnist_is_found_fetched_and_verified_as_mnist_is(tmp_path, monkeypatch, capsys):
    """In torchvision's folder, from its makers, for torchvision's own mirror is not encrypted; and no other file passes."""
    sizes = {"train-images-idx3-ubyte": (3, 28, 28), "train-labels-idx1-ubyte": (3,)}
    sizes |= {"t10k-images-idx3-ubyte": (2, 28, 28), "t10k-labels-idx1-ubyte": (2,)}
    tiny = {
        name: bytes([0, 0, 8, len(shape)])
        + b"".join(n.to_bytes(4, "big") for n in shape)
        + bytes([7] * math.prod(shape))
        for name, shape in sizes.items()
    }
    published, asked = dict(mnist.FASHION_FILES), []

    def served(urls, check, *, limit):
        asked.append(urls)
        return check(gzip.compress(tiny[urls[0].rsplit("/", 1)[-1].removesuffix(".gz")]))

    monkeypatch.setattr(mnist, "fetch", served)
    with pytest.raises(DataError, match="it is not FashionMNIST's train-images-idx3-ubyte: its SHA-256 differs"):
        load_images("fashion-mnist", tmp_path)
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr(mnist, "FASHION_FILES", {n: hashlib.sha256(data).hexdigest() for n, data in tiny.items()})
    images = load_images("fashion-mnist", tmp_path)
    assert (images.name, images.title, images.train.shape, images.test.shape[0]) == (
        "fashion-mnist",
        "Fashion-MNIST",
        (3, 1, 28, 28),
        2,
    )
    assert images.train_labels.tolist() == [7, 7, 7] and set(published) == set(tiny) == set(mnist.MNIST_FILES)
    assert all(len(urls) == 1 and "/zalandoresearch/fashion-mnist/" in urls[0] for urls in asked)
    assert all(url.startswith("https://") and url.endswith(".gz") for urls in asked for url in urls)
    raw = tmp_path / "FashionMNIST" / "raw"
    assert {path.name: path.read_bytes() for path in raw.iterdir()} == tiny

    count = len(asked)
    assert load_images("fashion-mnist", tmp_path).sha256 == images.sha256 and len(asked) == count
    (raw / "t10k-labels-idx1-ubyte").write_bytes(b"damaged")
    assert load_images("fashion-mnist", tmp_path).sha256 == images.sha256 and len(asked) == count + 1
    assert "t10k-labels-idx1-ubyte.damaged" in capsys.readouterr().err


@pytest.mark.usefixtures("no_other_place")
def test_clothes_are_not_digits(images, tmp_path, monkeypatch):
    """MNIST's own files, laid out as Fashion-MNIST, are refused: the two share names, sizes and shapes."""
    monkeypatch.setattr(mnist, "fetch", lambda *_, **__: (_ for _ in ()).throw(DataError("no network")))
    raw = tmp_path / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    pixels = images.test[:, 0].numpy()
    header = bytes([0, 0, 8, 3]) + b"".join(n.to_bytes(4, "big") for n in pixels.shape)
    for name in mnist.MNIST_FILES:
        (raw / name).write_bytes(header + pixels.tobytes())
    with pytest.raises(mnist.DamagedFile, match="is not FashionMNIST's, .*folder that has FashionMNIST/raw"):
        load_images("fashion-mnist", tmp_path)
    with pytest.raises(DataError, match="FashionMNIST is not in .*nowhere"):
        load_images("fashion-mnist", tmp_path / "nowhere")
    assert load_images("fashion-mnist", tmp_path / "nowhere", fallback="digits").name == "digits"


@pytest.mark.usefixtures("no_other_place")
def test_what_is_read_only_is_left_alone(tmp_path, monkeypatch, capsys):
    """Not even root's rights are used: a shared folder of data is nobody's to change."""
    tiny = bytes([0, 0, 8, 1, 0, 0, 0, 3, 0, 1, 2])
    monkeypatch.setattr(mnist, "MNIST_FILES", dict.fromkeys(mnist.MNIST_FILES, hashlib.sha256(tiny).hexdigest()))
    monkeypatch.setattr(mnist, "fetch", lambda urls, check, **_: check(gzip.compress(tiny)))
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name in mnist.MNIST_FILES:
        (raw / name).write_bytes(b"damaged")
        (raw / name).chmod(0o444)
    raw.chmod(0o555)
    try:
        assert [part.tolist() for part in mnist.read_mnist(tmp_path)] == [[0, 1, 2]] * 4
    finally:
        raw.chmod(0o755)
    assert {path.name: path.read_bytes() for path in raw.iterdir()} == dict.fromkeys(mnist.MNIST_FILES, b"damaged")
    said = capsys.readouterr().err
    assert said.count("read-only and stays where it is") == 4 and said.count("in memory alone") == 4


@pytest.mark.usefixtures("no_other_place")
def test_without_a_network_the_damaged_file_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(mnist, "fetch", lambda *_, **__: (_ for _ in ()).throw(DataError("no network")))
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name in mnist.MNIST_FILES:
        (raw / name).write_bytes(b"not MNIST")
    for fallback in (None, "digits"):
        with pytest.raises(mnist.DamagedFile, match="ubyte.damaged is not MNIST's.*no network.*VAE_DATA"):
            load_images("mnist", tmp_path, fallback=fallback)
