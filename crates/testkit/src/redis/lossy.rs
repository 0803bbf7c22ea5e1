//! A way to a server on which replies get lost: the server has done what it was asked, and the client never hears of it.

use super::server::address;
use std::{
    io::{self, Read as _, Write as _},
    net::{Ipv4Addr, Shutdown, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

/// Bytes that pass at once.
const PIECE_BYTES: usize = 64 * 1024;

/// A proxy in front of a server. Ends with the test program.
#[derive(Debug)]
pub struct LossyProxy {
    port: u16,
    lost: Arc<AtomicUsize>,
}

/// Which replies are lost.
#[derive(Debug)]
struct Losses {
    every: usize,
    passed: AtomicUsize,
    lost: Arc<AtomicUsize>,
}

impl LossyProxy {
    /// Loses one reply in `every`, the connection with it.
    ///
    /// # Panics
    ///
    /// When there is no port to listen on.
    #[must_use]
    pub fn start(server: u16, every: usize) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let lost = Arc::new(AtomicUsize::new(0));
        let losses = Arc::new(Losses { every, passed: AtomicUsize::new(0), lost: Arc::clone(&lost) });
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                // A server that is not there is as good as one that hangs up.
                let Ok(server) = TcpStream::connect(address(server)) else { continue };
                let _ = serve(&client, &server, &losses);
            }
        });
        Self { port, lost }
    }

    /// The port to connect to.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// How many replies were lost.
    #[must_use]
    pub fn lost(&self) -> usize {
        self.lost.load(Ordering::Relaxed)
    }
}

fn serve(client: &TcpStream, server: &TcpStream, losses: &Arc<Losses>) -> io::Result<()> {
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (asking, asked) = (client.try_clone()?, server.try_clone()?);
    thread::spawn(move || pass(asking, asked, || true));
    let (answering, answered, losses) = (server.try_clone()?, client.try_clone()?, Arc::clone(losses));
    thread::spawn(move || pass(answering, answered, || losses.passes()));
    Ok(())
}

/// Passes bytes on until an end closes, or `may_pass` says no: then both close.
fn pass(mut from: TcpStream, mut to: TcpStream, may_pass: impl Fn() -> bool) {
    let mut piece = vec![0; PIECE_BYTES];
    while let Ok(length @ 1..) = from.read(&mut piece) {
        if !may_pass() || to.write_all(&piece[..length]).is_err() {
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}

impl Losses {
    fn passes(&self) -> bool {
        let is_lost = self.passed.fetch_add(1, Ordering::Relaxed) % self.every == self.every - 1;
        if is_lost {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
        !is_lost
    }
}
