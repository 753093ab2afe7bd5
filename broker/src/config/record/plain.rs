//! JSON exactly as this broker writes it, read from left to right: most of what stands in `__config`, and a start reads a lot of it.
//!
//! What must always hold: what is read here, a JSON reader would read in the same way. Whatever is written otherwise (spaces, another
//! order, escapes), or is wrong, is `None` and left to that reader.

/// What is not read yet.
pub struct Plain<'a>(&'a str);

impl<'a> Plain<'a> {
    /// All of `bytes`, if they are text.
    pub fn new(bytes: &'a [u8]) -> Option<Self> {
        str::from_utf8(bytes).ok().map(Self)
    }

    /// Exactly `expected`; otherwise nothing is read.
    pub fn skip(&mut self, expected: &str) -> Option<()> {
        self.0 = self.0.strip_prefix(expected)?;
        Some(())
    }

    /// A string in which nothing is escaped.
    pub fn text(&mut self) -> Option<&'a str> {
        let rest = self.0.strip_prefix('"')?;
        let (text, rest) = rest.split_at(rest.bytes().position(|byte| matches!(byte, b'"' | b'\\' | ..b' '))?);
        self.0 = rest.strip_prefix('"')?;
        Some(text)
    }

    /// The string behind `head`. If there is the head but no such string, nothing else is there either.
    pub fn text_after(&mut self, head: &str) -> Option<&'a str> {
        self.skip(head)?;
        let text = self.text();
        if text.is_none() {
            self.0 = "";
        }
        text
    }

    /// A whole number that is not negative.
    pub fn number(&mut self) -> Option<u64> {
        let digits = self.0.len() - self.0.trim_start_matches(|next: char| next.is_ascii_digit()).len();
        let (number, rest) = self.0.split_at(digits);
        self.0 = rest;
        number.parse().ok().filter(|_| number == "0" || !number.starts_with('0'))
    }

    /// The last that is to be read.
    pub fn end(self, expected: &str) -> Option<()> {
        (self.0 == expected).then_some(())
    }
}
