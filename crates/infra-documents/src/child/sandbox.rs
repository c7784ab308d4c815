//! What the child gives up before it reads a byte.

use std::error::Error;

use super::limits::ChildLimits;

/// Limits this process for the rest of its life. On Linux (x86-64 and ARM 64) it can then only
/// compute, read and write what is open already: no files, no network, no other process. On other
/// systems of the Unix family it has the limits of memory, time and files, and no wall around it.
///
/// # Errors
/// When the system refuses; nothing may be parsed then.
pub(super) fn enter(limits: &ChildLimits) -> Result<(), Box<dyn Error>> {
    #[cfg(unix)]
    resources::limit(limits)?;
    #[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
    system_calls::limit()?;
    Ok(())
}

#[cfg(unix)]
mod resources {
    use std::io;

    use rlimit::Resource;

    use super::ChildLimits;

    /// Standard input, output and error are open; no more can be.
    const MAX_OPEN_FILES: u64 = 3;

    pub(super) fn limit(limits: &ChildLimits) -> io::Result<()> {
        // At the soft limit the system sends SIGXCPU, at the hard one SIGKILL.
        Resource::CPU.set(limits.cpu_seconds, limits.cpu_seconds + 1)?;
        Resource::AS.set(limits.memory_bytes, limits.memory_bytes)?;
        Resource::NOFILE.set(MAX_OPEN_FILES, MAX_OPEN_FILES)?;
        for none in [Resource::CORE, Resource::NPROC] {
            none.set(0, 0)?;
        }
        Ok(())
    }
}

#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod system_calls {
    use std::{collections::BTreeMap, error::Error};

    use seccompiler::{
        BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
        TargetArch, apply_filter_all_threads,
    };

    /// What computing needs: memory, the open streams, time, locks, its own signals and its end.
    /// All else fails with EPERM.
    const ALLOWED: &[libc::c_long] = &[
        libc::SYS_brk,
        libc::SYS_clock_gettime,
        libc::SYS_clock_nanosleep,
        libc::SYS_close,
        libc::SYS_exit,
        libc::SYS_exit_group,
        libc::SYS_fstat,
        libc::SYS_futex,
        libc::SYS_getpid,
        libc::SYS_getrandom,
        libc::SYS_gettid,
        libc::SYS_gettimeofday,
        libc::SYS_lseek,
        libc::SYS_madvise,
        libc::SYS_mmap,
        libc::SYS_mprotect,
        libc::SYS_mremap,
        libc::SYS_munmap,
        libc::SYS_nanosleep,
        libc::SYS_ppoll,
        libc::SYS_read,
        libc::SYS_restart_syscall,
        libc::SYS_rseq,
        libc::SYS_rt_sigaction,
        libc::SYS_rt_sigprocmask,
        libc::SYS_rt_sigreturn,
        libc::SYS_sched_getaffinity,
        libc::SYS_sched_yield,
        libc::SYS_set_robust_list,
        libc::SYS_sigaltstack,
        libc::SYS_write,
        libc::SYS_writev,
    ];

    pub(super) fn limit() -> Result<(), Box<dyn Error>> {
        let mut rules: BTreeMap<i64, Vec<SeccompRule>> = ALLOWED.iter().map(|call| (*call, Vec::new())).collect();
        // `abort` signals itself; no other process may be signalled.
        let own = u64::from(std::process::id());
        let is_own = SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, own)?;
        rules.insert(libc::SYS_tgkill, vec![SeccompRule::new(vec![is_own])?]);
        let refused = SeccompAction::Errno(u32::try_from(libc::EPERM)?);
        let architecture = TargetArch::try_from(std::env::consts::ARCH)?;
        let filter: BpfProgram = SeccompFilter::new(rules, refused, SeccompAction::Allow, architecture)?.try_into()?;
        apply_filter_all_threads(&filter)?;
        Ok(())
    }
}

#[cfg(test)]
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod tests {
    use std::{fs::File, io::ErrorKind, net::UdpSocket, process::Command};

    use super::*;

    const NAME: &str = "child::sandbox::tests::in_the_sandbox_only_computing_works";
    const INSIDE: &str = "BANYAN_TEST_INSIDE_SANDBOX";

    /// Runs itself again in a process of its own, which enters the sandbox and tries to get out.
    #[test]
    fn in_the_sandbox_only_computing_works() {
        if std::env::var_os(INSIDE).is_some() {
            return try_to_get_out();
        }
        let inside = Command::new(std::env::current_exe().unwrap())
            .args([NAME, "--exact", "--nocapture"])
            .env(INSIDE, "1")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&inside.stdout);
        for line in
            ["before: true true true", "file: true", "network: true", "process: true", "memory: true", "sum: 10"]
        {
            assert!(said.contains(line), "{line} is not in {inside:?}");
        }
    }

    fn try_to_get_out() {
        let open = || File::open("/proc/self/status").map(drop);
        let bind = || UdpSocket::bind("127.0.0.1:0").map(drop);
        let start = || Command::new("/bin/true").status().map(drop);
        println!("before: {} {} {}", open().is_ok(), bind().is_ok(), start().is_ok());
        enter(&ChildLimits { memory_bytes: 256 * 1024 * 1024, ..ChildLimits::default() }).unwrap();
        let is_denied =
            |result: std::io::Result<()>| result.is_err_and(|error| error.kind() == ErrorKind::PermissionDenied);
        println!("file: {}", is_denied(open()));
        println!("network: {}", is_denied(bind()));
        println!("process: {}", start().is_err());
        println!("memory: {}", Vec::<u8>::new().try_reserve_exact(300 * 1024 * 1024).is_err());
        println!("sum: {}", (1..5).sum::<i32>());
    }
}
