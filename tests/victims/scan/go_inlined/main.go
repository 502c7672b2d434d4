// The number of fcntl stands in a variable of package syscall, whose function is
// inlined here (Go 1.19, src/syscall/flock_linux.go).
package main

import "syscall"

func main() {
	var lock syscall.Flock_t
	if syscall.FcntlFlock(1, syscall.F_GETLK, &lock) != nil {
		println("no lock")
	}
}
