//! Which crypto line of several it is: the answerer chooses, and the offerer learns what was chosen (RFC 4568 §5.1).

use super::{Crypto, Suite, Unusable};

/// The first of the lines offered (the offerer's favorite comes first) that can be used with a suite that is allowed. It
/// says how the offerer will send; [`Crypto::answer`] says how we will.
///
/// # Errors
/// When there is none: why the first line, the favorite, is not it.
pub fn choose<'a>(offered: impl IntoIterator<Item = &'a str>, allowed: &[Suite]) -> Result<Crypto, Unusable> {
    let mut why = None;
    for value in offered {
        match value.parse::<Crypto>() {
            Ok(crypto) if allowed.contains(&crypto.suite()) => return Ok(crypto),
            Ok(_) => why = why.or(Some(Unusable::SuiteNotAllowed)),
            Err(reason) => why = why.or(Some(reason)),
        }
    }
    Err(why.unwrap_or(Unusable::Absent))
}

/// What was agreed on, after the answer to what we offered: how we send, and how they do.
///
/// # Errors
/// When the answer cannot be used, or has another tag or suite than what was offered.
pub fn agreed<'a>(offered: &'a [Crypto], answer: &str) -> Result<(&'a Crypto, Crypto), Unusable> {
    let theirs: Crypto = answer.parse()?;
    let same = |ours: &&Crypto| ours.tag() == theirs.tag() && ours.suite() == theirs.suite();
    let ours = offered.iter().find(same).ok_or(Unusable::NotOffered)?;
    Ok((ours, theirs))
}
