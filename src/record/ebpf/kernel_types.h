/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
#pragma once
// Which of the kernel's types do the recorder's eBPF programs look into?
//
// Our own declarations, with the members that are used; their offsets are found at load time from
// the running kernel's BTF (CO-RE), so that no vmlinux.h of the build machine is needed. For eBPF
// alone.

// A pointer that is read with a plain access is one that helpers take, for which newer kernels
// search all of their types several times (btf_nested_type_is_trusted(), kernel/bpf/verifier.c,
// Linux 6.18): 1 to 2 ms of our start, each. BPF_CORE_READ() costs nothing there; it serves where a
// pointer only leads on.

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct thread_info {
  unsigned long flags;  // arm64
  unsigned int status;  // x86
};
struct seccomp {
  int mode;
};
struct sched_info {
  unsigned long long run_delay;  // not in all configurations
};
typedef struct {
  unsigned long sig[1];
} sigset_t;
struct sigpending {
  sigset_t signal;
};
struct signal_struct {
  int nr_threads;
  int group_exit_code;
  unsigned int flags;
};
struct kernfs_node {
  __u64 id;
  const char* name;
};
struct cgroup;
struct cgroup_subsys_state {
  struct cgroup* cgroup;
  struct cgroup_subsys_state* parent;
};
struct cgroup_root {
  int hierarchy_id;
};
struct cgroup {
  struct cgroup_subsys_state self;
  struct kernfs_node* kn;
  struct cgroup_root* root;
};
struct css_set {
  struct cgroup_subsys_state*
      subsys[1];  // by enum cgroup_subsys_id, which the configuration decides
  struct cgroup* dfl_cgrp;
};
struct nsproxy;
struct task_struct {
  struct thread_info thread_info;
  unsigned int flags;
  int pid;
  int tgid;
  int exit_code;
  struct task_struct* real_parent;
  struct task_struct* group_leader;
  struct css_set* cgroups;
  struct nsproxy* nsproxy;
  struct seccomp seccomp;
  unsigned long nvcsw;
  unsigned long nivcsw;
  struct sched_info sched_info;
  struct signal_struct* signal;
  struct mm_struct* mm;
  struct sigpending pending;
};
typedef struct {
  void* vdso;
} mm_context_t;
struct file;
struct mm_struct {
  mm_context_t context;
  struct file* exe_file;
};
struct qstr {
  const unsigned char* name;
};
struct dentry {
  struct dentry* d_parent;
  struct qstr d_name;
};
struct path {
  struct dentry* dentry;
};
struct super_block {
  __u32 s_dev;
};
struct inode {
  unsigned long i_ino;
  struct super_block* i_sb;
};
struct file {
  struct inode* f_inode;
  struct path f_path;
};
struct io_kiocb {
  __u8 opcode;
};
struct vm_area_struct {
  unsigned long vm_start;
  unsigned long vm_pgoff;
  struct file* vm_file;
};
struct linux_binprm {
  struct file* file;
  const char* interp;
};
struct seq_file {
  void* private;
};
struct bpf_iter_meta {
  struct seq_file* seq;
};
struct bpf_iter__task {
  struct bpf_iter_meta* meta;
  struct task_struct* task;
};
#if defined(__TARGET_ARCH_x86)
struct pt_regs {
  unsigned long bx;
  unsigned long cx;
  unsigned long dx;
  unsigned long si;
  unsigned long di;
  unsigned long r10;
  unsigned long ip;
  unsigned long orig_ax;
};
#elif defined(__TARGET_ARCH_arm64)
struct pt_regs {
  unsigned long regs[31];
  unsigned long pc;
  unsigned long orig_x0;
  int syscallno;
};
#endif
#pragma clang attribute pop
