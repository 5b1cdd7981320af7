//! What is published: a packed payload with its name and headers. Packing is the caller's time, not
//! the publisher's: it takes tens of milliseconds for 10 MB, so it belongs off the async threads.

use std::{io, sync::Arc};

use lapin::{
    BasicProperties,
    types::{AMQPValue, FieldTable, ShortString},
};
use zstd::zstd_safe::get_frame_content_size;

use crate::{Error, Lane};

/// The lane that a message was published to, so that it can be put back there from wherever it ends up.
pub(crate) const LANE: &str = "x-intake-lane";

/// How often a message was put back although it had come back too often.
pub(crate) const SPARED: &str = "x-intake-spared";

const ZSTD: &str = "zstd";
/// Fast, and about a tenth of the size for JSON.
const LEVEL: i32 = 3;
/// Properties travel in one frame of at most 128 KiB and cannot be split.
const HEADERS_MAX: usize = 64 << 10;
/// A notice names something; it carries nothing.
pub(crate) const NOTICE_MAX: usize = 1 << 10;
/// Kept in memory only.
const TRANSIENT: u8 = 1;
/// Survives a restart of the broker: <https://www.rabbitmq.com/docs/publishers#message-properties>
const PERSISTENT: u8 = 2;

/// A message ready to be published. Cheap to make only where the payload is small: see
/// [`Outgoing::compress`].
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// Shared, so that offering a message again does not copy megabytes.
    pub(crate) body: Arc<Vec<u8>>,
    pub(crate) properties: BasicProperties,
    headers_size: usize,
}

impl Outgoing {
    /// Packs `payload` (JSON text) with zstd. CPU work: call it where blocking is allowed.
    pub fn compress(message_id: &str, payload: &[u8]) -> Result<Self, Error> {
        let message_id = short("message id", message_id)?;
        let body = pack(payload)?;
        let properties = BasicProperties::default()
            .with_content_type("application/json".into())
            .with_content_encoding(ZSTD.into())
            .with_delivery_mode(PERSISTENT)
            .with_message_id(message_id);
        Ok(Self { body: Arc::new(body), properties, headers_size: 0 })
    }

    /// A message that others are to read: not packed, of the given content type.
    pub fn plain(message_id: &str, content_type: &str, body: Vec<u8>) -> Result<Self, Error> {
        let properties = BasicProperties::default()
            .with_content_type(short("content type", content_type)?)
            .with_delivery_mode(PERSISTENT)
            .with_message_id(short("message id", message_id)?);
        Ok(Self { body: Arc::new(body), properties, headers_size: 0 })
    }

    /// A message for those who listen right now: not packed, not kept.
    pub(crate) fn notice(body: Vec<u8>) -> Result<Self, Error> {
        if body.len() > NOTICE_MAX {
            return Err(Error::TooLarge { what: "notice", size: body.len(), limit: NOTICE_MAX });
        }
        let properties = BasicProperties::default().with_delivery_mode(TRANSIENT);
        Ok(Self { body: Arc::new(body), properties, headers_size: 0 })
    }

    /// A message that goes on as it came: the same body and properties.
    pub(crate) fn forward(body: Vec<u8>, properties: BasicProperties) -> Self {
        Self { body: Arc::new(body), properties: properties.with_delivery_mode(PERSISTENT), headers_size: 0 }
    }

    /// Adds a header; one of the same name is replaced.
    pub fn header(mut self, name: &str, value: &str) -> Result<Self, Error> {
        self.headers_size += name.len() + value.len();
        if self.headers_size > HEADERS_MAX {
            return Err(Error::TooLarge {
                what: "message header",
                size: self.headers_size,
                limit: HEADERS_MAX,
            });
        }
        let mut headers = self.properties.headers().clone().unwrap_or_default();
        headers.insert(short("header name", name)?, AMQPValue::LongString(value.into()));
        self.properties = self.properties.with_headers(headers);
        Ok(self)
    }

    /// Adds several.
    pub fn headers<'a>(self, headers: impl IntoIterator<Item = (&'a str, String)>) -> Result<Self, Error> {
        headers.into_iter().try_fold(self, |message, (name, value)| message.header(name, &value))
    }

    /// Says which lane it belongs to.
    pub(crate) fn in_lane(self, lane: Lane) -> Result<Self, Error> {
        self.header(LANE, &lane.name())
    }

    /// The payload, unpacked again. CPU work: call it where blocking is allowed.
    pub fn payload(&self) -> Result<Vec<u8>, Error> {
        let encoding = self.properties.content_encoding().as_ref().map(ShortString::as_str);
        decode(&self.body, encoding, usize::MAX)
    }

    /// Bytes of the payload, packed or plain.
    pub fn size(&self) -> usize {
        self.body.len()
    }
}

/// Names in the protocol hold 255 bytes; the client library panics on more.
pub(crate) fn short(what: &'static str, text: &str) -> Result<ShortString, Error> {
    ShortString::try_new(text).map_err(|_too_long| Error::TooLarge { what, size: text.len(), limit: 255 })
}

/// Packs a payload as [`Outgoing::compress`] does, to be stored. CPU work: call it where blocking is allowed.
pub fn pack(payload: &[u8]) -> Result<Vec<u8>, Error> {
    zstd::bulk::compress(payload, LEVEL).map_err(Error::Payload)
}

/// Unpacks what [`Outgoing::compress`] packed, into at most `limit` bytes. CPU work: call it where blocking is allowed.
///
/// For payloads that were stored as they came, see [`Delivery::packed`](crate::Delivery::packed).
pub fn unpack(packed: &[u8], limit: usize) -> Result<Vec<u8>, Error> {
    // Each of ours says how large it is, so all of it goes where it is to stay. One that says nothing is not ours, and one that
    // lies is broken.
    let said = get_frame_content_size(packed).map_err(|_no_frame| broken("not packed by zstd"))?;
    let size = said.ok_or_else(|| broken("it does not say how large it is"))?;
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    if size > limit {
        return Err(too_large(size, limit));
    }
    zstd::bulk::decompress(packed, size).map_err(Error::Payload)
}

fn broken(reason: &'static str) -> Error {
    Error::Payload(io::Error::new(io::ErrorKind::InvalidData, reason))
}

/// Reads a body of the given content encoding, into at most `limit` bytes.
pub(crate) fn decode(body: &[u8], encoding: Option<&str>, limit: usize) -> Result<Vec<u8>, Error> {
    match encoding {
        None | Some("") if body.len() > limit => Err(too_large(body.len(), limit)),
        None | Some("") => Ok(body.to_vec()),
        packed => unpack(only_packed(body, packed)?, limit),
    }
}

/// The body, if it has the one encoding that can be unpacked later.
pub(crate) fn only_packed<'a>(body: &'a [u8], encoding: Option<&str>) -> Result<&'a [u8], Error> {
    match encoding.unwrap_or_default() {
        ZSTD => Ok(body),
        "" => Err(Error::Encoding("identity".to_owned())),
        other => Err(Error::Encoding(other.to_owned())),
    }
}

fn too_large(size: usize, limit: usize) -> Error {
    Error::TooLarge { what: "payload", size, limit }
}

/// The text headers; those of other types are the broker's own.
pub(crate) fn text_headers(headers: Option<&FieldTable>) -> Vec<(String, String)> {
    let text = |(name, value): (&ShortString, &AMQPValue)| match value {
        AMQPValue::LongString(text) => Some((name.to_string(), text.to_string())),
        _ => None,
    };
    headers.map(|headers| headers.inner().iter().filter_map(text).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_payload_survives_packing() {
        let payload = br#"{"a":1}"#.repeat(1000);
        let packed = Outgoing::compress("m", &payload).unwrap();
        assert!(packed.size() < payload.len() / 10);
        assert_eq!(packed.payload().unwrap(), payload);
        assert_eq!(unpack(&packed.body, payload.len()).unwrap(), payload);
        assert_eq!(decode(&packed.body, Some(ZSTD), payload.len()).unwrap(), payload);
    }

    #[test]
    fn what_is_larger_than_the_limit_is_not_unpacked() {
        let packed = Outgoing::compress("m", &vec![b' '; 1 << 20]).unwrap();
        let error = unpack(&packed.body, 1000).unwrap_err();
        assert!(matches!(error, Error::TooLarge { size, limit: 1000, .. } if size == 1 << 20), "{error}");
        let error = decode(b"12345", None, 4).unwrap_err();
        assert!(matches!(error, Error::TooLarge { size: 5, .. }), "{error}");
    }

    #[test]
    fn what_says_that_it_is_smaller_is_broken() {
        // The header of a frame of 512 bytes, with the 4 KiB of another behind it.
        let (small, large) = (pack(&[b' '; 512]).unwrap(), pack(&[b' '; 4096]).unwrap());
        let header = |frame: &[u8]| frame.len() - blocks(frame).len();
        let lie = [&small[..header(&small)], blocks(&large)].concat();
        assert!(matches!(unpack(&lie, 1 << 20), Err(Error::Payload(_))));
        // What is behind a frame was not told of by it.
        assert!(matches!(unpack(&[small, large].concat(), 1 << 20), Err(Error::Payload(_))));
    }

    /// What is behind the header of a small frame: magic number, descriptor, and two bytes of size.
    fn blocks(frame: &[u8]) -> &[u8] {
        &frame[7..]
    }

    proptest! {
        #[test]
        fn any_body_is_unpacked_within_the_limit_or_refused(
            payload in proptest::collection::vec(any::<u8>(), 0..2000),
            cut in 0..100_usize,
            flip in any::<proptest::sample::Index>(),
            byte in any::<u8>(),
            limit in 0..3000_usize,
        ) {
            let mut body = zstd::bulk::compress(&payload, LEVEL).unwrap();
            let position = flip.index(body.len());
            body[position] = byte;
            body.truncate(body.len().saturating_sub(cut));
            for encoding in [Some(ZSTD), None] {
                if let Ok(unpacked) = decode(&body, encoding, limit) {
                    prop_assert!(unpacked.len() <= limit);
                }
            }
            let _ = unpack(&payload, limit);
        }
    }

    #[test]
    fn a_frame_that_does_not_say_its_size_is_refused() {
        // From a stream, the end of which was not foreseen.
        let body = zstd::encode_all(vec![b' '; 1 << 18].as_slice(), LEVEL).unwrap();
        assert!(matches!(unpack(&body, 1 << 20), Err(Error::Payload(_))));
    }

    #[test]
    fn foreign_encodings_and_broken_bodies_are_errors() {
        assert!(matches!(decode(b"x", Some("br"), 10), Err(Error::Encoding(_))));
        assert!(matches!(unpack(b"no zstd", 10), Err(Error::Payload(_))));
        assert!(matches!(unpack(b"", 10), Err(Error::Payload(_))));
        let packed = Outgoing::compress("m", b"0123456789").unwrap();
        let cut = packed.body.get(..packed.size() - 1).unwrap();
        assert!(matches!(unpack(cut, 100), Err(Error::Payload(_))));
    }

    #[test]
    fn names_and_headers_have_limits() {
        let long = "x".repeat(256);
        assert!(matches!(Outgoing::compress(&long, b""), Err(Error::TooLarge { limit: 255, .. })));
        let message = Outgoing::compress("m", b"").unwrap();
        assert!(message.clone().header(&long, "").is_err());
        assert!(message.clone().header("h", &"x".repeat(HEADERS_MAX)).is_err());
        let message = message.header("h", "1").unwrap().header("h", "2").unwrap();
        let headers = text_headers(message.properties.headers().as_ref());
        assert_eq!(headers, [("h".to_owned(), "2".to_owned())]);
    }
}
