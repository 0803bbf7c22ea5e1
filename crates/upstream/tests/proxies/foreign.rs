//! Proxies of other authors: `proxy.py` (HTTP, HTTPS) and `pproxy` (SOCKS5, HTTP), pinned in `tests/proxies/requirements.txt`.

use crate::servers::{Server, get, line_through, tls_file};
use std::{
    io::{BufRead, BufReader},
    net::{SocketAddr, TcpListener},
    os::unix::process::CommandExt,
    path::PathBuf,
    process::{Child, Command, Stdio},
};
use upstream::{ProxyFault, SendError};

/// A proxy that runs until it is dropped, with the processes that it starts.
struct Program {
    child: Child,
    address: SocketAddr,
}

impl Program {
    /// `proxy.py` with a login, over TLS or in clear.
    fn proxy_py(over_tls: bool) -> Self {
        let mut command = python();
        command.args(["-m", "proxy", "--hostname", "127.0.0.1", "--num-acceptors", "1", "--num-workers", "1"]);
        command.args(["--basic-auth", "team:s3cret", "--log-level", "DEBUG"]);
        if over_tls {
            command.args(["--cert-file", tls_file!("server.pem"), "--key-file", tls_file!("server.key.pem")]);
        }
        let address = free_address();
        command.args(["--port", &address.port().to_string()]);
        Self::start(command, address, "Listening on")
    }

    /// `pproxy` that listens as `scheme`, with the same login.
    fn pproxy(scheme: &str) -> Self {
        let (mut command, address) = (python(), free_address());
        // Without `--auth 0` it lets in who was let in before from the same address.
        command.args(["-m", "pproxy", "--auth", "0", "-l"]).arg(format!("{scheme}://{address}#team:s3cret"));
        Self::start(command, address, "Serving on")
    }

    /// Waits for the line that says `ready`.
    fn start(mut command: Command, address: SocketAddr, ready: &str) -> Self {
        // One pipe for both, whichever it writes to; a group of its own, so that all its processes end together.
        let (reader, writer) = std::io::pipe().unwrap();
        command.stdin(Stdio::null()).stdout(writer.try_clone().unwrap()).stderr(writer).process_group(0);
        let child = command.spawn().unwrap();
        drop(command);
        let mut lines = BufReader::new(reader).lines();
        let is_ready = lines.by_ref().map_while(Result::ok).any(|line| line.contains(ready));
        assert!(is_ready, "the proxy ended before it listened");
        // What it writes later must go somewhere, or it would stop at a full pipe.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        Self { child, address }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let group = format!("-{}", self.child.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
        let _ = self.child.wait();
    }
}

fn python() -> Command {
    const VARIABLE: &str = "CLAUDE_RELAY_TEST_PYTHON_PROXIES";
    #[expect(clippy::disallowed_methods, reason = "the tests' own settings")]
    let place = std::env::var_os(VARIABLE).map(PathBuf::from);
    let program = place.unwrap_or_else(|| panic!("{VARIABLE} is not set: run `cargo xtask test`, which installs them"));
    let mut command = Command::new(program);
    command.env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin").env("PYTHONUNBUFFERED", "1");
    command.env("HOME", env!("CARGO_TARGET_TMPDIR"));
    command
}

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// Whether calls in clear and over TLS come through, more than one on a line.
async fn passes(scheme: &str, program: &Program) {
    let (clear, tls) = (Server::upstream().await, Server::tls_upstream().await);
    let line = line_through(&format!("{scheme}://team:s3cret@localhost:{}", program.address.port()));
    let (clear_port, tls_port) = (clear.address.port(), tls.address.port());
    for url in [
        format!("http://127.0.0.1:{clear_port}/a"),
        format!("http://127.0.0.1:{clear_port}/a"),
        format!("https://localhost:{tls_port}/a"),
        format!("https://127.0.0.1:{tls_port}/a"),
        format!("https://localhost:{tls_port}/a"),
    ] {
        assert_eq!(get(&line, &url).await.unwrap(), "GET /a HTTP/1.1", "{url}");
    }
    assert_eq!((clear.connections(), tls.connections()), (1, 2), "one for each host");
}

/// What is said of a call with this login, which must not reach the upstream.
async fn refusal(url: &str) -> ProxyFault {
    let upstream = Server::upstream().await;
    let error = get(&line_through(url), &format!("http://{}/", upstream.address)).await.unwrap_err();
    assert_eq!(upstream.connections(), 0);
    assert!(!format!("{error} {error:?}").contains("wr0ng"));
    match error {
        SendError::Proxy(failure) => failure.fault().clone(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn proxy_py_in_clear_passes_calls_with_its_login_alone() {
    let program = Program::proxy_py(false);
    passes("http", &program).await;
    assert!(matches!(refusal(&format!("http://team:wr0ng@{}", program.address)).await, ProxyFault::LoginRefused));
    assert!(matches!(refusal(&format!("http://{}", program.address)).await, ProxyFault::LoginWanted));
}

#[tokio::test]
async fn proxy_py_over_tls_passes_calls_with_its_login_alone() {
    let program = Program::proxy_py(true);
    passes("https", &program).await;
    assert!(matches!(refusal(&format!("https://team:wr0ng@{}", program.address)).await, ProxyFault::LoginRefused));
}

#[tokio::test]
async fn pproxy_as_socks5_passes_calls_with_its_login_alone() {
    let program = Program::pproxy("socks5");
    passes("socks5", &program).await;
    passes("socks5h", &program).await;
    // It hangs up on a wrong login instead of saying so.
    let fault = refusal(&format!("socks5://team:wr0ng@{}", program.address)).await;
    assert!(matches!(fault, ProxyFault::Closed(_) | ProxyFault::LoginRefused), "{fault:?}");
}

#[tokio::test]
async fn pproxy_as_http_passes_calls_with_its_login_alone() {
    let program = Program::pproxy("http");
    passes("http", &program).await;
    let fault = refusal(&format!("http://team:wr0ng@{}", program.address)).await;
    assert!(matches!(fault, ProxyFault::LoginRefused), "{fault:?}");
}
