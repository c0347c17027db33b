#!/usr/bin/env python3
"""Leads a peer from a registry at a public address to services of its own host and to other hosts."""
import time

from peers import File, Listener, Peer, Registry, fetching, in_network_of_its_own, main, verdict

PUBLIC, OTHER = "192.0.2.1", "192.0.2.2"


def attack(options, folder):
    in_network_of_its_own(f"ip addr add {PUBLIC}/32 dev lo", f"ip addr add {OTHER}/32 dev lo",
                          "ip addr add 169.254.7.7/32 dev lo", "ip addr add 10.9.9.9/32 dev lo")
    file = File(b"x" * 50_000)
    victims = {"loopback": Listener("127.0.0.1"), "link-local": Listener("169.254.7.7"), "private": Listener("10.9.9.9"),
               "a privileged port": Listener(OTHER, 22)}
    registry = Registry(file, address=(PUBLIC, 0))
    registry.holders = [registry.holder(victim.socket.getsockname()[0], victim.port) for victim in victims.values()]
    with fetching(options, registry, folder, "--patience", 3) as peer:
        peer.ends_within(15)
    # A redirect of a question.
    elsewhere = victims["a redirect"] = Listener("127.0.0.1")
    registry.redirect = f"http://127.0.0.1:{elsewhere.port}/"
    with fetching(options, registry, folder, "--patience", 3) as peer:
        peer.ends_within(15)
    # A redirect of the registration, which is a POST, to another host.
    posted = victims["a POST"] = Listener(OTHER)
    registry.redirect = f"http://{OTHER}:{posted.port}/"
    path = folder / "shared"
    path.write_bytes(b"x")
    with Peer(options.peer, "share", path, "--server", registry.uri(), "--port", 0) as peer:
        peer.wait_for("shared")
        time.sleep(2)
    reached = [name for name, victim in victims.items() if victim.contacted]
    return verdict(f"led to: {', '.join(reached) or 'none of ' + str(len(victims))}",
                   "no narrower scope than the server's, POST within its origin, ports from 1024 on", not reached)


if __name__ == "__main__":
    main(attack, __doc__)
