//! Answers: their making and their way onto the wire.

use std::io::{self, Write};
use std::net::{Shutdown, TcpStream};
use std::thread::sleep;
use std::time::Duration;

use serde_json::{Value, json};
use socket2::SockRef;

/// How an answer is delivered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// As it is.
    #[default]
    Whole,
    /// Not at all: the connection is reset.
    Nothing,
    /// That many bytes of the body, then the connection is reset.
    Cut(usize),
    /// In pieces, with a pause before each.
    Slow { bytes: usize, pause: Duration },
}

/// What goes back to the client.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) delivery: Delivery,
    /// Records in the body, for the journal.
    pub(crate) rows: usize,
    /// What the client should not have done, for the journal.
    pub(crate) violations: Vec<String>,
}

/// As the real answers declare it (API reference, section A).
pub(crate) const JSON: &str = "application/json;charset=UTF-8";

impl Answer {
    pub(crate) fn json(status: u16, body: String) -> Self {
        Self::of(status, JSON, body.into_bytes())
    }

    pub(crate) fn of(status: u16, content_type: &'static str, body: Vec<u8>) -> Self {
        Self {
            status,
            content_type,
            headers: Vec::new(),
            body,
            delivery: Delivery::Whole,
            rows: 0,
            violations: Vec::new(),
        }
    }

    /// An error of the API (API reference, section F.1).
    pub(crate) fn error(status: u16, trace: &str, text: &str) -> Self {
        Self::json(status, json!({"requestId": trace, "errors": [text]}).to_string())
    }

    /// An error that does not come from the API itself but from something before it.
    pub(crate) fn html(status: u16, title: &str) -> Self {
        let page =
            format!("<html>\r\n<head><title>{status} {title}</title></head>\r\n<body>{title}</body>\r\n</html>\r\n");
        Self::of(status, "text/html", page.into_bytes())
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn violating(mut self, what: impl Into<String>) -> Self {
        self.violations.push(what.into());
        self
    }

    /// Adds a key at the end of a body that is an object.
    pub(crate) fn add(&mut self, key: &str, value: &Value) {
        if self.body.pop() == Some(b'}') {
            self.body.extend_from_slice(format!(",\"{key}\":{value}}}").as_bytes());
        }
    }

    /// Bytes of the body that leave.
    pub(crate) fn sent(&self) -> usize {
        match self.delivery {
            Delivery::Nothing => 0,
            Delivery::Cut(bytes) => bytes.min(self.body.len()),
            Delivery::Slow { .. } | Delivery::Whole => self.body.len(),
        }
    }

    /// Writes it; an error means that the connection is of no more use.
    pub(crate) fn write(&self, stream: &mut TcpStream, head_only: bool) -> io::Result<()> {
        if self.delivery == Delivery::Nothing {
            return reset(stream);
        }
        let mut head = format!("HTTP/1.1 {} {}\r\n", self.status, reason(self.status));
        head.push_str(&format!("content-type: {}\r\ncontent-length: {}\r\n", self.content_type, self.body.len()));
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        let mut whole = head.into_bytes();
        match self.delivery {
            _ if head_only => stream.write_all(&whole),
            Delivery::Cut(bytes) => {
                whole.extend_from_slice(&self.body[..bytes.min(self.body.len())]);
                stream.write_all(&whole)?;
                // Let it arrive: a reset overtakes what the client has not read yet.
                sleep(Duration::from_millis(100));
                reset(stream)
            }
            Delivery::Slow { bytes, pause } => {
                stream.write_all(&whole)?;
                for piece in self.body.chunks(bytes.max(1)) {
                    sleep(pause);
                    stream.write_all(piece)?;
                }
                Ok(())
            }
            Delivery::Whole | Delivery::Nothing => {
                whole.reserve_exact(self.body.len());
                whole.extend_from_slice(&self.body);
                stream.write_all(&whole)
            }
        }
    }
}

/// Closes a connection with a reset in place of an orderly end.
fn reset(stream: &TcpStream) -> io::Result<()> {
    SockRef::from(stream).set_linger(Some(Duration::ZERO))?;
    Err(io::ErrorKind::ConnectionReset.into())
}

/// Closes a connection in order.
pub(crate) fn close(stream: &TcpStream) {
    // It may be closed already.
    let _ = stream.shutdown(Shutdown::Both);
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        206 => "Partial Content",
        302 => "Found",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        415 => "Unsupported Media Type",
        416 => "Range Not Satisfiable",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Unknown",
    }
}
