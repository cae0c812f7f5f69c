# Commands for people and for CI. Each sets up what it needs.

ENGINE ?= 26.1
# Labs need namespaces, mounts and raw package downloads: root, or sudo.
export CARGO_TERM_COLOR ?= auto

.PHONY: help
help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

.PHONY: setup
setup: ## install the compilers, and what the lab needs into a cache folder of its own
	@release/toolchain amd64
	@tests/lab/install

.PHONY: try
try: setup ## run a step with the pipe in its container, in the lab (ENGINE=20.10|26.1|28.5|28.5-containerd)
	cargo build --locked --bin ecr-pipe
	tests/lab/try --engine $(ENGINE)

.PHONY: test
test: setup ## run every check and every test
	tests/check

.PHONY: bench
bench: setup ## measure against the docker CLI, skopeo and crane, side by side
	@tests/bench/install
	tests/bench/run

.PHONY: image
image: setup ## build the image for both platforms by the pipe itself: dist/ecr-pipe.oci.tar
	release/image

.PHONY: release
release: ## all that a release has, in dist/ (VERSION=1.2.3)
	release/check "$(VERSION)"
	$(MAKE) image
	release/reproduce image
	release/sbom
	cd dist && sha256sum ecr-pipe.oci.tar ecr-pipe.cdx.json >SHA256SUMS && cat SHA256SUMS

.PHONY: fmt
fmt: ## format the code
	cargo fmt
