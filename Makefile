# Thin on purpose: each step is a script that may be run twice.
#   make run        build in release, run the daemon on the bundled traffic clip
#   make test       lints and every test that takes seconds
#   make test-slow  the rest (long runs, the whole offline chain)
#   make bench      benches, each printing both sides and the ratio
#   make deps       what the above install (Debian packages, Rust, ONNX Runtime); GPU=1 for the GPU build of ONNX Runtime
#   make model-demo DATA=<folder>   images → labels → training → a model, in under an hour; without DATA a smoke run
#   make models DATA=<folder>       the shipped models from labelled images: hours (scripts/models.sh says how)
#   make demo-clip  CLIP=<file>     remakes demo/traffic.mp4 from the original clip
export CARGO_TERM_COLOR ?= never

run: deps
	scripts/run.sh

test: test-deps
	scripts/test.sh

test-slow: test-deps
	scripts/test-slow.sh

bench: deps
	scripts/bench.sh

deps:
	scripts/deps.sh

test-deps: deps
	scripts/deps.sh test

model-demo: deps
	scripts/model-demo.sh

models: deps
	scripts/models.sh

demo-clip: deps
	scripts/demo-clip.sh

.PHONY: run test test-slow bench deps test-deps model-demo models demo-clip
