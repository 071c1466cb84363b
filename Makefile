# What people and CI run. `make demo` and `make test` need nothing but cargo: they install the rest.
# Everything uses the release profile, so that GDAL is compiled once (about 10 minutes on two cores, the first time).

.PHONY: demo test lint page-test lambda bench bench-peers bench-zonal fmt setup

# The demo layers on a map at http://127.0.0.1:8080
demo: setup
	cargo run --release -- serve

# All tests: of the modules, and of the real binary, also on an emulated Lambda
test: setup
	sh scripts/emulator.sh
	cargo test --release

# Formatting and lints
lint: setup
	cargo fmt --check
	cargo clippy --release --all-targets -- -D warnings

# The map page in a headless browser (needs node and chromium)
page-test: setup
	cargo build --release
	sh tests/web/run.sh

# The zips for AWS Lambda, into dist/ (docs/DEPLOY.md): of x86_64 and of arm64, where Rust's targets are installed; needs python3
lambda:
	bash scripts/lambda/build.sh $(ARCH)

# The stages of a tile, one by one (docs/PERFORMANCE.md)
bench: setup
	cargo bench

# Beside TiTiler and MapServer on the same tiles, some 20 minutes (PEERS=--quick: 12); needs python3, and wrk or apt as root
bench-peers: setup
	cargo build --release
	sh scripts/bench-peers/run.sh $(PEERS)

# Analyses beside rasterstats and exactextract, over a hundred million cells, some 2 minutes; needs python3
bench-zonal: setup
	cargo build --release
	sh scripts/bench-zonal/run.sh $(ZONAL)

fmt:
	cargo fmt

setup:
	@sh scripts/setup.sh
