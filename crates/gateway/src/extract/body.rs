//! A request body, read within its limits and unpacked.
//!
//! The framework's own decompression is not used: it unpacks a whole input chunk before any limit can look at it, so
//! that 16 KiB become 512 MiB.

use std::io::{self, Read};
use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::http::header::CONTENT_LENGTH;
use actix_web::web::Payload;
use futures_util::StreamExt;
use tokio::time::{Instant, timeout_at};

use super::content::Encoding;
use crate::error::ApiError;
use crate::memory::{Memory, Reservation};

/// Unpacked in steps of this many bytes, the limit being looked at after each.
const STEP: usize = 64 * 1024;
/// Memory for what is unpacked grows by this many bytes: twice as much each time would be twice what is accounted for.
const GROWTH: usize = 1 << 20;
/// 8 MiB, what any decoder has to support (<https://www.rfc-editor.org/rfc/rfc8878#name-window-descriptor>); a frame
/// that asks for more would cost that much memory before its first byte is out.
pub(crate) const WINDOW_LOG_MAX: u32 = 23;

/// What a body may cost.
#[derive(Debug, Clone)]
pub(crate) struct Bounds {
    /// Bytes, both as sent and unpacked.
    pub(crate) bytes: usize,
    /// Time to send it.
    pub(crate) time: Duration,
    /// What all bodies share.
    pub(crate) memory: Memory,
}

/// A body as sent.
#[derive(Debug)]
pub(crate) struct Body {
    bytes: Vec<u8>,
    encoding: Encoding,
    limit: usize,
    reservation: Reservation,
}

impl Body {
    /// Reads what is sent, up to the limit; of an account, if it is known whose it is.
    pub(crate) async fn receive(
        request: &HttpRequest,
        mut payload: Payload,
        bounds: &Bounds,
        account: Option<&str>,
    ) -> Result<Self, ApiError> {
        let (encoding, limit) = (Encoding::of(request)?, bounds.bytes);
        let declared = declared(request);
        if let Some(sent) = declared.filter(|sent| *sent > limit) {
            return Err(ApiError::TooLarge { sent, limit, exactly: encoding == Encoding::Identity });
        }
        let deadline = Instant::now() + bounds.time;
        let mut reservation = bounds.memory.reserve(account, declared.unwrap_or(STEP)).await?;
        let mut bytes = Vec::with_capacity(declared.unwrap_or_default());
        loop {
            let chunk = timeout_at(deadline, payload.next()).await.map_err(|_late| ApiError::BodyLate)?;
            let Some(chunk) = chunk else { break };
            let chunk = chunk.map_err(|_broken| ApiError::BodyCut)?;
            let size = bytes.len() + chunk.len();
            if size > limit {
                return Err(ApiError::TooLarge { sent: limit, limit, exactly: false });
            }
            reservation.cover(size)?;
            bytes.extend_from_slice(&chunk);
        }
        Ok(Self { bytes, encoding, limit, reservation })
    }

    /// Unpacks it. CPU work: call it where blocking is allowed.
    pub(crate) fn unpack(mut self) -> Result<(Vec<u8>, Reservation), ApiError> {
        let undecodable = |source| ApiError::Undecodable { encoding: self.encoding.name(), source };
        let bytes = self.bytes.as_slice();
        let unpacked = match self.encoding {
            Encoding::Identity => return Ok((self.bytes, self.reservation)),
            Encoding::Gzip => drain(
                flate2::bufread::MultiGzDecoder::new(bytes),
                self.limit,
                bytes.len(),
                &mut self.reservation,
            ),
            Encoding::Zstd => {
                let mut decoder = zstd::Decoder::with_buffer(bytes).map_err(undecodable)?;
                decoder.window_log_max(WINDOW_LOG_MAX).map_err(undecodable)?;
                drain(decoder, self.limit, bytes.len(), &mut self.reservation)
            }
        };
        Ok((unpacked?.map_err(undecodable)?, self.reservation))
    }
}

/// Reads all of a decoder. The outer error is a limit, the inner one a broken body.
fn drain(
    mut decoder: impl Read,
    limit: usize,
    packed: usize,
    reservation: &mut Reservation,
) -> Result<io::Result<Vec<u8>>, ApiError> {
    let mut unpacked = Vec::new();
    let mut step = vec![0; STEP];
    loop {
        let read = match decoder.read(&mut step) {
            Ok(0) => return Ok(Ok(unpacked)),
            Ok(read) => step.get(..read).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Ok(Err(error)),
        };
        let size = unpacked.len() + read.len();
        if size > limit {
            return Err(ApiError::TooLarge { sent: limit, limit, exactly: false });
        }
        reservation.cover(packed + size)?;
        if unpacked.capacity() < size {
            unpacked.reserve_exact(GROWTH);
        }
        unpacked.extend_from_slice(read);
    }
}

fn declared(request: &HttpRequest) -> Option<usize> {
    request.headers().get(CONTENT_LENGTH)?.to_str().ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use actix_web::FromRequest;
    use actix_web::http::header::CONTENT_ENCODING;
    use actix_web::test::TestRequest;

    use super::*;

    const LIMIT: usize = 1 << 20;

    async fn read(encoding: &str, body: Vec<u8>) -> Result<Vec<u8>, ApiError> {
        let request = TestRequest::post().insert_header((CONTENT_ENCODING, encoding)).set_payload(body);
        let (request, mut payload) = request.to_http_parts();
        let payload = Payload::from_request(&request, &mut payload).await.unwrap();
        let memory = Memory::new(4 * LIMIT, LIMIT);
        let bounds = Bounds { bytes: LIMIT, time: Duration::from_secs(1), memory };
        Body::receive(&request, payload, &bounds, None).await?.unpack().map(|(bytes, _)| bytes)
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        zstd::encode_all(bytes, 19).unwrap()
    }

    /// 16 KiB or so that unpack to 512 MiB.
    fn bomb() -> Vec<u8> {
        let mut encoder = zstd::Encoder::new(Vec::new(), 3).unwrap();
        let zeros = vec![0; 1 << 20];
        for _ in 0..512 {
            encoder.write_all(&zeros).unwrap();
        }
        encoder.finish().unwrap()
    }

    #[actix_web::test]
    async fn a_body_at_the_limit_passes_and_one_byte_more_does_not() {
        let (fits, over) = (vec![b'x'; LIMIT], vec![b'x'; LIMIT + 1]);
        assert_eq!(read("identity", fits.clone()).await.unwrap(), fits);
        assert_eq!(read("gzip", gzip(&fits)).await.unwrap(), fits);
        assert_eq!(read("zstd", zstd(&fits)).await.unwrap(), fits);
        for (encoding, body) in [("identity", over.clone()), ("gzip", gzip(&over)), ("zstd", zstd(&over))] {
            let error = read(encoding, body).await.unwrap_err();
            assert!(matches!(error, ApiError::TooLarge { limit: LIMIT, .. }), "{encoding}: {error}");
        }
    }

    #[actix_web::test]
    async fn a_bomb_is_stopped_at_the_limit() {
        let bomb = bomb();
        assert!(bomb.len() < 64 * 1024, "{}", bomb.len());
        let error = read("zstd", bomb).await.unwrap_err();
        assert!(matches!(error, ApiError::TooLarge { exactly: false, .. }), "{error}");
    }

    #[actix_web::test]
    async fn a_frame_with_a_huge_window_is_refused() {
        let mut encoder = zstd::Encoder::new(Vec::new(), 3).unwrap();
        encoder.window_log(27).unwrap();
        encoder.write_all(&vec![0; 1 << 16]).unwrap();
        let error = read("zstd", encoder.finish().unwrap()).await.unwrap_err();
        assert!(matches!(error, ApiError::Undecodable { .. }), "{error}");
    }

    #[actix_web::test]
    async fn a_cut_or_foreign_stream_is_an_error() {
        let whole = gzip(&vec![b'x'; 1000]);
        for (encoding, body) in [("gzip", whole[..whole.len() - 4].to_vec()), ("zstd", whole)] {
            let error = read(encoding, body).await.unwrap_err();
            assert!(matches!(error, ApiError::Undecodable { .. }), "{encoding}: {error}");
        }
        let mut cut = zstd(&vec![b'x'; 1000]);
        cut.pop();
        assert!(read("zstd", cut).await.is_err());
    }

    #[actix_web::test]
    async fn gzip_members_and_zstd_frames_are_joined() {
        assert_eq!(read("gzip", [gzip(b"a"), gzip(b"b")].concat()).await.unwrap(), b"ab");
        assert_eq!(read("zstd", [zstd(b"a"), zstd(b"b")].concat()).await.unwrap(), b"ab");
    }

    #[actix_web::test]
    async fn memory_shared_by_all_bounds_one() {
        let request = TestRequest::post().insert_header((CONTENT_ENCODING, "zstd")).set_payload(bomb());
        let (request, mut payload) = request.to_http_parts();
        let payload = Payload::from_request(&request, &mut payload).await.unwrap();
        let memory = Memory::new(LIMIT, LIMIT / 2);
        let bounds = Bounds { bytes: LIMIT, time: Duration::from_secs(1), memory };
        let body = Body::receive(&request, payload, &bounds, Some("a")).await.unwrap();
        assert!(matches!(body.unpack(), Err(ApiError::TooMuchInHand { .. })));
    }
}
