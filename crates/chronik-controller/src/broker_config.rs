//! Broker configurations: every one that Kafka 4.3 has, in the table `broker_config.tsv`.
//!
//! ```text
//! name, type, default (null: none), legal values, mode, sensitive, effect here, meaning
//! ```
//! Legal values: `-` any, `MIN..MAX` with either end open, `gzip` its levels, `in:` one of these
//! words, `list:` a list of them. Mode: when Kafka lets a running broker change it. Effect: at once
//! (`dynamic`), at the node's start (`start`), or the word of the reason why there is none.
//! Absent: values; and the settings of Chronik alone, which are the server's.

use std::sync::LazyLock;

use chronik_types::ErrorCode;

use crate::config_def::{Bounds, ConfigType, Effect, check_value};
use crate::response::ApiError;

/// When a configuration of a running broker can be changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UpdateMode {
    /// Never.
    ReadOnly,
    /// For one broker at a time.
    PerBroker,
    /// As [`Self::PerBroker`], and only below the prefix of a listener.
    PerListener,
    /// For one broker or for all.
    ClusterWide,
}

/// One configuration of a broker.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct BrokerConfig {
    /// Its name.
    pub name: &'static str,
    /// Its type.
    pub kind: ConfigType,
    /// Its default; `None` where there is none.
    pub default: Option<&'static str>,
    /// When it can be changed.
    pub mode: UpdateMode,
    /// Whether its value is never shown.
    pub sensitive: bool,
    /// Whether it does something here.
    pub effect: Effect,
    /// What it does, for people.
    pub doc: &'static str,
    bounds: Bounds,
}

/// All of them, sorted by name.
pub static BROKER_CONFIGS: LazyLock<Vec<BrokerConfig>> = LazyLock::new(|| {
    let rows = include_str!("broker_config.tsv").lines();
    rows.map(|line| parse(line).expect("a test reads every row of the table"))
        .collect()
});

fn parse(line: &'static str) -> Option<BrokerConfig> {
    let mut cells = line.split('\t');
    let row = BrokerConfig {
        name: cells.next()?,
        kind: ConfigType::by_name(cells.next()?)?,
        default: cells.next().map(|text| (text != "null").then_some(text))?,
        bounds: parse_bounds(cells.next()?)?,
        mode: match cells.next()? {
            "read-only" => UpdateMode::ReadOnly,
            "per-broker" => UpdateMode::PerBroker,
            "per-listener" => UpdateMode::PerListener,
            "cluster-wide" => UpdateMode::ClusterWide,
            _ => return None,
        },
        sensitive: cells.next()? == "sensitive",
        effect: Effect::by_word(cells.next()?)?,
        doc: cells.next()?,
    };
    cells.next().is_none().then_some(row)
}

fn parse_bounds(text: &'static str) -> Option<Bounds> {
    let end = |text: &str| match text {
        "" => Some(None),
        number => number.parse().ok().map(Some),
    };
    Some(match text {
        "-" => Bounds::Any,
        "gzip" => Bounds::GzipLevel,
        _ => match text.split_once(':') {
            Some(("in", words)) => Bounds::OneOf(words),
            Some(("list", words)) => Bounds::ManyOf(words),
            Some(_) => return None,
            None => {
                let (min, max) = text.split_once("..")?;
                Bounds::Range(end(min)?, end(max)?)
            }
        },
    })
}

/// The configuration of a name.
#[must_use]
pub fn broker_config(name: &str) -> Option<&'static BrokerConfig> {
    BROKER_CONFIGS
        .binary_search_by(|row| row.name.cmp(name))
        .ok()
        .map(|at| &BROKER_CONFIGS[at])
}

/// The row that judges a name, also below the prefix of a listener: `listener.name.NAME.` and a
/// name of the table.
fn row_of(name: &str) -> Option<(&'static BrokerConfig, bool)> {
    let plain = broker_config(name).map(|row| (row, false));
    plain.or_else(|| {
        let (_, rest) = name.strip_prefix("listener.name.")?.split_once('.')?;
        broker_config(rest).map(|row| (row, true))
    })
}

/// Judges the dynamic configurations of one broker, or of all of them, as a broker of Kafka does.
/// A name that is in no table is legal: a plug-in's.
pub fn validate_broker<'a>(
    configs: impl Iterator<Item = (&'a str, &'a str)> + Clone,
    per_broker: bool,
) -> Result<(), ApiError> {
    let invalid = |why: String| Err(ApiError::new(ErrorCode::InvalidRequest, why));
    let having = |wrong: fn(UpdateMode, bool) -> bool| -> Vec<&str> {
        let names = configs.clone().map(|(name, _)| name);
        names
            .filter(|name| row_of(name).is_some_and(|(row, prefixed)| wrong(row.mode, prefixed)))
            .collect()
    };
    let fixed = having(|mode, _| mode == UpdateMode::ReadOnly);
    if !fixed.is_empty() {
        return invalid(format!(
            "Cannot update these configs dynamically: [{}]",
            fixed.join(", ")
        ));
    }
    let bare = having(|mode, prefixed| mode == UpdateMode::PerListener && !prefixed);
    if !bare.is_empty() {
        return invalid(format!(
            "These security configs can be dynamically updated only per-listener using the \
             listener prefix: [{}]",
            bare.join(", ")
        ));
    }
    for (name, value) in configs.clone() {
        if let Some((row, _)) = row_of(name)
            && let Err(why) = check_value(name, row.kind, row.bounds, value)
        {
            return invalid(why);
        }
    }
    let single = having(|mode, _| matches!(mode, UpdateMode::PerBroker | UpdateMode::PerListener));
    if !per_broker && !single.is_empty() {
        return invalid(format!(
            "Cannot update these configs at default cluster level, broker id must be specified: [{}]",
            single.join(", ")
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_read_sorted_and_its_default_is_legal() {
        assert!(BROKER_CONFIGS.is_sorted_by(|a, b| a.name < b.name));
        assert!(BROKER_CONFIGS.len() > 300, "{}", BROKER_CONFIGS.len());
        for row in BROKER_CONFIGS.iter() {
            if let Some(default) = row.default {
                let judged = check_value(row.name, row.kind, row.bounds, default);
                assert_eq!(judged, Ok(()), "{}", row.name);
            }
            assert!(row.doc.ends_with('.'), "{}", row.name);
        }
        assert_eq!(
            parse("num.io.threads\tINT\t8\t1..\tsideways\t-\tthreads\tX."),
            None
        );
    }

    /// The reference page, from the tables.
    fn page() -> String {
        use crate::group_config::{CLIENT_METRICS_CONFIGS, GROUP_CONFIGS};
        use crate::topic_config::TOPIC_CONFIGS;
        let mut text = String::from(
            "# Kafka's configurations in Chronik\n\n\
             Every configuration of Kafka 4.3.1 is accepted, judged, kept and shown. This page is \
             made from the tables\nthat judge them, and says when a change counts. Settings of a \
             node alone: `chronik config reference`.\n",
        );
        let heading = |title: &str| {
            format!("\n## {title}\n\n| name | type | default | effect |\n|---|---|---|---|\n")
        };
        let words = |effect: Effect| match effect {
            Effect::None(_) => format!("none: {}", effect.words()),
            Effect::Dynamic | Effect::AtStart => effect.words().to_owned(),
        };
        let row = |name: &str, kind: ConfigType, default: Option<&str>, effect: &str| {
            let default = default.map_or_else(
                || "none".to_owned(),
                |text| match text {
                    "" => "empty".to_owned(),
                    text => format!("`{text}`"),
                },
            );
            format!("| `{name}` | {} | {default} | {effect} |\n", kind.name())
        };
        text += &heading("Topics");
        for config in TOPIC_CONFIGS {
            let effect = words(config.effect());
            text += &row(config.name, config.kind, Some(config.default), &effect);
        }
        text += &heading("Brokers");
        for config in BROKER_CONFIGS.iter() {
            text += &row(
                config.name,
                config.kind,
                config.default,
                &words(config.effect),
            );
        }
        text += &heading("Groups");
        for config in GROUP_CONFIGS {
            text += &row(
                config.name,
                config.kind,
                Some(config.default),
                "none: groups of this kind do not exist yet",
            );
        }
        text += &heading("Client metrics");
        for config in CLIENT_METRICS_CONFIGS {
            let effect = "none: clients are not asked for metrics";
            text += &row(config.name, config.kind, Some(config.default), effect);
        }
        text
    }

    #[test]
    fn the_reference_page_says_the_effect_of_every_configuration() {
        expect_test::expect_file!["../../../docs/configurations.md"].assert_eq(&page());
    }

    #[test]
    fn topics_get_their_defaults_from_configurations_that_there_are() {
        for topic in crate::topic_config::TOPIC_CONFIGS {
            let Some(name) = topic.broker_synonym else {
                continue;
            };
            let row = broker_config(name).unwrap_or_else(|| panic!("{name}"));
            assert_eq!(row.kind, topic.kind, "{name}");
        }
    }

    #[test]
    fn dynamic_configurations_are_refused_as_a_broker_of_kafka_does() {
        let judged = |per_broker, name, value| match validate_broker(
            [(name, value)].into_iter(),
            per_broker,
        ) {
            Ok(()) => "legal".to_owned(),
            Err(error) => error.to_string(),
        };
        let text = [
            judged(true, "node.id", "2"),
            judged(true, "ssl.keystore.location", "/k"),
            judged(true, "listener.name.external.ssl.keystore.location", "/k"),
            judged(false, "listener.name.external.ssl.keystore.location", "/k"),
            judged(false, "num.io.threads", "0"),
            judged(false, "num.io.threads", "many"),
            judged(false, "log.retention.ms", "60000"),
            judged(false, "some.plugins.own", "x"),
        ];
        expect_test::expect![[r#"
            INVALID_REQUEST: Cannot update these configs dynamically: [node.id]
            INVALID_REQUEST: These security configs can be dynamically updated only per-listener using the listener prefix: [ssl.keystore.location]
            legal
            INVALID_REQUEST: Cannot update these configs at default cluster level, broker id must be specified: [listener.name.external.ssl.keystore.location]
            INVALID_REQUEST: Invalid value 0 for configuration num.io.threads: Value must be at least 1
            INVALID_REQUEST: Invalid value many for configuration num.io.threads: Not a number of type INT
            legal
            legal"#]].assert_eq(&text.join("\n"));
    }
}
