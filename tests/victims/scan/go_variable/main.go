// Numbers in variables of Go, one of which is set later, beside C that keeps a
// pointer to its own, and has a function that nobody calls.
package main

// #include <sys/syscall.h>
// #include <unistd.h>
// static int pair[2];
// static int *volatile kept = pair;
// // The address behind Go's code stands in its data: what begins there counts as reached.
// __attribute__((no_reorder)) int begins(void) { return 0; }
// __attribute__((no_reorder)) long nobody_calls(void) { return syscall(SYS_reboot, 0, 0, 0, 0); }
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
