"""What it costs to give a streamed answer up in the middle: time until the stream is closed, and connections.

Run from the project's root: ``python -m benchmarks.bench_cancelled_stream [--turns 200]``. Client and server share one
process and one thread, over loopback sockets on the wall clock, so the times hold both sides' work.
"""

import argparse
import ssl
import statistics
import time

import httpx
import trio
import trustme

from tests.providers._chat_server import Call, open_chat_server
from turnscope.core import Message
from turnscope.providers._openai_chat import OpenAIChatLLM
from turnscope.providers._protocols import Resources

CA = trustme.CA()
QUESTION = [Message("user", "Hello?")]
WAYS: dict[str, list[str] | None] = {  # what the server offers, through TLS
    "HTTP/1.1": None,
    "HTTP/1.1 + TLS": ["http/1.1"],
    "HTTP/2 + TLS": ["h2"],
}


class NoCompute:
    """The server computes."""

    async def run(self, work: object, *, cost_s: float, name: str) -> object:
        """Not called."""
        raise AssertionError


async def talk(call: Call) -> None:
    """Answer with a word every 20 ms, for ever."""
    await call.start()
    while True:
        await call.chunk("word ")
        await trio.sleep(0.02)


async def measure(way: str, turns: int) -> None:
    """Give `turns` answers up after their second piece, and print what that took."""
    alpn = WAYS[way]
    context = ssl.create_default_context()
    CA.configure_trust(context)
    closed_s, told_s, first_s = [], [], []
    async with open_chat_server(talk, tls=CA if alpn else None, alpn=alpn or ()) as server:
        llm = OpenAIChatLLM("m", base_url=server.url, client=lambda: httpx.AsyncClient(http2=True, verify=context))
        async with llm.connect(Resources(compute=NoCompute())) as connection:  # type: ignore[arg-type]
            for turn in range(1, turns + 1):
                asked = time.perf_counter()
                with trio.CancelScope() as scope:
                    async with connection.open_stream(QUESTION) as stream:
                        await anext(stream)
                        first_s.append(time.perf_counter() - asked)
                        await anext(stream)
                        cancelled = time.perf_counter()
                        scope.cancel()
                        await anext(stream)
                closed_s.append(time.perf_counter() - cancelled)
                await server.wait_for_gone(turn)
                told_s.append(time.perf_counter() - cancelled)
            print(
                f"{way:16} {_ms(closed_s)} {_ms(told_s)} {_ms(first_s)}"
                f" {server.connections:12} {len(server.resets):7} {server.open_connections:6}"
            )


def _ms(values_s: list[float]) -> str:
    ordered = sorted(values_s)
    p99 = ordered[round(0.99 * (len(ordered) - 1))]
    return f"{statistics.median(ordered) * 1e3:8.2f} {p99 * 1e3:7.2f}"


def main() -> None:
    """Measure every way."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=200)
    turns = parser.parse_args().turns
    print(f"{turns} cancelled answers; milliseconds, median and 99th percentile")
    print(
        f"{'':16} {'closed':>16} {'server knows':>16} {'next first piece':>16}"
        f" {'connections':>12} {'resets':>7} {'open':>6}"
    )
    for way in WAYS:
        trio.run(measure, way, turns)


if __name__ == "__main__":
    main()
