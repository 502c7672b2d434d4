// rings [sqpoll]: through a ring of io_uring, one after the other, 5 NOP, 3 OPENAT and 2 READ; with
// `sqpoll` a thread of the kernel takes them. 77 where io_uring may not be used.
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { kEntries = 4 };

struct ring {
  int fd;
  int polled;
  _Atomic uint32_t* sq_tail;
  _Atomic uint32_t* sq_flags;
  uint32_t* sq_array;
  uint32_t sq_mask;
  _Atomic uint32_t* cq_head;
  _Atomic uint32_t* cq_tail;
  uint32_t cq_mask;
  struct io_uring_sqe* sqes;
  struct io_uring_cqe* cqes;
};

static int open_ring(struct ring* ring, int polled) {
  struct io_uring_params params;
  memset(&params, 0, sizeof params);
  if (polled) {
    params.flags = IORING_SETUP_SQPOLL;
    params.sq_thread_idle = 100;
  }
  ring->polled = polled;
  ring->fd = (int)syscall(SYS_io_uring_setup, kEntries, &params);
  if (ring->fd < 0) return 77;
  const size_t sq_bytes = params.sq_off.array + params.sq_entries * sizeof(uint32_t);
  const size_t cq_bytes = params.cq_off.cqes + params.cq_entries * sizeof(struct io_uring_cqe);
  const int flags = MAP_SHARED | MAP_POPULATE;
  char* sq = mmap(NULL, sq_bytes, PROT_READ | PROT_WRITE, flags, ring->fd, IORING_OFF_SQ_RING);
  char* cq = mmap(NULL, cq_bytes, PROT_READ | PROT_WRITE, flags, ring->fd, IORING_OFF_CQ_RING);
  ring->sqes = mmap(NULL, params.sq_entries * sizeof(struct io_uring_sqe), PROT_READ | PROT_WRITE,
                    flags, ring->fd, IORING_OFF_SQES);
  if (sq == MAP_FAILED || cq == MAP_FAILED || ring->sqes == MAP_FAILED) return 1;
  ring->sq_tail = (void*)(sq + params.sq_off.tail);
  ring->sq_flags = (void*)(sq + params.sq_off.flags);
  ring->sq_array = (void*)(sq + params.sq_off.array);
  ring->sq_mask = *(uint32_t*)(sq + params.sq_off.ring_mask);
  ring->cq_head = (void*)(cq + params.cq_off.head);
  ring->cq_tail = (void*)(cq + params.cq_off.tail);
  ring->cq_mask = *(uint32_t*)(cq + params.cq_off.ring_mask);
  ring->cqes = (void*)(cq + params.cq_off.cqes);
  return 0;
}

/// Does one operation, and gives its result.
static int operate(struct ring* ring, const struct io_uring_sqe* what) {
  const uint32_t tail = atomic_load(ring->sq_tail);
  ring->sqes[tail & ring->sq_mask] = *what;
  ring->sq_array[tail & ring->sq_mask] = tail & ring->sq_mask;
  atomic_store(ring->sq_tail, tail + 1);
  const uint32_t head = atomic_load(ring->cq_head);
  while (atomic_load(ring->cq_tail) == head) {
    unsigned flags = IORING_ENTER_GETEVENTS;
    if (ring->polled && (atomic_load(ring->sq_flags) & IORING_SQ_NEED_WAKEUP)) {
      flags |= IORING_ENTER_SQ_WAKEUP;
    }
    const long entered = syscall(SYS_io_uring_enter, ring->fd, 1, 1, flags, NULL, 0);
    if (entered < 0 && errno != EINTR) return -errno;
  }
  const int result = ring->cqes[head & ring->cq_mask].res;
  atomic_store(ring->cq_head, head + 1);
  return result;
}

int main(int argc, char** argv) {
  struct ring ring;
  const int failed = open_ring(&ring, argc > 1 && strcmp(argv[1], "sqpoll") == 0);
  if (failed) return failed;
  struct io_uring_sqe nop;
  memset(&nop, 0, sizeof nop);
  nop.opcode = IORING_OP_NOP;
  for (int i = 0; i < 5; ++i) {
    if (operate(&ring, &nop) != 0) return 2;
  }
  struct io_uring_sqe open_it = nop;
  open_it.opcode = IORING_OP_OPENAT;
  open_it.fd = AT_FDCWD;
  open_it.addr = (uint64_t)(uintptr_t) "/dev/zero";
  open_it.open_flags = O_RDONLY;
  int zero = -1;
  for (int i = 0; i < 3; ++i) {
    zero = operate(&ring, &open_it);
    if (zero < 0) return 3;
  }
  char byte;
  struct io_uring_sqe read_it = nop;
  read_it.opcode = IORING_OP_READ;
  read_it.fd = zero;
  read_it.addr = (uint64_t)(uintptr_t)&byte;
  read_it.len = 1;
  for (int i = 0; i < 2; ++i) {
    if (operate(&ring, &read_it) != 1) return 4;
  }
  return 0;
}
