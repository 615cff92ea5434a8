//! Writes the schema as Rust: one file a message, plus the list of them and `ApiKey`.
//!
//! A struct becomes its fields, its defaults and one `Wire` impl: two walks over the same
//! fields, a line each; what a line does is a generic helper of the protocol crate.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use super::rust::{condition, default_value, ident, is_default, not, rust_type, show, snake, zero};
use super::schema::{Field, Kind, Message, Struct, Type};

/// The module file and the folder next to it.
pub(super) const ROOT: &str = "generated.rs";
pub(super) const DIR: &str = "generated";

/// All files by path.
pub(super) fn files(messages: &[Message]) -> Result<BTreeMap<PathBuf, String>, String> {
    let mut files = BTreeMap::new();
    for message in messages {
        let path = PathBuf::from(DIR).join(format!("{}.rs", snake(&message.name)));
        files.insert(path, emit_message(message)?);
    }
    files.insert(
        PathBuf::from(DIR).join("api_key.rs"),
        emit_api_keys(messages),
    );
    files.insert(PathBuf::from(ROOT), emit_root(messages));
    Ok(files)
}

const NOTICE: &str = "Made by `cargo xtask codegen` from `schema/messages.txt`; do not edit.";

fn emit_root(messages: &[Message]) -> String {
    let mut out = format!(
        "//! Every message of the schema, a module each. {NOTICE}\n\n\
         mod api_key;\npub use api_key::ApiKey;\n\n"
    );
    let mut names: Vec<&str> = messages.iter().map(|m| m.name.as_str()).collect();
    names.sort_unstable();
    for name in &names {
        let _ = writeln!(out, "pub mod {};", snake(name));
    }
    out.push('\n');
    for name in &names {
        let _ = writeln!(out, "pub use {}::{name};", snake(name));
    }
    out.push_str(
        "\n/// Calls `$then!` with the names of all messages, for tables over them.\n\
         #[doc(hidden)]\n#[macro_export]\nmacro_rules! for_each_message {\n($then:ident) => {\n$then! {\n",
    );
    for name in &names {
        let _ = writeln!(out, "            {name}");
    }
    out.push_str("}\n};\n}\n");
    out
}

fn emit_api_keys(messages: &[Message]) -> String {
    let mut requests: Vec<&Message> = messages
        .iter()
        .filter(|m| m.kind == Kind::Request)
        .collect();
    requests.sort_by_key(|m| m.key);
    let api = |m: &Message| m.name.trim_end_matches("Request").to_owned();
    let code = |m: &Message| m.key.unwrap_or_default();
    let mut out = format!("//! The APIs, by key. {NOTICE}\n\nuse std::ops::RangeInclusive;\n\n");
    out.push_str(
        "/// An API of Kafka's protocol.\n\
         #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]\n#[repr(i16)]\n\
         #[allow(missing_docs, reason = \"each is documented by Kafka under its own name\")]\n\
         pub enum ApiKey {\n",
    );
    for m in &requests {
        let _ = writeln!(out, "{} = {},", api(m), code(m));
    }
    out.push_str("}\n\nimpl ApiKey {\n/// Every API, in the order of their keys.\npub const ALL: &[Self] = &[");
    for m in &requests {
        let _ = write!(out, "Self::{},", api(m));
    }
    out.push_str(
        "];\n\n/// The number on the wire.\npub const fn code(self) -> i16 {\nself as i16\n}\n\n",
    );
    let mut table =
        |doc: &str, signature: &str, on: &str, arm: &dyn Fn(&Message) -> String, rest: &str| {
            let _ = writeln!(out, "{doc}\npub const fn {signature} {{ match {on} {{");
            for m in &requests {
                let _ = writeln!(out, "{},", arm(m));
            }
            let _ = writeln!(out, "{rest} }} }}\n");
        };
    table(
        "/// The API of a number from the wire.",
        "from_code(code: i16) -> Option<Self>",
        "code",
        &|m| format!("{} => Some(Self::{})", code(m), api(m)),
        "_ => None,",
    );
    table(
        "/// Kafka's name, such as `Fetch`.",
        "name(self) -> &'static str",
        "self",
        &|m| format!("Self::{0} => {0:?}", api(m)),
        "",
    );
    table(
        "/// The versions of the schema, the unstable newest one included.",
        "request_versions(self) -> RangeInclusive<i16>",
        "self",
        &|m| {
            format!(
                "Self::{} => {}..={}",
                api(m),
                m.versions.start(),
                m.versions.end()
            )
        },
        "",
    );
    table(
        "/// The newest version that Kafka serves without being told to serve unstable ones.",
        "newest_stable_version(self) -> i16",
        "self",
        &|m| {
            format!(
                "Self::{} => {}",
                api(m),
                m.versions.end() - i16::from(m.unstable)
            )
        },
        "",
    );
    table(
        "/// The first version in the compact encoding with tagged fields; `None` if there is none.",
        "first_flexible_version(self) -> Option<i16>",
        "self",
        &|m| match m.flexible {
            Some(first) => format!("Self::{} => Some({first})", api(m)),
            None => format!("Self::{} => None", api(m)),
        },
        "",
    );
    out.push_str("}\n");
    out
}

fn emit_message(message: &Message) -> Result<String, String> {
    let name = &message.name;
    let mut body = String::new();
    let mut seen: Vec<&str> = Vec::new();
    for def in &message.structs {
        if seen.contains(&def.name.as_str()) {
            return Err(format!("{name}: struct {} is defined twice", def.name));
        }
        seen.push(&def.name);
        emit_struct(message, def, &mut body)?;
        if message.kind == Kind::Response && def.name != message.name && tells_errors(message, def)
        {
            let name = &def.name;
            let visits = emit_visits(message, def);
            let _ = writeln!(
                body,
                "impl {name} {{\nfn visit_errors(&self, visit: &mut dyn FnMut(i16)) {{\n{visits}}}\n}}\n"
            );
        }
    }
    let flexible = message
        .flexible
        .map_or_else(|| "None".to_owned(), |v| format!("Some({v})"));
    let _ = writeln!(
        body,
        "impl Message for {name} {{\nconst NAME: &'static str = {name:?};\n\
         const VERSIONS: RangeInclusive<i16> = {}..={};\n\
         const FIRST_FLEXIBLE: Option<i16> = {flexible};\n}}",
        message.versions.start(),
        message.versions.end()
    );
    let mut wire = vec![
        "Decoder",
        "DecodeError",
        "EncodeError",
        "Encoder",
        "Message",
        "Wire",
    ];
    let mut uses = String::from("use std::ops::RangeInclusive;\n\n");
    match message.kind {
        Kind::Request => {
            let api = name.trim_end_matches("Request");
            let _ = writeln!(
                body,
                "\nimpl Request for {name} {{\nconst KEY: ApiKey = ApiKey::{api};\n\
                 type Response = super::{api}Response;\n}}"
            );
            wire.extend(["ApiKey", "Request"]);
        }
        Kind::Response => {
            let api = name.trim_end_matches("Response");
            let root = message.structs.iter().find(|def| def.name == *name);
            let visits = root.map_or_else(String::new, |def| emit_visits(message, def));
            let visit = if visits.is_empty() { "_" } else { "visit" };
            let _ = writeln!(
                body,
                "\nimpl Response for {name} {{\nconst KEY: ApiKey = ApiKey::{api};\n\n\
                 fn visit_errors(&self, {visit}: &mut dyn FnMut(i16)) {{\n{visits}}}\n}}"
            );
            wire.extend(["ApiKey", "Response"]);
        }
        Kind::CoordinatorKey => {
            let _ = writeln!(
                body,
                "\nimpl {name} {{\n/// Stands before the key where it is stored.\n\
                 pub const RECORD_TYPE: i16 = {};\n}}",
                message.key.unwrap_or_default()
            );
        }
        Kind::Other => {}
    }
    let has = |want: &dyn Fn(&Type) -> bool| {
        message
            .structs
            .iter()
            .flat_map(|s| &s.fields)
            .any(|f| contains(&f.kind, want))
    };
    if has(&|t| matches!(t, Type::Bytes { .. })) {
        uses.push_str("use bytes::Bytes;\n");
    }
    if has(&|t| *t == Type::Uuid) {
        uses.push_str("use chronik_types::Uuid;\n");
    }
    if has(&|t| *t == Type::String) {
        wire.push("Str");
    }
    if body.contains("impl Nullable for") {
        wire.push("Nullable");
    }
    if let Some(clash) = seen.iter().find(|s| wire.contains(s)) {
        return Err(format!("{name}: struct {clash} hides a type of the codec"));
    }
    let _ = writeln!(uses, "use crate::{{{}}};\n", wire.join(", "));
    Ok(format!("//! `{name}`. {NOTICE}\n\n{uses}{body}"))
}

fn is_error(field: &Field) -> bool {
    field.name == "ErrorCode"
}

/// The struct a field holds, once or many times.
fn inner<'a>(message: &'a Message, field: &Field) -> Option<&'a Struct> {
    let name = match &field.kind {
        Type::Struct(name) => name,
        Type::Array(element) => match &**element {
            Type::Struct(name) => name,
            _ => return None,
        },
        _ => return None,
    };
    message.structs.iter().find(|def| def.name == *name)
}

/// Whether a struct, or one within it, has an error code.
fn tells_errors(message: &Message, def: &Struct) -> bool {
    def.fields.iter().any(|field| {
        is_error(field) || inner(message, field).is_some_and(|part| tells_errors(message, part))
    })
}

/// A line for each field in which error codes are found.
fn emit_visits(message: &Message, def: &Struct) -> String {
    let mut out = String::new();
    for field in &def.fields {
        let id = ident(&field.name);
        if is_error(field) {
            let _ = writeln!(out, "visit(self.{id});");
        } else if inner(message, field).is_some_and(|part| tells_errors(message, part)) {
            let many = matches!(field.kind, Type::Array(_));
            let _ = match (many, field.null.is_some()) {
                (false, false) => writeln!(out, "self.{id}.visit_errors(visit);"),
                (true, true) => writeln!(
                    out,
                    "for part in self.{id}.iter().flatten() {{ part.visit_errors(visit); }}"
                ),
                _ => writeln!(
                    out,
                    "for part in &self.{id} {{ part.visit_errors(visit); }}"
                ),
            };
        }
    }
    out
}

fn contains(kind: &Type, want: &dyn Fn(&Type) -> bool) -> bool {
    want(kind) || matches!(kind, Type::Array(element) if contains(element, want))
}

fn emit_struct(message: &Message, def: &Struct, out: &mut String) -> Result<(), String> {
    let name = &def.name;
    let zero_default = def.fields.iter().all(|f| default_value(f).is_none());
    let derive_default = if zero_default { "Default, " } else { "" };
    if *name == message.name {
        let _ = writeln!(
            out,
            "/// Versions {} to {}.",
            def.versions.start(),
            def.versions.end()
        );
    } else {
        let _ = writeln!(out, "/// Part of [`{}`].", message.name);
    }
    let _ = writeln!(
        out,
        "#[derive(Clone, Debug, {derive_default}PartialEq)]\npub struct {name} {{"
    );
    for field in &def.fields {
        if field.versions != def.versions || field.tag.is_some() {
            let tag = field
                .tag
                .map_or(String::new(), |tag| format!(", tag {tag}"));
            let _ = writeln!(out, "/// v{}{tag}", show(&field.versions, message));
        }
        let _ = writeln!(out, "pub {}: {},", ident(&field.name), rust_type(field));
    }
    out.push_str("}\n\n");
    if !zero_default {
        let _ = writeln!(
            out,
            "impl Default for {name} {{\nfn default() -> Self {{\nSelf {{"
        );
        for field in &def.fields {
            let value =
                default_value(field).unwrap_or_else(|| zero(&field.kind, field.null.is_some()));
            let _ = writeln!(out, "{}: {value},", ident(&field.name));
        }
        out.push_str("}\n}\n}\n\n");
    }
    let nullable = message
        .structs
        .iter()
        .flat_map(|s| &s.fields)
        .any(|f| f.null.is_some() && f.kind == Type::Struct(name.clone()));
    if nullable {
        let _ = writeln!(
            out,
            "impl Nullable for {name} {{\n\
             fn read_nullable(d: &mut Decoder) -> Result<Option<Self>, DecodeError> {{\nd.nullable_struct()\n}}\n\n\
             fn write_nullable(this: Option<&Self>, e: &mut Encoder) -> Result<(), EncodeError> {{\n\
             e.nullable_struct(this)\n}}\n}}\n"
        );
    }
    emit_wire(message, def, out)
}

fn emit_wire(message: &Message, def: &Struct, out: &mut String) -> Result<(), String> {
    let mut read = String::new();
    let mut write = String::new();
    for field in def.fields.iter().filter(|f| f.tag.is_none()) {
        emit_field(message, def, field, &mut read, &mut write)?;
    }
    if message.flexible.is_some() {
        emit_tags(message, def, &mut read, &mut write)?;
    }
    let uses_version = |text: &str| {
        text.contains("v >") || text.contains("v <") || text.contains("v =") || text.contains("&v")
    };
    let v_read = if uses_version(&read) {
        "let v = d.version();\n"
    } else {
        ""
    };
    let v_write = if uses_version(&write) {
        "let v = e.version();\n"
    } else {
        ""
    };
    let _ = writeln!(
        out,
        "impl Wire for {} {{\nconst MIN_WIRE: usize = {};\n\n\
         fn read(d: &mut Decoder) -> Result<Self, DecodeError> {{\n{v_read}let mut m = Self::default();\n{read}Ok(m)\n}}\n\n\
         fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {{\n{v_write}{write}Ok(())\n}}\n}}\n",
        def.name,
        min_wire(message, def)
    );
    Ok(())
}

/// The end of a struct in a flexible version: its tagged fields in the order of their tags.
fn emit_tags(
    message: &Message,
    def: &Struct,
    read: &mut String,
    write: &mut String,
) -> Result<(), String> {
    let first_flexible = message.flexible.unwrap_or(i16::MAX);
    let when = condition(&(first_flexible..=i16::MAX), &def.versions);
    let mut tagged: Vec<(u32, &Field)> = def
        .fields
        .iter()
        .filter_map(|f| f.tag.map(|tag| (tag, f)))
        .collect();
    tagged.sort_by_key(|(tag, _)| *tag);
    if tagged.is_empty() {
        let _ = writeln!(read, "d.skip_tags({when})?;");
        let _ = writeln!(write, "e.no_tags({when});");
        return Ok(());
    }
    let where_tagged = first_flexible.max(*def.versions.start())..=*def.versions.end();
    let _ = writeln!(read, "d.tags({when}, |d, tag| match tag {{");
    let _ = writeln!(write, "let tags = e.begin_tags({when});");
    for (tag, field) in tagged {
        let id = ident(&field.name);
        let name = &field.name;
        if field
            .null
            .as_ref()
            .is_some_and(|null| *null != field.versions)
        {
            return Err(format!(
                "{name}: tagged and nullable in a part of its versions"
            ));
        }
        let method = match (&field.null, &field.kind) {
            (Some(_), Type::Struct(_)) => "tagged_struct",
            _ => "tagged",
        };
        let guard = match condition(&field.versions, &where_tagged).as_str() {
            "true" => String::new(),
            present => format!(" if {present}"),
        };
        let _ = writeln!(read, "{tag}{guard} => d.{method}(&mut m.{id}),");

        let set = not(&is_default(field));
        let present = condition(&field.versions, &def.versions);
        let (and, check) = match (present.as_str(), field.ignorable) {
            ("true", _) => (String::new(), String::new()),
            (_, true) => (format!("{present} && "), String::new()),
            (_, false) => (String::new(), format!("e.present({present}, {name:?})?; ")),
        };
        let _ = writeln!(
            write,
            "if {and}{set} {{ {check}e.{method}(tags, {tag}, &self.{id})?; }}"
        );
    }
    read.push_str("_ => Ok(false),\n})?;\n");
    Ok(())
}

/// The two lines of one untagged field.
fn emit_field(
    message: &Message,
    def: &Struct,
    field: &Field,
    read: &mut String,
    write: &mut String,
) -> Result<(), String> {
    let id = ident(&field.name);
    let name = &field.name;
    let present = condition(&field.versions, &def.versions);
    if field.never_flexible {
        if present != "true" || field.null.as_ref() != Some(&field.versions) {
            return Err(format!(
                "{}.{name}: old encoding only where nullable",
                message.name
            ));
        }
        let _ = writeln!(read, "m.{id} = d.read_classic()?;");
        let _ = writeln!(write, "e.write_classic(&self.{id})?;");
        return Ok(());
    }
    match &field.null {
        Some(null) if *null != field.versions => {
            let null = condition(null, &field.versions);
            let _ = writeln!(read, "d.read_nullable({present}, {null}, &mut m.{id})?;");
            let _ = writeln!(
                write,
                "e.write_nullable({present}, {null}, &self.{id}, {name:?})?;"
            );
        }
        _ if present == "true" => {
            let _ = writeln!(read, "m.{id} = d.read()?;");
            let _ = writeln!(write, "e.write(&self.{id})?;");
            return Ok(());
        }
        _ => {
            let _ = writeln!(read, "d.read_if({present}, &mut m.{id})?;");
            if field.ignorable {
                let _ = writeln!(write, "e.write_if({present}, &self.{id})?;");
            } else {
                let default = is_default(field);
                let _ = writeln!(
                    write,
                    "e.write_or_default({present}, &self.{id}, {default}, {name:?})?;"
                );
            }
            return Ok(());
        }
    }
    if present != "true" && !field.ignorable {
        let _ = writeln!(
            write,
            "if {} {{ e.present({present}, {name:?})?; }}",
            not(&is_default(field))
        );
    }
    Ok(())
}

/// The fewest bytes that one value of the struct takes in any version.
fn min_wire(message: &Message, def: &Struct) -> usize {
    def.versions
        .clone()
        .map(|v| wire_size(message, def, v))
        .min()
        .unwrap_or(0)
}

fn wire_size(message: &Message, def: &Struct, version: i16) -> usize {
    let flexible = message.flexible.is_some_and(|first| version >= first);
    let fields = def
        .fields
        .iter()
        .filter(|f| f.tag.is_none() && f.versions.contains(&version));
    let sizes = fields.map(|field| match &field.kind {
        Type::Bool => 1,
        Type::Number(_, size) => *size,
        Type::Uuid => 16,
        Type::String if flexible && !field.never_flexible => 1,
        Type::String => 2,
        Type::Bytes { .. } | Type::Array(_) if flexible => 1,
        Type::Bytes { .. } | Type::Array(_) => 4,
        Type::Struct(_) if field.null.is_some() => 1,
        Type::Struct(name) => message
            .structs
            .iter()
            .find(|s| s.name == *name)
            .map_or(0, |s| wire_size(message, s, version)),
    });
    sizes.sum::<usize>() + usize::from(flexible)
}
