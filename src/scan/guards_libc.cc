// Options that a call of glibc is given in an object, which only functions of its own fill. Taken
// for granted: nobody writes into such an object by other means.
//
// - posix_spawn. The child looks at the flags and at the list of what to do with files (glibc 2.36,
//   sysdeps/unix/sysv/linux/spawni.c, __spawni_child). Flags come from posix_spawnattr_setflags
//   alone; the library's own call of that, in system(), sets none of those here
//   (sysdeps/posix/system.c). Each kind of action is added by a function of its own
//   (posix/spawn_faction_add*.c).
// - Threads. Of what attributes ask for, pthread_create sets a scheduler only where
//   pthread_attr_setinheritsched said so, and processors only where pthread_attr_setaffinity_np
//   named them, or pthread_getattr_np. The library's own calls of the former are those of the
//   latter and of who copies attributes (nptl/pthread_create.c, pthread_getattr_np.c,
//   pthread_attr_copy.c).
// - RPC. Each thread that ends takes back the services that it has registered (sunrpc/svc.c,
//   __rpc_thread_svc_cleanup). svc_register alone puts them into the list.
// - Temporary directories. Whoever makes up a name hands on what to make of it; a directory
//   is asked for by mkdtemp alone (misc/mkdtemp.c; sysdeps/posix/tempname.c, try_dir, whose address
//   stands in a table with the others).
// - Arenas of malloc. Processors are counted once there are more than eight, unless mallopt set
//   another bound (malloc/arena.c, arena_get2). One thread never has so many.
// - The working directory. Messages are looked for in it where bindtextdomain named a relative
//   directory (intl/dcigettext.c, DCIGETTEXT), converters of character sets where GCONV_PATH is
//   set (iconv/gconv_conf.c, __gconv_get_path): by who changes the environment, or whoever began
//   it.
// - The dynamic linker as a program of its own. Only where the program's entry is its own does it
//   read options and start another program, or print what it knows of the system (elf/rtld.c,
//   dl_main; elf/dl-diagnostics.c). That entry is what the kernel says: of the program, not of its
//   interpreter (fs/binfmt_elf.c, create_elf_tables(), Linux 6.18). It starts none otherwise.
// - What the environment asks the dynamic linker for. LD_PROFILE alone makes it set a timer
//   (elf/dl-profile.c). It asks the kernel where the program lies for a '$' in a name or directory
//   of the program's (elf/dl-load.c; elf/dl-dst.h, DL_DST_REQUIRED), or in LD_LIBRARY_PATH. It
//   asks for the working directory where an object is found by a relative path (elf/dl-object.c,
//   _dl_new_object): such a name, one of who calls dlopen, or of LD_LIBRARY_PATH or LD_PRELOAD.

#include <algorithm>

#include "arch/syscalls.h"
#include "elf/tokens.h"
#include "scan/guards.h"
#include "scan/names.h"
#include "scan/parts.h"

namespace sysnare {
namespace {

/// Whether an instruction of `node` itself makes the call `nr`, and no other.
bool makes(const LinkGraph& graph, std::uint32_t node, std::uint32_t nr) {
  const Summary& summary = graph.summary_of(node);
  const std::span<const SyscallSite> sites = cut(summary.sites, graph.function(node)->sites);
  return std::any_of(sites.begin(), sites.end(), [&](const SyscallSite& site) {
    const std::span<const Value> values = cut(summary.values, site.nr);
    return values.size() == 1 && values[0].kind == Value::Kind::kConstant && values[0].number == nr;
  });
}

/// Whether the program has something looked for by a name or in a directory with a '$' in it. Of
/// libraries it is known where they lie.
bool asks_for_origin(const Summary& program) {
  constexpr char kToken = '$';
  const auto has_token = [&](std::uint32_t text) {
    return text_of(program, text).find(kToken) != std::string_view::npos;
  };
  return std::any_of(program.needed.begin(), program.needed.end(), has_token) ||
         std::any_of(program.rpath.begin(), program.rpath.end(), has_token) ||
         std::any_of(program.runpath.begin(), program.runpath.end(), has_token) ||
         std::any_of(program.strings.begin(), program.strings.end(),
                     [&](const StringRef& string) { return has_token(string.text); });
}

/// Whether it may become a relative path. Tokens other than the origin are no beginning of one that
/// is absolute (elf/dl-load.c, _dl_dst_substitute).
bool is_relative(std::string_view path) {
  return !path.starts_with('/') && token_length(path, "ORIGIN") == 0;
}

/// Whether the object refers to the variable that keeps the environment, or has it (by a copy
/// relocation).
bool names_environment(const Summary& object) {
  const auto is_it = [&](std::uint32_t text) {
    const std::string_view name = text_of(object, text);
    return name == "environ" || name == "__environ" || name == "_environ";
  };
  return std::any_of(object.imports.begin(), object.imports.end(),
                     [&](const Import& import) { return is_it(import.name); }) ||
         std::any_of(object.exports.begin(), object.exports.end(),
                     [&](const Export& symbol) { return is_it(symbol.name); });
}

/// Whether an object names another by a relative path, or a relative directory to look in.
bool asks_for_relative(const Summary& object) {
  const auto relative = [&](std::uint32_t text) { return is_relative(text_of(object, text)); };
  return std::any_of(object.rpath.begin(), object.rpath.end(), relative) ||
         std::any_of(object.runpath.begin(), object.runpath.end(), relative) ||
         std::any_of(object.needed.begin(), object.needed.end(), [&](std::uint32_t text) {
           return text_of(object, text).find('/') != std::string_view::npos && relative(text);
         });
}

}  // namespace

bool Guards::calls(std::uint32_t from, std::uint32_t to) const {
  const Summary& summary = graph_.summary_of(from);
  const std::span<const CallSite> made = cut(summary.calls, graph_.function(from)->calls);
  return std::any_of(made.begin(), made.end(), [&](const CallSite& call) {
    return call.target.kind == Target::Kind::kFunction &&
           graph_.node_of_function(graph_.object_of(from), call.target.index) == to;
  });
}

void Guards::find_options() {
  for (const std::uint32_t node : graph_.named("gnu_get_libc_version")) {
    const std::uint32_t object = graph_.object_of(node);
    if (!is_c_library_alone(object)) continue;
    find_spawn_options(object);
    find_thread_options(object);
    find_rpc(object);
    find_temporary_directories(object);
    find_arenas(object);
    find_working_directory(object);
    return;
  }
}

void Guards::find_spawn_options(std::uint32_t object) {
  struct Row {
    std::vector<std::string_view> keys, called;
    std::vector<std::string_view> functions, calls;
  };
  const Row kRows[] = {
      {{},
       {"posix_spawnattr_setflags"},
       {"sched_setparam", "sched_setscheduler", "setsid", "setpgid", "getuid", "getgid"},
       {"setresuid", "setresgid"}},
      {{"posix_spawn_file_actions_adddup2", "posix_spawn_file_actions_addopen"}, {}, {"dup2"}, {}},
      {{"posix_spawn_file_actions_addchdir_np"}, {}, {"chdir"}, {}},
      {{"posix_spawn_file_actions_addfchdir_np"}, {}, {"fchdir"}, {}},
      {{"posix_spawn_file_actions_addtcsetpgrp_np"}, {}, {"getpgid"}, {}},
      {{"posix_spawn_file_actions_addclosefrom_np"}, {}, {}, {"close_range"}},
  };
  const std::vector<std::uint32_t> child =
      callers_of_all(object, {"sched_setparam", "sched_setscheduler", "setsid", "setpgid"});
  if (child.size() != 1) return;
  const Abi abi = native_abi(graph_.objects()[object].summary.machine);
  for (const Row& row : kRows) {
    Guard guard;
    guard.keys = row.keys;
    guard.called = row.called;
    for (const std::string_view name : row.functions) {
      const std::uint32_t to = named_in(object, name);
      if (to != kNone) guard.steps.emplace_back(child[0], to);
    }
    for (const std::string_view name : row.calls) {
      const auto nr = syscall_nr(abi, name);
      if (nr) guard.sites.emplace_back(child[0], *nr);
    }
    add(std::move(guard));
  }
}

void Guards::find_thread_options(std::uint32_t object) {
  const std::uint32_t create = named_in(object, "pthread_create");
  if (create == kNone || graph_.function(create) == nullptr) return;
  const Summary& summary = graph_.objects()[object].summary;
  const Abi abi = native_abi(summary.machine);
  const auto affinity = syscall_nr(abi, "sched_setaffinity");
  const auto scheduler = syscall_nr(abi, "sched_setscheduler");
  if (!affinity || !scheduler) return;
  // It and what it has of its own for this: create_thread().
  std::vector<std::uint32_t> creators = {create};
  for (const CallSite& call : cut(summary.calls, graph_.function(create)->calls)) {
    if (call.target.kind != Target::Kind::kFunction) continue;
    const std::uint32_t to = graph_.node_of_function(object, call.target.index);
    if (to != kNone && makes(graph_, to, *affinity) && makes(graph_, to, *scheduler))
      creators.push_back(to);
  }
  Guard scheduling{.keys = {"pthread_attr_setinheritsched"}};
  Guard processors{.keys = {"pthread_getattr_np"}, .called = {"pthread_attr_setaffinity_np"}};
  for (const std::uint32_t creator : creators) {
    processors.sites.emplace_back(creator, *affinity);
    for (const std::string_view name :
         {"sched_setscheduler", "sched_getscheduler", "sched_getparam"}) {
      if (const auto nr = syscall_nr(abi, name)) scheduling.sites.emplace_back(creator, *nr);
      const std::uint32_t to = named_in(object, name);
      if (to != kNone) scheduling.steps.emplace_back(creator, to);
    }
  }
  add(std::move(scheduling));
  add(std::move(processors));
}

void Guards::find_rpc(std::uint32_t object) {
  const std::uint32_t unregister = named_in(object, "svc_unregister");
  const std::vector<std::uint32_t> cleanup = callers_of_all(object, {"svc_unregister"});
  if (cleanup.size() != 1) return;
  Guard guard{.keys = {"svc_register"}};
  guard.steps.emplace_back(cleanup[0], unregister);
  add(std::move(guard));
}

void Guards::find_temporary_directories(std::uint32_t object) {
  Guard guard{.keys = {"mkdtemp"}};
  if (named_in(object, guard.keys.front()) == kNone) return;
  // The step alone: before glibc 2.33 the function that makes it made files and names too.
  const std::uint32_t mkdir = named_in(object, "mkdir");
  const std::vector<std::uint32_t> callers = callers_of_all(object, {"mkdir"});
  if (callers.size() == 1) guard.steps.emplace_back(callers.front(), mkdir);
  add(std::move(guard));
}

void Guards::find_arenas(std::uint32_t object) {
  Guard guard{.keys = {"pthread_create", "mallopt", "dlmopen"}, .called = {"clone"}};
  const std::uint32_t malloc = named_in(object, "malloc");
  const std::uint32_t count = named_in(object, "get_nprocs");
  const std::vector<std::uint32_t> arenas = callers_of_all(object, {"get_nprocs"});
  if (malloc == kNone || graph_.function(malloc) == nullptr || arenas.size() != 1 ||
      !calls(malloc, arenas.front())) {
    return;
  }
  guard.steps.emplace_back(arenas.front(), count);
  add(std::move(guard));
}

void Guards::find_working_directory(std::uint32_t object) {
  const std::uint32_t where = named_in(object, "getcwd");
  if (where == kNone) return;
  // Whoever changes variables may change that one.
  Guard converters{.called = {"setenv", "putenv"}};
  bool has_environment = false;
  for (std::uint32_t i = 0; i < graph_.objects().size(); ++i) {
    has_environment = has_environment ||
                      (!graph_.is_c_library(i) && names_environment(graph_.objects()[i].summary));
  }
  const std::vector<std::uint32_t> paths = callers_of_all(object, {"getcwd", "strtok_r"});
  if (paths.size() == 1 && !has_environment) converters.steps.emplace_back(paths.front(), where);
  add(std::move(converters));
  const std::uint32_t bind = named_in(object, kBindDomain);
  const std::uint32_t translate = named_in(object, "dcgettext");
  if (bind == kNone || translate == kNone || graph_.function(bind) == nullptr ||
      graph_.function(translate) == nullptr) {
    return;
  }
  Guard messages;
  messages.argument = {.node = bind,
                       .place = argument_place(graph_.summary_of(bind).machine, 1),
                       .is_directory = true};
  for (const std::uint32_t each : callers_of_all(object, {"getcwd"})) {
    if (calls(translate, each)) messages.steps.emplace_back(each, where);
  }
  add(std::move(messages));
}

void Guards::find_program_mode() {
  const std::uint32_t linker = graph_.interpreter();
  if (linker == kNone) return;
  const Summary& summary = graph_.objects()[linker].summary;
  // Others of that name are not glibc's, and may start programs.
  if (!text_of(summary, summary.soname).starts_with("ld-linux") ||
      named_in(linker, "_dl_mcount") == kNone) {
    return;
  }
  std::vector<std::uint32_t> never;
  for (const std::string_view name : {"execve", "setitimer", "readlink"}) {
    const auto nr = syscall_nr(native_abi(summary.machine), name);
    if (nr && (name != "readlink" || !asks_for_origin(graph_.objects().front().summary)))
      never.push_back(*nr);
  }
  Guard guard;
  for (std::uint32_t i = 0; i < summary.functions.size(); ++i) {
    const std::uint32_t node = graph_.node_of_function(linker, i);
    for (const std::uint32_t nr : never) {
      if (makes(graph_, node, nr)) guard.sites.emplace_back(node, nr);
    }
    bool names_library = false;
    bool names_directory = false;
    for (const StringRef& string : cut(summary.strings, summary.functions[i].strings)) {
      names_library = names_library || text_of(summary, string.text) == "libc.so.6";
      names_directory = names_directory || text_of(summary, string.text) == "/etc";
    }
    if (names_library && names_directory) guard.asleep.push_back(node);
  }
  add(std::move(guard));
  find_relative_paths(linker);
}

void Guards::find_relative_paths(std::uint32_t linker) {
  const Summary& summary = graph_.objects()[linker].summary;
  const auto nr = syscall_nr(native_abi(summary.machine), "getcwd");
  const auto& objects = graph_.objects();
  if (!nr || std::any_of(objects.begin(), objects.end(), [](const LoadedObject& each) {
        return asks_for_relative(each.summary);
      })) {
    return;
  }
  Guard guard{.called = {"dlopen", "dlmopen", "__nss_configure_lookup"}};
  for (std::uint32_t i = 0; i < summary.functions.size(); ++i) {
    const std::uint32_t node = graph_.node_of_function(linker, i);
    if (makes(graph_, node, *nr)) guard.sites.emplace_back(node, *nr);
  }
  add(std::move(guard));
}

}  // namespace sysnare
