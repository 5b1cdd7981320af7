//! What a relay must know of AMQP 0-9-1 to behave as a broker that is short of memory: where frames end, and which of them
//! publishes something, <https://www.rabbitmq.com/resources/specs/amqp0-9-1.pdf>, section 2.3.

/// Type, channel, size.
const HEAD: usize = 7;
/// What every client says first, before any frame.
const GREETING: &[u8] = b"AMQP";
/// Of a frame that is a method, and of the method `basic.publish`.
const PUBLISH: (u8, [u8; 4]) = (1, [0, 60, 0, 40]);

/// `connection.blocked`, with the reason `low on memory`, and `connection.unblocked`.
const BLOCKED: &[u8] = b"\x01\0\0\0\0\0\x12\0\x0a\0\x3c\x0dlow on memory\xce";
const UNBLOCKED: &[u8] = b"\x01\0\0\0\0\0\x04\0\x0a\0\x3d\xce";

/// What a client is told, by the broker, when its connection is blocked or is not any more.
pub(super) fn notice(is_blocked: bool) -> &'static [u8] {
    if is_blocked { BLOCKED } else { UNBLOCKED }
}

/// Follows what one end of a connection says, frame by frame.
#[derive(Debug, Default)]
pub(super) struct Frames {
    /// The beginning of the frame under way: its head, and the number of its method.
    begun: Vec<u8>,
    /// Bytes of it that have not come, where that is known.
    left: Option<usize>,
    has_published: bool,
}

impl Frames {
    /// Takes note of what is said next.
    pub(super) fn pass(&mut self, mut bytes: &[u8]) {
        while let Some((first, rest)) = bytes.split_first() {
            if self.begun.len() < HEAD + PUBLISH.1.len() {
                self.begun.push(*first);
            }
            match &mut self.left {
                None => {
                    bytes = rest;
                    self.left = size(&self.begun);
                }
                Some(left) => {
                    // One by one as long as something is to be learned from them.
                    let known = self.begun.len() == HEAD + PUBLISH.1.len();
                    let passed = if known { bytes.len().min(*left) } else { 1 };
                    *left -= passed;
                    bytes = bytes.get(passed..).unwrap_or_default();
                }
            }
            if self.left == Some(0) {
                self.end();
            }
        }
    }

    fn end(&mut self) {
        let (kind, method) = PUBLISH;
        self.has_published |= self.begun.first() == Some(&kind) && self.begun.ends_with(&method);
        self.begun.clear();
        self.left = None;
    }

    /// Whether nothing of a frame is under way.
    pub(super) fn is_between(&self) -> bool {
        self.begun.is_empty()
    }

    /// Whether something was published since this was asked.
    pub(super) fn has_published(&mut self) -> bool {
        std::mem::take(&mut self.has_published)
    }
}

/// How much is to come of a frame that begins so, its end included.
fn size(begun: &[u8]) -> Option<usize> {
    // Eight bytes in all.
    if begun.starts_with(GREETING) && begun.len() == HEAD {
        return Some(1);
    }
    let [_, _, _, size @ ..] = <[u8; HEAD]>::try_from(begun).ok()?;
    usize::try_from(u32::from_be_bytes(size)).ok()?.checked_add(1)
}
