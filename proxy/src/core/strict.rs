//! Strict routers, which know only RFC 2543: what they do to a request is undone when it comes (RFC 3261 §16.4), and
//! done for them when it goes (§16.6 step 6).

use super::names::Names;
use bytes::Bytes;
use memchr::memchr_iter;
use ringway_sip::{Edit, Limits, Message, Name, NameAddr, Uri};

/// RFC 3261 §16.4: a strict router has put our Record-Route value where the Request-URI belongs, and the Request-URI
/// behind the last Route. `None`: it has not.
pub(super) fn undo(request: &Message, names: &Names) -> Option<Message> {
    // Hardly any Request-URI has the parameter.
    let text = request.uri().as_bytes();
    memchr_iter(b';', text).find(|&at| text[at..].starts_with(b";lr"))?;
    let uri = Uri::parse(request.uri()).ok()?;
    if uri.user.is_some() || uri.params.find("lr").is_none() || !names.is_home(&uri) {
        return None;
    }
    let routes: Vec<&str> = request.values(Name::Route).collect();
    let (target, rest) = routes.split_last()?;
    let mut edit = request.edit();
    edit.uri(NameAddr::parse(target).ok()?.uri.as_str());
    replace_routes(&mut edit, rest);
    parse(edit.finish())
}

/// RFC 3261 §16.6 step 6: when the next Route behind the first `pops` is a strict router, its URI becomes the
/// Request-URI, and the Request-URI the last Route.
pub(super) fn follow(request: &Message, pops: usize, edit: &mut Edit<'_>) -> bool {
    let mut routes = request.values(Name::Route).skip(pops);
    let Some(Ok(next)) = routes.next().map(NameAddr::parse) else { return false };
    if next.uri.params.find("lr").is_some() {
        return false;
    }
    let target = format!("<{}>", request.uri());
    let rest: Vec<&str> = routes.chain([target.as_str()]).collect();
    edit.uri(next.uri.as_str());
    replace_routes(edit, &rest);
    true
}

fn replace_routes(edit: &mut Edit<'_>, routes: &[&str]) {
    edit.remove(Name::Route);
    for route in routes.iter().rev() {
        edit.push_first(Name::Route, route);
    }
}

/// The limits were met when it came.
fn parse(bytes: Bytes) -> Option<Message> {
    Message::parse(bytes, &Limits::NONE).ok()
}
