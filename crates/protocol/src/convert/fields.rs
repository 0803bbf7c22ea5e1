//! JSON that is read, one level at a time: each member is taken by its name, and what nobody took can be told.
//!
//! Values that are passed on are never parsed further, so that their order of keys and their numbers stay as they are.

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;
use std::{borrow::Cow, fmt};

/// Most members of an object that is looked into. The largest known, a request, has about forty.
const MEMBERS_MAX: usize = 256;

/// Longest path that a fault names, in bytes. The longest of a known field has about eighty.
const PATH_BYTES_MAX: usize = 256;

/// Why a document cannot be read: where, and what is wrong there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    /// The field, as a path with dots: `messages.0.content`.
    pub(super) field: String,
    /// What is wrong with it.
    pub(super) reason: Cow<'static, str>,
}

/// An object of which members are taken.
#[derive(Debug)]
pub(super) struct Fields<'a> {
    path: String,
    members: Vec<(Cow<'a, str>, &'a RawValue)>,
}

/// A value, and where it stands.
#[derive(Debug)]
pub(super) struct Field<'a> {
    /// Its path.
    pub(super) path: String,
    /// The value as it is written.
    pub(super) raw: &'a RawValue,
}

/// A number as it is written, and what it is about.
#[derive(Debug, Clone, Copy)]
pub(super) struct Number<'a> {
    /// As written.
    pub(super) raw: &'a RawValue,
    /// Its value, rounded.
    pub(super) value: f64,
}

impl Fault {
    /// A fault of `field`. A path longer than [`PATH_BYTES_MAX`] is cut: its keys are whatever was sent.
    pub(super) fn new(field: impl Into<String>, reason: impl Into<Cow<'static, str>>) -> Self {
        let mut field = field.into();
        if field.len() > PATH_BYTES_MAX {
            let end = (0..=PATH_BYTES_MAX).rev().find(|&at| field.is_char_boundary(at)).unwrap_or(0);
            field.truncate(end);
        }
        Self { field, reason: reason.into() }
    }
}

impl<'a> Fields<'a> {
    /// Reads a whole body, which must be an object.
    pub(super) fn of_body(body: &'a [u8]) -> Result<Self, Fault> {
        let text = std::str::from_utf8(body).map_err(|_| Fault::new("body", "is not UTF-8"))?;
        let raw: &RawValue =
            serde_json::from_str(text).map_err(|error| Fault::new("body", format!("is not valid JSON: {error}")))?;
        Field { path: String::new(), raw }.object()
    }

    /// Takes a member. One that is `null` is not there.
    pub(super) fn take(&mut self, name: &str) -> Option<Field<'a>> {
        let at = self.members.iter().position(|(key, _)| key == name)?;
        let (_, raw) = self.members.swap_remove(at);
        (raw.get() != "null").then(|| Field { path: self.path_of(name), raw })
    }

    /// Takes a member that must be there.
    pub(super) fn required(&mut self, name: &str) -> Result<Field<'a>, Fault> {
        self.take(name).ok_or_else(|| Fault::new(self.path_of(name), "is required"))
    }

    /// Takes a text.
    pub(super) fn text(&mut self, name: &str) -> Result<Option<Cow<'a, str>>, Fault> {
        self.take(name).map(|field| field.text()).transpose()
    }

    /// Takes a text that must be there.
    pub(super) fn required_text(&mut self, name: &str) -> Result<Cow<'a, str>, Fault> {
        self.required(name)?.text()
    }

    /// Takes `true` or `false`.
    pub(super) fn boolean(&mut self, name: &str) -> Result<Option<bool>, Fault> {
        self.take(name).map(|field| field.boolean()).transpose()
    }

    /// Takes a whole number that is not negative.
    pub(super) fn count(&mut self, name: &str) -> Result<Option<u64>, Fault> {
        self.take(name).map(|field| field.count()).transpose()
    }

    /// Takes a number of tokens, if there is one that can be read: an answer does not fail by how it is counted.
    pub(super) fn tokens(&mut self, name: &str) -> Option<u64> {
        self.take(name).and_then(|field| field.count().ok())
    }

    /// Takes an object of numbers of tokens; one without members when there is none.
    pub(super) fn counts(&mut self, name: &str) -> Self {
        let counts = self.take(name).and_then(|field| field.object().ok());
        counts.unwrap_or_else(|| Self { path: String::new(), members: Vec::new() })
    }

    /// Takes an object.
    pub(super) fn object(&mut self, name: &str) -> Result<Option<Fields<'a>>, Fault> {
        self.take(name).map(Field::object).transpose()
    }

    /// Takes the items of an array; none when there is none.
    pub(super) fn list(&mut self, name: &str) -> Result<Vec<Field<'a>>, Fault> {
        Ok(self.take(name).map(Field::list).transpose()?.unwrap_or_default())
    }

    /// Takes who may call a tool, or did.
    ///
    /// # Errors
    ///
    /// When it is anyone but the model itself: programs that a provider runs call no tools of others.
    pub(super) fn refuse_programs(&mut self) -> Result<(), Fault> {
        const REASON: &str = "only the model itself calls tools upstream";
        if let Some(mut caller) = self.object("caller")? {
            let kind = caller.required("type")?;
            if kind.text()? != "direct" {
                return Err(kind.fault(REASON));
            }
        }
        let other = self.list("allowed_callers")?.into_iter().find(|caller| caller.raw.get() != r#""direct""#);
        other.map_or(Ok(()), |caller| Err(caller.fault(REASON)))
    }

    /// Forgets members that change no content.
    pub(super) fn pass_over(&mut self, names: &[&str]) {
        self.members.retain(|(key, _)| !names.contains(&&**key));
    }

    /// Takes what is left. A member that is `null` asks for nothing.
    ///
    /// # Errors
    ///
    /// When a member is left: nothing is dropped silently.
    pub(super) fn finish(self) -> Result<(), Fault> {
        let left = self.members.iter().find(|(_, raw)| raw.get() != "null");
        left.map_or(Ok(()), |(key, _)| {
            Err(Fault::new(self.path_of(key), "cannot be expressed in the upstream's protocol"))
        })
    }

    /// The path of a member.
    pub(super) fn path_of(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// The path of the object.
    pub(super) fn path(&self) -> &str {
        &self.path
    }
}

impl<'a> Field<'a> {
    /// A fault of this field.
    pub(super) fn fault(&self, reason: impl Into<Cow<'static, str>>) -> Fault {
        Fault::new(if self.path.is_empty() { "body" } else { &self.path }, reason)
    }

    /// Whether it is a string.
    pub(super) fn is_text(&self) -> bool {
        self.raw.get().starts_with('"')
    }

    /// The text.
    pub(super) fn text(&self) -> Result<Cow<'a, str>, Fault> {
        match serde_json::from_str::<Text<'a>>(self.raw.get()) {
            Ok(Text(text)) => Ok(text),
            Err(_) => Err(self.fault("must be a text")),
        }
    }

    /// `true` or `false`.
    pub(super) fn boolean(&self) -> Result<bool, Fault> {
        serde_json::from_str(self.raw.get()).map_err(|_| self.fault("must be true or false"))
    }

    /// A whole number that is not negative.
    pub(super) fn count(&self) -> Result<u64, Fault> {
        serde_json::from_str(self.raw.get()).map_err(|_| self.fault("must be a whole number, 0 or more"))
    }

    /// A number.
    pub(super) fn number(&self) -> Result<Number<'a>, Fault> {
        match serde_json::from_str(self.raw.get()) {
            Ok(value) => Ok(Number { raw: self.raw, value }),
            Err(_) => Err(self.fault("must be a number")),
        }
    }

    /// The members of an object.
    pub(super) fn object(self) -> Result<Fields<'a>, Fault> {
        match serde_json::from_str::<MembersOnly<'a>>(self.raw.get()) {
            Ok(MembersOnly { members, fault: None }) => Ok(Fields { path: self.path, members }),
            Ok(MembersOnly { fault: Some(fault), .. }) => Err(self.fault(fault)),
            Err(_) => Err(self.fault("must be an object")),
        }
    }

    /// The items of an array.
    pub(super) fn list(self) -> Result<Vec<Field<'a>>, Fault> {
        let Ok(items) = serde_json::from_str::<Vec<&'a RawValue>>(self.raw.get()) else {
            return Err(self.fault("must be an array"));
        };
        let items = items.into_iter().enumerate();
        Ok(items.map(|(at, raw)| Field { path: format!("{}.{at}", self.path), raw }).collect())
    }

    /// A JSON object in a text. One without members is written as an empty text by some models.
    pub(super) fn written_object(&self) -> Result<Box<RawValue>, Fault> {
        let text = self.text()?;
        let object = if text.trim().is_empty() { "{}" } else { text.trim() };
        match RawValue::from_string(object.to_owned()) {
            Ok(raw) if raw.get().starts_with('{') => Ok(raw),
            _ => Err(self.fault("must be a JSON object, written as a text")),
        }
    }

    /// The value, which must be an object, as it is written.
    pub(super) fn raw_object(self) -> Result<&'a RawValue, Fault> {
        if self.raw.get().starts_with('{') { Ok(self.raw) } else { Err(self.fault("must be an object")) }
    }
}

/// A string, borrowed where it has no escapes.
struct Text<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;

        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }

        deserializer.deserialize_str(TextVisitor)
    }
}

/// The members of an object as they are written, in order; and what is wrong with them, if anything.
struct MembersOnly<'a> {
    members: Vec<(Cow<'a, str>, &'a RawValue)>,
    fault: Option<&'static str>,
}

impl<'de> Deserialize<'de> for MembersOnly<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor;

        impl<'de> Visitor<'de> for MembersVisitor {
            type Value = MembersOnly<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut all = MembersOnly { members: Vec::new(), fault: None };
                while let Some(Text(key)) = map.next_key()? {
                    let value = map.next_value()?;
                    if all.members.len() == MEMBERS_MAX {
                        all.fault = Some("has too many members");
                    } else if all.members.iter().any(|(earlier, _)| *earlier == key) {
                        // Readers differ in which one counts.
                        all.fault = Some("has a member twice");
                    } else {
                        all.members.push((key, value));
                    }
                }
                Ok(all)
            }
        }

        deserializer.deserialize_map(MembersVisitor)
    }
}
