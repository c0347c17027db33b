#!/usr/bin/env python3
"""Serves a network from three servers over Redis (a master, two replicas, three Sentinels), behind HAProxy on one address.
Ends with Control-C. The file for HAProxy is packaging/haproxy-cluster.cfg."""
import argparse
import os
import signal
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from processes import TOKEN, Cluster, request


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("programs")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--check", action="store_true", help="ends after a look at every part")
    options = parser.parse_args()
    if not os.path.exists(os.path.join(options.programs, "alto-server")):
        parser.error(f"{options.programs} has no alto-server: cargo build --release -p alto-server --features redis")
    program = os.path.join(options.programs, "alto-server")
    with tempfile.TemporaryDirectory(prefix="alto-cluster-") as folder:
        more = ["--trusted-proxy", "127.0.0.0/8"]
        with Cluster(program, folder, more=more) as cluster:
            balancer = cluster.balance(os.path.join(folder, "balancer"), options.port)
            try:
                port = balancer.where[1]
                print(f"balancer    http://127.0.0.1:{port}/directory")
                for server in cluster.servers:
                    print(f"server      http://127.0.0.1:{server.port}/readyz")
                print(f"store       {cluster.store}")
                print(f"administer  curl -H 'Authorization: Bearer {TOKEN}' http://127.0.0.1:{port}/admin/status", flush=True)
                if options.check:
                    status, fields, _ = request(balancer.where, "GET", "/networkmap")
                    assert status == 200 and fields["alto-position"], fields
                    return
                signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
                while True:
                    time.sleep(3600)
            except KeyboardInterrupt:
                pass


if __name__ == "__main__":
    main()
