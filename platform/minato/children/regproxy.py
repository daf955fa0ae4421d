"""Forward 127.0.0.1:<port> to the registry's Unix socket: `python3 -IS regproxy.py <port> <socket>`.

It runs in a container without a network; the trusted half of a build joins that container's network namespace and
so reaches the registry, and nothing else, by the name everybody uses.
"""

import asyncio
import sys

BLOCK = 1 << 16


async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    """Copy until the source ends, then pass the end on."""
    try:
        while data := await source.read(BLOCK):
            sink.write(data)
            await sink.drain()
        sink.write_eof()
    except OSError:
        sink.close()


async def serve(port: int, path: str) -> None:
    """Forward for ever. The socket is opened per connection: a registry that was restarted is found again."""

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            inner, outer = await asyncio.open_unix_connection(path)
        except OSError:
            writer.close()
            return
        await asyncio.gather(pump(reader, outer), pump(inner, writer))
        outer.close()
        writer.close()

    server = await asyncio.start_server(forward, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), sys.argv[2]))
