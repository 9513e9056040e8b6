"""Against a real server on this machine that cuts, lies, redirects and refuses."""

import base64
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from segline.base.errors import UserError
from segline.base.fetch import TRIES, fetch

BODY = bytes(range(256)) * 4096  # 1 MiB


class Server(ThreadingHTTPServer):
    """Serves `body` at /file; `answers` are ways to answer, the last one for all later requests."""

    def __init__(self, *answers, body=BODY, tag='"one"'):
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers, self.body, self.tag = list(answers) or ["whole"], body, tag
        self.ranges, self.logins = [], []
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}/file"

    def next(self):
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_GET(self):
        if self.path == "/elsewhere":
            self.send_response(302)
            self.send_header("Location", "/file")
            self.end_headers()
            return
        server = self.server
        how, asked = server.next(), self.headers.get("Range")
        server.ranges.append(asked)
        server.logins.append(self.headers.get("Authorization"))
        if isinstance(how, dict):
            self.send_response(302 if "Location" in how else 200)
            for name, value in how.items():
                self.send_header(name, value)
            self.end_headers()
            return
        if isinstance(how, int):
            self.send_error(how)
            return
        start = 0
        if asked and self.headers.get("If-Range") == server.tag and how != "no ranges":
            start = int(asked.removeprefix("bytes=").rstrip("-"))
        rest = server.body[start:]
        self.send_response(206 if start else 200)
        self.send_header("ETag", server.tag)
        if start:
            last = len(server.body) - 1
            self.send_header("Content-Range", f"bytes {start}-{last}/{len(server.body)}")
        length = len(rest) + (1000 if how == "too long" else 0)
        if how != "no length":
            self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(rest[: 300_000 if how == "cut" else None])


@pytest.fixture
def serve():
    running = []

    def start(*answers, **how):
        running.append(Server(*answers, **how))
        return running[-1]

    yield start
    for server in running:
        server.shutdown()
        server.server_close()


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("how", ["whole", "no length", "no ranges"])
def test_a_file_arrives_whole_and_alone(serve, tmp_path, how):
    fetch(serve(how).url, tmp_path / "a.zip")
    assert (tmp_path / "a.zip").read_bytes() == BODY
    assert names(tmp_path) == ["a.zip"]


def test_a_redirect_is_followed(serve, tmp_path):
    fetch(serve().url.replace("/file", "/elsewhere"), tmp_path / "a.zip")
    assert (tmp_path / "a.zip").read_bytes() == BODY


def test_after_a_cut_the_rest_is_asked_for(serve, tmp_path):
    server = serve("cut", "cut", "whole")
    fetch(server.url, tmp_path / "a.zip", wait_s=0)
    assert (tmp_path / "a.zip").read_bytes() == BODY
    starts = [int(each.removeprefix("bytes=").rstrip("-")) for each in server.ranges[1:]]
    assert server.ranges[0] is None
    assert 200_000 < starts[0] <= 300_000 < 450_000 < starts[1] <= 600_000


def test_a_call_goes_on_where_the_one_before_ended(serve, tmp_path):
    server = serve("cut", *[503] * TRIES, "whole")
    with pytest.raises(UserError, match="call again"):
        fetch(server.url, tmp_path / "a.zip", wait_s=0)
    assert names(tmp_path) == ["a.zip.part", "a.zip.part.json"]
    arrived = (tmp_path / "a.zip.part").stat().st_size
    assert arrived > 200_000
    fetch(server.url, tmp_path / "a.zip", wait_s=0)
    assert server.ranges[-1] == f"bytes={arrived}-"
    assert (tmp_path / "a.zip").read_bytes() == BODY


@pytest.mark.parametrize(
    "change",
    [
        lambda server: setattr(server, "tag", '"two"'),
        lambda server: server.answers.append("no ranges"),
    ],
)
def test_two_versions_of_a_file_are_never_joined(serve, tmp_path, change):
    server = serve("cut", *[503] * TRIES)
    with pytest.raises(UserError):
        fetch(server.url, tmp_path / "a.zip", wait_s=0)
    server.body, server.answers = BODY[::-1], ["whole"]
    change(server)
    server.answers = server.answers[-1:]
    if server.tag == '"one"':
        server.body = BODY
    fetch(server.url, tmp_path / "a.zip", wait_s=0)
    assert (tmp_path / "a.zip").read_bytes() == server.body


@pytest.mark.parametrize(
    "note", ["", "{}", "[1]", json.dumps({"url": "http://other/file", "mark": "x"})]
)
def test_a_part_of_unknown_origin_is_begun_again(serve, tmp_path, note):
    (tmp_path / "a.zip.part").write_bytes(b"something else")
    (tmp_path / "a.zip.part.json").write_text(note)
    fetch(serve().url, tmp_path / "a.zip")
    assert (tmp_path / "a.zip").read_bytes() == BODY


def test_a_length_that_is_never_reached_ends_in_one_line(serve, tmp_path):
    with pytest.raises(UserError, match=rf"/file: broke off {TRIES} times \(.*\); what is there"):
        fetch(serve("too long").url, tmp_path / "a.zip", wait_s=0)
    assert not (tmp_path / "a.zip").exists()


@pytest.mark.parametrize(
    "page", [b"<!DOCTYPE html><html>", b"\n <html lang='en'>", b"<?xml version"]
)
def test_a_web_page_is_no_file(serve, tmp_path, page):
    with pytest.raises(UserError, match="answered with a web page, not with a.zip"):
        fetch(serve(body=page).url, tmp_path / "a.zip")
    assert names(tmp_path) == []


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_refusal_is_said_at_once(serve, tmp_path, status):
    server = serve(status)
    with pytest.raises(UserError, match=rf"cannot be fetched \({status}") as caught:
        fetch(server.url, tmp_path / "a.zip")
    assert "\n" not in str(caught.value)
    assert len(server.ranges) == 1


def test_a_server_that_is_not_there_is_one_line(tmp_path):
    with pytest.raises(UserError, match=f"broke off {TRIES} times"):
        fetch("http://127.0.0.1:9/file", tmp_path / "a.zip", wait_s=0)


ODD = [
    {"Content-Length": "9" * 5000},
    {"Location": "http://[bad/"},
    {"Location": f"http://{'a' * 300}.com/"},
    {"Location": "/caf\xe9"},  # one byte, which is no UTF-8
    {"Location": "http://127.0.0.1:99999/"},
    {"Location": "nowhere://127.0.0.1/"},
]


def assert_refused(url, folder):
    with pytest.raises(UserError) as caught:
        fetch(url, folder / "a.zip", wait_s=0)
    said = str(caught.value)
    assert said.startswith(f"{url}: cannot be fetched (")
    assert said.endswith("); check the address")
    assert "\n" not in said
    assert names(folder) == []


@pytest.mark.parametrize("header", ODD, ids=lambda header: str(header)[:30])
def test_an_odd_header_is_one_line_and_leaves_nothing(serve, tmp_path, header):
    assert_refused(serve(header).url, tmp_path)


@pytest.mark.parametrize("host", ["a..b", "a" * 300, "[bad", "127.0.0.1:99999"])
def test_an_address_that_can_be_none_is_one_line(tmp_path, host):
    assert_refused(f"http://{host}/file", tmp_path)


def test_an_odd_header_keeps_what_had_arrived(serve, tmp_path):
    server = serve("cut", ODD[1], "whole")
    with pytest.raises(UserError, match="cannot be fetched"):
        fetch(server.url, tmp_path / "a.zip", wait_s=0)
    fetch(server.url, tmp_path / "a.zip", wait_s=0)
    assert server.ranges[-1].startswith("bytes=")
    assert (tmp_path / "a.zip").read_bytes() == BODY


@pytest.mark.parametrize("answers", [["cut", 503], [404], ["cut", ODD[1]], [ODD[0]], ["page"]])
def test_what_opens_an_address_is_sent_but_neither_said_nor_stored(serve, tmp_path, answers):
    server = serve(*answers, body=b"<html>" if answers == ["page"] else BODY)
    url = server.url.replace("//", "//user:s3cr@et@") + "?a=1&X-Token=s3cret&key=s3cret"
    with pytest.raises(UserError) as caught:
        fetch(url, tmp_path / "a.zip", wait_s=0)
    assert server.logins[0] == "Basic " + base64.b64encode(b"user:s3cr@et").decode()
    stored = "".join(path.read_bytes().decode("latin-1") for path in tmp_path.glob("*.json"))
    assert bool(stored) == (answers[0] == "cut")
    assert "s3cr" not in str(caught.value) + stored
    assert str(caught.value).startswith(server.url + "?a=1&X-Token=...&key=...: ")


def test_a_secret_of_an_address_without_a_server_is_not_said(tmp_path):
    for host in ("127.0.0.1:9", "a..b", "[bad", "#1@127.0.0.1:9", " 1@127.0.0.1:9"):
        url = f"http://user:s3cret@{host}/file?token=s3cret"
        with pytest.raises(UserError) as caught:
            fetch(url, tmp_path / "a.zip", wait_s=0)
        assert "s3cret" not in str(caught.value)


def test_a_part_goes_on_with_a_new_key(serve, tmp_path):
    server = serve("cut", *[503] * TRIES, "whole")
    with pytest.raises(UserError):
        fetch(server.url + "?token=old", tmp_path / "a.zip", wait_s=0)
    fetch(server.url + "?token=new", tmp_path / "a.zip", wait_s=0)
    assert server.ranges[-1].startswith("bytes=")
    assert (tmp_path / "a.zip").read_bytes() == BODY
