"""Authenticates 1,500 requests, each with a nonce of its own: the last ones must not cost more than the first ones."""

import hashlib
import re

from harness import Server, main, scratch, verdict

REQUESTS = 1_500
SHARE = 300
PATH = "/directory"


def digest(text):
    return hashlib.sha256(text.encode()).hexdigest()


def ask(connection, fields):
    connection.request("GET", PATH, headers=fields)
    response = connection.getresponse()
    response.read()
    return response


def attack(options):
    with scratch() as folder:
        users = f"{folder}/users"
        with open(users, "w", encoding="utf-8") as file:
            file.write("reader:a good password\n")
        with Server(options.server, "--digest-users", users) as server:
            connection = server.connect()
            challenge = re.compile(r'nonce="([^"]+)"')
            nonces = [challenge.search(ask(connection, {}).headers["WWW-Authenticate"]).group(1) for _ in range(REQUESTS)]
            secret, request = digest("reader:alto:a good password"), digest(f"GET:{PATH}")
            used, statuses = [], set()
            for start in range(0, REQUESTS, SHARE):
                if used and used[-1] > 2 * used[0] + 0.2:
                    break
                before = server.cpu_seconds()
                for nonce in nonces[start : start + SHARE]:
                    response = digest(f"{secret}:{nonce}:00000001:c:auth:{request}")
                    fields = (
                        f'Digest username="reader", realm="alto", nonce="{nonce}", uri="{PATH}", algorithm=SHA-256, '
                        f'qop=auth, nc=00000001, cnonce="c", response="{response}"'
                    )
                    statuses.add(ask(connection, {"Authorization": fields}).status)
                used.append(server.cpu_seconds() - before)
    return verdict(
        f"{used[0]:.2f} s of CPU for the first {SHARE} requests, {used[-1]:.2f} s for the last; statuses {sorted(statuses)}",
        "all 200, and the last at most twice the first",
        statuses == {200} and used[-1] <= 2 * used[0] + 0.2,
    )


if __name__ == "__main__":
    main(attack, __doc__)
