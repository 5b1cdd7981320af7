//! An operator at the command line, and messages that are dead.

use std::process::Command;

use intake_broker::DeadQueue;
use intake_types::Message;
use serde_json::Value;

use crate::process::binary;
use crate::{World, until};

/// What a command said.
#[derive(Debug)]
pub struct Told {
    /// Its exit code.
    pub code: i32,
    /// Standard output.
    pub output: String,
    /// Standard error.
    pub complaints: String,
}

impl World {
    /// Runs `intake dead` with these arguments; a real process, set as the services of this world are.
    pub fn dead(&self, arguments: &[&str]) -> Told {
        let told = self.dead_command(arguments).output().expect("the command runs");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("it says text");
        let (output, complaints) = (text(told.stdout), text(told.stderr));
        Told { code: told.status.code().expect("it ends by itself"), output, complaints }
    }

    /// Runs it, and kills it with SIGKILL as soon as this is so, unless it has ended before.
    pub fn dead_until(&self, arguments: &[&str], is_enough: impl Fn() -> bool) {
        let mut operator = self.dead_command(arguments).spawn().expect("the command starts");
        until("the command ends, or is to be killed", || {
            let has_ended = operator.try_wait().expect("the command runs").is_some();
            (has_ended || is_enough()).then_some(())
        });
        let _ended = operator.kill();
        operator.wait().expect("the command is gone");
    }

    fn dead_command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary("intake"));
        let settings = self.connections();
        // An operator may have others than the services.
        let others = settings.chunks(2).filter(|pair| !arguments.contains(&pair[0].as_str()));
        command.arg("dead").args(arguments).args(others.flatten());
        command
    }

    /// Redrives the one dead message; the new job.
    pub fn redrive(&self, message: &str) -> String {
        let told = self.dead(&["redrive", message]);
        assert_eq!((told.code, told.complaints.as_str()), (0, ""), "{told:?}");
        let new = told.output.strip_prefix(&format!("{message} -> ")).and_then(|rest| rest.split_once(':'));
        new.unwrap_or_else(|| panic!("no new job: {told:?}")).0.to_owned()
    }

    /// Waits until so many messages are dead.
    pub fn until_dead(&self, count: u32) {
        until(&format!("{count} messages are dead"), || (self.queued().dead == count).then_some(()));
    }

    /// What `intake dead list` tells, as JSON.
    pub fn dead_messages(&self) -> Vec<Value> {
        let told = self.dead(&["list", "--json"]);
        assert_eq!((told.code, told.complaints.as_str()), (0, ""), "{told:?}");
        told.output.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect()
    }

    /// Sends the one dead message once more, as a broker does that was not told that it was buried; whoever works buries it
    /// again.
    pub fn repeat_dead(&self) {
        let payload = self.runtime().block_on(async {
            let mut queue = DeadQueue::open(&self.queues, "a story").await.expect("the queue is open");
            let delivery = queue.next().await.expect("the broker answers").expect("a message is dead");
            let payload = delivery.payload().expect("it can be unpacked");
            delivery.set_aside();
            queue.close().await;
            payload
        });
        self.publish(&Message::from_bytes(&payload).expect("it is a message"));
    }
}
