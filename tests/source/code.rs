//! What of a Rust text is code: everything but comments, the contents of literals, and items under `#[cfg(test)]`.

/// The text with everything that is not code blanked. Lines stay where they are, so a finding has its line number.
pub(crate) fn code(text: &str) -> String {
    without_test_items(&without_words(text))
}

/// Blanks comments and the contents of string and character literals.
fn without_words(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut before = ' ';
    while let Some(first) = rest.chars().next() {
        let (length, keep) = match first {
            '/' if rest.starts_with("//") => (rest.find('\n').unwrap_or(rest.len()), 0),
            '/' if rest.starts_with("/*") => (block_comment(rest), 0),
            'r' | 'b' | 'c' | '"' if !is_word(before) => literal(rest).map_or((1, 1), |length| (length, 0)),
            '\'' => (character(rest), if character(rest) > 1 { 0 } else { 1 }),
            _ => (first.len_utf8(), first.len_utf8()),
        };
        let piece = &rest[..length];
        if keep == 0 {
            blank(piece, &mut out);
        } else {
            out.push_str(piece);
        }
        before = piece.chars().next_back().unwrap_or(' ');
        rest = &rest[length..];
    }
    out
}

/// Blanks each item under `#[cfg(test)]`: to its closing brace, or to its semicolon.
fn without_test_items(code: &str) -> String {
    const MARK: &str = "#[cfg(test)]";
    let mut out = String::with_capacity(code.len());
    let mut rest = code;
    while let Some(at) = rest.find(MARK) {
        let (kept, item) = rest.split_at(at);
        out.push_str(kept);
        let length = MARK.len() + item_length(&item[MARK.len()..]);
        blank(&item[..length], &mut out);
        rest = &item[length..];
    }
    out.push_str(rest);
    out
}

fn item_length(item: &str) -> usize {
    let mut depth = 0_usize;
    for (at, byte) in item.bytes().enumerate() {
        match byte {
            b'{' | b'[' | b'(' => depth += 1,
            b'}' | b']' | b')' => {
                depth = depth.saturating_sub(1);
                if depth == 0 && byte == b'}' {
                    return at + 1;
                }
            }
            b';' if depth == 0 => return at + 1,
            _ => {}
        }
    }
    item.len()
}

fn blank(piece: &str, out: &mut String) {
    // Two characters stay, so that `#[ignore = ""]` differs from `#[ignore]`.
    out.extend(piece.chars().map(|c| if matches!(c, '\n' | '"') { c } else { ' ' }));
}

/// Length of a block comment; they nest.
fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < text.len() {
        match &text.as_bytes()[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

/// Length of a string literal with its prefix and quotes; `None` when there is none here.
fn literal(text: &str) -> Option<usize> {
    let prefix = text.find(|c: char| !"rbc".contains(c))?;
    let hashes = text[prefix..].bytes().take_while(|&byte| byte == b'#').count();
    let raw = text[..prefix].contains('r');
    let body = text[prefix + hashes..].strip_prefix('"').filter(|_| prefix <= 2 && (raw || hashes == 0))?;
    let start = text.len() - body.len();
    if raw {
        let end = format!("\"{}", "#".repeat(hashes));
        return Some(body.find(&end).map_or(text.len(), |at| start + at + end.len()));
    }
    let mut bytes = body.bytes().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'\\' => drop(bytes.next()),
            b'"' => return Some(start + at + 1),
            _ => {}
        }
    }
    Some(text.len())
}

/// Length of a character literal; 1 for the quote of a lifetime.
fn character(text: &str) -> usize {
    let mut inner = text[1..].chars();
    match (inner.next(), inner.next()) {
        (Some('\\'), Some(escaped)) => {
            let start = 2 + escaped.len_utf8();
            text[start..].find('\'').map_or(1, |at| start + at + 1)
        }
        (Some(c), Some('\'')) => 2 + c.len_utf8(),
        _ => 1,
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

#[test]
fn only_code_is_left() {
    let text = r##"
//! tokio in a comment
fn name<'a>(c: char) -> &'a str { /* tokio /* nested */ tokio */ if c == '"' { "tokio \" tokio" } else { r#"tokio " "# } }
#[cfg(test)]
mod tests { fn t() { let s = '}'; tokio(); } }
#[cfg(test)]
mod more;
fn for_real() { b'\''; tokio() }
"##;
    let code = code(text);
    assert_eq!(code.lines().count(), text.lines().count(), "lines stay where they are");
    let found: Vec<usize> =
        code.lines().zip(1..).filter(|(line, _)| line.contains("tokio")).map(|(_, n)| n).collect();
    assert_eq!(found, [8], "{code}");
    assert!(code.contains("fn name<'a>(c: char) -> &'a str {") && !code.contains("more"), "{code}");
}
