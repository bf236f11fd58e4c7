//! The system calls that a child does not get. The others are left: Go uses many, and other ones with each version.

use std::collections::BTreeMap;

use libc as call;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen as Length, SeccompCmpOp as Is, SeccompCondition,
    SeccompFilter, SeccompRule, TargetArch, apply_filter,
};

/// Calls that fail with EPERM, whatever their arguments.
const DENIED: &[i64] = &[
    // The network, and other processes of the machine.
    call::SYS_socket,
    call::SYS_socketpair,
    call::SYS_shmget,
    call::SYS_shmat,
    call::SYS_msgget,
    call::SYS_semget,
    call::SYS_mq_open,
    call::SYS_kill,
    call::SYS_tkill,
    call::SYS_rt_sigqueueinfo,
    call::SYS_rt_tgsigqueueinfo,
    call::SYS_pidfd_open,
    call::SYS_pidfd_getfd,
    call::SYS_pidfd_send_signal,
    call::SYS_ptrace,
    call::SYS_kcmp,
    call::SYS_process_vm_readv,
    call::SYS_process_vm_writev,
    call::SYS_process_madvise,
    call::SYS_setsid,
    call::SYS_setpgid,
    // Ways around this filter, and into the kernel.
    call::SYS_io_uring_setup,
    call::SYS_io_uring_enter,
    call::SYS_io_uring_register,
    call::SYS_bpf,
    call::SYS_perf_event_open,
    call::SYS_userfaultfd,
    call::SYS_keyctl,
    call::SYS_add_key,
    call::SYS_request_key,
    call::SYS_init_module,
    call::SYS_finit_module,
    call::SYS_delete_module,
    call::SYS_kexec_load,
    call::SYS_reboot,
    call::SYS_syslog,
    call::SYS_acct,
    call::SYS_quotactl,
    call::SYS_swapon,
    call::SYS_swapoff,
    call::SYS_personality,
    call::SYS_fanotify_init,
    call::SYS_inotify_init1,
    // Another view of the machine.
    call::SYS_unshare,
    call::SYS_setns,
    call::SYS_mount,
    call::SYS_umount2,
    call::SYS_pivot_root,
    call::SYS_chroot,
    call::SYS_move_mount,
    call::SYS_open_tree,
    call::SYS_fsopen,
    call::SYS_fsconfig,
    call::SYS_fsmount,
    call::SYS_fspick,
    call::SYS_mount_setattr,
    call::SYS_open_by_handle_at,
    call::SYS_name_to_handle_at,
    // Changes of files that it cannot open, of which Landlock knows nothing.
    call::SYS_truncate,
    call::SYS_fchmod,
    call::SYS_fchmodat,
    call::SYS_fchmodat2,
    call::SYS_fchown,
    call::SYS_fchownat,
    call::SYS_utimensat,
    call::SYS_setxattr,
    call::SYS_lsetxattr,
    call::SYS_fsetxattr,
    call::SYS_removexattr,
    call::SYS_lremovexattr,
    call::SYS_fremovexattr,
    call::SYS_mknodat,
    // Memory that its limit does not count.
    call::SYS_memfd_create,
    call::SYS_memfd_secret,
];

/// Older spellings that not every architecture has.
#[cfg(target_arch = "x86_64")]
const DENIED_HERE: &[i64] = &[
    call::SYS_fork,
    call::SYS_vfork,
    call::SYS_chmod,
    call::SYS_chown,
    call::SYS_lchown,
    call::SYS_utime,
    call::SYS_utimes,
    call::SYS_futimesat,
    call::SYS_mknod,
    call::SYS_inotify_init,
    call::SYS_kexec_file_load,
    call::SYS_ioperm,
    call::SYS_iopl,
    call::SYS_modify_ldt,
];
#[cfg(not(target_arch = "x86_64"))]
const DENIED_HERE: &[i64] = &[];

/// Takes the calls from this thread and what it becomes.
///
/// # Errors
/// A kernel without seccomp.
pub(super) fn apply() -> Result<(), String> {
    let programs = programs().map_err(|error| format!("the filter of system calls is wrong: {error}"))?;
    for program in &programs {
        apply_filter(program)
            .map_err(|error| format!("the kernel takes no filter of system calls: {error}"))?;
    }
    Ok(())
}

fn programs() -> Result<[BpfProgram; 2], seccompiler::BackendError> {
    let mut denied: BTreeMap<_, _> =
        DENIED.iter().chain(DENIED_HERE).map(|call| (*call, Vec::new())).collect();
    // A thread is not a process, and Go cannot live without.
    let thread = call::CLONE_THREAD as u64;
    denied.insert(call::SYS_clone, vec![when(0, Is::MaskedEq(thread), 0)?]);
    // Memory that nobody else shares is counted.
    let shared = (call::MAP_SHARED | call::MAP_ANONYMOUS) as u64;
    denied.insert(call::SYS_mmap, vec![when(3, Is::MaskedEq(shared), shared)?]);
    // Go sends its own threads signals.
    let own = u64::from(std::process::id());
    denied.insert(call::SYS_tgkill, vec![when(0, Is::Ne, own)?]);
    denied.insert(call::SYS_prlimit64, vec![when(0, Is::Ne, 0)?]);
    // Its arguments cannot be looked at; without it, clone is used.
    let unknown = BTreeMap::from([(call::SYS_clone3, Vec::new())]);
    Ok([program(denied, call::EPERM)?, program(unknown, call::ENOSYS)?])
}

fn when(argument: u8, is: Is, value: u64) -> Result<SeccompRule, seccompiler::BackendError> {
    SeccompRule::new(vec![SeccompCondition::new(argument, Length::Dword, is, value)?])
}

fn program(
    rules: BTreeMap<i64, Vec<SeccompRule>>,
    error: i32,
) -> Result<BpfProgram, seccompiler::BackendError> {
    let architecture = TargetArch::try_from(std::env::consts::ARCH)?;
    let denied = SeccompAction::Errno(error.unsigned_abs());
    SeccompFilter::new(rules, SeccompAction::Allow, denied, architecture)?.try_into()
}
