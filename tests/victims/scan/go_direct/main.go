// Numbers as arguments of package syscall's functions, directly and through a function of our own, and
// a function that nobody calls.
package main

import "syscall"

//go:noinline
func wrapper(trap, a uintptr) uintptr {
	result, _, _ := syscall.RawSyscall(trap, a, 0, 0)
	return result
}

//go:noinline
func Dead() { syscall.Syscall(syscall.SYS_REBOOT, 0, 0, 0) }

func main() {
	syscall.Syscall(syscall.SYS_IOPRIO_GET, 1, 0, 0)
	syscall.RawSyscall6(syscall.SYS_MLOCKALL, 0, 0, 0, 0, 0, 0)
	println(wrapper(syscall.SYS_GETPRIORITY, 0))
}
