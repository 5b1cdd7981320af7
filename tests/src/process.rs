//! A worker or a gateway as a process of its own: to be killed, or to be watched.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::{World, until};

/// A real `intake-worker`; killed with SIGKILL when dropped.
pub struct WorkerProcess {
    child: Child,
    address: SocketAddr,
}

impl WorkerProcess {
    /// Starts one that works for this world, with further arguments.
    pub fn start(world: &World, arguments: &[&str]) -> Self {
        let address = free_address();
        Self { child: spawn("intake-worker", address, &world.worker_arguments(), arguments), address }
    }

    /// Whether it says that it has all that it needs.
    pub fn is_ready(&self) -> bool {
        is_ready(self.address)
    }

    /// The most memory that it has had, in MiB.
    pub fn peak_memory(&self) -> u64 {
        peak_memory(&self.child)
    }

    /// Kills it with SIGKILL: it gets no chance to finish anything.
    pub fn kill(mut self) {
        self.child.kill().expect("the worker is killed");
        self.child.wait().expect("the worker is gone");
    }
}

impl Drop for WorkerProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A real `intake-gateway` beside that of the world; killed with SIGKILL when dropped.
pub struct GatewayProcess {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
}

impl GatewayProcess {
    /// Starts one for this world, with further arguments, and waits until it is ready.
    pub fn start(world: &World, arguments: &[&str]) -> Self {
        let address = free_address();
        let child = spawn("intake-gateway", address, &world.gateway_arguments(), arguments);
        let gateway = Self { child, address };
        gateway.until_ready();
        gateway
    }

    /// The most memory that it has had, in MiB.
    pub fn peak_memory(&self) -> u64 {
        peak_memory(&self.child)
    }

    /// Kills it with SIGKILL: it gets no chance to finish anything. Another one can be started in its place.
    pub fn kill(&mut self) {
        self.child.kill().expect("the gateway is killed");
        self.child.wait().expect("the gateway is gone");
    }

    /// Starts it again where it listened before, and waits until it is ready.
    pub fn start_again(&mut self, world: &World, arguments: &[&str]) {
        self.child = spawn("intake-gateway", self.address, &world.gateway_arguments(), arguments);
        self.until_ready();
    }

    fn until_ready(&self) {
        until("the gateway is ready", || is_ready(self.address).then_some(()));
    }
}

impl Drop for GatewayProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn is_ready(address: SocketAddr) -> bool {
    ureq::get(format!("http://{address}/health/ready")).call().is_ok_and(|answer| answer.status() == 200)
}

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port")
}

fn spawn(name: &str, address: SocketAddr, world: &[String], arguments: &[&str]) -> Child {
    Command::new(binary(name))
        // As deploy/Dockerfile has it.
        .env("MALLOC_ARENA_MAX", "2")
        .args(world)
        .args(["--listen", &address.to_string()])
        .args(arguments)
        .stdout(Stdio::null())
        .spawn()
        .expect("the process starts")
}

/// `VmHWM`, the high-water mark of resident memory: <https://man7.org/linux/man-pages/man5/proc_pid_status.5.html>
fn peak_memory(child: &Child) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).expect("the process runs");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("it has memory");
    let kilobytes: u64 = peak.trim().trim_end_matches(" kB").parse().expect("a number");
    kilobytes / 1024
}

/// A binary of this workspace, built beside the tests.
pub(crate) fn binary(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("the test knows where it is");
    let path = test.ancestors().nth(2).expect("tests are in target/*/deps").join(name);
    assert!(path.exists(), "{} is missing: `cargo build --workspace` makes it", path.display());
    path
}
