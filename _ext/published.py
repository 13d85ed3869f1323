"""Where this copy of the book lives: found out in one place, and said by every button, badge, link and set-up cell.

The slug OWNER/NAME is `$GITHUB_REPOSITORY` (which GitHub sets), else that of the git remote `origin`, else there is none;
then what would point nowhere is left out. The address of the pages is `$BOOK_URL`, else what GitHub Pages makes of the slug.

    python _ext/published.py FOLDER     write the notebooks, stamped, as the branch that Colab opens holds them

Run like that it needs nothing but Python, so that the job which may push the branch installs nothing.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit
from xml.sax.saxutils import escape

ROOT = Path(__file__).parents[1]
PLACEHOLDER = "OWNER/REPOSITORY"  # what the committed notebooks say, for they are every fork's
BRANCH = "main"  # where a page is edited
COLAB_BRANCH = "colab"  # where Colab finds the notebooks with the slug in them
GITHUB = re.compile(r"(?:https?://(?:[^@/]+@)?|(?:ssh://)?git@)github\.com[/:]([\w.-]+/[\w.-]+?)(?:\.git)?/?")


def git(*arguments: str) -> str:
    """What git says about the book's own repository; "" where there is no git, no repository or no answer."""
    if not (ROOT / ".git").exists():  # a copy without history may lie in somebody else's repository
        return ""
    try:
        done = subprocess.run(["git", "-C", ROOT, *arguments], capture_output=True, text=True)
    except FileNotFoundError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def find_slug() -> str:
    """OWNER/NAME on GitHub, or ""."""
    if slug := os.environ.get("GITHUB_REPOSITORY", ""):
        if not re.fullmatch(r"[\w.-]+/[\w.-]+", slug):
            raise ValueError(
                f"GITHUB_REPOSITORY is {slug!r}, which is not OWNER/NAME: unset it, or say which repository"
            )
        return slug
    match = GITHUB.fullmatch(git("remote", "get-url", "origin"))
    return match[1] if match else ""


def find_url(slug: str) -> str:
    """The address of the published pages with a slash at its end, or ""."""
    if url := os.environ.get("BOOK_URL", ""):
        return url.rstrip("/") + "/"
    if not slug:
        return ""
    owner, name = slug.split("/")
    host = f"{owner.lower()}.github.io"
    return f"https://{host}/" if name.lower() == host else f"https://{host}/{name}/"


def find_date() -> str:
    """The day of the last commit, or of $SOURCE_DATE_EPOCH, as 2026-11-21; "" where neither is known."""
    seconds = os.environ.get("SOURCE_DATE_EPOCH") or git("log", "-1", "--format=%ct")
    return time.strftime("%Y-%m-%d", time.gmtime(int(seconds))) if seconds else ""


def find_version() -> str:
    found = re.search(r'__version__ = "([^"]+)"', (ROOT / "vae_core" / "__init__.py").read_text(encoding="utf-8"))
    if not found:
        raise ValueError("vae_core/__init__.py holds no __version__")
    return found[1]


def colab_url(slug: str, name: str) -> str:
    return f"https://colab.research.google.com/github/{slug}/blob/{COLAB_BRANCH}/{name}"


def stamp(text: str, slug: str) -> str:
    return text.replace(PLACEHOLDER, slug) if slug else text


# --- while Sphinx builds ---


def configure(app, config):
    slug, url, date = find_slug(), find_url(find_slug()), find_date()
    config.book_slug = slug
    config.html_baseurl = url
    options = config.html_theme_options
    if slug:
        options["repository_url"] = f"https://github.com/{slug}"
        options["repository_branch"] = BRANCH
        options |= dict.fromkeys(("use_repository_button", "use_edit_page_button", "use_issues_button"), True)
    options["extra_footer"] = f"Version {find_version()}" + (f", {date}" if date else "")
    config.html_context |= {"book_url": url, "book_path": urlsplit(url).path or "/", "book_date": date}
    config.html_additional_pages["404"] = "404.html"


def read_source(app, name, source):
    """Stamp a notebook before it is read; with no slug take its set-up cell, which could fetch nothing, off the page."""
    if PLACEHOLDER not in source[0]:
        return
    if app.config.book_slug:
        source[0] = stamp(source[0], app.config.book_slug)
    elif app.env.doc2path(name).endswith(".ipynb"):
        notebook = json.loads(source[0])
        for cell in notebook["cells"]:
            if PLACEHOLDER in "".join(cell["source"]):
                cell["metadata"]["tags"] = [*cell["metadata"].get("tags", []), "remove-cell"]
        source[0] = json.dumps(notebook)


def first_sentences(doctree) -> str:
    """The first paragraph of a page, as one line: what a search engine or a chat shows of it."""
    from docutils import nodes  # not there where this file runs by itself

    for paragraph in doctree.findall(nodes.paragraph) if doctree else ():
        text = " ".join(paragraph.astext().split())
        if len(text) > 40:
            return text if len(text) <= 200 else text[:199].rsplit(" ", 1)[0] + " …"
    return ""


def add_to_page(app, pagename, templatename, context, doctree):
    context["book_summary"] = first_sentences(doctree)
    if app.config.book_slug and context.get("page_source_suffix") == ".ipynb":
        button = {
            "type": "link",
            "url": colab_url(app.config.book_slug, f"{pagename}.ipynb"),
            "text": "Open in Colab",
            "tooltip": "Run this chapter on Google Colab",
            "icon": "fas fa-rocket",
            "label": "colab-button",
        }
        context["header_buttons"].insert(0, button)


def finish(app, error):
    if error is not None or app.builder.format != "html":
        return
    out = Path(app.outdir)
    for path in (out / "_sources").rglob("*.ipynb"):
        name = path.relative_to(out / "_sources")
        if (ROOT / name).is_file():
            path.write_text(stamp((ROOT / name).read_text(encoding="utf-8"), app.config.book_slug), encoding="utf-8")
        else:  # of an earlier build, and renamed since
            path.unlink()
            (out / name).with_suffix(".html").unlink(missing_ok=True)
    sitemap = out / "sitemap.xml"
    sitemap.unlink(missing_ok=True)
    if url := app.config.html_baseurl:  # the format wants whole addresses
        names = [app.builder.get_target_uri(name) for name in sorted(app.env.found_docs)]
        date = app.config.html_context["book_date"]
        changed = f"<lastmod>{date}</lastmod>" if date else ""
        places = "".join(f"<url><loc>{escape(url + name)}</loc>{changed}</url>\n" for name in names)
        head = '<?xml version="1.0" encoding="utf-8"?>\n<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n'
        sitemap.write_text(f"{head}{places}</urlset>\n", encoding="utf-8")


def setup(app):
    app.add_config_value("book_slug", "", "env")  # another slug: every page is read again
    app.connect("config-inited", configure)
    app.connect("source-read", read_source)
    app.connect("html-page-context", add_to_page, priority=600)  # once the theme has its buttons
    app.connect("build-finished", finish)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


# --- by itself ---


def main() -> int:
    parser = argparse.ArgumentParser(description="Write the notebooks with the slug in them, as Colab opens them.")
    parser.add_argument("folder", type=Path, help="where they go; made if it is not there")
    folder = parser.parse_args().folder
    if not (slug := find_slug()):
        parser.error("no slug: set GITHUB_REPOSITORY=OWNER/NAME, or give the repository a remote `origin` on GitHub")
    names = [
        path.relative_to(ROOT) for path in [*sorted(ROOT.glob("*.ipynb")), *sorted((ROOT / "chapters").glob("*.ipynb"))]
    ]
    lines = ["# The notebooks, as Colab opens them", ""]
    for name in names:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(stamp((ROOT / name).read_text(encoding="utf-8"), slug), encoding="utf-8")
        lines.append(f"- [{name.as_posix()}]({colab_url(slug, name.as_posix())})")
    lines += ["", f"Written from [{slug}](https://github.com/{slug}) at each publication. Edit there, not here.", ""]
    (folder / "README.md").write_text("\n".join(lines), encoding="utf-8")
    print(f"{len(names)} notebooks of {slug} in {folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
