# The project's commands. `make demo` and `make test` do everything that they need, from a bare machine on.
PYTHON := .venv/bin/python
export CMAKE_BUILD_PARALLEL_LEVEL ?= $(shell nproc)

.PHONY: help setup build demo test lint format fuzz tsan check-torch clean

help:
	@echo "make demo    set up, build, make objects of the example pictures in a headless Blender -> demo/"
	@echo "make test    set up, build, run all tests"
	@echo "make build   set up and build only -> build/relievo, build/relievo-extension.zip"
	@echo "make lint    clang-tidy over everything (slow)"
	@echo "make format  format all sources"
	@echo "make fuzz    long fuzzing of the readers under AddressSanitizer"
	@echo "make check-torch  checkpoints that PyTorch itself writes (needs benchmarks/setup)"
	@echo "make tsan    the executor with stand-in stages under ThreadSanitizer"
	@echo "make clean   remove build/ and demo/"

setup:
	@packaging/setup

build: setup
	@test -f build/build.ninja || cmake -S . -B build -G Ninja
	@cmake --build build

demo: build
	@$(PYTHON) packaging/demo.py

test: build
	@$(PYTHON) tests/run.py

# A tree of its own without precompiled headers: clang cannot read GCC's.
lint: setup
	@cmake -S . -B build-lint -G Ninja -DCMAKE_DISABLE_PRECOMPILE_HEADERS=ON >/dev/null
	@run-clang-tidy -quiet -p build-lint -extra-arg=-Wno-unknown-warning-option '$(CURDIR)/(native|bindings|tests)/.*\.cpp$$'

format: setup
	@clang-format -i $$(git ls-files '*.cpp' '*.h' '*.cu' '*.cuh')
	@.venv/bin/ruff format -q . && .venv/bin/ruff check -q --fix .

fuzz: setup
	@cmake -S . -B build-fuzz -G Ninja -DRELIEVO_SANITIZE=ON >/dev/null
	@cmake --build build-fuzz --target test_weights test_files
	@RELIEVO_FUZZ_ROUNDS=200000 build-fuzz/test_weights --gtest_filter='*Fuzz*'
	@RELIEVO_FUZZ_ROUNDS=200000 build-fuzz/test_files --gtest_filter='*Fuzz*'

# Not part of the tests: PyTorch's Python is in the benchmarks' environment only.
check-torch: build
	@.venv-bench/bin/python tests/check_with_torch.py

tsan: setup
	@cmake -S . -B build-tsan -G Ninja -DRELIEVO_SANITIZE=thread >/dev/null
	@cmake --build build-tsan --target test_runtime
	@build-tsan/test_runtime --gtest_filter='Executor*:Ladder*:Slot*'

clean:
	@rm -rf build build-fuzz build-tsan build-lint demo
