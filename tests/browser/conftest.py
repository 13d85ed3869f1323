"""Fixtures for everything that looks at a page in a real browser, with the network shut."""

import base64
import functools
import http.server
import json
import os
import shutil
import threading
from contextlib import ExitStack, contextmanager

import pytest
from built import find_copies, find_site, open_page
from filelock import FileLock
from patience import PATIENCE
from playwright.sync_api import sync_playwright
from screen import HEAD, PAYLOAD, READY, settle

NAMES = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "microsoft-edge",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
NO_CHROMIUM = "no Chromium on this machine: apt-get install chromium, or say where one is: CHROMIUM=/path/to/it"
# quiet, unprivileged-container flags: no GPU, no calls home
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# Chromium's address bar makes two pages of its own in each new window, half a second of work, and no page of ours has one.
# Of two lists of features to leave out Chromium takes the last, so what Playwright leaves out stands here again.
ADDRESS_BAR = ["WebUIOmniboxPopup", "WebUIOmniboxAimPopup", "WebUIOmniboxFullPopup"]
AS_PLAYWRIGHT = [
    "AvoidCorsURLLoaderRestartOnRedirect",
    "AvoidUnnecessaryBeforeUnloadCheckSync",
    "DestroyProfileOnBrowserClose",
    "HttpsUpgrades",
    "HttpsFirstBalancedModeAutoEnable",
    "LensOverlay",
    "MediaRouter",
    "PaintHolding",
    "ThirdPartyStoragePartitioning",
    "OptimizationHints",
    "NetworkTimeServiceQuerying",
    "AimEnabled",
    "PreconnectToSearch",
]
FLAGS += [f"--disable-features={','.join(ADDRESS_BAR + AS_PLAYWRIGHT)}"]
LOCAL = ("data:", "blob:", "file:", "about:")


def pytest_terminal_summary(terminalreporter):
    """Print what tests measured: `record_property("table heading", "a row")`, from this process or from xdist's."""
    tables = {}
    for reports in terminalreporter.stats.values():
        for report in reports:
            if getattr(report, "when", None) == "call":
                for heading, row in report.user_properties:
                    tables.setdefault(heading, []).append(row)
    for heading, rows in tables.items():
        terminalreporter.section(heading)
        terminalreporter.write_line("\n".join(rows))


def find_chromium():
    names = [os.environ["CHROMIUM"]] if os.environ.get("CHROMIUM") else NAMES
    return next(filter(None, map(shutil.which, names)), None)


def need_chromium(config):
    """End the run with one line, and not with one for each test (but xdist's workers cannot end a run)."""
    if not find_chromium() and not hasattr(config, "workerinput"):
        pytest.exit(NO_CHROMIUM, returncode=2)


def pytest_sessionstart(session):  # asked only where these tests were asked for by name
    need_chromium(session.config)


@pytest.hookimpl(trylast=True)  # of what is left to run
def pytest_collection_modifyitems(config, items):
    if any("browser" in item.path.parts for item in items):
        need_chromium(config)


@pytest.fixture(scope="session")
def browser():
    """A headless Chromium, the one installed on this machine."""
    path = find_chromium() or pytest.fail(NO_CHROMIUM, pytrace=False)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=FLAGS, timeout=1000 * PATIENCE)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def site():
    return find_site()


@pytest.fixture(scope="session")
def base(site, serve):
    return serve(site)


@pytest.fixture(scope="session")
def fork_base(serve):
    """The book as a fork publishes it, with the buttons that need a repository."""
    return serve(find_copies()[1])


class Packed:
    """A lab as a page gets it: its HTML, and the specification and the bytes that travel in it."""

    def __init__(self, lab_class, html):
        self.module, self.html = lab_class.module, html
        payload = PAYLOAD.search(html)
        content = json.loads(payload.group()) if payload else {}
        self.spec, self.data = content["spec"], base64.b64decode(content["data"])


class Packing(dict):
    """Each lab, packed when it is first asked for, by whichever process asks first: packing takes a while."""

    def __init__(self, folder):
        super().__init__()
        self.folder = folder

    def __missing__(self, lab_class):
        path = self.folder / f"{lab_class.__name__}.html"
        with FileLock(f"{path}.lock"):
            if not path.exists():
                path.write_text(lab_class().html(), encoding="utf-8")
        self[lab_class] = Packed(lab_class, path.read_text(encoding="utf-8"))
        return self[lab_class]


@pytest.fixture(scope="session")
def labs(tmp_path_factory):
    """`labs[PosteriorLab]` is Packed; all processes of a run share one packing."""
    own = tmp_path_factory.getbasetemp()
    return Packing(own.parent if os.environ.get("PYTEST_XDIST_WORKER") else own)


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format, *args):
        """Keep the test's output free of access logs."""


@pytest.fixture(scope="session")
def serve():
    """`serve(folder)` starts a threaded server on 127.0.0.1 and returns its URL, with no slash at the end."""
    servers = []

    def start(folder):
        handler = functools.partial(QuietHandler, directory=str(folder))
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


class Watched:
    """A fresh page that may only talk to `base`: requests to others land in `abroad`, what goes wrong in `errors`."""

    def __init__(self, browser, base, name="", width=1280, height=900, theme="light", **options):
        self.base, self.name, self.script_ms = base, name, 0.0
        self.abroad, self.errors, self.responses = [], [], []
        size = {"width": width, "height": height}
        self.context = browser.new_context(viewport=size, color_scheme=theme, **options)
        self.context.set_default_timeout(1000 * PATIENCE)
        self.page = self.context.new_page()
        self.page.on("console", lambda message: self._hear(message) if message.type == "error" else None)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("response", lambda response: self.responses.append(response))
        self.page.on("websocket", lambda socket: self._check(socket.url))
        self.context.route("**/*", self._gate)

    def _hear(self, message):
        # our own refusal in _gate is not a second fault
        if message.location.get("url") not in self.abroad:
            self.errors.append(f"{message.text} ({message.location.get('url')})")

    def _check(self, url):
        home = url.startswith(LOCAL) or (self.base and url.replace("ws://", "http://", 1).startswith(self.base))
        if not home:
            self.abroad.append(url)
        return home

    def _gate(self, route):
        if self._check(route.request.url):
            route.continue_()
        else:
            route.abort()


@pytest.fixture(scope="session")
def watch(browser):
    """`with watch(base, width=1280, theme="light") as watched`: a Watched page; `base` may be "" for file: pages."""

    @contextmanager
    def start(base="", **options):
        watched = Watched(browser, base, **options)
        try:
            yield watched
        finally:
            watched.context.close()

    return start


@pytest.fixture
def watched_page(watch):
    """`watched_page(base, …)` opens a Watched page that closes with the test."""
    with ExitStack() as opened:
        yield lambda base="", **options: opened.enter_context(watch(base, **options))


@pytest.fixture
def open_html(watched_page, tmp_path):
    """`open_html(html, at="#…", …)` puts these pieces into a file and opens it. At its end: no foreign request, no error but `errors`."""
    opened = []

    def start(*html, at="", errors=0, **options):
        (tmp_path / "page.html").write_text(HEAD + "".join(html), encoding="utf-8")
        watched = watched_page(**options)
        opened.append((watched, errors))
        watched.page.goto((tmp_path / "page.html").as_uri() + at)
        return watched.page

    yield start
    for watched, errors in opened:
        assert not watched.abroad
        assert len(watched.errors) == errors, watched.errors


@pytest.fixture
def open_living(open_html):
    """The same, once its lab lives."""

    def start(*html, **options):
        page = open_html(*html, **options)
        page.wait_for_selector(READY)
        settle(page)
        return page

    return start


@pytest.fixture(scope="session")
def visit(watch, base):
    """`yield from visit(name, width=…)` in a fixture: a page of the book, settled, for all tests that look at it."""

    def start(name, **options):
        with watch(base, name=name, **options) as watched:
            session = watched.context.new_cdp_session(watched.page)
            session.send("Performance.enable")
            open_page(watched, f"{base}/{name}")
            metrics = {metric["name"]: metric["value"] for metric in session.send("Performance.getMetrics")["metrics"]}
            watched.script_ms = 1000 * metrics["ScriptDuration"]
            session.detach()
            yield watched

    return start
