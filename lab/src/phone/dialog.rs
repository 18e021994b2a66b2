//! A dialog as its caller sees it: RFC 3261 §12.1.2, and the requests inside it, §12.2.1.1.

use std::net::SocketAddrV4;

use rsip::{Method, Request, Response};

use super::message::{Identity, RequestParts, contact_uri, is_loose, record_routes, tag, uri_of};

/// What both sides agreed on with the 2xx.
#[derive(Clone, Debug)]
pub(super) struct Dialog {
    call_id: String,
    from: String,
    to: String,
    target: String,
    routes: Vec<String>,
}

impl Dialog {
    /// None when the answer lacks a Contact, without which there is no remote target.
    pub(super) fn new(response: &Response, identity: &Identity) -> Option<Self> {
        // RFC 3261 §12.1.2: the caller's route set is the Record-Route in reverse order.
        let mut routes = record_routes(&response.headers);
        routes.reverse();
        Some(Self {
            call_id: identity.call_id.clone(),
            from: identity.from.clone(),
            to: identity.to.clone(),
            target: contact_uri(&response.headers)?,
            routes,
        })
    }

    /// What the other end puts into the From of its requests.
    pub(super) fn remote_tag(&self) -> Option<&str> {
        tag(&self.to)
    }

    /// RFC 3261 §12.2.2: a re-INVITE may bring a new remote target.
    pub(super) fn retarget(&mut self, request: &Request) {
        if let Some(target) = contact_uri(&request.headers) {
            self.target = target;
        }
    }

    /// A request inside the dialog; None when the peer's URIs cannot be printed.
    pub(super) fn request(
        &self,
        method: Method,
        cseq: u32,
        sent_by: SocketAddrV4,
        branch: &str,
    ) -> Option<Vec<u8>> {
        let (uri, routes) = self.request_uri_and_routes();
        let (from, to, call_id) = (&*self.from, &*self.to, &*self.call_id);
        let body = None;
        RequestParts {
            method,
            uri: &uri,
            sent_by,
            branch,
            from,
            to,
            call_id,
            cseq,
            routes: &routes,
            contact: false,
            body,
        }
        .print()
    }

    fn request_uri_and_routes(&self) -> (String, Vec<String>) {
        match self.routes.split_first() {
            // RFC 3261 §12.2.1.1: a strict router first takes the Request-URI, and the target goes last.
            Some((first, rest)) if !is_loose(first) => {
                let target = format!("<{}>", self.target);
                (uri_of(first).to_owned(), rest.iter().cloned().chain([target]).collect())
            }
            _ => (self.target.clone(), self.routes.clone()),
        }
    }
}
