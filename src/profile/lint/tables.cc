#include "profile/lint/tables.h"

namespace sysnare::linting {
namespace {

// Source: the man pages of section 2 (man-pages 6.03), and fs/, kernel/ of Linux 6.18 for the
// newest.
constexpr Family kFamilies[] = {
    {"open a file", "open openat openat2 creat"},
    {"make a folder", "mkdir mkdirat"},
    {"make a device or pipe file", "mknod mknodat"},
    {"change the mode of a file", "chmod fchmod fchmodat fchmodat2"},
    {"change the owner of a file", "chown lchown fchown fchownat chown32 lchown32 fchown32"},
    {"start a process", "fork vfork clone clone3"},
    {"start a program", "execve execveat"},
    {"remove a file", "unlink unlinkat"},
    {"remove a folder", "rmdir unlinkat"},
    {"rename a file", "rename renameat renameat2"},
    {"make a hard link", "link linkat"},
    {"make a symbolic link", "symlink symlinkat"},
    {"read a symbolic link", "readlink readlinkat"},
    {"look at a file", "stat lstat fstat newfstatat statx stat64 lstat64 fstat64 fstatat64"},
    {"ask for access", "access faccessat faccessat2"},
    {"change the folder", "chdir fchdir"},
    {"cut a file", "truncate ftruncate truncate64 ftruncate64"},
    {"set times of a file", "utime utimes futimesat utimensat utimensat_time64"},
    {"list a folder", "getdents getdents64 readdir"},
    {"copy a descriptor", "dup dup2 dup3"},
    {"take a connection", "accept accept4"},
    {"make an epoll", "epoll_create epoll_create1"},
    {"wait in an epoll", "epoll_wait epoll_pwait epoll_pwait2"},
    {"wait for descriptors", "select _newselect pselect6 pselect6_time64 poll ppoll ppoll_time64"},
    {"make a pipe", "pipe pipe2"},
    {"make an eventfd", "eventfd eventfd2"},
    {"make a signalfd", "signalfd signalfd4"},
    {"watch files", "inotify_init inotify_init1"},
    {"set an extended attribute", "setxattr lsetxattr fsetxattr setxattrat"},
    {"read an extended attribute", "getxattr lgetxattr fgetxattr getxattrat"},
    {"list extended attributes", "listxattr llistxattr flistxattr listxattrat"},
    {"remove an extended attribute", "removexattr lremovexattr fremovexattr removexattrat"},
    {"read from a descriptor", "read readv pread64 preadv preadv2"},
    {"write to a descriptor", "write writev pwrite64 pwritev pwritev2"},
    {"send to a socket", "send sendto sendmsg sendmmsg"},
    {"receive from a socket", "recv recvfrom recvmsg recvmmsg recvmmsg_time64"},
    {"map memory", "mmap mmap2"},
    {"protect memory", "mprotect pkey_mprotect"},
    {"lock memory", "mlock mlock2 mlockall"},
    {"send a signal", "kill tkill tgkill rt_sigqueueinfo rt_tgsigqueueinfo pidfd_send_signal"},
    {"read another process", "ptrace process_vm_readv"},
    {"write another process", "ptrace process_vm_writev"},
    {"mount a file system", "mount fsmount move_mount"},
    {"unmount a file system", "umount umount2"},
    {"load a kernel module", "init_module finit_module"},
    {"load another kernel", "kexec_load kexec_file_load"},
    {"set the clock", "settimeofday clock_settime clock_settime64 stime"},
    {"set the user", "setuid setreuid setresuid setuid32 setreuid32 setresuid32"},
    {"set the group", "setgid setregid setresgid setgid32 setregid32 setresgid32"},
    {"set a limit", "setrlimit prlimit64"},
    {"send a file", "sendfile sendfile64"},
    {"control a descriptor", "fcntl fcntl64"},
};

// net/socket.c SYSCALL_DEFINE2(socketcall), ipc/syscall.c ksys_ipc(), Linux 6.18.
constexpr Multiplexer kMultiplexers[] = {
    {"socketcall",
     "socket bind connect listen accept getsockname getpeername socketpair send recv sendto "
     "recvfrom shutdown setsockopt getsockopt sendmsg recvmsg accept4 recvmmsg sendmmsg"},
    {"ipc", "semop semget semctl semtimedop msgsnd msgrcv msgget msgctl shmat shmdt shmget shmctl"},
};

constexpr UnreadableSibling kSiblings[] = {
    {"clone", "clone3", "the flags"},
    {"open", "openat2", "the flags"},
    {"openat", "openat2", "the flags"},
    {"unshare", "clone3", "the namespaces"},
};

constexpr RiskyCall kRisky[] = {
    {"acct", "writes process accounting into a file of its choice", 1},
    {"add_key", "the kernel's keyrings are not separated by container", 2},
    {"bpf", "loads programs into the kernel", 3},
    {"chroot", "changes what the root folder is, the classic way out of one", 1},
    {"clock_settime", "sets the machine's clock", 1},
    {"delete_module", "removes kernel modules", 3},
    {"fanotify_init", "watches all file access of a mount", 1},
    {"finit_module", "loads kernel modules", 3},
    {"fsmount", "mounts file systems", 2},
    {"fsopen", "mounts file systems", 2},
    {"init_module", "loads kernel modules", 3},
    {"io_uring_enter", "runs operations that no filter sees", 2},
    {"io_uring_register", "runs operations that no filter sees", 2},
    {"io_uring_setup", "runs operations that no filter sees", 2},
    {"ioperm", "opens I/O ports", 3},
    {"iopl", "opens I/O ports", 3},
    {"kcmp", "compares what other processes hold, which reveals kernel addresses' order", 1},
    {"kexec_file_load", "loads another kernel", 3},
    {"kexec_load", "loads another kernel", 3},
    {"keyctl", "the kernel's keyrings are not separated by container", 2},
    {"lookup_dcookie", "names files by kernel cookies", 1},
    {"modify_ldt", "changes segments; a source of kernel bugs", 1},
    {"mount", "mounts file systems", 2},
    {"mount_setattr", "changes mounts", 2},
    {"move_mount", "mounts file systems", 2},
    {"open_by_handle_at", "opens files outside the container's root by handle", 3},
    {"open_tree", "takes mounts as descriptors", 2},
    {"perf_event_open", "samples the kernel and other processes", 2},
    {"pidfd_getfd", "takes descriptors from other processes", 2},
    {"pivot_root", "changes what the root folder is", 2},
    {"process_madvise", "advises on the memory of other processes", 1},
    {"process_vm_readv", "reads the memory of other processes", 2},
    {"process_vm_writev", "writes the memory of other processes", 3},
    {"ptrace", "takes over other processes, and the calls that a filter let them make", 3},
    {"quotactl", "changes quotas", 1},
    {"reboot", "stops the machine", 3},
    {"request_key", "the kernel's keyrings are not separated by container", 2},
    {"setns", "enters namespaces of other containers", 2},
    {"settimeofday", "sets the machine's clock", 1},
    {"stime", "sets the machine's clock", 1},
    {"swapoff", "changes the machine's swap", 1},
    {"swapon", "changes the machine's swap", 1},
    {"syslog", "reads the kernel's log, with its addresses", 1},
    {"umount", "unmounts file systems", 2},
    {"umount2", "unmounts file systems, which may hide files below", 2},
    {"unshare", "makes user namespaces, which open much of the kernel to any user", 2},
    {"uselib", "loads a library the way of the 1990s; long without a use", 1},
    {"userfaultfd", "halts the kernel in page faults, which makes its races easy to win", 2},
    {"vm86", "16-bit mode; a source of kernel bugs", 1},
    {"vm86old", "16-bit mode; a source of kernel bugs", 1},
};

}  // namespace

std::span<const Family> families() { return kFamilies; }
std::span<const Multiplexer> multiplexers() { return kMultiplexers; }
std::span<const UnreadableSibling> unreadable_siblings() { return kSiblings; }
std::span<const RiskyCall> risky_calls() { return kRisky; }

}  // namespace sysnare::linting
