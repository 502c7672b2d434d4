#include "profile/fallbacks.h"

namespace sysnare {
namespace {

// 32-bit ABIs: glibc tries the call with 64-bit time first, then the old one.
constexpr std::string_view kTime64 = "glibc on 32-bit ABIs falls back to the call with 32-bit time";

// call, who falls back to what and where (glibc paths: below sysdeps/unix/sysv/linux), older calls
constexpr Fallback kFallbacks[] = {
    {"clock_adjtime64", kTime64, "clock_adjtime"},
    {"clock_getres_time64", kTime64, "clock_getres"},
    {"clock_gettime64", kTime64, "clock_gettime"},
    {"clock_nanosleep_time64", kTime64, "clock_nanosleep"},
    {"clock_settime64", kTime64, "clock_settime"},
    {"clone3", "glibc falls back to clone (clone-internal.c, spawni.c); with EPERM threads fail",
     "clone"},
    {"close_range", "glibc's closefrom and posix_spawn fall back to close (closefrom_fallback.c)",
     "close"},
    {"copy_file_range", "Go's os.File.ReadFrom and coreutils' cp fall back to read and write", ""},
    {"epoll_pwait2", "Ruby's io-event, PHP and others fall back to epoll_wait",
     "epoll_wait epoll_pwait"},
    {"faccessat2", "glibc's faccessat falls back to faccessat (faccessat.c); musl and Go too",
     "faccessat access"},
    {"fchmodat2", "glibc's fchmodat falls back to chmod by /proc/self/fd (fchmodat.c); musl too",
     "fchmodat chmod"},
    {"futex_time64", kTime64, "futex"},
    {"futex_waitv", "Wine's fsync falls back to its other ways of waiting", "futex"},
    {"getrandom",
     "glibc's arc4random falls back to /dev/urandom (stdlib/arc4random.c) and with "
     "EPERM aborts; Go falls back too",
     ""},
    {"io_pgetevents_time64", kTime64, "io_pgetevents"},
    {"mlock2", "glibc falls back to mlock (mlock2.c)", "mlock"},
    {"mq_timedreceive_time64", kTime64, "mq_timedreceive"},
    {"mq_timedsend_time64", kTime64, "mq_timedsend"},
    {"openat2", "libpathrs, crun, runc and go-fuse fall back to openat", "openat"},
    {"ppoll_time64", kTime64, "ppoll"},
    {"preadv2", "glibc falls back to preadv (preadv64v2.c)", "preadv"},
    {"pselect6_time64", kTime64, "pselect6"},
    {"pwritev2", "glibc falls back to pwritev (pwritev64v2.c)", "pwritev"},
    {"recvmmsg_time64", kTime64, "recvmmsg"},
    {"renameat2", "glibc answers EINVAL, as of a kernel without it (renameat2.c); mv then renames",
     "renameat rename"},
    {"rseq", "glibc goes on without restartable sequences (rseq-internal.h)", "set_robust_list"},
    {"rt_sigtimedwait_time64", kTime64, "rt_sigtimedwait"},
    {"sched_rr_get_interval_time64", kTime64, "sched_rr_get_interval"},
    {"semtimedop_time64", kTime64, "semtimedop"},
    {"statx", "glibc falls back to newfstatat (statx.c, fstatat64.c); Rust's std and Go too",
     "newfstatat fstatat64 fstat fstat64 stat stat64"},
    {"timer_gettime64", kTime64, "timer_gettime"},
    {"timer_settime64", kTime64, "timer_settime"},
    {"timerfd_gettime64", kTime64, "timerfd_gettime"},
    {"timerfd_settime64", kTime64, "timerfd_settime"},
    {"utimensat_time64", kTime64, "utimensat"},
};

}  // namespace

std::span<const Fallback> fallbacks() { return kFallbacks; }

}  // namespace sysnare
