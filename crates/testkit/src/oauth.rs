//! An authorisation server on loopback that follows a script: it rotates refresh tokens strictly, and plays every fault.
//!
//! A refresh token is valid once, as RFC 6749 (10.4) advises and providers do. What is right stands in RFC 6749, 7009, 7636 and 8628.

use crate::upstream::{Expect, Gate, Received, Reply, Script, ScriptedUpstream, Then, Wait};
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, VecDeque},
    io,
    sync::Arc,
};

/// What goes wrong with one call of the token endpoint.
#[derive(Debug, Clone)]
pub enum OAuthFault {
    /// Nothing is done, and this is answered: status and body.
    Answer(u16, String),
    /// The request is carried out, and its answer never comes.
    LostAnswer,
    /// The request is carried out, and its answer waits at the gate.
    HeldAnswer(Gate),
}

/// What the server grants and has granted.
#[derive(Debug)]
struct State {
    /// The refresh token that is valid now.
    refresh_token: Option<String>,
    /// Access tokens that are valid.
    access_tokens: Vec<String>,
    granted: usize,
    expires_in: Option<u64>,
    faults: VecDeque<OAuthFault>,
    /// Answers to a device that asks, before it is granted.
    device_answers: VecDeque<String>,
    /// The challenge that a code was given for.
    codes: BTreeMap<String, String>,
    calls: Vec<BTreeMap<String, String>>,
    rotates: bool,
}

/// The authorisation server. Dropping it closes its port.
#[derive(Debug)]
pub struct ScriptedOAuth {
    upstream: ScriptedUpstream,
    state: Arc<Mutex<State>>,
}

impl ScriptedOAuth {
    /// Listens on a free port of 127.0.0.1; the refresh token `rt-0` is valid, and access tokens are for an hour.
    ///
    /// # Errors
    ///
    /// When no port can be opened.
    pub async fn start() -> io::Result<Self> {
        let state = Arc::new(Mutex::new(State {
            refresh_token: Some("rt-0".to_owned()),
            access_tokens: vec!["at-0".to_owned()],
            granted: 0,
            expires_in: Some(3600),
            faults: VecDeque::new(),
            device_answers: VecDeque::new(),
            codes: BTreeMap::new(),
            calls: Vec::new(),
            rotates: true,
        }));
        let shared = Arc::clone(&state);
        let script = Script::default().by(move |request| Some(shared.lock().reply(request)));
        Ok(Self { upstream: ScriptedUpstream::start_expecting(script, Expect::nothing()).await?, state })
    }

    /// `http://127.0.0.1:PORT`; below it are `/authorize`, `/token`, `/device` and `/revoke`.
    #[must_use]
    pub fn base_url(&self) -> String {
        self.upstream.base_url()
    }

    /// Has the next calls of the token endpoint go wrong, in this order.
    pub fn fail(&self, fault: OAuthFault) {
        self.state.lock().faults.push_back(fault);
    }

    /// Sets how long access tokens are valid, in seconds; none: it is not said.
    pub fn expire_in(&self, seconds: Option<u64>) {
        self.state.lock().expires_in = seconds;
    }

    /// Lets refresh tokens stay valid when they were used, and gives no new ones.
    pub fn keep_refresh_tokens(&self) {
        self.state.lock().rotates = false;
    }

    /// Takes every token back.
    pub fn revoke_all(&self) {
        let mut state = self.state.lock();
        (state.refresh_token, state.access_tokens) = (None, Vec::new());
    }

    /// Answers to a device that asks, one after the other, before it is granted: words such as `authorization_pending`.
    pub fn answer_device(&self, words: &[&str]) {
        self.state.lock().device_answers.extend(words.iter().map(|word| (*word).to_owned()));
    }

    /// Gives a code for this PKCE challenge, as if somebody had agreed.
    pub fn agree(&self, code: &str, challenge: &str) {
        self.state.lock().codes.insert(code.to_owned(), challenge.to_owned());
    }

    /// How often tokens were granted.
    #[must_use]
    pub fn granted(&self) -> usize {
        self.state.lock().granted
    }

    /// Whether an access token is one of those that are valid.
    #[must_use]
    pub fn knows(&self, access_token: &str) -> bool {
        self.state.lock().access_tokens.iter().any(|known| known == access_token)
    }

    /// The refresh token that is valid now.
    #[must_use]
    pub fn refresh_token(&self) -> Option<String> {
        self.state.lock().refresh_token.clone()
    }

    /// The parameters of each call, in their order, with `path`, and `authorization` where it had one.
    #[must_use]
    pub fn calls(&self) -> Vec<BTreeMap<String, String>> {
        self.state.lock().calls.clone()
    }

    /// Waits until `count` requests have come in whole. Cancel-safe.
    pub async fn received(&self, count: usize) {
        self.upstream.received(count).await;
    }

    /// Stops to listen and cuts every connection. Not cancel-safe.
    pub async fn go_down(&mut self) {
        self.upstream.go_down().await;
    }

    /// Listens again on the same port.
    ///
    /// # Errors
    ///
    /// When another program has taken the port meanwhile.
    pub async fn come_back(&mut self) -> io::Result<()> {
        self.upstream.come_back().await
    }
}

impl State {
    fn reply(&mut self, request: &Received) -> Reply {
        let mut call = parameters(request);
        call.insert("path".to_owned(), request.path().to_owned());
        if let Some(authorization) = request.header("authorization") {
            call.insert("authorization".to_owned(), authorization.to_owned());
        }
        self.calls.push(call.clone());
        match request.path() {
            "/token" => self.token(&call),
            "/device" => document(
                200,
                &json!({"device_code": "device-1", "user_code": "WDJB-MJHT", "interval": 1, "expires_in": 900,
                        "verification_uri": "https://device.example/activate"}),
            ),
            "/revoke" => {
                self.revoke(call.get("token").map(String::as_str));
                document(200, &json!({}))
            }
            _ => Reply::status(404),
        }
    }

    fn token(&mut self, call: &BTreeMap<String, String>) -> Reply {
        match self.faults.pop_front() {
            None => self.grant(call),
            Some(OAuthFault::Answer(status, body)) => Reply::bytes(status, "application/json", body),
            Some(OAuthFault::LostAnswer) => {
                let _ = self.grant(call);
                Reply::no_answer(Then::Close)
            }
            Some(OAuthFault::HeldAnswer(gate)) => self.grant(call).head_after(Wait::Gate(gate)),
        }
    }

    fn grant(&mut self, call: &BTreeMap<String, String>) -> Reply {
        let parameter = |name: &str| call.get(name).map(String::as_str);
        let refused = match parameter("grant_type") {
            Some("refresh_token") if self.refresh_token.as_deref() == parameter("refresh_token") => None,
            Some("authorization_code") if self.is_code_of(parameter("code"), parameter("code_verifier")) => None,
            Some("urn:ietf:params:oauth:grant-type:device_code") => self.device_answers.pop_front(),
            _ => Some("invalid_grant".to_owned()),
        };
        if let Some(word) = refused {
            return document(400, &json!({"error": word, "error_description": "the script says no"}));
        }
        self.granted += 1;
        let access_token = format!("at-{}", self.granted);
        self.access_tokens.push(access_token.clone());
        let mut answer = json!({"access_token": access_token, "token_type": "Bearer"});
        if self.rotates || self.refresh_token.is_none() {
            let refresh_token = format!("rt-{}", self.granted);
            self.refresh_token = Some(refresh_token.clone());
            answer["refresh_token"] = refresh_token.into();
        }
        if let Some(seconds) = self.expires_in {
            answer["expires_in"] = seconds.into();
        }
        document(200, &answer)
    }

    fn is_code_of(&mut self, code: Option<&str>, verifier: Option<&str>) -> bool {
        use sha2::{Digest as _, Sha256};
        let challenge = code.and_then(|code| self.codes.remove(code));
        let told = verifier.map(|verifier| base64_url(&Sha256::digest(verifier.as_bytes())));
        challenge.is_some() && challenge == told
    }

    fn revoke(&mut self, token: Option<&str>) {
        if self.refresh_token.as_deref() == token {
            (self.refresh_token, self.access_tokens) = (None, Vec::new());
        }
        self.access_tokens.retain(|known| Some(known.as_str()) != token);
    }
}

fn document(status: u16, value: &Value) -> Reply {
    Reply::bytes(status, "application/json", value.to_string())
}

/// The parameters of a form or of a JSON object of texts.
fn parameters(request: &Received) -> BTreeMap<String, String> {
    let text = String::from_utf8_lossy(&request.body);
    if let Ok(Value::Object(object)) = serde_json::from_str(&text) {
        let texts = object.into_iter().filter_map(|(name, value)| Some((name, value.as_str()?.to_owned())));
        return texts.collect();
    }
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (decoded(name), decoded(value))).collect()
}

fn decoded(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), text.bytes());
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let digits = [rest.next().unwrap_or(b'0'), rest.next().unwrap_or(b'0')];
                let digits = String::from_utf8_lossy(&digits).into_owned();
                bytes.push(u8::from_str_radix(&digits, 16).unwrap_or(b'?'));
            }
            other => bytes.push(other),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Base64 for URLs, without padding.
fn base64_url(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().enumerate().fold(0_u32, |word, (at, byte)| word | u32::from(*byte) << (16 - 8 * at));
        for place in 0..=chunk.len() {
            let index = usize::try_from(word >> (18 - 6 * place) & 63).unwrap_or_default();
            text.push(char::from(ALPHABET[index]));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_is_that_of_the_standard_s_example() {
        use sha2::{Digest as _, Sha256};
        // RFC 7636, appendix B.
        let challenge = base64_url(&Sha256::digest(b"dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"));
        assert_eq!(challenge, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
        assert_eq!(decoded("a%2Fb+c"), "a/b c");
    }
}
