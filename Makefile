# stasis: `make` builds, `make demo` shows, `make check` proves. V=1 prints commands.
MAKEFLAGS += --no-builtin-rules
CC ?= gcc
ifeq ($(origin CC),default)
CC := gcc
endif
BUILD ?= build
PREFIX ?= /usr/local
Q := $(if $(V),,@)

MODULES := src/base src/image src/model src/task src/mem src/fd src src/rpc src/tools \
	parasite cgroup nsops mounts netns hooks
SCHEMAS := $(wildcard src/image/schema/*.proto)
SCHEMA_C := $(SCHEMAS:src/image/schema/%.proto=$(BUILD)/schema/%.pb-c.c)
SCHEMA_H := $(SCHEMA_C:.c=.h)
SRC := $(foreach m,$(MODULES),$(filter-out $(m)/test_%.c,$(wildcard $(m)/*.c)) $(wildcard $(m)/arch/x86/*.c))
CLI_OBJ := $(patsubst %.c,$(BUILD)/%.o,$(wildcard src/cli/*.c))
TESTS := $(foreach m,$(MODULES),$(wildcard $(m)/test_*.c))
OBJ := $(SRC:%.c=$(BUILD)/%.o) $(SCHEMA_C:.c=.o)
PKGS := libprotobuf-c libarchive

CPPFLAGS += -D_GNU_SOURCE -I. -Isrc -I$(BUILD) $(shell pkg-config --cflags $(PKGS))
CFLAGS ?= -O2 -g
WARN := -Wall -Wextra -Werror -Wmissing-prototypes -Wno-unused-parameter
LDLIBS += $(shell pkg-config --libs $(PKGS))
ALL_CFLAGS = -std=gnu11 $(CFLAGS) $(WARN) $(SAN) -MMD -MP
# The blob runs in other people's processes: no library, no vector registers, no relocations.
BLOB_CFLAGS := -O2 -ffreestanding -fno-stack-protector -fcf-protection=none -fpie -mgeneral-regs-only \
	-fno-jump-tables -fno-asynchronous-unwind-tables -fno-sanitize=all

all: $(BUILD)/stasis $(BUILD)/libcriu.so.2 $(BUILD)/libstasis.so.0

$(BUILD)/stasis: $(CLI_OBJ) $(BUILD)/libstasis-core.a
	@echo "  LINK   $@"
	$(Q)$(CC) $(SAN) $(LDFLAGS) -o $@ $(CLI_OBJ) -Wl,--as-needed $(BUILD)/libstasis-core.a $(LDLIBS)

# The libraries: the protocol's messages and nothing else of ours.
PIC := -fPIC -fvisibility=hidden
LIB_OBJ := $(patsubst %.c,$(BUILD)/pic/%.o,$(wildcard src/lib/*.c)) $(BUILD)/pic/schema/rpc.pb-c.o
LIB_LINK = $(CC) $(SAN) $(LDFLAGS) -shared -Wl,-soname,$(@F) -Wl,-z,defs -Wl,--as-needed
$(BUILD)/libcriu.so.2: $(LIB_OBJ)
	@echo "  LINK   $@"
	$(Q)$(LIB_LINK) -o $@ $(filter-out %/stasis.o,$(LIB_OBJ)) -lprotobuf-c && ln -sf $(@F) $(basename $@)
$(BUILD)/libstasis.so.0: $(LIB_OBJ) src/lib/libstasis.map
	@echo "  LINK   $@"
	$(Q)$(LIB_LINK) -Wl,--version-script=src/lib/libstasis.map -o $@ $(LIB_OBJ) -lprotobuf-c && ln -sf $(@F) $(basename $@)
$(BUILD)/pic/schema/%.o: $(BUILD)/schema/%.c | $(SCHEMA_H)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) -O2 -g $(PIC) -MMD -MP -c -o $@ $<
$(BUILD)/pic/%.o: %.c | $(SCHEMA_H)
	@mkdir -p $(@D)
	@echo "  PIC    $<"
	$(Q)$(CC) $(CPPFLAGS) $(ALL_CFLAGS) $(PIC) -c -o $@ $<

$(BUILD)/libstasis-core.a: $(OBJ)
	$(Q)rm -f $@ && ar rcs $@ $^

$(BUILD)/schema/%.pb-c.c $(BUILD)/schema/%.pb-c.h &: src/image/schema/%.proto
	$(Q)mkdir -p $(@D) && cd src/image/schema && protoc-c --c_out=$(abspath $(BUILD)/schema) $*.proto

$(BUILD)/parasite/blob.o: parasite/blob.c
	@mkdir -p $(@D)
	@echo "  BLOB   $<"
	$(Q)$(CC) $(CPPFLAGS) -std=gnu11 -g $(WARN) $(BLOB_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/%.o: %.c | $(SCHEMA_H)
	@mkdir -p $(@D)
	@echo "  CC     $<"
	$(Q)$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -c -o $@ $<

$(BUILD)/schema/%.o: $(BUILD)/schema/%.c | $(SCHEMA_H)
	$(Q)$(CC) $(CPPFLAGS) -O2 -g -MMD -MP -c -o $@ $<

# Unit tests: test_*.c beside the code, without root.
UNIT := $(patsubst %.c,$(BUILD)/unit/%,$(TESTS))
$(BUILD)/unit/%: $(BUILD)/%.o $(BUILD)/libstasis-core.a
	@mkdir -p $(@D)
	$(Q)$(CC) $(SAN) $(LDFLAGS) -o $@ $< -Wl,--as-needed $(BUILD)/libstasis-core.a $(LDLIBS) -lcmocka -lpthread
unit-programs: $(UNIT)
unit: $(UNIT)
	scripts/unit $(UNIT)

# What conformance/run starts: cases with the flags that they name, and helpers.
CASES := $(patsubst conformance/cases/%,$(BUILD)/cases/%,$(basename $(wildcard conformance/cases/*.c conformance/cases/*.go)))
HELPERS := $(patsubst %.c,$(BUILD)/%,$(wildcard conformance/*.c conformance/*/helper_*.c conformance/bench/*.c conformance/demo/*.c))
MODULE_TESTS := $(patsubst %.c,$(BUILD)/%,$(wildcard conformance/faults/test_*.c))
cases: $(CASES) $(HELPERS) $(MODULE_TESTS) $(BUILD)/conformance/faults/killtest $(BUILD)/conformance/fuzz/fuzz_image
# These use the program's own modules.
$(MODULE_TESTS): $(BUILD)/%: $(BUILD)/%.o $(BUILD)/conformance/faults/freezer_trees.o $(BUILD)/libstasis-core.a
	$(Q)$(CC) $(SAN) $(LDFLAGS) -o $@ $^ $(LDLIBS) -lpthread
$(BUILD)/conformance/faults/killtest: $(patsubst %,$(BUILD)/conformance/faults/%.o,killtest driver victims registers filters) $(BUILD)/libstasis-core.a
	$(Q)$(CC) $(SAN) $(LDFLAGS) -o $@ $^ $(LDLIBS) -lpthread
$(BUILD)/conformance/fuzz/fuzz_image: $(BUILD)/conformance/fuzz/fuzz_image.o $(BUILD)/libstasis-core.a
	$(Q)$(CC) $(SAN) $(LDFLAGS) -o $@ $^ $(LDLIBS) -lpthread
$(BUILD)/cases/%: conformance/cases/%.c conformance/cases/case.h scripts/build-case
	$(Q)CC="$(CC)" scripts/build-case $< $@
$(BUILD)/cases/%: conformance/cases/%.go scripts/build-case
	$(Q)scripts/build-case $< $@
$(BUILD)/conformance/%: conformance/%.c scripts/build-case
	$(Q)CC="$(CC)" scripts/build-case $< $@

demo bench:
	$(Q)scripts/packages && $(MAKE) -s -j2 all cases && conformance/$@/$@.sh
lint: all
	scripts/lint/run
check check-all:
	$(Q)scripts/packages && scripts/check $@
install: all
	install -Dm755 $(BUILD)/stasis $(DESTDIR)$(PREFIX)/sbin/stasis
	ln -sf stasis $(DESTDIR)$(PREFIX)/sbin/criu
	install -Dm755 $(BUILD)/libcriu.so.2 $(DESTDIR)$(PREFIX)/lib/libcriu.so.2
	ln -sf libcriu.so.2 $(DESTDIR)$(PREFIX)/lib/libcriu.so
	install -Dm644 src/lib/criu.h $(DESTDIR)$(PREFIX)/include/criu/criu.h
	install -Dm755 $(BUILD)/libstasis.so.0 $(DESTDIR)$(PREFIX)/lib/libstasis.so.0
	ln -sf libstasis.so.0 $(DESTDIR)$(PREFIX)/lib/libstasis.so
	install -Dm644 src/lib/stasis.h $(DESTDIR)$(PREFIX)/include/stasis.h
	scripts/install-texts $(PREFIX) $(DESTDIR)
clean:
	rm -rf $(BUILD)

.PHONY: all unit unit-programs cases demo check check-all lint bench install clean
.SECONDARY:
-include $(OBJ:.o=.d) $(LIB_OBJ:.o=.d) $(CLI_OBJ:.o=.d) $(patsubst %.c,$(BUILD)/%.d,$(TESTS))
