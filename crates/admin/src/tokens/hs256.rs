//! HMAC-SHA-256 (RFC 2104) for `jsonwebtoken`, and no other algorithm.
//!
//! The library's own set would bring RSA and elliptic curves along, none of which the relay uses, and with them
//! RUSTSEC-2023-0071.

use hmac::{Hmac, KeyInit, Mac};
use jsonwebtoken::{
    Algorithm, AlgorithmFamily, DecodingKey, EncodingKey,
    crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils},
    errors::{Error, ErrorKind},
    signature::{self, Signer, Verifier},
};
use sha2::Sha256;

static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: |&algorithm, key: &EncodingKey| {
        let secret = (key.family() == AlgorithmFamily::Hmac).then(|| key.as_bytes());
        keyed(algorithm, secret).map(|mac| Box::new(mac) as Box<dyn JwtSigner>)
    },
    verifier_factory: |&algorithm, key: &DecodingKey| {
        let secret = if key.family() == AlgorithmFamily::Hmac { Some(key.try_get_as_bytes()?) } else { None };
        keyed(algorithm, secret).map(|mac| Box::new(mac) as Box<dyn JwtVerifier>)
    },
    key_utils: KeyUtils::new_unimplemented(),
};

/// Makes this the library's cryptography for the process; doing it again changes nothing.
pub(super) fn install() {
    // An error says that it was done before, by another control plane in this process.
    let _ = PROVIDER.install_default();
}

struct Hs256(Hmac<Sha256>);

fn keyed(algorithm: Algorithm, secret: Option<&[u8]>) -> Result<Hs256, Error> {
    match (algorithm, secret) {
        (Algorithm::HS256, Some(secret)) => {
            Hmac::new_from_slice(secret).map(Hs256).map_err(|_| ErrorKind::InvalidKeyFormat.into())
        }
        _ => Err(ErrorKind::InvalidAlgorithm.into()),
    }
}

impl Signer<Vec<u8>> for Hs256 {
    fn try_sign(&self, message: &[u8]) -> Result<Vec<u8>, signature::Error> {
        Ok(self.0.clone().chain_update(message).finalize().into_bytes().to_vec())
    }
}

impl JwtSigner for Hs256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }
}

impl Verifier<Vec<u8>> for Hs256 {
    /// Takes the same time wherever the two differ.
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), signature::Error> {
        self.0.clone().chain_update(message).verify_slice(signature).map_err(signature::Error::from_source)
    }
}

impl JwtVerifier for Hs256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4231, test case 2.
    #[test]
    fn the_known_answer_comes_out() {
        let mac = keyed(Algorithm::HS256, Some(b"Jefe")).expect("a key");
        let signed = mac.try_sign(b"what do ya want for nothing?").expect("signs");
        let known = domain::KeyHash::parse("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
        assert_eq!(signed, known.expect("64 hex digits").0);
        assert!(mac.verify(b"what do ya want for nothing?", &signed).is_ok());
        assert!(mac.verify(b"what do ya want for something?", &signed).is_err());
    }

    #[test]
    fn no_other_algorithm_has_a_key() {
        for algorithm in [Algorithm::HS384, Algorithm::HS512, Algorithm::RS256, Algorithm::EdDSA] {
            assert!(keyed(algorithm, Some(b"secret")).is_err(), "{algorithm:?}");
        }
    }
}
