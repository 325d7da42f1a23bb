# `make run` and `make test` install what is missing on Debian and Ubuntu; everything else is Cargo's.
SHELL := /bin/bash
TARGET := $(or $(CARGO_TARGET_DIR),target)
export CARGO_NET_RETRY ?= 10
# Tests mostly wait: for servers to start, for retries, for leases to end.
TEST_THREADS ?= $(shell echo $$(($$(nproc) * 3)))

.PHONY: help run build test fmt lint deny docs reference openapi fuzz bench screenshots

help: ## List these targets
	@sed -n 's/^\([a-z]*\):[^#]*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 18

# The first run leaves out the Kafka client and optimisation, to build faster: see [profile.quick] in Cargo.toml.
WITH_KAFKA := $(or $(KAFKA),$(filter kafka,$(GATEWAY_BUS__KIND)))

run: ## Build and run on its own PostgreSQL in .gateway/; KAFKA=1 builds with Kafka
	@scripts/need compiler $(if $(WITH_KAFKA),kafka-client)
	@if [ -z "$$DATABASE_URL$$GATEWAY_DATABASE__URL" ]; then scripts/need postgresql; fi
	@$(if $(WITH_KAFKA),,echo "Building for a quick start: without Apache Kafka, and unoptimised. 'make build' builds the full release.")
	cargo build --locked --profile quick --package gateway $(if $(WITH_KAFKA),,--no-default-features)
	@exec $(TARGET)/quick/gateway dev

build: ## Build the release binary, target/release/gateway
	@scripts/need compiler kafka-client
	cargo build --locked --release --package gateway

test: ## Install what the tests need, and run them all
	@scripts/need compiler kafka-client postgresql pgbouncer kill haproxy
	RUST_TEST_THREADS=$(TEST_THREADS) cargo test --locked
	@scripts/kafka-suite
	@scripts/browser-suite

fmt: ## Format the code
	cargo fmt --all

lint: ## Check formatting, then Clippy with every warning an error
	@scripts/need compiler kafka-client
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	cargo clippy --locked --package gateway --no-default-features -- -D warnings

deny: ## Check the dependencies: bans, licences, sources, advisories
	@scripts/deny

docs: ## Build the code's documentation, every warning an error
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps

reference: ## Write docs/errors.md and docs/metrics.md from the code's tables
	@scripts/reference

openapi: ## Write openapi.json from the table of routes
	cargo build --locked
	$(TARGET)/debug/gateway openapi > openapi.json

fuzz: ## Fuzz the parsers; ARGS="--seconds 300 rows"
	@scripts/fuzz $(ARGS)

screenshots: ## Write every page of the console, light and dark, wide and narrow, into target/screenshots
	@scripts/need compiler kafka-client postgresql
	cargo build --locked --package gateway
	@scripts/browser-suite --screenshots

bench: ## Measure against the calibrators; ARGS="--rounds 3 --only accept"
	@scripts/need compiler kafka-client postgresql
	cargo build --locked --release --package gateway --package bench
	$(TARGET)/release/bench run --gateway $(TARGET)/release/gateway $(ARGS)
