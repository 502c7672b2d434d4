#include "learn/fallbacks.h"

namespace sysnare {
namespace {

// 32-bit ABIs: glibc tries the call with 64-bit time first, then the old one.
constexpr std::string_view kTime64 = "glibc on 32-bit ABIs falls back to the call with 32-bit time";

// call | who falls back, to what, where (glibc paths are below sysdeps/unix/sysv/linux)
constexpr Fallback kFallbacks[] = {
    {"clock_adjtime64", kTime64},
    {"clock_getres_time64", kTime64},
    {"clock_gettime64", kTime64},
    {"clock_nanosleep_time64", kTime64},
    {"clock_settime64", kTime64},
    {"clone3", "glibc falls back to clone (clone-internal.c, spawni.c); with EPERM threads fail"},
    {"close_range", "glibc's closefrom and posix_spawn fall back to close (closefrom_fallback.c)"},
    {"copy_file_range", "Go's os.File.ReadFrom and coreutils' cp fall back to read and write"},
    {"epoll_pwait2", "Ruby's io-event, PHP and others fall back to epoll_wait"},
    {"faccessat2", "glibc's faccessat falls back to faccessat (faccessat.c); musl and Go too"},
    {"fchmodat2", "glibc's fchmodat falls back to chmod by /proc/self/fd (fchmodat.c); musl too"},
    {"futex_time64", kTime64},
    {"futex_waitv", "Wine's fsync falls back to its other ways of waiting"},
    {"getrandom",
     "glibc's arc4random falls back to /dev/urandom (stdlib/arc4random.c) and with "
     "EPERM aborts; Go falls back too"},
    {"io_pgetevents_time64", kTime64},
    {"mlock2", "glibc falls back to mlock (mlock2.c)"},
    {"mq_timedreceive_time64", kTime64},
    {"mq_timedsend_time64", kTime64},
    {"openat2", "libpathrs, crun, runc and go-fuse fall back to openat"},
    {"ppoll_time64", kTime64},
    {"preadv2", "glibc falls back to preadv (preadv64v2.c)"},
    {"pselect6_time64", kTime64},
    {"pwritev2", "glibc falls back to pwritev (pwritev64v2.c)"},
    {"recvmmsg_time64", kTime64},
    {"renameat2", "glibc answers EINVAL, as of a kernel without it (renameat2.c); mv then renames"},
    {"rseq", "glibc goes on without restartable sequences (rseq-internal.h)"},
    {"rt_sigtimedwait_time64", kTime64},
    {"sched_rr_get_interval_time64", kTime64},
    {"semtimedop_time64", kTime64},
    {"statx", "glibc falls back to newfstatat (statx.c, fstatat64.c); Rust's std and Go too"},
    {"timer_gettime64", kTime64},
    {"timer_settime64", kTime64},
    {"timerfd_gettime64", kTime64},
    {"timerfd_settime64", kTime64},
    {"utimensat_time64", kTime64},
};

}  // namespace

std::span<const Fallback> fallbacks() { return kFallbacks; }

}  // namespace sysnare
