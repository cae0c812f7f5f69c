# Commands for people and for CI. Each sets up what it needs.

ENGINE ?= 26.1
# Labs need namespaces, mounts and raw package downloads: root, or sudo.
export CARGO_TERM_COLOR ?= auto

.PHONY: help
help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

.PHONY: setup
setup: ## install what the lab needs, into a cache folder of its own
	@tests/lab/install

.PHONY: try
try: setup ## run the main job in the lab and show its log (ENGINE=20.10|26.1|28.5|28.5-containerd)
	cargo build --locked --bin ecr-pipe
	tests/lab/try --engine $(ENGINE)

.PHONY: test
test: setup ## run every check and every test
	tests/check

.PHONY: bench
bench: setup ## measure against the docker CLI, skopeo and crane, side by side
	@tests/bench/install
	tests/bench/run

TARGET := x86_64-unknown-linux-musl

.PHONY: dist
dist: ## the static binary and the CA roots in dist/, as the Dockerfile takes them
	command -v musl-gcc >/dev/null || apt-get install --yes --quiet musl-tools
	rustup target add $(TARGET)
	CC_x86_64_unknown_linux_musl=musl-gcc cargo build --locked --release --target $(TARGET) --bin ecr-pipe
	install -D --mode 755 target/$(TARGET)/release/ecr-pipe dist/ecr-pipe
	install -D --mode 644 /etc/ssl/certs/ca-certificates.crt dist/etc/ssl/certs/ca-certificates.crt

.PHONY: fmt
fmt: ## format the code
	cargo fmt
