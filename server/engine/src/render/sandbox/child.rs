//! The child's half: takes its own rights away, and becomes the tool. It runs before anything else of the program.

use std::{
    fs::File,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, UdpSocket},
    os::unix::{net::UnixDatagram, process::CommandExt as _},
    path::{Path, PathBuf},
    process::Command,
};

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, Compatible as _, PathBeneath, PathFd, Ruleset,
    RulesetAttr as _, RulesetCreatedAttr as _, RulesetStatus, Scope,
};
use rustix::{
    process::{Resource, Rlimit, Signal, chroot, getppid, set_parent_process_death_signal, setrlimit},
    thread::{CapabilitySet, CapabilitySets, set_capabilities, set_no_new_privs},
};

use super::{ASKED, Orders, PROVEN, REFUSED, Task, Wall, filter};

/// Orders are longer than this only by mistake.
const MOST_ORDERS: u64 = 4 << 20;
/// Where programs that are not of one piece have the rest of them.
const LIBRARIES: [&str; 4] = ["/lib", "/lib64", "/usr/lib", "/usr/lib64"];

/// Becomes a sandboxed child where the first argument is [`ASKED`]; returns otherwise.
///
/// To be called first of all in `main`: rights are taken from one thread, so there must not be others.
pub fn main_if_asked() {
    if std::env::args_os().nth(1).is_none_or(|argument| argument != ASKED) {
        return;
    }
    let why = match orders().and_then(|orders| follow(&orders)) {
        Ok(()) => std::process::exit(0),
        Err(why) => why,
    };
    let _ = writeln!(std::io::stderr(), "{why}");
    std::process::exit(REFUSED);
}

fn orders() -> Result<Orders, String> {
    let mut text = Vec::new();
    std::io::stdin()
        .take(MOST_ORDERS)
        .read_to_end(&mut text)
        .map_err(|error| format!("there are no orders: {error}"))?;
    serde_json::from_slice(&text).map_err(|error| format!("the orders cannot be read: {error}"))
}

fn follow(orders: &Orders) -> Result<(), String> {
    die_with(orders.parent)?;
    limit(orders).map_err(|error| format!("limits cannot be set: {error}"))?;
    close_fds::set_fds_cloexec(3, &[]);
    let root = enter(orders)?;
    allow(orders, &root)?;
    // Whoever runs us as root would give the child root's rights otherwise.
    let none = CapabilitySet::empty();
    set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none })
        .map_err(|error| format!("capabilities cannot be given up: {error}"))?;
    filter::apply()?;
    match &orders.task {
        Task::Prove => prove(),
        Task::Run { program, args, env } => {
            let mut command = Command::new(root.join(program));
            command.args(args).env_clear().envs(env.iter().map(|(name, value)| (name, value)));
            Err(format!("the program cannot be started: {}", command.exec()))
        }
    }
}

/// Ends with the program that started us.
fn die_with(parent: i32) -> Result<(), String> {
    set_parent_process_death_signal(Some(Signal::KILL)).map_err(|error| error.to_string())?;
    // It may have gone before that.
    let is_there = getppid().is_some_and(|it| it.as_raw_nonzero().get() == parent);
    if is_there { Ok(()) } else { Err("who started this is gone".to_owned()) }
}

fn limit(orders: &Orders) -> rustix::io::Result<()> {
    let set = |resource, most| setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) });
    set(Resource::Core, 0)?;
    set(Resource::Cpu, orders.seconds)?;
    // Not the address space: Go reserves much more than it uses. This counts what can be written to.
    set(Resource::Data, orders.memory)?;
    set(Resource::Nofile, 256)?;
    set(Resource::Fsize, 0)
}

/// Goes to the folder it works in, and returns the root as it is from there.
fn enter(orders: &Orders) -> Result<PathBuf, String> {
    let root = match orders.wall {
        Wall::Rules => orders.root.clone(),
        Wall::Root => {
            change_root(&orders.root).map_err(|error| format!("the root cannot be changed: {error}"))?;
            PathBuf::from("/")
        }
    };
    let folder = root.join(&orders.folder);
    std::env::set_current_dir(&folder).map_err(|error| format!("its folder cannot be entered: {error}"))?;
    Ok(root)
}

fn change_root(root: &Path) -> rustix::io::Result<()> {
    if chroot(root).is_ok() {
        return Ok(());
    }
    // Whoever is nobody may do it as the owner of a namespace of users.
    #[expect(deprecated, reason = "no other thread is there that could share descriptors")]
    rustix::thread::unshare(rustix::thread::UnshareFlags::NEWUSER)?;
    chroot(root)
}

/// Leaves what is to be read and executed, and nothing else.
fn allow(orders: &Orders, root: &Path) -> Result<(), String> {
    set_no_new_privs(true).map_err(|error| error.to_string())?;
    let no_landlock = |error: landlock::RulesetError| format!("Landlock does not do what is asked: {error}");
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    // As far as the kernel knows them: what the first version knows is needed, and asked for below.
    let mut rules = Ruleset::default()
        .set_compatibility(landlock::CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(ABI::V5))
        .and_then(|rules| rules.handle_access(AccessNet::from_all(ABI::V5)))
        .and_then(|rules| rules.scope(Scope::from_all(ABI::V6)))
        .and_then(Ruleset::create)
        .map_err(no_landlock)?;
    let mut paths = vec![(root.to_owned(), read)];
    if let Task::Run { program, .. } = &orders.task {
        paths.push((root.join(program), AccessFs::ReadFile | AccessFs::Execute));
    }
    if orders.wall == Wall::Rules {
        let libraries = LIBRARIES.iter().map(PathBuf::from).filter(|path| path.is_dir());
        paths.extend(libraries.map(|path| (path, read | AccessFs::Execute)));
    }
    for (path, access) in paths {
        rules = rules.add_rule(beneath(&path, access)?).map_err(no_landlock)?;
    }
    let status = rules.restrict_self().map_err(no_landlock)?;
    if status.ruleset == RulesetStatus::NotEnforced {
        return Err(
            "the kernel has no Landlock, or it is switched off (it is in Linux 5.13 and later, named in \
                    the kernel's parameter lsm=)"
                .to_owned(),
        );
    }
    Ok(())
}

fn beneath(path: &Path, access: BitFlags<AccessFs>) -> Result<PathBeneath<PathFd>, String> {
    let opened =
        PathFd::new(path).map_err(|error| format!("{} cannot be opened: {error}", path.display()))?;
    Ok(PathBeneath::new(opened, access))
}

/// Tries what must fail.
fn prove() -> Result<(), String> {
    let nowhere: SocketAddr = ([127, 0, 0, 1], 0).into();
    let succeeded = [
        ("reading /etc/passwd", File::open("/etc/passwd").is_ok()),
        ("listing /", std::fs::read_dir("/proc").is_ok()),
        ("writing a file", File::create("proof").is_ok()),
        ("opening a port", TcpListener::bind(nowhere).is_ok()),
        ("opening a socket", UdpSocket::bind(nowhere).is_ok() || UnixDatagram::unbound().is_ok()),
        ("starting a process", Command::new("/proc/self/exe").spawn().is_ok()),
        ("a namespace", {
            #[expect(deprecated, reason = "it must fail")]
            rustix::thread::unshare(rustix::thread::UnshareFlags::NEWUSER).is_ok()
        }),
    ];
    match succeeded.iter().find(|(_, succeeded)| *succeeded) {
        Some((what, _)) => Err(format!("the kernel does not keep a child from {what}")),
        None => write!(std::io::stdout(), "{PROVEN}").map_err(|error| error.to_string()),
    }
}
