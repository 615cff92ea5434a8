//! What the value of a configuration may be: Kafka's types and bounds, refused in Kafka's words.
//!
//! Absent: which configurations there are (`topic_config`, `broker_config`, `group_config`), and
//! the code of the refusal, which depends on whose configuration it is.

/// Kafka's types of a configuration.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ConfigType {
    /// `true` or `false`.
    Boolean,
    /// Text.
    String,
    /// 32 bits.
    Int,
    /// 16 bits.
    Short,
    /// 64 bits.
    Long,
    /// A floating-point number.
    Double,
    /// Texts separated by commas.
    List,
    /// The name of a Java class.
    Class,
    /// A text that is never shown.
    Password,
}

impl ConfigType {
    const ALL: [Self; 9] = [
        Self::Boolean,
        Self::String,
        Self::Int,
        Self::Short,
        Self::Long,
        Self::Double,
        Self::List,
        Self::Class,
        Self::Password,
    ];

    /// Kafka's name of the type.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Boolean => "BOOLEAN",
            Self::String => "STRING",
            Self::Int => "INT",
            Self::Short => "SHORT",
            Self::Long => "LONG",
            Self::Double => "DOUBLE",
            Self::List => "LIST",
            Self::Class => "CLASS",
            Self::Password => "PASSWORD",
        }
    }

    /// Kafka's number of the type in DescribeConfigs.
    #[must_use]
    pub const fn code(self) -> i8 {
        match self {
            Self::Boolean => 1,
            Self::String => 2,
            Self::Int => 3,
            Self::Short => 4,
            Self::Long => 5,
            Self::Double => 6,
            Self::List => 7,
            Self::Class => 8,
            Self::Password => 9,
        }
    }

    /// The type of a name.
    pub(crate) fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// What `value` is as a number, where the type is one; the fault in Kafka's words otherwise.
    fn number(self, value: &str) -> Result<Option<f64>, String> {
        let not_a_number = || format!("Not a number of type {}", self.name());
        // Bounds are small: an `i64` that a float cannot hold is far from all of them.
        #[expect(clippy::cast_precision_loss)]
        let whole = |min: i64, max: i64| match value.parse::<i64>() {
            Ok(number) if (min..=max).contains(&number) => Ok(Some(number as f64)),
            Ok(_) | Err(_) => Err(not_a_number()),
        };
        match self {
            Self::Short => whole(i16::MIN.into(), i16::MAX.into()),
            Self::Int => whole(i32::MIN.into(), i32::MAX.into()),
            Self::Long => whole(i64::MIN, i64::MAX),
            Self::Double => match value.parse::<f64>() {
                Ok(number) if !number.is_nan() => Ok(Some(number)),
                Ok(_) | Err(_) => Err(not_a_number()),
            },
            Self::Boolean if is_boolean(value) => Ok(None),
            Self::Boolean => Err("Expected value to be either true or false".to_owned()),
            Self::String | Self::List | Self::Class | Self::Password => Ok(None),
        }
    }
}

fn is_boolean(value: &str) -> bool {
    value.eq_ignore_ascii_case("true") || value.eq_ignore_ascii_case("false")
}

/// Which values are legal beyond the type. Words are separated by `|`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Bounds {
    Any,
    /// Both ends included.
    Range(Option<f64>, Option<f64>),
    GzipLevel,
    OneOf(&'static str),
    /// A list of these words; empty is legal.
    ManyOf(&'static str),
    ThrottledReplicas,
    /// A switch that cannot be on, with what Kafka says to who tries.
    NotSupported(&'static str),
}

/// `Invalid value ... for configuration ...`, as Kafka begins most refusals.
pub(crate) fn invalid_value(name: &str, value: &str, why: &str) -> String {
    format!("Invalid value {value} for configuration {name}: {why}")
}

/// Judges a value; the refusal is in Kafka's words.
pub(crate) fn check_value(
    name: &str,
    kind: ConfigType,
    bounds: Bounds,
    value: &str,
) -> Result<(), String> {
    let value = value.trim();
    let refuse = |why: &str| Err(invalid_value(name, value, why));
    let number = match kind.number(value) {
        Ok(number) => number,
        Err(why) => return refuse(&why),
    };
    match (bounds, number) {
        (Bounds::Range(Some(min), _), Some(n)) if n < min => {
            refuse(&format!("Value must be at least {min}"))
        }
        (Bounds::Range(_, Some(max)), Some(n)) if n > max => {
            refuse(&format!("Value must be no more than {max}"))
        }
        (Bounds::GzipLevel, Some(n)) if n != -1.0 && !(1.0..=9.0).contains(&n) => {
            refuse("Value must be between 1 and 9 or equal to -1")
        }
        (Bounds::OneOf(legal), _) if !has_word(legal, value) => refuse(&one_of(legal)),
        (Bounds::ManyOf(legal), _) => check_items(name, legal, value),
        (Bounds::NotSupported(why), _) if value.eq_ignore_ascii_case("true") => Err(why.to_owned()),
        (Bounds::ThrottledReplicas, _) if !throttled_replicas(value) => refuse(
            "must be the literal '*' or a list of replicas in the following format: \
             [partitionId]:[brokerId],[partitionId]:[brokerId],...",
        ),
        (
            Bounds::Any
            | Bounds::Range(..)
            | Bounds::GzipLevel
            | Bounds::OneOf(_)
            | Bounds::ThrottledReplicas
            | Bounds::NotSupported(_),
            _,
        ) => Ok(()),
    }
}

fn has_word(legal: &str, value: &str) -> bool {
    legal.split('|').any(|word| word == value)
}

fn one_of(legal: &str) -> String {
    format!("String must be one of: {}", legal.replace('|', ", "))
}

/// An item may come twice: Kafka counts it once.
fn check_items(name: &str, legal: &str, value: &str) -> Result<(), String> {
    if value.is_empty() {
        return Ok(());
    }
    for item in value.split(',').map(str::trim) {
        if item.is_empty() {
            return Err(format!("Configuration '{name}' values must not be empty."));
        }
        if !has_word(legal, item) {
            return Err(invalid_value(name, item, &one_of(legal)));
        }
    }
    Ok(())
}

/// The items of a list value.
pub fn list(value: &str) -> impl Iterator<Item = &str> {
    value
        .split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty())
}

fn throttled_replicas(value: &str) -> bool {
    let pair = |item: &str| {
        item.split_once(':').is_some_and(|(partition, broker)| {
            partition.parse::<u32>().is_ok() && broker.parse::<u32>().is_ok()
        })
    };
    value == "*" || list(value).all(pair)
}

/// Whether and how a configuration takes effect in Chronik.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Effect {
    /// At once, wherever it is set.
    Dynamic,
    /// From the node's own settings, at its start.
    AtStart,
    /// Accepted, kept and shown, without effect for this reason.
    None(&'static str),
}

/// Why configurations have no effect, by the word that the tables use.
const REASONS: &[(&str, &str)] = &[
    ("acls", "there are no ACLs and tokens yet"),
    (
        "cluster",
        "a node is alone so far: nothing is replicated, moved or elected",
    ),
    (
        "connections",
        "connections are limited by the memory they take",
    ),
    (
        "durability",
        "chronik.durability says what an acknowledgement promises, and the journal syncs accordingly",
    ),
    ("fixed", "there is one way to do this, without a knob"),
    (
        "formation",
        "a node needs no such roles: `chronik start` forms a cluster of one",
    ),
    ("groups", "groups have the classic protocol only so far"),
    (
        "memory",
        "requests are limited by chronik.memory.budget.bytes",
    ),
    ("metrics", "metrics are offered at /metrics"),
    ("plugins", "no Java classes are loaded"),
    ("quorum", "the metadata log is Raft with timings of its own"),
    ("quotas", "there are no quotas and throttles yet"),
    ("sasl", "there is no SASL yet"),
    ("share", "there are no share groups yet"),
    ("sockets", "the system sizes buffers and queues of sockets"),
    ("streams", "there are no streams groups yet"),
    (
        "threads",
        "one runtime serves everything, with a thread for each core",
    ),
    ("tiering", "there is no tiered storage"),
    ("tls", "there is no TLS yet"),
    ("txn", "there are no transactions yet"),
    (
        "units",
        "set the name that ends in .ms; `chronik config import` converts",
    ),
];

impl Effect {
    /// The effect that a word of the tables means.
    pub(crate) fn by_word(word: &str) -> Option<Self> {
        match word {
            "dynamic" => Some(Self::Dynamic),
            "start" => Some(Self::AtStart),
            reason => REASONS
                .iter()
                .find(|(word, _)| *word == reason)
                .map(|(_, text)| Self::None(text)),
        }
    }

    /// The effect in words, for reference pages.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Dynamic => "at once",
            Self::AtStart => "from the node's settings, at start",
            Self::None(reason) => reason,
        }
    }
}
