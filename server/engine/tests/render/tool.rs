//! A tool that does what its folder says: what kustomize would do if it were taken over. Only tests run it.

use std::{
    fs::File,
    io::Write as _,
    net::{TcpStream, UdpSocket},
    os::unix::{fs::PermissionsExt as _, net::UnixStream},
    process::Command,
};

fn main() {
    let mut out = std::io::stdout();
    if std::env::args().nth(1).is_some_and(|it| it == "version") {
        let _ = writeln!(out, "v0.0.1");
        return;
    }
    match std::fs::read_to_string("attack").unwrap_or_default().trim() {
        "hang" => loop {
            std::thread::park();
        },
        "spin" => loop {
            std::hint::spin_loop();
        },
        "print" => while out.write_all(&[b'#'; 65536]).is_ok() {},
        "complain" => {
            for _ in 0..200 {
                let _ = std::io::stderr().write_all(&[b'x'; 65536]);
            }
            std::process::exit(1);
        }
        "remember" => {
            let mut all = Vec::new();
            loop {
                all.push(vec![1u8; 1 << 20]);
            }
        }
        _ => {
            let _ = writeln!(out, "{}", attempts());
        }
    }
}

/// Tries everything, and says what succeeded as a ConfigMap.
fn attempts() -> String {
    let listening = std::fs::read_to_string("address").unwrap_or_default();
    let victim = std::fs::read_to_string("victim").unwrap_or_default();
    let victim = victim.trim();
    let mode = std::fs::Permissions::from_mode(0o777);
    let succeeded = [
        ("read /etc/passwd", std::fs::read("/etc/passwd").is_ok()),
        ("read a file of ours", std::fs::read(victim).is_ok()),
        ("list the home", std::fs::read_dir("/root").is_ok() || std::fs::read_dir("/home").is_ok()),
        ("read the environment of others", std::fs::read("/proc/1/environ").is_ok()),
        ("write here", File::create("written").is_ok()),
        ("write there", File::create("/tmp/quarterdeck-written").is_ok()),
        ("write ours", File::options().append(true).open(victim).is_ok()),
        ("change a mode", std::fs::set_permissions(victim, mode).is_ok()),
        ("remove ours", std::fs::remove_file(victim).is_ok()),
        ("link", std::os::unix::fs::symlink("/etc", "etc").is_ok()),
        ("connect", TcpStream::connect(listening.trim()).is_ok()),
        ("send", UdpSocket::bind("127.0.0.1:0").is_ok()),
        ("talk", UnixStream::connect("/var/run/docker.sock").is_ok_and(|_| true)),
        ("make a pair", UnixStream::pair().is_ok()),
        ("start a shell", Command::new("/bin/sh").args(["-c", ":"]).status().is_ok()),
        (
            "start itself",
            std::env::current_exe().and_then(|it| Command::new(it).arg("version").status()).is_ok(),
        ),
        ("inherit", File::open("/proc/self/fd/3").is_ok()),
        (
            "know the environment",
            std::env::vars().any(|(name, _)| name == "PATH" || name.starts_with("CARGO")),
        ),
    ];
    let thread = std::thread::spawn(|| 1).join().is_ok();
    let succeeded: Vec<_> = succeeded.iter().filter(|(_, it)| *it).map(|(what, _)| *what).collect();
    format!(
        "{{apiVersion: v1, kind: ConfigMap, metadata: {{name: attempts}}, data: {{succeeded: {:?}, thread: \"{thread}\"}}}}",
        succeeded.join(", ")
    )
}
