# SPDX-License-Identifier: MIT
# What the compiler needs to be told of this tree. pvm3-config and the compiler wrappers read
# this file, after they have set `root` to the tree that they lie in. What the functions print is
# quoted for a shell, so that paths may have blanks in them.
#
# A tree without headers or libraries of its own belongs to a system that has them where the
# compiler looks anyway.

arch=$("$root/lib/pvmgetarch")
libdir=$root/lib/$arch

# A word as a shell reads it.
quoted() {
	case $1 in
	'' | *[!A-Za-z0-9_./:,+=@%-]*) printf "%s\n" "$1" |
		sed -e 's/[][[:space:]"'\''\\$`&;()<>|*?#~!{}]/\\&/g' -e 's/^$/""/' ;;
	*) printf '%s\n' "$1" ;;
	esac
}

# For the compiler: where the headers are.
compile_flags() {
	[ ! -f "$root/include/pvm3.h" ] || quoted "-I$root/include"
}

# For the linker: libraries of the given names, in that order.
#
#   link_flags KIND NAME...   KIND is static, shared, or default: the one that -l finds
#
# Programs find shared libraries of the tree again where they are now.
link_flags() {
	kind=$1
	shift
	if [ -d "$libdir" ]; then
		quoted "-L$libdir"
		[ "$kind" != shared ] || quoted "-Wl,-rpath,$libdir"
	fi
	for library; do
		case $kind in
		static) echo "-l:lib$library.a" ;;
		shared) echo "-l:lib$library.so.3" ;;
		*) echo "-l$library" ;;
		esac
	done
}
