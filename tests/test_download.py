"""Every way a download fails, against a server on this machine."""

import errno
import gc
import hashlib
import re
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from lmbook.download import DownloadError, cache_folder, download

CONTENT = b"Good morrow, neighbour.\n" * 997
# Pooch leaves the connection of a failed answer to the garbage collector.
pytestmark = pytest.mark.filterwarnings(
    "ignore:unclosed <sock:ResourceWarning"
)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Server(ThreadingHTTPServer):
    """Gives one planned answer a request, the last one for ever."""

    daemon_threads = True
    plan = ("good",)
    num_requests = 0

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/play.txt"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        server = self.server
        answer = server.plan[min(server.num_requests, len(server.plan) - 1)]
        server.num_requests += 1
        if answer.isdigit():
            self.send_error(int(answer))
            return
        body = {
            "good": CONTENT,
            "cut": CONTENT[:7001],
            "other": b"<html>Please log in</html>",
        }[answer]
        announced = CONTENT if answer == "cut" else body
        self.send_response(200)
        self.send_header("Content-Length", str(len(announced)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr("pooch.core.time.sleep", lambda seconds: None)
    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()
    gc.collect()


@pytest.fixture
def cache(tmp_path, monkeypatch):
    folder = tmp_path / "cache"
    monkeypatch.setenv("LMBOOK_CACHE", str(folder))
    return folder


def files(cache):
    return sorted(path.name for path in cache.iterdir())


def fails(server, message):
    """The message, which also tells where the file comes from and goes."""
    with pytest.raises(DownloadError, match=message) as caught:
        download(server.url, SHA256, "play.txt")
    text = str(caught.value)
    assert re.search(r"^cannot download play\.txt: .*\.\nTo do it by", text)
    assert f"save {server.url}\nas {cache_folder() / 'play.txt'}" in text
    return text


def test_a_file_is_fetched_once(server, cache, capfd):
    for _ in range(2):
        path = download(server.url, SHA256, "play.txt")
        assert path == cache / "play.txt"
        assert path.read_bytes() == CONTENT
    assert server.num_requests == 1
    assert files(cache) == ["play.txt"]
    assert "100%" in capfd.readouterr().err


def test_a_file_placed_by_hand_needs_no_server(cache):
    cache.mkdir()
    (cache / "play.txt").write_bytes(CONTENT)
    path = download("http://nowhere.invalid/play.txt", SHA256, "play.txt")
    assert path == cache / "play.txt"


def test_a_damaged_file_in_the_cache_is_replaced(server, cache):
    cache.mkdir()
    (cache / "play.txt").write_bytes(CONTENT[:100])
    download(server.url, SHA256, "play.txt")
    assert (cache / "play.txt").read_bytes() == CONTENT


@pytest.mark.parametrize("first", ["500", "cut", "other"])
def test_a_passing_fault_is_tried_again(server, cache, first):
    server.plan = (first, first, "good")
    assert download(server.url, SHA256, "play.txt").read_bytes() == CONTENT
    assert server.num_requests == 3
    assert files(cache) == ["play.txt"]


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ("500", "the server answered 500"),
        ("404", "the server answered 404"),
        ("cut", "the connection broke"),
        ("other", r"damaged or another version \(wrong SHA-256\)"),
    ],
)
def test_a_lasting_fault_is_told_and_leaves_nothing(
    server, cache, answer, message
):
    server.plan = (answer,)
    fails(server, message)
    assert server.num_requests == 3
    assert files(cache) == []


def test_offline(server, cache, monkeypatch):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setattr(server, "server_port", port)
    fails(server, "the server is out of reach; are you offline")
    assert files(cache) == []


class Failing:
    """A file that takes one write and then raises."""

    def __init__(self, path, mode):
        self.file = open(path, mode)  # noqa: SIM115
        self.num_writes = 0

    def write(self, data):
        if self.num_writes:
            raise self.error
        self.num_writes += 1
        self.file.write(data)

    def __getattr__(self, name):
        return getattr(self.file, name)


def make_writes_fail(monkeypatch, error):
    failing = type("Failing", (Failing,), {"error": error})
    monkeypatch.setattr("pooch.downloaders.open", failing, raising=False)


def test_full_disk(server, cache, monkeypatch):
    error = OSError(errno.ENOSPC, "No space left on device")
    make_writes_fail(monkeypatch, error)
    fails(server, "the disk is full; make room, or set LMBOOK_CACHE")
    assert files(cache) == []


def test_interrupted_by_the_reader(server, cache, monkeypatch):
    make_writes_fail(monkeypatch, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        download(server.url, SHA256, "play.txt")
    assert files(cache) == []


def test_a_folder_that_cannot_be_made(server, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("LMBOOK_CACHE", str(tmp_path / "file" / "cache"))
    fails(server, "it cannot be written .* set LMBOOK_CACHE elsewhere")


def test_the_systems_cache_folder_is_the_default(monkeypatch):
    monkeypatch.delenv("LMBOOK_CACHE", raising=False)
    assert "lmbook" in str(cache_folder())
