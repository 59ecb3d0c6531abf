# Thin: each target calls a script, and works on a fresh Debian 12 machine.
.PHONY: run build test bench lint clean
run:   ; @scripts/run.sh
build: ; @scripts/build.sh release
test:  ; @scripts/test.sh
bench: ; @scripts/bench.sh
lint:  ; @scripts/lint.sh
clean: ; rm -rf build tests/clients/node_modules
