//! As much of the Redis protocol as a test needs to talk to a server by itself: one command, one reply as text.

use std::{
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

/// How long a server may take to answer a test.
const PATIENCE: Duration = Duration::from_secs(10);

/// Sends one command on a connection of its own, after `AUTH` where there is a password; the reply's parts, one a line.
///
/// # Errors
///
/// When the server is not there, does not answer, or answers an error.
pub(super) fn command(address: SocketAddr, password: Option<&str>, words: &[&str]) -> io::Result<String> {
    let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut stream = BufReader::new(stream);
    if let Some(password) = password {
        send(stream.get_mut(), &["AUTH", password])?;
        receive(&mut stream)?;
    }
    send(stream.get_mut(), words)?;
    receive(&mut stream)
}

fn send(stream: &mut TcpStream, words: &[&str]) -> io::Result<()> {
    let words_bytes = words.iter().map(|word| format!("${}\r\n{word}\r\n", word.len()));
    let bytes: String = std::iter::once(format!("*{}\r\n", words.len())).chain(words_bytes).collect();
    stream.write_all(bytes.as_bytes())
}

fn receive(stream: &mut BufReader<TcpStream>) -> io::Result<String> {
    let mut line = String::new();
    if stream.read_line(&mut line)? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let line = line.trim_end();
    let (kind, rest) = line.split_at(1.min(line.len()));
    match kind {
        "+" | ":" => Ok(rest.to_owned()),
        "-" => Err(io::Error::other(rest.to_owned())),
        "$" => match rest.parse::<usize>() {
            Err(_) => Ok(String::new()),
            Ok(length) => {
                let mut bytes = vec![0; length + 2];
                stream.read_exact(&mut bytes)?;
                Ok(String::from_utf8_lossy(&bytes[..length]).into_owned())
            }
        },
        "*" => {
            let count = rest.parse::<usize>().unwrap_or(0);
            let parts = (0..count).map(|_| receive(stream)).collect::<io::Result<Vec<_>>>()?;
            Ok(parts.join("\n"))
        }
        _ => Err(io::Error::other(format!("what is {line:?}?"))),
    }
}
