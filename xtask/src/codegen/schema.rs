//! Reads the schema table. Its header explains the notation.
//!
//! Absent on purpose: nothing here knows about Rust; `emit` does.

use std::ops::RangeInclusive;

/// Versions, both ends included. A table's open range (`3+`) ends at `i16::MAX`.
pub(super) type Versions = RangeInclusive<i16>;

/// One message: a top-level struct with a name of its own.
pub(super) struct Message {
    pub(super) name: String,
    pub(super) kind: Kind,
    /// API key, or the record type of a coordinator's key or value.
    pub(super) key: Option<i16>,
    pub(super) versions: Versions,
    /// First version in the compact encoding with tagged fields.
    pub(super) flexible: Option<i16>,
    /// The newest version is not served by default.
    pub(super) unstable: bool,
    /// The message itself first, then every struct below it.
    pub(super) structs: Vec<Struct>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Request,
    Response,
    CoordinatorKey,
    /// Headers, data messages, values of coordinators.
    Other,
}

pub(super) struct Struct {
    pub(super) name: String,
    /// Where it can occur, within the message's versions.
    pub(super) versions: Versions,
    pub(super) fields: Vec<Field>,
}

pub(super) struct Field {
    pub(super) name: String,
    pub(super) kind: Type,
    /// Within the struct's versions; never empty.
    pub(super) versions: Versions,
    pub(super) tag: Option<u32>,
    /// Where null is legal; `None` if nowhere.
    pub(super) null: Option<Versions>,
    pub(super) default: Option<String>,
    /// Written in the old encoding even where the message is flexible.
    pub(super) never_flexible: bool,
    pub(super) ignorable: bool,
}

#[derive(Clone, PartialEq)]
pub(super) enum Type {
    Bool,
    /// The Rust name: `i8`, `u16`, `f64` and so on, with its size in bytes.
    Number(&'static str, usize),
    Uuid,
    String,
    /// `bytes` and `records`; records are null by default.
    Bytes {
        records: bool,
    },
    Struct(String),
    Array(Box<Type>),
}

/// Parses the whole table; messages without versions are left out.
pub(super) fn parse(text: &str) -> Result<Vec<Message>, String> {
    let lines: Vec<(usize, &str)> = text
        .lines()
        .enumerate()
        .map(|(i, line)| (i + 1, line))
        .filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'))
        .collect();
    let mut messages = Vec::new();
    let mut at = 0;
    while let Some((number, line)) = lines.get(at) {
        let below = lines[at + 1..]
            .iter()
            .take_while(|(_, line)| line.starts_with(' '))
            .count();
        let message = parse_message(line, &lines[at + 1..=at + below])
            .map_err(|e| format!("line {number}: {e}"))?;
        messages.extend(message);
        at += 1 + below;
    }
    Ok(messages)
}

fn parse_message(line: &str, body: &[(usize, &str)]) -> Result<Option<Message>, String> {
    let mut words = line.split_whitespace();
    if words.next() != Some("message") {
        return Err("expected `message`".to_owned());
    }
    let name = words.next().ok_or("a message without a name")?.to_owned();
    let kind = match words.next() {
        Some("request") => Kind::Request,
        Some("response") => Kind::Response,
        Some("coordinator-key") => Kind::CoordinatorKey,
        _ => Kind::Other,
    };
    let mut message = Message {
        name: name.clone(),
        kind,
        key: None,
        versions: 0..=0,
        flexible: None,
        unstable: false,
        structs: Vec::new(),
    };
    for word in words {
        match word.split_once('=') {
            Some(("key", key)) => message.key = Some(number(key)?),
            Some(("versions", "none")) => return Ok(None),
            Some(("versions", versions)) => message.versions = parse_versions(versions)?,
            Some(("flexible", "none")) => {}
            Some(("flexible", versions)) => {
                message.flexible = Some(*parse_versions(versions)?.start());
            }
            Some(("listeners", _)) => {}
            None if word == "unstable" => message.unstable = true,
            _ => return Err(format!("unknown word {word:?}")),
        }
    }
    let mut rest = body;
    let mut structs = Vec::new();
    let versions = message.versions.clone();
    let fields = parse_fields(&mut rest, 1, &versions, &mut structs)?;
    message.structs.push(Struct {
        name,
        versions,
        fields,
    });
    message.structs.append(&mut structs);
    if let Some((number, line)) = rest.first() {
        return Err(format!("line {number}: unexpected indentation: {line:?}"));
    }
    Ok(Some(message))
}

/// Reads siblings at `depth` and, below them, the structs they define.
fn parse_fields(
    rest: &mut &[(usize, &str)],
    depth: usize,
    parent: &Versions,
    structs: &mut Vec<Struct>,
) -> Result<Vec<Field>, String> {
    let mut fields = Vec::new();
    while let Some((number, line)) = rest.first() {
        let indent = line.len() - line.trim_start().len();
        if indent != depth * 2 {
            break;
        }
        let fail = |e: String| format!("line {number}: {e}");
        *rest = &rest[1..];
        let words: Vec<&str> = line.split_whitespace().collect();
        let [first, second, third, attributes @ ..] = words.as_slice() else {
            return Err(fail(format!("a field has three words at least: {line:?}")));
        };
        let declared = if *third == "*" {
            parent.clone()
        } else {
            parse_versions(third).map_err(fail)?
        };
        let versions = intersect(&declared, parent);
        let named = if *first == "struct" {
            Some((*second).to_owned())
        } else {
            struct_name(&parse_type(second).map_err(fail)?)
        };
        let mut below = Vec::new();
        let children = parse_fields(rest, depth + 1, &versions, &mut below)?;
        if versions.is_empty() {
            continue;
        }
        if let (Some(name), false) = (named, children.is_empty()) {
            structs.push(Struct {
                name,
                versions: versions.clone(),
                fields: children,
            });
            structs.append(&mut below);
        }
        if *first != "struct" {
            let kind = parse_type(second).map_err(fail)?;
            fields.push(parse_field(first, kind, versions, attributes).map_err(fail)?);
        }
    }
    Ok(fields)
}

fn parse_field(
    name: &str,
    kind: Type,
    versions: Versions,
    attributes: &[&str],
) -> Result<Field, String> {
    let mut field = Field {
        name: name.to_owned(),
        kind,
        versions,
        tag: None,
        null: None,
        default: None,
        never_flexible: false,
        ignorable: false,
    };
    for word in attributes {
        match word.split_once('=') {
            Some(("tag", tag)) => {
                let (tag, tagged) = tag.split_once('@').ok_or("a tag without versions")?;
                if intersect(&parse_versions(tagged)?, &field.versions) != field.versions {
                    return Err("a field that is tagged in a part of its versions".to_owned());
                }
                field.tag = Some(number(tag)?);
            }
            Some(("null", versions)) => {
                let null = intersect(&parse_versions(versions)?, &field.versions);
                field.null = (!null.is_empty()).then_some(null);
            }
            Some(("default", default)) => field.default = Some(default.to_owned()),
            Some(("flexible", "none")) => field.never_flexible = true,
            None if *word == "ignorable" => field.ignorable = true,
            None if *word == "key" => {}
            _ => return Err(format!("unknown word {word:?}")),
        }
    }
    Ok(field)
}

fn parse_type(word: &str) -> Result<Type, String> {
    if let Some(element) = word.strip_prefix("[]") {
        return Ok(Type::Array(Box::new(parse_type(element)?)));
    }
    Ok(match word {
        "bool" => Type::Bool,
        "int8" => Type::Number("i8", 1),
        "int16" => Type::Number("i16", 2),
        "uint16" => Type::Number("u16", 2),
        "int32" => Type::Number("i32", 4),
        "int64" => Type::Number("i64", 8),
        "float64" => Type::Number("f64", 8),
        "uuid" => Type::Uuid,
        "string" => Type::String,
        "bytes" => Type::Bytes { records: false },
        "records" => Type::Bytes { records: true },
        _ if word.starts_with(|c: char| c.is_ascii_uppercase()) => Type::Struct(word.to_owned()),
        _ => return Err(format!("unknown type {word:?}")),
    })
}

fn struct_name(kind: &Type) -> Option<String> {
    match kind {
        Type::Struct(name) => Some(name.clone()),
        Type::Array(element) => struct_name(element),
        _ => None,
    }
}

fn parse_versions(word: &str) -> Result<Versions, String> {
    if let Some(first) = word.strip_suffix('+') {
        return Ok(number(first)?..=i16::MAX);
    }
    match word.split_once('-') {
        Some((first, last)) => Ok(number(first)?..=number(last)?),
        None => number(word).map(|only| only..=only),
    }
}

fn number<T: std::str::FromStr>(word: &str) -> Result<T, String> {
    word.parse()
        .map_err(|_| format!("{word:?} is not a number"))
}

fn intersect(a: &Versions, b: &Versions) -> Versions {
    *a.start().max(b.start())..=*a.end().min(b.end())
}
