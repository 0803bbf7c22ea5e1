//! A `redis-server` process that ends with the test program, however that ends: a shell holds it, and kills it when the pipe to the
//! test program closes.

use std::{
    io::{self, BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
};

/// Where the tests look for the program first.
const VARIABLE: &str = "CLAUDE_RELAY_TEST_REDIS_SERVER";

/// Starts the server behind it, says its number, ends when it has ended, and kills it when nobody holds the other end of standard
/// input any more.
const WATCH: &str = r#"exec 3<&0
"$@" >>server.log 2>&1 3<&- & server=$!
echo $server
(read -r _ <&3; kill -9 $server) >/dev/null 2>&1 & lifeline=$!
wait $server
kill $lifeline 2>/dev/null"#;

/// A running server program.
#[derive(Debug)]
pub(super) struct ServerChild {
    watch: Child,
    /// Closed: the server is killed.
    lifeline: Option<ChildStdin>,
    pid: i32,
}

/// The program.
#[expect(clippy::disallowed_methods, reason = "where the tests' programs are, not a setting of the relay")]
pub(super) fn program() -> PathBuf {
    std::env::var_os(VARIABLE).map_or_else(|| PathBuf::from("redis-server"), PathBuf::from)
}

impl ServerChild {
    /// Starts `redis-server` with `arguments` in `directory`.
    ///
    /// # Panics
    ///
    /// When the program is not there: says what to install.
    pub(super) fn start(directory: &Path, arguments: &[String]) -> Self {
        Self::try_start(directory, arguments).unwrap_or_else(|error| {
            panic!(
                "{} cannot be started ({error}): install Redis 7 (`apt-get install redis-server`), or name it in {VARIABLE}; \
                 `cargo xtask test` does so by itself",
                program().display()
            )
        })
    }

    fn try_start(directory: &Path, arguments: &[String]) -> io::Result<Self> {
        let mut watch = Command::new("/bin/sh")
            .args(["-c", WATCH, "sh"])
            .arg(program())
            .args(arguments)
            .current_dir(directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let lifeline = watch.stdin.take();
        let mut line = String::new();
        BufReader::new(watch.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?).read_line(&mut line)?;
        let pid = line.trim().parse().map_err(io::Error::other)?;
        Ok(Self { watch, lifeline, pid })
    }

    /// The server's process id.
    pub(super) const fn pid(&self) -> i32 {
        self.pid
    }

    /// Sends a signal. A server that has ended already is left alone.
    pub(super) fn signal(&self, signal: rustix::process::Signal) {
        if let Some(pid) = rustix::process::Pid::from_raw(self.pid) {
            let _ = rustix::process::kill_process(pid, signal);
        }
    }

    /// Kills it at once and waits until it is gone.
    pub(super) fn kill(&mut self) {
        self.signal(rustix::process::Signal::KILL);
        let _ = self.watch.wait();
        self.lifeline = None;
    }

    /// Lets it end in order and waits until it has.
    pub(super) fn terminate(&mut self) {
        self.signal(rustix::process::Signal::TERM);
        while rustix::process::Pid::from_raw(self.pid)
            .is_some_and(|pid| rustix::process::test_kill_process(pid).is_ok())
        {
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
        self.lifeline = None;
        let _ = self.watch.wait();
    }
}

impl Drop for ServerChild {
    fn drop(&mut self) {
        self.kill();
    }
}
