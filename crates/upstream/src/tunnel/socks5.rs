//! Asks a SOCKS5 proxy for a way (RFC 1928; user and password: RFC 1929). Names are resolved by the proxy, never here.

use super::Target;
use crate::{failure::ProxyFault, proxy::Login};
use secrecy::{ExposeSecret, zeroize::Zeroizing};
use std::net::IpAddr;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

const VERSION: u8 = 5;
const LOGIN_VERSION: u8 = 1;
const CONNECT: u8 = 1;

const METHOD_NONE: u8 = 0;
const METHOD_LOGIN: u8 = 2;
const NO_METHOD: u8 = 0xFF;

const ADDRESS_V4: u8 = 1;
const ADDRESS_NAME: u8 = 3;
const ADDRESS_V6: u8 = 4;

/// Asks, and waits until the way is open.
pub(super) async fn ask<S>(socket: &mut S, target: &Target, login: Option<&Login>) -> Result<(), ProxyFault>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let request = request(target)?;
    let offered: &[u8] = if login.is_some() { &[METHOD_NONE, METHOD_LOGIN] } else { &[METHOD_NONE] };
    match (agree(socket, offered).await?, login) {
        (METHOD_NONE, _) => {}
        (METHOD_LOGIN, Some(login)) => log_in(socket, login).await?,
        (NO_METHOD, Some(_)) => return Err(ProxyFault::LoginRefused),
        (NO_METHOD, None) => return Err(ProxyFault::LoginWanted),
        _ => return Err(ProxyFault::Garbled),
    }
    send(socket, &request).await?;
    read_reply(socket).await
}

/// The method that the proxy takes of those `offered`.
async fn agree<S>(socket: &mut S, offered: &[u8]) -> Result<u8, ProxyFault>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    send(socket, &[&[VERSION, length(offered)?], offered].concat()).await?;
    let [version, method] = read(socket).await?;
    if version == VERSION { Ok(method) } else { Err(ProxyFault::Garbled) }
}

async fn log_in<S>(socket: &mut S, login: &Login) -> Result<(), ProxyFault>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (user, password) = (login.user.expose_secret().as_bytes(), login.password.expose_secret().as_bytes());
    let parts = [&[LOGIN_VERSION, length(user)?], user, &[length(password)?], password];
    send(socket, &Zeroizing::new(parts.concat())).await?;
    match read(socket).await? {
        [LOGIN_VERSION, 0] => Ok(()),
        [LOGIN_VERSION, _] => Err(ProxyFault::LoginRefused),
        _ => Err(ProxyFault::Garbled),
    }
}

fn request(target: &Target) -> Result<Vec<u8>, ProxyFault> {
    let bare = target.host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(&target.host);
    let mut request = vec![VERSION, CONNECT, 0];
    match bare.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => request.extend([ADDRESS_V4].into_iter().chain(address.octets())),
        Ok(IpAddr::V6(address)) => request.extend([ADDRESS_V6].into_iter().chain(address.octets())),
        Err(_) => {
            request.extend([ADDRESS_NAME, length(bare.as_bytes())?]);
            request.extend_from_slice(bare.as_bytes());
        }
    }
    request.extend(target.port.to_be_bytes());
    Ok(request)
}

/// Reads the reply with the address that it carries, so that nothing of it is left on the way.
async fn read_reply<S: AsyncRead + Unpin>(socket: &mut S) -> Result<(), ProxyFault> {
    let [version, reply, _, address] = read(socket).await?;
    if version != VERSION {
        return Err(ProxyFault::Garbled);
    }
    if reply != 0 {
        return Err(ProxyFault::RefusedReply(reply));
    }
    match address {
        ADDRESS_V4 => drop(read::<_, 6>(socket).await?),
        ADDRESS_V6 => drop(read::<_, 18>(socket).await?),
        ADDRESS_NAME => {
            let [name_bytes] = read(socket).await?;
            let mut name_and_port = vec![0; usize::from(name_bytes) + 2];
            socket.read_exact(&mut name_and_port).await?;
        }
        _ => return Err(ProxyFault::Garbled),
    }
    Ok(())
}

/// Of user and password it is known to fit (`proxy::LOGIN_BYTES_MAX`); of an upstream's name it is not.
fn length(text: &[u8]) -> Result<u8, ProxyFault> {
    u8::try_from(text.len()).map_err(|_| ProxyFault::NameTooLong)
}

async fn send<S: AsyncWrite + Unpin>(socket: &mut S, bytes: &[u8]) -> Result<(), ProxyFault> {
    socket.write_all(bytes).await?;
    Ok(socket.flush().await?)
}

async fn read<S: AsyncRead + Unpin, const N: usize>(socket: &mut S) -> Result<[u8; N], ProxyFault> {
    let mut bytes = [0; N];
    socket.read_exact(&mut bytes).await?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxy::Proxy;

    const OPEN: &[u8] = &[5, 0, 5, 0, 0, 1, 127, 0, 0, 1, 0x1F, 0x90];

    /// What comes of `answers`, and what was asked.
    async fn asked(proxy: &str, host: &str, answers: &[u8]) -> (Result<(), ProxyFault>, Vec<u8>) {
        let proxy = proxy.parse::<Proxy>().expect("a proxy");
        let (mut near, mut far) = tokio::io::duplex(4096);
        far.write_all(answers).await.expect("room");
        far.shutdown().await.expect("open");
        let target = Target { host: host.to_owned(), port: 0x01BB };
        let outcome = ask(&mut near, &target, proxy.login()).await;
        drop(near);
        let mut request = Vec::new();
        far.read_to_end(&mut request).await.expect("readable");
        (outcome, request)
    }

    #[tokio::test]
    async fn a_name_is_left_to_the_proxy_and_an_address_is_told_as_one() {
        for (host, address) in [
            ("api.example", [&[3, 11], b"api.example".as_slice()].concat()),
            ("127.0.0.1", vec![1, 127, 0, 0, 1]),
            ("[::1]", [[4].as_slice(), &[0; 15], &[1]].concat()),
        ] {
            let (outcome, request) = asked("socks5://h", host, OPEN).await;
            assert!(outcome.is_ok(), "{host}: {outcome:?}");
            assert_eq!(request, [&[5, 1, 0, 5, 1, 0], address.as_slice(), &[0x01, 0xBB]].concat(), "{host}");
        }
    }

    #[tokio::test]
    async fn the_login_is_told_where_the_proxy_asks_for_it() {
        let (outcome, request) = asked("socks5://u:pw@h", "127.0.0.1", &[&[5, 2, 1, 0], &OPEN[2..]].concat()).await;
        assert!(outcome.is_ok(), "{outcome:?}");
        assert_eq!(request, b"\x05\x02\x00\x02\x01\x01u\x02pw\x05\x01\x00\x01\x7f\x00\x00\x01\x01\xbb");
        let (outcome, request) = asked("socks5://u:pw@h", "127.0.0.1", OPEN).await;
        assert!(outcome.is_ok() && !request.windows(2).any(|pair| pair == b"pw"), "it was not asked for");
    }

    #[tokio::test]
    async fn each_answer_has_its_meaning() {
        let replies = |code| [5, 0, 5, code, 0, 1, 0, 0, 0, 0, 0, 0].to_vec();
        let name = |length| [&[5, 0, 5, 0, 0, 3, length], vec![b'x'; usize::from(length) + 2].as_slice()].concat();
        for (proxy, answers, expected) in [
            ("socks5://h", OPEN.to_vec(), "open"),
            ("socks5://h", [[5, 0, 5, 0, 0, 4].as_slice(), &[0; 18]].concat(), "open"),
            ("socks5://h", name(0), "open"),
            ("socks5://h", name(255), "open"),
            ("socks5://h", vec![5, 0xFF], "wants a user and a password"),
            ("socks5://u:p@h", vec![5, 0xFF], "refuses the user and the password"),
            ("socks5://u:p@h", vec![5, 2, 1, 1], "refuses the user and the password"),
            ("socks5://h", replies(2), "refused to connect to the upstream with SOCKS5 reply 2: not allowed"),
            ("socks5://h", replies(5), "refused to connect to the upstream with SOCKS5 reply 5: connection refused"),
            ("socks5://h", replies(0x42), "refused to connect to the upstream with SOCKS5 reply 66: unassigned"),
            ("socks5://h", vec![5, 2], "answered with something"),
            ("socks5://h", vec![4, 0], "answered with something"),
            ("socks5://h", b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(), "answered with something"),
            ("socks5://u:p@h", vec![5, 2, 5, 0], "answered with something"),
            ("socks5://h", vec![5, 0, 4, 0, 0, 1], "answered with something"),
            ("socks5://h", vec![5, 0, 5, 0, 0, 9], "answered with something"),
        ] {
            let (outcome, _) = asked(proxy, "api.example", &answers).await;
            let told = outcome.map_or_else(|fault| fault.to_string(), |()| "open".to_owned());
            assert!(told.starts_with(expected), "{answers:?}: {told}");
        }
    }

    #[tokio::test]
    async fn answers_that_are_cut_anywhere_are_a_closed_connection() {
        let whole = [&[5, 2, 1, 0], &OPEN[2..]].concat();
        for length in 0..whole.len() {
            let (outcome, _) = asked("socks5://u:p@h", "api.example", &whole[..length]).await;
            assert!(matches!(outcome, Err(ProxyFault::Closed(_))), "{length} bytes: {outcome:?}");
        }
    }

    #[tokio::test]
    async fn a_name_without_room_is_not_asked_for() {
        let (outcome, request) = asked("socks5://h", &"x".repeat(256), OPEN).await;
        assert!(matches!(outcome, Err(ProxyFault::NameTooLong)) && request.is_empty());
    }
}
