"""The relay: runs beside an app that listens on TCP only, in the app's own network of nothing, and leads a unix socket to its port.

Runs in a container as a program, `SOCKET PORT` its arguments. Knows the standard library and must not know anything else: it is handed to
a Python that has nothing of ours.
"""

from __future__ import annotations

import asyncio
import sys

_HOSTS = ("127.0.0.1", "::1")
_PIECE = 256 * 1024


async def _pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    try:
        while data := await source.read(_PIECE):
            target.write(data)
            await target.drain()
    except OSError:
        pass  # the other side is gone, and so is this way
    finally:
        target.close()


async def _connect(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
    for host in _HOSTS:
        try:
            return await asyncio.open_connection(host, port)
        except OSError:
            continue
    return None


async def serve(path: str, port: int) -> None:
    """Accept for ever; a caller who comes before the app listens is hung up on, and tries again."""

    async def relay(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        found = await _connect(port)
        if found is None:
            target.close()
            return
        await asyncio.gather(_pump(source, found[1]), _pump(found[0], target))

    server = await asyncio.start_unix_server(relay, path)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], int(sys.argv[2])))
