//! A RabbitMQ of this checkout's own, from the distribution's package, with its own name service (epmd) and cookie.

use std::fs::{self, DirBuilder, Permissions};
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustix::process::Signal;

use crate::checkout::Checkout;
use crate::daemon::Daemon;
use crate::memory::Memory;
use crate::{ports, steps};

/// The scripts themselves: those in `/usr/sbin` are wrappers that change to the system's user and directories.
const SERVER: &str = "/usr/lib/rabbitmq/bin/rabbitmq-server";
const CONTROL: &str = "/usr/lib/rabbitmq/bin/rabbitmqctl";
const PORT: &str = "rabbitmq.port";
const NODE_PORT: &str = "rabbitmq.node_port";
const EPMD_PORT: &str = "rabbitmq.epmd_port";
/// The data belongs to the node of this name, so the name is kept even if the checkout moves.
const NODE: &str = "rabbitmq.node";

/// Users and virtual hosts, imported at every start: saves starting `rabbitmqctl`, an Erlang machine of its own.
/// `guest` may log in from loopback only, which is all that the server listens on.
const DEFINITIONS: &str = r#"{
  "users": [{ "name": "guest", "password": "guest", "tags": "administrator" }],
  "vhosts": [{ "name": "intake" }, { "name": "intake-test" }],
  "permissions": [
    { "user": "guest", "vhost": "intake", "configure": ".*", "write": ".*", "read": ".*" },
    { "user": "guest", "vhost": "intake-test", "configure": ".*", "write": ".*", "read": ".*" }
  ]
}
"#;

/// The private broker.
pub(crate) struct RabbitMq {
    pub(crate) daemon: Daemon,
    epmd: Daemon,
    epmd_mark: String,
    key: String,
    home: PathBuf,
}

pub(crate) fn is_installed() -> bool {
    Path::new(SERVER).exists()
}

impl RabbitMq {
    /// The broker of this checkout, running or not. Creates nothing.
    pub(crate) fn of(checkout: &Checkout) -> Self {
        let key = checkout.key.clone();
        let epmd_mark = format!("epmd-{key}");
        Self {
            // SIGTERM is an orderly stop; https://www.rabbitmq.com/docs/signals
            daemon: Daemon::new(checkout, "rabbitmq", key.clone(), Signal::TERM),
            epmd: Daemon::new(checkout, "epmd", epmd_mark.clone(), Signal::TERM),
            epmd_mark,
            key,
            home: checkout.dev.join("rabbitmq"),
        }
    }

    /// Makes it run and answers with the URLs for `up` and for tests.
    pub(crate) fn start(&self, memory: &mut Memory) -> Result<(String, String)> {
        if self.daemon.pid().is_none() {
            self.prepare(memory)?;
            let port = ports::choose(memory, PORT, &self.key)?;
            steps::step(&format!("start RabbitMQ on port {port}"), || self.launch(memory, port))?;
        }
        let port = ports::remembered(memory, PORT).context("the port of RabbitMQ is not known")?;
        let url = |vhost| format!("amqp://guest:guest@127.0.0.1:{port}/{vhost}");
        Ok((url("intake"), url("intake-test")))
    }

    /// Whether it does not run, and can be started where it was reached before.
    pub(crate) fn can_come_back(&self, memory: &Memory) -> bool {
        self.daemon.pid().is_none() && ports::is_free_again(memory, PORT)
    }

    /// Writes a script that is `rabbitmqctl` for this broker, which must have run. Returns its path.
    pub(crate) fn write_control(&self, memory: &Memory) -> Result<PathBuf> {
        let node = memory.get(NODE).context("the node's name is not known")?;
        let epmd_port = ports::remembered(memory, EPMD_PORT).context("the port of epmd is not known")?;
        let (home, path) = (self.home.display(), self.home.join("rabbitmqctl"));
        let text = format!(
            "#!/bin/sh\nexec env -i PATH=\"$PATH\" LC_ALL=C.UTF-8 HOME='{home}' ERL_EPMD_ADDRESS=127.0.0.1 \
             ERL_EPMD_PORT={epmd_port} RABBITMQ_CONF_ENV_FILE='{home}/env.conf' {CONTROL} --node '{node}' \"$@\"\n"
        );
        fs::write(&path, text)
            .and_then(|()| fs::set_permissions(&path, Permissions::from_mode(0o700)))
            .with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }

    /// Whether there was something to stop.
    pub(crate) fn stop(&self) -> Result<bool> {
        let stopped = self.daemon.stop(Duration::from_mins(1))?;
        self.epmd.stop(Duration::from_secs(5))?;
        Ok(stopped)
    }

    /// Removes the data. The server must not run.
    pub(crate) fn wipe(&self) -> Result<()> {
        ensure!(self.daemon.pid().is_none(), "RabbitMQ still runs");
        match fs::remove_dir_all(&self.home) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(error).context("cannot remove .dev/rabbitmq")
            }
            _ => Ok(()),
        }
    }

    fn prepare(&self, memory: &mut Memory) -> Result<()> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.home)
            .context("cannot create .dev/rabbitmq")?;
        let file = |name: &str, text: &str| {
            fs::write(self.home.join(name), text)
                .with_context(|| format!("cannot write .dev/rabbitmq/{name}"))
        };
        let definitions = self.home.join("definitions.json");
        file("definitions.json", DEFINITIONS)?;
        file("enabled_plugins", "[].\n")?;
        file("env.conf", "# Instead of /etc/rabbitmq/rabbitmq-env.conf, which is the system's.\n")?;
        file("advanced.config", "[].\n")?;
        file(
            "rabbitmq.conf",
            // As in deploy/rabbitmq/rabbitmq.conf.
            &format!("load_definitions = {}\nconsumer_timeout = 43200000\n", definitions.display()),
        )?;
        if memory.get(NODE).is_none() {
            memory.set(NODE, &format!("{}@localhost", self.key))?;
        }
        Ok(())
    }

    fn launch(&self, memory: &mut Memory, port: u16) -> Result<()> {
        let node_port = ports::choose(memory, NODE_PORT, &self.key)?;
        let node = memory.get(NODE).context("the node's name is not known")?.to_owned();
        let epmd_port = self.launch_epmd(memory)?;
        let mut command = self.erlang_command(SERVER, epmd_port);
        command
            // Handed on to the Erlang machine, which ignores flags it does not know: how the process is recognised.
            .args(["-intake", &self.key])
            // The script then becomes the server by exec, instead of staying in front of it: one process to watch.
            .env("RUNNING_UNDER_SYSTEMD", "true")
            .env("RABBITMQ_NODENAME", node)
            .env("RABBITMQ_NODE_IP_ADDRESS", "127.0.0.1")
            .env("RABBITMQ_NODE_PORT", port.to_string())
            .env("RABBITMQ_DIST_PORT", node_port.to_string())
            .env("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", "-kernel inet_dist_use_interface {127,0,0,1}")
            .env("RABBITMQ_LOGS", "-");
        for (name, file) in [
            ("RABBITMQ_CONF_ENV_FILE", "env.conf"),
            ("RABBITMQ_CONFIG_FILE", "rabbitmq.conf"),
            ("RABBITMQ_ADVANCED_CONFIG_FILE", "advanced.config"),
            ("RABBITMQ_ENABLED_PLUGINS_FILE", "enabled_plugins"),
            ("RABBITMQ_PID_FILE", "rabbitmq.pid"),
            ("RABBITMQ_MNESIA_BASE", "mnesia"),
            ("RABBITMQ_LOG_BASE", "log"),
            ("RABBITMQ_SCHEMA_DIR", "schema"),
            ("RABBITMQ_GENERATED_CONFIG_DIR", "config"),
        ] {
            command.env(name, self.home.join(file));
        }
        self.daemon.start(&mut command)?;
        self.daemon
            .wait_until(Duration::from_mins(2), || speaks_amqp(port))
            .context("cannot start RabbitMQ; its data is in .dev/rabbitmq")
    }

    /// Erlang's name service. Started here, because the one that Erlang would start by itself is never stopped again.
    fn launch_epmd(&self, memory: &mut Memory) -> Result<u16> {
        if self.epmd.pid().is_none() {
            let port = ports::choose(memory, EPMD_PORT, &self.key)?;
            let mut command = self.erlang_command("epmd", port);
            command.arg0(&self.epmd_mark).args(["-address", "127.0.0.1", "-port", &port.to_string()]);
            self.epmd.start(&mut command)?;
            self.epmd.wait_until(Duration::from_secs(10), || {
                TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
            })?;
        }
        ports::remembered(memory, EPMD_PORT).context("the port of epmd is not known")
    }

    /// A command of the Erlang world that knows of this node only: no variable of the caller's leaks in.
    fn erlang_command(&self, program: &str, epmd_port: u16) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(&self.home)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("LC_ALL", "C.UTF-8")
            .env("HOME", &self.home)
            .env("ERL_EPMD_ADDRESS", "127.0.0.1")
            .env("ERL_EPMD_PORT", epmd_port.to_string());
        command
    }
}

/// Whether the broker greets: the listener opens last, and a wrong protocol header would be answered too, so
/// the first frame has to be a method frame (type 1), `connection.start`.
fn speaks_amqp(port: u16) -> bool {
    let patience = Duration::from_secs(2);
    let greet = || {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut stream = TcpStream::connect_timeout(&address, patience)?;
        stream.set_read_timeout(Some(patience))?;
        stream.write_all(b"AMQP\x00\x00\x09\x01")?;
        let mut first = [0];
        stream.read_exact(&mut first)?;
        Ok::<_, std::io::Error>(first == [1])
    };
    greet().unwrap_or(false)
}
