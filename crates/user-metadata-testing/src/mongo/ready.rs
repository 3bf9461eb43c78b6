use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Whether the server answers a handshake.
pub(super) fn answers(address: SocketAddr) -> io::Result<()> {
    // The document `{hello: 1, $db: "admin"}`.
    const HELLO: &[u8] = b"\x1f\0\0\0\x10hello\0\x01\0\0\0\x02$db\0\x06\0\0\0admin\0\0";
    let limit = Duration::from_secs(2);
    let mut stream = TcpStream::connect_timeout(&address, limit)?;
    stream.set_read_timeout(Some(limit))?;
    // Length, request id, no response to, OP_MSG, no flags, a section of kind 0.
    let mut message = Vec::new();
    message.extend(52_u32.to_le_bytes());
    message.extend([7, 0, 0, 0, 0, 0, 0, 0]);
    message.extend(2013_u32.to_le_bytes());
    message.extend([0; 5]);
    message.extend(HELLO);
    stream.write_all(&message)?;
    let mut header = [0; 16];
    stream.read_exact(&mut header)
}
