"""What the settings of an OpenAI-compatible model say about its requests: where to, with which headers and options.

Settings are checked here, once. No message quotes what may be a secret.
"""

import math
from collections.abc import Mapping
from urllib.parse import parse_qsl, urlsplit

import httpx

from turnscope._errors import ConfigError
from turnscope.providers._http_stream import QuietURL
from turnscope.providers._openai_wire import request_body

__all__ = ["endpoint", "request_headers", "request_options", "secrets_in"]

_RESERVED_OPTIONS = frozenset({"model", "messages", "stream", "tools"})
_RESERVED_HEADERS = frozenset(
    "host content-length content-type transfer-encoding connection accept accept-encoding".split()
)


def endpoint(base_url: str) -> QuietURL:
    """The URL that requests go to: that of the chat completions below `base_url`, whose query it keeps.

    Raises:
        ConfigError: `base_url` is no absolute URL of HTTP, or holds credentials or a fragment.
    """
    try:
        parts = urlsplit(base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigError("base_url must begin with http:// or https:// and name a host")
        if parts.username is not None or parts.password is not None:
            raise ConfigError("base_url must not hold credentials; use a header")
        if parts.fragment:
            raise ConfigError("base_url must not have a fragment (#...)")
        if not (parts.path + parts.query).isascii() or any(char <= " " for char in parts.path + parts.query):
            raise ConfigError("base_url must be percent-encoded: plain ASCII without spaces")
        if parts.port == 0:
            raise ConfigError("base_url names port 0")
        whole = parts._replace(path=f"{parts.path.rstrip('/')}/chat/completions")
        return QuietURL(whole.geturl())
    except (ValueError, httpx.InvalidURL) as exc:
        raise ConfigError(f"base_url is not a URL: {exc}") from exc


def secrets_in(query: str) -> list[str]:
    """The values in a query whose names say that they are secret."""
    return [
        v for name, v in parse_qsl(query) if any(word in name.lower() for word in ("key", "token", "secret", "sig"))
    ]


def request_headers(api_key: str | None, extra: Mapping[str, str]) -> dict[str, str]:
    """All headers of a request but its length; those of `extra` may replace the key's.

    Raises:
        ConfigError: A header must not be sent, or cannot be.
    """
    headers = {
        "content-type": "application/json",
        "accept": "text/event-stream",
        "accept-encoding": "identity",  # a compressed answer would come in blocks, late
        "user-agent": "turnscope",
    }
    if api_key is not None:
        _check_header_value("api_key", api_key)
        headers["authorization"] = f"Bearer {api_key}"
    for name, value in extra.items():
        if not name or not name.isascii() or not all(c.isalnum() or c in "!#$%&'*+-.^_`|~" for c in name):
            raise ConfigError(f"extra_headers: {name!r} is not a header's name")
        if name.lower() in _RESERVED_HEADERS:
            raise ConfigError(f"extra_headers: {name!r} is not for you to set")
        _check_header_value(f"extra_headers[{name!r}]", value)
        headers[name.lower()] = value
    return headers


def request_options(
    temperature: float | None,
    max_tokens: int | None,
    limit_key: str,
    include_usage: bool,
    extra: Mapping[str, object],
) -> dict[str, object]:
    """The members of a request's JSON besides the model, the messages, the tools and ``stream``.

    Raises:
        ConfigError: One is out of range, reserved, or not JSON.
    """
    options: dict[str, object] = {}
    if temperature is not None:
        if not 0 <= temperature < math.inf:
            raise ConfigError(f"temperature must be 0 or more, and finite; got {temperature}")
        options["temperature"] = temperature
    if max_tokens is not None:
        if max_tokens < 1:
            raise ConfigError(f"max_tokens must be 1 or more; got {max_tokens}")
        options[limit_key] = max_tokens
    if include_usage:
        options["stream_options"] = {"include_usage": True}
    if reserved := _RESERVED_OPTIONS & extra.keys():
        raise ConfigError(f"extra_body must not set {', '.join(sorted(reserved))}")
    options.update(extra)
    try:
        request_body("", (), options)
    except (TypeError, ValueError, RecursionError) as exc:
        raise ConfigError(f"extra_body cannot be written as JSON: {exc}") from exc
    return options


def _check_header_value(key: str, value: str) -> None:
    # Never quotes the value: it is a secret, and a line break at its end is how a key read from a file looks.
    if not value.isascii() or not value.isprintable() or value != value.strip():
        raise ConfigError(f"{key} holds a line break, a space at an end, or what is not plain ASCII")
