//! HTTP requests to a program under test.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// A whole response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The body as text.
    pub body: String,
}

/// Sends a GET.
///
/// # Errors
///
/// Nothing answers within 30 s, or not in HTTP.
pub fn get(address: SocketAddr, path: &str) -> io::Result<Response> {
    request(address, "GET", path, "")
}

/// Sends `body`, which is JSON, to `path`.
///
/// # Errors
///
/// As [`get`].
pub fn request(address: SocketAddr, method: &str, path: &str, body: &str) -> io::Result<Response> {
    let limit = Duration::from_secs(30);
    let mut stream = TcpStream::connect_timeout(&address, limit)?;
    stream.set_read_timeout(Some(limit))?;
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )?;
    read_response(&mut BufReader::new(stream))
}

fn read_response(stream: &mut BufReader<TcpStream>) -> io::Result<Response> {
    let mut line = String::new();
    stream.read_line(&mut line)?;
    let status = line.split(' ').nth(1).and_then(|code| code.parse().ok());
    let status = status.ok_or_else(|| io::Error::other(format!("no HTTP: {line:?}")))?;
    let (mut length, mut chunked) = (None, false);
    loop {
        line.clear();
        stream.read_line(&mut line)?;
        let Some((name, value)) = line.split_once(':') else {
            break;
        };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().ok(),
            "transfer-encoding" => chunked = value.trim().eq_ignore_ascii_case("chunked"),
            _ => {}
        }
    }
    let mut body = Vec::new();
    if chunked {
        read_chunks(stream, &mut body)?;
    } else if let Some(length) = length {
        stream.take(length).read_to_end(&mut body)?;
    } else {
        stream.read_to_end(&mut body)?;
    }
    let body = String::from_utf8_lossy(&body).into_owned();
    Ok(Response { status, body })
}

fn read_chunks(stream: &mut BufReader<TcpStream>, body: &mut Vec<u8>) -> io::Result<()> {
    loop {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        let length = u64::from_str_radix(line.trim_end(), 16).map_err(io::Error::other)?;
        stream.take(length).read_to_end(body)?;
        stream.read_line(&mut line)?;
        if length == 0 {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    /// The body that is read from these bytes.
    fn read(response: &'static str) -> io::Result<Response> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.write_all(response.as_bytes()).unwrap();
            stream.shutdown(std::net::Shutdown::Write).unwrap();
            // Read until the client closes: closing with unread bytes would reset the connection.
            drop(stream.read_to_end(&mut Vec::new()));
        });
        let read = get(address, "/");
        server.join().unwrap();
        read
    }

    #[test]
    fn a_body_is_read_by_its_length_by_chunks_or_to_the_end() {
        let body = |response| read(response).unwrap().body;
        assert_eq!(
            body("HTTP/1.1 200 OK\r\nContent-Length:2\r\n\r\nokrest"),
            "ok"
        );
        assert_eq!(body("HTTP/1.1 200 OK\r\n\r\nto the end"), "to the end");
        let chunked =
            "HTTP/1.1 503 No\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n";
        let response = read(chunked).unwrap();
        assert_eq!((response.status, response.body.as_str()), (503, "abc"));
        read("nonsense").unwrap_err();
    }
}
