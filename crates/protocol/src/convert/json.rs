//! JSON that is written: members keep their order, and what was read elsewhere is put in as it was written.

use serde::{
    Serialize, Serializer,
    ser::{SerializeMap, SerializeSeq},
};
use serde_json::value::RawValue;
use std::borrow::Cow;

/// A value to be written.
#[derive(Debug, Clone)]
pub(super) enum Json<'a> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Count(u64),
    /// A whole number that may be negative.
    Integer(i64),
    /// A string.
    Text(Cow<'a, str>),
    /// What was read elsewhere, byte for byte.
    Raw(Cow<'a, RawValue>),
    /// An array.
    List(Vec<Json<'a>>),
    /// An object.
    Object(Object<'a>),
}

/// The members of an object, in order.
#[derive(Debug, Clone, Default)]
pub(super) struct Object<'a>(Vec<(&'static str, Json<'a>)>);

impl<'a> Object<'a> {
    /// An object without members.
    pub(super) const fn new() -> Self {
        Self(Vec::new())
    }

    /// An object whose first member says of what type it is.
    pub(super) fn of_type(name: &'static str) -> Self {
        Self::new().with("type", name)
    }

    /// With one member more.
    pub(super) fn with(mut self, key: &'static str, value: impl Into<Json<'a>>) -> Self {
        self.0.push((key, value.into()));
        self
    }

    /// With one member more, if there is a value.
    pub(super) fn with_some(self, key: &'static str, value: Option<impl Into<Json<'a>>>) -> Self {
        match value {
            Some(value) => self.with(key, value),
            None => self,
        }
    }

    /// With one member more, if the list has any items.
    pub(super) fn with_any(self, key: &'static str, items: Vec<Json<'a>>) -> Self {
        if items.is_empty() { self } else { self.with(key, items) }
    }

    /// The text, when the object is a part that is only that: `{"type":"text","text":…}`.
    ///
    /// # Errors
    ///
    /// When it is another part: the part itself.
    pub(super) fn into_text(mut self) -> Result<Json<'a>, Self> {
        let is_text = matches!(&self.0[..], [("type", Json::Text(kind)), ("text", Json::Text(_))] if kind == "text");
        match self.0.pop() {
            Some((_, text)) if is_text => Ok(text),
            last => {
                self.0.extend(last);
                Err(self)
            }
        }
    }

    /// With the members of another object behind its own.
    pub(super) fn with_all(mut self, mut other: Self) -> Self {
        self.0.append(&mut other.0);
        self
    }

    /// Whether there are no members.
    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The bytes of a body.
    pub(super) fn into_body(self) -> bytes::Bytes {
        let mut body = Vec::new();
        self.write(&mut body);
        body.into()
    }

    /// Appends the object.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        serde_json::to_writer(out, self).expect("texts, numbers and JSON that was read are always JSON");
    }

    /// Appends the object as a server-sent event without a name. It must hold nothing raw: that may have line feeds.
    pub(super) fn write_event(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"data: ");
        self.write(out);
        out.extend_from_slice(b"\n\n");
    }

    /// The same with a name.
    pub(super) fn write_named_event(&self, name: &str, out: &mut Vec<u8>) {
        out.extend_from_slice(b"event: ");
        out.extend_from_slice(name.as_bytes());
        out.push(b'\n');
        self.write_event(out);
    }
}

impl Serialize for Json<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Count(value) => serializer.serialize_u64(*value),
            Self::Integer(value) => serializer.serialize_i64(*value),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Raw(raw) => raw.serialize(serializer),
            Self::List(items) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                for item in items {
                    list.serialize_element(item)?;
                }
                list.end()
            }
            Self::Object(object) => object.serialize(serializer),
        }
    }
}

impl Serialize for Object<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, value) in &self.0 {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

impl From<bool> for Json<'_> {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<u64> for Json<'_> {
    fn from(value: u64) -> Self {
        Self::Count(value)
    }
}

impl<'a> From<&'a str> for Json<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Json<'_> {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

impl<'a> From<Cow<'a, str>> for Json<'a> {
    fn from(text: Cow<'a, str>) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a RawValue> for Json<'a> {
    fn from(raw: &'a RawValue) -> Self {
        Self::Raw(Cow::Borrowed(raw))
    }
}

impl<'a> From<Cow<'a, RawValue>> for Json<'a> {
    fn from(raw: Cow<'a, RawValue>) -> Self {
        Self::Raw(raw)
    }
}

impl<'a> From<Vec<Json<'a>>> for Json<'a> {
    fn from(items: Vec<Json<'a>>) -> Self {
        Self::List(items)
    }
}

impl<'a> From<Object<'a>> for Json<'a> {
    fn from(object: Object<'a>) -> Self {
        Self::Object(object)
    }
}
