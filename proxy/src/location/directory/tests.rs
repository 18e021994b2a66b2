//! What the worker and the control task share.

use super::{Announcements, Directory};
use crate::location::{Change, Contacts, Limits, Sealed, Wish};
use ringway_router::NodeId;
use std::{sync::Arc, time::Duration};
use tokio::time::timeout;

const NOW_US: u64 = 1_000_000_000;

fn directory() -> (Directory, Announcements) {
    let own = NodeId { region: "east".parse().unwrap(), node: "n1".parse().unwrap() };
    Directory::new(own, Limits::default())
}

fn change(contacts: Contacts, cseq: u32) -> Change {
    Change { aor: "sip:a@h".into(), call_id: "c".into(), cseq, path: Vec::new(), contacts }
}

fn contact(uri: &str) -> Contacts {
    let wish = Wish { contact: uri.into(), instance: None, reg_id: None, q: 1000, expires_s: 60 };
    Contacts::Set(vec![wish])
}

async fn is_due(announcements: &Announcements) -> bool {
    timeout(Duration::from_millis(1), announcements.due()).await.is_ok()
}

#[tokio::test]
async fn what_is_written_is_listed_found_and_announced() {
    let (directory, announcements) = directory();
    assert!(directory.is_empty() && directory.lookup("sip:a@h", 0).is_empty());
    let question = change(Contacts::Set(Vec::new()), 1);
    assert_eq!(directory.register(&question, NOW_US).unwrap(), []);
    assert!(directory.is_empty() && !is_due(&announcements).await, "a question changes nothing");

    directory.register(&change(contact("sip:a@1"), 2), NOW_US).unwrap();
    let listed = directory.register(&change(contact("sip:a@2"), 3), NOW_US + 1).unwrap();
    assert_eq!(listed.iter().map(|b| b.contact.as_str()).collect::<Vec<_>>(), ["sip:a@2", "sip:a@1"]);
    assert_eq!(directory.lookup("sip:a@h", NOW_US / 1000), listed);
    assert!(!directory.is_empty() && is_due(&announcements).await);
    let waiting = directory.unsealed(9);
    assert_eq!(waiting.len(), 2, "one notice, and nothing of what it was about is lost");
    for binding in &waiting {
        directory.seal(binding, Arc::new(Sealed { binding: Vec::new(), signature: Vec::new() }));
    }
    assert_eq!(directory.unsealed(9), []);

    directory.expire(NOW_US / 1000 + 60_000 + crate::location::TOMBSTONE_MS);
    assert!(directory.is_empty());
}

#[test]
fn the_list_of_a_registration_is_of_its_region() {
    let (directory, _announcements) = directory();
    let elsewhere = crate::location::binding_in("west", "sip:w@h");
    let aor = elsewhere.aor.clone();
    let sealed = Arc::new(Sealed { binding: Vec::new(), signature: Vec::new() });
    directory.merge(elsewhere, sealed, NOW_US / 1000);
    let change = Change { aor: aor.clone(), ..change(contact("sip:e@h"), 1) };
    let listed = directory.register(&change, NOW_US).unwrap();
    assert_eq!(listed.iter().map(|b| b.contact.as_str()).collect::<Vec<_>>(), ["sip:e@h"]);
    assert_eq!(directory.lookup(&aor, NOW_US / 1000).len(), 2);
}
