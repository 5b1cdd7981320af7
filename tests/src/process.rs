//! A worker as a process of its own, to be killed.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::World;

/// A real `intake-worker`; killed with SIGKILL when dropped.
pub struct WorkerProcess(Child);

impl WorkerProcess {
    /// Starts one that works for this world, with further arguments.
    pub fn start(world: &World, arguments: &[&str]) -> Self {
        let free =
            TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port");
        let child = Command::new(binary("intake-worker"))
            .args(world.worker_arguments())
            .args(["--listen", &free.to_string()])
            .args(arguments)
            .stdout(Stdio::null())
            .spawn()
            .expect("the worker starts");
        Self(child)
    }

    /// Kills it with SIGKILL: it gets no chance to finish anything.
    pub fn kill(mut self) {
        self.0.kill().expect("the worker is killed");
        self.0.wait().expect("the worker is gone");
    }
}

impl Drop for WorkerProcess {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A binary of this workspace, built beside the tests.
fn binary(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("the test knows where it is");
    let path = test.ancestors().nth(2).expect("tests are in target/*/deps").join(name);
    assert!(path.exists(), "{} is missing: `cargo build --workspace` makes it", path.display());
    path
}
