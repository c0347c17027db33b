"""Empties the state files of a stopped server, as a full disk may: the next start must not pass over it in silence."""

from harness import Server, main, scratch, verdict


def attack(options):
    with scratch() as state:
        for name in ("network.redb", "swarm.redb"):
            open(f"{state}/{name}", "wb").close()
        with Server(options.server, "--state", state) as server:
            warnings = [line for line in server.log if "WARN" in line and ".redb" in line]
    return verdict(f"{len(warnings)} warnings that name an empty state file", "2, one for each file", len(warnings) == 2)


if __name__ == "__main__":
    main(attack, __doc__)
