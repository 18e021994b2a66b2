//! A store for a fleet: etcd, by its own gRPC API. Two keys under the prefix: `policy/active`, the document as it is, so
//! that `etcdctl get` shows it; and `policy/history/<revision>`, one record each. A commit is one transaction with a
//! comparison of `mod_revision`, so of two who read the same document one wins, wherever in the fleet they are.

mod client;

use super::{HISTORY, Health, Present, Record, StoreError, revision_of};
use client::Client;
use ringway_proto::etcd::{
    Compare, DeleteRangeRequest, KeyValue, PutRequest, RangeRequest, RequestOp, TxnRequest,
    compare::{CompareResult, CompareTarget, TargetUnion},
    request_op::Request,
    response_op::Response,
};
use std::{path::PathBuf, time::Duration};

pub(super) use client::Watching;

/// How etcd is reached.
#[derive(Clone, Debug)]
pub struct EtcdSettings {
    /// `http://` or `https://`, one for each member.
    pub endpoints: Vec<String>,
    /// What the keys begin with; ends in `/`.
    pub prefix: String,
    /// Who signs the members' certificates, PEM; without it, the system's authorities are not asked either.
    pub authority: Option<PathBuf>,
    /// This node's certificate and key for etcd, PEM.
    pub papers: Option<(PathBuf, PathBuf)>,
    /// Name, and the file that the password stands in.
    pub login: Option<(String, PathBuf)>,
    /// A member that takes longer for one answer is away.
    pub timeout: Duration,
}

/// See the module.
pub struct Etcd {
    client: Client,
    prefix: String,
    place: String,
    health: Health,
}

impl Etcd {
    /// The store at these members. Connects when it is asked first.
    ///
    /// # Errors
    /// A sentence about the settings: an address that is none, a file that cannot be read.
    pub fn new(settings: &EtcdSettings) -> Result<Self, String> {
        let client = Client::new(settings)?;
        let place = format!("{} {}", settings.endpoints.join(","), settings.prefix);
        Ok(Self { client, prefix: settings.prefix.clone(), place, health: Health::default() })
    }

    pub(super) fn place(&self) -> String {
        self.place.clone()
    }

    /// Whether it answers, and its document is obeyed.
    pub(super) fn health(&self) -> &Health {
        &self.health
    }

    pub(super) async fn present(&self) -> Result<Present, StoreError> {
        Ok(self.read().await?.0)
    }

    /// What it holds, and the revision of the whole store at that moment, to watch on from.
    pub(super) async fn read(&self) -> Result<(Present, i64), StoreError> {
        let question = RangeRequest { key: self.active(), ..RangeRequest::default() };
        let answer = self.client.range(question).await?;
        let revision = answer.header.map_or(0, |header| header.revision);
        Ok((answer.kvs.into_iter().next().map_or_else(Present::default, present_of), revision))
    }

    /// Every change of the document from that revision of the store on.
    pub(super) async fn watch(&self, from_revision: i64) -> Result<Watching, StoreError> {
        self.client.watch(self.active(), from_revision).await
    }

    pub(super) async fn commit(&self, record: Record, version: i64) -> Result<(), StoreError> {
        let put = |key: Vec<u8>, value: String| {
            let put = PutRequest { key, value: value.into_bytes(), lease: 0 };
            RequestOp { request: Some(Request::RequestPut(put)) }
        };
        let read = RangeRequest { key: self.active(), ..RangeRequest::default() };
        let question = TxnRequest {
            compare: vec![Compare {
                result: CompareResult::Equal.into(),
                target: CompareTarget::Mod.into(),
                key: self.active(),
                target_union: Some(TargetUnion::ModRevision(version)),
            }],
            success: vec![
                put(self.active(), record.document.clone()),
                put(self.entry(record.revision), record.to_toml()),
            ],
            failure: vec![RequestOp { request: Some(Request::RequestRange(read)) }],
        };
        let answer = self.client.txn(question).await.map_err(|error| match error {
            StoreError::Away(why) => {
                StoreError::Away(format!("{why}; whether it took the document is not known"))
            }
            error => error,
        })?;
        if !answer.succeeded {
            let present = answer.responses.into_iter().find_map(|response| match response.response? {
                Response::ResponseRange(range) => range.kvs.into_iter().next().map(present_of),
                Response::ResponsePut(_) | Response::ResponseDeleteRange(_) => None,
            });
            let document = present.unwrap_or_default().document.unwrap_or_default();
            // A member took it, the answer was lost, and the next member was asked: the other that was first is us.
            if document != record.document {
                return Err(StoreError::Raced { active: revision_of(&document) });
            }
        }
        // The policy is in force; old records are only in the way.
        if let Err(error) = self.trim().await {
            tracing::warn!(%error, "old policy records stay in etcd");
        }
        Ok(())
    }

    pub(super) async fn history(&self) -> Result<Vec<Record>, StoreError> {
        let entries = self.entries(false).await?;
        let mut records: Vec<Record> = entries
            .iter()
            .filter_map(|entry| {
                let text = String::from_utf8_lossy(&entry.value);
                let key = String::from_utf8_lossy(&entry.key);
                Record::from_toml(&text)
                    .inspect_err(|why| tracing::warn!(%key, %why, "policy record unreadable"))
                    .ok()
            })
            .collect();
        records.sort_by_key(|record| std::cmp::Reverse(record.revision));
        records.truncate(HISTORY);
        Ok(records)
    }

    async fn trim(&self) -> Result<(), StoreError> {
        let start = self.history_start().len();
        let revision = |entry: &KeyValue| std::str::from_utf8(entry.key.get(start..)?).ok()?.parse().ok();
        let mut revisions: Vec<u64> = self.entries(true).await?.iter().filter_map(revision).collect();
        revisions.sort_unstable_by(|a, b| b.cmp(a));
        let delete = |revision| {
            let delete = DeleteRangeRequest { key: self.entry(revision), range_end: Vec::new() };
            RequestOp { request: Some(Request::RequestDeleteRange(delete)) }
        };
        let success: Vec<RequestOp> = revisions.into_iter().skip(HISTORY).map(delete).collect();
        if !success.is_empty() {
            self.client.txn(TxnRequest { success, ..TxnRequest::default() }).await?;
        }
        Ok(())
    }

    /// All keys of the history.
    async fn entries(&self, keys_only: bool) -> Result<Vec<KeyValue>, StoreError> {
        let key = self.history_start();
        // All keys that begin so: up to the same with its last byte one higher, which is "/" and never 0xff.
        let mut range_end = key.clone();
        if let Some(last) = range_end.last_mut() {
            *last += 1;
        }
        let question = RangeRequest { key, range_end, keys_only, ..RangeRequest::default() };
        Ok(self.client.range(question).await?.kvs)
    }

    fn active(&self) -> Vec<u8> {
        format!("{}policy/active", self.prefix).into_bytes()
    }

    fn history_start(&self) -> Vec<u8> {
        format!("{}policy/history/", self.prefix).into_bytes()
    }

    fn entry(&self, revision: u64) -> Vec<u8> {
        format!("{}policy/history/{revision}", self.prefix).into_bytes()
    }
}

/// A document that is no UTF-8 is no policy either, and is refused when it is read.
pub(super) fn present_of(entry: KeyValue) -> Present {
    let document = String::from_utf8(entry.value);
    let document = document.unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
    Present { document: Some(document), version: entry.mod_revision }
}
