use std::io;
use std::net::SocketAddr;

use tokio::net::TcpListener;

/// Can't listen on the address.
#[derive(Debug, thiserror::Error)]
#[error("can't listen on {address}; is the port taken?")]
pub struct ListenError {
    /// The address.
    pub address: SocketAddr,
    #[source]
    source: io::Error,
}

/// Listens on `address`, and returns the actual address: port 0 takes a free one.
///
/// # Errors
///
/// [`ListenError`]: the port is taken, or the address is not this machine's.
pub async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), ListenError> {
    let failed = |source| ListenError { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}
