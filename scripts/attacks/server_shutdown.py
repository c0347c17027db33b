"""Leaves 20 lookups of a million costs behind and stops the server: its end must not wait for them."""

import socket
import time

from harness import ENDPOINT_COST_PARAMS, Server, endpoint_costs, main, verdict

LOOKUPS = 20
PAIRS = 1000
DRAIN = 1
SLACK = 4


def attack(options):
    body = endpoint_costs(PAIRS, PAIRS)
    head = f"POST /endpointcost/lookup HTTP/1.1\r\nHost: a\r\nContent-Type: {ENDPOINT_COST_PARAMS}\r\nContent-Length: {len(body)}\r\n\r\n"
    with Server(options.server, "--drain-timeout", str(DRAIN)) as server:
        clients = [socket.create_connection(server.address, timeout=10) for _ in range(LOOKUPS)]
        for client in clients:
            client.sendall(head.encode() + body)
        time.sleep(1)
        took = server.terminate(40)
    return verdict(
        f"ended {took:.1f} s after SIGTERM" if took is not None else "still running 40 s after SIGTERM",
        f"the drain time of {DRAIN} s, and {SLACK} s for a busy machine",
        took is not None and took < DRAIN + SLACK,
    )


if __name__ == "__main__":
    main(attack, __doc__)
