//! A small blocking HTTP client on one kept connection: for the simulator's own tests and its benchmark.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::record::exact;

/// A client of one server.
#[derive(Debug)]
pub struct Client {
    host: String,
    authorization: Option<String>,
    connection: Option<BufReader<TcpStream>>,
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// The headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Client {
    /// A client of a base url, signed in with the simulator's default access key.
    pub fn new(url: &str) -> Self {
        Self { host: host(url).to_owned(), authorization: None, connection: None }.basic("sim-key", "sim-secret")
    }

    /// Signed in with an access key.
    pub fn basic(self, key: &str, secret: &str) -> Self {
        let encoded = STANDARD.encode(format!("{key}:{secret}"));
        Self { authorization: Some(format!("Basic {encoded}")), ..self }
    }

    /// Signed in with a token.
    pub fn bearer(self, token: &str) -> Self {
        Self { authorization: Some(format!("Bearer {token}")), ..self }
    }

    /// Not signed in.
    pub fn anonymous(self) -> Self {
        Self { authorization: None, ..self }
    }

    /// A GET.
    pub fn get(&mut self, target: &str) -> io::Result<Response> {
        self.send("GET", target, &[], b"")
    }

    /// A POST of JSON.
    pub fn post(&mut self, target: &str, body: &Value) -> io::Result<Response> {
        self.send("POST", target, &[("content-type", "application/json")], body.to_string().as_bytes())
    }

    /// Any request.
    pub fn send(&mut self, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> io::Result<Response> {
        let mut request =
            format!("{method} {target} HTTP/1.1\r\nhost: {}\r\ncontent-length: {}\r\n", self.host, body.len());
        if let Some(authorization) = &self.authorization {
            request.push_str(&format!("authorization: {authorization}\r\n"));
        }
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request.push_str("\r\n");
        let mut bytes = request.into_bytes();
        bytes.extend_from_slice(body);
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => BufReader::new(TcpStream::connect(&self.host)?),
        };
        connection.get_mut().set_nodelay(true)?;
        connection.get_mut().write_all(&bytes)?;
        let response = read(&mut connection, method == "HEAD")?;
        self.connection = Some(connection);
        Ok(response)
    }
}

impl Response {
    /// The body as JSON with exact floats; null if it is not.
    pub fn json(&self) -> Value {
        exact(&self.text())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

fn host(url: &str) -> &str {
    let rest = url.strip_prefix("http://").unwrap_or(url);
    rest.split('/').next().unwrap_or(rest)
}

fn read(connection: &mut BufReader<TcpStream>, head_only: bool) -> io::Result<Response> {
    let status_line = line(connection)?;
    let status = status_line.split(' ').nth(1).and_then(|text| text.parse().ok());
    let status = status.ok_or_else(|| io::Error::new(ErrorKind::InvalidData, status_line))?;
    let mut headers = Vec::new();
    loop {
        let text = line(connection)?;
        let Some((name, value)) = text.split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let mut response = Response { status, headers, body: Vec::new() };
    let length = response.header("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
    response.body = vec![0; if head_only { 0 } else { length }];
    connection.read_exact(&mut response.body)?;
    Ok(response)
}

fn line(connection: &mut BufReader<TcpStream>) -> io::Result<String> {
    let mut text = String::new();
    if connection.read_line(&mut text)? == 0 {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    Ok(text.trim_end().to_owned())
}
