//! Sending of responses: framing, delays and truncation.

use std::io::{self, Write};
use std::thread;
use std::time::SystemTime;

use super::{Connection, ReceivedRequest, Response};

/// Writes a response; returns whether the connection stays open.
pub fn write(connection: &mut Connection, response: &Response, request: Option<&ReceivedRequest>) -> io::Result<bool> {
    let out = connection.get_mut();
    let delivery = &response.delivery;
    thread::sleep(delivery.delay);
    if let Some(raw) = &delivery.raw {
        out.write_all(raw)?;
        out.flush()?;
        return Ok(false);
    }
    if let Some(live) = &delivery.live {
        let fields = response.fields.iter().map(|(name, value)| format!("{name}: {value}\r\n"));
        let fields = fields.collect::<Vec<_>>().concat();
        let date = httpdate::fmt_http_date(SystemTime::now());
        let (status, words) = (response.status, reason(response.status));
        let head = format!("HTTP/1.1 {status} {words}\r\nDate: {date}\r\n{fields}Transfer-Encoding: chunked\r\n\r\n");
        out.write_all(head.as_bytes())?;
        live.write(&mut |piece| {
            out.write_all(&[format!("{:X}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat())?;
            out.flush()
        })?;
        out.write_all(b"0\r\n\r\n")?;
        out.flush()?;
        return Ok(false);
    }
    let stays =
        !delivery.close && delivery.truncate_after.is_none() && request.is_some_and(ReceivedRequest::keeps_alive);
    let without_body = matches!(response.status, 100..=199 | 204 | 304);
    // HTTP/1.0 has no chunked coding.
    let chunk = if request.is_some_and(|request| request.version == "1.0") { 0 } else { delivery.chunk_size };
    let mut head = vec![format!("HTTP/1.1 {} {}\r\n", response.status, reason(response.status))];
    head.push(format!("Date: {}\r\n", httpdate::fmt_http_date(SystemTime::now())));
    head.extend(response.fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")));
    if !without_body {
        head.push(match chunk {
            0 => format!("Content-Length: {}\r\n", response.body.len()),
            _ => "Transfer-Encoding: chunked\r\nTrailer: X-End\r\n".into(),
        });
    }
    head.push(match (stays, request.is_some_and(|request| request.version == "1.0")) {
        (false, _) => "Connection: close\r\n\r\n".into(),
        (true, true) => "Connection: keep-alive\r\n\r\n".into(),
        (true, false) => "\r\n".into(),
    });
    let head = head.concat();
    let body = if without_body || request.is_some_and(|request| request.method == "HEAD") {
        &[]
    } else {
        &response.body[..delivery.truncate_after.unwrap_or(response.body.len()).min(response.body.len())]
    };
    if chunk == 0 || body.is_empty() {
        let mut message = head.into_bytes();
        message.extend_from_slice(body);
        out.write_all(&message)?;
    } else {
        out.write_all(head.as_bytes())?;
        for (index, piece) in body.chunks(chunk).enumerate() {
            let mut framed = format!("{:X};n={index};q=\"a;b\"\r\n", piece.len()).into_bytes();
            framed.extend_from_slice(piece);
            framed.extend_from_slice(b"\r\n");
            out.write_all(&framed)?;
            out.flush()?;
            thread::sleep(delivery.chunk_delay);
        }
        if delivery.truncate_after.is_none() {
            out.write_all(b"0;last\r\nX-End: yes\r\n\r\n")?;
        }
    }
    out.flush()?;
    Ok(stays)
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        204 => "No Content",
        301 => "Moved Permanently",
        302 => "RequestTarget",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad ReceivedRequest",
        401 => "Unauthorized",
        404 => "Not RequestTarget",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        413 => "Payload Too Large",
        415 => "Unsupported Media Type",
        431 => "ReceivedRequest Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        505 => "HTTP Version Not Supported",
        _ => "Status",
    }
}
