//! Reads the vectors, and finds a message's codec by its name.
//!
//! `requests`, `responses` and `records` hold every message in every stable version: `json` is
//! what Kafka was told to write, `hex` what it wrote, `unknown` the tagged fields it was made to
//! add. `hostile` holds broken requests and what Kafka's reader did with them.

use std::io::{BufRead, BufReader};

use bytes::Bytes;
use chronik_protocol::{DecodeError, Decoder, EncodeError, Encoder, Limits, Message, Trailing};
use flate2::read::GzDecoder;
use serde_json::Value;

/// The vectors of one file.
pub(crate) fn load(name: &str) -> Vec<Value> {
    let path = format!("{}/tests/data/{name}.jsonl.gz", env!("CARGO_MANIFEST_DIR"));
    let file = std::fs::File::open(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
    BufReader::new(GzDecoder::new(file))
        .lines()
        .map(|line| serde_json::from_str(&line.unwrap()).unwrap())
        .collect()
}

/// `message`, `version` and the bytes of a vector.
pub(crate) fn parts(vector: &Value) -> (&str, i16, Bytes) {
    let version = vector["version"].as_i64().unwrap().try_into().unwrap();
    (
        vector["message"].as_str().unwrap(),
        version,
        unhex(&vector["hex"]),
    )
}

pub(crate) fn unhex(hex: &Value) -> Bytes {
    let digits = hex.as_str().unwrap().as_bytes();
    let digit = |c: u8| (c as char).to_digit(16).unwrap() as u8;
    digits
        .chunks(2)
        .map(|pair| digit(pair[0]) << 4 | digit(pair[1]))
        .collect()
}

/// What decoding gave.
pub(crate) struct Decoded {
    /// The message in its `{:?}` form.
    pub(crate) debug: String,
    /// The default message in its `{:?}` form.
    pub(crate) default: String,
    /// Written again in the same version.
    pub(crate) encoded: Bytes,
    /// The default message written in the same version.
    pub(crate) default_encoded: Result<Bytes, EncodeError>,
    /// Bytes of memory charged.
    pub(crate) charged: usize,
    /// Bytes not read.
    pub(crate) left: usize,
}

pub(crate) type DecodeFn = fn(Bytes, i16, Limits) -> Result<Decoded, DecodeError>;

fn decode<M: Message>(bytes: Bytes, version: i16, limits: Limits) -> Result<Decoded, DecodeError> {
    let mut d = Decoder::new(bytes, limits);
    let message = M::decode(&mut d, version)?;
    let left = d.left();
    let charged = d.finish(Trailing::Accept)?;
    let encode = |message: &M| {
        let mut e = Encoder::new();
        message.encode(&mut e, version)?;
        Ok(e.finish().into_bytes())
    };
    let encoded = encode(&message).expect("what was decoded encodes in its version");

    let mut d = Decoder::new(encoded.clone(), limits);
    let again = M::decode(&mut d, version).expect("what was encoded decodes");
    let debug = format!("{message:?}");
    // By their text, since a NaN is not equal to itself.
    assert_eq!(format!("{again:?}"), debug, "{} v{version}", M::NAME);
    d.finish(Trailing::Refuse).expect("nothing is left over");
    let default = format!("{:?}", M::default());
    Ok(Decoded {
        debug,
        default,
        encoded,
        default_encoded: encode(&M::default()),
        charged,
        left,
    })
}

/// Name, versions and codec of every message.
pub(crate) fn codecs() -> Vec<(&'static str, std::ops::RangeInclusive<i16>, DecodeFn)> {
    macro_rules! table {
        ($($name:ident)*) => {
            vec![$({
                use chronik_protocol::generated::$name as M;
                (M::NAME, M::VERSIONS, decode::<M> as DecodeFn)
            }),*]
        };
    }
    chronik_protocol::for_each_message!(table)
}

pub(crate) fn codec(name: &str) -> DecodeFn {
    let found = codecs().into_iter().find(|(codec, ..)| *codec == name);
    found.unwrap_or_else(|| panic!("no message {name}")).2
}
