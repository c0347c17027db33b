"""Switches MD5 off and authenticates with it all the same."""

import hashlib
import re

from harness import Server, main, scratch, verdict


def digest(text):
    return hashlib.md5(text.encode()).hexdigest()


def attack(options):
    with scratch() as folder:
        users = f"{folder}/users"
        with open(users, "w", encoding="utf-8") as file:
            file.write("reader:a good password\n")
        with Server(options.server, "--digest-users", users, "--no-digest-md5") as server:
            refused = server.ask("GET", "/directory")
            challenges = refused.headers.get_all("WWW-Authenticate")
            nonce = re.search(r'nonce="([^"]+)"', challenges[0]).group(1)
            secret, request = digest("reader:alto:a good password"), digest("GET:/directory")
            response = digest(f"{secret}:{nonce}:00000001:c:auth:{request}")
            fields = (
                f'Digest username="reader", realm="alto", nonce="{nonce}", uri="/directory", algorithm=MD5, qop=auth, '
                f'nc=00000001, cnonce="c", response="{response}"'
            )
            status = server.ask("GET", "/directory", headers={"Authorization": fields}).status
    offered = sum("MD5" in challenge for challenge in challenges)
    return verdict(f"MD5 offered {offered} times; a request with it: {status}", "not offered, 401", offered == 0 and status == 401)


if __name__ == "__main__":
    main(attack, __doc__)
