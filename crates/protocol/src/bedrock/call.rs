//! The paths of Bedrock's runtime, with the model in them.

use crate::scan::MODEL_BYTES_MAX;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// All but the unreserved characters (RFC 3986, 2.3): AWS's SDKs write the `:` of a version and the `/` of an ARN so.
const RESERVED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A call that takes or gives the Anthropic dialect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// `InvokeModel`: the answer is one document.
    Invoke,
    /// `InvokeModelWithResponseStream`: the answer is a stream of frames.
    InvokeStream,
}

impl Call {
    const fn suffix(self) -> &'static str {
        match self {
            Self::Invoke => "/invoke",
            Self::InvokeStream => "/invoke-with-response-stream",
        }
    }

    /// The path of the call for `model`: its id, an inference profile's id, or an ARN.
    #[must_use]
    pub fn path(self, model: &str) -> String {
        format!("/model/{}{}", utf8_percent_encode(model, &RESERVED), self.suffix())
    }

    /// Reads a path as a client sent it, `:` and `/` of the model encoded or not, as clients differ. None when it is no such call, or
    /// the model is empty, no text, or longer than [`MODEL_BYTES_MAX`].
    #[must_use]
    pub fn parse(path: &str) -> Option<(Self, String)> {
        let rest = path.strip_prefix("/model/")?;
        let (call, model) = [Self::Invoke, Self::InvokeStream]
            .into_iter()
            .find_map(|call| rest.strip_suffix(call.suffix()).map(|model| (call, model)))?;
        let model = percent_decode_str(model).decode_utf8().ok()?;
        let is_fit = (1..=MODEL_BYTES_MAX).contains(&model.len()) && !model.contains(char::is_control);
        is_fit.then(|| (call, model.into_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_stands_encoded_in_the_path_and_is_read_in_each_spelling() {
        let arn =
            "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-sonnet-4-5-20250929-v1:0";
        let path = "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Ainference-profile%2F\
             us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/invoke";
        assert_eq!(Call::Invoke.path(arn), path);
        for path in [path, &format!("/model/{arn}/invoke")] {
            assert_eq!(Call::parse(path), Some((Call::Invoke, arn.to_owned())), "{path}");
        }
        let path = "/model/us.anthropic.claude-opus-5-5/invoke-with-response-stream";
        assert_eq!(Call::InvokeStream.path("us.anthropic.claude-opus-5-5"), path);
        assert_eq!(Call::parse(path), Some((Call::InvokeStream, "us.anthropic.claude-opus-5-5".to_owned())));
    }

    #[test]
    fn what_is_no_call_is_none() {
        let long = format!("/model/{}/invoke", "x".repeat(257));
        for path in ["/model//invoke", "/model/m/converse", "/model/m", "/models/m/invoke", "/model/%FF/invoke", &long]
        {
            assert_eq!(Call::parse(path), None, "{path}");
        }
    }
}
