#include "record/ebpf/programs.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/capability.h>
#include <recorder.skel.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <ctime>
#include <iterator>
#include <span>

#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"
#include "record/ebpf/kernel_btf.h"
#include "record/ebpf/scope.h"
#include "record/ebpf/traits.h"
#include "record/main_entry.h"

namespace sysnare {
namespace {

constexpr const char* kBtf = "/sys/kernel/btf/vmlinux";
/// How often we read again because tasks ended while we read. Each round takes a millisecond.
constexpr int kReadRounds = 50;
constexpr std::uint32_t kUnusedMapEntries = 16;
/// Of programs, maps and links, and of the recorder and its command beside them (50, and room).
constexpr rlim_t kDescriptors = 64;
/// Living tasks' tables per read(2).
constexpr std::size_t kTablesInTurn = 16;

/// Not told: what matters is in our own sentence, and a library's log is not ours to print.
int say_nothing(libbpf_print_level, const char*, va_list) { return 0; }

bool has_capability(unsigned number) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};
  if (::syscall(SYS_capget, &header, data) != 0) return false;
  return (data[number / 32].effective >> (number % 32) & 1) != 0;
}

struct LinkCloser {
  void operator()(bpf_link* link) const { bpf_link__destroy(link); }
};
using LinkPtr = std::unique_ptr<bpf_link, LinkCloser>;

/// Runs an iterator and hands on what it writes. Errors: as the system calls.
template <typename Each>
Result<void> run_iterator(bpf_program* program, Each&& each) {
  const LinkPtr link(bpf_program__attach_iter(program, nullptr));
  if (!link) return fail_errno(errno, "cannot walk over the tasks by eBPF");
  const Fd fd(bpf_iter_create(bpf_link__fd(link.get())));
  if (!fd) return fail_errno(errno, "cannot walk over the tasks by eBPF");
  std::vector<std::byte> buffer(kTablesInTurn * sizeof(sysnare_task));
  for (;;) {
    const ssize_t got = ::read(fd.get(), buffer.data(), buffer.size());
    if (got == 0) return {};
    if (got < 0) {
      // EAGAIN: nothing came within a slice of the kernel's work; there is more.
      if (errno == EINTR || errno == EAGAIN) continue;
      return fail_errno(errno, "cannot read the tasks by eBPF");
    }
    each(std::span<const std::byte>(buffer.data(), static_cast<std::size_t>(got)));
  }
}

template <typename Key, typename Value>
Result<void> read_map(const bpf_map* map, std::vector<std::pair<Key, Value>>& out) {
  const int fd = bpf_map__fd(map);
  Key key{};
  Key* last = nullptr;
  // Entries are never deleted, so that the walk sees each once.
  for (;;) {
    Key next{};
    if (bpf_map_get_next_key(fd, last, &next) != 0) {
      if (errno == ENOENT) return {};
      return fail_errno(errno, "cannot read eBPF map {}", bpf_map__name(map));
    }
    Value value{};
    if (bpf_map_lookup_elem(fd, &next, &value) == 0) out.emplace_back(next, value);
    key = next;
    last = &key;
  }
}

/// A living task's table, as rows of its executable.
void add_task(const sysnare_task& task, bool counts_at_entry, EbpfTables& out) {
  sysnare_call_key key{};
  key.executable = task.executable;
  key.phase = task.phase;
  for (std::uint32_t at = 0; at < SYSNARE_ROWS; ++at) {
    if (task.rows[at].count == 0) continue;
    key.call = at < SYSNARE_HOLE_BEGIN ? at : at + (SYSNARE_HOLE_END - SYSNARE_HOLE_BEGIN);
    out.rows.emplace_back(key, task.rows[at]);
  }
  for (const sysnare_error_slot& slot : task.errors) {
    if (slot.key == 0) continue;
    out.errors.emplace_back(sysnare_error_key{slot.key, task.executable, 0}, slot.count);
  }
  if (task.unplaced != 0) ++out.unresolved_sites;
  if (task.call == 0 || counts_at_entry) return;
  key.call = task.call & ~SYSNARE_CALL_IN_FLIGHT;
  sysnare_row in_flight{};
  in_flight.count = 1;
  out.rows.emplace_back(key, in_flight);
}

std::uint64_t clock_ns(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000u +
         static_cast<std::uint64_t>(now.tv_nsec);
}

/// Of the kernel's timer, which this clock goes by (clock.bpf.h).
std::uint64_t tick_ns() {
  timespec tick{};
  ::clock_getres(CLOCK_MONOTONIC_COARSE, &tick);
  return static_cast<std::uint64_t>(tick.tv_sec) * 1'000'000'000u +
         static_cast<std::uint64_t>(tick.tv_nsec);
}

char state_of(pid_t pid) {
  Result<std::string> stat = read_file(fmt::format("/proc/{}/stat", pid));
  if (!stat) return 'X';
  const std::size_t name_end = stat->rfind(')');
  return name_end == std::string::npos || name_end + 2 >= stat->size() ? 'X'
                                                                       : (*stat)[name_end + 2];
}

/// Documentation/admin-guide/sysctl/net.rst, bpf_jit_enable: 0 is the interpreter.
bool programs_are_compiled() {
  Result<std::string> compiles = read_file("/proc/sys/net/core/bpf_jit_enable");
  return compiles && trim(*compiles) != "0";
}

/// Not in the headers of Debian 12. What else Linux 6.2 has, and 5.15, is there where this is.
constexpr auto kCgrpStorageGet = static_cast<bpf_func_id>(210);

/// Of programs at tracepoints; libbpf does not ask for those with BTF, which have the same helpers
/// (tracing_prog_func_proto() and raw_tp_prog_func_proto(), kernel/trace/bpf_trace.c, Linux 6.18).
bool programs_can_call(bpf_func_id helper) {
  return libbpf_probe_bpf_helper(BPF_PROG_TYPE_RAW_TRACEPOINT, helper, nullptr) == 1;
}

bool has_ended(char state) { return state == 'Z' || state == 'X'; }

rlim_t descriptor_limit() {
  rlimit limit{};
  return ::getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : RLIM_INFINITY;
}

/// Said before the kernel says EMFILE, which libbpf hands on as if the programs were the trouble.
Failure too_few_descriptors(rlim_t limit) {
  return fail(Errc::kLimit,
              "the eBPF recorder needs {} file descriptors, and the limit is {} (`ulimit -n`), or "
              "most of them are taken",
              kDescriptors, limit);
}

}  // namespace

Result<void> check_ebpf() {
  if (!has_capability(CAP_SYS_ADMIN) && !(has_capability(CAP_BPF) && has_capability(CAP_PERFMON))) {
    return fail(Errc::kNoPermission, "the eBPF recorder needs root, or CAP_BPF and CAP_PERFMON");
  }
  if (::access(kBtf, R_OK) != 0) {
    return fail(
        Errc::kUnsupported,
        "this kernel does not describe its types ({} is missing), which the eBPF recorder needs",
        kBtf);
  }
  const rlim_t limit = descriptor_limit();
  return limit < kDescriptors ? Result<void>(too_few_descriptors(limit)) : Result<void>();
}

struct EbpfPrograms::State {
  recorder_bpf* skeleton = nullptr;
  ring_buffer* ring = nullptr;
  bool at_entry = false;
  std::pair<bpf_program*, bpf_link**> entry;    ///< those that serve, and where their links go
  std::pair<bpf_program*, bpf_link**> returns;  ///< likewise; no link yet: not attached
  sysnare_scope scope = SYSNARE_SCOPE_TREE;
  bool sees_operations = false;
  std::uint64_t unix_offset_ns = 0;    ///< CLOCK_REALTIME less CLOCK_MONOTONIC, when we began
  bool sees_start = false;             ///< of the program, so that its phases are known
  LinkPtr main_link;                   ///< the uprobe of watch_main()
  const Listener* listener = nullptr;  ///< while take_events() runs

  ~State() {
    main_link.reset();
    ring_buffer__free(ring);
    recorder_bpf__destroy(skeleton);
  }

  static int receive(void* self, void* data, std::size_t size) {
    const Listener* listener = static_cast<State*>(self)->listener;
    __u32 kind = 0;
    if (listener == nullptr || size < sizeof kind) return 0;
    std::memcpy(&kind, data, sizeof kind);
    if (kind == SYSNARE_EVENT_MODULE) {
      sysnare_module_event event{};
      std::memcpy(&event, data, std::min(size, sizeof event));
      listener->on_module(event);
      return 0;
    }
    if (kind == SYSNARE_EVENT_CGROUP) {
      sysnare_cgroup_event event{};
      std::memcpy(&event, data, std::min(size, sizeof event));
      listener->on_cgroup(event);
      return 0;
    }
    // Events without a path end before it.
    sysnare_event event{};
    std::memcpy(&event, data, std::min(size, sizeof event));
    event.path_bytes = std::min<__u32>(event.path_bytes, SYSNARE_MAX_PATH);
    listener->on_event(event);
    return 0;
  }

  /// Those for entries and returns: where most calls can take the short way, and where not.
  void choose_programs(bool plainly) {
    const auto& programs = skeleton->progs;
    auto& links = skeleton->links;
    entry = {programs.on_entry, &links.on_entry};
    returns = {programs.on_return, &links.on_return};
    if (plainly && at_entry) {
      entry = {programs.on_counted_entry, &links.on_counted_entry};
    } else if (plainly) {
      entry = {programs.on_plain_entry, &links.on_plain_entry};
      returns = {programs.on_plain_return, &links.on_plain_return};
    }
    for (bpf_program* each : {programs.on_entry, programs.on_plain_entry, programs.on_counted_entry,
                              programs.on_return, programs.on_plain_return}) {
      bpf_program__set_autoload(each, each == entry.first || each == returns.first);
    }
  }

  /// What is decided before the programs are loaded.
  void prepare(const RecordOptions& options, const EbpfScope& its_scope) {
    scope = its_scope.kind;
    at_entry = options.detail == RecordDetail::kCounts;
    auto* constants = skeleton->rodata;
    constants->at_entry = at_entry;
    constants->with_time = options.detail <= RecordDetail::kTime;
    constants->exact_time = options.detail == RecordDetail::kExactTime;
    constants->tick_ns = tick_ns();
    constants->follow = options.follow;
    constants->with_sites = options.sites;
    constants->may_cast = programs_are_compiled();
    fill_traits(constants->traits);
    fill_plain_rows(constants->traits, constants->plain_rows);
    const bool plainly = !options.sites && scope == SYSNARE_SCOPE_TREE &&
                         constants->may_cast != 0 && programs_can_call(kCgrpStorageGet);
    choose_programs(plainly);
    unix_offset_ns = clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_MONOTONIC);
    const bool launches = !options.command.empty() && scope == SYSNARE_SCOPE_TREE;
    sees_start = launches || options.container == ContainerStage::kNotBegun;
    constants->ready_by_calls = sees_start && options.ready.by_calls();
    // Without uprobes phases are told by the ready mark alone.
    bpf_program__set_autoload(
        skeleton->progs.on_main,
        launches &&
            libbpf_probe_bpf_helper(BPF_PROG_TYPE_KPROBE, BPF_FUNC_task_storage_get, nullptr) == 1);
    constants->scope = static_cast<__u8>(scope);
    constants->controller = its_scope.controller;
    constants->hierarchy = its_scope.hierarchy;
    constants->by_cgroup = its_scope.by_cgroup;
    constants->with_runtime = its_scope.with_runtime;
    skeleton->bss->walk_finds_runtime = its_scope.walk_finds_runtime;
    const auto& maps = skeleton->maps;
    if (!options.sites) {
      for (bpf_map* map : {maps.places, maps.sites, maps.modules})
        bpf_map__set_max_entries(map, kUnusedMapEntries);
    }
    if (scope == SYSNARE_SCOPE_HOST) {
      for (sysnare_head& head : skeleton->bss->heads) head.others = 1;
      bpf_map__set_max_entries(maps.events, SYSNARE_HOST_RING_BYTES);
      bpf_map__set_max_entries(maps.totals, SYSNARE_HOST_TOTALS);
      bpf_map__set_max_entries(maps.arg_sets, SYSNARE_HOST_ARG_SETS);
      bpf_map__set_max_entries(maps.args, SYSNARE_HOST_ARGS);
    } else {
      bpf_map__set_max_entries(maps.cgroups_told, kUnusedMapEntries);
    }
    if (scope != SYSNARE_SCOPE_TREE) bpf_map__set_max_entries(maps.slots, 1);
    bpf_program__set_autoload(skeleton->progs.on_cgroup_change, scope != SYSNARE_SCOPE_TREE);
    bpf_program__set_autoload(skeleton->progs.look_at_all, scope != SYSNARE_SCOPE_TREE);
    bpf_program__set_autoload(skeleton->progs.on_new_cgroup, scope == SYSNARE_SCOPE_CGROUPS);
  }

  Result<void> name_cgroups(const EbpfScope& its_scope) const {
    const __u8 followed = 1;
    for (std::size_t i = 0; i < its_scope.paths.size(); ++i) {
      const std::string& path = its_scope.paths[i];
      sysnare_cgroup_path key{};
      if (path.empty() || path.size() >= sizeof key.text) continue;
      path.copy(key.text, path.size());
      if (bpf_map_update_elem(bpf_map__fd(skeleton->maps.followed_paths), &key,
                              &its_scope.cgroups[i], BPF_ANY) != 0) {
        return fail_errno(errno, "cannot name the cgroups to the eBPF programs");
      }
    }
    for (const std::uint64_t id : its_scope.cgroups) {
      if (bpf_map_update_elem(bpf_map__fd(skeleton->maps.followed_cgroups), &id, &followed,
                              BPF_ANY) != 0) {
        return fail_errno(errno, "cannot name the cgroups to the eBPF programs");
      }
    }
    return {};
  }

  Result<void> attach_one(bpf_program* program, bpf_link** link) {
    *link = bpf_program__attach(program);
    if (*link == nullptr) {
      return fail_errno(errno, "cannot attach eBPF program {}", bpf_program__name(program));
    }
    return {};
  }

  /// Not every kernel shows them; that is said where somebody uses io_uring, and no error.
  void attach_rings() {
    auto& links = skeleton->links;
    links.on_ring_request = bpf_program__attach(skeleton->progs.on_ring_request);
    if (links.on_ring_request == nullptr && tracepoint_takes("io_uring_submit_sqe", "io_kiocb")) {
      links.on_ring_entry = bpf_program__attach(skeleton->progs.on_ring_entry);
    }
    sees_operations = links.on_ring_request != nullptr || links.on_ring_entry != nullptr;
  }

  /// Names a process to the programs; those take it in.
  Result<void> name(int pidfd, sysnare_member member) {
    member.stage = SYSNARE_STAGE_NAMED;
    member.space = new_space();
    if (bpf_map_update_elem(bpf_map__fd(skeleton->maps.members), &pidfd, &member, BPF_NOEXIST) !=
        0) {
      return fail_errno(errno, "cannot follow the process by eBPF");
    }
    return {};
  }
  /// Takes in the processes that were named and their threads. The walk goes on until no thread is
  /// new.
  Result<void> take_in_named() {
    bool fresh = true;
    while (fresh) {
      fresh = false;
      Result<void> walked = run_iterator(skeleton->progs.follow_named,
                                         [&](std::span<const std::byte>) { fresh = true; });
      if (!walked) return walked;
    }
    return {};
  }
  /// Hands on the table of each task that is followed.
  template <typename Each>
  Result<void> each_living(Each&& each) const {
    // What read(2) gives need not end where a table does.
    std::vector<std::byte> rest;
    return run_iterator(skeleton->progs.read_living, [&](std::span<const std::byte> some) {
      rest.insert(rest.end(), some.begin(), some.end());
      std::size_t at = 0;
      for (; rest.size() - at >= sizeof(sysnare_task); at += sizeof(sysnare_task)) {
        sysnare_task task;
        std::memcpy(&task, rest.data() + at, sizeof task);
        each(task);
      }
      rest.erase(rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(at));
    });
  }
  /// What the ticks of rows mean (clock.bpf.h).
  void tell_clock(EbpfTables& tables) const {
    if (at_entry) return;
    tables.first_tick_ns = skeleton->bss->first_ns + unix_offset_ns;
    tables.ns_per_tick = skeleton->rodata->tick_ns;
  }
  [[nodiscard]] std::uint32_t new_space() const {
    return __atomic_add_fetch(&skeleton->bss->spaces, 1, __ATOMIC_RELAXED);
  }
  [[nodiscard]] std::uint64_t moves_begun() const {
    return __atomic_load_n(&skeleton->bss->moves_begun, __ATOMIC_ACQUIRE);
  }
  [[nodiscard]] std::uint64_t moves_done() const {
    return __atomic_load_n(&skeleton->bss->moves_done, __ATOMIC_ACQUIRE);
  }
};

EbpfPrograms::EbpfPrograms(std::unique_ptr<State> state) : state_(std::move(state)) {}
EbpfPrograms::EbpfPrograms(EbpfPrograms&&) noexcept = default;
EbpfPrograms& EbpfPrograms::operator=(EbpfPrograms&&) noexcept = default;
EbpfPrograms::~EbpfPrograms() = default;

Result<EbpfPrograms> EbpfPrograms::load(const RecordOptions& options) {
  if (Result<void> can = check_ebpf(); !can) return propagate(can);
  Result<EbpfScope> scope = scope_of(options);
  if (!scope) return propagate(scope);
  libbpf_set_print(say_nothing);
  auto state = std::make_unique<State>();
  state->skeleton = recorder_bpf__open();
  if (state->skeleton == nullptr) {
    return fail(Errc::kUnsupported, "cannot read our own eBPF programs: {}", std::strerror(errno));
  }
  state->prepare(options, *scope);
  if (options.sites && !programs_can_call(BPF_FUNC_find_vma)) {
    return fail(
        Errc::kUnsupported,
        "this kernel's eBPF programs cannot ask where an address lies (Linux 5.17 and later "
        "can), so calling instructions are not known to them");
  }
  if (const int error = recorder_bpf__load(state->skeleton); error != 0) {
    if (error == -EMFILE) return too_few_descriptors(descriptor_limit());
    return fail(Errc::kUnsupported,
                "this kernel does not take the eBPF programs of the recorder ({}; they need Linux "
                "5.12 or later, and no lockdown to confidentiality)",
                std::strerror(-error));
  }
  if (Result<void> named = state->name_cgroups(*scope); !named) return propagate(named);
  state->ring = ring_buffer__new(bpf_map__fd(state->skeleton->maps.events), State::receive,
                                 state.get(), nullptr);
  if (state->ring == nullptr) {
    return fail(Errc::kUnsupported, "this kernel has no eBPF ring buffer ({})",
                std::strerror(errno));
  }
  return EbpfPrograms(std::move(state));
}

Result<void> EbpfPrograms::attach() {
  auto& programs = state_->skeleton->progs;
  auto& links = state_->skeleton->links;
  state_->attach_rings();
  // Ends first: a task that is followed must not end unseen.
  const std::pair<bpf_program*, bpf_link**> all[] = {{programs.on_exit, &links.on_exit},
                                                     {programs.on_fork, &links.on_fork},
                                                     {programs.on_exec, &links.on_exec},
                                                     state_->entry};
  for (const auto& [program, link] : all) {
    if (Result<void> attached = state_->attach_one(program, link); !attached) return attached;
  }
  if (!state_->at_entry) {
    if (Result<void> attached = attach_returns(); !attached) return attached;
  }
  if (state_->scope == SYSNARE_SCOPE_TREE) return {};
  if (state_->scope == SYSNARE_SCOPE_CGROUPS) {
    Result<void> attached = state_->attach_one(programs.on_new_cgroup, &links.on_new_cgroup);
    if (!attached) return attached;
  }
  // Last: whoever comes in from then on is seen whole.
  return state_->attach_one(programs.on_cgroup_change, &links.on_cgroup_change);
}

Result<void> EbpfPrograms::follow_scope() {
  return run_iterator(state_->skeleton->progs.look_at_all, [](std::span<const std::byte>) {});
}

Result<void> EbpfPrograms::attach_returns() {
  const auto& [program, link] = state_->returns;
  return *link != nullptr ? Result<void>() : state_->attach_one(program, link);
}

Result<void> EbpfPrograms::follow_launched(int pidfd) {
  sysnare_member member{};
  member.executable = SYSNARE_LAUNCHER;
  member.gate = SYSNARE_GATE_LAUNCHING;
  if (Result<void> named = state_->name(pidfd, member); !named) return named;
  return state_->take_in_named();
}

Result<std::uint32_t> EbpfPrograms::number_of(dev_t device, ino_t inode) {
  // include/linux/kdev_t.h: MINORBITS is 20; stat(2) packs the two otherwise.
  constexpr unsigned kMinorBits = 20;
  const sysnare_executable_key key{inode, 0, major(device) << kMinorBits | minor(device), 0};
  const int fd = bpf_map__fd(state_->skeleton->maps.files);
  std::uint32_t number = 0;
  if (bpf_map_lookup_elem(fd, &key, &number) == 0) return number;
  number = __atomic_fetch_add(&state_->skeleton->data->executables, 1, __ATOMIC_RELAXED);
  if (bpf_map_update_elem(fd, &key, &number, BPF_NOEXIST) != 0) {
    return fail_errno(errno, "cannot number the programs");
  }
  return number;
}

Result<void> EbpfPrograms::follow_running(pid_t pid, int pidfd, std::uint32_t executable) {
  sysnare_member member{};
  member.executable = executable;
  member.attached = 1;
  // The main thread may have ended while others run: it makes no calls, and stands for them.
  member.ended = has_ended(state_of(pid)) ? 1 : 0;
  if (Result<void> named = state_->name(pidfd, member); !named) return named;
  return state_->take_in_named();
}

Result<void> EbpfPrograms::watch_main(const std::string& file, std::uint32_t number) {
  bpf_program* program = state_->skeleton->progs.on_main;
  auto& has_main = state_->skeleton->bss->has_main;
  if (bpf_program__fd(program) < 0) {
    return fail(Errc::kUnsupported, "this kernel has no uprobes for eBPF programs");
  }
  if (number >= std::size(has_main)) return fail(Errc::kLimit, "too many executables");
  Result<std::uint64_t> offset = offset_of_main(file);
  if (!offset) return propagate(offset);
  constexpr pid_t kWhoever = -1;
  state_->main_link.reset(
      bpf_program__attach_uprobe(program, false, kWhoever, file.c_str(), *offset));
  if (!state_->main_link) return fail_errno(errno, "cannot put a uprobe into {}", file);
  __atomic_store_n(&has_main[number], __u8{1}, __ATOMIC_RELEASE);
  return {};
}

bool EbpfPrograms::mark_ready() {
  __u32 start = SYSNARE_STANDING(SYSNARE_START);
  return __atomic_compare_exchange_n(&state_->skeleton->data->standing, &start,
                                     __u32{SYSNARE_STANDING(SYSNARE_STEADY)}, false,
                                     __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

std::uint64_t EbpfPrograms::living() const {
  return __atomic_load_n(&state_->skeleton->bss->living, __ATOMIC_ACQUIRE);
}

Result<std::uint64_t> EbpfPrograms::count_living() {
  std::uint64_t count = 0;
  Result<void> walked = state_->each_living([&](const sysnare_task& task) {
    if (task.gate != SYSNARE_GATE_LEAVING) ++count;
  });
  if (!walked) return propagate(walked);
  return count;
}

int EbpfPrograms::events_fd() const { return ring_buffer__epoll_fd(state_->ring); }

void EbpfPrograms::take_events(const Listener& listener) {
  state_->listener = &listener;
  ring_buffer__consume(state_->ring);
  state_->listener = nullptr;
}

Result<EbpfTables> EbpfPrograms::collect() {
  EbpfTables tables;
  for (int round = 0;; ++round) {
    tables = EbpfTables{};
    const std::uint64_t before = state_->moves_done();
    // Who has left cgroups that are followed lives, and has a table until its next call.
    if (living() != 0 || state_->scope != SYSNARE_SCOPE_TREE) {
      Result<void> walked = state_->each_living(
          [&](const sysnare_task& task) { add_task(task, state_->at_entry, tables); });
      if (!walked) return propagate(walked);
    }
    const auto& maps = state_->skeleton->maps;
    Result<void> read = read_map(maps.totals, tables.rows);
    if (read) read = read_map(maps.foreign, tables.rows);
    if (read) read = read_map(maps.errors, tables.errors);
    if (read) read = read_map(maps.edges, tables.edges);
    if (read) read = read_map(maps.sites, tables.sites);
    if (read) read = read_map(maps.operations, tables.operations);
    // Values before their number: a set that grows meanwhile is not taken for a whole one.
    if (read) read = read_map(maps.args, tables.args);
    if (read) read = read_map(maps.arg_sets, tables.arg_sets);
    if (!read) return propagate(read);
    if (state_->moves_begun() == before) break;
    if (round == kReadRounds) {
      tables.moved_meanwhile = true;
      break;
    }
  }
  for (std::size_t i = 0; i < SYSNARE_LOSSES; ++i) {
    tables.lost[i] = __atomic_load_n(&state_->skeleton->bss->lost[i], __ATOMIC_RELAXED);
  }
  tables.sees_operations = state_->sees_operations;
  const auto* bss = state_->skeleton->bss;
  tables.knows_phases =
      state_->sees_start || __atomic_load_n(&state_->skeleton->data->standing, __ATOMIC_ACQUIRE) ==
                                SYSNARE_STANDING(SYSNARE_STEADY);
  state_->tell_clock(tables);
  tables.knows_load = state_->main_link != nullptr;
  tables.ready_ns = __atomic_load_n(&bss->ready_ns, __ATOMIC_ACQUIRE);
  tables.ready_call = bss->ready_call;
  tables.unresolved_sites += __atomic_load_n(&state_->skeleton->bss->unresolved, __ATOMIC_RELAXED);
  tables.unfollowed = __atomic_load_n(&state_->skeleton->bss->unfollowed, __ATOMIC_RELAXED);
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, state_->skeleton->obj) {
    bpf_prog_info info{};
    __u32 size = sizeof info;
    if (bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &size) == 0) {
      tables.missed += info.recursion_misses;
    }
  }
  return tables;
}

}  // namespace sysnare
