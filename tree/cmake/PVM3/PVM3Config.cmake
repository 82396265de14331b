# SPDX-License-Identifier: MIT
# find_package(PVM3) gives the targets
#
#   PVM3::pvm3    tasks and messages
#   PVM3::gpvm3   and groups
#   PVM3::fpvm3   and both for Fortran
#
# and the variables PVM3_ROOT_DIR (PVM_ROOT), PVM3_ARCH (PVM_ARCH), PVM3_INCLUDE_DIR. The
# libraries are the static ones; with PVM3_SHARED set before, the shared ones. They are those of
# the tree that this file lies in, else those of the system.

get_filename_component(PVM3_ROOT_DIR "${CMAKE_CURRENT_LIST_FILE}" REALPATH)
get_filename_component(PVM3_ROOT_DIR "${PVM3_ROOT_DIR}/../../../.." ABSOLUTE)
set(PVM3_ARCH "@ARCH@")

if(PVM3_SHARED)
  set(_pvm3_kind SHARED)
  set(_pvm3_suffix .so.3)
else()
  set(_pvm3_kind STATIC)
  set(_pvm3_suffix .a)
endif()

# Looked for anew each time: a cached path would outlive a tree that is moved.
foreach(_pvm3_name include pvm3 gpvm3 fpvm3)
  unset(_pvm3_${_pvm3_name} CACHE)
endforeach()
find_path(_pvm3_include pvm3.h HINTS "${PVM3_ROOT_DIR}/include")
foreach(_pvm3_name pvm3 gpvm3 fpvm3)
  find_library(_pvm3_${_pvm3_name} lib${_pvm3_name}${_pvm3_suffix}
    HINTS "${PVM3_ROOT_DIR}/lib/${PVM3_ARCH}")
endforeach()

set(PVM3_INCLUDE_DIR "${_pvm3_include}")
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(PVM3
  REQUIRED_VARS _pvm3_pvm3 _pvm3_gpvm3 _pvm3_fpvm3 PVM3_INCLUDE_DIR
  VERSION_VAR PVM3_VERSION)

# _pvm3_target(NAME [NEEDED]): the library NAME, and the target that it needs.
function(_pvm3_target name)
  if(TARGET PVM3::${name})
    return()
  endif()
  add_library(PVM3::${name} ${_pvm3_kind} IMPORTED)
  set_target_properties(PVM3::${name} PROPERTIES
    IMPORTED_LOCATION "${_pvm3_${name}}"
    INTERFACE_INCLUDE_DIRECTORIES "${PVM3_INCLUDE_DIR}"
    INTERFACE_LINK_LIBRARIES "${ARGN}")
endfunction()

if(PVM3_FOUND)
  _pvm3_target(pvm3)
  _pvm3_target(gpvm3 PVM3::pvm3)
  _pvm3_target(fpvm3 PVM3::gpvm3)
endif()

foreach(_pvm3_name include pvm3 gpvm3 fpvm3)
  unset(_pvm3_${_pvm3_name} CACHE)
endforeach()
