divert(-1)
# SPDX-License-Identifier: MIT
# How Fortran calls C here, for C sources that go through m4:
#
#   FUNCTION(`name')                        the linker's name of a Fortran subroutine
#   ARGS(`a, STRING_ARG(text), b')          its parameters, in parentheses
#   STRING_ARG_DECL(text);                  their declaration, of a CHARACTER one
#   STRING_PTR(text), STRING_LEN(text)      where its characters are, and their number
#
# The lengths follow all other parameters, by value.
undefine(`len')
define(`FUNCTION', `$1_')
define(`STRING_PTR', `$1_ptr')
define(`STRING_LEN', `$1_len')
define(`STRING_ARG_DECL', `char * STRING_PTR(`$1'); int STRING_LEN(`$1')')
define(`STRING_ARG', `define(`PVM_LENGTHS', defn(`PVM_LENGTHS')`, STRING_LEN(`$1')')STRING_PTR(`$1')')
define(`ARGS', `pushdef(`PVM_LENGTHS')($1`'PVM_LENGTHS)popdef(`PVM_LENGTHS')')
divert(0)dnl
