// A number in a variable of the program's own, that a method of one of Go's packages reads: where it
// is inlined, its instructions name the variable.
package main

import (
	"os"
	"syscall"
)

var times [4]syscall.Timespec

//go:noinline
func set(i int, number int64) { times[i].Sec = number }

func main() {
	set(len(os.Args)+1, syscall.SYS_MUNLOCKALL)
	number, _ := times[2].Unix()
	syscall.RawSyscall(uintptr(number), 0, 0, 0)
}
