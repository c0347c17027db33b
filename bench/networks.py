"""Generated networks for measurements, the same for the same parameters."""
import ipaddress
import json
import random


def switches(count, links_each=4, pids=True, seed=1):
    """A network of switches in a ring with random links, by default with one PID per switch."""
    rng = random.Random(seed)
    names = [f"s{i:05}" for i in range(count)]
    ends = [(i, (i + 1) % count) for i in range(count)]
    while len(ends) < count * links_each:
        a, b = rng.randrange(count), rng.randrange(count)
        if a != b:
            ends.append((a, b))
    topology = {
        "name": f"bench-{count}",
        "switches": [{"name": name, "dpid": f"{i + 1:x}"} for i, name in enumerate(names)],
        "links": [
            {"source": names[a], "destination": names[b], "bandwidth": 1000, "delay": 1, "cost": rng.randint(1, 100)}
            for a, b in ends
        ],
    }
    if pids:
        topology["pids"] = {
            name: {"switches": [name], "ipv4": [f"10.{i >> 8}.{i & 255}.0/24"]} for i, name in enumerate(names)
        }
    return topology


def prefixes(ipv4, ipv6, pid_count=200, seed=2):
    """A network whose PIDs hold the given numbers of prefixes, with lengths as in routing tables."""
    rng = random.Random(seed)
    topology = switches(pid_count)
    pids = list(topology["pids"].values())
    for pid in pids:
        pid["ipv4"], pid["ipv6"] = [], []
    seen = set()
    lengths4 = rng.choices([24, 23, 22, 21, 20, 19, 18, 16, 28, 32], [55, 8, 10, 4, 4, 3, 2, 2, 6, 6], k=ipv4 * 2)
    for length in lengths4:
        if len(seen) == ipv4:
            break
        bits = rng.randrange(1 << 24, 224 << 24) >> (32 - length) << (32 - length)
        if (bits, length) not in seen:
            seen.add((bits, length))
            pids[rng.randrange(pid_count)]["ipv4"].append(f"{ipaddress.IPv4Address(bits)}/{length}")
    seen6 = set()
    lengths6 = rng.choices([48, 32, 44, 40, 36, 29, 64], [45, 20, 10, 10, 5, 5, 5], k=ipv6 * 2)
    for length in lengths6:
        if len(seen6) == ipv6:
            break
        bits = ((1 << 125) | rng.getrandbits(125)) >> (128 - length) << (128 - length)
        if (bits, length) not in seen6:
            seen6.add((bits, length))
            pids[rng.randrange(pid_count)]["ipv6"].append(f"{ipaddress.IPv6Address(bits)}/{length}")
    return topology


def addresses(count, seed=3):
    """Random unicast addresses, written as in endpoint property requests."""
    rng = random.Random(seed)
    return [f"ipv4:{ipaddress.IPv4Address(rng.randrange(1 << 24, 224 << 24))}" for _ in range(count)]


def write(topology, path):
    """Writes a topology file."""
    with open(path, "w", encoding="utf-8") as out:
        json.dump(topology, out, separators=(",", ":"))
    return path
