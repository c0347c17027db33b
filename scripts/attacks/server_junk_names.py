"""Hides a file behind 900 others of the same name: lists must begin with the one that most peers hold, and stay short."""

import subprocess

from harness import Server, main, scratch, verdict

NAME = "film.mkv"


def entry(number):
    digest = f"{number:064x}"
    return {"id": digest, "name": NAME, "size": 1000 + number, "manifest": digest, "complete": True}


def attack(options):
    with scratch() as folder, Server(options.server) as server:
        junk = [entry(number) for number in range(900)]
        server.post_json("/swarm/register", {"name": "junk", "port": 6881, "files": junk}, "127.0.1.1")
        for number in range(3):
            message = {"name": "honest", "port": 6881, "files": [entry(0xF000)]}
            server.post_json("/swarm/register", message, f"127.0.2.{number + 1}")
        first = server.ask("GET", f"/swarm/files?name={NAME}&limit=5").json()["files"][0]
        command = [
            options.peer, "get", NAME, "--server", "http://%s:%d/directory" % server.address, "--output", folder, "--no-share",
        ]
        done = subprocess.run(command, capture_output=True, timeout=30, check=False)
    printed = len(done.stdout) + len(done.stderr)
    rows = sum(b"000000" in line for line in (done.stdout + done.stderr).splitlines())
    return verdict(
        f"first of the list has {first['complete']} holders; alto-peer ends with {done.returncode} and prints {printed} "
        f"bytes, {rows} files",
        "3 holders; at most 4,096 bytes and 10 files",
        first["complete"] == 3 and printed <= 4096 and 0 < rows <= 10,
    )


if __name__ == "__main__":
    main(attack, __doc__)
