# make -j in the middle of a build of C files by gcc (vfork, exec, temporary files, a pipe of job tokens), over and over.
# needs: make gcc
run() {
	local i
	for i in $(seq 12); do
		printf '#include <stdio.h>\n#include <string.h>\nint f%s(int x) { printf("%%d\\n", x); return x + %s; }\n' "$i" "$i" >"f$i.c"
		printf 'int f%s(int);\n' "$i" >>f.h
	done
	printf '#include "f.h"\nint main(void) { return 0%s; }\n' "$(printf ' + f%s(0)' $(seq 12))" >main.c
	printf '%b' >Makefile 'OBJ := $(patsubst %.c,%.o,$(wildcard *.c))\n' \
		'prog: $(OBJ)\n\t@gcc -pipe -o $@ $^\n' \
		'%.o: %.c\n\t@gcc -O1 -c -o $@ $<\n\t@echo $@ >>built\n' \
		'clean:\n\t@rm -f *.o prog\n'
	ready
	while [ ! -e "$T/go" ]; do
		make -s -j4 && ./prog >out
		[ $? = 78 ] || echo "the program is wrong"
		[ "$(wc -l <out)" = 12 ] || echo "the program is incomplete"
		make -s clean
	done
}
progress() { lines "$W/built"; }
