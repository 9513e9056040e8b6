"""Fetching a file over HTTP: continued after a cut, whole or not there."""

from __future__ import annotations

import contextlib
import re
import time
from pathlib import Path

import requests
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from segline.base.console import console
from segline.base.errors import UserError
from segline.base.files import read_json, write_json

TRIES, WAIT_S, TIMEOUT_S = 5, 1.0, (10, 60)  # of connecting and of silence
CHUNK_BYTES = 2**16
MAX_DIGITS = 18  # of a length in bytes that can be true
AGAIN = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)
# A ValueError comes through `requests` as it is: of an address that can be none, of a header of odd bytes.
REFUSED = (requests.RequestException, ValueError)
USER = re.compile(r"//[^/]*@")  # the name and password of an address
SECRET = re.compile(
    r"([?&;][\w.-]*(?:token|key|sig|secret|password|credential)[\w.-]*=)[^&;#\s]*", re.IGNORECASE
)
PAGE = re.compile(rb"\s*<(!doctype|html|\?xml)", re.IGNORECASE)


class CutError(Exception):
    """An answer that ended before its declared length."""


def shown(url: str) -> str:
    """An address without what opens it: neither name and password nor the values of keys.

    >>> shown("https://me:secret@host/a.zip?part=1&X-Amz-Signature=12ab")
    'https://host/a.zip?part=1&X-Amz-Signature=...'
    """
    return SECRET.sub(r"\1...", USER.sub("//", url, count=1))


def fetch(url: str, path: Path, *, wait_s: float = WAIT_S) -> None:
    """Write what `url` answers to `path`, in one piece and atomically.

    What arrived of a broken answer stays in `<path>.part`, and the next try asks for the rest; the server's
    mark of the file (ETag or date) guards against joining two versions. UserError for a refusal, a web page
    in the place of a file, and after `TRIES` broken answers in a row that brought nothing new. What opens
    the address (`shown`) is sent, and neither said nor stored.
    """
    part = Partial(path)
    tries = 0
    while True:
        before = part.size
        try:
            _get(url, part)
            break
        except (*AGAIN, CutError) as error:
            tries = 1 if part.size > before else tries + 1
            if tries >= TRIES:
                raise UserError(
                    f"{shown(url)}: broke off {tries} times ({_reason(error, url)}); what is there stays, "
                    f"call again"
                ) from None
            time.sleep(wait_s * tries)
        except REFUSED as error:
            if not part.size:
                part.drop()
            raise UserError(
                f"{shown(url)}: cannot be fetched ({_reason(error, url)}); check the address"
            ) from None
    part.finish(url)


class Partial:
    """A file on its way: its bytes in `.part`, and in `.part.json` which file of the server it is."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.bytes = path.with_name(path.name + ".part")
        self.note = path.with_name(path.name + ".part.json")

    @property
    def size(self) -> int:
        return self.bytes.stat().st_size if self.bytes.exists() else 0

    def asks(self, url: str) -> dict[str, str]:
        """Headers that ask for the rest of it, or nothing if it is not known to be of `url`."""
        with contextlib.suppress(UserError):
            known = read_json(self.note) if self.note.exists() and self.size else None
            if isinstance(known, dict) and known.get("url") == shown(url) and known.get("mark"):
                return {"Range": f"bytes={self.size}-", "If-Range": str(known["mark"])}
        return {}

    def begin(self, url: str, answer: requests.Response) -> None:
        mark = answer.headers.get("ETag") or answer.headers.get("Last-Modified", "")
        self.bytes.write_bytes(b"")
        write_json(self.note, {"url": shown(url), "mark": "" if mark.startswith("W/") else mark})

    def finish(self, url: str) -> None:
        with self.bytes.open("rb") as file:
            start = file.read(512)
        if PAGE.match(start) and self.path.suffix not in (".html", ".xml"):
            self.drop()
            raise UserError(f"{shown(url)}: answered with a web page, not with {self.path.name}")
        self.bytes.replace(self.path)
        self.drop()

    def drop(self) -> None:
        self.bytes.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)


def _get(url: str, part: Partial) -> None:
    """One try: the whole file, or what is lacking of it."""
    headers = {"Accept-Encoding": "identity"} | part.asks(url)
    with contextlib.ExitStack() as answers:

        def close_at_end(
            each: requests.Response, **_: object
        ) -> None:  # what redirects to nowhere too
            answers.callback(each.close)

        hooks = {"response": close_at_end}
        answer = requests.get(url, headers=headers, stream=True, timeout=TIMEOUT_S, hooks=hooks)
        if answer.status_code == 416:  # no such range: what is there is not what the server has
            part.drop()
            raise CutError("the file has changed there")
        if answer.status_code >= 500:
            raise CutError(f"status {answer.status_code} {answer.reason}")
        answer.raise_for_status()
        if answer.status_code != 206 or not _continues(answer, part.size):
            part.begin(url, answer)
        _store(answer, part)


def _continues(answer: requests.Response, size: int) -> bool:
    return answer.headers.get("Content-Range", "").startswith(f"bytes {size}-")


def _store(answer: requests.Response, part: Partial) -> None:
    """Append the answer's bytes, with a bar on a terminal."""
    declared = answer.headers.get("Content-Length", "")
    if len(declared) > MAX_DIGITS:
        raise ValueError(f"Content-Length of {len(declared)} digits")
    total = part.size + int(declared) if declared.isdecimal() else None
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
    )
    hidden = not console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=hidden) as bar:
        task = bar.add_task(part.path.name, total=total, completed=part.size)
        with part.bytes.open("ab") as file:
            for chunk in answer.iter_content(CHUNK_BYTES):
                file.write(chunk)
                bar.advance(task, len(chunk))
    if total is not None and part.size < total:
        raise CutError(f"{part.size:,} of {total:,} bytes")


def _reason(error: Exception, url: str) -> str:
    """What an error says, in which addresses may stand, as `shown`."""
    words = str(error).replace(url, shown(url)).split()
    return " ".join(shown(word) for word in words)[:160] or type(error).__name__
