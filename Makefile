# SPDX-License-Identifier: MIT
# Builds the complete PVM_ROOT tree in build/pvm3. Targets:
#
#   make            the tree; Python and C tools come from a virtual environment in build/venv
#   make demo       build, compile examples/ as a user would, run them under a daemon of their own
#   make demo-mist  tasks that move among four hosts of which one is killed; two minutes, as root
#   make test       lint and all tests; as root, installs the Debian packages they use
#   make test-memory   tests of tasks without memory between them, and with it from the first message
#   make docs       the documents with the reference of all functions as a site, in build/site
#   make man        manual pages, in build/man
#   make pictures   renew docs/images from a session with the console
#   make bench      compare with PVM 3.4.6 side by side
#   make coverage-table   renew docs/coverage.md, the table of what is tested
#   make lint       warnings, types, format, layers; make format rewrites the sources
#   make fuzz       run the fuzz targets for a short while
#   make install PREFIX=/usr/local [DESTDIR=...]    tree to PREFIX/lib/pvm3, links to it in
#                   PREFIX/bin, PREFIX/include and PREFIX/lib; the rest to PREFIX/share
#   make uninstall PREFIX=/usr/local [DESTDIR=...]  remove what was installed, and nothing else
#   make deb        Debian packages in build/deb: pvm, pvm-dev, libpvm3, python3-pvm3py
#   make lib        the C library alone; with CC= a cross compiler, SANITIZE=address,undefined
#                   an instrumented one (give both a BUILD= of their own)
#   make tree       the tree with the interpreter PYTHON=, which must have cffi and setuptools;
#                   its programs run with RUN_PYTHON=, by default the same
#   make clean      remove build/
#
# CC, CFLAGS, CPPFLAGS and LDFLAGS are the caller's, for libraries, tools and extension modules.

BUILD ?= build
CFLAGS ?= -O2
PREFIX ?= /usr/local
PYTHON3 ?= python3
SANITIZE ?=
# A message passes through functions of many files, which are optimised together; but as the
# caller's flags say, and not if warnings are wanted or the code is instrumented.
TOGETHER := $(if $(WERROR)$(SANITIZE)$(filter-out file,$(origin CFLAGS)),,-flto=auto)
.DEFAULT_GOAL := all

# PVM_ARCH in the environment wins; else the name of what the compiler makes code for.
MACHINE := $(firstword $(subst -, ,$(shell $(CC) -dumpmachine 2>/dev/null)))
ifeq ($(origin PVM_ARCH),undefined)
PVM_ARCH := $(shell sh tree/pvmgetarch Linux $(or $(MACHINE),none))
endif

TREE := $(BUILD)/pvm3
LIBDIR := $(TREE)/lib/$(PVM_ARCH)
MODULES := $(TREE)/lib/python
STAMPS := $(BUILD)/stamps
OBJ := $(BUILD)/obj

# A virtual environment of our own, unless the caller brought an interpreter.
ifeq ($(origin PYTHON),undefined)
PYTHON := $(BUILD)/venv/bin/python
VENV_STAMP := $(STAMPS)/venv
endif

# ---- what must be there ----------------------------------------------------

MISSING_CC = $(CC) not found: install a C compiler (Debian: apt-get install gcc libc6-dev)
MISSING_HEADERS = $(CC) finds no C library headers (Debian: apt-get install libc6-dev)
MISSING_PYTHON = $(PYTHON3) not found or older than 3.11 (Debian: apt-get install python3)
MISSING_VENV = $(PYTHON3) cannot make virtual environments (Debian: apt-get install python3-venv)
MISSING_PIP = pip could not install the build tools from PyPI; its output is in $(BUILD)/pip.log; \
	the distribution has them, too (Debian: apt-get install python3-cffi python3-setuptools)

define need # command, message
	@$(1) >/dev/null 2>&1 || { echo "make: $(2)" >&2; exit 1; }
endef

$(STAMPS):
	@mkdir -p $@

$(STAMPS)/cc: | $(STAMPS)
	$(call need,command -v $(firstword $(CC)),$(MISSING_CC))
	$(call need,echo '#include <stdio.h>' | $(CC) -E -,$(MISSING_HEADERS))
	@touch $@

# Requirements are written once, in pyproject.toml; the expression selects a list of p there.
# The second argument is tried if pip fails, as it does without a network.
define pip_install # expression on the parsed pyproject.toml, command
	@$(PYTHON) -c 'import tomllib; p = tomllib.load(open("pyproject.toml", "rb")); \
		print(*$(1), sep="\n")' >$(BUILD)/requirements.txt
	@$(PYTHON) -m pip install -q --disable-pip-version-check -r $(BUILD)/requirements.txt \
		>$(BUILD)/pip.log 2>&1 || $(or $(2),false) || \
		{ echo "make: $(MISSING_PIP)" >&2; exit 1; }
endef
EXTRAS := p["project"]["optional-dependencies"]

# The build tools that $(PYTHON3) itself has.
USE_SYSTEM_TOOLS = { $(PYTHON3) -c 'import cffi, setuptools' 2>/dev/null && \
	echo "using the cffi and setuptools of $(PYTHON3)" && \
	$(PYTHON3) -m venv --system-site-packages $(BUILD)/venv; }

# Python reads the path of the modules in the encoding of the locale, so it is relative.
$(STAMPS)/venv: pyproject.toml | $(STAMPS)
	$(call need,$(PYTHON3) -c 'import sys; assert sys.version_info >= (3$(,) 11)',$(MISSING_PYTHON))
	$(call need,$(PYTHON3) -c 'import ensurepip$(,) venv',$(MISSING_VENV))
	@echo "creating $(BUILD)/venv"
	@$(PYTHON3) -m venv $(BUILD)/venv
	$(call pip_install,p["build-system"]["requires"],$(USE_SYSTEM_TOOLS))
	@$(PYTHON) -c 'import os, sysconfig; place = sysconfig.get_path("purelib"); \
		open(place + "/pvm3py.pth", "w").write(os.path.relpath("$(MODULES)", place) + "\n")'
	@touch $@

# An interpreter that the caller brought is left as it is.
CONSOLE_LIBRARIES := $(and $(VENV_STAMP),$(STAMPS)/venv-console)

# One pip at a time.
$(STAMPS)/venv-test: pyproject.toml $(VENV_STAMP) | $(STAMPS) $(CONSOLE_LIBRARIES)
	$(call pip_install,$(EXTRAS)["test"] + $(EXTRAS)["docs"] + $(EXTRAS)["console"])
	@touch $@

# The console does without them where pip cannot have them: remove the stamp to try again.
$(STAMPS)/venv-console: pyproject.toml csrc/python/stage.py $(VENV_STAMP) | $(STAMPS)
	$(call pip_install,$(EXTRAS)["console"],true)
	@'$(PYTHON)' csrc/python/stage.py libraries $(MODULES)/console-libraries
	@touch $@

# A character that make's own syntax takes.
, := ,

# ---- the C library ---------------------------------------------------------

# Exceptions of C++ handlers pass through the library.
LIB_CFLAGS := -std=gnu11 -fPIC -fvisibility=hidden -ftls-model=initial-exec -funwind-tables \
	-Wall -Wextra \
	$(WERROR) -ffile-prefix-map='$(CURDIR)'=. -Iinclude -Icsrc/wire
ifeq ($(SANITIZE),)
LIB_LDFLAGS := -Wl,-z,defs
else
LIB_CFLAGS += -g -fno-omit-frame-pointer -fsanitize=$(SANITIZE) -fno-sanitize-recover=all
# The library compares the places of calls on the stack, so its variables must be there.
ifneq ($(findstring address,$(SANITIZE)),)
LIB_CFLAGS += $(if $(findstring clang,$(CC)),-fsanitize-address-use-after-return=never,\
	--param asan-use-after-return=0)
endif
LIB_LDFLAGS := -fsanitize=$(SANITIZE)
endif

# Sources of a part, in whatever folders; their objects.
sources = $(sort $(shell find csrc/$(1) -name '*.c'))
objects = $(patsubst csrc/%.c,$(OBJ)/%.o,$(call sources,$(1)))

LIB_OBJ := $(call objects,libpvm)
HEADERS := $(patsubst include/%,$(TREE)/include/%,$(wildcard include/*.h))
LIBS := $(foreach lib,pvm3 gpvm3 fpvm3 hpvm,$(addprefix $(LIBDIR)/lib$(lib),.so.3 .a))
TOOLS := $(patsubst csrc/tools/%.c,$(LIBDIR)/%,$(wildcard csrc/tools/*.c))
# The binutils that belong to the compiler, which may be a cross compiler.
OBJCOPY = $(shell $(CC) -print-prog-name=objcopy)
ifeq ($(origin AR),default)
AR = $(shell $(CC) -print-prog-name=ar)
endif

# Processes can be restarted where they can be imaged: IMAGE_POSSIBLE of csrc/wire/image.h.
ifeq ($(MACHINE)$(filter -m32 -mx32,$(CC) $(CFLAGS)),x86_64)
RESTARTERS := $(LIBDIR)/pvmrestart $(LIBDIR)/pvmrestart-low
endif

lib: $(LIBS) $(HEADERS) $(TOOLS) $(RESTARTERS) $(LIBDIR)/hpvmc

# Libraries and programs are linked with the caller's flags.
LINK = $(CC) $(CFLAGS) $(LDFLAGS) $(LIB_LDFLAGS)

# Partly linked objects hold machine code, also of link-time optimisation: clang's do anyway.
ifneq ($(findstring -flto,$(CFLAGS) $(TOGETHER)),)
LTO_TO_OBJECT := $(shell echo | $(CC) -flto -flinker-output=nolto-rel -E - >/dev/null 2>&1 && \
	echo -flinker-output=nolto-rel)
endif

# clang's objects would need another linker.
TOGETHER := $(and $(LTO_TO_OBJECT),$(TOGETHER))

# These flags have the linker add a library, which belongs into programs and not into archives.
PROFILING := --coverage -fprofile-arcs -fprofile-generate%

# Compiler and flags of the last build; objects are built anew when they change.
FLAGS := $(CC) $(CPPFLAGS) $(CFLAGS) $(LIB_CFLAGS) $(TOGETHER) $(LDFLAGS)
ifneq ($(FLAGS),$(file <$(OBJ)/flags))
$(shell mkdir -p $(OBJ) && rm -f $(OBJ)/flags)
$(file >$(OBJ)/flags,$(FLAGS))
endif

$(OBJ)/%.o: csrc/%.c $(OBJ)/flags | $(STAMPS)/cc
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) $(LIB_CFLAGS) -MMD -MP -c -o $@ $<

GPVM_OBJ := $(call objects,libgpvm)
# What is faster by itself, by some tenths of a nanosecond: bench's rows cost-upk*, cost-setcontext.
APART := $(addprefix $(OBJ)/libpvm/,calls/context.o calls/pack.o message/items.o message/codec.o \
	message/bytes.o)
$(filter-out $(APART),$(LIB_OBJ)) $(GPVM_OBJ): LIB_CFLAGS += $(TOGETHER)
FPVM_OBJ := $(call objects,libfpvm)
# The switch is compiled for Python by cffi; these objects are for the checks.
SWITCH_OBJ := $(call objects,switch)

RESTART_OBJ := $(call objects,restart)
HPVM_OBJ := $(call objects,libhpvm)
HPVMC_OBJ := $(call objects,hpvmc)

-include $(patsubst %.o,%.d,$(LIB_OBJ) $(GPVM_OBJ) $(FPVM_OBJ) $(SWITCH_OBJ) $(RESTART_OBJ) \
	$(HPVM_OBJ) $(HPVMC_OBJ))

# Headers of a part are named from its top.
$(LIB_OBJ): LIB_CFLAGS += -Icsrc/libpvm
$(SWITCH_OBJ): LIB_CFLAGS += -Icsrc/switch
$(HPVM_OBJ) $(HPVMC_OBJ): LIB_CFLAGS += -Icsrc

# A program without libc and its start, in which nothing can be that the caller's flags bring along.
$(RESTART_OBJ): override CPPFLAGS :=
$(RESTART_OBJ): override CFLAGS := -O2
$(RESTART_OBJ): LIB_CFLAGS = -std=gnu11 -ffreestanding -fno-builtin -fno-stack-protector -fPIE \
	-fvisibility=hidden -fno-asynchronous-unwind-tables -Wall -Wextra $(WERROR) -Icsrc/wire \
	-DPVM3PY_VERSION='"$(VERSION)"'
$(filter %/main.o,$(RESTART_OBJ)): pvm3py/__init__.py

$(LIBDIR)/libpvm3.so.3: $(LIB_OBJ) csrc/libpvm/libpvm.map
	@mkdir -p $(@D)
	$(LINK) $(TOGETHER) -shared -Wl,-soname,$(@F) \
		-Wl,--version-script=csrc/libpvm/libpvm.map -o $@ $(LIB_OBJ)

# Groups and Fortran name what they use, so that programs may name libraries in any order. They
# find it beside them. Empty where libraries lie in a directory of the system.
RUNPATH ?= -Wl,-rpath,'$$ORIGIN'
$(LIBDIR)/libgpvm3.so.3: $(GPVM_OBJ) csrc/libgpvm/libgpvm.map $(LIBDIR)/libpvm3.so.3
	@mkdir -p $(@D)
	$(LINK) $(TOGETHER) -shared $(RUNPATH) -Wl,-soname,$(@F) \
		-Wl,--version-script=csrc/libgpvm/libgpvm.map -o $@ $(filter %.o %.so.3,$^)

$(LIBDIR)/libfpvm3.so.3: $(FPVM_OBJ) $(LIBDIR)/libgpvm3.so.3 $(LIBDIR)/libpvm3.so.3
	@mkdir -p $(@D)
	$(LINK) -shared $(RUNPATH) -Wl,-soname,$(@F) -o $@ $^

$(LIBDIR)/libhpvm.so.3: $(HPVM_OBJ) csrc/libhpvm/libhpvm.map $(LIBDIR)/libpvm3.so.3
	@mkdir -p $(@D)
	$(LINK) -shared $(RUNPATH) -Wl,-soname,$(@F) \
		-Wl,--version-script=csrc/libhpvm/libhpvm.map -o $@ $(filter %.o %.so.3,$^)

$(OBJ)/hpvmc/client.o: LIB_CFLAGS += -DPVM3PY_VERSION='"$(VERSION)"'
$(OBJ)/hpvmc/client.o: pvm3py/__init__.py
# Kernels find the functions of hpvm.h in it, and nothing else of it.
HPVMC_SHARED := $(addprefix $(OBJ)/libhpvm/,\
	arch.o archive.o convert.o error.o post.o sha256.o trusted.o types.o)
$(LIBDIR)/hpvmc: $(HPVMC_OBJ) $(HPVMC_SHARED) $(LIBDIR)/libpvm3.a csrc/hpvmc/exported.list
	@mkdir -p $(@D)
	$(LINK) -Wl,--dynamic-list=csrc/hpvmc/exported.list -o $@ $(filter %.o %.a,$^) -ldl

# One object whose internal names are local, so that none can clash with a program's own; without
# section groups, in which names must stay global.
$(OBJ)/pvm.o: $(LIB_OBJ)
$(OBJ)/gpvm.o: $(GPVM_OBJ)
$(OBJ)/hpvm.o: $(HPVM_OBJ)
$(OBJ)/pvm.o $(OBJ)/gpvm.o $(OBJ)/hpvm.o:
	$(CC) $(filter-out $(PROFILING),$(CFLAGS)) -r -nostdlib $(TOGETHER) $(LTO_TO_OBJECT) -Wl,--force-group-allocation -o $@.tmp $^
	$(OBJCOPY) --localize-hidden $@.tmp $@
	@rm $@.tmp

# Every program names libpvm3, and many name it before what uses it: so it has the others, too.
$(LIBDIR)/libpvm3.a: $(OBJ)/pvm.o $(OBJ)/gpvm.o $(FPVM_OBJ)
$(LIBDIR)/libgpvm3.a: $(OBJ)/gpvm.o
$(LIBDIR)/libhpvm.a: $(OBJ)/hpvm.o
# Apart, so that a program without groups gets none.
$(LIBDIR)/libfpvm3.a: $(FPVM_OBJ)
$(LIBDIR)/%.a:
	@mkdir -p $(@D)
	@rm -f $@
	$(AR) rcs $@ $^

$(TOOLS): $(LIBDIR)/%: csrc/tools/%.c $(LIBDIR)/libgpvm3.a $(LIBDIR)/libpvm3.a pvm3py/__init__.py \
		csrc/tools/options.h
	$(LINK) $(CPPFLAGS) $(LIB_CFLAGS) -DPVM3PY_VERSION='"$(VERSION)"' -o $@ \
		$(filter %.c %.a,$^)

# At addresses that programs leave free, and at the lowest ones: csrc/restart/restart.h.
$(LIBDIR)/pvmrestart: RESTART_BASE := 0x200000000000
$(LIBDIR)/pvmrestart-low: RESTART_BASE := 0x10000
$(RESTARTERS): $(RESTART_OBJ)
	@mkdir -p $(@D)
	$(CC) -nostdlib -static -Wl,-Ttext-segment=$(RESTART_BASE) -Wl,-z,norelro \
		-Wl,-z,noexecstack -Wl,--build-id=none -o $@ $^

$(TREE)/include/%.h: include/%.h
	@mkdir -p $(@D)
	@cp $< $@

# ---- Python ----------------------------------------------------------------

PY_SRC := $(shell find pvm3py -name '*.py' -o -name py.typed)
EXTENSIONS := $(addprefix $(STAMPS)/ext-,wire switch task hpvm hpvm_machine)

# Where csrc/python/headers leaves Python.h if the system has none.
PYTHON_DEV := $(abspath $(BUILD))/python-dev
PYTHON_INCLUDE = $(PYTHON_DEV)/usr/include/python$(shell '$(PYTHON)' -c 'import sys; \
	print("%d.%d" % sys.version_info[:2])'):$(PYTHON_DEV)/usr/include

$(STAMPS)/headers: csrc/python/headers $(VENV_STAMP) | $(STAMPS)
	@sh csrc/python/headers '$(PYTHON)' '$(PYTHON_DEV)'
	@touch $@

define build_extension # builder script
	CPATH="$(PYTHON_INCLUDE)$${CPATH:+:$$CPATH}" PVM3PY_LIBPVM='$(LIBDIR)/libpvm3.a' \
		'$(PYTHON)' csrc/python/compile.py $(1) $(OBJ)/python $(MODULES)/pvm3py
	@touch $@
endef

$(STAMPS)/ext-%: csrc/python/build_%.py csrc/python/compile.py $(wildcard include/*.h) \
		$(wildcard csrc/wire/*.h) $(STAMPS)/headers | $(STAMPS)/cc
	$(call build_extension,$<)
$(STAMPS)/ext-wire: $(shell find csrc/libpvm -name 'trace_names.c')
$(STAMPS)/ext-switch: $(shell find csrc/switch -name '*.[ch]')
$(STAMPS)/ext-task: $(LIBDIR)/libpvm3.a $(LIBDIR)/libgpvm3.a
$(STAMPS)/ext-hpvm_machine: $(LIBDIR)/libpvm3.a
$(STAMPS)/ext-hpvm $(STAMPS)/ext-hpvm_machine: $(shell find csrc/libhpvm csrc/hpvmc -name '*.[ch]')

# The package itself, the cffi run time beside it, and compiled byte code.
$(STAMPS)/package: $(PY_SRC) $(EXTENSIONS) csrc/python/stage.py
	@'$(PYTHON)' csrc/python/stage.py package $(MODULES)
	@touch $@

# ---- the tree --------------------------------------------------------------

# Other names of pvmcc: compilers for programs of PVM, and stand-ins that aimk offers.
COMPILERS := pvmc++ pvmf77 pvmf90
COMPAT := $(addprefix $(TREE)/lib/compat/,cc gcc clang f77 f90 g77 gfortran)
# What users call, on the search path: shell scripts of tree/, programs in Python, tools in C.
COMMANDS := pvm pvmd pvmgetarch aimk pvm3-config pvmcc $(COMPILERS)
PROGRAMS := pvm pvmd3 pvmgs pvmrm pvm3py tracer trcsort hpvm hpvm-build
ALL_COMMANDS = $(sort $(COMMANDS) $(PROGRAMS) $(notdir $(TOOLS)))
SCRIPTS := $(addprefix $(TREE)/lib/,$(COMMANDS) debugger pvmgs pvmtmparch ipcfree) \
	$(addprefix $(LIBDIR)/,$(PROGRAMS))
# What others read: shells, build systems.
SNIPPETS := $(addprefix $(TREE)/lib/,pvm3-flags.sh bashrc.stub kshrc.stub cshrc.stub \
	$(patsubst tree/%,%,$(wildcard tree/pkgconfig/* tree/cmake/*/*)))
SPAWNED := $(addprefix $(TREE)/bin/$(PVM_ARCH)/,pvmgs pvmrm hpvmc)
CONF := $(addprefix $(TREE)/conf/$(PVM_ARCH).,def m4)

# What may be missing is found out before anything is compiled.
all tree: $(STAMPS)/cc $(VENV_STAMP) lib $(SCRIPTS) $(COMPAT) $(SNIPPETS) $(CONF) $(STAMPS)/package $(SPAWNED) \
	$(CONSOLE_LIBRARIES)

# The version has one place.
VERSION := $(shell sed -n 's/^__version__ = "\(.*\)"/\1/p' pvm3py/__init__.py)

# The release of PVM whose interface this is.
PVM_VERSION := $(shell sed -n 's/^.define PVM_VER .*"\(.*\)"/\1/p' include/pvm3.h)
FILLED := sed 's/@PVM3PY_VERSION@/$(VERSION)/; s/@PVM_VERSION@/$(PVM_VERSION)/; s/@ARCH@/$(PVM_ARCH)/'

define install_script
	@mkdir -p $(@D)
	@$(FILLED) $< >$@.new
	@install -m $(MODE) $@.new $@ && rm $@.new
endef
$(TREE)/lib/%: MODE := 755
$(SNIPPETS): MODE := 644

$(addprefix $(TREE)/lib/,$(COMPILERS)): $(TREE)/lib/pvmcc
	@ln -sf pvmcc $@
$(COMPAT): $(TREE)/lib/pvmcc
	@mkdir -p $(@D)
	@ln -sf ../pvmcc $@
# This has always been another name.
$(TREE)/lib/pvmtmparch: $(TREE)/lib/pvmgetarch
	@ln -sf pvmgetarch $@

$(TREE)/lib/%: tree/% pvm3py/__init__.py include/pvm3.h
	$(install_script)

# The start script of daemon and console is one, and goes by its name.
$(TREE)/lib/pvm: tree/pvmd pvm3py/__init__.py include/pvm3.h
	$(install_script)

$(addprefix $(LIBDIR)/,$(PROGRAMS)): tree/pvmd3.in csrc/python/stage.py $(VENV_STAMP)
	@mkdir -p $(@D)
	@'$(PYTHON)' csrc/python/stage.py launcher $< $@ $(RUN_PYTHON)

# For makefiles and C sources of programs.
$(TREE)/conf/$(PVM_ARCH).%: tree/arch.%
	@mkdir -p $(@D)
	@$(FILLED) $< >$@

# Where the daemon looks for programs that are spawned by name.
$(SPAWNED):
	@mkdir -p $(@D)
	@ln -sf ../../lib/$(PVM_ARCH)/$(@F) $@

# The wheel asks for it.
commands:
	@echo $(ALL_COMMANDS)

# ---- installing it -----------------------------------------------------------

# The mirror of installing needs no build.
INSTALLER = $(PYTHON3) -B packaging/install.py
PLACE = --prefix '$(PREFIX)' --destdir '$(DESTDIR)'

install: all man
	@$(INSTALLER) --build '$(BUILD)' --arch $(PVM_ARCH) $(PLACE) install $(ALL_COMMANDS)

uninstall:
	@$(INSTALLER) $(PLACE) uninstall

deb:
	@packaging/deb '$(BUILD)/deb' '$(VERSION)'

# ---- using it --------------------------------------------------------------

demo: all
	@examples/demo $(TREE) $(BUILD)/demo '$(PYTHON)'

demo-mist: all
	@$(PYTHON) examples/mist/demo.py $(TREE) $(BUILD)/demo-mist

bench: all $(STAMPS)/venv-test
	@$(PYTHON) -m bench $(BENCHFLAGS)

fuzz: all
	@$(MAKE) -C tests/fuzz BUILD=$(abspath $(BUILD)/fuzz)

# ---- documents -------------------------------------------------------------

MAN_SRC := $(wildcard docs/man/*.md docs/tools/manual/*.py include/*.h csrc/libfpvm/*.c)
DOCS_SRC := $(wildcard *.md docs/*.md docs/tools/conf.py docs/images/*)
# Not in the project's directory, where Python would find the sources of pvm3py.
MANUAL = PYTHONPATH='$(abspath docs/tools):$(abspath $(MODULES))' '$(PYTHON)' -P

man: $(STAMPS)/man
$(STAMPS)/man: $(STAMPS)/package $(SCRIPTS) $(TOOLS) $(MAN_SRC) | all
	@$(MANUAL) -m manual man $(TREE) $(BUILD)/man
	@touch $@

# A warning, also of a link to nowhere, is an error.
docs: $(STAMPS)/site
$(STAMPS)/site: $(STAMPS)/man $(DOCS_SRC) $(STAMPS)/venv-test
	@$(MANUAL) -m manual site $(TREE) $(BUILD)/site-source
	@$(MANUAL) -m sphinx -q -W --keep-going -j auto -b html -d $(BUILD)/doctrees \
		$(BUILD)/site-source $(BUILD)/site
	@touch $@

pictures: all $(STAMPS)/venv-test
	@$(PYTHON) docs/tools/picture.py $(TREE) docs/images/console.svg

# ---- checking it -----------------------------------------------------------

# Debian packages that tests use: 3.4.6 as the peer, compilers, what users build with, shells.
TEST_PACKAGES := pvm pvm-dev libpvm3 pvm-examples netbase netpipe-pvm tablix2 slang-pvm slsh \
	gfortran clang libclang-rt-dev musl-tools valgrind m4 groff-base xvfb x11-utils iproute2 \
	openssh-server \
	qemu-user-static gcc-s390x-linux-gnu gcc-powerpc-linux-gnu gcc-i686-linux-gnu gcc-aarch64-linux-gnu \
	libc6-dev-s390x-cross libc6-dev-powerpc-cross libc6-dev-i386-cross libc6-dev-arm64-cross \
	build-essential debhelper dh-python lintian python3-dev python3-cffi python3-setuptools zsh \
	g++ cmake autoconf pkg-config ksh93u+m mksh tcsh csh

test: debian-packages
	@$(MAKE) $(SIDE_BY_SIDE) lint docs
	$(PYTEST) tests/py $(PYTESTFLAGS)
	$(foreach setting,$(MEMORY),$(setting) $(PYTEST) -m 'not slow' $(SOME_FILES) || [ $$? = 5 ]$(nl))

# As many jobs as processors, unless the caller has said how many.
SIDE_BY_SIDE = --no-print-directory --output-sync $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(shell nproc))

# All tests of tasks pass with each of these settings of memory, too. `make test` runs
# one file in 40, other ones each day. (5: all tests in them are slow.)
MEMORY := PVM_SHM=off PVM_SHM_AFTER=0
MEMORY_TESTS := $(addprefix tests/py/,aio conformance console daemon futures groups hosts library \
	memory peers switch task tools wire)
SOME_FILES = $$(find $(MEMORY_TESTS) -name 'test_*.py' | sort | \
	awk -v day=$$(date +%j) 'NR % 40 == day % 40')
PYTEST = $(BUILD)/venv/bin/pytest -n auto --dist worksteal
define nl


endef

test-memory: all debian-packages
	$(foreach setting,$(MEMORY),$(setting) $(PYTEST) $(MEMORY_TESTS) $(PYTESTFLAGS)$(nl))

# docs/coverage.md: what the programs of checks cover.
coverage-table: all $(STAMPS)/venv-test
	PVM3PY_WRITE_COVERAGE=1 $(BUILD)/venv/bin/pytest -q tests/py/conformance/test_coverage.py

debian-packages:
	@tests/debian-packages $(TEST_PACKAGES)

lint: lint-python lint-c lint-format lint-layers

lint-python: all $(STAMPS)/venv-test
	$(BUILD)/venv/bin/ruff check .
	$(BUILD)/venv/bin/mypy

# The whole C code with every compiler at hand, warnings being errors. (What a shell function
# prints that fails, make shows.)
lint-c: $(addprefix lint-c-,$(notdir $(shell command -v gcc; command -v clang; true)))

lint-c-%:
	@$(MAKE) -s lib switch-objects hpvm-objects CC=$* BUILD=$(BUILD)/lint-$* WERROR=-Werror

# One dialect of C and one of Python; the public headers are laid out by hand.
FORMATTED_C := $(shell find bench csrc examples tests -name '*.[ch]')

lint-format: $(STAMPS)/venv-test
	$(BUILD)/venv/bin/clang-format --dry-run -Werror $(FORMATTED_C)
	$(BUILD)/venv/bin/ruff format --check .

format: $(STAMPS)/venv-test
	$(BUILD)/venv/bin/clang-format -i $(FORMATTED_C)
	$(BUILD)/venv/bin/ruff format .

# Nothing is used by what lies below it: tests/lint/layers.toml.
lint-layers: lib switch-objects hpvm-objects
	$(PYTHON3) tests/lint/layers.py $(OBJ)

switch-objects: $(SWITCH_OBJ)
hpvm-objects: $(HPVM_OBJ) $(HPVMC_OBJ)

clean:
	rm -rf $(BUILD)

.PHONY: all tree lib switch-objects hpvm-objects commands man install uninstall deb demo demo-mist docs pictures bench fuzz test test-memory coverage-table debian-packages \
	lint lint-python lint-c lint-format lint-layers format clean
.DELETE_ON_ERROR:
