use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use super::Broker;

/// How an [`Impostor`] answers every request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Nothing, for as long as the client waits.
    Nothing,
    /// Random bytes.
    Noise,
    /// Random bytes behind their correct length.
    FramedNoise,
    /// What a web server answers to a request that it does not understand.
    Http,
}

/// Listens on the port of a broker that does not run, and is not a broker. Closed with all its
/// connections when this is dropped, so that the broker can start again.
#[derive(Debug)]
pub struct Impostor {
    address: SocketAddr,
    is_over: Arc<AtomicBool>,
    accepting: Option<JoinHandle<()>>,
}

impl Impostor {
    /// Takes the place of `broker`.
    #[must_use]
    pub fn of(broker: &Broker, answer: Answer) -> Self {
        let address = broker.listen();
        let listener = match TcpListener::bind(address) {
            Ok(listener) => listener,
            Err(error) => panic!("{address} is not free: {error}"),
        };
        let is_over = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&is_over);
        let accepting = thread::spawn(move || accept(&listener, answer, &over));
        Self {
            address,
            is_over,
            accepting: Some(accepting),
        }
    }
}

impl Drop for Impostor {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        // Wakes the accepting thread.
        drop(TcpStream::connect(self.address));
        if let Some(accepting) = self.accepting.take() {
            drop(accepting.join());
        }
    }
}

fn accept(listener: &TcpListener, answer: Answer, is_over: &AtomicBool) {
    let mut open: Vec<TcpStream> = Vec::new();
    for stream in listener.incoming().flatten() {
        if is_over.load(Ordering::Relaxed) {
            break;
        }
        if let Ok(other_end) = stream.try_clone() {
            thread::spawn(move || speak(other_end, answer));
            open.push(stream);
        }
    }
    for stream in open {
        // Fails for those that the client has closed.
        drop(stream.shutdown(std::net::Shutdown::Both));
    }
}

/// Answers every request until the client disconnects.
fn speak(mut stream: TcpStream, answer: Answer) {
    let mut request = [0; 4096];
    while stream.read(&mut request).is_ok_and(|read| read > 0) {
        let answer = answer.bytes();
        if stream.write_all(&answer).is_err() {
            return;
        }
    }
}

impl Answer {
    fn bytes(self) -> Vec<u8> {
        // Knuth's multiplicative hash: noise that is the same in every run.
        let noise = |length: u32| {
            (0..length).map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8 | 1)
        };
        match self {
            Self::Nothing => Vec::new(),
            Self::Noise => noise(300).collect(),
            Self::FramedNoise => 300_u32
                .to_be_bytes()
                .into_iter()
                .chain(noise(300))
                .collect(),
            Self::Http => b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n".to_vec(),
        }
    }
}
