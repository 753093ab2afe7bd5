//! The syntax of Java `.properties` files, as `java.util.Properties.load` reads it.
//!
//! What must always hold: any text gives a list of names and values or an error with its line, never a panic.
//! Deviation: files are read as UTF-8, of which the ISO 8859-1 of old files is a superset only in ASCII.

/// A malformed `\uXXXX` escape; nothing else can be wrong in a properties file.
#[derive(Debug, PartialEq, Eq)]
pub struct BadEscape {
    /// The line, from 1, where the logical line begins.
    pub line: usize,
}

/// Names and values in the order of the file; a later one of the same name overrides.
///
/// # Errors
/// `BadEscape` for a `\u` that is not followed by four hexadecimal digits.
pub fn parse(text: &str) -> Result<Vec<(String, String)>, BadEscape> {
    logical_lines(text)
        .into_iter()
        .map(|(line, content)| {
            let (name, value) = split_entry(&content);
            match (unescape(name), unescape(value)) {
                (Some(name), Some(value)) => Ok((name, value)),
                _ => Err(BadEscape { line }),
            }
        })
        .collect()
}

/// Lines with their continuations joined, without comments and blank lines, each with its number.
fn logical_lines(text: &str) -> Vec<(usize, String)> {
    let mut lines = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (index, raw) in text.lines().enumerate() {
        let content = raw.trim_start_matches(is_blank);
        if open.is_none() && (content.is_empty() || content.starts_with(['#', '!'])) {
            continue;
        }
        let (number, mut joined) = open.take().unwrap_or((index + 1, String::new()));
        match continued(content) {
            Some(part) => {
                joined.push_str(part);
                open = Some((number, joined));
            }
            None => {
                joined.push_str(content);
                lines.push((number, joined));
            }
        }
    }
    lines.extend(open);
    lines
}

/// The line without its last backslash, when that backslash continues it.
fn continued(line: &str) -> Option<&str> {
    let backslashes = line.len() - line.trim_end_matches('\\').len();
    if backslashes % 2 == 1 { line.strip_suffix('\\') } else { None }
}

/// A name ends at the first `=`, `:` or blank that is not escaped; one separator and the blanks around it are skipped.
fn split_entry(line: &str) -> (&str, &str) {
    let mut escaped = false;
    let end = line.find(|c: char| {
        let ends = !escaped && (c == '=' || c == ':' || is_blank(c));
        escaped = c == '\\' && !escaped;
        ends
    });
    let (name, rest) = line.split_at(end.unwrap_or(line.len()));
    let rest = rest.trim_start_matches(is_blank);
    let value = rest.strip_prefix(['=', ':']).unwrap_or(rest);
    (name, value.trim_start_matches(is_blank))
}

fn unescape(text: &str) -> Option<String> {
    let mut units: Vec<u16> = Vec::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('u') => units.push(unicode_escape(&mut chars)?),
                Some(escaped) => push(&mut units, control(escaped)),
                None => {}
            },
            plain => push(&mut units, plain),
        }
    }
    Some(String::from_utf16_lossy(&units))
}

fn unicode_escape(chars: &mut std::str::Chars<'_>) -> Option<u16> {
    let mut value = 0;
    for _ in 0..4 {
        let digit = chars.next()?.to_digit(16)?;
        value = value * 16 + digit as u16;
    }
    Some(value)
}

fn control(escaped: char) -> char {
    match escaped {
        't' => '\t',
        'n' => '\n',
        'r' => '\r',
        'f' => '\u{c}',
        other => other,
    }
}

fn push(units: &mut Vec<u16>, c: char) {
    units.extend_from_slice(c.encode_utf16(&mut [0; 2]));
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\u{c}')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file and what `java.util.Properties` makes of it.
    const FILES: &[(&str, &[(&str, &str)])] = &[
        ("", &[]),
        ("# comment\n! other\n\n  # indented\n", &[]),
        ("a=1\nb = 2\nc:3\nd 4\ne", &[("a", "1"), ("b", "2"), ("c", "3"), ("d", "4"), ("e", "")]),
        ("a = 1 \r\nb=2\r\n", &[("a", "1 "), ("b", "2")]),
        ("a=1,\\\n   2,\\\n   3\nb=4", &[("a", "1,2,3"), ("b", "4")]),
        ("a=1\\\\\nb=2", &[("a", "1\\"), ("b", "2")]),
        ("a=1\\\n# not a comment", &[("a", "1# not a comment")]),
        ("a\\ b\\=c=d=e", &[("a b=c", "d=e")]),
        ("a=\\t\\n\\u00e9\\ud83d\\ude00\\z", &[("a", "\t\né😀z")]),
        ("a==b", &[("a", "=b")]),
        ("a\\", &[("a", "")]),
        ("listeners=PLAINTEXT://:9092", &[("listeners", "PLAINTEXT://:9092")]),
    ];

    #[test]
    fn files_read_as_in_java() {
        for (text, expected) in FILES {
            let found = parse(text).expect("well formed");
            let found: Vec<_> = found.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            assert_eq!(&found, expected, "{text:?}");
        }
    }

    #[test]
    fn a_broken_unicode_escape_is_an_error_with_its_line() {
        assert_eq!(parse("a=1\nb=\\u12"), Err(BadEscape { line: 2 }));
        assert_eq!(parse("b=\\u12zz"), Err(BadEscape { line: 1 }));
    }
}
