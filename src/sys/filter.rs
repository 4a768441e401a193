//! Which system calls a jailed program is refused, as a program for the kernel
//! (`seccomp(2)`, `BPF` in its classic form).
//!
//! A namespace hides files, processes and networks. It does not hide the keys
//! of whoever started the program (`keyrings(7)`), sockets of a hypervisor
//! (`vsock(7)`), nor the corners of the kernel through which namespaces are left:
//! a PostgreSQL server uses none of them.

/// Refused always. A server of PostgreSQL and its tools call none of these as
/// they are configured here (`io_method` of 18 is `worker`).
const REFUSED: &[libc::c_long] = &[
    // Keys: session, user and process keyrings of the caller.
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    // Other processes' memory, files and descriptors.
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_kcmp,
    libc::SYS_pidfd_getfd,
    libc::SYS_name_to_handle_at,
    libc::SYS_open_by_handle_at,
    // Programs and rings that run in the kernel.
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_fanotify_init,
    // The machine.
    libc::SYS_kexec_load,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_syslog,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
];

/// Refused to what is put into its namespaces already: further ones, and
/// changes of what is mounted.
const REFUSED_INSIDE: &[libc::c_long] = &[
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_open_tree,
    libc::SYS_move_mount,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
];

/// Families of sockets that are given: AF_UNIX, AF_INET, AF_INET6, AF_NETLINK
/// (`getaddrinfo`). All these are apart in a network namespace; others are not.
const FAMILIES: [u32; 4] = [1, 2, 10, 16];

/// Flags of `clone(2)` that ask for a namespace (`sched.h`, CLONE_NEW*).
const NEW_NAMESPACE: u32 = 0x7E02_0000;

/// `ioctl_tty(2)`: TIOCSTI and TIOCLINUX push keys into a terminal.
const PUSHES: [u32; 2] = [0x5412, 0x541C];

/// What the kernel calls this architecture (`linux/audit.h`, AUDIT_ARCH_*).
#[cfg(target_arch = "x86_64")]
const ARCHITECTURE: Option<u32> = Some(0xC000_003E);
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE: Option<u32> = Some(0xC000_00B7);
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
const ARCHITECTURE: Option<u32> = None;

/// The first number of x86-64's second set of calls (`x32`).
const X32: u32 = 0x4000_0000;

/// `linux/errno.h`.
const EPERM: u32 = 1;
const ENOSYS: u32 = 38;
const EAFNOSUPPORT: u32 = 97;

/// One instruction (`linux/filter.h`, `struct sock_filter`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Step {
    code: u16,
    yes: u8,
    no: u8,
    k: u32,
}

/// The filter, as the kernel and `bwrap --seccomp` read it: eight bytes a step.
/// `inside`, further namespaces are refused, too. `None` on architectures whose
/// numbers are not known here.
pub fn program(inside: bool) -> Option<Vec<u8>> {
    let steps = steps(inside, ARCHITECTURE?);
    let bytes = |s: Step| {
        let [c0, c1] = s.code.to_ne_bytes();
        let [k0, k1, k2, k3] = s.k.to_ne_bytes();
        [c0, c1, s.yes, s.no, k0, k1, k2, k3]
    };
    Some(steps.into_iter().flat_map(bytes).collect())
}

fn steps(inside: bool, architecture: u32) -> Vec<Step> {
    // `struct seccomp_data`: number, architecture, then the arguments, 8 bytes each.
    let load = |at: u32| Step { code: 0x20, yes: 0, no: 0, k: at };
    let argument = |n: u32| load(16 + 8 * n + if cfg!(target_endian = "big") { 4 } else { 0 });
    let equal = |k: u32, yes: u8, no: u8| Step { code: 0x15, yes, no, k };
    let at_least = |k: u32, yes: u8, no: u8| Step { code: 0x35, yes, no, k };
    let any_bit = |k: u32, yes: u8, no: u8| Step { code: 0x45, yes, no, k };
    let refuse = |errno: u32| Step { code: 0x06, yes: 0, no: 0, k: 0x0005_0000 | errno };
    let allow = Step { code: 0x06, yes: 0, no: 0, k: 0x7FFF_0000 };
    let number = |call: libc::c_long| u32::try_from(call).unwrap_or(u32::MAX);

    let mut all = vec![load(4), equal(architecture, 1, 0), refuse(ENOSYS), load(0)];
    if cfg!(target_arch = "x86_64") {
        all.extend([at_least(X32, 0, 1), refuse(ENOSYS)]);
    }
    let more = if inside { REFUSED_INSIDE } else { &[] };
    for call in REFUSED.iter().chain(more) {
        all.extend([equal(number(*call), 0, 1), refuse(EPERM)]);
    }
    if inside {
        // Its flags lie in memory, which a filter cannot read; without it the C library takes clone.
        all.extend([equal(number(libc::SYS_clone3), 0, 1), refuse(ENOSYS)]);
        all.extend([
            equal(number(libc::SYS_clone), 0, 4),
            argument(0),
            any_bit(NEW_NAMESPACE, 0, 1),
            refuse(EPERM),
            allow,
        ]);
    }
    all.extend([equal(number(libc::SYS_ioctl), 0, 5), argument(1)]);
    all.extend([equal(PUSHES[0], 1, 0), equal(PUSHES[1], 0, 1), refuse(EPERM), allow]);
    all.extend([equal(number(libc::SYS_socket), 0, 6), argument(0)]);
    let [unix, inet, inet6, netlink] = FAMILIES;
    all.extend([equal(unix, 4, 0), equal(inet, 3, 0), equal(inet6, 2, 0), equal(netlink, 1, 0), refuse(EAFNOSUPPORT)]);
    all.push(allow);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the kernel would answer.
    fn run(steps: &[Step], architecture: u32, call: libc::c_long, arguments: [u32; 2]) -> u32 {
        let (mut at, mut value) = (0, 0);
        loop {
            let s = steps[at];
            at += 1;
            let jump = |yes: bool| usize::from(if yes { s.yes } else { s.no });
            match s.code {
                0x20 => {
                    value = match s.k {
                        0 => u32::try_from(call).unwrap(),
                        4 => architecture,
                        16 => arguments[0],
                        24 => arguments[1],
                        k => panic!("{k}"),
                    }
                }
                0x15 => at += jump(value == s.k),
                0x35 => at += jump(value >= s.k),
                0x45 => at += jump(value & s.k != 0),
                0x06 => return s.k,
                code => panic!("{code}"),
            }
        }
    }

    #[test]
    fn what_is_refused_is_refused_and_the_rest_is_not() {
        let arch = ARCHITECTURE.unwrap();
        let (inside, outside) = (steps(true, arch), steps(false, arch));
        let allow = 0x7FFF_0000;
        let errno = |n: u32| 0x0005_0000 | n;
        for all in [&inside, &outside] {
            for call in [libc::SYS_read, libc::SYS_execve, libc::SYS_clone, libc::SYS_prctl, libc::SYS_mmap] {
                assert_eq!(run(all, arch, call, [0x11, 0]), allow);
            }
            for call in REFUSED {
                assert_eq!(run(all, arch, *call, [0, 0]), errno(EPERM));
            }
            assert_eq!(run(all, arch ^ 1, libc::SYS_read, [0, 0]), errno(ENOSYS), "another architecture's numbers");
            for family in 0..50 {
                let answer = if FAMILIES.contains(&family) { allow } else { errno(EAFNOSUPPORT) };
                assert_eq!(run(all, arch, libc::SYS_socket, [family, 0]), answer, "{family}");
            }
            assert_eq!(run(all, arch, libc::SYS_ioctl, [0, 0x5412]), errno(EPERM));
            assert_eq!(run(all, arch, libc::SYS_ioctl, [0, 0x541C]), errno(EPERM));
            assert_eq!(run(all, arch, libc::SYS_ioctl, [0, 0x5401]), allow);
        }
        #[cfg(target_arch = "x86_64")]
        assert_eq!(run(&inside, arch, 0x4000_0000 + libc::SYS_read, [0, 0]), errno(ENOSYS));
        for call in REFUSED_INSIDE {
            assert_eq!((run(&inside, arch, *call, [0, 0]), run(&outside, arch, *call, [0, 0])), (errno(EPERM), allow));
        }
        assert_eq!(run(&inside, arch, libc::SYS_clone3, [0, 0]), errno(ENOSYS));
        for flag in [0x0002_0000_u32, 0x0200_0000, 0x0400_0000, 0x0800_0000, 0x1000_0000, 0x2000_0000, 0x4000_0000] {
            assert_eq!(run(&inside, arch, libc::SYS_clone, [flag | 0x11, 0]), errno(EPERM), "{flag:x}");
        }
        assert_eq!(program(true).unwrap().len(), inside.len() * 8);
    }
}
