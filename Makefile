# Hearth's build. `make help` lists the targets. Everything is built below $(BUILD); sanitizer builds have folders of their own.

BUILD    ?= build
CC       ?= gcc
PREFIX   ?= /usr/local
DESTDIR  ?=
SANITIZE ?=
VERSION  := $(shell sed -n 's/^#define HEARTH_VERSION "\(.*\)"/\1/p' src/hearth.h)

WARN     := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wconversion
OPT      ?= -O2 -g
PKGS     := lua5.4 libuv sqlite3 libcurl libwebsockets
CPPFLAGS += -D_GNU_SOURCE -Isrc $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
CFLAGS   += -std=c11 $(OPT) $(WARN) $(WERROR) -fPIC -fvisibility=hidden -MMD -MP $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-omit-frame-pointer -DHEARTH_SANITIZED)
LDFLAGS  += $(if $(SANITIZE),-fsanitize=$(SANITIZE))
LIBS_NOLUA = -luv -lsqlite3 -llua5.4-cjson -lpthread -ldl -lm
LIBS       = $(LIBS_NOLUA) -llua5.4
# The program has Lua in itself, all of it, for modules in C: a call of it is a tenth faster than through a shared library. So has Debian's lua5.4.
LUA_WITHIN = -Wl,--whole-archive -l:liblua5.4.a -Wl,--no-whole-archive

# Feature modules: libraries of their own, loaded at first use (src/api.h). NAME is build/hearth-NAME.so.
FEATURES := net term web image
net_SRC  := src/bind/net.c src/net/http.c src/net/http_request.c src/net/http_answer.c src/net/jars.c src/net/source.c src/net/address.c
net_LIBS := -lcurl -luv
web_SRC  := src/bind/web.c src/net/web_server.c src/net/web_listen.c src/net/web_http.c src/net/web_page.c src/net/web_identity.c src/net/web_pipe.c
web_LIBS := -lwebsockets -lssl -lcrypto -luv
term_SRC  := src/bind/term.c src/term/cells.c src/term/tty.c
term_LIBS := -lncursesw -ltinfo -luv
image_SRC  := src/bind/image.c src/term/picture.c
image_LIBS := -lpng16 -lturbojpeg

LIB_SRC  := $(filter-out $(foreach f,$(FEATURES),$($(f)_SRC)),$(sort $(wildcard src/*.c src/json/*.c src/store/*.c src/bind/*.c)))
HOST_SRC := $(sort $(wildcard host/*.c))
LUA_SRC  := $(sort $(shell find lua \( -name '*.lua' -o -name '*.js' -o -name '*.css' \) -not -path '*/types/*')) # types/ is for editors
HOST_LUA := $(sort $(wildcard host/*.lua))
TEST_SRC := $(sort $(wildcard spec/c/test_*.c))

BENCHES  := $(patsubst bench/%.c,$(BUILD)/bench/%,$(sort $(wildcard bench/*.c)))

LIB_OBJ  := $(LIB_SRC:%.c=$(BUILD)/obj/%.o) $(BUILD)/obj/modules.o
HOST_OBJ := $(HOST_SRC:%.c=$(BUILD)/obj/%.o) $(BUILD)/obj/host_modules.o
TESTS    := $(TEST_SRC:spec/c/%.c=$(BUILD)/test/%)

.PHONY: test-gc all help deps deps-build deps-test deps-lint run test check lint asan tsan fmt install clean bench crash
.DELETE_ON_ERROR:

all: deps-build ## build/hearth, libhearth.so, libhearth.a, hearth.so and hearth.pc
	@$(MAKE) --no-print-directory build

help:
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' Makefile | expand -t 16

.PHONY: build
build: $(BUILD)/hearth $(FEATURES:%=$(BUILD)/hearth-%.so) $(BUILD)/libhearth.so $(BUILD)/libhearth.a $(BUILD)/hearth.so $(BUILD)/hearth.pc

deps: ## install what is missing to build, test and lint (one apt line)
	@sh tools/deps.sh build test lint
deps-build:
	@sh tools/deps.sh build
deps-test:
	@sh tools/deps.sh build test
deps-lint:
	@sh tools/deps.sh build lint

# ---- compile

$(BUILD)/obj/%.o: %.c | deps-build-once
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -c $< -o $@

# The codec is made of calls into Lua, a dozen for each member: a tenth of its time would be the jumps by way of the linkage table.
$(BUILD)/obj/src/json/%.o: CFLAGS += -fno-plt

# A first `make -j build/hearth` on a bare machine still gets its packages before the first compile.
.PHONY: deps-build-once
deps-build-once:
	@command -v pkg-config >/dev/null 2>&1 && pkg-config --exists $(PKGS) 2>/dev/null || sh tools/deps.sh build

$(BUILD)/embed: tools/embed.c | deps-build-once
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) -std=c11 -O1 $(WARN) $< -o $@ -llua5.4

$(BUILD)/obj/modules.c: $(BUILD)/embed $(LUA_SRC)
	@mkdir -p $(@D)
	$(BUILD)/embed hearth__modules lua $(LUA_SRC) > $@
$(BUILD)/obj/host_modules.c: $(BUILD)/embed $(HOST_LUA)
	@mkdir -p $(@D)
	$(BUILD)/embed hearth__host_modules . $(HOST_LUA) > $@
$(BUILD)/obj/modules.o $(BUILD)/obj/host_modules.o: %.o: %.c
	$(CC) $(CPPFLAGS) $(CFLAGS) -c $< -o $@

$(BUILD)/libhearth.a: $(LIB_OBJ)
	@rm -f $@
	ar rcs $@ $^
$(BUILD)/libhearth.so: $(LIB_OBJ)
	$(CC) $(LDFLAGS) -shared -Wl,-soname,libhearth.so -o $@ $^ $(LIBS)
$(BUILD)/hearth.so: $(LIB_OBJ)
	$(CC) $(LDFLAGS) -shared -Wl,-z,nodelete -o $@ $^ $(LIBS_NOLUA)
$(BUILD)/hearth: $(HOST_OBJ) $(BUILD)/libhearth.a | $(FEATURES:%=$(BUILD)/hearth-%.so)
	$(CC) $(LDFLAGS) -Wl,-E -o $@ $(HOST_OBJ) $(BUILD)/libhearth.a $(LIBS_NOLUA) $(LUA_WITHIN) $(HOST_LIBS)
define FEATURE_RULE
$(BUILD)/hearth-$(1).so: $($(1)_SRC:%.c=$(BUILD)/obj/%.o)
	$$(CC) $$(LDFLAGS) -shared -o $$@ $$^ $($(1)_LIBS)
endef
$(foreach f,$(FEATURES),$(eval $(call FEATURE_RULE,$(f))))
$(BUILD)/obj/src/bind/feature.o: CPPFLAGS += -DHEARTH__LIBDIR='"$(PREFIX)/lib/hearth"'
$(BUILD)/hearth.pc: tools/hearth.pc.in src/hearth.h
	@mkdir -p $(@D)
	sed -e 's|@INCLUDE@|$(CURDIR)/src|' -e 's|@LIB@|$(abspath $(BUILD))|' -e 's|@VERSION@|$(VERSION)|' $< > $@

$(BUILD)/posts-server: examples/posts_server.c | deps-build-once
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $< -luv

$(BUILD)/pty: spec/support/pty.c | deps-build-once
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $< -lutil

$(BUILD)/test/%: spec/c/%.c $(BUILD)/libhearth.a | deps-build-once
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -Ispec/c $(LDFLAGS) -o $@ $< $(filter %.o,$^) $(BUILD)/libhearth.a $(LIBS)
$(BUILD)/test/test_cells: $(BUILD)/obj/src/term/cells.o
$(BUILD)/test/test_picture: $(BUILD)/obj/src/term/picture.o
$(BUILD)/test/test_signals: $(filter-out %/main.o,$(HOST_OBJ))
$(BUILD)/test/test_signals: LIBS += $(HOST_LIBS)
$(BUILD)/test/test_picture: LIBS += $(image_LIBS)

# There the file system is what the test says, and as full.
$(BUILD)/test/test_store_places: LDFLAGS += -Wl,--wrap=statfs,--wrap=posix_fallocate
# There the n-th allocation fails: Lua's, and our own, those of feature modules too, which are linked for it and lie beside it.
WRAP := -Wl,--wrap=malloc,--wrap=mmap,--wrap=calloc,--wrap=realloc,--wrap=strdup
$(BUILD)/test/test_out_of_memory: LDFLAGS += $(WRAP),--wrap=lua_newstate,--wrap=luaL_newstate,--wrap=lua_setallocf -rdynamic
$(BUILD)/test/test_out_of_memory: | $(FEATURES:%=$(BUILD)/test/hearth-%.so)
define WRAPPED_FEATURE_RULE
$(BUILD)/test/hearth-$(1).so: $($(1)_SRC:%.c=$(BUILD)/obj/%.o)
	@mkdir -p $$(@D)
	$$(CC) $$(LDFLAGS) $(WRAP) -shared -o $$@ $$^ $($(1)_LIBS)
endef
$(foreach f,$(FEATURES),$(eval $(call WRAPPED_FEATURE_RULE,$(f))))

# The C examples as a user would build them, and the header as C++ reads it.
.PHONY: embedded
embedded: $(BUILD)/examples/embed $(BUILD)/examples/own_loop $(BUILD)/examples/header.o
$(BUILD)/examples/%: examples/%/main.c $(BUILD)/libhearth.a $(BUILD)/hearth.pc | deps-build-once
	@mkdir -p $(@D)
	$(CC) -std=c11 -D_GNU_SOURCE $(OPT) $(WARN) $(WERROR) $(if $(SANITIZE),-fsanitize=$(SANITIZE)) $$(PKG_CONFIG_PATH=$(BUILD) pkg-config --cflags hearth) -o $@ $< $(BUILD)/libhearth.a $(LIBS)
$(BUILD)/examples/header.o: src/hearth.h | deps-build-once
	@mkdir -p $(@D)
	echo '#include "hearth.h"' | $(CXX) -std=c++17 -Wall -Wextra -Werror -Isrc $$(pkg-config --cflags $(PKGS)) -x c++ -c - -o $@

# ---- use

run: all ## the gallery on a terminal; elsewhere the theme that survives kill -9
	@sh tools/run.sh $(BUILD)/hearth

test: deps-test all ## the C tests, the specs and those in a browser; closes with N passed, N failed, N skipped
	@$(MAKE) --no-print-directory check

check: $(TESTS) build $(BUILD)/posts-server embedded
	@BUILD=$(BUILD) BROWSER=$(BROWSER) TEST_TIMEOUT=$(TEST_TIMEOUT) sh tools/test.sh $(TESTS)

.PHONY: browser
browser: deps-test build $(BUILD)/posts-server ## the specs in a real browser alone; pictures are in build/screenshots
	@BUILD=$(BUILD) sh tools/browser.sh $(BROWSER_SPECS)

# Every spec in each: nothing is left out. In the most aggressive one the collector runs all the time, and the specs take some ten times as long.
test-gc: deps-test all $(BUILD)/posts-server embedded ## the specs in generational, incremental and the most aggressive collection
	@for mode in generational incremental aggressive; do echo "== $$mode"; \
	  HEARTH_GC=$$mode BUILD=$(BUILD) $(BUILD)/hearth test --timeout "$$([ $$mode = aggressive ] && echo 300 || echo 30)" spec || exit 1; done

asan: deps-test ## the same under AddressSanitizer and UndefinedBehaviorSanitizer
	@$(MAKE) --no-print-directory check BROWSER=no BUILD=build-asan SANITIZE=address,undefined OPT="-O1 -g" TEST_TIMEOUT=120
# A process for each folder: what ThreadSanitizer keeps grows with all that a process ever did.
tsan: deps-test ## the same under ThreadSanitizer
	@$(MAKE) --no-print-directory check BROWSER=no BUILD=build-tsan SANITIZE=thread OPT="-O1 -g" TEST_TIMEOUT=120 \
	  SPECS="$(sort $(dir $(wildcard spec/*/*_spec.lua)))"

lint: deps-lint ## compiler warnings of gcc and clang as errors, luacheck, clang-format, shellcheck
	@sh tools/lint.sh

fmt: deps-lint ## format the C sources
	clang-format -i $(shell git ls-files '*.c' '*.h')

# One program per decoder, spec/fuzz/fuzz_NAME.c with NAME.dict; each runs $(FUZZ_SECONDS) s from what was found before.
FUZZ_SECONDS ?= 60
FUZZERS := $(patsubst spec/fuzz/fuzz_%.c,%,$(sort $(wildcard spec/fuzz/fuzz_*.c)))
.PHONY: fuzz
fuzz: deps-lint ## libFuzzer under sanitizers on the decoders; FUZZ_SECONDS each
	@$(MAKE) --no-print-directory BUILD=build-fuzz CC=clang SANITIZE=address,undefined,fuzzer-no-link OPT="-O1 -g" build-fuzz/libhearth.a
	@set -e; for f in $(FUZZERS); do \
	  mkdir -p build-fuzz/corpus/$$f; \
	  clang $(CPPFLAGS) -std=c11 -O1 -g -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined -o build-fuzz/fuzz_$$f \
	    spec/fuzz/fuzz_$$f.c build-fuzz/libhearth.a $(LIBS); \
	  echo "== fuzz $$f"; \
	  build-fuzz/fuzz_$$f -max_total_time=$(FUZZ_SECONDS) -timeout=10 -print_final_stats=1 \
	    $$(test -e spec/fuzz/$$f.dict && echo -dict=spec/fuzz/$$f.dict) build-fuzz/corpus/$$f $$(test -d spec/fuzz/seeds/$$f && echo spec/fuzz/seeds/$$f); done

$(BUILD)/bench/raw_curl: LIBS += -lcurl
$(BUILD)/bench/%: bench/%.c $(BUILD)/libhearth.a | deps-build-once
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $< $(BUILD)/libhearth.a $(LIBS)

CRASH_KILLS ?= 4000
crash: $(BUILD)/test/test_store_crash ## kill -9 on one and on three writing processes, 2,000 times each: what was acknowledged is looked for
	$(BUILD)/test/test_store_crash $(CRASH_KILLS)

bench: all $(BENCHES) $(BUILD)/posts-server $(BUILD)/pty ## print the benchmarks' ratios
	@BUILD=$(BUILD) sh tools/bench.sh

install: all ## below $(PREFIX), with DESTDIR
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/include $(DESTDIR)$(PREFIX)/lib/pkgconfig $(DESTDIR)$(PREFIX)/lib/lua/5.4 $(DESTDIR)$(PREFIX)/lib/hearth
	install -m 755 $(FEATURES:%=$(BUILD)/hearth-%.so) $(DESTDIR)$(PREFIX)/lib/hearth/
	install -m 755 $(BUILD)/hearth $(DESTDIR)$(PREFIX)/bin/
	install -m 644 src/hearth.h $(DESTDIR)$(PREFIX)/include/
	install -m 644 $(BUILD)/libhearth.a $(DESTDIR)$(PREFIX)/lib/
	install -m 755 $(BUILD)/libhearth.so $(DESTDIR)$(PREFIX)/lib/
	install -m 755 $(BUILD)/hearth.so $(DESTDIR)$(PREFIX)/lib/lua/5.4/
	sed -e 's|@INCLUDE@|$(PREFIX)/include|' -e 's|@LIB@|$(PREFIX)/lib|' -e 's|@VERSION@|$(VERSION)|' tools/hearth.pc.in > $(DESTDIR)$(PREFIX)/lib/pkgconfig/hearth.pc

clean: ## remove everything built
	rm -rf build build-*

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
