"""One key of an etcd cluster, through etcd's JSON gateway (v3)."""

import base64
import contextlib
import json
import socket
import ssl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

from rpcgss.reauth.errors import KeyringError

MAX_ANSWER: Final = 1 << 18
ANSWER_SECONDS: Final = 5.0
SILENT_SECONDS: Final = 30.0
"""A watch that says nothing for so long is made anew: the connection may have gone without a word."""


@dataclass(frozen=True, slots=True)
class Etcd:
    """How to reach an etcd cluster.

    endpoints   -- ``https://host:2379`` (or ``http://``), tried in turn
    ca          -- file of the authorities that its certificates are checked against; None: the system's
    certificate -- files of our certificate and its private key, for etcd's --client-cert-auth
    user, password -- for etcd's own authentication
    """

    endpoints: Sequence[str]
    ca: str | None = None
    certificate: tuple[str, str] | None = None
    user: str | None = None
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Stored:
    """The keyring as it is in etcd: `octets` sealed, None if there is none. `revision` is the whole store's."""

    octets: bytes | None
    mod_revision: int
    revision: int


class Gateway:
    """One key of etcd through its JSON gateway. All of it raises KeyringError, in words of etcd's where it has some."""

    def __init__(self, etcd: Etcd, name: str, tls: ssl.SSLContext | None = None) -> None:
        if any("@" in url for url in etcd.endpoints):
            raise KeyringError("no user or password in an endpoint of etcd, where logs show it: give them apart")
        if not etcd.endpoints or not all(url.startswith(("https://", "http://")) for url in etcd.endpoints):
            raise KeyringError(f"endpoints of etcd are like https://host:2379, not {list(etcd.endpoints)!r}")
        try:
            urls = [httpx.URL(url) for url in etcd.endpoints]
        except httpx.InvalidURL as error:
            raise KeyringError(f"an endpoint of etcd makes no sense: {error}") from error
        if etcd.user is not None and not all(map(_keeps_secrets, urls)):
            raise KeyringError("a password for etcd goes over https, or to this machine alone")
        if not name:
            raise KeyringError("a keyring in etcd needs a name")
        self._etcd: Final = etcd
        self._name: Final = name
        self._tls: Final = tls or _tls(etcd)
        self._key: Final = _base64(name.encode())
        self._token: str | None = None
        self._turn = 0
        self._watched: httpx.Response | None = None
        self._interrupted = False
        # No proxy that the environment names, no redirects: keys go nowhere else.
        self._client: Final = httpx.Client(verify=self._tls, timeout=ANSWER_SECONDS, trust_env=False)

    def another(self) -> "Gateway":
        """With connections of its own. Reads no file, which a process that gave up its rights could not."""
        return Gateway(self._etcd, self._name, self._tls)

    def read(self) -> Stored:
        answer = self._ask("/v3/kv/range", {"key": self._key})
        try:
            revision = int(answer["header"]["revision"])
            found = answer.get("kvs") or []
            if not found:
                return Stored(None, 0, revision)
            return Stored(base64.b64decode(found[0].get("value", "")), int(found[0]["mod_revision"]), revision)
        except (KeyError, ValueError, TypeError, IndexError, AttributeError):
            raise KeyringError("etcd's answer makes no sense") from None

    def replace(self, mod_revision: int, octets: bytes) -> bool:
        """Put `octets` there if the value is still that of `mod_revision` (0: if there is none). False: it is not."""
        compare = {"key": self._key, "target": "MOD", "result": "EQUAL", "mod_revision": str(mod_revision)}
        put = {"request_put": {"key": self._key, "value": _base64(octets)}}
        return bool(self._ask("/v3/kv/txn", {"compare": [compare], "success": [put]}).get("succeeded", False))

    def wait_for_change(self, revision: int) -> None:
        """Return when the value may have changed after `revision`: at the latest after SILENT_SECONDS of silence."""
        wanted = {"create_request": {"key": self._key, "start_revision": str(revision + 1)}}
        timeout = httpx.Timeout(ANSWER_SECONDS, read=SILENT_SECONDS)
        try:
            with self._client.stream(
                "POST", self._url("/v3/watch"), json=wanted, headers=self._headers(), timeout=timeout
            ) as response:
                self._watched = response
                if self._interrupted:
                    return
                for line in _lines(response):
                    result = json.loads(line).get("result", {})
                    if result.get("events") or int(result.get("compact_revision", 0)):
                        return
                    if result.get("canceled"):
                        raise KeyringError(f"etcd refuses to be watched: {result.get('cancel_reason', '')!s:.200}")
        except httpx.ReadTimeout:
            return
        except (httpx.HTTPError, httpx.StreamError, ValueError, TypeError, AttributeError, RuntimeError) as error:
            raise self._away(error) from error
        finally:
            self._watched = None
        raise KeyringError("etcd ended the watch")

    def interrupt(self) -> None:
        """End `wait_for_change`, now and from now on: its thread may wait in recv, which closing would not wake."""
        self._interrupted = True
        watched = self._watched
        stream = None if watched is None else watched.extensions.get("network_stream")
        sock = None if stream is None else stream.get_extra_info("socket")
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._client.close()

    def _ask(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        trouble: KeyringError | None = None
        for _ in self._etcd.endpoints:
            try:
                status, answer = self._post(path, body)
                if status in (400, 401) and self._etcd.user is not None and _wants_token(answer):
                    self._authenticate()
                    status, answer = self._post(path, body)
            except (httpx.HTTPError, ValueError, RuntimeError) as error:
                trouble = self._away(error)
                continue
            if status != 200:
                raise KeyringError(f"etcd refuses: {_words(answer)}")
            return answer
        assert trouble is not None
        raise trouble

    def _authenticate(self) -> None:
        self._token = None
        status, answer = self._post(
            "/v3/auth/authenticate", {"name": self._etcd.user, "password": self._etcd.password or ""}
        )
        token = answer.get("token")
        if status != 200 or not isinstance(token, str):
            raise KeyringError(f"etcd does not take user {self._etcd.user!r}: {_words(answer)}")
        self._token = token

    def _post(self, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        with self._client.stream("POST", self._url(path), json=body, headers=self._headers()) as response:
            answer = json.loads(b"".join(_bounded(response)))
        if not isinstance(answer, dict):
            raise ValueError("no JSON object")
        return response.status_code, answer

    def _headers(self) -> dict[str, str]:
        return {} if self._token is None else {"Authorization": self._token}

    def _url(self, path: str) -> str:
        endpoints = self._etcd.endpoints
        return endpoints[self._turn % len(endpoints)].rstrip("/") + path

    def _away(self, error: Exception) -> KeyringError:
        endpoint = self._url("")
        self._turn += 1  # the next one may be better
        return KeyringError(f"etcd at {endpoint} cannot be reached: {str(error) or type(error).__name__}")


def _tls(etcd: Etcd) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=etcd.ca)
        if etcd.certificate is not None:
            context.load_cert_chain(*etcd.certificate)
    except OSError as error:  # ssl.SSLError is one
        raise KeyringError(f"cannot load the certificates for etcd: {error}") from error
    return context


def _bounded(response: httpx.Response) -> list[bytes]:
    chunks, octets = [], 0
    for chunk in response.iter_bytes():
        octets += len(chunk)
        if octets > MAX_ANSWER:
            raise ValueError(f"an answer of more than {MAX_ANSWER} octets")
        chunks.append(chunk)
    return chunks


def _lines(response: httpx.Response) -> Iterator[bytes]:
    pending = b""
    for chunk in response.iter_bytes():
        pending += chunk
        if len(pending) > MAX_ANSWER:
            raise ValueError(f"a line of more than {MAX_ANSWER} octets")
        *lines, pending = pending.split(b"\n")
        yield from filter(None, lines)


def _keeps_secrets(url: httpx.URL) -> bool:
    return url.scheme == "https" or url.host in ("localhost", "127.0.0.1", "::1")


def _wants_token(answer: dict[str, Any]) -> bool:
    """That no token came ("user name is empty", status 400) or that it is no longer good (code 16)."""
    return answer.get("code") == 16 or "user name is empty" in _words(answer)


def _words(answer: dict[str, Any]) -> str:
    return str(answer.get("message") or answer.get("error") or "no reason given")[:200]


def _base64(octets: bytes) -> str:
    return base64.b64encode(octets).decode("ascii")
