use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// How many brokers of its cluster a broker knows, from a metadata request. Kafka logs nothing when
/// it is ready, and its port is open before that.
pub(super) fn brokers_known_to(address: SocketAddr) -> io::Result<u32> {
    // Length; api key 3 (metadata), version 1; correlation id; no client id; no topics.
    const REQUEST: [u8; 18] = [0, 0, 0, 14, 0, 3, 0, 1, 0, 0, 0, 7, 0xff, 0xff, 0, 0, 0, 0];
    let limit = Duration::from_secs(2);
    let mut stream = TcpStream::connect_timeout(&address, limit)?;
    stream.set_read_timeout(Some(limit))?;
    stream.write_all(&REQUEST)?;
    // Length and correlation id, then the number of brokers.
    let mut response = [0; 12];
    stream.read_exact(&mut response)?;
    let [.., a, b, c, d] = response;
    Ok(u32::from_be_bytes([a, b, c, d]))
}
