//! How names, types, defaults and versions of the schema look in Rust.

use super::schema::{Field, Message, Type, Versions};

/// A condition on `v` that holds exactly in `versions`, given that `v` is within `within`.
pub(super) fn condition(versions: &Versions, within: &Versions) -> String {
    let (first, last) = (*versions.start(), *versions.end());
    let from_start = first <= *within.start();
    let to_end = last >= *within.end();
    if first > *within.end() || last < *within.start() {
        return "false".to_owned();
    }
    match (from_start, to_end) {
        (true, true) => "true".to_owned(),
        (true, false) => format!("v <= {last}"),
        (false, true) => format!("v >= {first}"),
        (false, false) if first == last => format!("v == {first}"),
        (false, false) => format!("({first}..={last}).contains(&v)"),
    }
}

pub(super) fn show(versions: &Versions, message: &Message) -> String {
    let (first, last) = (versions.start(), versions.end());
    if last >= message.versions.end() {
        format!("{first}+")
    } else if first == last {
        first.to_string()
    } else {
        format!("{first}-{last}")
    }
}

pub(super) fn rust_type(field: &Field) -> String {
    let plain = plain_type(&field.kind);
    if field.null.is_some() {
        format!("Option<{plain}>")
    } else {
        plain
    }
}

fn plain_type(kind: &Type) -> String {
    match kind {
        Type::Bool => "bool".to_owned(),
        Type::Number(name, _) => (*name).to_owned(),
        Type::Uuid => "Uuid".to_owned(),
        Type::String => "Str".to_owned(),
        Type::Bytes { .. } => "Bytes".to_owned(),
        Type::Struct(name) => name.clone(),
        Type::Array(element) => format!("Vec<{}>", plain_type(element)),
    }
}

/// The default as an expression, or `None` where it is the Rust type's own.
pub(super) fn default_value(field: &Field) -> Option<String> {
    let nullable = field.null.is_some();
    match (&field.kind, field.default.as_deref()) {
        (Type::Number(..), Some(number)) => {
            let value = number
                .strip_prefix("0x")
                .map_or_else(|| number.parse::<i64>(), |hex| i64::from_str_radix(hex, 16));
            match value {
                Ok(0) | Err(_) => None,
                Ok(value) => Some(value.to_string()),
            }
        }
        (Type::Bool, Some(value)) => value
            .eq_ignore_ascii_case("true")
            .then(|| "true".to_owned()),
        (_, Some("null")) => None,
        (Type::Bytes { records: true }, None) => None,
        (kind, _) if nullable => Some(format!("Some({})", zero(kind, false))),
        _ => None,
    }
}

pub(super) fn zero(kind: &Type, nullable: bool) -> String {
    if nullable {
        return "None".to_owned();
    }
    match kind {
        Type::Bool => "false".to_owned(),
        Type::Number("f64", _) => "0.0".to_owned(),
        Type::Number(..) => "0".to_owned(),
        Type::Uuid => "Uuid::ZERO".to_owned(),
        Type::String => "Str::default()".to_owned(),
        Type::Bytes { .. } => "Bytes::new()".to_owned(),
        Type::Struct(name) => format!("{name}::default()"),
        Type::Array(_) => "Vec::new()".to_owned(),
    }
}

/// An expression that is true when the field has its default.
pub(super) fn is_default(field: &Field) -> String {
    let id = ident(&field.name);
    let default = default_value(field);
    match (&field.kind, default) {
        (_, None) if field.null.is_some() => format!("self.{id}.is_none()"),
        (Type::Struct(_) | Type::Number("f64", _), Some(value)) => format!("self.{id} == {value}"),
        (_, Some(_)) if field.null.is_some() => {
            format!("self.{id}.as_ref().is_some_and(|x| x.is_empty())")
        }
        (Type::Bool, Some(_)) => format!("self.{id}"),
        (_, Some(value)) => format!("self.{id} == {value}"),
        (Type::Bool, None) => format!("!self.{id}"),
        (Type::Number("f64", _), None) => format!("self.{id} == 0.0"),
        (Type::Number(..), None) => format!("self.{id} == 0"),
        (Type::Uuid, None) => format!("self.{id}.is_zero()"),
        (Type::Struct(name), None) => format!("self.{id} == {name}::default()"),
        (_, None) => format!("self.{id}.is_empty()"),
    }
}

/// The opposite of an expression of `is_default`, in the form clippy wants.
pub(super) fn not(expression: &str) -> String {
    if let Some(positive) = expression.strip_prefix('!') {
        return positive.to_owned();
    }
    if expression.ends_with(".is_none()") {
        return expression.replace(".is_none()", ".is_some()");
    }
    if expression.contains(" == ") {
        return expression.replacen(" == ", " != ", 1);
    }
    format!("!{expression}")
}

/// `TimeoutMs` and `timeoutMs` both become `timeout_ms`.
pub(super) fn snake(name: &str) -> String {
    let chars: Vec<char> = name.chars().collect();
    let mut out = String::new();
    for (i, &c) in chars.iter().enumerate() {
        if c.is_ascii_uppercase() && i > 0 {
            let before = chars[i - 1];
            let ends_acronym = chars.get(i + 1).is_some_and(char::is_ascii_lowercase);
            if !before.is_ascii_uppercase() || ends_acronym {
                out.push('_');
            }
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

pub(super) fn ident(name: &str) -> String {
    let name = snake(name);
    match name.as_str() {
        "type" | "match" => format!("r#{name}"),
        _ => name,
    }
}
