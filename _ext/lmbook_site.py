"""What the book's site needs beyond Jupyter Book, in one extension.

- Addresses: Colab, repository and issue links follow a fork by themselves.
- Cells: the setup cell, solutions and hidden code fold under a plain line.
- Weight: scripts and styles that no page uses are left out, and nothing is
  asked of any other host.
- Head: a description and link previews for each page.
- Parts: the modules and models of the interactive parts stand beside the
  pages, and a page that holds a part loads them. `<!-- part: next_word -->`
  in a Markdown page becomes the text of `_ext/parts/next_word.html`.
"""

import importlib.util
import json
import os
import re
import shutil
import subprocess
from html import escape
from pathlib import Path
from urllib.parse import quote, urlencode

from docutils import nodes
from myst_nb.sphinx_ import HideCodeCellNode

HERE = Path(__file__).parent
PLACEHOLDER = "REPO_OWNER"

# --- Addresses ------------------------------------------------------------

GITHUB = re.compile(
    r"(?:^|[/@])github\.com[:/]([\w-]+)/([\w.-]+?)(?:\.git)?/?$"
)


def git_remote(folder):
    """The address of `origin`, or "" where there is none."""
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), "remote", "get-url", "origin"],
            capture_output=True,
            text=True,
        )
    except OSError:
        return ""
    return done.stdout.strip()


def repository(url, branch, environ, remote=""):
    """The repository's (address, branch) for this build.

    A GitHub workflow's own, else a GitHub remote's, else the configured
    one. Credentials inside a remote's address never pass through.
    """
    name = environ.get("GITHUB_REPOSITORY")
    if name:
        if environ.get("GITHUB_REF_TYPE", "branch") == "branch":
            ref = environ.get("GITHUB_REF_NAME", "")
            # A pull request's name is "12/merge", which is no branch.
            if ref and not ref.endswith("/merge"):
                branch = ref
        return f"https://github.com/{name}", branch
    found = GITHUB.search(remote)
    if found:
        return f"https://github.com/{found[1]}/{found[2]}", branch
    return url, branch


def colab_url(repository_url, branch, path):
    """Colab's address for a notebook of a GitHub repository."""
    name = repository_url.removeprefix("https://github.com/")
    path = quote(f"{name}/blob/{branch}/{path}")
    return f"https://colab.research.google.com/github/{path}"


def pages_url(repository_url):
    """GitHub Pages' address for a repository; "" for the placeholder."""
    owner, name = repository_url.rstrip("/").split("/")[-2:]
    if owner == PLACEHOLDER:
        return ""
    root = f"{owner.lower()}.github.io"
    folder = "" if name.lower() == root else f"{name}/"
    return f"https://{root}/{folder}"


def issue_url(repository_url, pagename):
    query = {"title": f"On the page {pagename}", "body": "What I found: "}
    return f"{repository_url}/issues/new?{urlencode(query)}"


def configure(app, config):
    """Set the addresses and the folders before the theme reads them."""
    options = config.html_theme_options
    url, branch = repository(
        options["repository_url"],
        options["repository_branch"],
        os.environ,
        git_remote(app.confdir or app.srcdir),
    )
    options["repository_url"], options["repository_branch"] = url, branch
    if not config.html_baseurl:
        config.html_baseurl = pages_url(url)
    config.templates_path.insert(0, str(HERE / "templates"))
    # Not the folder _static: Jupyter Book adds all scripts found there.
    config.html_static_path.append(str(HERE / "assets"))
    config.html_additional_pages["404"] = "404.html"


# --- Cells ----------------------------------------------------------------

FORM_TITLE = re.compile(r"#@title (?P<title>[^{\n]*?) *(?:\{[^\n]*\})?(\n|$)")


def prepare_cell(cell):
    """Turn Colab's `#@title` line into the line that the site shows."""
    source = "".join(cell["source"])
    form = FORM_TITLE.match(source)
    if cell["cell_type"] != "code" or not form:
        return
    cell["source"] = source[form.end() :]
    prompts = cell["metadata"].setdefault("mystnb", {})
    prompts["code_prompt_show"] = form["title"]
    prompts["code_prompt_hide"] = form["title"]


def prepare_notebook(app, docname, content):
    """Change a notebook as it is read; the file stays as it is."""
    if not app.env.doc2path(docname).endswith(".ipynb"):
        return
    notebook = json.loads(content[0])
    for cell in notebook["cells"]:
        prepare_cell(cell)
    content[0] = json.dumps(notebook)


def open_fold(translator, node):
    show, hide = escape(node["prompt_show"]), escape(node["prompt_hide"])
    text = f"<span>{show}</span>"
    if show != hide:
        text = (
            f'<span class="if-closed">{show}</span>'
            f'<span class="if-open">{hide}</span>'
        )
    translator.body.append(
        f'<details class="fold"><summary>{text}</summary>\n'
    )


def close_fold(translator, node):
    translator.body.append("</details>\n")


# --- Head, buttons, weight ------------------------------------------------

UNUSED = ("mystnb.",)  # the book's own style says how cells look
MATH = ("mathjax/", "window.MathJax")
HEAVY = ("fontawesome.js", "fontawesome.js.map")


def has_math(doctree):
    kinds = (nodes.math, nodes.math_block)
    return any(True for kind in kinds for _ in doctree.findall(kind))


def names(asset, parts):
    """Whether a script's or a style's file or text holds one of `parts`."""
    text = str(getattr(asset, "filename", asset) or "")
    text += str(getattr(asset, "attributes", {}).get("body") or "")
    return any(part in text for part in parts)


def describe(doctree, limit=200):
    """The first paragraph after the page's title, cut at a word."""
    for paragraph in doctree.findall(nodes.paragraph):
        if isinstance(paragraph.parent, nodes.section):
            text = " ".join(paragraph.astext().split())
            if len(text) > limit:
                text = text[:limit].rsplit(" ", 1)[0].rstrip(",;:") + " …"
            return text
    return ""


def page_context(app, pagename, templatename, context, doctree):
    """Give the templates what they show on this page."""
    absent = UNUSED if doctree and has_math(doctree) else UNUSED + MATH
    for kind in ("script_files", "css_files"):
        context[kind] = [a for a in context[kind] if not names(a, absent)]

    options = app.config.html_theme_options
    url, branch = options["repository_url"], options["repository_branch"]
    context["repository_url"] = url
    context["issue_url"] = issue_url(url, pagename)
    context["page_description"] = describe(doctree) if doctree else ""
    context["has_parts"] = PART in context.get("body", "")
    context["book_title"] = app.config.html_title
    context["book_url"] = app.config.html_baseurl
    path = app.env.doc2path(pagename, base=False) if doctree else ""
    if path.endswith(".ipynb"):
        context["colab_url"] = colab_url(url, branch, path)
        context["notebook"] = f"_sources/{path}"
        context["notebook_name"] = Path(path).name


PART = 'class="lmbook-part"'
PLACE = re.compile(r"^<!-- part: (\w+) -->$", re.M)
PART_FILES = ("*.js", "*.css", "models/*.safetensors")


def place_parts(app, docname, content):
    """Put parts, written beforehand, into a page that runs no Python."""

    def written(place):
        path = HERE / "parts" / f"{place[1]}.html"
        app.env.note_dependency(str(path))
        return path.read_text(encoding="utf-8")

    if app.env.doc2path(docname).endswith(".md"):
        content[0] = PLACE.sub(written, content[0])


def copy_parts(app, exception):
    """Put what the interactive parts load beside the pages.

    Only into the built site: of a folder `_static` in the book, Jupyter Book
    would load every script on every page.
    """
    if exception or app.builder.format != "html":
        return
    source = HERE.parent / "lmbook" / "widgets"
    for path in (p for kind in PART_FILES for p in source.glob(kind)):
        name = path.relative_to(source)
        target = Path(app.outdir) / "_static" / "parts" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)


def copy_mathjax(app, exception):
    """Put MathJax beside the pages, only the parts that they load."""
    if exception or app.builder.format != "html":
        return
    package = importlib.util.find_spec("sphinx-mathjax-offline")
    source = Path(package.origin).parent / "static" / "mathjax"
    static = Path(app.outdir) / "_static"
    loaded = app.config.mathjax3_config["loader"]["load"]
    parts = [f"{name}.js" for name in ["startup", *loaded]]
    parts += ["output/chtml/fonts/tex.js", "output/chtml/fonts/woff-v2"]
    for part in [*parts, "input/tex/extensions"]:
        target = static / "mathjax" / part
        target.parent.mkdir(parents=True, exist_ok=True)
        if (source / part).is_dir():
            shutil.copytree(source / part, target, dirs_exist_ok=True)
        else:
            shutil.copyfile(source / part, target)
    for name in HEAVY:
        (static / "scripts" / name).unlink(missing_ok=True)


def setup(app):
    app.connect("config-inited", configure)
    app.connect("source-read", prepare_notebook)
    app.connect("source-read", place_parts)
    app.connect("html-page-context", page_context, priority=900)
    app.connect("build-finished", copy_mathjax)
    app.connect("build-finished", copy_parts)
    app.add_node(HideCodeCellNode, override=True, html=(open_fold, close_fold))
    # Jupyter Book sets this for an extension that the book leaves out.
    app.add_config_value("comments_config", {}, "html")
    app.add_js_file("lmbook.js", loading_method="defer")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
