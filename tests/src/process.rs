//! A worker or a gateway as a process of its own: to be killed, or to be watched.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::process::{Pid, Signal, kill_process};

use crate::{Clock, World, until};

/// One of the programs, as a process of its own; killed with SIGKILL when dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Process {
    /// Starts a program of this workspace with all its arguments but the address, a free one if none is given. What it says
    /// goes to the end of the log; without one only its errors are shown.
    pub fn start(
        program: &str,
        address: Option<SocketAddr>,
        arguments: &[String],
        log: Option<&Path>,
    ) -> Self {
        Self::start_by(None, program, address, arguments, log)
    }

    /// As [`Self::start`], by a clock of the story's.
    fn start_by(
        clock: Option<&Clock>,
        program: &str,
        address: Option<SocketAddr>,
        arguments: &[String],
        log: Option<&Path>,
    ) -> Self {
        let address = address.unwrap_or_else(free_address);
        let mut command = Command::new(binary(program));
        // As deploy/Dockerfile has it.
        command.env("MALLOC_ARENA_MAX", "2");
        if let Some(clock) = clock {
            clock.rule(&mut command);
        }
        command.args(["--listen", &address.to_string()]).args(arguments).stdout(Stdio::null());
        if let Some(log) = log {
            let log = File::options().create(true).append(true).open(log).expect("a log can be written");
            command.stdout(log.try_clone().expect("it has a second handle")).stderr(log);
        }
        Self { child: command.spawn().expect("the process starts"), address }
    }

    /// Its number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it says that it has all that it needs.
    pub fn is_ready(&self) -> bool {
        let ready = ureq::get(format!("http://{}/health/ready", self.address)).call();
        ready.is_ok_and(|answer| answer.status() == 200)
    }

    /// Whether it has ended by itself, or as it was told to.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("its parent may ask").is_some()
    }

    /// Waits until it has ended by itself; none: by a signal.
    pub fn exit_code(&mut self) -> Option<i32> {
        until("it ends by itself", || self.child.try_wait().expect("its parent may ask")).code()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).expect("it has a number");
        kill_process(pid, signal).expect("it is told");
    }

    /// Kills it with SIGKILL: it gets no chance to finish anything.
    pub fn kill(&mut self) {
        self.child.kill().expect("it is killed");
        self.child.wait().expect("it is gone");
    }

    /// The most memory that it has had, in MiB: `VmHWM`, the high-water mark of resident memory,
    /// <https://man7.org/linux/man-pages/man5/proc_pid_status.5.html>
    pub fn peak_memory(&self) -> u64 {
        u64::from(self.peak_kibibytes() / 1024)
    }

    /// The same in KiB.
    pub fn peak_kibibytes(&self) -> u32 {
        let status =
            fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("the process runs");
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("it has memory");
        peak.trim().trim_end_matches(" kB").parse().expect("a number")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A real `intake-worker` for a world.
#[derive(Debug)]
pub struct WorkerProcess(Process);

impl WorkerProcess {
    /// Starts one that works for this world, with further arguments.
    pub fn start(world: &World, arguments: &[&str]) -> Self {
        Self::start_at(world, arguments, None)
    }

    /// Starts one that writes all that it does to this file.
    pub fn start_telling(world: &World, log: &Path) -> Self {
        Self::start_at(world, &["--log", "debug"], Some(log))
    }

    fn start_at(world: &World, arguments: &[&str], log: Option<&Path>) -> Self {
        let arguments = with(world.worker_arguments(), arguments);
        Self(Process::start("intake-worker", None, &arguments, log))
    }

    /// Whether it says that it has all that it needs.
    pub fn is_ready(&self) -> bool {
        self.0.is_ready()
    }

    /// The most memory that it has had, in MiB.
    pub fn peak_memory(&self) -> u64 {
        self.0.peak_memory()
    }

    /// Tells it to stop.
    pub fn terminate(&self) {
        self.0.signal(Signal::TERM);
    }

    /// Waits until it has ended by itself; none: by a signal.
    pub fn exit_code(mut self) -> Option<i32> {
        self.0.exit_code()
    }

    /// Kills it with SIGKILL: it gets no chance to finish anything.
    pub fn kill(mut self) {
        self.0.kill();
    }
}

/// A real `intake-gateway` beside that of the world.
#[derive(Debug)]
pub struct GatewayProcess {
    process: Process,
    /// Where it listens.
    pub address: SocketAddr,
}

impl GatewayProcess {
    /// Starts one for this world, with further arguments, and waits until it is ready.
    pub fn start(world: &World, arguments: &[&str]) -> Self {
        Self::start_at(None, None, world, arguments)
    }

    /// Starts one that goes by a clock of the story's.
    pub fn start_by(clock: &Clock, world: &World) -> Self {
        Self::start_at(None, Some(clock), world, &[])
    }

    fn start_at(
        address: Option<SocketAddr>,
        clock: Option<&Clock>,
        world: &World,
        arguments: &[&str],
    ) -> Self {
        let arguments = with(world.gateway_arguments(), arguments);
        let process = Process::start_by(clock, "intake-gateway", address, &arguments, None);
        until("the gateway is ready", || process.is_ready().then_some(()));
        Self { address: process.address, process }
    }

    /// The most memory that it has had, in MiB.
    pub fn peak_memory(&self) -> u64 {
        self.process.peak_memory()
    }

    /// Tells it to stop.
    pub fn terminate(&self) {
        self.process.signal(Signal::TERM);
    }

    /// Waits until it has ended by itself; none: by a signal.
    pub fn exit_code(mut self) -> Option<i32> {
        self.process.exit_code()
    }

    /// Kills it with SIGKILL: it gets no chance to finish anything. Another one can be started in its place.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts it again where it listened before, and waits until it is ready.
    pub fn start_again(&mut self, world: &World, arguments: &[&str]) {
        *self = Self::start_at(Some(self.address), None, world, arguments);
    }
}

fn with(mut arguments: Vec<String>, more: &[&str]) -> Vec<String> {
    arguments.extend(more.iter().map(ToString::to_string));
    arguments
}

/// Below Linux' ephemeral ports (32768 and up), so that no outgoing connection takes it while a process is started anew; above
/// those of the servers (`cargo xtask`).
fn free_address() -> SocketAddr {
    const PORTS: Range<u16> = 30_000..32_700;
    static NEXT: AtomicU32 = AtomicU32::new(0);
    // Tests run side by side, each as a process of its own.
    let turn = std::process::id().wrapping_mul(7).wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
    let first = usize::try_from(turn).unwrap_or_default() % PORTS.len();
    let ports = PORTS.cycle().skip(first).take(PORTS.len());
    let mut addresses = ports.map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    addresses.find(|address| TcpListener::bind(address).is_ok()).expect("a free port")
}

/// A program of this workspace, built beside this one.
///
/// # Panics
/// Panics when it is not there.
pub fn binary(name: &str) -> PathBuf {
    let this = std::env::current_exe().expect("the program knows where it is");
    // A test is in `deps`, a program beside it.
    let found =
        this.ancestors().skip(1).take(2).map(|directory| directory.join(name)).find(|path| path.exists());
    found.unwrap_or_else(|| panic!("{name} is missing: `cargo build --workspace` makes it"))
}
