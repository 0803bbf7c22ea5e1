//! Bounds of the texts, lists and numbers that requests carry, as far as they go by a field's name and not by the operation. What is
//! stated where a field is declared stays as it is.

use crate::{
    accounts, cursor,
    oauth_clients::{PARAMETER_CHARS_MAX, PARAMETERS_MAX},
    texts,
    wire::WORDS_MAX,
};
use utoipa::{
    Number,
    openapi::{
        KnownFormat, RefOr, Schema, SchemaFormat,
        schema::{AdditionalProperties, ArrayItems, Object, SchemaType, Type},
    },
};

/// What an id is made of.
const ID: &str = "^[A-Za-z0-9_-]{1,64}$";

/// What a cursor is made of.
const CURSOR: &str = "^[A-Za-z0-9_-]+$";

/// A day, month or hour, or an instant.
const WHEN: &str =
    r"^[0-9]{4}-[0-9]{2}(-[0-9]{2}(T[0-9]{2}(:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?(Z|[+-][0-9]{2}:[0-9]{2}))?)?)?$";

/// One line with something in it.
const LINE: &str = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$";

/// Lines of text.
const NOTE: &str = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*$";

/// A model's name.
const MODEL: &str = r"^[^\s\x00-\x1f\x7f-\x9f]+$";

/// Longest name of a thing that has a fixed set of them: longer than any of these.
const WORD_BYTES_MAX: usize = 64;

/// What a text may be.
#[derive(Clone, Copy)]
enum Text {
    /// At most so many characters, and not empty.
    UpTo(usize),
    /// What this expression fits.
    Like(&'static str, usize),
}

/// What a text in the field `name` may be, or in a list of that name.
fn text(name: &str) -> Option<Text> {
    Some(match name {
        "id" | "ids" | "members" | "key" | "user" | "account" | "account_id" | "group" | "admin" | "owner"
        | "request_id" => Text::Like(ID, 64),
        "cursor" => Text::Like(CURSOR, cursor::CURSOR_BYTES_MAX),
        "from" | "to" => Text::Like(WHEN, 40),
        "model" | "restricted_models" => Text::Like(MODEL, texts::MODEL_BYTES_MAX),
        "name" => Text::Like(LINE, texts::NAME_CHARS_MAX),
        "description" => Text::Like(NOTE, texts::DESCRIPTION_CHARS_MAX),
        "username" => Text::Like(LINE, texts::USERNAME_CHARS_MAX),
        "by" | "platform" => Text::UpTo(WORD_BYTES_MAX),
        "api_keys" => Text::UpTo(accounts::LISTED_KEY_BYTES_MAX),
        "authorize_parameters" => Text::UpTo(PARAMETER_CHARS_MAX),
        "tag" | "tags" => Text::Like(LINE, texts::TAG_CHARS_MAX),
        _ => return None,
    })
}

/// Writes the bounds of what stands in the field `name` into its schema.
pub(super) fn write(name: &str, schema: &mut RefOr<Schema>) {
    let RefOr::T(schema) = schema else { return };
    match schema {
        Schema::Object(object) => {
            let is = |wanted| is_type(&object.schema_type, &wanted);
            if is(Type::String) {
                bound_text(name, object);
            } else if is(Type::Integer) {
                bound_number(object);
            }
            object.properties.iter_mut().for_each(|(name, property)| write(name, property));
            if let Some(AdditionalProperties::RefOr(values)) = object.additional_properties.as_deref_mut() {
                write(name, values);
                object.max_properties.get_or_insert(PARAMETERS_MAX);
            }
        }
        Schema::Array(array) => {
            array.max_items.get_or_insert(WORDS_MAX);
            array.unique_items |= name == "ids";
            if let ArrayItems::RefOrSchema(items) = &mut array.items {
                write(name, items);
            }
        }
        Schema::OneOf(one) => one.items.iter_mut().for_each(|item| write(name, item)),
        Schema::AllOf(all) => all.items.iter_mut().for_each(|item| write(name, item)),
        Schema::AnyOf(any) => any.items.iter_mut().for_each(|item| write(name, item)),
        _ => {}
    }
}

fn is_type(types: &SchemaType, wanted: &Type) -> bool {
    match types {
        SchemaType::Type(only) => only == wanted,
        SchemaType::Array(several) => several.contains(wanted),
        SchemaType::AnyValue => false,
    }
}

fn bound_text(name: &str, object: &mut Object) {
    if object.enum_values.is_some() {
        return;
    }
    match text(name) {
        Some(Text::UpTo(length)) => {
            object.min_length.get_or_insert(1);
            object.max_length.get_or_insert(length);
        }
        Some(Text::Like(pattern, length)) => {
            object.pattern.get_or_insert_with(|| pattern.to_owned());
            object.max_length.get_or_insert(length);
        }
        None => {}
    }
}

/// Whole numbers are read as what their format says; none of 32 bits is below zero.
fn bound_number(object: &mut Object) {
    let is_short = object.format == Some(SchemaFormat::KnownFormat(KnownFormat::Int32));
    let most = if is_short { u32::MAX as usize } else { isize::MAX.unsigned_abs() };
    object.maximum.get_or_insert(Number::UInt(most));
}
