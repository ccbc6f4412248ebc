//! HTTP/1.1 on a plain socket: reading requests. A server of our own, because faults need a say in every byte.

use std::io::{self, ErrorKind, Read};
use std::net::TcpStream;

/// No request of the API comes near this.
const LARGEST_BODY: usize = 16 << 20;

/// A request as it came in.
#[derive(Debug, Default)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: Vec<(String, String)>,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// Whether the client wants the connection closed after the answer.
    pub(crate) close: bool,
}

impl Request {
    /// A header's value.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// A query parameter's value; empty ones count as absent.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        let found = self.query.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }
}

/// Bytes of a connection that were read but not yet used.
pub(crate) type Rest = Vec<u8>;

/// Reads the next request; `None` when the client has closed the connection.
pub(crate) fn read(stream: &mut TcpStream, rest: &mut Rest) -> io::Result<Option<Request>> {
    let (mut request, length) = loop {
        if let Some((request, head)) = head(rest)? {
            rest.drain(..head);
            let length = body_length(&request)?;
            break (request, length);
        }
        if !more(stream, rest)? {
            return Ok(None);
        }
    };
    if request.header("expect").is_some() {
        io::Write::write_all(stream, b"HTTP/1.1 100 Continue\r\n\r\n")?;
    }
    request.body = match length {
        Some(length) => exactly(stream, rest, length)?,
        None => chunks(stream, rest)?,
    };
    Ok(Some(request))
}

/// Parses a whole head at the front of the bytes, if there is one.
fn head(bytes: &[u8]) -> io::Result<Option<(Request, usize)>> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut parsed = httparse::Request::new(&mut headers);
    let size = match parsed.parse(bytes) {
        Ok(httparse::Status::Complete(size)) => size,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(error) => return Err(io::Error::new(ErrorKind::InvalidData, error)),
    };
    let target = parsed.path.unwrap_or("/");
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let headers: Vec<(String, String)> = parsed
        .headers
        .iter()
        .map(|header| (header.name.to_owned(), String::from_utf8_lossy(header.value).into_owned()))
        .collect();
    let request = Request {
        method: parsed.method.unwrap_or_default().to_owned(),
        path: decode(path),
        query: parameters(query),
        headers,
        ..Request::default()
    };
    let close = request.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
    Ok(Some((Request { close, ..request }, size)))
}

/// The length of the body; `None` for one in chunks.
fn body_length(request: &Request) -> io::Result<Option<usize>> {
    if request.header("transfer-encoding").is_some() {
        return Ok(None);
    }
    let length = request.header("content-length").unwrap_or("0").trim().parse().unwrap_or(usize::MAX);
    if length > LARGEST_BODY {
        return Err(io::Error::new(ErrorKind::InvalidData, "body too large"));
    }
    Ok(Some(length))
}

fn exactly(stream: &mut TcpStream, rest: &mut Rest, length: usize) -> io::Result<Vec<u8>> {
    while rest.len() < length {
        if !more(stream, rest)? {
            return Err(ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(rest.drain(..length).collect())
}

fn chunks(stream: &mut TcpStream, rest: &mut Rest) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = loop {
            if let Some(end) = rest.windows(2).position(|pair| pair == b"\r\n") {
                break end;
            }
            if !more(stream, rest)? {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        };
        let line = String::from_utf8_lossy(&rest[..end]).into_owned();
        let size = usize::from_str_radix(line.split(';').next().unwrap_or("").trim(), 16);
        let size = size.map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
        rest.drain(..end + 2);
        if size > LARGEST_BODY {
            return Err(io::Error::new(ErrorKind::InvalidData, "chunk too large"));
        }
        let chunk = exactly(stream, rest, size + 2)?;
        body.extend_from_slice(&chunk[..size]);
        if size == 0 {
            return Ok(body);
        }
    }
}

/// Reads some more bytes; false at the end of the connection.
fn more(stream: &mut TcpStream, rest: &mut Rest) -> io::Result<bool> {
    let mut buffer = [0; 16 << 10];
    let count = stream.read(&mut buffer)?;
    rest.extend_from_slice(&buffer[..count]);
    Ok(count > 0)
}

/// The parameters of a query or of a form.
pub(crate) fn parameters(text: &str) -> Vec<(String, String)> {
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    let split = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    split.map(|(key, value)| (decode(&key.replace('+', " ")), decode(&value.replace('+', " ")))).collect()
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let hex = (*first == b'%').then(|| tail.get(..2)).flatten();
        let byte = hex.and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
