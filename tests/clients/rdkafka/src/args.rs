//! `--name value` pairs; a pair that nobody asked for is an error.

use std::collections::BTreeMap;
use std::str::FromStr;

pub(crate) struct Args(BTreeMap<String, Vec<String>>);

impl Args {
    pub(crate) fn read(words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut pairs: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut words = words;
        while let Some(word) = words.next() {
            let name = word
                .strip_prefix("--")
                .ok_or_else(|| format!("{word} is not an option"))?;
            let value = words
                .next()
                .ok_or_else(|| format!("{word} wants a value"))?;
            pairs.entry(name.to_owned()).or_default().push(value);
        }
        Ok(Self(pairs))
    }

    /// An option that must be given.
    pub(crate) fn need<T: FromStr>(&mut self, name: &str) -> Result<T, String> {
        self.take(name)?
            .ok_or_else(|| format!("--{name} is missing"))
    }

    pub(crate) fn or<T: FromStr>(&mut self, name: &str, default: T) -> Result<T, String> {
        Ok(self.take(name)?.unwrap_or(default))
    }

    pub(crate) fn take<T: FromStr>(&mut self, name: &str) -> Result<Option<T>, String> {
        let values = self.0.remove(name).unwrap_or_default();
        let [text] = values.as_slice() else {
            return match values.len() {
                0 => Ok(None),
                _ => Err(format!("--{name} is given twice")),
            };
        };
        let value = text.parse();
        value
            .map(Some)
            .map_err(|_| format!("--{name} {text} cannot be read"))
    }

    /// An option that may be given several times.
    pub(crate) fn every(&mut self, name: &str) -> Vec<String> {
        self.0.remove(name).unwrap_or_default()
    }

    /// Called when every option has been asked for.
    pub(crate) fn end(self) -> Result<(), String> {
        match self.0.keys().next() {
            Some(name) => Err(format!("there is no option --{name} here")),
            None => Ok(()),
        }
    }
}
