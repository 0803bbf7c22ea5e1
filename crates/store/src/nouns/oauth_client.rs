//! OAuth clients as records: one per platform.

use super::FieldWriter;
use crate::{
    error::StoreError,
    keyspace::Family,
    records::{FieldReader, Fields, Record, Row},
};
use domain::{ClientAuth, OAuthClient, Platform, Sealed, TokenBody};
use std::collections::BTreeMap;

impl Record for OAuthClient {
    const FAMILIES: &'static [Family] = &[Family::OAuthClient];

    fn family(&self) -> Family {
        Family::OAuthClient
    }

    fn id(&self) -> &str {
        self.platform.as_str()
    }

    fn fields(&self) -> Fields {
        let parameters = self.authorize_parameters.iter().map(|(name, value)| (name.clone(), value.as_str().into()));
        FieldWriter::default()
            .set_some("authorize_url", self.authorize_url.as_deref())
            .set("token_url", self.token_url.as_str())
            .set_some("device_url", self.device_url.as_deref())
            .set_some("revoke_url", self.revoke_url.as_deref())
            .set_some("redirect_uri", self.redirect_uri.as_deref())
            .set("client_id", self.client_id.as_str())
            .set_some("client_secret", self.client_secret.as_ref().map(Sealed::as_envelope))
            .set("client_auth", self.client_auth.as_str())
            .set("scopes", self.scopes.as_str())
            .set("token_body", self.token_body.as_str())
            .set("authorize_parameters", serde_json::Value::Object(parameters.collect()).to_string())
            .set("created_at", self.created_at)
            .set("updated_at", self.updated_at)
            .0
    }

    fn read(family: Family, row: &Row) -> Result<Self, StoreError> {
        let fields = FieldReader::new(family, row);
        let text = |name| fields.text(name).map(str::to_owned);
        let owned = |text: &str| Some(text.to_owned());
        let parameters = |text: &str| serde_json::from_str::<BTreeMap<String, String>>(text).ok();
        Ok(Self {
            platform: fields.required("id", Platform::parse(&row.id))?,
            authorize_url: text("authorize_url"),
            token_url: fields.parsed("token_url", owned)?,
            device_url: text("device_url"),
            revoke_url: text("revoke_url"),
            redirect_uri: text("redirect_uri"),
            client_id: fields.parsed("client_id", owned)?,
            client_secret: fields.text("client_secret").map(|text| Sealed::from_envelope(text.to_owned())),
            client_auth: fields.parsed("client_auth", ClientAuth::parse)?,
            scopes: text("scopes").unwrap_or_default(),
            token_body: fields.parsed("token_body", TokenBody::parse)?,
            authorize_parameters: fields.parsed("authorize_parameters", parameters)?,
            created_at: fields.required("created_at", fields.timestamp("created_at"))?,
            updated_at: fields.required("updated_at", fields.timestamp("updated_at"))?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::Version;
    use domain::Timestamp;

    #[test]
    fn a_client_reads_back_as_it_was_written() {
        let full = OAuthClient {
            platform: Platform::Claude,
            authorize_url: Some("https://a.example/authorize".to_owned()),
            token_url: "https://a.example/token".to_owned(),
            device_url: Some("https://a.example/device".to_owned()),
            revoke_url: Some("https://a.example/revoke".to_owned()),
            redirect_uri: Some("https://relay.example/oauth/callback".to_owned()),
            client_id: "c".to_owned(),
            client_secret: Some(Sealed::from_envelope("v1:secret".to_owned())),
            client_auth: ClientAuth::Basic,
            scopes: "a b".to_owned(),
            token_body: TokenBody::Json,
            authorize_parameters: BTreeMap::from([("prompt".to_owned(), "consent".to_owned())]),
            created_at: Timestamp::from_ms(1),
            updated_at: Timestamp::from_ms(2),
        };
        let bare = OAuthClient {
            authorize_url: None,
            device_url: None,
            revoke_url: None,
            redirect_uri: None,
            client_secret: None,
            authorize_parameters: BTreeMap::new(),
            ..full.clone()
        };
        for client in [full, bare] {
            for name in client.fields().keys() {
                assert!(client.family().column(name).is_some(), "{name}");
            }
            let row = Row { id: "claude".to_owned(), version: Version(1), fields: client.fields() };
            assert_eq!(OAuthClient::read(client.family(), &row).expect("reads back"), client);
        }
    }
}
