"""Registers files with names that deceive: invisible characters, and a false name and size of other peers' content."""

from harness import Server, main, verdict

DECEIVING = ["annexe\u202efdp.exe", "a\u200bb", "\u2066a\u2069", "\ufeffa", "a\u00adb"]


def entry(number, name, size):
    digest = f"{number:064x}"
    return {"id": digest, "name": name, "size": size, "manifest": digest, "complete": True}


def attack(options):
    with Server(options.server) as server:
        def register(source, files, name="peer"):
            message = {"name": name, "port": 6881, "files": files}
            return server.post_json("/swarm/register", message, source).status

        statuses = [register("127.0.1.1", [entry(1, name, 1)]) for name in DECEIVING]
        statuses += [register("127.0.1.1", [], name) for name in DECEIVING]
        register("127.0.2.1", [entry(7, "free-money.exe", 1)])
        for number in range(5):
            register(f"127.0.3.{number + 1}", [entry(7, "film.mkv", 5000)])
        file = server.ask("GET", f"/swarm/files/{7:064x}").json()
    refused = statuses.count(400)
    return verdict(
        f"{refused} of {len(statuses)} deceiving names refused; five honest holders against the first one: "
        f"{file['name']}, {file['size']} bytes",
        "all refused; film.mkv, 5000 bytes",
        refused == len(statuses) and (file["name"], file["size"]) == ("film.mkv", 5000),
    )


if __name__ == "__main__":
    main(attack, __doc__)
