//! Rust text without comments and string contents, line by line, so that rules see only code.
//!
//! A small lexer, not a parser: it knows line and nested block comments, strings, raw strings and
//! character literals, and keeps every line break so that line numbers stay true.

/// The code of a file. Every character of a comment, string or character literal becomes a space.
pub(super) fn code_only(text: &str) -> String {
    let mut lexer = Lexer {
        chars: text.chars().collect(),
        at: 0,
        out: String::with_capacity(text.len()),
    };
    while lexer.at < lexer.chars.len() {
        lexer.step();
    }
    lexer.out
}

/// The lines of code that run outside of tests: inline test modules are blanked.
pub(super) fn product_code(text: &str) -> String {
    let code = code_only(text);
    let mut out = String::with_capacity(code.len());
    let mut rest = code.as_str();
    while let Some(at) = rest.find("#[cfg(test)]") {
        out.push_str(&rest[..at]);
        let item = &rest[at..];
        let end = item_end(item);
        out.extend(item[..end].chars().map(blank));
        rest = &item[end..];
    }
    out.push_str(rest);
    out
}

/// Where the item ends that begins here: after its matching brace, or its semicolon.
fn item_end(item: &str) -> usize {
    let mut depth = 0_usize;
    for (at, c) in item.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at + 1;
                }
            }
            ';' if depth == 0 => return at + 1,
            _ => {}
        }
    }
    item.len()
}

fn blank(c: char) -> char {
    if c == '\n' { '\n' } else { ' ' }
}

struct Lexer {
    chars: Vec<char>,
    at: usize,
    out: String,
}

impl Lexer {
    fn step(&mut self) {
        match (self.peek(0), self.peek(1)) {
            ('/', '/') => self.blank_until(|lexer| lexer.peek(0) == '\n'),
            ('/', '*') => self.block_comment(),
            ('"', _) => self.string(),
            ('r', '"' | '#') if !self.in_word() => self.raw_string(),
            ('\'', _) => self.quote(),
            _ => self.keep(),
        }
    }

    fn peek(&self, ahead: usize) -> char {
        self.chars.get(self.at + ahead).copied().unwrap_or('\0')
    }

    /// Whether the character before belongs to an identifier (`for"` is no raw string); b"" and br"" do not.
    fn in_word(&self) -> bool {
        let before = |back: usize| self.at.checked_sub(back).map(|at| self.chars[at]);
        match before(1) {
            Some('b') => before(2).is_some_and(|c| c.is_alphanumeric() || c == '_'),
            Some(c) => c.is_alphanumeric() || c == '_',
            None => false,
        }
    }

    fn keep(&mut self) {
        self.out.push(self.peek(0));
        self.at += 1;
    }

    fn blank(&mut self) {
        if self.at < self.chars.len() {
            self.out.push(blank(self.peek(0)));
        }
        self.at += 1;
    }

    fn blank_until(&mut self, done: impl Fn(&Self) -> bool) {
        while self.at < self.chars.len() && !done(self) {
            self.blank();
        }
    }

    fn block_comment(&mut self) {
        let mut depth = 0_usize;
        while self.at < self.chars.len() {
            let step = match (self.peek(0), self.peek(1)) {
                ('/', '*') => {
                    depth += 1;
                    2
                }
                ('*', '/') => {
                    depth -= 1;
                    2
                }
                _ => 1,
            };
            (0..step).for_each(|_| self.blank());
            if depth == 0 {
                return;
            }
        }
    }

    fn string(&mut self) {
        self.keep();
        while self.at < self.chars.len() && self.peek(0) != '"' {
            if self.peek(0) == '\\' {
                self.blank();
            }
            self.blank();
        }
        if self.at < self.chars.len() {
            self.keep();
        }
    }

    fn raw_string(&mut self) {
        let hashes = self.chars[self.at + 1..]
            .iter()
            .take_while(|c| **c == '#')
            .count();
        if self.peek(1 + hashes) != '"' {
            // A raw identifier.
            return self.keep();
        }
        (0..hashes + 2).for_each(|_| self.keep());
        self.blank_until(|lexer| {
            lexer.peek(0) == '"' && (1..=hashes).all(|ahead| lexer.peek(ahead) == '#')
        });
        (0..=hashes).for_each(|_| self.blank());
    }

    /// A character literal, or the quote of a lifetime, which has no closing one.
    fn quote(&mut self) {
        let escaped = self.peek(1) == '\\';
        if !escaped && self.peek(2) != '\'' {
            return self.keep();
        }
        self.keep();
        if escaped {
            self.blank();
        }
        self.blank();
        self.blank_until(|lexer| lexer.peek(0) == '\'');
        if self.at < self.chars.len() {
            self.keep();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_strings_and_characters_are_blanked_and_lines_kept() {
        let text = "a // one\n/* two /* nested */\n still */ b(\"c \\\" d\", 'e', '\\'', '\"') 'f";
        let code = code_only(text);
        assert_eq!(code.lines().count(), 3);
        let squeezed: String = code.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(squeezed, "a b(\" \", ' ', ' ', ' ') 'f");
    }

    #[test]
    fn raw_strings_end_at_their_own_hashes() {
        let code = code_only("x(r#\"std::fs \" std::fs\"#); y(br\"z\"); r#type");
        assert!(!code.contains("std::fs"));
        assert!(code.contains("y(br\""));
        assert!(code.contains("r#type"));
    }

    #[test]
    fn inline_test_modules_are_no_product_code() {
        let text = "fn a() {}\n#[cfg(test)]\nmod tests {\n fn b() { c(); }\n}\nfn d() {}\n#[cfg(test)]\nmod more;\nfn e() {}";
        let code = product_code(text);
        for kept in ["fn a", "fn d", "fn e"] {
            assert!(code.contains(kept), "{kept} stays");
        }
        assert!(!code.contains("fn b") && !code.contains("mod more"));
    }
}
