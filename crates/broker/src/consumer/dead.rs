//! The dead queue in the hands of an operator: looked through once, from the oldest message on.

use std::sync::Arc;

use lapin::{Channel, options::BasicGetOptions};
use tokio::time::timeout;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    Config, Delivery, Error, Publisher, State, connection::Link, consumer::delivery::Origin, topology::Queue,
};

/// One walk through the dead queue. What is not settled, see [`Delivery::set_aside`], is in the queue again once this is
/// closed; until then nobody else sees it, so a walk comes to its end.
#[derive(Debug)]
pub struct DeadQueue {
    channel: Channel,
    origin: Arc<Origin>,
    unsettled: TaskTracker,
    /// Messages that were there at the beginning and were not given out yet; none: nobody has looked.
    left: Option<u32>,
    stop: CancellationToken,
}

impl DeadQueue {
    /// Connects. `name` is what the broker shows for the connection. The runtime must be a multi-threaded one.
    pub async fn open(config: &Config, name: &str) -> Result<Self, Error> {
        let link = Arc::new(Link::open(config, name).await?);
        let channel = link.channel().await?;
        let stop = CancellationToken::new();
        let other = Publisher::with_pipes(config, &format!("{name} publisher"), 1, stop.clone());
        let mut state = other.watch();
        // What is published first should find a connection; where there is none, it is told then.
        let ready = state.wait_for(|state| *state != State::Connecting);
        let _late = timeout(config.broker_connect_timeout, ready).await;
        let payload_max = usize::try_from(config.payload_max_bytes).unwrap_or(usize::MAX);
        let origin = Arc::new(Origin { link, other, payload_max });
        Ok(Self { channel, origin, unsettled: TaskTracker::new(), left: None, stop })
    }

    /// The next message; none after as many as were there at the beginning. One at a time: the others stay on the broker's
    /// disk.
    pub async fn next(&mut self) -> Result<Option<Delivery>, Error> {
        if self.left == Some(0) {
            return Ok(None);
        }
        let link = &self.origin.link;
        let name = link.names().of(Queue::Dead).clone();
        let get = self.channel.basic_get(name, BasicGetOptions { no_ack: false });
        let Some(got) = link.ask("basic.get", get).await? else { return Ok(None) };
        self.left = Some(self.left.map_or(got.message_count, |left| left - 1));
        Ok(Some(Delivery::new(got.delivery, Queue::Dead, Arc::clone(&self.origin), self.unsettled.token())))
    }

    /// Publishes to the lanes, for what is made of a dead message.
    pub fn publisher(&self) -> &Publisher {
        &self.origin.other
    }

    /// Gives back what was set aside, and closes the connections.
    pub async fn close(self) {
        self.stop.cancel();
        self.origin.other.closed().await;
        self.origin.link.close().await;
    }
}
