//! Square pictures in PNG (ISO/IEC 15948), of one colour that is more or less transparent, so that they suit light and
//! dark pages alike.

use std::io::Write;

use flate2::Crc;
use flate2::write::ZlibEncoder;

/// Colour of all pixels: red, green, blue.
const COLOUR: [u8; 3] = [0x2f, 0x7f, 0xae];
/// Opacity of the lightest shade; the darkest is opaque.
const LIGHTEST: u16 = 20;

/// Encodes a picture of `side` pixels a side, with one shade per pixel: 0 is transparent, `darkest` is opaque.
pub(super) fn encode(side: usize, shades: &[u8], darkest: u8) -> Vec<u8> {
    let extent = u32::try_from(side).unwrap_or(u32::MAX).to_be_bytes();
    // 8 bits per pixel, by palette; compression, filter and interlacing as usual.
    let header = [&extent[..], &extent, &[8, 3, 0, 0, 0]].concat();
    let colours = COLOUR.repeat(usize::from(darkest) + 1);
    let opacity: Vec<u8> = (0..=u16::from(darkest)).map(|shade| opacity(shade, darkest)).collect();
    let mut rows = ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    for row in shades.chunks(side.max(1)) {
        // Every row begins with its filter: none.
        let written = rows.write_all(&[0]).and_then(|()| rows.write_all(row));
        written.expect("a vector takes every write");
    }
    let pixels = rows.finish().expect("a vector takes every write");
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    for (kind, data) in
        [(b"IHDR", &header), (b"PLTE", &colours), (b"tRNS", &opacity), (b"IDAT", &pixels), (b"IEND", &Vec::new())]
    {
        chunk(&mut png, *kind, data);
    }
    png
}

fn opacity(shade: u16, darkest: u8) -> u8 {
    let Some(above) = shade.checked_sub(1) else { return 0 };
    let steps = u16::from(darkest).saturating_sub(1).max(1);
    u8::try_from(LIGHTEST + (255 - LIGHTEST) * above / steps).unwrap_or(u8::MAX)
}

fn chunk(png: &mut Vec<u8>, kind: [u8; 4], data: &[u8]) {
    png.extend(u32::try_from(data.len()).unwrap_or(u32::MAX).to_be_bytes());
    let mut crc = Crc::new();
    crc.update(&kind);
    crc.update(data);
    png.extend(kind);
    png.extend(data);
    png.extend(crc.sum().to_be_bytes());
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn a_picture_has_its_pixels_row_by_row() {
        let png = encode(2, &[0, 1, 2, 3], 3);
        let data = png.windows(4).position(|kind| kind == b"IDAT").unwrap();
        let length = u32::from_be_bytes(png[data - 4..data].try_into().unwrap()) as usize;
        let mut pixels = Vec::new();
        flate2::read::ZlibDecoder::new(&png[data + 4..][..length]).read_to_end(&mut pixels).unwrap();
        assert_eq!(pixels, [0, 0, 1, 0, 2, 3]);
        let opacity = png.windows(4).position(|kind| kind == b"tRNS").unwrap();
        assert_eq!(png[opacity + 4..][..4], [0, 20, 137, 255]);
        // The last chunk of every PNG file, with its checksum.
        assert!(png.ends_with(b"\0\0\0\0IEND\xae\x42\x60\x82"));
    }
}
