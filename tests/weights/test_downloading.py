import errno
import hashlib
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import xxhash
from filelock import FileLock

from napari_sam.errors import Cancelled, DownloadError
from napari_sam.weights import ModelEntry, download
from napari_sam.weights.registry import find_model, list_models

CONTENT = np.random.default_rng(0).bytes(3_000_000)


@dataclass
class Server:
    """A loopback server of one file, with the manners of a real one."""

    url: str = ""
    ranges: bool = True
    break_after: int | None = None
    announce: int | None = None
    chunked: bool = False
    pause: float = 0.0
    silence: float = 0.0
    status: int = 200
    content: bytes = CONTENT
    asked: list[str | None] = field(default_factory=list)
    agents: list[str | None] = field(default_factory=list)


@pytest.fixture
def server() -> Iterator[Server]:
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            wanted = self.headers.get("Range")
            state.asked.append(wanted)
            state.agents.append(self.headers.get("User-Agent"))
            if state.status == 302:  # around in a circle
                self.send_response(302)
                self.send_header("Location", state.url)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            if state.status != 200:
                self.send_error(state.status)
                return
            start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and state.ranges else 0
            if start >= len(state.content):
                self.send_error(416)
                return
            self.send_response(206 if start else 200)
            body = state.content[start:]
            if state.chunked:  # and broken off in the first chunk
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                self.wfile.write(b"2dc6c0\r\n" + body[:1000])
                return
            self.send_header("Content-Length", str(state.announce or len(body)))
            self.end_headers()
            sent = body[: state.break_after]
            with suppress(ConnectionError):  # whoever asked may have gone
                for begin in range(0, len(sent), 1 << 18):
                    time.sleep(state.pause)
                    self.wfile.write(sent[begin : begin + (1 << 18)])
                time.sleep(state.silence)

        def log_message(self, *args: object) -> None:
            pass

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=httpd.serve_forever, daemon=True)
    thread.start()
    state.url = f"http://127.0.0.1:{httpd.server_port}/weights.pth"
    yield state
    httpd.shutdown()
    httpd.server_close()
    thread.join()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NAPARI_SAM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return tmp_path / "cache"


def entry(server: Server, digest: str | None = None) -> ModelEntry:
    known = digest or f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"
    return ModelEntry("test", "Test", "CC0", "weights.pth", server.url, known, len(CONTENT))


def test_download_when_all_is_well_then_in_the_cache_with_progress_and_asked_once(
    server: Server, cache: Path
) -> None:
    seen: list[tuple[int, int]] = []
    path = download(entry(server), lambda done, total: seen.append((done, total)))
    assert path == cache / "weights.pth"
    assert path.read_bytes() == CONTENT
    assert seen[0] == (0, len(CONTENT))
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    download(entry(server))
    assert len(server.asked) == 1
    assert [p.name for p in cache.iterdir()] == ["weights.pth"]


def test_download_when_the_publisher_gives_xxh128_then_it_is_checked(server: Server) -> None:
    digest = f"xxh128:{xxhash.xxh128(CONTENT).hexdigest()}"
    assert download(entry(server, digest)).read_bytes() == CONTENT


@pytest.mark.parametrize("ranges", [True, False])
def test_download_when_the_connection_broke_then_goes_on_or_starts_again(
    server: Server, cache: Path, ranges: bool
) -> None:
    server.break_after, server.ranges = 1_000_000, ranges
    with pytest.raises(DownloadError, match="broke after 1000000 of 3000000 bytes"):
        download(entry(server))
    assert [p.name for p in cache.iterdir()] == ["weights.pth.part"]
    server.break_after = None
    assert download(entry(server)).read_bytes() == CONTENT
    assert server.asked == [None, "bytes=1000000-"]
    assert [p.name for p in cache.iterdir()] == ["weights.pth"]


def test_download_when_the_server_falls_silent_then_what_came_is_kept(
    server: Server, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_sam.weights.downloading.TIMEOUT", 0.05)
    server.break_after, server.silence = 700_000, 0.2
    for done in (700_000, 1_400_000):
        with pytest.raises(DownloadError, match="timed out"):
            download(entry(server))
        assert (cache / "weights.pth.part").stat().st_size == done


def test_download_when_the_file_system_has_no_locks_then_goes_on(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_locks(*_: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(pytest.importorskip("fcntl"), "flock", no_locks)
    assert download(entry(server)).read_bytes() == CONTENT


def test_download_when_cancelled_then_stops_and_later_goes_on(server: Server, cache: Path) -> None:
    def cancel_half_way(done: int, total: int) -> None:
        if done > total / 2:
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        download(entry(server), cancel_half_way)
    assert not (cache / "weights.pth").exists()
    assert download(entry(server)).read_bytes() == CONTENT
    assert server.asked[1] is not None


def test_download_when_two_windows_ask_at_once_then_one_downloads_and_both_have_it(
    server: Server, cache: Path
) -> None:
    server.pause = 0.02
    started, found = threading.Event(), []

    def progress(*_: int) -> None:
        started.set()

    first = threading.Thread(target=lambda: found.append(download(entry(server), progress)))
    first.start()
    assert started.wait(10)
    found.append(download(entry(server)))
    first.join(10)
    assert [path.read_bytes() == CONTENT for path in found] == [True, True]
    assert [path.name for path in cache.iterdir()] == ["weights.pth"]
    assert len(server.asked) == 1


def test_download_when_waiting_for_another_window_then_it_can_be_cancelled(
    server: Server, cache: Path
) -> None:
    cache.mkdir(exist_ok=True)

    def stop(*_: int) -> None:
        raise Cancelled("Stopped.")

    with FileLock(cache / "weights.pth.part.lock"), pytest.raises(Cancelled):
        download(entry(server), stop)
    assert not server.asked


def test_download_when_the_content_is_wrong_then_nothing_stays_and_old_files_do(
    server: Server, cache: Path
) -> None:
    cache.mkdir()
    (cache / "other.pth").write_bytes(b"kept")
    server.content = CONTENT[::-1]
    with pytest.raises(DownloadError, match="checksum"):
        download(entry(server))
    assert {p.name: p.read_bytes() for p in cache.iterdir()} == {"other.pth": b"kept"}


def test_download_when_a_page_to_log_in_is_the_answer_then_what_was_downloaded_before_stays(
    server: Server, cache: Path
) -> None:
    cache.mkdir()
    (cache / "weights.pth.part").write_bytes(CONTENT[:1_000_000])
    server.content, server.ranges = b"<html>Please log in</html>", False
    with pytest.raises(DownloadError, match=r"another file, of 26 bytes and not 3000000.*check the network"):
        download(entry(server))
    server.content, server.ranges = CONTENT, True
    assert download(entry(server)).read_bytes() == CONTENT
    assert server.asked == ["bytes=1000000-"] * 2


@pytest.mark.parametrize(
    ("number", "answer"),
    [
        (errno.EROFS, "cannot be written to; set NAPARI_SAM_CACHE"),
        (getattr(errno, "EDQUOT", errno.ENOSPC), "The disk is full"),
    ],
)
def test_download_when_the_disk_refuses_then_says_what_to_do(
    server: Server, number: int, answer: str
) -> None:
    def refuse(*_: int) -> None:
        raise OSError(number, "no")

    with pytest.raises(DownloadError, match=answer):
        download(entry(server), refuse)


def test_download_when_the_cache_is_no_folder_then_says_so_and_not_to_check_the_network(
    server: Server, cache: Path
) -> None:
    cache.write_bytes(b"")
    with pytest.raises(DownloadError, match=r"^The folder .* cannot be written to; set NAPARI_SAM_CACHE"):
        download(entry(server))


def test_download_when_a_cached_file_was_damaged_then_it_is_fetched_again(
    server: Server, cache: Path
) -> None:
    cache.mkdir()
    (cache / "weights.pth").write_bytes(b"damaged")
    assert download(entry(server)).read_bytes() == CONTENT


def test_download_when_a_whole_part_was_left_then_its_checksum_decides(server: Server, cache: Path) -> None:
    cache.mkdir()
    (cache / "weights.pth.part").write_bytes(CONTENT)
    assert download(entry(server)).read_bytes() == CONTENT


def test_download_when_the_server_refuses_then_says_what_it_answered(server: Server) -> None:
    for server.status, words in (
        (404, "answered 404 Not Found; try later"),
        (302, "answered 302 Found; try"),
    ):
        with pytest.raises(DownloadError, match=words):
            download(entry(server))


def test_download_when_there_is_no_network_then_says_what_to_do(cache: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    nowhere = ModelEntry("test", "T", "CC0", "w.pth", f"http://127.0.0.1:{port}/w.pth", "sha256:00")
    with pytest.raises(DownloadError, match="check the network and try again, or copy the file"):
        download(nowhere)
    assert not list(cache.iterdir())


def test_download_when_the_disk_has_too_little_room_then_nothing_is_written(
    server: Server, cache: Path
) -> None:
    server.announce = 1 << 60
    with pytest.raises(DownloadError, match="The disk is full, so test was not downloaded; free some space"):
        download(entry(server))
    assert not list(cache.iterdir())


@pytest.mark.skipif(sys.platform != "linux", reason="writes to a device that is always full")
def test_download_when_the_disk_fills_up_then_says_so(server: Server, cache: Path) -> None:
    cache.mkdir()
    (cache / "weights.pth.part").symlink_to("/dev/full")
    with pytest.raises(DownloadError, match="The disk is full"):
        download(entry(server))
    assert [p.name for p in cache.iterdir()] == ["weights.pth.part"]


def test_download_when_a_chunked_answer_breaks_off_then_says_what_to_do(server: Server, cache: Path) -> None:
    server.chunked = True
    with pytest.raises(DownloadError, match="check the network and try again"):
        download(entry(server))
    assert not (cache / "weights.pth").exists()


def test_download_when_the_server_asks_who_then_the_program_names_itself(server: Server) -> None:
    download(entry(server))
    assert server.agents == ["napari-sam"]


def test_registry_when_listed_then_names_are_unique_and_every_download_is_checked() -> None:
    models = list_models()
    assert models[0].name == "cell-tiny"
    assert models[0].bundled
    assert len({model.name for model in models}) == len(models)
    for model in models[1:]:
        assert model.url is not None
        assert model.url.startswith("https://")
        assert model.hash is not None
        assert model.hash.split(":")[0] in ("sha256", "xxh128")
    assert find_model("vit_b").bytes == 375042383
