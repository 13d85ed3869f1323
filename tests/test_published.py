"""A fork publishes itself: one slug, found once, in every button, badge, link and set-up cell; without one, none of them."""

import json
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from xml.etree import ElementTree

import published
import pytest
from built import CLEAN, ROOT, find_copies, pages, run

import vae_core

NOTEBOOKS = [name for name in pages() if (ROOT / name).with_suffix(".ipynb").exists()]


class Links(HTMLParser):
    """The targets of a page's links, and what its meta and link elements say."""

    def __init__(self, path):
        super().__init__()
        self.links, self.meta, self.text = [], {}, path.read_text(encoding="utf-8")
        self.feed(self.text)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag == "a" and given.get("href"):
            self.links.append(given["href"])
        elif tag == "meta" and (key := given.get("property") or given.get("name")):
            self.meta[key] = given.get("content")
        elif tag == "link" and given.get("rel") == "canonical":
            self.meta["canonical"] = given.get("href")


@pytest.fixture(scope="module")
def fork():
    return find_copies()[0]


@pytest.fixture(scope="module")
def fork_site():
    return find_copies()[1]


@pytest.fixture(scope="module")
def lone_site():
    return find_copies()[2]


@pytest.mark.parametrize("name", pages())
def test_every_button_of_a_fork_is_the_forks(fork_site, name):
    page = Links(fork_site / name)
    home, source = "https://github.com/someone/their-fork", name.removesuffix(".html")
    suffix = next(suffix for suffix in (".ipynb", ".md") if (ROOT / f"{source}{suffix}").exists())
    assert home in page.links
    assert f"{home}/edit/main/{source}{suffix}" in page.links
    assert any(link.startswith(f"{home}/issues/new?") for link in page.links)
    colab = [link for link in page.links if "colab.research.google.com/github" in link]
    assert colab == (
        [f"https://colab.research.google.com/github/someone/their-fork/blob/colab/{source}.ipynb"]
        if name in NOTEBOOKS
        else []
    )
    address = f"https://someone.github.io/their-fork/{name}"
    assert page.meta["canonical"] == page.meta["og:url"] == address
    assert page.meta["og:image"] == "https://someone.github.io/their-fork/_static/social.png"
    assert published.PLACEHOLDER not in page.text


def set_up(text):
    """The cell of a notebook that fetches the package on Colab."""
    return next(
        "".join(cell["source"]) for cell in json.loads(text)["cells"] if "google.colab" in "".join(cell["source"])
    )


@pytest.fixture(scope="module")
def stamped(fork, tmp_path_factory):
    """The notebooks as a fork pushes them for Colab."""
    out = tmp_path_factory.mktemp("stamped")
    run(sys.executable, "_ext/published.py", out, cwd=fork)
    return out


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_set_up_cell_agrees_on_page_in_download_and_on_colab(stamped, fork_site, name):
    notebook = name.replace(".html", ".ipynb")
    on_colab = (stamped / notebook).read_text(encoding="utf-8")
    assert on_colab == (fork_site / "_sources" / notebook).read_text(encoding="utf-8")
    assert "github.com/someone/their-fork" in set_up(on_colab)
    committed = (ROOT / notebook).read_text(encoding="utf-8")
    assert on_colab == committed.replace(published.PLACEHOLDER, "someone/their-fork") != committed
    assert f"github/someone/their-fork/blob/colab/{notebook}" in (stamped / "README.md").read_text(encoding="utf-8")
    if "hide-input" in committed and name != "intro.html":  # the landing page shows no set-up cell at all
        assert "github.com/someone/their-fork" in re.sub(r"<[^>]*>", "", Links(fork_site / name).text)


def test_a_fork_has_a_sitemap_and_a_page_for_lost_readers(fork_site):
    tree = ElementTree.parse(fork_site / "sitemap.xml")
    places = [place.text or "" for place in tree.iter("{http://www.sitemaps.org/schemas/sitemap/0.9}loc")]
    assert sorted(places) == sorted(f"https://someone.github.io/their-fork/{name}" for name in pages())
    assert {day.text for day in tree.iter("{http://www.sitemaps.org/schemas/sitemap/0.9}lastmod")} == {"2026-02-03"}
    assert set(Links(fork_site / "404.html").links) == {"/their-fork/index.html", "/their-fork/search.html"}


def test_footer_says_version_and_day_of_the_last_commit(fork_site):
    footer = f"Version {vae_core.__version__}, 2026-02-03"
    assert all(footer in Links(fork_site / name).text for name in pages())


@pytest.mark.parametrize("name", pages())
def test_without_a_remote_nothing_points_nowhere(lone_site, name):
    page = Links(lone_site / name)
    dead = ("colab.research.google.com/github", "/edit/", "/issues/new", published.PLACEHOLDER)
    assert [link for link in page.links if any(part in link for part in dead)] == []
    assert published.PLACEHOLDER not in re.sub(r"<[^>]*>", "", page.text)
    assert {"canonical", "og:url", "og:image"} & page.meta.keys() == set()
    assert page.meta["og:title"] and len(page.meta["description"]) > 40
    assert not (lone_site / "sitemap.xml").exists()


def test_what_github_says_goes_before_the_remote(monkeypatch):
    monkeypatch.setattr(published, "git", lambda *_: "https://github.com/a/b.git")
    monkeypatch.setenv("GITHUB_REPOSITORY", "else/where")
    monkeypatch.setenv("BOOK_URL", "https://vae.example.org")
    assert published.find_slug() == "else/where"
    assert published.find_url("else/where") == "https://vae.example.org/"


@pytest.mark.parametrize(
    ("remote", "slug"),
    [
        ("https://github.com/a/b.git", "a/b"),
        ("https://github.com/a/b", "a/b"),
        ("https://user:secret@github.com/a/b.c.git", "a/b.c"),
        ("git@github.com:a-1/b_2.git", "a-1/b_2"),
        ("ssh://git@github.com/a/b.git/", "a/b"),
        ("https://gitlab.com/a/b.git", ""),
        ("https://github.com.evil.org/a/b.git", ""),
        ("/home/me/book", ""),
        ("", ""),
    ],
)
def test_slug_of_a_remote(monkeypatch, remote, slug):
    monkeypatch.delenv("GITHUB_REPOSITORY", raising=False)
    monkeypatch.setattr(
        published, "git", lambda *arguments: remote if arguments == ("remote", "get-url", "origin") else ""
    )
    assert published.find_slug() == slug


@pytest.mark.parametrize(
    ("slug", "url"),
    [("Some/Book", "https://some.github.io/Book/"), ("some/some.github.io", "https://some.github.io/"), ("", "")],
)
def test_address_of_a_slug(monkeypatch, slug, url):
    monkeypatch.delenv("BOOK_URL", raising=False)
    assert published.find_url(slug) == url


def test_a_slug_that_is_none_is_named(monkeypatch):
    monkeypatch.setenv("GITHUB_REPOSITORY", "only-a-name")
    with pytest.raises(ValueError, match="'only-a-name', which is not OWNER/NAME: unset it"):
        published.find_slug()


def test_without_a_slug_no_notebooks_are_stamped(tmp_path):
    tool = tmp_path / "book" / "_ext" / "published.py"
    tool.parent.mkdir(parents=True)
    shutil.copyfile(published.__file__, tool)
    done = subprocess.run([sys.executable, tool, tmp_path / "out"], env=CLEAN, capture_output=True, text=True)
    assert done.returncode == 2 and "set GITHUB_REPOSITORY=OWNER/NAME" in done.stderr
    assert not (tmp_path / "out").exists()


def test_the_version_is_one():
    assert f"\nversion: {vae_core.__version__}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert published.find_version() == vae_core.__version__
