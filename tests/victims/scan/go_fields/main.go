// Numbers in a field and in an element, which are set by addresses that lie before them.
package main

import (
	"os"
	"syscall"
)

type call struct{ tries, number uintptr }

var one = call{1, syscall.SYS_GETPPID}
var many = [16]uintptr{12: syscall.SYS_GETPPID}

//go:noinline
func (c *call) change() { c.number = syscall.SYS_MLOCKALL }

//go:noinline
func put(i int) { many[i] = syscall.SYS_MUNLOCKALL }

func main() {
	(&one).change()
	put(len(os.Args) + 11)
	syscall.RawSyscall(one.number, 0, 0, 0)
	syscall.RawSyscall(many[12], 0, 0, 0)
}
