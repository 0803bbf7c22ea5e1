//! The chain before scripted services and files, and the cache on a clock of its own.

use super::*;
use crate::client::Timeouts;
use secrecy::ExposeSecret;
use std::{collections::HashMap, net::SocketAddr, path::Path};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    sync::mpsc,
    task::JoinSet,
};

const NOW: Timestamp = Timestamp::from_ms(1_795_396_110_000);

/// A service on loopback that answers by the request's first line, and tells of each request.
struct Service {
    address: SocketAddr,
    requests: mpsc::Receiver<String>,
    _serving: JoinSet<()>,
}

impl Service {
    /// `answers`: method and path, then status and body. Anything else is 404; no status: silence.
    async fn start(answers: &[(&'static str, &'static str, String)]) -> Self {
        let answers: Vec<_> = answers.to_vec();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let (address, (sender, requests)) = (listener.local_addr().expect("bound"), mpsc::channel(16));
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let mut received = Vec::new();
                while !is_whole(&received) && socket.read_buf(&mut received).await.is_ok_and(|length| length > 0) {}
                let request = String::from_utf8(received).expect("text");
                let first = request.split(" HTTP/").next().unwrap_or_default().to_owned();
                sender.send(request).await.expect("a reader");
                let found = answers.iter().find(|(line, ..)| *line == first);
                let (status, body) = found.map_or(("404 Not Found", ""), |(_, status, body)| (status, body));
                if status.is_empty() {
                    std::future::pending::<()>().await;
                }
                let length = body.len();
                let head = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
                drop(socket.write_all(format!("{head}{body}").as_bytes()).await);
            }
        });
        Self { address, requests, _serving: serving }
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

fn is_whole(received: &[u8]) -> bool {
    let text = String::from_utf8_lossy(received).to_ascii_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
    body.len() >= length
}

fn chain(variables: &[(&str, &str)]) -> AwsChain {
    let variables: HashMap<_, _> = variables.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    let client = Client::new(Timeouts { connect: Duration::from_secs(60), head: Duration::from_secs(600) });
    AwsChain::new(&client, AwsVariables::read(|name| variables.get(name).cloned()))
}

fn json(id: &str, expiration: Timestamp) -> String {
    format!(
        r#"{{"Code":"Success","AccessKeyId":"{id}","SecretAccessKey":"sk","Token":"st","Expiration":"{expiration}"}}"#
    )
}

fn shown(keys: &AwsKeys) -> (&str, &str, Option<&str>) {
    let token = keys.session_token.as_ref().map(ExposeSecret::expose_secret);
    (&keys.access_key_id, keys.secret_access_key.expose_secret(), token)
}

fn write(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("writable");
    std::fs::write(&path, text).expect("writable");
    path.to_str().expect("text").to_owned()
}

#[tokio::test]
async fn variables_go_before_all_else() {
    let chain = chain(&[
        ("AWS_ACCESS_KEY_ID", "AKIA1"),
        ("AWS_SECRET_ACCESS_KEY", "sk"),
        ("AWS_SESSION_TOKEN", ""),
        ("AWS_PROFILE", "nobody"),
    ]);
    assert_eq!(shown(&chain.keys(NOW).await.expect("keys")), ("AKIA1", "sk", None));
    assert!(!format!("{chain:?}").contains("\"sk\""));
}

#[tokio::test]
async fn half_a_configuration_is_told_as_such() {
    for (variables, told) in [
        (vec![("AWS_ACCESS_KEY_ID", "AKIA1")], "AWS_ACCESS_KEY_ID is set, but AWS_SECRET_ACCESS_KEY is not"),
        (vec![("AWS_SECRET_ACCESS_KEY", "s3cret")], "AWS_SECRET_ACCESS_KEY is set, but AWS_ACCESS_KEY_ID is not"),
        (vec![("AWS_WEB_IDENTITY_TOKEN_FILE", "/t")], "AWS_WEB_IDENTITY_TOKEN_FILE is set, but AWS_ROLE_ARN is not"),
        (vec![("AWS_PROFILE", "team")], "there is no AWS profile `team`"),
        (vec![("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")], "/nowhere cannot be read"),
        (
            vec![("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://h.example/x")],
            "AWS_CONTAINER_CREDENTIALS_FULL_URI is not",
        ),
        (vec![("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "x")], "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI is not"),
        (vec![("AWS_EC2_METADATA_SERVICE_ENDPOINT", "x")], "AWS_EC2_METADATA_SERVICE_ENDPOINT is not"),
        (vec![("AWS_EC2_METADATA_DISABLED", "TRUE")], "there are no AWS keys"),
    ] {
        let error = chain(&variables).keys(NOW).await.expect_err("no keys");
        assert!(error.to_string().starts_with(told), "{variables:?}: {error}");
    }
}

#[tokio::test]
async fn a_profile_is_read_from_both_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let credentials = "# keys\n[default]\naws_access_key_id = AKIA1\naws_secret_access_key=sk=1\n\n\
         [team]\naws_access_key_id=AKIA2\naws_secret_access_key=sk2\naws_session_token = st2\n[half]\naws_access_key_id=A\n";
    let config = "[default]\nregion = us-east-1\naws_access_key_id = other\n[profile role]\nrole_arn = arn:x\n\
         s3 =\n  max_queue_size = 1\n[profile keys]\naws_access_key_id=AKIA3\n; c\naws_secret_access_key=sk3\n";
    write(folder.path(), ".aws/credentials", credentials);
    write(folder.path(), ".aws/config", config);
    let home = folder.path().to_str().expect("text");
    let keys_of =
        |profile: &'static str| async move { chain(&[("HOME", home), ("AWS_PROFILE", profile)]).keys(NOW).await };
    for (profile, expected) in [
        ("", ("AKIA1", "sk=1", None)),
        ("default", ("AKIA1", "sk=1", None)),
        ("team", ("AKIA2", "sk2", Some("st2"))),
        ("keys", ("AKIA3", "sk3", None)),
    ] {
        assert_eq!(shown(&keys_of(profile).await.expect(profile)), expected, "{profile}");
    }
    for (profile, told) in [
        ("role", "the AWS profile `role` has `role_arn`"),
        ("half", "the AWS profile `half` has only one of"),
        ("nobody", "there is no AWS profile `nobody`"),
    ] {
        let error = keys_of(profile).await.expect_err("no keys").to_string();
        assert!(error.starts_with(told), "{error}");
    }
}

#[tokio::test]
async fn a_container_is_asked_with_its_token_as_it_is_now() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = write(folder.path(), "token", "t0ken\n");
    let expires = NOW.plus(Duration::from_secs(3600));
    let mut service = Service::start(&[("GET /v1/credentials", "200 OK", json("ASIA1", expires))]).await;
    let url = format!("{}/v1/credentials", service.url());
    let chain =
        chain(&[("AWS_CONTAINER_CREDENTIALS_FULL_URI", &url), ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", &file)]);
    assert_eq!(shown(&chain.keys(NOW).await.expect("keys")), ("ASIA1", "sk", Some("st")));
    let request = service.requests.recv().await.expect("a request");
    assert!(request.contains("authorization: t0ken\r\n"), "{request}");
}

#[tokio::test]
async fn an_instance_is_asked_by_version_2_and_once_until_shortly_before_the_end() {
    let expires = NOW.plus(Duration::from_secs(3600));
    let mut service = Service::start(&[
        ("PUT /latest/api/token", "200 OK", "t0ken".to_owned()),
        ("GET /latest/meta-data/iam/security-credentials/", "200 OK", "team-role\n".to_owned()),
        ("GET /latest/meta-data/iam/security-credentials/team-role", "200 OK", json("ASIA2", expires)),
    ])
    .await;
    let chain = chain(&[("AWS_EC2_METADATA_SERVICE_ENDPOINT", &service.url())]);
    let (first, second) = tokio::join!(chain.keys(NOW), chain.keys(NOW));
    assert_eq!(shown(&first.expect("keys")), shown(&second.expect("keys")));
    chain.keys(expires.minus(Duration::from_secs(301))).await.expect("keys");
    for (line, header) in [
        ("PUT /latest/api/token ", "x-aws-ec2-metadata-token-ttl-seconds: "),
        ("GET /latest/meta-data/iam/security-credentials/ ", "x-aws-ec2-metadata-token: t0ken"),
        ("GET /latest/meta-data/iam/security-credentials/team-role ", "x-aws-ec2-metadata-token: t0ken"),
    ] {
        let request = service.requests.recv().await.expect("a request");
        assert!(request.starts_with(line) && request.contains(header), "{request}");
    }
    assert!(service.requests.try_recv().is_err(), "asked once");
    chain.keys(expires.minus(Duration::from_secs(300))).await.expect("keys");
    assert!(service.requests.recv().await.is_some(), "asked again");
}

#[tokio::test]
async fn a_web_identity_is_exchanged_without_standing_in_a_url() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = write(folder.path(), "token", "a.jwt+x\n");
    let xml = "<AssumeRoleWithWebIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\n\
         <AssumeRoleWithWebIdentityResult><Audience>x</Audience><AssumedRoleUser><Arn>a</Arn></AssumedRoleUser>\n\
         <Credentials>\n <SessionToken>st/3=</SessionToken><SecretAccessKey>sk3</SecretAccessKey>\n\
         <Expiration>2026-11-23T02:08:30Z</Expiration><AccessKeyId>ASIA3</AccessKeyId></Credentials>\n\
         </AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>";
    let mut service = Service::start(&[("POST /", "200 OK", xml.to_owned())]).await;
    let chain = chain(&[
        ("AWS_WEB_IDENTITY_TOKEN_FILE", &file),
        ("AWS_ROLE_ARN", "arn:aws:iam::1:role/team"),
        ("AWS_ENDPOINT_URL_STS", &service.url()),
    ]);
    assert_eq!(shown(&chain.keys(NOW).await.expect("keys")), ("ASIA3", "sk3", Some("st/3=")));
    let request = service.requests.recv().await.expect("a request");
    let body = "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fteam\
         &RoleSessionName=claude-relay&WebIdentityToken=a.jwt%2Bx";
    assert!(request.ends_with(body), "{request}");
}

#[tokio::test]
async fn a_source_that_refuses_or_talks_nonsense_is_named() {
    for (status, body, told) in [
        ("403 Forbidden", String::new(), "the container's credential service refused to give AWS keys with status 403"),
        ("200 OK", "<html>".to_owned(), "the container's credential service answered with something"),
        ("200 OK", r#"{"Code":"Failed"}"#.to_owned(), "the container's credential service answered with something"),
        ("200 OK", "x".repeat(70_000), "the container's credential service answered with something"),
    ] {
        let service = Service::start(&[("GET /c", status, body)]).await;
        let chain = chain(&[("AWS_CONTAINER_CREDENTIALS_FULL_URI", &format!("{}/c", service.url()))]);
        let error = chain.keys(NOW).await.expect_err("no keys").to_string();
        assert!(error.starts_with(told), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_source_is_given_up() {
    let service = Service::start(&[("GET /c", "", String::new())]).await;
    let chain = chain(&[("AWS_CONTAINER_CREDENTIALS_FULL_URI", &format!("{}/c", service.url()))]);
    assert!(matches!(chain.keys(NOW).await, Err(AwsChainError::TimedOut(AwsSource::Container))));
}

fn grant(id: &str, expires_in_secs: Option<u64>) -> Grant {
    let keys = AwsKeys { access_key_id: id.to_owned(), secret_access_key: "sk".into(), session_token: None };
    Grant { keys, expires_at: expires_in_secs.map(|secs| NOW.plus(Duration::from_secs(secs))) }
}

fn after(secs: u64) -> Timestamp {
    NOW.plus(Duration::from_secs(secs))
}

fn id(found: Option<Result<AwsKeys, AwsChainError>>) -> Option<String> {
    found.map(|keys| keys.map_or_else(|error| error.to_string(), |keys| keys.access_key_id))
}

#[test]
fn keys_are_kept_until_shortly_before_they_expire() {
    for (expires_in, kept_for) in [(Some(3600), 3300), (Some(310), 60), (Some(30), 30), (None, 300)] {
        let mut cache = Cache::default();
        assert!(cache.found(NOW).is_none());
        cache.keep(Ok(grant("a", expires_in)), NOW).expect("keys");
        assert_eq!(id(cache.found(after(kept_for - 1))), Some("a".to_owned()), "{expires_in:?}");
        assert_eq!(id(cache.found(after(kept_for))), None, "{expires_in:?}");
    }
}

#[test]
fn keys_that_are_good_outlive_a_failure_and_others_do_not() {
    let mut cache = Cache::default();
    cache.keep(Ok(grant("a", Some(600))), NOW).expect("keys");
    assert_eq!(cache.keep(Err(AwsChainError::Nowhere), after(400)).expect("keys").access_key_id, "a");
    assert_eq!(id(cache.found(after(459))), Some("a".to_owned()));
    assert!(cache.found(after(460)).is_none());
    assert!(cache.keep(Err(AwsChainError::Nowhere), after(600)).is_err(), "expired");
    assert_eq!(id(cache.found(after(604))), Some(AwsChainError::Nowhere.to_string()));
    assert!(cache.found(after(605)).is_none());
    cache.keep(Ok(grant("b", None)), after(605)).expect("keys");
    assert!(cache.keep(Err(AwsChainError::Nowhere), after(905)).is_err(), "a file that is gone has no keys");
}
