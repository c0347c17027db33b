//! Content encodings of answers: negotiation (RFC 9110 §12.5.3) and compression.

use std::io::Write;

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
        /// Explanation of the calls of `expect` below.
        const INFALLIBLE: &str = "a vector takes every write";
        match self {
            Self::Identity => body.to_vec(),
            Self::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
                encoder.write_all(body).expect(INFALLIBLE);
                encoder.finish().expect(INFALLIBLE)
            }
            Self::Brotli => {
                let mut output = Vec::new();
                {
                    let mut encoder = brotli::CompressorWriter::new(&mut output, 64 * 1024, 4, 22);
                    encoder.write_all(body).expect(INFALLIBLE);
                }
                output
            }
            Self::Zstd => zstd::bulk::compress(body, 3).expect("compression of a slice in memory"),
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
        let gzip = Encoding::Gzip.compress(&body);
        let mut plain = Vec::new();
        std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&gzip[..]), &mut plain).unwrap();
        assert_eq!(plain, body);
        assert_eq!(zstd::bulk::decompress(&Encoding::Zstd.compress(&body), 10_000).unwrap(), body);
        let mut plain = Vec::new();
        let brotli = Encoding::Brotli.compress(&body);
        std::io::Read::read_to_end(&mut brotli::Decompressor::new(&brotli[..], 4096), &mut plain).unwrap();
        assert_eq!(plain, body);
    }
}
