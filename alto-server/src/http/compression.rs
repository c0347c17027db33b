//! Compression of answers that were not compressed when rendered: short ones at once, long ones piece by piece.

use bytes::Bytes;
use http::HeaderMap;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, HeaderValue, VARY};

use super::Response;
use super::boxed_body::{Content, PIECE, boxed};
use super::encoding::{ANSWER_WINDOW, Encoder, Encoding};
use super::head::Head;
use super::live::{Live, LiveBody};
use super::produced::{Pieces, Produced, Retained, Source, Workers};
use super::turns::Payer;

/// Shortest answer that is worth compressing, in bytes.
const COMPRESS_FROM: usize = 1024;

/// Longest answer that is compressed on the event loop, in bytes.
const AT_ONCE: usize = 32 * 1024;

/// Bytes that the state of an encoder takes, about.
const ENCODER_BYTES: usize = 2 * 1024 * 1024;

/// Compression, with the workers for long answers.
pub(super) struct Compression(Workers);

impl Compression {
    /// Creates the workers.
    pub(super) fn new() -> Self {
        Self(Workers::new())
    }

    /// Encodes the answer to a request if it should be.
    pub(super) fn encode(&self, request: &Head, response: Response) -> http::Response<Content> {
        let encoding = Encoding::negotiate(&request.headers);
        let payer = request.slot.client().map(|client| client.net());
        encode(response, encoding, (self.0.clone(), payer))
    }
}

/// Encodes an answer if it should be.
fn encode(mut response: Response, encoding: Encoding, workers: (Workers, Payer)) -> http::Response<Content> {
    if let Some(body) = response.extensions_mut().remove::<LiveBody>().and_then(|body| body.take()) {
        response.extensions_mut().insert(Live);
        return response.map(|_| Content::Stream(body));
    }
    if let Some((pieces, retained)) = response.extensions_mut().remove::<Source>().and_then(|source| source.take()) {
        vary(response.headers_mut());
        response.headers_mut().remove(CONTENT_LENGTH);
        if encoding != Encoding::Identity {
            response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static(encoding.name()));
        }
        return produced(response, pieces, encoding, retained, workers);
    }
    let mut response = response.map(Content::of);
    let Content::Whole(whole) = response.body() else { return response };
    if whole.len() < COMPRESS_FROM || response.headers().contains_key(CONTENT_ENCODING) {
        return response;
    }
    let whole = whole.clone();
    vary(response.headers_mut());
    if encoding == Encoding::Identity {
        return response;
    }
    response.headers_mut().remove(CONTENT_LENGTH);
    response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static(encoding.name()));
    if whole.len() <= AT_ONCE {
        return response.map(|_| Content::Whole(encoding.compress(&whole).into()));
    }
    let retained = whole.len();
    produced(response, pieces_of(whole), encoding, retained, workers)
}

/// States that the answer depends on the encodings that the client accepts, beside what it depends on already.
fn vary(headers: &mut HeaderMap) {
    let is_stated = headers.get_all(VARY).iter().any(|value| value == ACCEPT_ENCODING.as_str());
    if !is_stated {
        headers.append(VARY, HeaderValue::from_name(ACCEPT_ENCODING));
    }
}

/// Gives an answer a body that is made piece by piece.
fn produced<B>(
    response: http::Response<B>,
    pieces: Pieces,
    encoding: Encoding,
    retained: usize,
    (workers, payer): (Workers, Payer),
) -> http::Response<Content> {
    let (pieces, state): (Pieces, usize) = match Encoder::new(encoding, ANSWER_WINDOW) {
        None => (pieces, PIECE),
        Some(encoder) => (Box::new(Encoded { pieces, encoder: Some(encoder) }), ENCODER_BYTES),
    };
    let mut response = response.map(|_| Content::Stream(boxed(Produced::new(workers, payer, pieces))));
    response.extensions_mut().insert(Retained(retained + state));
    response
}

/// Splits a body into pieces.
fn pieces_of(mut whole: Bytes) -> Pieces {
    Box::new(std::iter::from_fn(move || (!whole.is_empty()).then(|| whole.split_to(whole.len().min(PIECE)))))
}

/// Compressed pieces of a source.
struct Encoded {
    pieces: Pieces,
    encoder: Option<Encoder>,
}

impl Iterator for Encoded {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        loop {
            let output = match self.pieces.next() {
                Some(piece) => self.encoder.as_mut()?.encode(&piece),
                None => self.encoder.take()?.finish(),
            };
            // An encoder returns nothing while it collects.
            if !output.is_empty() {
                return Some(output.into());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    #[tokio::test]
    async fn long_answers_are_encoded_in_pieces() {
        let body: Vec<u8> =
            (0..200_000u32).flat_map(|number| (number.wrapping_mul(2_654_435_761)).to_le_bytes()).collect();
        for encoding in Encoding::ALL {
            let response = encode(Response::new(body.clone().into()), encoding, (Workers::new(), None));
            assert_eq!(response.headers().get(VARY).unwrap(), "accept-encoding");
            let coding = response.headers().get(CONTENT_ENCODING).map(|coding| coding.to_str().unwrap().to_owned());
            assert_eq!(coding.as_deref(), (encoding != Encoding::Identity).then_some(encoding.name()));
            let mut received = Vec::new();
            match response.into_body() {
                Content::Whole(whole) => {
                    assert_eq!(encoding, Encoding::Identity);
                    received.extend(whole);
                }
                Content::Stream(mut sent) => {
                    let mut count = 0;
                    while let Some(frame) = sent.frame().await {
                        received.extend(frame.unwrap().into_data().unwrap());
                        count += 1;
                    }
                    assert!(count > 1, "{encoding:?} came in {count} pieces");
                }
            }
            assert_eq!(encoding.decompress(&received), body, "{encoding:?}");
        }
    }

    #[tokio::test]
    async fn answers_that_are_short_or_encoded_stay_as_they_are() {
        let short = encode(Response::new("short".into()), Encoding::Brotli, (Workers::new(), None));
        assert_eq!((short.headers().get(VARY), short.headers().get(CONTENT_ENCODING)), (None, None));
        let mut encoded = Response::new(vec![0; 2000].into());
        encoded.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        let encoded = encode(encoded, Encoding::Brotli, (Workers::new(), None));
        assert_eq!(encoded.headers().get(CONTENT_ENCODING).unwrap(), "gzip");
        assert!(matches!(encoded.body(), Content::Whole(whole) if whole.len() == 2000));
    }
}
