# The commands of the README and the steps of continuous integration. Everything else is plain cargo.

CARGO ?= cargo
DEMO_FLAGS ?=
ATTACKS_FLAGS ?=
SOAK_FLAGS ?=
BENCH_FLAGS ?= --write
BUSY_ROUNDS ?= 20
BUSY_ONLY ?=
EXPERIMENT ?= small
TRACKER_FLAGS ?=
CLUSTER_FLAGS ?=
CHAOS_FLAGS ?=
ZOO_FLAGS ?=
FUZZ_SECONDS ?= 10
FUZZ_FLAGS ?=
EXPERIMENT_FLAGS ?= --seeds 2 --jobs 2
# The same set of packages in every rule: another set has other features, and cargo would compile everything anew.
# What is tested has every feature, and one set of them, for the same reason.
TESTED = --workspace --features alto-server/redis
PROGRAMS = $(CARGO) build --release -p alto-server -p alto-peer

# What `make install` installs, and where.
PREFIX ?= /usr/local
DESTDIR ?=
INSTALLED = alto-server alto-peer alto-feed rfc-conformance
# The profile of installed programs; `demo` compiles in half the time.
PROFILE ?= release
BUILT = target/$(PROFILE)
SHARE = $(DESTDIR)$(PREFIX)/share

.PHONY: cluster chaos screenshots programs manual install deb test-deb package image uninstall help demo test test-busy experiment tools lint slow-clients attacks soak fuzz fuzz-faults bench zoo lab rucio tracker-clients

help:
	@echo "make demo            serves the two-ISP network on loopback and walks through it; DEMO_FLAGS=--keep keeps it running"
	@echo "make test            runs every test, end-to-end tests included"
	@echo "make test-busy       runs every test 20 times while all cores are busy; BUSY_ROUNDS=3 BUSY_ONLY=alto-peer,mininet"
	@echo "make lint            checks format and lints"
	@echo "make cluster         serves the two-ISP network from three servers over Redis with two replicas, behind HAProxy"
	@echo "make chaos           breaks a cluster fifty times while clients change it, and checks that nothing is lost; CHAOS_FLAGS='--faults 10'"
	@echo "make slow-clients    attacks a server with slow clients and prints when each was cut off"
	@echo "make attacks         runs every attack of scripts/attacks; ATTACKS_FLAGS='--before FOLDER --write' compares with older programs"
	@echo "make experiment      as root: runs a small experiment in Mininet and reports; EXPERIMENT=p4p-abilene for another"
	@echo "make tracker-clients as root: lets the tracker guide Transmission, aria2 and libtorrent in Mininet; TRACKER_FLAGS='--client aria2'"
	@echo "make screenshots     makes the pictures of the page in docs/figures anew, with Chromium"
	@echo "make bench           measures speed beside other programs and rewrites docs/performance.md; BENCH_FLAGS=--quick is short"
	@echo "make lab             as root: six FRR routers in network namespaces, which a server follows through alto-feed"
	@echo "make zoo             imports, serves and grades the Internet Topology Zoo of the folder ALTO_DATA"
	@echo "make rucio           lets Rucio sort replicas by a table of alto-feed; installs some 80 Python packages below target/"
	@echo "make fuzz            fuzzes every parser for FUZZ_SECONDS=10 each and prints what was covered"
	@echo "make fuzz-faults     checks that every fuzz target finds a planted fault"
	@echo "make programs        builds the programs to install; PROFILE=demo compiles in half the time"
	@echo "make install         installs programs, man pages, completions, topologies, unit; PREFIX=/usr/local DESTDIR="
	@echo "make deb             packs a Debian package of what make programs built; make test-deb also installs and removes it"
	@echo "make package         packs the libraries plain-words, alto-types, topo and alto-client for a registry of crates"
	@echo "make image           builds the container image, where Docker runs, and waits until a container is healthy"
	@echo "make soak            runs 1,000 clients for a minute while links change and attackers attack, and prints what they observed;"
	@echo "                     SOAK_FLAGS='--seconds 300' for longer"

demo: tools
	@CARGO="$(CARGO)" python3 scripts/demo.py $(DEMO_FLAGS)

test: tools
	$(CARGO) test $(TESTED)
	@# The tests have built the programs. Building them alone would select other features and compile everything anew.
	@python3 packaging/check_commands.py target/debug
	@scripts/test_cluster target/debug
	@scripts/test_emulation

test-busy: tools
	@CARGO=$(CARGO) scripts/test_busy.py --rounds $(BUSY_ROUNDS) --only "$(BUSY_ONLY)"

experiment: tools
	@scripts/need_emulation
	@$(CARGO) build --profile demo -p alto-server -p alto-peer
	/usr/bin/python3 mininet/experiment.py run $(EXPERIMENT) $(EXPERIMENT_FLAGS) --programs target/demo \
		--out experiments/$(EXPERIMENT)

tracker-clients: tools
	@scripts/need_emulation
	@command -v aria2c >/dev/null && command -v transmission-daemon >/dev/null && \
		/usr/bin/python3 -c 'import libtorrent' 2>/dev/null || scripts/need aria2 transmission-daemon python3-libtorrent
	@$(CARGO) build --profile demo -p alto-server -p alto-peer
	/usr/bin/python3 mininet/bittorrent.py clients --programs target/demo --far-seed --public $(TRACKER_FLAGS)

lint: tools
	$(CARGO) fmt --all --check
	@# Declared by macros, where cargo fmt does not look for modules.
	rustfmt --check --edition 2024 alto-server/src/resource/*.rs alto-selection/src/policy/*.rs topo/src/metric/*.rs \
		rfc-conformance/src/rfc*/*.rs fuzz/checks/src/targets/*.rs
	$(CARGO) clippy $(TESTED) --all-targets -- -D warnings
	@python3 -m compileall -q mininet bench scripts

# With the feature redis, which programs to install have only if FEATURES says so.
CLUSTER_PROGRAMS = $(CARGO) build --release -p alto-server -p alto-peer --features alto-server/redis

cluster: tools
	@command -v redis-server >/dev/null && command -v haproxy >/dev/null || test -x /usr/sbin/haproxy || \
		scripts/need redis-server redis-tools haproxy
	@$(CLUSTER_PROGRAMS)
	@python3 scripts/cluster/serve.py target/release $(CLUSTER_FLAGS)

chaos: tools
	@command -v redis-server >/dev/null || scripts/need redis-server redis-tools faketime
	@$(CLUSTER_PROGRAMS)
	@python3 scripts/cluster/chaos.py target/release $(CHAOS_FLAGS)

slow-clients: tools
	@$(PROGRAMS)
	@python3 scripts/slow_clients.py target/release/alto-server

attacks: tools
	@$(PROGRAMS)
	@$(CARGO) build --quiet --release -p rfc-conformance -p alto-feed
	@python3 scripts/attacks/run.py $(ATTACKS_FLAGS)

soak: tools
	@$(PROGRAMS)
	@python3 scripts/soak.py target/release/alto-server $(SOAK_FLAGS)

lab: tools
	@scripts/need_lab
	@$(CARGO) build --quiet --release -p alto-feed -p alto-server
	@python3 scripts/lab.py

rucio: tools
	@command -v memcached >/dev/null || scripts/need memcached
	@python3 -c 'import ensurepip' 2>/dev/null || scripts/need python3-venv
	@test -x target/rucio-venv/bin/python || python3 -m venv target/rucio-venv
	@target/rucio-venv/bin/python -c 'import pymemcache, rucio.version' 2>/dev/null || \
		target/rucio-venv/bin/pip install --quiet rucio==41.5.1 pymemcache==4.0.0
	@$(CARGO) build --quiet --release -p alto-feed -p alto-server
	@python3 scripts/rucio.py

zoo: tools
	@python3 -c 'import networkx' 2>/dev/null || scripts/need python3-networkx
	@$(CARGO) build --quiet --release -p alto-feed -p alto-server -p rfc-conformance
	@python3 scripts/zoo.py $(ZOO_FLAGS)

fuzz: tools
	@python3 scripts/fuzz.py --seconds $(FUZZ_SECONDS) $(FUZZ_FLAGS)

fuzz-faults: tools
	@python3 scripts/fuzz.py --planted --seconds 60 $(FUZZ_FLAGS)

bench: tools
	@command -v nginx >/dev/null || test -x /usr/sbin/nginx && command -v wrk >/dev/null || scripts/need nginx-light wrk
	@command -v opentracker >/dev/null || scripts/need opentracker
	@python3 -c 'import ensurepip' 2>/dev/null || scripts/need python3-venv
	@test -x target/bench-venv/bin/python || python3 -m venv target/bench-venv
	@target/bench-venv/bin/python -c 'import networkx, pytricia' 2>/dev/null || \
		target/bench-venv/bin/pip install --quiet networkx==3.6.1 pytricia==1.3.0
	@$(PROGRAMS)
	@$(CARGO) build --release -p topo -p alto-types -p alto-server --example route_speed --example prefix_speed \
		--example announce_load --example bare_http
	@target/bench-venv/bin/python bench/bench.py $(BENCH_FLAGS)

screenshots: tools
	$(CARGO) build $(TESTED)
	@scripts/test_page --pictures docs/figures target/debug

programs: tools
	$(CARGO) build --profile $(PROFILE) $(INSTALLED:%=-p %)

# After `make programs`, installing needs no cargo, which root often has not.
$(INSTALLED:%=$(BUILT)/%):
	$(MAKE) programs

manual: $(INSTALLED:%=$(BUILT)/%)
	rm -rf target/manual
	python3 packaging/manual.py --out target/manual $^

install: manual
	install -d $(DESTDIR)$(PREFIX)/bin $(SHARE)/alto/topologies $(SHARE)/doc/alto
	install -d $(DESTDIR)$(PREFIX)/lib/systemd/system $(DESTDIR)$(PREFIX)/lib/sysusers.d
	install -m 755 $(INSTALLED:%=$(BUILT)/%) $(DESTDIR)$(PREFIX)/bin
	cd target/manual && find . -type f -exec install -D -m 644 {} $(abspath $(SHARE))/{} \;
	install -m 644 topo/data/*.json $(SHARE)/alto/topologies
	install -m 644 alto-server/server.schema.json $(SHARE)/alto
	install -m 644 README.md LICENSE-APACHE LICENSE-MIT docs/operating.md docs/swarm.md \
		$(SHARE)/doc/alto
	install -m 644 packaging/alto.sysusers $(DESTDIR)$(PREFIX)/lib/sysusers.d/alto.conf
	sed 's|/usr/bin/alto-server|$(PREFIX)/bin/alto-server|' packaging/alto-server.service \
		>$(DESTDIR)$(PREFIX)/lib/systemd/system/alto-server.service

# From what `make programs` has built. cargo-deb only packs; it is built once, outside the checkout if CI_TOOLS says so.
CI_TOOLS ?= $(HOME)/.cache/alto-ci
CARGO_DEB = $(CI_TOOLS)/cargo-deb-3.8.0/bin/cargo-deb
$(CARGO_DEB):
	$(CARGO) install --quiet --locked cargo-deb@3.8.0 --root $(CI_TOOLS)/cargo-deb-3.8.0

deb: manual $(CARGO_DEB)
	$(CARGO_DEB) deb --no-build --profile $(PROFILE) --manifest-path alto-server/Cargo.toml --output target/debian/

# The libraries as a registry of crates would take them. Verifying would compile each once more.
package: tools
	$(CARGO) package --quiet --no-verify --offline -p plain-words -p alto-types -p topo -p alto-client

test-deb: deb
	@scripts/test_deb $$(ls -t target/debian/alto_*.deb | head -1)

# Where a Docker daemon runs; elsewhere only what the image is made of is checked.
image: tools
	@scripts/test_image --build

uninstall:
	rm -f $(INSTALLED:%=$(DESTDIR)$(PREFIX)/bin/%) $(DESTDIR)$(PREFIX)/lib/systemd/system/alto-server.service \
		$(DESTDIR)$(PREFIX)/lib/sysusers.d/alto.conf
	rm -f $(foreach name,$(INSTALLED),$(SHARE)/man/man1/$(name).1 $(SHARE)/man/man1/$(name)-*.1 \
		$(SHARE)/bash-completion/completions/$(name) $(SHARE)/zsh/site-functions/_$(name) \
		$(SHARE)/fish/vendor_completions.d/$(name).fish)
	rm -rf $(SHARE)/alto $(SHARE)/doc/alto

# Reports a missing tool in one line, before anything else fails in many.
tools:
	@command -v $(CARGO) >/dev/null || { echo "cargo is missing: install Rust 1.95 or later from https://rustup.rs" >&2; exit 1; }
	@command -v cc >/dev/null || { echo "a C compiler is missing: apt-get install gcc" >&2; exit 1; }
	@command -v python3 >/dev/null || { echo "python3 is missing: apt-get install python3" >&2; exit 1; }
