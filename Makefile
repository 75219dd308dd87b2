# What people and CI run. `make help` lists it.
#
# Cargo is always asked for the whole workspace: asked for one package it would choose other features for shared
# dependencies and build the world once more.
#
# Everything that is built or downloaded lies in one place, outside the work tree. Go builds (testbed-up) and
# cargo builds run one after the other: on a small machine they would only slow each other down.

OUTBOARD_CACHE ?= $(HOME)/.cache/outboard
CARGO_TARGET_DIR ?= $(OUTBOARD_CACHE)/target
export OUTBOARD_CACHE CARGO_TARGET_DIR

# One line of a story a failure away from its reason is worth more than a deep trace.
export RUST_BACKTRACE ?= 0

BIN := $(CARGO_TARGET_DIR)/debug
RELEASE := $(CARGO_TARGET_DIR)/release
TESTBED := $(BIN)/testbed
DENY_VERSION := 0.20.2
DENY := $(OUTBOARD_CACHE)/tools/bin/cargo-deny

.NOTPARALLEL:
.DEFAULT_GOAL := help

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: tools ## A real environment on this machine, from nothing; safe to run again
	@demo/run

.PHONY: test
test: gates unit smoke ## Everything CI checks: gates, unit and snapshot tests, smoke stories

# --- gates: no cluster, fail within minutes -------------------------------------------------------------------

.PHONY: gates
gates: fmt clippy deny ## Formatting, clippy without warnings, dependencies

.PHONY: fmt
fmt: tools
	cargo fmt --all --check

.PHONY: clippy
clippy: tools
	cargo clippy --workspace --all-targets --locked -- -D warnings

# Advisories need the advisory database, which lies on GitHub: checked where that can be reached, and said aloud
# where not. OUTBOARD_SKIP_DENY=1 leaves the whole step out.
.PHONY: deny
ifeq ($(OUTBOARD_SKIP_DENY),1)
deny:
	@echo "deny: skipped (OUTBOARD_SKIP_DENY=1)"
else
deny: $(DENY)
	$(DENY) --locked --log-level error check --hide-inclusion-graph licenses bans sources
	@if timeout 20 curl --silent --fail --output /dev/null --max-time 10 https://github.com/rustsec/advisory-db; \
	then $(DENY) --locked check advisories; \
	else echo "deny: advisories NOT checked: the advisory database cannot be reached from here"; fi
endif

# Built without optimisation: about 80 s once, and it runs for two.
$(DENY):
	CARGO_TARGET_DIR=$(OUTBOARD_CACHE)/tools/build cargo install --quiet --locked --debug \
		--version $(DENY_VERSION) --root $(OUTBOARD_CACHE)/tools cargo-deny
	rm -rf $(OUTBOARD_CACHE)/tools/build

# --- tests ----------------------------------------------------------------------------------------------------

.PHONY: unit
unit: tools ## Unit and snapshot tests
	cargo test --workspace --locked

.PHONY: smoke
smoke: install ## The shortest stories, on the testbed
	$(MAKE) stories SLICE=smoke

# Stories are `#[ignore]`d for `cargo test`, since they need a cluster: SLICE is the first word of their file.
SLICE ?= *
.PHONY: stories
stories: build ## Stories of one slice on a running testbed: make stories SLICE=environments
	@case '$(SLICE)' in '*' | services* | fals* | hostnames* | clusters* | server*) $(TESTBED) tools moto ;; esac
	@case '$(SLICE)' in '*' | clusters*) $(TESTBED) tools aws-provider checkov; \
		command -v terraform >/dev/null || $(TESTBED) tools tofu ;; esac
	@case '$(SLICE)' in '*' | environments*) $(TESTBED) tools prometheus ;; esac
	@case '$(SLICE)' in '*' | smoke*) $(TESTBED) tools shellcheck ;; esac
	@case '$(SLICE)' in '*' | hostnames*) $(TESTBED) tools cert-manager external-dns ;; esac
	@case '$(SLICE)' in '*' | web*) $(TESTBED) tools browser schemathesis ;; esac
	@case '$(SLICE)' in '*' | web* | server* | smoke*) $(TESTBED) tools oidc ;; esac
	$(STORIES) '$(SLICE)_*' -- --ignored --test-threads=1
	@case '$(SLICE)' in '*' | hostnames*) cargo test --workspace --locked --lib moto_keeps -- --ignored ;; esac

# Fewer, or the same again: make soak CYCLES=20 SEED=1234. Ten of them are among the smoke stories.
.PHONY: soak
soak: install ## 100 lives of environments while operator and API server are killed at random
	$(STORIES) soak -- --ignored --nocapture

# The same again: make soak-fals KILLS=20 OUTAGE=60 SEED=1234. Needs no testbed. Ten kills are a story of their own.
.PHONY: soak-fals
soak-fals: build ## fals killed 100 times while logs rotate and Firehose is away for ten minutes
	$(TESTBED) tools moto
	KILLS=$(or $(KILLS),100) OUTAGE=$(or $(OUTAGE),600) OUTBOARD="$(BIN)/outboard" \
		cargo test --workspace --locked --test fals_ship -- --ignored --nocapture

# The same for what is read meanwhile: make soak-logs CYCLES=5.
.PHONY: soak-logs
soak-logs: install ## Logs are followed through 20 rounds of crashes, updates, rotations and outages
	$(STORIES) soak_logs -- --ignored --nocapture

# Fewer, or the same again: make soak-hostnames CASES=5000 PROPTEST_RNG_SEED=7. `make test` has 2,000 of them.
.PHONY: soak-hostnames
soak-hostnames: tools ## 100,000 interleavings of two owners of one hosted zone, crashes and throttling included
	CASES=$(or $(CASES),100000) cargo test --workspace --locked --lib two_owners_never_change -- --nocapture

STORIES = KUBECONFIG="$$($(TESTBED) kubeconfig)" OUTBOARD="$(BIN)/outboard" \
	cargo test --workspace --locked --no-fail-fast --test

.PHONY: fuzz
fuzz: tools ## Broken files for outboard.yaml's reader: make fuzz MINUTES=10
	MINUTES=$(or $(MINUTES),10) cargo test --workspace --locked --lib -- --ignored --nocapture many_broken_files

.PHONY: bench
bench: install ## Side-by-side measurements, on the testbed
	$(TESTBED) tools helm
	$(MEASURE) compare light idle

# Smaller: make bench-scale ENVIRONMENTS=20 COMPONENTS=3 EDITS=20. Wants a testbed that this work tree has started.
.PHONY: bench-scale
bench-scale: install ## 1,000 environments of 10 components on nodes that KWOK plays
	$(TESTBED) tools kwok
	$(MEASURE) scale

# Smaller: make bench-web ENVIRONMENTS=50 PEOPLE=20 CHANGES=4.
.PHONY: bench-web
bench-web: install release ## Pages with 1,000 environments and 200 people who look on, on nodes that KWOK plays
	$(TESTBED) tools kwok
	$(ON_TESTBED) OUTBOARD="$(RELEASE)/outboard" $(RELEASE)/bench web

# Smaller: make bench-data ROWS=200000 RUNS=1
.PHONY: bench-data
bench-data: release ## Copies of 2 million rows beside mariadb-dump and mydumper; needs no cluster
	OUTBOARD="$(RELEASE)/outboard" $(RELEASE)/bench data data-types

# Smaller: make bench-redis KEYS=20000
.PHONY: bench-redis
bench-redis: release ## Copies of 1 million keys beside REPLICAOF, and DUMP and RESTORE one by one; needs no cluster
	OUTBOARD="$(RELEASE)/outboard" $(RELEASE)/bench data-redis

# Smaller: make bench-s3 SMALL=5000 LARGE=50. Wants some gigabytes of memory for files.
.PHONY: bench-s3
bench-s3: release ## Copies of 100,000 small and 1,000 larger objects beside rclone and s5cmd; needs no cluster
	OUTBOARD="$(RELEASE)/outboard" $(RELEASE)/bench data-s3

# Smaller: make bench-clusters RUNS=1
.PHONY: bench-clusters
bench-clusters: release ## A cluster made and destroyed beside bare Terraform, on moto; needs no cluster
	@command -v terraform >/dev/null || $(TESTBED) tools tofu
	OUTBOARD="$(RELEASE)/outboard" $(RELEASE)/bench clusters

# Smaller: make bench-poison ENVIRONMENTS=50 EDITS=30. Fails when the good ones feel the poison.
.PHONY: bench-poison
bench-poison: install ## Environments that can never be well among 200 good ones on nodes that KWOK plays
	$(TESTBED) tools kwok
	$(MEASURE) poison

# Smaller: make bench-fals MIB=100. Needs no testbed.
.PHONY: bench-fals
bench-fals: release ## How fast fals ships a file, and what that costs
	OUTBOARD="$(RELEASE)/outboard" $(RELEASE)/bench fals

# Smaller: make bench-logs CONTAINERS=10 SECONDS=5.
.PHONY: bench-logs
bench-logs: install release ## Following the logs of up to 200 containers, beside stern
	$(TESTBED) tools stern chatter
	$(TESTBED) image push testbed/chatter
	$(ON_TESTBED) OUTBOARD="$(RELEASE)/outboard" $(RELEASE)/bench logs

# The data, 2 GiB of gzip, is made once and kept. Smaller: make bench-archive GZIP_MIB=64 OBJECT_MIB=32.
.PHONY: bench-archive
bench-archive: install release ## Searching an archive beside aws s3 cp, zcat and grep
	$(TESTBED) tools aws
	$(ON_TESTBED) OUTBOARD="$(RELEASE)/outboard" $(RELEASE)/bench archive

# What counts every byte is measured as people run it. The first time everything is built once more.
.PHONY: release
release: tools
	cargo build --workspace --bins --locked --release

ON_TESTBED = KUBECONFIG="$$($(TESTBED) kubeconfig)" PATH="$(OUTBOARD_CACHE)/bin/current:$$PATH"
MEASURE = $(ON_TESTBED) OUTBOARD="$(BIN)/outboard" $(BIN)/bench

# --- the testbed ----------------------------------------------------------------------------------------------

.PHONY: build
build: tools
	cargo build --workspace --bins --locked

.PHONY: up
up: build ## Start Kubernetes on this machine
	$(TESTBED) up

.PHONY: images
images: up ## Build and push the images that stories and the demo use
	$(TESTBED) image push

.PHONY: install
install: images ## Install this work tree's outboard into the testbed
	KUBECONFIG="$$($(TESTBED) kubeconfig)" demo/install

.PHONY: down
down: tools ## Stop it and leave nothing behind
	cargo build --workspace --bin testbed --locked
	$(TESTBED) down

# --- upkeep ---------------------------------------------------------------------------------------------------

.PHONY: generate
generate: tools ## Write deploy/ anew from the code
	UPDATE_DEPLOY=1 cargo test --workspace --locked --lib deploy_is_fresh

.PHONY: clean
clean: down ## Stop the testbed and remove what was built; downloads stay
	cargo clean

# Cargo tells the crates of two clones apart neither by path nor by content but by time, so one clone could run what
# another one built last. Whoever comes to a target directory that another clone used rebuilds its own crates;
# their dependencies stay.
.PHONY: tools
tools:
	@command -v cargo >/dev/null || { echo "cargo is missing: install Rust from https://rustup.rs, then run this again"; exit 1; }
	@command -v cc >/dev/null || { echo "a C compiler is missing: apt-get install build-essential"; exit 1; }
	@mkdir -p $(CARGO_TARGET_DIR)
	@test "$$(cat $(CARGO_TARGET_DIR)/clone 2>/dev/null)" = "$(CURDIR)" || { \
		cargo clean --quiet --workspace && echo "$(CURDIR)" > $(CARGO_TARGET_DIR)/clone; }
