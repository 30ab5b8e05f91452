"""nfs:// URLs: where a file is, as the command line names it."""

from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import quote, unquote

SCHEME: Final = "nfs://"
DEFAULT_PORT: Final = 2049


class UrlError(ValueError):
    """The text is not an nfs:// URL; the message says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class NfsUrl:
    """nfs://host:port/path. The path's components are percent-decoded names, without "." and empty ones.

    There is no query and no fragment: everything behind the host is path, so that `#` and `?` may stand in names.
    """

    host: str
    port: int
    components: tuple[str, ...]

    @property
    def path(self) -> str:
        """The path from the server's root, beginning with a slash."""
        return "/" + "/".join(self.components)

    @property
    def name(self) -> str:
        """The last component, or "" for the root."""
        return self.components[-1] if self.components else ""

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{SCHEME}{host}:{self.port}" + quote(self.path, errors="surrogateescape")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read one URL; raises UrlError."""
        if not text.startswith(SCHEME):
            raise UrlError(f"{text!r} does not begin with {SCHEME}")
        authority, _, path = text[len(SCHEME) :].partition("/")
        host, port = _split_authority(text, authority)
        return cls(host, port, tuple(_components(text, path)))


def _split_authority(text: str, authority: str) -> tuple[str, int]:
    if "@" in authority:
        raise UrlError(f"{text!r}: a user in the URL is not supported; Kerberos decides who you are")
    if authority.startswith("["):
        host, bracket, rest = authority[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise UrlError(f"{text!r}: an IPv6 address is written [address]:port")
        port_text = rest[1:]
    else:
        host, _, port_text = authority.partition(":")
    if not host:
        raise UrlError(f"{text!r} names no host; write nfs://host:port/path")
    if not port_text:
        return host, DEFAULT_PORT
    if not (port_text.isascii() and port_text.isdigit() and 0 < int(port_text) < 65536):
        raise UrlError(f"{text!r}: {port_text!r} is not a port number from 1 to 65535")
    return host, int(port_text)


def _components(text: str, path: str) -> list[str]:
    components = [unquote(part, errors="surrogateescape") for part in path.split("/")]
    components = [component for component in components if component not in ("", ".")]
    for component in components:
        if component == ".." or "/" in component or "\0" in component:
            raise UrlError(f"{text!r}: {component!r} cannot stand in a path")
    return components
