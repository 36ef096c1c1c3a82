"""What a request and an answer are, for both versions of HTTP: data, and their one error."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urlsplit

from turnscope._errors import ConfigError

__all__ = ["Exchange", "Head", "HttpError", "Origin", "Request", "decode_headers", "split_url"]

_DEFAULT_PORTS = {"http": 80, "https": 443}


class HttpError(Exception):
    """A request got no answer, or only a part of one. Providers turn it into an error with their name."""


@dataclass(frozen=True, slots=True)
class Origin:
    """A server: where it is, and whether through TLS."""

    scheme: str
    host: str
    port: int

    @property
    def authority(self) -> str:
        """Host and port as they stand in a URL, the port only when it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}"


@dataclass(frozen=True, slots=True)
class Request:
    """A request with its whole body.

    Attributes:
        method: ``"POST"``.
        scheme: ``"http"`` or ``"https"``.
        authority: The server, as `Origin.authority` gives it.
        target: Path and query. Like all that may hold secrets, not in the ``repr``.
        headers: Names in lower case, and values; without ``host`` and ``content-length``.
        body: What to send.
        sensitive: Names of the headers that hold secrets.
    """

    method: str
    scheme: str
    authority: str
    target: str = field(repr=False)
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    body: bytes = field(repr=False)
    sensitive: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Head:
    """The beginning of an answer: its status, and its headers by their names in lower case."""

    status: int
    headers: dict[str, str]


class Exchange(Protocol):
    """One request, sent, and the answer to it."""

    async def receive_head(self) -> Head:
        """Wait for the status and the headers of the answer; `HttpError` if they do not come."""
        ...

    async def receive_some(self) -> bytes:
        """Wait for the next bytes of the body, after its head; nothing at its end; `HttpError` if it is cut short."""
        ...

    async def aclose(self) -> None:
        """Give up what has not been received. Must be called; does not wait for the network."""
        ...


def decode_headers(headers: Iterable[tuple[bytes, bytes]]) -> Head:
    """The head in HTTP/2's form, in which the status is a header called ``:status``."""
    found = {bytes(name).decode("latin-1").lower(): bytes(value).decode("latin-1") for name, value in headers}
    status = found.pop(":status", "")
    return Head(int(status) if status.isascii() and status.isdigit() else 0, found)


def split_url(url: str, *, key: str) -> tuple[Origin, str, str]:
    """The server, the path without its last slash, and the query of a URL.

    Args:
        url: Absolute, of scheme ``http`` or ``https``.
        key: What to call it in errors.

    Raises:
        ConfigError: It is none, or holds credentials or a fragment.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as exc:
        raise ConfigError(f"{key} is not a URL: {exc}") from exc
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        raise ConfigError(f"{key} must begin with http:// or https:// and name a host")
    if parts.username is not None or parts.password is not None:
        raise ConfigError(f"{key} must not hold credentials; use a header")
    if parts.fragment:
        raise ConfigError(f"{key} must not have a fragment (#...)")
    if not (parts.path + parts.query).isascii() or any(char <= " " for char in parts.path + parts.query):
        raise ConfigError(f"{key} must be percent-encoded: plain ASCII without spaces")
    try:
        host = parts.hostname.encode("idna").decode() if not parts.hostname.isascii() else parts.hostname
    except UnicodeError as exc:
        raise ConfigError(f"{key} names an impossible host: {exc}") from exc
    origin = Origin(parts.scheme, host, port if port is not None else _DEFAULT_PORTS[parts.scheme])
    return origin, parts.path.rstrip("/"), parts.query
