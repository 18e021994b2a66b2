//! Base 64 (RFC 4648 §4), as keys are written in SDP.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Appends `bytes`, padded.
pub(super) fn encode(bytes: &[u8], out: &mut String) {
    for chunk in bytes.chunks(3) {
        let group =
            chunk.iter().zip([16, 8, 0]).fold(0, |group, (byte, shift)| group | usize::from(*byte) << shift);
        for (digit, shift) in [18, 12, 6, 0].into_iter().enumerate() {
            let is_padding = digit > chunk.len();
            out.push(if is_padding { '=' } else { char::from(ALPHABET[group >> shift & 0x3f]) });
        }
    }
}

/// The bytes of `text`, into the front of `out`: how many, unless it is not base 64 or too long. RFC 4568 §6.1 discards the
/// padding, and some phones do not send it.
pub(super) fn decode(text: &str, out: &mut [u8]) -> Option<usize> {
    let digits = text.trim_end_matches('=');
    let is_padded =
        digits.len() == text.len() || (text.len().is_multiple_of(4) && text.len() - digits.len() <= 2);
    if !is_padded || digits.len() % 4 == 1 {
        return None;
    }
    let length = digits.len() / 4 * 3 + (digits.len() % 4).saturating_sub(1);
    let out = out.get_mut(..length)?;
    let mut to = out.iter_mut();
    for chunk in digits.as_bytes().chunks(4) {
        let mut group = 0_u32;
        for (digit, shift) in chunk.iter().zip([18, 12, 6, 0]) {
            group |= u32::from(value(*digit)?) << shift;
        }
        let [_, bytes @ ..] = group.to_be_bytes();
        // Bits beyond the last byte say nothing.
        to.by_ref().zip(bytes).take(chunk.len() - 1).for_each(|(to, byte)| *to = byte);
    }
    Some(length)
}

fn value(digit: u8) -> Option<u8> {
    match digit {
        b'A'..=b'Z' => Some(digit - b'A'),
        b'a'..=b'z' => Some(digit - b'a' + 26),
        b'0'..=b'9' => Some(digit - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4648 §10.
    #[test]
    fn words_of_the_rfc() {
        for (plain, coded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            let mut text = String::new();
            encode(plain.as_bytes(), &mut text);
            assert_eq!(text, coded);
            for coded in [coded, coded.trim_end_matches('=')] {
                let mut bytes = [0; 6];
                let length = decode(coded, &mut bytes).unwrap();
                assert_eq!(&bytes[..length], plain.as_bytes(), "{coded}");
            }
        }
        for wrong in ["Z", "Zg=", "Zg===", "Zm9v=", "====", "Zm 9", "Zm9-", "Zm9vYmFyZg=="] {
            assert_eq!(decode(wrong, &mut [0; 6]), None, "{wrong}");
        }
    }
}
