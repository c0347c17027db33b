#!/usr/bin/env python3
"""Opens 660 connections to a peer from as many addresses of one IPv6 /64, while another client wants to connect."""
import socket
import time

from peers import File, Peer, Registry, allow_open_files, get, in_network_of_its_own, main, verdict

CONNECTIONS = 660


def attack(options, folder):
    in_network_of_its_own("ip -6 route add local 2001:db8:1::/64 dev lo", "ip -6 route add local 2001:db8:2::/64 dev lo",
                          "echo 1 > /proc/sys/net/ipv6/ip_nonlocal_bind")
    allow_open_files(4096)
    path = folder / "movie.bin"
    file = File(b"x" * 50_000)
    path.write_bytes(file.content)
    registry = Registry(file)
    with Peer(options.peer, "share", path, "--server", registry.uri(), "--address", "::", "--port", 0) as peer:
        _, port = peer.address()
        peer.wait_for("shared")
        held, address = [], ("2001:db8:2::1", port)
        for n in range(CONNECTIONS):
            try:
                held.append(socket.create_connection(address, timeout=1, source_address=(f"2001:db8:1::{n + 1:x}", 0)))
            except OSError:
                break
        time.sleep(0.5)
        status, _, seconds = get(address, "/", source="2001:db8:2::9", timeout=5, head=True)
        for connection in held:
            connection.close()
    return verdict(f"with {len(held)} connections open, a client of another network got {status} after {seconds:.1f} s",
                   "640 connections; a /64 is one client, and the client with most makes room", status == 204)


if __name__ == "__main__":
    main(attack, __doc__)
