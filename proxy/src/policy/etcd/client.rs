//! One question to etcd, whichever of its members answers it.

use super::{EtcdSettings, Present, StoreError, present_of};
use ringway_proto::etcd::{
    AuthenticateRequest, RangeRequest, RangeResponse, TxnRequest, TxnResponse, WatchCreateRequest,
    WatchRequest, WatchResponse, auth_client::AuthClient, event::EventType, kv_client::KvClient,
    watch_client::WatchClient, watch_request::RequestUnion,
};
use std::{
    error::Error as _,
    fs,
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{sync::mpsc, time::timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{
    Code, Request, Response, Status, Streaming,
    metadata::{Ascii, MetadataValue},
    transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity},
};

/// Between two signs of life on a quiet connection. etcd closes connections that are asked more often than every 5 s.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// The history in one answer: a hundred documents, each as large as etcd takes one.
const ANSWER_BYTES_MAX: usize = 160 << 20;

pub(super) struct Client {
    members: Vec<(String, Channel)>,
    /// The member that answered last.
    chosen: AtomicUsize,
    timeout: Duration,
    login: Option<(String, String)>,
    /// What the login was answered with.
    token: Mutex<Option<MetadataValue<Ascii>>>,
}

/// The changes of one key. Held as long as they are wanted.
pub(in crate::policy) struct Watching {
    _asks: mpsc::Sender<WatchRequest>,
    answers: Streaming<WatchResponse>,
}

impl Client {
    pub(super) fn new(settings: &EtcdSettings) -> Result<Self, String> {
        let tls = tls(settings)?;
        let member = |address: &String| {
            let wrong = |error: tonic::transport::Error| format!("{address}: {}", cause(&error));
            let mut endpoint = Endpoint::from_shared(address.clone())
                .map_err(wrong)?
                .connect_timeout(settings.timeout)
                .http2_keep_alive_interval(KEEP_ALIVE)
                .keep_alive_timeout(settings.timeout)
                .keep_alive_while_idle(true);
            if address.starts_with("https://") {
                endpoint = endpoint.tls_config(tls.clone()).map_err(wrong)?;
            }
            Ok((address.clone(), endpoint.connect_lazy()))
        };
        let members = settings.endpoints.iter().map(member).collect::<Result<_, String>>()?;
        let password =
            |(name, file): &(String, PathBuf)| Ok::<_, String>((name.clone(), read(file)?.trim().to_owned()));
        let login = settings.login.as_ref().map(password).transpose()?;
        Ok(Self {
            members,
            chosen: AtomicUsize::new(0),
            timeout: settings.timeout,
            login,
            token: Mutex::default(),
        })
    }

    pub(super) async fn range(&self, question: RangeRequest) -> Result<RangeResponse, StoreError> {
        self.ask(question, |channel, request| async move { kv(channel).range(request).await }).await
    }

    pub(super) async fn txn(&self, question: TxnRequest) -> Result<TxnResponse, StoreError> {
        self.ask(question, |channel, request| async move { kv(channel).txn(request).await }).await
    }

    pub(super) async fn watch(&self, key: Vec<u8>, from_revision: i64) -> Result<Watching, StoreError> {
        let create = WatchCreateRequest {
            key,
            start_revision: from_revision,
            progress_notify: true,
            ..WatchCreateRequest::default()
        };
        self.ask(create, |channel, request: Request<WatchCreateRequest>| async move {
            let (metadata, extensions, create) = request.into_parts();
            let (asks, wanted) = mpsc::channel(1);
            let first = WatchRequest { request_union: Some(RequestUnion::CreateRequest(create)) };
            // The channel is empty, and its receiver is here.
            let _ = asks.try_send(first);
            let mut request = Request::from_parts(metadata, extensions, ReceiverStream::new(wanted));
            // A member that lost the others says so instead of being silent.
            request.metadata_mut().insert("hasleader", MetadataValue::from_static("true"));
            let answers = WatchClient::new(channel).watch(request).await?.into_inner();
            Ok(Response::new(Watching { _asks: asks, answers }))
        })
        .await
    }

    /// Asks the member that answered last, then each of the others once.
    async fn ask<Q: Clone, A, F: Future<Output = Result<Response<A>, Status>>>(
        &self,
        question: Q,
        call: impl Fn(Channel, Request<Q>) -> F,
    ) -> Result<A, StoreError> {
        let first = self.chosen.load(Ordering::Relaxed);
        let mut troubles = Vec::new();
        for turn in 0..self.members.len() {
            let place = (first + turn) % self.members.len();
            let Some((address, channel)) = self.members.get(place) else { continue };
            match self.ask_member(channel, &question, &call).await {
                Ok(answer) => {
                    self.chosen.store(place, Ordering::Relaxed);
                    return Ok(answer);
                }
                Err(status) if is_away(&status) => troubles.push(format!("{address}: {}", status.message())),
                Err(status) => return Err(StoreError::Refused(format!("{address}: {}", status.message()))),
            }
        }
        // Next time, begin with another one.
        self.chosen.store(first.wrapping_add(1) % self.members.len().max(1), Ordering::Relaxed);
        Err(StoreError::Away(troubles.join("; ")))
    }

    async fn ask_member<Q: Clone, A, F: Future<Output = Result<Response<A>, Status>>>(
        &self,
        channel: &Channel,
        question: &Q,
        call: &impl Fn(Channel, Request<Q>) -> F,
    ) -> Result<A, Status> {
        let mut fresh = false;
        loop {
            let mut request = Request::new(question.clone());
            if let Some(login) = &self.login {
                let known = self.token.lock().unwrap_or_else(PoisonError::into_inner).clone();
                let token = match known {
                    Some(token) => token,
                    None => {
                        fresh = true;
                        self.log_in(channel, login).await?
                    }
                };
                request.metadata_mut().insert("token", token);
            }
            match in_time(self.timeout, call(channel.clone(), request)).await {
                Err(status) if is_token_stale(&status) && self.login.is_some() && !fresh => {
                    *self.token.lock().unwrap_or_else(PoisonError::into_inner) = None;
                }
                answer => return answer,
            }
        }
    }

    async fn log_in(
        &self,
        channel: &Channel,
        (name, password): &(String, String),
    ) -> Result<MetadataValue<Ascii>, Status> {
        let question = AuthenticateRequest { name: name.clone(), password: password.clone() };
        let mut client = AuthClient::new(channel.clone());
        let answer = in_time(self.timeout, client.authenticate(question)).await?;
        let token = answer.token.parse::<MetadataValue<Ascii>>();
        let token = token.map_err(|_| Status::internal("etcd's token is no header value"))?;
        *self.token.lock().unwrap_or_else(PoisonError::into_inner) = Some(token.clone());
        Ok(token)
    }
}

impl Watching {
    /// The next documents, in order; one that was deleted is `None` with the version of its end. Empty: a sign of life.
    pub(in crate::policy) async fn next(&mut self) -> Result<Vec<Present>, StoreError> {
        let answer = self.answers.message().await;
        let answer = answer.map_err(|status| StoreError::Away(status.message().to_owned()))?;
        let answer = answer.ok_or_else(|| StoreError::Away("the watch ended".to_owned()))?;
        if answer.canceled || answer.compact_revision != 0 {
            let why = answer.cancel_reason;
            return Err(StoreError::Away(if why.is_empty() {
                "the watch was compacted away".into()
            } else {
                why
            }));
        }
        let present = |event: ringway_proto::etcd::Event| {
            let is_gone = event.r#type() == EventType::Delete;
            let mut present = present_of(event.kv?);
            if is_gone {
                present.document = None;
            }
            Some(present)
        };
        Ok(answer.events.into_iter().filter_map(present).collect())
    }
}

fn kv(channel: Channel) -> KvClient<Channel> {
    KvClient::new(channel).max_decoding_message_size(ANSWER_BYTES_MAX)
}

/// Whether logging in again may help: tokens end, also when the member is restarted, or when users were changed.
fn is_token_stale(status: &Status) -> bool {
    status.code() == Code::Unauthenticated || status.message().contains("revision of auth store is old")
}

async fn in_time<A>(
    limit: Duration,
    call: impl Future<Output = Result<Response<A>, Status>>,
) -> Result<A, Status> {
    match timeout(limit, call).await {
        Ok(Ok(answer)) => Ok(answer.into_inner()),
        Ok(Err(status)) => {
            // "tcp connect error" alone does not say that the connection was refused.
            let why = status.source().map_or_else(|| status.message().to_owned(), cause);
            Err(Status::new(status.code(), why))
        }
        Err(_) => Err(Status::deadline_exceeded(format!("no answer for {} ms", limit.as_millis()))),
    }
}

/// Whether another member might answer.
fn is_away(status: &Status) -> bool {
    matches!(
        status.code(),
        Code::Unavailable | Code::DeadlineExceeded | Code::Unknown | Code::Internal | Code::Cancelled
    )
}

fn tls(settings: &EtcdSettings) -> Result<ClientTlsConfig, String> {
    let mut tls = ClientTlsConfig::new();
    if let Some(file) = &settings.authority {
        tls = tls.ca_certificate(Certificate::from_pem(read(file)?));
    }
    if let Some((certificate, key)) = &settings.papers {
        tls = tls.identity(Identity::from_pem(read(certificate)?, read(key)?));
    }
    Ok(tls)
}

fn read(file: &Path) -> Result<String, String> {
    fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))
}

/// The innermost reason.
fn cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut error = error;
    while let Some(inner) = error.source() {
        error = inner;
    }
    error.to_string()
}
