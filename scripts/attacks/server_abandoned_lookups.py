"""Sends 100 lookups of a million costs each and resets all connections at once: none may be worked out."""

import socket
import struct
import time

from harness import ENDPOINT_COST_PARAMS, Server, endpoint_costs, main, verdict

LOOKUPS = 100
PAIRS = 1000


def attack(options):
    body = endpoint_costs(PAIRS, PAIRS)
    head = f"POST /endpointcost/lookup HTTP/1.1\r\nHost: a\r\nContent-Type: {ENDPOINT_COST_PARAMS}\r\nContent-Length: {len(body)}\r\n\r\n"
    with Server(options.server) as server:
        clients = []
        for _ in range(LOOKUPS):
            client = socket.create_connection(server.address, timeout=10)
            client.sendall(head.encode() + body)
            clients.append(client)
        time.sleep(1)
        for client in clients:
            # Closing then resets the connection.
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.close()
        time.sleep(4)
        before = server.cpu_seconds()
        time.sleep(6)
        after, peak = server.cpu_seconds() - before, server.memory("VmHWM")
    return verdict(
        f"{after:.1f} s of CPU from 4 to 10 s after all clients had gone; peak {peak:.0f} MiB",
        "less than 0.5 s of CPU and 512 MiB",
        after < 0.5 and peak < 512,
    )


if __name__ == "__main__":
    main(attack, __doc__)
