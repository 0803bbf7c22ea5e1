//! The port speaks HTTPS with the operator's certificate, as a client of Python's, which is OpenSSL, sees it.

use crate::program::{Listening, Place};
use std::{fs, path::PathBuf, time::Duration};
use tokio::process::Command;

/// Asks for `/health` over HTTPS and prints the status; then offers HTTP/2 alone, sends its preface with empty settings, and prints
/// what was agreed on and the type of the first frame that comes back.
const CLIENT: &str = r#"
import socket, ssl, sys, urllib.request
url, port, believed = sys.argv[1], int(sys.argv[2]), sys.argv[3]
context = ssl.create_default_context(cafile=believed)
print(urllib.request.urlopen(url + "/health", context=context).status)
context.set_alpn_protocols(["h2"])
with context.wrap_socket(socket.create_connection(("127.0.0.1", port)), server_hostname="localhost") as tls:
    tls.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0]))
    print(tls.selected_alpn_protocol(), tls.recv(9)[3])
"#;

/// Certificate and key of a place, as files.
struct Certificate {
    certificate: PathBuf,
    key: PathBuf,
}

impl Certificate {
    /// Makes both anew where they are.
    fn make(place: &Place) -> Self {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
        let files = Self { certificate: place.path().join("relay.crt"), key: place.path().join("relay.key") };
        fs::write(&files.certificate, made.cert.pem()).unwrap();
        fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
        files
    }

    fn settings(&self) -> [(&str, &str); 3] {
        let [certificate, key] = [&self.certificate, &self.key].map(|path| path.to_str().unwrap());
        [("PORT", "0"), ("TLS_CERTIFICATE_FILE", certificate), ("TLS_KEY_FILE", key)]
    }

    /// What the client prints that believes this certificate alone, or its error.
    async fn asked(&self, relay: &Listening) -> Result<String, String> {
        let port = relay.base_url.rsplit(':').next().unwrap();
        let client =
            Command::new("python3").args(["-c", CLIENT, &relay.base_url, port]).arg(&self.certificate).output();
        let output = tokio::time::timeout(Duration::from_secs(60), client).await.unwrap().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
    }
}

const SERVED: &str = "200\nh2 4";

#[tokio::test]
async fn the_port_speaks_https_in_both_versions_of_http() {
    let place = Place::new();
    let files = Certificate::make(&place);
    let relay = place.relay("serve").envs(&files.settings()).listening().await;
    assert!(relay.base_url.starts_with("https://127.0.0.1:"), "{}", relay.base_url);
    assert_eq!(files.asked(&relay).await.as_deref(), Ok(SERVED));
    let plain = relay.base_url.replace("https://", "http://");
    let told = testkit::HttpClient::new(&plain).get("/health", &[]).await.unwrap();
    assert_eq!(told.status, 400);
    assert!(String::from_utf8_lossy(&told.body).contains("https://"), "{told:?}");
}

#[tokio::test]
async fn a_renewed_certificate_is_shown_without_a_restart_and_a_broken_one_is_not() {
    let place = Place::new();
    let former = Certificate::make(&place);
    let relay = place.relay("serve").envs(&former.settings()).listening().await;
    assert_eq!(former.asked(&relay).await.as_deref(), Ok(SERVED));

    let renewed = Certificate::make(&place);
    relay.hang_up();
    let renewed_is_shown = async || {
        for _ in 0..100 {
            if renewed.asked(&relay).await.as_deref() == Ok(SERVED) {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        false
    };
    assert!(renewed_is_shown().await);

    let good = fs::read(&renewed.certificate).unwrap();
    fs::write(&renewed.key, "no key").unwrap();
    relay.hang_up();
    tokio::time::sleep(Duration::from_millis(500)).await;
    fs::write(&renewed.certificate, good).unwrap();
    assert_eq!(renewed.asked(&relay).await.as_deref(), Ok(SERVED), "the former goes on");
}

#[tokio::test]
async fn files_that_make_no_certificate_are_no_start() {
    let place = Place::new();
    let files = Certificate::make(&place);
    let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap().signing_key.serialize_pem();
    for (key, told) in [("no key", "holds no private key"), (other.as_str(), "cannot be used together")] {
        fs::write(&files.key, key).unwrap();
        let message = place.relay("serve").envs(&files.settings()).refusal().await;
        assert!(message.contains(told) && message.contains("relay.key"), "{message}");
    }
    fs::remove_file(&files.key).unwrap();
    let message = place.relay("serve").envs(&files.settings()).refusal().await;
    assert!(message.contains("cannot read") && message.contains("tls.key_file"), "{message}");
    let message = place.relay("serve").envs(&files.settings()[..2]).refusal().await;
    assert!(message.contains("TLS needs both"), "{message}");
    assert!(!place.data_dir().join("secrets.env").exists(), "nothing is set up");
}
