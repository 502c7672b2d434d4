// 4 goroutines on threads of their own make 100 getppid each. So: getppid 400.
package main

import (
	"runtime"
	"sync"
	"syscall"
)

func main() {
	var all sync.WaitGroup
	for i := 0; i < 4; i++ {
		all.Add(1)
		go func() {
			defer all.Done()
			runtime.LockOSThread()
			for k := 0; k < 100; k++ {
				syscall.RawSyscall(syscall.SYS_GETPPID, 0, 0, 0)
			}
		}()
	}
	all.Wait()
}
