//! Content encodings of answers: negotiation (RFC 9110 §12.5.3) and compression.

use std::io::Write;

use flate2::write::GzEncoder;
use http::HeaderMap;
use http::header::ACCEPT_ENCODING;

use super::negotiation::weighted_items;

/// Content encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    Identity,
    Gzip,
    Brotli,
    Zstd,
}

impl Encoding {
    pub(crate) const ALL: [Self; 4] = [Self::Identity, Self::Gzip, Self::Brotli, Self::Zstd];

    /// Order of preference if the client has none: zstd compresses fastest, brotli smallest.
    const PREFERRED: [Self; 4] = [Self::Zstd, Self::Brotli, Self::Gzip, Self::Identity];

    /// Name in `Content-Encoding`.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Gzip => "gzip",
            Self::Brotli => "br",
            Self::Zstd => "zstd",
        }
    }

    /// Returns the best encoding that the client accepts; identity if it names none.
    pub(crate) fn negotiate(headers: &HeaderMap) -> Self {
        if !headers.contains_key(ACCEPT_ENCODING) {
            return Self::Identity;
        }
        let items = weighted_items(headers, &ACCEPT_ENCODING);
        let weight = |encoding: Self| {
            let named = |name: &str| items.iter().find(|item| item.value.eq_ignore_ascii_case(name));
            let item = named(encoding.name())
                .or_else(|| (encoding == Self::Gzip).then(|| named("x-gzip")).flatten())
                .or_else(|| named("*").filter(|item| encoding != Self::Identity || item.weight == 0));
            // Identity stays acceptable even if it is excluded, because an error would help no client.
            item.map_or(i32::from(encoding == Self::Identity), |item| i32::from(item.weight))
        };
        // `max_by_key` returns the last of equal elements, so the order of preference is reversed.
        Self::PREFERRED.into_iter().rev().max_by_key(|&encoding| weight(encoding)).unwrap_or(Self::Identity)
    }

    /// Compresses a body.
    pub(crate) fn compress(self, body: &[u8]) -> Vec<u8> {
        match Encoder::new(self, DOCUMENT_WINDOW) {
            None => body.to_vec(),
            Some(mut encoder) => {
                let mut output = encoder.encode(body);
                output.append(&mut encoder.finish());
                output
            }
        }
    }

    /// Decompresses a body.
    #[cfg(test)]
    pub(super) fn decompress(self, body: &[u8]) -> Vec<u8> {
        use std::io::Read;
        let mut plain = Vec::new();
        match self {
            Self::Identity => Box::new(body) as Box<dyn Read>,
            Self::Gzip => Box::new(flate2::read::GzDecoder::new(body)),
            Self::Brotli => Box::new(brotli::Decompressor::new(body, 4096)),
            Self::Zstd => Box::new(zstd::stream::read::Decoder::new(body).unwrap()),
        }
        .read_to_end(&mut plain)
        .unwrap();
        plain
    }
}

/// Binary logarithm of brotli's window for documents, which are compressed once for all clients.
const DOCUMENT_WINDOW: u32 = 22;

/// The same for single answers, of which many may be on their way at a time.
pub(super) const ANSWER_WINDOW: u32 = 18;

/// Explanation of the calls of `expect` below.
const INFALLIBLE: &str = "a vector takes every write";

/// Encoder of one body in pieces.
pub(super) enum Encoder {
    Gzip(GzEncoder<Vec<u8>>),
    Brotli(Box<brotli::CompressorWriter<Vec<u8>>>),
    Zstd(zstd::stream::write::Encoder<'static, Vec<u8>>),
}

impl Encoder {
    /// Creates an encoder, with the binary logarithm of brotli's window; none for identity.
    pub(super) fn new(encoding: Encoding, window: u32) -> Option<Self> {
        Some(match encoding {
            Encoding::Identity => return None,
            Encoding::Gzip => Self::Gzip(GzEncoder::new(Vec::new(), flate2::Compression::default())),
            Encoding::Brotli => Self::Brotli(Box::new(brotli::CompressorWriter::new(Vec::new(), 64 * 1024, 4, window))),
            Encoding::Zstd => Self::Zstd(zstd::stream::write::Encoder::new(Vec::new(), 3).expect("level 3 exists")),
        })
    }

    /// Adds a piece. Returns the output so far, which may be empty.
    pub(super) fn encode(&mut self, piece: &[u8]) -> Vec<u8> {
        let output = match self {
            Self::Gzip(encoder) => {
                encoder.write_all(piece).expect(INFALLIBLE);
                encoder.get_mut()
            }
            Self::Brotli(encoder) => {
                encoder.write_all(piece).expect(INFALLIBLE);
                encoder.get_mut()
            }
            Self::Zstd(encoder) => {
                encoder.write_all(piece).expect(INFALLIBLE);
                encoder.get_mut()
            }
        };
        std::mem::take(output)
    }

    /// Ends the body and returns the last output.
    pub(super) fn finish(self) -> Vec<u8> {
        match self {
            Self::Gzip(encoder) => encoder.finish().expect(INFALLIBLE),
            Self::Brotli(encoder) => encoder.into_inner(),
            Self::Zstd(encoder) => encoder.finish().expect(INFALLIBLE),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn negotiated(value: &str) -> Encoding {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_ENCODING, value.parse().unwrap());
        Encoding::negotiate(&headers)
    }

    #[test]
    fn the_client_decides_and_the_server_breaks_ties() {
        assert_eq!(Encoding::negotiate(&HeaderMap::new()), Encoding::Identity);
        assert_eq!(negotiated("gzip, br, zstd"), Encoding::Zstd);
        assert_eq!(negotiated("gzip;q=1.0, br;q=0.5"), Encoding::Gzip);
        assert_eq!(negotiated("x-gzip"), Encoding::Gzip);
        assert_eq!(negotiated("*"), Encoding::Zstd);
        assert_eq!(negotiated("*, zstd;q=0"), Encoding::Brotli);
        assert_eq!(negotiated("gzip;q=0"), Encoding::Identity);
        assert_eq!(negotiated("identity;q=1, gzip;q=0.2"), Encoding::Identity);
        assert_eq!(negotiated("deflate, compress"), Encoding::Identity);
    }

    #[test]
    fn compressed_bodies_decompress_to_the_body() {
        let body = b"ALTO".repeat(1000);
        for encoding in Encoding::ALL {
            assert_eq!(encoding.decompress(&encoding.compress(&body)), body, "{encoding:?}");
        }
    }
}
