//! A lexer that knows enough of Rust to tell code from comments and strings.

use std::collections::BTreeSet;

/// An identifier, a keyword, `::`, or another single character of code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) text: String,
    /// The number of its line, counted from 1.
    pub(crate) line: usize,
}

impl Token {
    /// Whether it is an identifier or a keyword.
    pub(crate) fn is_word(&self) -> bool {
        self.text.starts_with(|first: char| first.is_alphabetic() || first == '_')
    }
}

/// The code of a file, without literals, and where its comments are.
#[derive(Debug, Default)]
pub(crate) struct Lexed {
    pub(crate) tokens: Vec<Token>,
    /// The numbers of all lines that hold a comment or a part of one.
    pub(crate) comment_lines: BTreeSet<usize>,
}

/// Splits a file into tokens.
pub(crate) fn lex(text: &str) -> Lexed {
    let mut lexer = Lexer { chars: text.chars().collect(), at: 0, line: 1 };
    let mut lexed = Lexed::default();
    while let Some(first) = lexer.peek(0) {
        let line = lexer.line;
        match (first, lexer.peek(1)) {
            ('/', Some('/')) => {
                lexer.skip_while(|char| char != '\n');
                lexed.comment_lines.insert(line);
            }
            ('/', Some('*')) => {
                lexer.skip_block_comment();
                lexed.comment_lines.extend(line..=lexer.line);
            }
            ('"', _) => lexer.skip_string(),
            ('\'', _) => lexer.skip_char_or_lifetime(),
            (first, _) if first.is_alphabetic() || first == '_' => {
                let word = lexer.word();
                if !lexer.skip_prefixed_literal(&word) {
                    lexed.tokens.push(Token { text: word, line });
                }
            }
            (first, _) if first.is_ascii_digit() => {
                lexer.skip_while(|char| char.is_alphanumeric() || char == '_');
            }
            (':', Some(':')) => {
                lexer.skip(2);
                lexed.tokens.push(Token { text: "::".to_owned(), line });
            }
            (first, _) => {
                lexer.skip(1);
                if !first.is_whitespace() {
                    lexed.tokens.push(Token { text: first.to_string(), line });
                }
            }
        }
    }
    lexed
}

struct Lexer {
    chars: Vec<char>,
    at: usize,
    line: usize,
}

impl Lexer {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    fn skip(&mut self, count: usize) {
        for _ in 0..count {
            self.line += usize::from(self.peek(0) == Some('\n'));
            self.at += 1;
        }
    }

    fn skip_while(&mut self, goes_on: impl Fn(char) -> bool) {
        while self.peek(0).is_some_and(&goes_on) {
            self.skip(1);
        }
    }

    fn word(&mut self) -> String {
        let first = self.at;
        self.skip_while(|char| char.is_alphanumeric() || char == '_');
        self.chars[first..self.at].iter().collect()
    }

    /// Block comments nest.
    fn skip_block_comment(&mut self) {
        let mut depth = 0;
        while let Some(char) = self.peek(0) {
            match (char, self.peek(1)) {
                ('/', Some('*')) => depth += 1,
                ('*', Some('/')) => depth -= 1,
                _ => {
                    self.skip(1);
                    continue;
                }
            }
            self.skip(2);
            if depth == 0 {
                return;
            }
        }
    }

    /// A string with escapes, from its opening quote on.
    fn skip_string(&mut self) {
        self.skip(1);
        while let Some(char) = self.peek(0) {
            self.skip(if char == '\\' { 2 } else { 1 });
            if char == '"' {
                return;
            }
        }
    }

    /// `'a'` and `'\n'` are characters; `'a` is a lifetime.
    fn skip_char_or_lifetime(&mut self) {
        let is_char = self.peek(1) == Some('\\') || self.peek(2) == Some('\'');
        self.skip(1);
        if !is_char {
            return self.skip_while(|char| char.is_alphanumeric() || char == '_');
        }
        while let Some(char) = self.peek(0) {
            self.skip(if char == '\\' { 2 } else { 1 });
            if char == '\'' {
                return;
            }
        }
    }

    /// Skips the rest of a literal with a prefix, as `b"…"` or `r#"…"#`. Not so of `r#name`.
    fn skip_prefixed_literal(&mut self, prefix: &str) -> bool {
        let is_raw = ["r", "br", "cr"].contains(&prefix);
        match self.peek(0) {
            Some('"') if is_raw => self.skip_raw_string(0),
            Some('"') if ["b", "c"].contains(&prefix) => self.skip_string(),
            Some('\'') if prefix == "b" => self.skip_char_or_lifetime(),
            Some('#') if is_raw => {
                let hashes = self.chars[self.at..].iter().take_while(|char| **char == '#').count();
                if self.peek(hashes) != Some('"') {
                    self.skip(hashes);
                    return true;
                }
                self.skip_raw_string(hashes);
            }
            _ => return false,
        }
        true
    }

    fn skip_raw_string(&mut self, hashes: usize) {
        self.skip(hashes + 1);
        while self.at < self.chars.len() {
            let closes = self.peek(0) == Some('"')
                && (1..=hashes).all(|ahead| self.peek(ahead) == Some('#'));
            self.skip(1);
            if closes {
                return self.skip(hashes);
            }
        }
    }
}
