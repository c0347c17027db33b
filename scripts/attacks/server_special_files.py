"""Puts files where the server expects others: a regular file at the path of its socket, and named pipes at those it reads."""

import os
import stat
import subprocess
import time

from harness import TOPOLOGY, Server, main, scratch, verdict

SECONDS = 5


def exit_code(command):
    """Returns the exit code, or None if the program does not end in time."""
    environment = {key: value for key, value in os.environ.items() if key != "ALTO_ADMIN_TOKEN"}
    try:
        return subprocess.run(command, capture_output=True, timeout=SECONDS, env=environment, check=False).returncode
    except subprocess.TimeoutExpired:
        return None


def attack(options):
    server = options.server
    seen, holds = [], True
    with scratch() as folder:
        precious, pipe, topology = f"{folder}/precious", f"{folder}/pipe", f"{folder}/topo.json"
        with open(precious, "w", encoding="utf-8") as file:
            file.write("do not delete")
        os.mkfifo(pipe)
        serve = [server, "--listen", "127.0.0.1:0", "--topology", str(TOPOLOGY), "--admin-socket", precious]
        code = exit_code(serve)
        kept = os.path.exists(precious) and stat.S_ISREG(os.lstat(precious).st_mode)
        holds = holds and code == 78 and kept
        seen.append(f"regular file at the admin socket: exit {code}, {'kept' if kept else 'deleted'}")

        check = [server, "--check", "--topology", str(TOPOLOGY)]
        pipes = {
            "topology": [server, "--check", "--topology", pipe],
            "settings": [*check, "--config", pipe],
            "users": [*check, "--digest-users", pipe],
            "token": [*check, "--admin-token-file", pipe],
            "certificate": [*check, "--tls-certificate", pipe, "--tls-key", pipe],
        }
        codes = {name: exit_code(command) for name, command in pipes.items()}
        holds = holds and set(codes.values()) == {78}
        seen.append("named pipe: " + ", ".join(f"{name} exit {code}" for name, code in codes.items()))

        with open(topology, "wb") as file:
            file.write(TOPOLOGY.read_bytes())
        socket = f"{folder}/admin.sock"
        with Server(server, "--drain-timeout", "1", "--admin-socket", socket, topology=topology,
                    prepare=lambda: os.umask(0)) as running:
            mode = stat.S_IMODE(os.stat(socket).st_mode)
            os.remove(topology)
            os.mkfifo(topology)
            running.process.send_signal(1)
            time.sleep(1)
            took = running.terminate(10)
        holds = holds and took is not None and mode == 0o600
        seen.append(f"socket mode {mode:o}")
        seen.append("reload of a pipe, then SIGTERM: " + ("hangs" if took is None else f"ended after {took:.1f} s"))
    return verdict("; ".join(seen), "exit 78 each time, nothing deleted, mode 600, SIGTERM obeyed", holds)


if __name__ == "__main__":
    main(attack, __doc__)
