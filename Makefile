# Two commands do everything: make demo and make test. make help lists the rest.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# One way to compile for all but the race detector, so that nothing is compiled twice.
export CGO_ENABLED := 0
export GOFLAGS := $(GOFLAGS) -trimpath

BIN := bin/heliograph
DATA ?=
FASTTEXT ?=
ONLY ?=
QUICK ?=
FUZZTIME ?= 20s

.PHONY: help build demo test lint unit arm64 e2e bench accuracy fuzz setup web-setup clean

help: ## List the targets.
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## Build bin/heliograph.
	@mkdir -p bin
	go build -o $(BIN) ./cmd/heliograph

demo: build ## Build, start the server, train the starter models and keep running.
	exec $(BIN) demo

test: setup lint unit arm64 e2e ## Run every check; installs what it needs.

setup: web-setup test/js/node_modules/.package-lock.json
	@test/setup.sh
	@go mod download

web-setup: web/node_modules/.package-lock.json

web/node_modules/.package-lock.json: web/package-lock.json
	cd web && npm ci --no-audit --no-fund --loglevel=error
	@touch $@

test/js/node_modules/.package-lock.json: test/js/package-lock.json # the AWS SDK for JavaScript
	cd test/js && npm ci --no-audit --no-fund --loglevel=error
	@touch $@

lint: web-setup ## gofmt, vet, staticcheck, the architecture test, the page's lint.
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { echo "not gofmt-ed:"; gofmt -l $$(git ls-files '*.go'); exit 1; }
	go vet ./...
	go vet -tags e2e ./test/...
	go tool staticcheck ./...
	go tool staticcheck -tags e2e ./test/...
	go test ./internal/archtest
	cd web && npm run --silent lint
	bash -n test/setup.sh .ci/run examples/dbpedia/journey.sh

unit: ## Unit tests with the race detector, and without it those that measure memory, or take long under it.
	CGO_ENABLED=1 go test -race -vet=off -ldflags=-w -timeout 10m ./...
	go test -vet=off -ldflags=-w -run 'Alloc|MemoryDoesNotGrow|Recipe|Scripts' ./fasttext ./internal/serving ./internal/app ./cmd/heliograph

arm64: setup ## The NEON kernels, emulated.
	GOARCH=arm64 go vet ./fasttext/...
	GOARCH=arm64 go test -exec qemu-aarch64-static ./fasttext/internal/kernel

# Three at a time on any machine, as some tests mostly wait.
e2e: setup build ## The real binary, real clients, a real browser, the original fasttext.
	HELIOGRAPH_BIN=$(CURDIR)/$(BIN) go test -tags e2e -vet=off -ldflags=-w -count=1 -parallel 3 -timeout 12m ./test/...

bench: build ## Measure against the peers: [DATA=folder] [FASTTEXT=a native one] [ONLY=sections] [QUICK=1]
	go run ./bench -heliograph $(CURDIR)/$(BIN) $(if $(DATA),-data $(DATA)) $(if $(FASTTEXT),-native $(FASTTEXT)) $(if $(ONLY),-only $(ONLY)) $(if $(QUICK),-quick)

accuracy: build ## Print the starter set's 5-fold accuracy, with the demo's recipe.
	$(BIN) evaluate --starter

fuzz: ## Run every fuzz target for FUZZTIME.
	@for pkg in $$(go list ./...); do \
	  for target in $$(go test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
	    echo "$$pkg $$target"; go test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) $$pkg; \
	  done; \
	done

clean: ## Remove what was built, but no data.
	rm -rf bin test/out web/node_modules test/js/node_modules
