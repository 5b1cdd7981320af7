//! The network between the services and their servers, in the hands of the test.

use std::io::Write as _;
use std::net::TcpStream;

use intake_broker::testing::Relay;

use crate::{World, until};

impl World {
    /// Has requests of an account hold all that a gateway lets one account have where it is not told otherwise, and send
    /// nothing of it; until the connections are dropped.
    pub fn hold_share(&self, token: &str) -> Vec<TcpStream> {
        // 128 MiB, in bodies of up to 10 MiB.
        [[10; 12].as_slice(), &[8]]
            .concat()
            .into_iter()
            .map(|size| self.begin_import(token, size << 20))
            .collect()
    }

    /// Begins a request with a body of this size, of which nothing is sent.
    fn begin_import(&self, token: &str, bytes: usize) -> TcpStream {
        let mut connection = TcpStream::connect(self.address()).expect("the gateway listens");
        let head = format!(
            "POST /api/v1.1/profiles/import_batch HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             Authorization: Bearer {token}\r\nContent-Length: {bytes}\r\n\r\n"
        );
        connection.write_all(head.as_bytes()).expect("the gateway reads");
        connection
    }

    /// Cuts the connections to the database, and refuses new ones.
    pub fn cut_database(&self) {
        self.database_relay().cut();
    }

    /// Leaves the connections to the database on which something is said open, and carries nothing over them any more.
    pub fn lose_database(&self) {
        self.database_relay().lose();
    }

    /// Lets connections to the database through again; those that were lost stay so.
    pub fn restore_database(&self) {
        self.database_relay().restore();
    }

    /// Cuts the connections to the broker, and refuses new ones.
    pub fn cut_broker(&self) {
        self.broker_relay().cut();
    }

    /// Holds up what the broker says; what it is told goes through.
    pub fn hold_broker_answers(&self) {
        self.broker_relay().hold_answers();
    }

    /// Holds up what the broker says from the moment on that it is about to be told something with these bytes, which it is.
    pub fn hold_broker_answers_from(&self, bytes: &[u8]) {
        self.broker_relay().hold_answers_from(bytes);
    }

    /// Keeps from the broker what it is told from these bytes on, by the one who says them first.
    pub fn lose_for_broker_from(&self, bytes: &[u8]) {
        self.broker_relay().lose_from(bytes);
    }

    /// Waits until somebody was about to say what [`Self::lose_for_broker_from`] or
    /// [`Self::hold_broker_answers_from`] waits for.
    pub fn until_said(&self) {
        let relay = self.broker_relay();
        until("the broker is about to be told", || relay.has_snapped().then_some(()));
    }

    /// Has the broker take nothing any more that is published, as when it is short of memory.
    pub fn raise_alarm(&self) {
        self.broker_relay().alarm();
    }

    /// Lets connections to the broker through again.
    pub fn restore_broker(&self) {
        self.broker_relay().restore();
    }

    fn database_relay(&self) -> &Relay {
        self.relay.as_ref().expect("a world with a database relay")
    }

    fn broker_relay(&self) -> &Relay {
        self.broker_relay.as_ref().expect("a world with a broker relay")
    }
}
