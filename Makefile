# Needs Python 3.11 or newer, make, git and, for `make test`, Debian's packages.
# Everything else comes hash-pinned into .venv; no target touches the system's Python.
#
#   make            what there is
#   make demo       two centers, one joint evaluation, on this machine
#   make test       the gate: exactly what .ci/run runs

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

VENV := .venv
BIN := $(VENV)/bin
SUDO := $(if $(filter 0,$(shell id -u)),,sudo)
APT_INSTALL := $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends
APT_DOWNLOAD := apt-get download -q -o APT::Sandbox::User=$(shell id -un)

# Wheels only: building a source package would fetch build tools that no lock holds.
PIP_INSTALL := $(BIN)/python -m pip install --disable-pip-version-check --no-input -qq --progress-bar off
LOCKED := --require-hashes --no-deps --only-binary :all:
COMPILE := $(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-header --annotation-style line --quiet $(if $(UPGRADE),--upgrade)

# What two nodes say to each other, and what is proven of it, must not depend on the suite. Which
# byte of a dossier was changed takes long, and its signatures are tried under both anyway; rooms,
# seats, times, to-dos, pages, and who waits for whom seal and prove nothing of their own.
OF_NO_SUITE := answers availability bookings bookings_under_terms bookings_with_a_liar calling_off cancelling \
	cancelling_sessions changes_with_a_liar changing consenting crossed_refusals decisions declining draw_news \
	erasing errands experts feeds holidays inviting joint_after_changes joint_tests own_venue projects readiness \
	reasons replanning session_failure session_replacing sessions_under_terms substituting terms_file todo_clock \
	todo_rules todos usage vacancy vacancy_always veil venues why why_actions agreement_page dossier_page
SPOKEN_ALIKE := tests/engine tests/node/services tests/evidence tests/threats \
	tests/lottery/test_audit.py tests/lottery/test_walk.py tests/lottery/test_pool.py tests/lottery/test_outside.py \
	--deselect tests/evidence/test_verify.py::test_any_changed_byte_of_a_whole_dossier_is_refuted \
	--deselect tests/evidence/test_naming.py::test_any_changed_byte_of_an_opening_is_refused \
	$(OF_NO_SUITE:%=--ignore=tests/node/services/test_%.py)

# Rows of tests run beside the others, so the gate uses both of its cores: once more under gm-1, and
# three that often wait, for nodes in processes of their own, for browsers, for disks. The simulated
# federations wait for nobody and take what the rest leaves. A shell lets what it runs beside itself
# ignore interrupts, and some of them interrupt what they started.
KILLED := tests/faults
PLAYED := tests/end_to_end
DOORS := tests/node/api tests/node/commands tests/browser tests/simulation tests/bench
PYTEST = -m pytest $(PYTEST_FLAGS) -q
BESIDE := env --default-signal=INT $(BIN)/python
# It warns that it does not look into the tests themselves, as it does not.
MEASURED = -W 'ignore:Unable to activate pytest branch' -m slipcover --branch \
	--source node,federation,adapters --json --out build/coverage-$(1).json $(PYTEST)

ifneq ($(CI),)
export NO_COLOR := 1
export PY_COLORS := 0
unexport FORCE_COLOR
unexport CLICOLOR_FORCE
PYTEST_FLAGS := --color=no
endif

define banner
@printf '\n==== %s ====\n' '$(1)'
endef

##@ Run

.PHONY: demo
demo: $(VENV)/.runtime $(VENV)/.editable ## Two centers evaluate one project together, on this machine
	$(BIN)/lianping demo $(ARGS)

# SEEDS=N how many runs, NODES=5 or NODES=3..7 centers, SEED=s that one again, MUTANTS=1 hunt for
# every mistake that must be found; ARGS for the rest, see `make simulate ARGS=--help`.
.PHONY: simulate
simulate: $(VENV)/.dev $(VENV)/.editable ## Federations under faults, on a virtual clock (SEEDS=2000 NODES=3..7 SEED=s)
	$(BIN)/python -m tests.simulation $(if $(SEEDS),--seeds $(SEEDS)) $(if $(NODES),--nodes $(NODES)) \
		$(if $(SEED),--seed $(SEED)) $(if $(MUTANTS),--mutants) $(ARGS)

.PHONY: bench
bench: $(VENV)/.dev $(VENV)/.editable ## The figures of the README, measured here (ARGS=...)
	$(BIN)/python -m tests.bench $(ARGS)

##@ Check

# One recipe, not prerequisites: the order is the message, and `make -j` must not mix it up.
.PHONY: test
test: $(VENV)/.dev $(VENV)/.editable $(VENV)/interop/.installed test-tools ## The gate: lint, repository checks, tests, coverage
	@mkdir -p build; rm -f build/coverage-*.json
	@nice $(BESIDE) -m tests.simulation --seeds 2000 > build/seeds.log 2>&1 & seeds=$$!; \
	$(BESIDE) $(PYTEST) $(KILLED) > build/killed.log 2>&1 & killed=$$!; \
	trap 'kill $$seeds $$killed 2>/dev/null || true' EXIT; \
	$(MAKE) --no-print-directory lint; \
	printf '\n==== %s ====\n' 'repository checks: wheel, generated code, layout, deployment'; \
	$(BIN)/python -m pytest $(PYTEST_FLAGS) -q tests/repo; \
	printf '\n==== %s ====\n' 'tests; beside them once more under gm-1, $(DOORS) $(KILLED) $(PLAYED), 2,000 simulated federations'; \
	HYPOTHESIS_PROFILE=again $(BESIDE) $(PYTEST) --suite gm-1 $(SPOKEN_ALIKE) > build/gm-1.log 2>&1 & again=$$!; \
	$(BESIDE) $(PYTEST) $(PLAYED) > build/played.log 2>&1 & played=$$!; \
	$(BESIDE) $(call MEASURED,doors) $(DOORS) > build/doors.log 2>&1 & doors=$$!; \
	trap 'kill $$seeds $$killed $$again $$played $$doors 2>/dev/null || true' EXIT; \
	$(BIN)/python $(call MEASURED,main) tests --ignore=tests/repo $(addprefix --ignore=,$(KILLED) $(PLAYED) $(DOORS)); \
	ended() { \
		printf '\n---- %s ----\n' "$$3"; \
		if wait "$$1"; then tail -n 1 "$$2"; else code=$$?; cat "$$2"; exit $$code; fi; \
	}; \
	ended $$again build/gm-1.log 'once more under gm-1'; \
	ended $$doors build/doors.log '$(DOORS)'; \
	ended $$killed build/killed.log '$(KILLED)'; \
	ended $$played build/played.log '$(PLAYED)'; \
	ended $$seeds build/seeds.log '2,000 simulated federations'
	$(call banner,coverage)
	$(BIN)/python -m tests.measured build/coverage-*.json
	@printf '\n==== all stages passed ====\n'

.PHONY: lint
lint: $(VENV)/.dev $(VENV)/.editable ## ruff, mypy, import contracts, buf, freshness of proto/gen
	$(call banner,ruff)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(call banner,mypy)
	$(BIN)/mypy $(if $(CI),--no-color-output)
	$(call banner,import contracts)
	$(BIN)/lint-imports
	$(call banner,protocol)
	$(BIN)/buf lint proto
	$(BIN)/buf format proto --diff --exit-code
	$(BIN)/python proto/generate.py --check
	@$(MAKE) --no-print-directory proto-breaking

# A clone without tags has the last release's image instead; tests/repo insists on one
# of the two as soon as CHANGELOG.md names a release.
.PHONY: proto-breaking
proto-breaking: $(VENV)/.dev
	@tag="$$(git describe --tags --abbrev=0 --match 'v[0-9]*' 2>/dev/null || true)"; \
	if [[ -n "$$tag" ]]; then against=".git#tag=$$tag,subdir=proto"; \
	elif [[ -f proto/released.binpb ]]; then against=proto/released.binpb; \
	else echo "buf breaking: no release yet, so there is nothing to break"; exit 0; fi; \
	echo "buf breaking --against $$against"; \
	$(BIN)/buf breaking proto --against "$$against"

##@ Make

# One file that checks a dossier in a browser, without a network. npm's packages are fetched by
# name, held to the digests in browser/packages.json and kept in build/npm.
.PHONY: verifier-page
verifier-page: $(VENV)/.runtime $(VENV)/.editable page-tools ## build/lianping-verifier.html: the verifier as one page (ARGS=...)
	$(BIN)/python -m browser.build $(ARGS)

.PHONY: proto
proto: $(VENV)/.dev ## Format proto/lianping and generate proto/gen from it
	$(BIN)/buf format proto --write
	$(BIN)/python proto/generate.py

.PHONY: proto-release
proto-release: $(VENV)/.dev ## Write proto/released.binpb: what peers of this release speak
	$(BIN)/buf build proto --output proto/released.binpb

.PHONY: lock
lock: $(VENV)/.dev ## Resolve pyproject.toml into the locks (UPGRADE=1 takes newer versions)
	$(COMPILE) pyproject.toml --group build --output-file requirements.lock >/dev/null
	$(COMPILE) pyproject.toml --extra pkcs11 --group build --constraint requirements.lock \
		--output-file requirements-pkcs11.lock >/dev/null
	$(COMPILE) pyproject.toml --extra pkcs11 --group build --group lock --group proto --group test \
		--group lint --constraint requirements-pkcs11.lock --output-file requirements-dev.lock >/dev/null

.PHONY: clean
clean: ## Remove caches, build results and the demo's data; keep .venv
	rm -rf build dist demo-data .hypothesis .import_linter_cache \
		.mypy_cache .pytest_cache .ruff_cache
	find . -path ./$(VENV) -prune -o -type d -name __pycache__ -exec rm -rf {} +

.PHONY: distclean
distclean: clean ## Remove .venv too
	rm -rf $(VENV)

.PHONY: help
help: ## This list
	@awk 'BEGIN { FS = ":.*## " } \
		/^##@/ { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile
	@echo

# ---- the environment: each stamp is newer than the file that it was made from ----

comma := ,

$(BIN)/python:
	@py=; \
	for name in python3.13 python3.12 python3.11 python3; do \
		if "$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
			py="$$(command -v "$$name")"; break; \
		fi; \
	done; \
	if [[ -z "$$py" ]]; then \
		echo "Lianping needs Python 3.11 or newer, and none of python3.13, python3.12," >&2; \
		echo "python3.11, python3 on the PATH is. On Debian 12 or newer: apt-get install python3" >&2; \
		exit 1; \
	fi; \
	if ! "$$py" -c 'import ensurepip, venv' 2>/dev/null; then \
		package="$$("$$py" -c 'import sys; print("python3.%d-venv" % sys.version_info[1])')"; \
		echo "$$py cannot make virtual environments; installing $$package"; \
		$(SUDO) apt-get update -q && $(APT_INSTALL) "$$package" || { \
			echo "Could not install $$package. Install it by hand, then run make again." >&2; exit 1; }; \
	fi; \
	echo "making $(VENV) with $$py"; \
	"$$py" -m venv --clear $(VENV)

$(VENV)/.runtime: requirements.lock | $(BIN)/python
	@echo "installing $<"
	@$(PIP_INSTALL) $(LOCKED) -r $<
	@touch $@

$(VENV)/.dev: requirements-dev.lock | $(BIN)/python
	@echo "installing $<"
	@$(PIP_INSTALL) $(LOCKED) -r $<
	@touch $@

# An implementation of C2SP's formats that we did not write, for tests/interop alone: in a folder
# of its own, because its packages claim to need Python 3.12 (they run on 3.11) and none of ours
# may lean on them. They need cryptography, which our own lock has.
INTEROP := $(VENV)/interop
$(INTEROP)/.installed: requirements-interop.lock $(VENV)/.dev
	@echo "installing $<"
	@rm -rf $(INTEROP)
	@$(PIP_INSTALL) $(LOCKED) --ignore-requires-python --target $(INTEROP) -r $<
	@touch $@

.PHONY: interop
interop: $(INTEROP)/.installed $(VENV)/.editable ## Our logs before an implementation that is not ours
	$(BIN)/python -m pytest $(PYTEST_FLAGS) -q tests/interop

# Order-only: needs hatchling from either lock, whichever was asked for first.
$(VENV)/.editable: pyproject.toml | $(BIN)/python
	@$(BIN)/python -c 'import hatchling' 2>/dev/null || $(MAKE) --no-print-directory $(VENV)/.runtime
	@$(PIP_INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

# promtool and SoftHSM2 are taken out of Debian's packages without installing them: the one
# would start a Prometheus on the developer's machine, the other would set up a token store.
SOFTHSM := $(VENV)/softhsm
.PHONY: page-tools
page-tools:
	@if ! command -v npm >/dev/null; then \
		echo "installing nodejs and npm, for the page's packages"; \
		$(SUDO) apt-get update -q; $(APT_INSTALL) nodejs npm || { \
			echo "Could not install npm, which fetches what the verifier's page is made of. Install" >&2; \
			echo "nodejs and npm by hand, then run make again." >&2; exit 1; }; \
	fi

.PHONY: test-tools
test-tools: page-tools | $(BIN)/python
	@if ! command -v chromium >/dev/null; then \
		echo "installing Chromium, for the tests of the verifier's page"; \
		$(SUDO) apt-get update -q; $(APT_INSTALL) chromium fonts-noto-cjk || { \
			echo "Could not install Chromium, which tests/browser drives. Install Debian's packages" >&2; \
			echo "chromium and fonts-noto-cjk by hand, then run make again." >&2; exit 1; }; \
	fi
	@if ! command -v systemd-analyze >/dev/null; then \
		echo "installing systemd, for systemd-analyze"; \
		$(SUDO) apt-get update -q; $(APT_INSTALL) systemd; \
	fi
	@if ! command -v promtool >/dev/null && [[ ! -x $(BIN)/promtool ]]; then \
		echo "fetching promtool"; \
		scratch="$$(mktemp -d)"; trap 'rm -rf "$$scratch"' EXIT; chmod 755 "$$scratch"; \
		(cd "$$scratch" && { $(APT_DOWNLOAD) prometheus || \
			{ $(SUDO) apt-get update -q && $(APT_DOWNLOAD) prometheus; }; }); \
		dpkg-deb --fsys-tarfile "$$scratch"/prometheus_*.deb | tar -xO ./usr/bin/promtool > "$$scratch/promtool"; \
		install -m 755 "$$scratch/promtool" $(BIN)/promtool; \
	fi
	@if [[ ! -e $(SOFTHSM)/libsofthsm2.so || ! -x $(SOFTHSM)/softhsm2-util ]]; then \
		echo "fetching SoftHSM2"; \
		scratch="$$(mktemp -d)"; trap 'rm -rf "$$scratch"' EXIT; chmod 755 "$$scratch"; \
		(cd "$$scratch" && { $(APT_DOWNLOAD) libsofthsm2 softhsm2 || \
			{ $(SUDO) apt-get update -q && $(APT_DOWNLOAD) libsofthsm2 softhsm2; }; }); \
		for package in "$$scratch"/*.deb; do dpkg-deb -x "$$package" "$$scratch/tree"; done; \
		mkdir -p $(SOFTHSM); \
		install -m 644 "$$scratch"/tree/usr/lib/*/softhsm/libsofthsm2.so $(SOFTHSM)/libsofthsm2.so; \
		install -m 755 "$$scratch"/tree/usr/bin/softhsm2-util $(SOFTHSM)/softhsm2-util; \
	fi
	@if ldd $(SOFTHSM)/libsofthsm2.so $(SOFTHSM)/softhsm2-util | grep 'not found'; then \
		echo "installing what SoftHSM2 needs"; \
		$(SUDO) apt-get update -q; $(APT_INSTALL) libssl3 libsqlite3-0 libstdc++6; \
	fi
