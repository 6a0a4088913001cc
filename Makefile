# The project's commands. `make demo` and `make test` do everything that they need, from a bare machine on.
PYTHON := .venv/bin/python
export CMAKE_BUILD_PARALLEL_LEVEL ?= $(shell nproc)

.PHONY: help setup build demo train test test-downloads zip zip-offline wheel test-gui test-blenders test-cuda-loading gpu-kit lint format debug odr fuzz tsan test-faults same check-torch test-large test-kill test-cluster soak clean

help:
	@echo "make demo    set up, build, make objects of the example pictures in a headless Blender -> demo/"
	@echo "make test    set up, build, run all tests"
	@echo "make build   set up and build only -> build/relievo, build/relievo-extension.zip"
	@echo "make train   set up, build the trainer alone -> build/relievo-train (docs/training.md)"
	@echo "make zip     the extension for CPython 3.11 and 3.13, to be published -> dist/"
	@echo "make zip-offline  the same with LibTorch in it, for a studio's own use (RUNTIME=cuda: with CUDA) -> dist/"
	@echo "make wheel   the Python package relievo for CPython 3.11, tried in a fresh environment -> dist/"
	@echo "make test-gui  the extension in a real Blender window: Debian 13 in build-trixie/ under Xvfb (root, 1.5 GB)"
	@echo "make test-blenders  the extension in Blender 4.2, 5.0 and the newest, of PyPI (2 GB in build-blenders/; needs CPython 3.13)"
	@echo "make test-cuda-loading  the CUDA runtime that the set-up installs, in an empty chroot (root, 2.5 GB, 8 GB of disk in build-cuda/)"
	@echo "make gpu-kit  a folder of 25 MB that checks and measures a machine with a card -> dist/, tried in an empty chroot (root)"
	@echo "make lint    clang-tidy over everything (slow)"
	@echo "make format  format all sources"
	@echo "make debug   build without optimisation in build-debug/ and run all tests there"
	@echo "make odr     link the program in a way that shows one name defined in two ways"
	@echo "make test-downloads  fetching from a server that lies in some seventy ways, by the program and by the extension"
	@echo "make fuzz    long fuzzing of the readers under AddressSanitizer"
	@echo "make check-torch  checkpoints that PyTorch itself writes (needs benchmarks/setup)"
	@echo "make tsan    the executor with stand-in stages under ThreadSanitizer"
	@echo "make test-kill  a batch that is killed at random moments, sixty times"
	@echo "make test-cluster  batches on a Ray cluster of several node processes, which come and die (250 MB in .venv-cluster/)"
	@echo "make test-large  five million faces through every stage and file format (some minutes)"
	@echo "make test-faults  the tiny pipeline with every allocation failing in turn (hours; goes on where it was stopped; EVERY=20 tries every 20th)"
	@echo "make same BASE=COMMIT  whether the meshes are still those of a commit, to the bit"
	@echo "make soak    a hundred generations in one Blender: memory flat, no thread left"
	@echo "make clean   remove build/ and demo/"

setup:
	@packaging/setup

build: setup
	@test -f build/build.ninja || cmake -S . -B build -G Ninja
	@cmake --build build

demo: build
	@$(PYTHON) packaging/demo.py

train: setup
	@test -f build/build.ninja || cmake -S . -B build -G Ninja
	@cmake --build build --target relievo-train

test: build zip
	@$(PYTHON) tests/run.py

modules: build
	@packaging/python-headers
	@cmake -S . -B build -G Ninja >build/configure.log
	@cmake --build build --target python_modules python_package

zip: modules
	@$(PYTHON) packaging/release.py

zip-offline: modules
	@$(PYTHON) packaging/release.py --offline $(or $(RUNTIME),cpu)

# Built where everything already is; `pip wheel .` alone compiles it all once more.
wheel: build
	@$(PYTHON) -m pip wheel -q --no-deps --no-build-isolation --config-settings build-dir=build -w dist .
	@$(PYTHON) -m pytest -q tests/wheel

test-gui: zip
	@packaging/trixie
	@$(PYTHON) -m pytest -q -s tests/gui

test-blenders: zip
	@packaging/blenders
	@$(PYTHON) tests/blenders.py

test-cuda-loading: build
	@cmake --build build --target cuda_hooks
	@$(PYTHON) -m pytest -q tests/cuda_loading

gpu-kit: build
	@cmake --build build --target relievo_of_kit
	@$(PYTHON) packaging/gpu_kit.py
	@$(PYTHON) -m pytest -q tests/gpu_kit

# A tree of its own without precompiled headers: clang cannot read GCC's.
lint: setup
	@cmake -S . -B build-lint -G Ninja -DCMAKE_DISABLE_PRECOMPILE_HEADERS=ON >/dev/null
	@run-clang-tidy -quiet -p build-lint -extra-arg=-Wno-unknown-warning-option '$(CURDIR)/(native|bindings|tests)/.*\.cpp$$'

format: setup
	@clang-format -i $$(git ls-files '*.cpp' '*.h' '*.cu' '*.cuh')
	@.venv/bin/ruff format -q . && .venv/bin/ruff check -q --fix .
	@.venv/bin/mdformat $$(git ls-files '*.md' ':!tests/data/golden')

# What an optimised build hides: functions that are never inlined, values that are kept in registers.
debug: setup
	@cmake -S . -B build-debug -G Ninja -DCMAKE_BUILD_TYPE=Debug >/dev/null
	@cmake --build build-debug
	@RELIEVO_BUILD=$(CURDIR)/build-debug $(PYTHON) tests/run.py

# GCC compares what each file says of a function only where the linker optimises and the function is not inlined.
odr: setup
	@cmake -S . -B build-odr -G Ninja -DCMAKE_BUILD_TYPE=None -DMOLD= -DCMAKE_AR=/usr/bin/gcc-ar \
	  -DCMAKE_CXX_FLAGS="-O1 -fno-inline -flto=auto -Werror=odr -Werror=lto-type-mismatch" >/dev/null
	@cmake --build build-odr --target relievo

fuzz: build
	@cmake -S . -B build-fuzz -G Ninja -DRELIEVO_SANITIZE=ON >/dev/null
	@cmake --build build-fuzz --target test_weights test_files
	@RELIEVO_FUZZ_ROUNDS=200000 build-fuzz/test_weights --gtest_filter='*Fuzz*'
	@RELIEVO_FUZZ_ROUNDS=200000 build-fuzz/test_files --gtest_filter='*Fuzz*'
	@RELIEVO_NESTED_ROUNDS=200 .venv/bin/pytest -q tests/app/test_nested_documents.py

test-downloads: build
	@RELIEVO_ALL_LIES=1 .venv/bin/pytest -q tests/app/test_lying_servers.py tests/addon/test_downloads.py

# Not part of the tests: PyTorch's Python is in the benchmarks' environment only.
check-torch: build
	@.venv-bench/bin/python tests/check_with_torch.py

# A batch that is killed at random moments, sixty times.
test-kill: build
	@RELIEVO_KILL_ROUNDS=60 .venv/bin/pytest -q tests/app/test_batch_kills.py

test-cluster: build
	@packaging/cluster
	@PYTHONPATH=$(CURDIR)/build/python .venv-cluster/bin/python -m pytest -q -W ignore tests/cluster

test-large: build
	@RELIEVO_LARGE_MESH=1 build/test_files --gtest_filter='*LargeMesh*'
	@RELIEVO_LARGE_MESH=1 build/test_verify --gtest_filter='*LargeSurface*'

tsan: setup
	@cmake -S . -B build-tsan -G Ninja -DRELIEVO_SANITIZE=thread >/dev/null
	@cmake --build build-tsan --target test_runtime
	@build-tsan/test_runtime --gtest_filter='Executor*:Fallback*:Worker*'

# Every allocation of torch's and every path of ours that allocates fails once, every tick is cancelled at, and the same on a GPU that is
# not there: hours. Stopped, it goes on where it was, while the program is the same.
test-faults: EVERY ?= 1
test-faults: build
	@RELIEVO_EVERY_ALLOCATION=$(EVERY) RELIEVO_LONG_RUNS=build/long-runs build/test_engine --gtest_filter='*Faults*:Cancel*:LostWorkers*'
	@RELIEVO_EVERY_ALLOCATION=$(EVERY) RELIEVO_LONG_RUNS=build/long-runs build/test_fake_cuda --gtest_filter='*MemoryMayRunOut*:Losses.*'

same: setup
	@$(PYTHON) tests/same.py "$(BASE)"

soak: build
	@.venv/bin/pytest -q -s tests/addon/soak.py

clean:
	@rm -rf build dist build-debug build-odr build-fuzz build-tsan build-lint demo
