"""One run of JupyterLab: a part in a live notebook, and in a saved one."""

import os
import socket
import subprocess
import sys
import time
import urllib.request

import pytest
from nbformat import v4, write
from reader import DESKTOP

from lmbook.widgets import QuickCheck

HOSTILE = "</script><img src=x onerror=alert(1)>"
SOURCES = [
    "from lmbook.widgets import QuickCheck\n"
    "check = QuickCheck(\n"
    f"    'Two and two? {HOSTILE}',\n"
    f"    {{'three {HOSTILE}': 'One is missing.', 'four': 'Right.'}},\n"
    "    answer='four',\n"
    ")\n"
    "check",
    "print('Python heard:', check.chosen)",
]
# No news from elsewhere, and no question whether there should be any.
SETTINGS = '{"fetchNews": "false", "checkForUpdates": false}'
KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
START_SECONDS = 40


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def write_notebook(path):
    """A cell as the book commits it, HTML and no view; then cells to run."""
    choices = {f"A {HOSTILE}": "No.", "B": "Yes."}
    check = QuickCheck(f"Saved {HOSTILE}", choices, answer="B")
    data = {"text/html": str(check.html()), "text/plain": repr(check)}
    output = v4.new_output("display_data", data)
    cells = [v4.new_code_cell("check", outputs=[output], execution_count=1)]
    cells += [v4.new_code_cell(source) for source in SOURCES]
    write(v4.new_notebook(cells=cells, metadata=KERNEL), path)


def wait_for(process, address):
    """Wait until the server answers."""
    limit = time.monotonic() + START_SECONDS
    while time.monotonic() < limit and process.poll() is None:
        try:
            urllib.request.urlopen(f"{address}/api").close()
            return
        except OSError:
            time.sleep(0.2)
    pytest.fail(f"JupyterLab did not start: {process.poll()}")


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """The address of a JupyterLab with settings of its own."""
    folder = tmp_path_factory.mktemp("lab")
    write_notebook(folder / "parts.ipynb")
    settings = folder / "settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    name = "notification.jupyterlab-settings"
    (settings / name).write_text(SETTINGS, encoding="utf-8")
    port = free_port()
    command = [sys.executable, "-m", "jupyterlab", "--no-browser"]
    command += ["--ip=127.0.0.1", f"--port={port}", "--allow-root"]
    command += ["--IdentityProvider.token=", f"--notebook-dir={folder}"]
    command += ["--ServerApp.port_retries=0"]
    environment = {
        **os.environ,
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_DATA_DIR": str(folder / "data"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
        "IPYTHONDIR": str(folder / "ipython"),
    }
    with open(folder / "log", "w") as log:
        process = subprocess.Popen(
            command, env=environment, stdout=log, stderr=subprocess.STDOUT
        )
    try:
        wait_for(process, f"http://127.0.0.1:{port}")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(START_SECONDS)


def run_cell(page, number):
    page.locator(".jp-CodeCell .cm-content").nth(number).click()
    page.keyboard.press("Control+Enter")


def test_python_hears_what_the_reader_chose(browser, lab):
    with browser.new_context(viewport=DESKTOP) as context:
        page, errors = context.new_page(), []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("dialog", lambda dialog: errors.append(dialog.message))
        page.goto(f"{lab}/doc/tree/parts.ipynb")
        # Run sooner, and JupyterLab would ask which kernel to take.
        page.get_by_text("Python 3 (ipykernel) | Idle").wait_for()

        # Not run and not trusted: the fallback, which unfolds.
        saved = page.locator(".jp-OutputArea .lmbook-fallback")
        assert saved.get_by_text(f"Saved {HOSTILE}").is_visible()
        saved.get_by_text("Answer").click()
        assert saved.get_by_text("Yes.").is_visible()

        run_cell(page, 1)
        part = page.locator(".jp-OutputArea .lmbook-live")
        part.get_by_role("button", name=f"three {HOSTILE}").click()
        part.get_by_role("status").get_by_text("One is missing.").wait_for()
        # Keys on a button are the part's, and no command to JupyterLab.
        num_cells = page.locator(".jp-CodeCell").count()
        page.keyboard.press("b")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        part.get_by_role("status").get_by_text("Right.").wait_for()
        assert page.locator(".jp-CodeCell").count() == num_cells
        page.keyboard.press("Shift+Tab")
        page.keyboard.press("Enter")
        part.get_by_role("status").get_by_text("One is missing.").wait_for()
        run_cell(page, 2)
        page.get_by_text(f"Python heard: three {HOSTILE}").wait_for()
        assert page.locator(".lmbook-fallback").count() == 1
        assert page.locator(".jp-OutputArea img").count() == 0
        assert errors == []
