"""nfs:// URLs."""

import pytest

from examples.nfs.url import NfsUrl, UrlError


@pytest.mark.parametrize(
    ("text", "host", "port", "components"),
    [
        ("nfs://server", "server", 2049, ()),
        ("nfs://server/", "server", 2049, ()),
        ("nfs://server:40/a//./b/", "server", 40, ("a", "b")),
        ("nfs://[::1]:40/a", "::1", 40, ("a",)),
        ("nfs://[::1]/a", "::1", 2049, ("a",)),
        ("nfs://server/a%20b/c#d?e", "server", 2049, ("a b", "c#d?e")),
        ("nfs://server/%ff", "server", 2049, ("\udcff",)),
    ],
)
def test_parts(text: str, host: str, port: int, components: tuple[str, ...]) -> None:
    url = NfsUrl.parse(text)
    assert (url.host, url.port, url.components) == (host, port, components)
    assert NfsUrl.parse(str(url)) == url


@pytest.mark.parametrize(
    "text",
    [
        "http://server/a",
        "nfs:///a",
        "nfs://user@server/a",
        "nfs://server:0/a",
        "nfs://server:65536/a",
        "nfs://server:x/a",
        "nfs://server:²/a",
        "nfs://[::1/a",
        "nfs://[::1]x/a",
        "nfs://server/a/../b",
        "nfs://server/a%2fb",
        "nfs://server/a%00b",
    ],
)
def test_refused(text: str) -> None:
    with pytest.raises(UrlError):
        NfsUrl.parse(text)
