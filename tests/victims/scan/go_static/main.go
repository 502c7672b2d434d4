// C beside Go, with all of the C library in the program: a mutex of priority protection, a user that is
// set in all threads, and a function that nobody calls.
package main

// #define _GNU_SOURCE
// #include <pthread.h>
// #include <sys/syscall.h>
// #include <unistd.h>
// // The address behind Go's code stands in its data: what begins there counts as reached.
// __attribute__((no_reorder)) int begins(void) { return 0; }
// __attribute__((no_reorder)) long nobody_calls(void) { return syscall(SYS_reboot, 0, 0, 0, 0); }
// static int protect(void) {
//   pthread_mutexattr_t attributes;
//   pthread_mutex_t mutex;
//   pthread_mutexattr_init(&attributes);
//   pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_PROTECT);
//   pthread_mutex_init(&mutex, &attributes);
//   return pthread_mutex_lock(&mutex) + setuid(getuid());
// }
import "C"

import "syscall"

func main() {
	println(C.protect())
	syscall.Syscall(syscall.SYS_IOPRIO_GET, 1, 0, 0)
}
