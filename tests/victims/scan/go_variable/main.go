// Numbers in variables of Go, one of which is set later, beside C that keeps a pointer to its own.
package main

// #include <unistd.h>
// static int pair[2];
// static int *volatile kept = pair;
// static int c_part(void) { return kept[0] + (int)getppid(); }
import "C"

import (
	"os"
	"syscall"
)

var first uintptr = syscall.SYS_IOPRIO_GET
var later uintptr

//go:noinline
func choose() {
	later = syscall.SYS_MLOCKALL
	if len(os.Args) > 1 {
		later = syscall.SYS_MUNLOCKALL
	}
}

func main() {
	println(C.c_part())
	choose()
	syscall.Syscall(first, 1, 0, 0)
	syscall.Syscall(later, 0, 0, 0)
}
