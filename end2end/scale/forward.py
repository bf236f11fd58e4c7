#!/usr/bin/env python3
"""Many clusters out of three: forwards loopback ports to the lab's API servers, by fill.py's names.

  forward.py CLUSTERS
"""
import asyncio
import sys

from cluster import OFFSET
from fill import FIRST_PORT, cluster_names

API_SERVERS = {"dev": 16444 + OFFSET, "staging": 16445 + OFFSET, "prod": 16446 + OFFSET}


async def pump(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


def forwarder(port):
    async def handle(reader, writer):
        try:
            there, back = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            writer.close()
            return
        await asyncio.gather(pump(reader, back), pump(there, writer))
    return handle


async def main(count):
    for number, name in enumerate(cluster_names(count)):
        await asyncio.start_server(forwarder(API_SERVERS[name.split("-")[0]]), "127.0.0.1", FIRST_PORT + number)
    await asyncio.Event().wait()


asyncio.run(main(int(sys.argv[1])))
