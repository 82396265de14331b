# SPDX-License-Identifier: MIT
# bash completion of the commands of pvm3py: what `COMMAND --help` tells, and files.

# Words that the usage of a command lists: its options, and of pvm3py its subcommands.
_pvm3py_words() {
	local usage
	usage=$("$@" --help 2>/dev/null </dev/null)
	printf '%s\n' --help --version
	sed '/^usage:/d' <<<"$usage" | grep -oE -- '(^|[[:space:],|[])--?[a-z][a-z0-9-]*' |
		tr -d ' \t,|['
	[ $# -gt 1 ] || [ "${1##*/}" != pvm3py ] ||
		sed -nE 's/^  ([a-z][a-z0-9]*)  +.*/\1/p' <<<"$usage"
}

_pvm3py() {
	local word=${COMP_WORDS[COMP_CWORD]} command=("${COMP_WORDS[0]/#\~/$HOME}")
	COMPREPLY=()
	if [ "${command[0]##*/}" = pvm3py ]; then
		[ "$COMP_CWORD" -eq 1 ] || command+=("${COMP_WORDS[1]}")
	elif [[ $word != -* ]]; then
		return
	fi
	mapfile -t COMPREPLY < <(compgen -W "$(_pvm3py_words "${command[@]}" | sort -u)" -- "$word")
}

complete -o bashdefault -o default -F _pvm3py @COMMANDS@
