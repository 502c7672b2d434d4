// Go that calls C, which makes the call.
package main

/*
#include <unistd.h>

static __attribute__((noinline)) long c_inner(void) {
  long done = write(1, "cgo\n", 4);
  __asm__ volatile("" ::: "memory");
  return done + 1;
}
static __attribute__((noinline)) long c_outer(void) {
  long done = c_inner();
  __asm__ volatile("" ::: "memory");
  return done + 1;
}
*/
import "C"

//go:noinline
func callC() int { return int(C.c_outer()) + 1 }

func main() { callC() }
