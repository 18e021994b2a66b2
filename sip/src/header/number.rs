//! Numbers in headers: decimal digits and nothing else; a sign or an overflow is an error, leading zeros are not.

/// `text` as an unsigned decimal number, or `None`.
pub(crate) fn number<N: TryFrom<u64>>(text: &str) -> Option<N> {
    if text.is_empty() {
        return None;
    }
    let mut value = 0_u64;
    for byte in text.bytes() {
        if !byte.is_ascii_digit() {
            return None;
        }
        value = value.checked_mul(10)?.checked_add(u64::from(byte - b'0'))?;
    }
    N::try_from(value).ok()
}

/// Writes `value` in decimal digits; without the machinery of `format!`, which costs more than the digits.
pub(crate) fn write_number(out: &mut Vec<u8>, value: u32) {
    if value > 9 {
        write_number(out, value / 10);
    }
    out.push(b"0123456789"[(value % 10) as usize]);
}

#[cfg(test)]
mod tests {
    use super::{number, write_number};

    #[test]
    fn written_numbers_are_read_again() {
        for value in [0, 9, 10, 255, 5_060, 65_535, u32::MAX] {
            let mut out = b"x".to_vec();
            write_number(&mut out, value);
            assert_eq!(out, format!("x{value}").into_bytes());
        }
    }

    #[test]
    fn digits_only_and_in_range() {
        assert_eq!(number::<u8>("0068"), Some(68));
        assert_eq!(number::<u8>("256"), None);
        assert_eq!(number::<u32>("-1"), None);
        assert_eq!(number::<u32>("+1"), None);
        assert_eq!(number::<u32>(""), None);
        assert_eq!(number::<u64>("36893488147419103232"), None);
    }
}
