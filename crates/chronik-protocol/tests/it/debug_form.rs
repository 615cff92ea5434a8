//! Compares a message with JSON by its `{:?}` form: the names of the fields come from the
//! generated structs, not from the wire, so two fields that change places are seen.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// What `{:?}` shows.
#[derive(Debug, PartialEq)]
pub(crate) enum Form {
    Struct(Vec<(String, Form)>),
    Array(Vec<Form>),
    None,
    Text(String),
    Bytes(Vec<u8>),
    /// A number, a bool or a uuid.
    Word(String),
}

pub(crate) fn parse(text: &str) -> Form {
    let mut parser = Parser { rest: text };
    let form = parser.form();
    assert_eq!(parser.rest, "");
    form
}

struct Parser<'a> {
    rest: &'a str,
}

impl Parser<'_> {
    fn eat(&mut self, prefix: &str) -> bool {
        let rest = self.rest.strip_prefix(prefix);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn word(&mut self) -> String {
        let legal = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
        let end = self.rest.find(|c| !legal(c)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word.to_owned()
    }

    fn form(&mut self) -> Form {
        if self.eat("Some(") {
            let form = self.form();
            assert!(self.eat(")"));
            return form;
        }
        if self.eat("[") {
            let mut elements = Vec::new();
            while !self.eat("]") {
                elements.push(self.form());
                self.eat(", ");
            }
            return Form::Array(elements);
        }
        if self.eat("b\"") {
            return Form::Bytes(self.quoted());
        }
        if self.eat("\"") {
            return Form::Text(String::from_utf8(self.quoted()).unwrap());
        }
        let word = self.word();
        if !self.eat(" { ") {
            return if word == "None" {
                Form::None
            } else {
                Form::Word(word)
            };
        }
        let mut fields = Vec::new();
        while !self.eat(" }") {
            let name = self.word();
            assert!(self.eat(": "), "{}", self.rest);
            fields.push((name, self.form()));
            self.eat(", ");
        }
        Form::Struct(fields)
    }

    fn quoted(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        loop {
            let mut chars = self.rest.chars();
            let next = chars.next().expect("a closing quote");
            self.rest = chars.as_str();
            match next {
                '"' => return bytes,
                '\\' => self.escape(&mut bytes),
                other => bytes.extend(other.encode_utf8(&mut [0; 4]).bytes()),
            }
        }
    }

    fn escape(&mut self, bytes: &mut Vec<u8>) {
        let (kind, rest) = self.rest.split_at(1);
        self.rest = rest;
        match kind {
            "n" => bytes.push(b'\n'),
            "r" => bytes.push(b'\r'),
            "t" => bytes.push(b'\t'),
            "0" => bytes.push(0),
            "x" => {
                let (digits, rest) = self.rest.split_at(2);
                bytes.push(u8::from_str_radix(digits, 16).unwrap());
                self.rest = rest;
            }
            "u" => {
                let (digits, rest) = self.rest[1..].split_once('}').unwrap();
                let code = u32::from_str_radix(digits, 16).unwrap();
                bytes.extend(char::from_u32(code).unwrap().to_string().bytes());
                self.rest = rest;
            }
            other => bytes.extend(other.bytes()),
        }
    }
}

/// Whether the message says what the JSON says. What the JSON does not name is not in that
/// version, or a tagged field that was not written: it must be as in `default`, where that is
/// known.
pub(crate) fn compare(form: &Form, json: &Value, default: &Form) -> Result<(), String> {
    let differ = || Err(format!("{form:?} is not {json}"));
    match (form, json) {
        (Form::None, Value::Null) => Ok(()),
        (Form::Struct(fields), Value::Object(object)) => {
            for (key, value) in object {
                let name = snake(key);
                let Some((_, field)) = fields.iter().find(|(field, _)| *field == name) else {
                    return Err(format!("no field {name}"));
                };
                let default = default_of(default, &name);
                compare(field, value, default).map_err(|e| format!("{name}: {e}"))?;
            }
            for (name, field) in fields {
                let named = object.keys().any(|key| snake(key) == *name);
                let default = default_of(default, name);
                if !named && *default != UNKNOWN && field != default {
                    return Err(format!("{name} is {field:?}, which the json does not say"));
                }
            }
            Ok(())
        }
        (Form::Array(elements), Value::Array(array)) if elements.len() == array.len() => {
            let mut pairs = elements.iter().zip(array);
            pairs.try_for_each(|(element, value)| compare(element, value, &UNKNOWN))
        }
        (Form::Text(text), Value::String(string)) if text == string => Ok(()),
        (Form::Word(word), Value::String(string)) if word == string => Ok(()),
        (Form::Bytes(bytes), Value::String(string))
            if STANDARD.decode(string).is_ok_and(|value| value == *bytes) =>
        {
            Ok(())
        }
        (Form::Word(word), Value::Bool(value)) if *word == value.to_string() => Ok(()),
        (Form::Word(word), Value::Number(number)) => {
            let equal = match number.as_i64() {
                Some(integer) => word.parse() == Ok(integer) || word.parse() == Ok(integer as f64),
                None => word.parse().ok() == number.as_f64(),
            };
            if equal { Ok(()) } else { differ() }
        }
        _ => differ(),
    }
}

/// Elements of arrays have no default to look at.
static UNKNOWN: Form = Form::Word(String::new());

fn default_of<'a>(default: &'a Form, name: &str) -> &'a Form {
    match default {
        Form::Struct(fields) => fields
            .iter()
            .find(|(field, _)| field == name)
            .map_or(&UNKNOWN, |(_, form)| form),
        _ => &UNKNOWN,
    }
}

fn snake(camel: &str) -> String {
    let mut out = String::new();
    for c in camel.chars() {
        if c.is_ascii_uppercase() {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

#[test]
fn a_message_with_two_fields_swapped_is_seen() {
    let default = parse("M { a: 0, b: 0, c: [] }");
    let json = serde_json::json!({"a": 1, "b": 2, "c": ["x\u{7}\"", null]});
    let good = parse(r#"M { a: 1, b: 2, c: ["x\u{7}\"", None] }"#);
    assert_eq!(compare(&good, &json, &default), Ok(()));
    let swapped = parse(r#"M { a: 2, b: 1, c: ["x\u{7}\"", None] }"#);
    assert!(compare(&swapped, &json, &default).is_err());
    let more = parse(r#"M { a: 1, b: 2, c: ["x\u{7}\"", None], d: 1 }"#);
    let default = parse("M { a: 0, b: 0, c: [], d: 0 }");
    assert!(compare(&more, &json, &default).is_err());
}
